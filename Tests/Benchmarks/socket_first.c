// socket_first SOCKET REQUEST PROGRAM...: starts PROGRAM, asks at its socket until it answers, prints the
// milliseconds from the start to the answer, and the program's process id; the program goes on.
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

int main(int count, char **arguments) {
    if (count < 4) return 2;
    double start = now();
    pid_t program = fork();
    if (program == 0) {
        // Whoever reads our output must not wait for the program's end.
        dup2(2, 1);
        execv(arguments[3], arguments + 3);
        _exit(127);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, arguments[1], sizeof address.sun_path - 1);
    while (now() - start < 30000) {
        char answer[64];
        int peer = socket(AF_UNIX, SOCK_STREAM, 0);
        ssize_t length = 0;
        if (connect(peer, (struct sockaddr *)&address, sizeof address) == 0) {
            send(peer, arguments[2], strlen(arguments[2]), MSG_NOSIGNAL);
            shutdown(peer, SHUT_WR);
            length = recv(peer, answer, sizeof answer, 0);
        }
        close(peer);
        if (length > 0) {
            printf("%.0f %d\n", now() - start, program);
            return 0;
        }
        usleep(500);
    }
    return 9;
}
