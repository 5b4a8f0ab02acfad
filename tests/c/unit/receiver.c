/* The receiver: events come out, waits end, bad calls stay out. */
#include "http.h"
#include <pthread.h>

static const char SECRET[] = "0123456789abcdef0123456789abcdef";

/* Posts a body to a receiver on this machine and gives the HTTP status. */
static int post(uint16_t port, const char *header, const char *body)
{
    return request(port, "POST", "/hook", header, body);
}

static flowai_receiver receiver_of(flowai_verifier verifier)
{
    flowai_receiver_config config = {0};
    flowai_receiver receiver = {0};
    flowai_error error = {0};
    flowai_str text = {0};

    CHECK_OK(flowai_receiver_config_new(NULL, &config));
    CHECK_STATUS(flowai_receiver_start(config, &error, &receiver), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "verifier");
    flowai_error_free(error);
    CHECK_OK(flowai_receiver_config_set_verifier(config, verifier, NULL));
    CHECK_OK(flowai_receiver_config_set_listen(config, "127.0.0.1:0", NULL));
    CHECK_OK(flowai_receiver_config_set_path(config, "/hook", NULL));
    CHECK_OK(flowai_receiver_config_set_queue(config, 8, NULL));
    CHECK_OK(flowai_receiver_start(config, NULL, &receiver));
    flowai_receiver_config_free(config);
    return receiver;
}

static void *wait_for_ever(void *id)
{
    flowai_receiver receiver = {*(uint64_t *)id};
    flowai_event event = {0};

    return (void *)(size_t)flowai_receiver_next(receiver, FLOWAI_FOREVER, NULL, &event);
}

int main(void)
{
    flowai_verifier by_header = {0}, by_body = {0}, any = {0};
    flowai_pair headers[1];
    flowai_receiver receiver;
    flowai_event event = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    uint16_t port = 0;
    char url[64];
    pthread_t thread;
    void *ended = NULL;

    CHECK_OK(flowai_verifier_header("x-secret", SECRET, NULL, &by_header));
    CHECK_OK(flowai_verifier_body_key(SECRET, NULL, &by_body));
    CHECK_OK(flowai_verifier_any(by_header, by_body, NULL, &any));
    receiver = receiver_of(any);

    headers[0].name = "X-Secret";
    headers[0].value = SECRET;
    CHECK_OK(flowai_verifier_verify(by_header, "{}", 2, headers, 1, NULL));
    CHECK_OK(flowai_verifier_unwrap(any, "{\"type\":\"message\"}", 18, headers, 1, NULL, &event));
    flowai_event_free(event);
    headers[0].value = "wrong";
    CHECK_STATUS(flowai_verifier_unwrap(any, "{}", 2, headers, 1, &error, &event), FLOWAI_ERR_WEBHOOK_VERIFICATION);
    CHECK_OK(flowai_error_message(error, &text));
    CHECK(strstr(text.ptr, SECRET) == NULL && strstr(text.ptr, "wrong\"") == NULL);
    flowai_error_free(error);
    CHECK_STATUS(flowai_verifier_verify(any, "{}", 2, NULL, 0, NULL), FLOWAI_ERR_WEBHOOK_VERIFICATION);
    CHECK_STATUS(flowai_verifier_verify(any, "{}", 2, NULL, 1, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    flowai_verifier_free(by_header);
    flowai_verifier_free(by_body);
    flowai_verifier_free(any);

    CHECK_OK(flowai_receiver_port(receiver, &port));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", port);
    CHECK_TEXT(flowai_receiver_url(receiver, &text), text, url);

    event.id = 5;
    CHECK_OK(flowai_receiver_next(receiver, 20, NULL, &event));
    CHECK(event.id == 0);
    CHECK(post(port, "", "{\"type\":\"message\"}") == 401);
    CHECK(post(port, "X-Secret: 0123456789abcdef0123456789abcdef\r\n", "{\"type\":\"control.pause\",\"threadId\":\"a\"}")
          / 100 == 2);
    CHECK(post(port, "", "{\"type\":\"message.reply\",\"threadId\":\"b|c\",\"verifyKey\":"
                         "\"0123456789abcdef0123456789abcdef\"}") / 100 == 2);
    CHECK_STATUS(flowai_receiver_wait(receiver, 1234, NULL, 10, NULL, &event), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_receiver_wait(receiver, FLOWAI_EVENT_REPLY, "a", 20, NULL, &event));
    CHECK(event.id == 0);
    CHECK_OK(flowai_receiver_wait(receiver, FLOWAI_EVENT_REPLY, "b", 10000, NULL, &event));
    CHECK_TEXT(flowai_event_thread_channel(event, &text), text, "c");
    flowai_event_free(event);
    CHECK_OK(flowai_receiver_wait(receiver, FLOWAI_EVENT_ANY, NULL, 10000, NULL, &event));
    CHECK_TEXT(flowai_event_type(event, &text), text, "control.pause");
    flowai_event_free(event);

    /* Freeing ends the wait of another thread. */
    CHECK(pthread_create(&thread, NULL, wait_for_ever, &receiver.id) == 0);
    usleep(100000);
    flowai_receiver_free(receiver);
    CHECK(pthread_join(thread, &ended) == 0);
    CHECK((size_t)ended == FLOWAI_ERR_CLOSED);
    CHECK_STATUS(flowai_receiver_next(receiver, 10, NULL, &event), FLOWAI_ERR_BAD_HANDLE);

    /* So does stopping; what was queued can still be taken. */
    CHECK_OK(flowai_verifier_body_key(SECRET, NULL, &by_body));
    receiver = receiver_of(by_body);
    flowai_verifier_free(by_body);
    CHECK_OK(flowai_receiver_port(receiver, &port));
    CHECK(post(port, "", "{\"type\":\"message\",\"verifyToken\":\"0123456789abcdef0123456789abcdef\"}") / 100 == 2);
    CHECK_OK(flowai_receiver_stop(receiver, NULL));
    CHECK_OK(flowai_receiver_stop(receiver, NULL));
    CHECK_OK(flowai_receiver_next(receiver, 10, NULL, &event));
    flowai_event_free(event);
    CHECK_STATUS(flowai_receiver_next(receiver, FLOWAI_FOREVER, NULL, &event), FLOWAI_ERR_CLOSED);
    flowai_receiver_free(receiver);
    flowai_shutdown();
    return 0;
}
