/* Calls that are not waited for: results, bounds, descriptors, and every way in which a queue ends. */
#include "files.h"
#include "http.h"
#include "queue.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

static const char *url;
static flowai_client client;
static flowai_client silent;

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static bool readable(flowai_queue queue, int timeout)
{
    struct pollfd wait = {-1, POLLIN, 0};

    CHECK_OK(flowai_queue_fd(queue, &wait.fd));
    return poll(&wait, 1, timeout) == 1;
}

static void *data_of(flowai_completion completion)
{
    void *user_data = &client;

    CHECK_OK(flowai_completion_user_data(completion, &user_data));
    return user_data;
}

static void results(void)
{
    flowai_queue queue = queue_of(8);
    flowai_completion completion;
    flowai_receipt receipt = {0}, again = {0};
    flowai_page page = {0};
    flowai_error error = {77};
    flowai_str text = {0};
    int mine = 0;

    CHECK(!readable(queue, 0));
    CHECK(count_in(queue) == 0);
    CHECK_OK(submit(queue, client, NULL, &mine));
    CHECK(count_in(queue) == 1);
    CHECK(readable(queue, 20000));
    completion = next(queue);
    CHECK(!readable(queue, 0));
    CHECK(count_in(queue) == 0);
    CHECK_OK(status_of(completion));
    CHECK(data_of(completion) == &mine);
    CHECK_TEXT(flowai_completion_operation(completion, &text), text, "send_text");
    CHECK_OK(flowai_completion_error(completion, &error));
    CHECK(error.id == 0);
    CHECK_OK(flowai_completion_json(completion, &text));
    CHECK(strstr(text.ptr, "\"status\":\"ok\""));
    /* Of another type nothing is taken; the receipt is, once. */
    CHECK_STATUS(flowai_completion_page(completion, &page), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_completion_receipt(completion, &receipt));
    CHECK_STATUS(flowai_completion_receipt(completion, &again), FLOWAI_ERR_INVALID_ARGUMENT);
    flowai_completion_free(completion);
    flowai_completion_free(completion);
    CHECK_STATUS(flowai_completion_receipt(completion, &again), FLOWAI_ERR_BAD_HANDLE);
    CHECK_TEXT(flowai_receipt_thread_id(receipt, &text), text, "thread-1");
    flowai_receipt_free(receipt);
    flowai_queue_free(queue);
}

static void failures(void)
{
    flowai_client nobody = client_of(NULL);
    flowai_queue queue = queue_of(1);
    flowai_completion completion;
    flowai_receipt receipt = {0};
    flowai_error error = {0};
    flowai_delivery delivery = -5;
    flowai_str text = {0};

    CHECK_OK(submit(queue, nobody, NULL, NULL));
    completion = next(queue);
    CHECK(status_of(completion) == FLOWAI_ERR_CONNECTION);
    CHECK_TEXT(flowai_completion_json(completion, &text), text, "");
    CHECK_STATUS(flowai_completion_receipt(completion, &receipt), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_completion_error(completion, &error));
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == FLOWAI_DELIVERY_NOT_SENT);
    CHECK_TEXT(flowai_error_operation(error, &text), text, "send_text");
    flowai_error_free(error);
    CHECK_OK(flowai_completion_error(completion, &error));
    CHECK(error.id == 0);
    flowai_completion_free(completion);
    flowai_queue_free(queue);
    flowai_client_free(nobody);
}

static void bounds(void)
{
    flowai_queue queue = queue_of(2);
    flowai_call call = send_of(client, "Hello");
    flowai_completion completion = {0};
    flowai_error error = {0};
    flowai_delivery delivery = -5;

    CHECK_OK(flowai_queue_submit(queue, call, NULL, NULL, NULL));
    CHECK_OK(flowai_queue_submit(queue, call, NULL, NULL, NULL));
    CHECK_STATUS(flowai_queue_submit(queue, call, NULL, NULL, &error), FLOWAI_ERR_QUEUE_FULL);
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == FLOWAI_DELIVERY_NOT_SENT);
    flowai_error_free(error);
    while (count_in(queue) != 2 || !readable(queue, 0))
        pause_ms(5);
    /* What is finished and not taken counts too. */
    CHECK_STATUS(flowai_queue_submit(queue, call, NULL, NULL, NULL), FLOWAI_ERR_QUEUE_FULL);
    completion = next(queue);
    flowai_completion_free(completion);
    CHECK_OK(flowai_queue_submit(queue, call, NULL, NULL, NULL));
    flowai_call_free(call);
    flowai_completion_free(next(queue));
    flowai_completion_free(next(queue));
    CHECK_OK(flowai_poll(queue, 0, NULL, &completion));
    CHECK(completion.id == 0);
    flowai_queue_free(queue);
}

struct counted {
    flowai_queue queue;
    int calls;
    int again;
};

static void count_and_repeat(void *user_data, flowai_completion completion)
{
    struct counted *counted = user_data;
    flowai_receipt receipt = {0};

    CHECK_OK(status_of(completion));
    CHECK(data_of(completion) == counted);
    CHECK_OK(flowai_completion_receipt(completion, &receipt));
    flowai_receipt_free(receipt);
    counted->calls++;
    if (counted->again-- > 0)
        CHECK_OK(submit(counted->queue, client, count_and_repeat, counted));
    errno = 17;
}

static void callbacks(void)
{
    struct counted counted = {queue_of(1), 0, 4};
    flowai_completion completion = {77};

    CHECK_OK(submit(counted.queue, client, count_and_repeat, &counted));
    while (counted.calls < 5) {
        errno = 4242;
        CHECK_OK(flowai_poll(counted.queue, 20000, NULL, &completion));
        CHECK(errno == 4242);
        CHECK(completion.id == 0);
    }
    CHECK(count_in(counted.queue) == 0);
    flowai_queue_free(counted.queue);
}

static flowai_queue waited_on;

static void wake_up(int number)
{
    (void)number;
    CHECK_OK(flowai_queue_wake(waited_on));
}

static void *wake_soon(void *thread)
{
    pause_ms(100);
    if (thread)
        CHECK(pthread_kill(*(pthread_t *)thread, SIGUSR1) == 0);
    else
        wake_up(0);
    return NULL;
}

static void wakes(void)
{
    struct sigaction action;
    pthread_t self = pthread_self(), other;
    flowai_completion completion = {77};
    int by_signal;

    memset(&action, 0, sizeof action);
    action.sa_handler = wake_up;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    waited_on = queue_of(1);
    for (by_signal = 0; by_signal < 2; by_signal++) {
        completion.id = 77;
        CHECK(pthread_create(&other, NULL, wake_soon, by_signal ? &self : NULL) == 0);
        CHECK_OK(flowai_poll(waited_on, FLOWAI_FOREVER, NULL, &completion));
        CHECK(completion.id == 0);
        pthread_join(other, NULL);
    }
    flowai_queue_free(waited_on);
    CHECK_STATUS(flowai_queue_wake(waited_on), FLOWAI_ERR_BAD_HANDLE);
}

static void cancels(void)
{
    flowai_queue queue = queue_of(2);
    flowai_call call = send_of(silent, "Hello");
    flowai_cancel cancel = {0};
    flowai_completion completion;
    flowai_error error = {0};
    flowai_delivery delivery = -5;
    int begun;

    CHECK_OK(flowai_cancel_new(NULL, &cancel));
    CHECK_OK(flowai_call_set_cancel(call, cancel, NULL));
    for (begun = 1; begun >= 0; begun--) {
        CHECK_OK(flowai_queue_submit(queue, call, NULL, NULL, NULL));
        pause_ms(200);
        CHECK_OK(flowai_cancel_trigger(cancel));
        completion = next(queue);
        CHECK(status_of(completion) == FLOWAI_ERR_CANCELLED);
        CHECK_OK(flowai_completion_error(completion, &error));
        CHECK_OK(flowai_error_delivery(error, &delivery));
        CHECK(delivery == (begun ? FLOWAI_DELIVERY_MAYBE_SENT : FLOWAI_DELIVERY_NOT_SENT));
        flowai_error_free(error);
        flowai_completion_free(completion);
    }
    flowai_cancel_free(cancel);
    flowai_call_free(call);
    flowai_queue_free(queue);
}

static void never(void *user_data, flowai_completion completion)
{
    (void)user_data;
    (void)completion;
    CHECK(!"called after the end");
}

static void free_inside(void *user_data, flowai_completion completion)
{
    flowai_queue queue = {*(uint64_t *)user_data};

    (void)completion;
    flowai_queue_free(queue);
    *(uint64_t *)user_data = 0;
}

static void ends_with_work(void)
{
    flowai_queue queue = queue_of(8);
    flowai_client mine = client_of(url);
    flowai_completion completion = {0};
    flowai_error error = {0};
    uint64_t id;

    /* A client that is freed at once: the call goes on. */
    CHECK_OK(submit(queue, mine, NULL, NULL));
    flowai_client_free(mine);
    completion = next(queue);
    CHECK_OK(status_of(completion));
    flowai_completion_free(completion);
    /* One that is closed: calls that were begun go on or say so. */
    mine = client_of(url);
    flowai_client_close(mine, NULL);
    CHECK_OK(submit(queue, mine, NULL, NULL));
    completion = next(queue);
    CHECK(status_of(completion) == FLOWAI_ERR_CLOSED);
    flowai_completion_free(completion);
    flowai_client_free(mine);
    /* A queue with work outstanding, and with what nobody took. */
    CHECK_OK(submit(queue, silent, never, NULL));
    CHECK_OK(submit(queue, client, never, NULL));
    CHECK(readable(queue, 20000));
    flowai_queue_free(queue);
    flowai_queue_free(queue);
    CHECK_STATUS(flowai_poll(queue, 0, &error, &completion), FLOWAI_ERR_BAD_HANDLE);
    flowai_error_free(error);
    CHECK_STATUS(submit(queue, client, never, NULL), FLOWAI_ERR_BAD_HANDLE);
    /* One that is freed by the function that it calls. */
    queue = queue_of(8);
    id = queue.id;
    CHECK_OK(submit(queue, client, free_inside, &id));
    CHECK_OK(submit(queue, silent, never, NULL));
    CHECK_STATUS(flowai_poll(queue, 20000, NULL, &completion), FLOWAI_OK);
    CHECK(id == 0);
    CHECK_STATUS(flowai_poll(queue, 0, NULL, &completion), FLOWAI_ERR_BAD_HANDLE);
}

static atomic_int inside, outside;

static void slow(void *user_data, flowai_completion completion)
{
    (void)user_data;
    (void)completion;
    atomic_store(&inside, 1);
    pause_ms(200);
    atomic_store(&outside, 1);
}

static void *poll_to_the_end(void *id)
{
    flowai_queue queue = {*(uint64_t *)id};
    flowai_completion completion = {0};
    flowai_status status;

    do
        status = flowai_poll(queue, FLOWAI_FOREVER, NULL, &completion);
    while (status == FLOWAI_OK);
    CHECK(status == FLOWAI_ERR_CLOSED || status == FLOWAI_ERR_BAD_HANDLE);
    return NULL;
}

/* When flowai_queue_free() has returned, no function runs any more. */
static void ends_while_polled(void)
{
    flowai_queue queue = queue_of(4);
    pthread_t threads[2];
    uint64_t id = queue.id;
    int i;

    for (i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, poll_to_the_end, &id) == 0);
    CHECK_OK(submit(queue, client, slow, NULL));
    while (!atomic_load(&inside))
        pause_ms(1);
    flowai_queue_free(queue);
    CHECK(atomic_load(&outside));
    for (i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static void watched(void)
{
    static const char EVENT[] = "{\"type\":\"message.reply\",\"threadId\":\"t\",\"messages\":[{\"fallback\":\"%d\"}]}";
    flowai_receiver_config config = {0};
    flowai_receiver receiver = {0};
    flowai_queue queue = queue_of(1);
    flowai_completion completion;
    flowai_event event = {0};
    flowai_str text = {0};
    char body[200], number[12];
    uint16_t port = 0;
    int i;

    CHECK_OK(flowai_receiver_config_new(NULL, &config));
    CHECK_OK(flowai_receiver_config_set_no_verifier(config, NULL));
    CHECK_OK(flowai_receiver_start(config, NULL, &receiver));
    flowai_receiver_config_free(config);
    CHECK_OK(flowai_receiver_port(receiver, &port));
    CHECK_OK(flowai_queue_watch_receiver(queue, receiver, NULL, &port, NULL));
    CHECK_STATUS(flowai_queue_watch_receiver(queue, receiver, NULL, NULL, NULL), FLOWAI_ERR_QUEUE_FULL);
    for (i = 0; i < 5; i++) {
        snprintf(body, sizeof body, EVENT, i);
        CHECK(request(port, "POST", "/", "", body) == 200);
    }
    for (i = 0; i < 5; i++) {
        completion = next(queue);
        CHECK_OK(status_of(completion));
        CHECK(data_of(completion) == &port);
        CHECK_TEXT(flowai_completion_operation(completion, &text), text, "receiver_next");
        CHECK_OK(flowai_completion_event(completion, &event));
        flowai_completion_free(completion);
        snprintf(number, sizeof number, "%d", i);
        CHECK_TEXT(flowai_event_text(event, &text), text, number);
        flowai_event_free(event);
    }
    flowai_receiver_free(receiver);
    completion = next(queue);
    CHECK(status_of(completion) == FLOWAI_ERR_CLOSED);
    flowai_completion_free(completion);
    CHECK(count_in(queue) == 0);
    flowai_queue_free(queue);
}

static void acknowledge(void *user_data, flowai_completion completion)
{
    flowai_inbox_delivery delivery = {0};
    flowai_event event = {0};

    if (status_of(completion) != FLOWAI_OK) {
        CHECK(status_of(completion) == FLOWAI_ERR_CLOSED);
        *(int *)user_data += 100;
        return;
    }
    CHECK_STATUS(flowai_completion_event(completion, &event), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_completion_inbox_delivery(completion, &delivery));
    CHECK_OK(flowai_inbox_delivery_ack(delivery, NULL));
    flowai_inbox_delivery_free(delivery);
    *(int *)user_data += 1;
}

static void watched_files(void)
{
    static const char EVENT[] = "{\"type\":\"message.reply\",\"threadId\":\"t\"}";
    flowai_inbox_options inbox_defaults = {0};
    flowai_outbox_options outbox_defaults = {0};
    flowai_send_options none = {0};
    flowai_inbox inbox = {0};
    flowai_outbox outbox = {0};
    flowai_outbox_receipt taken = {0};
    flowai_outbox_report report = {0};
    flowai_queue queue = queue_of(2), other = queue_of(1);
    flowai_completion completion = {0};
    flowai_list stored = {0};
    flowai_outcome outcome = -5;
    int handled = 0, i;

    CHECK_OK(flowai_inbox_open(file_named("inbox.db"), inbox_defaults, NULL, &inbox));
    CHECK_OK(flowai_outbox_open(file_named("outbox.db"), client, outbox_defaults, NULL, &outbox));
    CHECK_OK(flowai_queue_watch_inbox(queue, inbox, acknowledge, &handled, NULL));
    CHECK_OK(flowai_queue_watch_outbox(queue, outbox, NULL, NULL, NULL));
    for (i = 0; i < 3; i++) {
        CHECK_OK(flowai_inbox_put(inbox, EVENT, strlen(EVENT), NULL, &stored));
        flowai_list_free(stored);
    }
    while (handled < 3) {
        CHECK_OK(flowai_poll(queue, 20000, NULL, &completion));
        CHECK(completion.id == 0);
    }
    CHECK_OK(flowai_outbox_send_text(outbox, "t", "Hello", none, NULL, &taken));
    flowai_outbox_receipt_free(taken);
    completion = next(queue);
    CHECK_OK(flowai_completion_outbox_report(completion, &report));
    flowai_completion_free(completion);
    CHECK_OK(flowai_outbox_report_outcome(report, &outcome));
    CHECK(outcome == FLOWAI_OUTCOME_SENT);
    CHECK_OK(flowai_outbox_report_ack(report, NULL));
    flowai_outbox_report_free(report);
    /* What is closed says so, and leaves its place. */
    CHECK_OK(flowai_inbox_close(inbox, NULL));
    while (handled < 103) {
        CHECK_OK(flowai_poll(queue, 20000, NULL, &completion));
        CHECK(completion.id == 0);
    }
    CHECK(count_in(queue) == 1);
    flowai_queue_free(queue);
    CHECK_OK(flowai_queue_watch_outbox(other, outbox, NULL, NULL, NULL));
    flowai_outbox_free(outbox);
    completion = next(other);
    CHECK(status_of(completion) == FLOWAI_ERR_CLOSED);
    flowai_completion_free(completion);
    CHECK(count_in(other) == 0);
    flowai_queue_free(other);
    flowai_inbox_free(inbox);
}

static void misuse(void)
{
    flowai_queue queue = queue_of(1), none = {0}, wrong = {client.id};
    flowai_call call = {0}, freed;
    flowai_completion completion = {0};
    flowai_error error = {0};
    flowai_string json = {0};
    flowai_str text = {0};
    flowai_delivery delivery = -5;

    CHECK_STATUS(flowai_queue_new(0, NULL, &none), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_queue_new(1, NULL, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_poll(none, 0, NULL, &completion), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_poll(wrong, 0, NULL, &completion), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_poll(queue, 0, NULL, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_queue_wake(wrong), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_queue_submit(queue, call, NULL, NULL, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_call_new(client, "fly", &error, &call), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "operation");
    flowai_error_free(error);
    CHECK_STATUS(flowai_call_new(client, NULL, NULL, &call), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_call_wait(call, NULL, &completion), FLOWAI_ERR_BAD_HANDLE);
    call = send_of(client, "Hello");
    CHECK_STATUS(flowai_call_set_json(call, "params", "{", NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_call_set_arguments(call, "[]", NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_call_set_bytes(call, NULL, 3, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_call_set_boolean(call, "events", true, NULL));
    CHECK_STATUS(flowai_queue_submit(queue, call, never, NULL, &error), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "events");
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == FLOWAI_DELIVERY_NOT_SENT);
    flowai_error_free(error);
    CHECK(count_in(queue) == 0);
    /* Arguments that are taken back, and a call that is waited for. */
    CHECK_OK(flowai_call_set_json(call, "events", "null", NULL));
    CHECK_OK(flowai_call_set_integer(call, "trace_id", 7, NULL));
    CHECK_OK(flowai_call_set_number(call, "timeout", 20.5, NULL));
    CHECK_OK(flowai_call_wait(call, NULL, &completion));
    CHECK_OK(flowai_completion_json(completion, &text));
    CHECK(strstr(text.ptr, "\"trace_id\":7"));
    flowai_completion_free(completion);
    freed = call;
    flowai_call_free(call);
    flowai_call_free(call);
    CHECK_STATUS(flowai_queue_submit(queue, freed, never, NULL, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_client_call_json(client, "send_text", "{\"thread_id\":\"t\"}", &error, &json),
                 FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "text");
    flowai_error_free(error);
    CHECK_OK(flowai_client_call_json(client, "send_text", "{\"thread_id\":\"t\",\"text\":\"x\"}", NULL, &json));
    CHECK_OK(flowai_string_text(json, &text));
    CHECK(strstr(text.ptr, "\"thread_id\":\"t\""));
    flowai_string_free(json);
    flowai_queue_free(queue);
}

int main(int argc, char **argv)
{
    flowai_queue left = {0};
    char other[512];
    const char *ok;

    CHECK(argc == 2);
    url = argv[1];
    ok = strstr(url, "/fault/ok/");
    CHECK(ok);
    snprintf(other, sizeof other, "%.*s/fault/stall/%s", (int)(ok - url), url, ok + strlen("/fault/ok/"));
    client = client_of(url);
    silent = client_of(other);
    results();
    failures();
    bounds();
    callbacks();
    wakes();
    cancels();
    ends_with_work();
    ends_while_polled();
    watched();
    watched_files();
    misuse();
    /* The end of everything, with work outstanding. */
    left = queue_of(4);
    CHECK_OK(submit(left, silent, never, NULL));
    flowai_shutdown();
    CHECK_STATUS(flowai_queue_wake(left), FLOWAI_ERR_BAD_HANDLE);
    return 0;
}
