// What libmosquitto alone does, for comparison:
//   mqtt_bare publish PORT QOS COUNT     publishes COUNT readings of 128 bytes on bench/value
//   mqtt_bare subscribe PORT QOS COUNT   prints readings per second, from the first to the last
//   mqtt_bare echo PORT                  answers bench/ping on bench/pong until killed
//   mqtt_bare idle PORT                  follows ten topics until killed
//   mqtt_bare day PORT COUNT             tells COUNT times, in turn, of ten plugs whether they are on
//   mqtt_bare ping PORT COUNT            prints the median and the 99th percentile of the way there and back, in us
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long wanted, seen, acknowledged;
static int quality;
static double first, last, sent;
static double *times;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void counted(struct mosquitto *client, void *context, const struct mosquitto_message *message) {
    if (seen++ == 0) first = now();
    if (seen >= wanted) last = now();
}

static void echoed(struct mosquitto *client, void *context, const struct mosquitto_message *message) {
    mosquitto_publish(client, NULL, "bench/pong", message->payloadlen, message->payload, 1, false);
}

static void ponged(struct mosquitto *client, void *context, const struct mosquitto_message *message) {
    times[seen++] = (now() - sent) * 1e6;
}

static void published(struct mosquitto *client, void *context, int identifier) { acknowledged++; }

static void subscribed(struct mosquitto *client, void *context, int identifier, int count, const int *granted) {
    printf("ready\n");
    fflush(stdout);
}

static int ascending(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

static void wait_for(long *value, long goal) {
    while (*(volatile long *)value < goal) usleep(50);
}

int main(int count, char **arguments) {
    if (count < 3) return 2;
    const char *mode = arguments[1];
    if (count > 3) quality = atoi(arguments[3]);
    if (count > 4) wanted = atol(arguments[4]);
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_subscribe_callback_set(client, subscribed);
    if (strcmp(mode, "subscribe") == 0) mosquitto_message_callback_set(client, counted);
    if (strcmp(mode, "echo") == 0) mosquitto_message_callback_set(client, echoed);
    if (strcmp(mode, "ping") == 0) mosquitto_message_callback_set(client, ponged);
    mosquitto_publish_callback_set(client, published);
    if (mosquitto_connect(client, "127.0.0.1", atoi(arguments[2]), 60)) return 9;
    mosquitto_loop_start(client);
    if (strcmp(mode, "publish") == 0) {
        char payload[129];
        for (long number = 0; number < wanted; number++) {
            memset(payload, ' ', 128);
            int length = snprintf(payload, sizeof payload, "{\"value\":%ld}", number);
            payload[length] = ' ';
            mosquitto_publish(client, NULL, "bench/value", 128, payload, quality, false);
            // A sender that is acknowledged keeps a window; one that is not keeps the socket's pace.
            if (quality && number % 1000 == 999) wait_for(&acknowledged, number - 500);
            if (!quality && number % 1000 == 999) while (mosquitto_want_write(client)) usleep(50);
        }
        wait_for(&acknowledged, wanted);
    } else if (strcmp(mode, "subscribe") == 0) {
        mosquitto_subscribe(client, NULL, "bench/value", quality);
        for (int idle = 0; last == 0 && idle < 200;) {
            long before = seen;
            usleep(10000);
            idle = seen && seen == before ? idle + 1 : 0;
        }
        if (last == 0) last = now() - 2;
        printf("%.0f %ld\n", seen / (last - first), wanted - seen);
    } else if (strcmp(mode, "echo") == 0) {
        mosquitto_subscribe(client, NULL, "bench/ping", 1);
        pause();
    } else if (strcmp(mode, "idle") == 0) {
        mosquitto_subscribe(client, NULL, "stat/+/POWER", 1);
        pause();
    } else if (strcmp(mode, "day") == 0) {
        for (long number = 0; number < quality; number++) {
            char topic[32];
            snprintf(topic, sizeof topic, "stat/plug-%ld/POWER", number % 10 + 1);
            bool on = number / 10 % 2;
            mosquitto_publish(client, NULL, topic, on ? 2 : 3, on ? "ON" : "OFF", 1, false);
            if (number % 100 == 99) wait_for(&acknowledged, number - 50);
        }
        wait_for(&acknowledged, quality);
    } else {
        wanted = quality;
        times = calloc(wanted + 1, sizeof *times);
        mosquitto_subscribe(client, NULL, "bench/pong", 1);
        sleep(1);
        for (long number = 0; number < wanted; number++) {
            sent = now();
            char text[32];
            int length = snprintf(text, sizeof text, "%ld", number);
            mosquitto_publish(client, NULL, "bench/ping", length, text, 1, false);
            wait_for(&seen, number + 1);
        }
        qsort(times, wanted, sizeof *times, ascending);
        printf("%.0f %.0f\n", times[wanted / 2], times[wanted * 99 / 100]);
    }
    mosquitto_disconnect(client);
    mosquitto_loop_stop(client, false);
    return 0;
}
