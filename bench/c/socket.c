/* The limit: a blocking socket, two system calls a message, no library: socket PORT WARM_UP COUNT */
#include "common.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_in address = {0};
    long warm_up, count, n;
    int connection, yes = 1;
    double began = 0;
    char body[512], request[1024], answer[4096];

    if (argc < 4)
        return bench_failed("usage: socket PORT WARM_UP COUNT");
    warm_up = atol(argv[2]);
    count = atol(argv[3]);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0)
        return bench_failed("cannot connect");
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    for (n = 0; n < warm_up + count; n++) {
        int length, whole;
        ssize_t got;
        if (n == warm_up)
            began = bench_now();
        length = bench_message(body, sizeof body, n);
        whole = snprintf(request, sizeof request,
                         "POST /rest/v1/messages/thread-1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " BENCH_KEY
                         "\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                         length, body);
        if (send(connection, request, (size_t)whole, MSG_NOSIGNAL) != whole)
            return bench_failed("cannot send");
        got = recv(connection, answer, sizeof answer - 1, 0);
        if (got <= 0)
            return bench_failed("no answer");
        answer[got] = '\0';
        if (strstr(answer, "\"status\":\"ok\"") == NULL)
            return bench_failed("not acknowledged");
    }
    close(connection);
    return bench_end(bench_now() - began);
}
