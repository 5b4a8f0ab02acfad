/* Calls to a server on this machine. */
#ifndef HTTP_H
#define HTTP_H

#include "check.h"
#include <arpa/inet.h>
#include <sys/socket.h>

/* Makes a request and gives the HTTP status. */
static inline int request(uint16_t port, const char *method, const char *path, const char *header, const char *body)
{
    struct sockaddr_in address;
    char request[1024], answer[64] = "";
    int peer = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    CHECK(connect(peer, (struct sockaddr *)&address, sizeof address) == 0);
    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", method, path,
             header, (int)strlen(body), body);
    CHECK(write(peer, request, strlen(request)) == (ssize_t)strlen(request));
    CHECK(read(peer, answer, sizeof answer - 1) > 12);
    close(peer);
    return atoi(answer + 9);
}

#endif
