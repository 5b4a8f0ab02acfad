/* SIGPIPE with its default action ends a program. No call may raise it, and none may take the host's own away. */
#include "check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define SIZE (4 * 1024 * 1024)

static int listener;

static atomic_int answers_first;

/* Takes a little of each request, then resets the connection under the writer; perhaps after it has answered one. */
static void *reset_everybody(void *unused)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}";

    (void)unused;
    for (;;) {
        struct linger at_once = {1, 0};
        char start[512];
        int peer = accept(listener, NULL, NULL);

        if (peer < 0)
            return NULL;
        (void)!read(peer, start, sizeof start);
        if (answers_first) {
            (void)!write(peer, answer, sizeof answer - 1);
            (void)!read(peer, start, sizeof start);
        }
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(peer);
    }
}

static void listen_somewhere(char *url, size_t size)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, 64) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    snprintf(url, size, "http://127.0.0.1:%d/", ntohs(address.sin_port));
}

static void upload(flowai_client client, const char *data, flowai_send_options options)
{
    flowai_receipt receipt = {0};
    flowai_error error = {0};
    flowai_delivery delivery = FLOWAI_DELIVERY_NONE;

    CHECK_STATUS(flowai_client_upload_media_bytes(client, "t", data, SIZE, options, &error, &receipt),
                 FLOWAI_ERR_CONNECTION);
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == FLOWAI_DELIVERY_MAYBE_SENT || delivery == FLOWAI_DELIVERY_NOT_SENT);
    flowai_error_free(error);
}

/* A large request over a connection that was used before, and is reset while it is written. */
static void request_reset_halfway(flowai_client client, const char *json)
{
    flowai_send_options none = {0};
    flowai_receipt receipt = {0};
    flowai_response response = {0};
    flowai_error error = {0};
    flowai_delivery delivery = FLOWAI_DELIVERY_NONE;

    CHECK_OK(flowai_client_send_text(client, "t", "Hello", none, NULL, &receipt));
    flowai_receipt_free(receipt);
    errno = 4242;
    CHECK_STATUS(flowai_client_request(client, "POST", "anything", NULL, 0, json, &error, &response),
                 FLOWAI_ERR_CONNECTION);
    CHECK(errno == 4242);
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == FLOWAI_DELIVERY_MAYBE_SENT);
    flowai_error_free(error);
}

static int32_t give_up(void *user_data, uint64_t done, uint64_t total)
{
    *(uint64_t *)user_data = total;
    return done <= total;
}

int main(void)
{
    char url[64];
    char *data = malloc(SIZE), *json = malloc(SIZE + 1);
    flowai_send_options none = {0}, options = {0};
    flowai_client client;
    pthread_t thread;
    sigset_t pipe_alone, before, after, pending;
    uint64_t total = 0;
    int i;

    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    memset(data, 'x', SIZE);
    memset(json, 'x', SIZE);
    json[0] = json[SIZE - 1] = '"';
    json[SIZE] = '\0';
    listen_somewhere(url, sizeof url);
    CHECK(pthread_create(&thread, NULL, reset_everybody, NULL) == 0);
    client = client_of(url);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    for (i = 0; i < 40; i++)
        upload(client, data, none);
    for (i = 0; i < 40; i++) {
        flowai_receipt receipt = {0};

        CHECK_STATUS(flowai_client_send_text(client, "t", "Hello", none, NULL, &receipt), FLOWAI_ERR_CONNECTION);
    }
    answers_first = 1;
    for (i = 0; i < 40; i++)
        request_reset_halfway(client, json);
    answers_first = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (i = 1; i < 32; i++)
        CHECK(sigismember(&before, i) == sigismember(&after, i));

    /* A signal that the host has blocked, and that is pending, is the host's. */
    sigemptyset(&pipe_alone);
    sigaddset(&pipe_alone, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_alone, NULL);
    upload(client, data, none);
    sigpending(&pending);
    CHECK(!sigismember(&pending, SIGPIPE));
    pthread_kill(pthread_self(), SIGPIPE);
    upload(client, data, none);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE));

    /* The progress function sees the whole size and can give the upload up; here nobody answers. */
    close(listener);
    listen_somewhere(url, sizeof url);
    flowai_client_free(client);
    client = client_of(url);
    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_progress(options, give_up, &total, NULL));
    {
        flowai_receipt receipt = {0};

        CHECK_STATUS(flowai_client_upload_media_bytes(client, "t", data, SIZE, options, NULL, &receipt),
                     FLOWAI_ERR_CANCELLED);
    }
    CHECK(total == SIZE);
    flowai_send_options_free(options);
    flowai_client_free(client);
    free(data);
    free(json);
    return 0;
}
