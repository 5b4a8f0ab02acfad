/* A history is read one page ahead of whoever goes through it: the server of this program sees when. */
#include "check.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

enum { PAGES = 3, ENTRIES = 2 };

static atomic_int asked;

static void answer(int peer)
{
    char request[4096], body[512], response[1024];
    size_t length = 0;
    const char *number;
    int page = 1;

    do {
        ssize_t count = read(peer, request + length, sizeof request - 1 - length);

        CHECK(count > 0);
        length += (size_t)count;
        request[length] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);
    number = strstr(request, "page=");
    if (number != NULL)
        page = atoi(number + 5);
    CHECK(page == atomic_fetch_add(&asked, 1) + 1);
    snprintf(body, sizeof body,
             "{\"status\":\"ok\",\"result\":{\"page\":%d,\"pages\":%d,\"history\":[{\"fallback\":\"%d-0\"},"
             "{\"fallback\":\"%d-1\"}]}}",
             page, PAGES, page, page);
    snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
             (int)strlen(body), body);
    CHECK(write(peer, response, strlen(response)) == (ssize_t)strlen(response));
}

static void *serve(void *listener)
{
    int page;

    for (page = 0; page < PAGES; page++) {
        int peer = accept(*(int *)listener, NULL, NULL);

        CHECK(peer >= 0);
        answer(peer);
        close(peer);
    }
    return NULL;
}

static void wait_for(int pages)
{
    const struct timespec moment = {0, 1000000};
    int i;

    for (i = 0; i < 20000 && atomic_load(&asked) < pages; i++)
        nanosleep(&moment, NULL);
    CHECK(atomic_load(&asked) == pages);
}

static void check_next(flowai_history_iter iter, int page, int entry)
{
    char wanted[16];
    flowai_document found = {0};
    flowai_str text;

    snprintf(wanted, sizeof wanted, "%d-%d", page, entry);
    CHECK_OK(flowai_history_iter_next(iter, NULL, &found));
    CHECK_TEXT(flowai_document_string(found, "fallback", NULL, &text), text, wanted);
    flowai_document_free(found);
}

int main(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), page;
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    char base_url[64];
    pthread_t server;
    flowai_config config = {0};
    flowai_client client = {0};
    flowai_history_iter iter = {0};
    flowai_document none = {1};

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 8) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    CHECK(pthread_create(&server, NULL, serve, &listener) == 0);
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d/rest/v1/", (int)ntohs(address.sin_port));
    CHECK_OK(flowai_config_new(NULL, &config));
    CHECK_OK(flowai_config_set_api_key(config, "MY_MESSAGING_API_KEY", NULL));
    CHECK_OK(flowai_config_set_base_url(config, base_url, NULL));
    CHECK_OK(flowai_client_new(config, NULL, &client));
    flowai_config_free(config);

    CHECK_OK(flowai_client_iter_history(client, "t", FLOWAI_NONE, false, NULL, &iter));
    flowai_client_free(client);
    CHECK(atomic_load(&asked) == 0);
    for (page = 1; page <= PAGES; page++) {
        check_next(iter, page, 0);
        /* The other entry of the page is not touched before the next page was asked for. */
        wait_for(page < PAGES ? page + 1 : PAGES);
        check_next(iter, page, 1);
    }
    CHECK_OK(flowai_history_iter_next(iter, NULL, &none));
    CHECK(none.id == 0);
    flowai_history_iter_free(iter);
    CHECK(pthread_join(server, NULL) == 0);
    close(listener);
    return 0;
}
