// What durable rows cost at least: SQLite transactions of so many rows, each synced.
//   sqlite_group FILE COUNT GROUP   inserts COUNT rows of about 300 bytes; prints rows per second
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
    if (count < 4) return 2;
    long rows = atol(arguments[2]), group = atol(arguments[3]);
    sqlite3 *database;
    check(sqlite3_open(arguments[1], &database), database);
    check(sqlite3_exec(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                 "CREATE TABLE entry(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, size INTEGER NOT NULL,"
                                 " origin INTEGER, subject TEXT NOT NULL, body TEXT NOT NULL) STRICT",
                       0, 0, 0), database);
    sqlite3_stmt *begin, *insert, *commit;
    check(sqlite3_prepare_v2(database, "BEGIN IMMEDIATE", -1, &begin, 0), database);
    check(sqlite3_prepare_v2(database, "INSERT INTO entry(at, subject, body, size) VALUES (?, ?, ?, ?)", -1,
                             &insert, 0), database);
    check(sqlite3_prepare_v2(database, "COMMIT", -1, &commit, 0), database);
    char body[256];
    memset(body, 'x', sizeof body);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long row = 0; row < rows; row++) {
        if (row % group == 0) { check(sqlite3_step(begin), database); sqlite3_reset(begin); }
        sqlite3_bind_int64(insert, 1, row);
        sqlite3_bind_text(insert, 2, "bench/value", -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 3, body, sizeof body, SQLITE_STATIC);
        sqlite3_bind_int64(insert, 4, sizeof body);
        check(sqlite3_step(insert), database);
        sqlite3_reset(insert);
        if (row % group == group - 1 || row == rows - 1) {
            check(sqlite3_step(commit), database);
            sqlite3_reset(commit);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) / 1e9;
    printf("%.0f\n", rows / seconds);
    sqlite3_close(database);
}
