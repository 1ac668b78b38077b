// What a durable payment costs at least: one SQLite transaction, synced, and one Ed25519 signature.
//   sqlite_signature FILE COUNT [verify]   prints transactions and signatures per second; with `verify` it also
//                                          verifies each signature before it is stored, as every wallet should
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void check(int result, sqlite3 *database) {
    if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW) return;
    fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(database));
    exit(8);
}

int main(int count, char **arguments) {
    if (count < 3 || sodium_init() < 0) return 2;
    int verifies = count > 3 && strcmp(arguments[3], "verify") == 0;
    long payments = atol(arguments[2]);
    sqlite3 *database;
    check(sqlite3_open(arguments[1], &database), database);
    check(sqlite3_exec(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                 "CREATE TABLE payment(id INTEGER PRIMARY KEY, job TEXT, payload BLOB,"
                                 " signature BLOB) STRICT", 0, 0, 0), database);
    sqlite3_stmt *begin, *insert, *commit;
    check(sqlite3_prepare_v2(database, "BEGIN IMMEDIATE", -1, &begin, 0), database);
    check(sqlite3_prepare_v2(database, "INSERT INTO payment(job, payload, signature) VALUES (?, ?, ?)", -1,
                             &insert, 0), database);
    check(sqlite3_prepare_v2(database, "COMMIT", -1, &commit, 0), database);
    unsigned char public_key[32], secret_key[64], signature[64], payload[200] = {0};
    crypto_sign_keypair(public_key, secret_key);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long payment = 0; payment < payments; payment++) {
        char job[32];
        snprintf(job, sizeof job, "job-%ld", payment);
        memcpy(payload, &payment, sizeof payment);
        crypto_sign_detached(signature, NULL, payload, sizeof payload, secret_key);
        if (verifies && crypto_sign_verify_detached(signature, payload, sizeof payload, public_key)) return 8;
        check(sqlite3_step(begin), database);
        sqlite3_bind_text(insert, 1, job, -1, SQLITE_TRANSIENT);
        sqlite3_bind_blob(insert, 2, payload, sizeof payload, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 3, signature, sizeof signature, SQLITE_STATIC);
        check(sqlite3_step(insert), database);
        check(sqlite3_step(commit), database);
        sqlite3_reset(begin);
        sqlite3_reset(insert);
        sqlite3_reset(commit);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) / 1e9;
    printf("%.0f\n", payments / seconds);
    sqlite3_close(database);
}
