/* Every wait ends soon after its cancel handle was triggered: by another thread, or by a signal handler. */
#include "files.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

static flowai_cancel cancel;
static flowai_client silent;
static _Atomic uint64_t handled;

static uint64_t now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static void on_signal(int number)
{
    (void)number;
    errno = 1234;
    CHECK_OK(flowai_cancel_trigger(cancel));
    CHECK(errno == 1234);
}

/* A client of the server that takes requests and never answers. */
static flowai_client silent_client(const char *base_url)
{
    const char *ok = strstr(base_url, "/fault/ok/");
    char url[512];

    CHECK(ok);
    snprintf(url, sizeof url, "%.*s/fault/stall/%s", (int)(ok - base_url), base_url, ok + strlen("/fault/ok/"));
    return client_of(url);
}

/* Waits of every kind, each of which gives the status that it ended with. */
typedef flowai_status wait_for(flowai_error *error);

static flowai_status send(flowai_error *error)
{
    flowai_send_options options = {0};
    flowai_receipt receipt = {0};
    flowai_status status;

    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_cancel(options, cancel, NULL));
    status = flowai_client_send_text(silent, "t", "Hello", options, error, &receipt);
    flowai_send_options_free(options);
    return status;
}

static flowai_status upload(flowai_error *error)
{
    flowai_send_options options = {0};
    flowai_receipt receipt = {0};
    flowai_status status;

    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_cancel(options, cancel, NULL));
    status = flowai_client_upload_media_bytes(silent, "t", "data", 4, options, error, &receipt);
    flowai_send_options_free(options);
    return status;
}

static flowai_status ask(flowai_error *error)
{
    flowai_send_options options = {0};
    flowai_reply reply = {0};
    flowai_status status;

    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_cancel(options, cancel, NULL));
    status = flowai_client_ask(silent, "t", "Hello", options, error, &reply);
    flowai_send_options_free(options);
    return status;
}

/* A client whose every call has the handle. */
static flowai_client derived(void)
{
    flowai_client_options options = {0};
    flowai_client client = {0};

    CHECK_OK(flowai_client_options_new(NULL, &options));
    CHECK_OK(flowai_client_options_set_cancel(options, cancel, NULL));
    CHECK_OK(flowai_client_with_options(silent, options, NULL, &client));
    flowai_client_options_free(options);
    return client;
}

static flowai_status history(flowai_error *error)
{
    flowai_client client = derived();
    flowai_page page = {0};
    flowai_status status = flowai_client_history(client, "t", FLOWAI_NONE, false, error, &page);

    flowai_client_free(client);
    return status;
}

static flowai_status iterate(flowai_error *error)
{
    flowai_client client = derived();
    flowai_history_iter iter = {0};
    flowai_document entry = {0};
    flowai_status status;

    CHECK_OK(flowai_client_iter_history(client, "t", FLOWAI_NONE, false, NULL, &iter));
    flowai_client_free(client);
    status = flowai_history_iter_next(iter, error, &entry);
    flowai_history_iter_free(iter);
    return status;
}

static flowai_receiver receiver;
static flowai_inbox inbox;
static flowai_outbox outbox;

static flowai_status receive(flowai_error *error)
{
    flowai_event event = {0};

    return flowai_receiver_next(receiver, FLOWAI_FOREVER, error, &event);
}

static flowai_status receive_some(flowai_error *error)
{
    flowai_event event = {0};

    return flowai_receiver_wait(receiver, FLOWAI_EVENT_REPLY, "t", 20000, error, &event);
}

static flowai_status take(flowai_error *error)
{
    flowai_inbox_delivery delivery = {0};

    return flowai_inbox_next(inbox, FLOWAI_FOREVER, error, &delivery);
}

static int32_t handle_one(void *user_data, flowai_inbox_delivery delivery)
{
    (void)user_data;
    (void)delivery;
    return 0;
}

static flowai_status handle(flowai_error *error)
{
    return flowai_inbox_handle(inbox, 2, handle_one, NULL, NULL, error);
}

static flowai_status report(flowai_error *error)
{
    flowai_outbox_report found = {0};

    return flowai_outbox_next_report(outbox, 20000, error, &found);
}

static flowai_status flush(flowai_error *error)
{
    uint64_t left = 0;

    return flowai_outbox_flush(outbox, FLOWAI_FOREVER, error, &left);
}

static const struct {
    const char *name;
    wait_for *wait;
    flowai_delivery delivery;
} WAITS[] = {
    {"send", send, FLOWAI_DELIVERY_MAYBE_SENT},
    {"upload", upload, FLOWAI_DELIVERY_MAYBE_SENT},
    {"ask", ask, FLOWAI_DELIVERY_MAYBE_SENT},
    {"history", history, FLOWAI_DELIVERY_NONE},
    {"iterate", iterate, FLOWAI_DELIVERY_NONE},
    {"receive", receive, FLOWAI_DELIVERY_NONE},
    {"receive some", receive_some, FLOWAI_DELIVERY_NONE},
    {"take", take, FLOWAI_DELIVERY_NONE},
    {"handle", handle, FLOWAI_DELIVERY_NONE},
    {"report", report, FLOWAI_DELIVERY_NONE},
    {"flush", flush, FLOWAI_DELIVERY_NONE},
};

static atomic_uint_fast64_t triggered_at;

static void *trigger_soon(void *unused)
{
    (void)unused;
    pause_ms(300);
    atomic_store(&triggered_at, now_ms());
    CHECK_OK(flowai_cancel_trigger(cancel));
    return NULL;
}

static void *interrupt_soon(void *thread)
{
    pause_ms(300);
    atomic_store(&triggered_at, now_ms());
    CHECK(pthread_kill(*(pthread_t *)thread, SIGUSR1) == 0);
    return NULL;
}

static void ends(size_t number, void *(*end)(void *))
{
    pthread_t self = pthread_self(), other;
    flowai_error error = {0};
    flowai_delivery delivery = -5;
    flowai_str text = {0};
    bool triggered = true;
    uint64_t took;

    CHECK_OK(flowai_cancel_reset(cancel, NULL));
    CHECK_OK(flowai_cancel_triggered(cancel, &triggered));
    CHECK(!triggered);
    CHECK(pthread_create(&other, NULL, end, &self) == 0);
    errno = 4242;
    CHECK_STATUS(WAITS[number].wait(&error), FLOWAI_ERR_CANCELLED);
    CHECK(errno == 4242);
    took = now_ms() - atomic_load(&triggered_at);
    pthread_join(other, NULL);
    printf("%s: %d ms\n", WAITS[number].name, (int)took);
    CHECK(took < 2000);
    CHECK_TEXT(flowai_error_name(error, &text), text, "cancelled");
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == WAITS[number].delivery);
    flowai_error_free(error);
    CHECK_OK(flowai_cancel_triggered(cancel, &triggered));
    CHECK(triggered);
}

/* What begins with a handle that was triggered ends at once, and nothing is sent. */
static void ends_before_it_begins(size_t number)
{
    flowai_error error = {0};
    flowai_delivery delivery = -5;

    CHECK_OK(flowai_cancel_trigger(cancel));
    CHECK_STATUS(WAITS[number].wait(&error), FLOWAI_ERR_CANCELLED);
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == (WAITS[number].delivery ? FLOWAI_DELIVERY_NOT_SENT : FLOWAI_DELIVERY_NONE));
    flowai_error_free(error);
}

static void none_and_freed(const char *base_url)
{
    flowai_client client = client_of(base_url);
    flowai_send_options options = {0};
    flowai_cancel none = {0}, freed = {0}, wrong = {client.id};
    flowai_receipt receipt = {0};
    bool triggered = false;

    CHECK_STATUS(flowai_cancel_trigger(none), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_cancel_trigger(wrong), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_cancel_new(NULL, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_cancel_new(NULL, &freed));
    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_cancel(options, freed, NULL));
    flowai_cancel_free(freed);
    flowai_cancel_free(freed);
    CHECK_STATUS(flowai_cancel_trigger(freed), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_cancel_reset(freed, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_cancel_triggered(freed, &triggered), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_send_options_set_cancel(options, freed, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_receiver_set_cancel(receiver, freed, NULL), FLOWAI_ERR_BAD_HANDLE);
    /* What has a handle keeps it. */
    CHECK_OK(flowai_client_send_text(client, "t", "x", options, NULL, &receipt));
    flowai_receipt_free(receipt);
    CHECK_OK(flowai_send_options_set_cancel(options, none, NULL));
    CHECK_OK(flowai_client_send_text(client, "t", "x", options, NULL, &receipt));
    flowai_receipt_free(receipt);
    flowai_send_options_free(options);
    flowai_client_free(client);
}

static void *trigger_all_the_time(void *stop)
{
    while (!atomic_load((atomic_bool *)stop)) {
        flowai_cancel current = {atomic_load(&handled)};

        if (flowai_cancel_trigger(current) == FLOWAI_ERR_INTERNAL)
            _exit(1);
    }
    return NULL;
}

/* Threads trigger handles that another one makes and frees. */
static void freed_while_triggered(void)
{
    atomic_bool stop = false;
    pthread_t threads[3];
    int i;

    for (i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, trigger_all_the_time, &stop) == 0);
    for (i = 0; i < 2000; i++) {
        flowai_cancel fresh = {0}, old;

        CHECK_OK(flowai_cancel_new(NULL, &fresh));
        old.id = atomic_exchange(&handled, fresh.id);
        flowai_cancel_free(old);
    }
    atomic_store(&stop, true);
    for (i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    flowai_cancel_free((flowai_cancel){atomic_load(&handled)});
}

static void open_everything(void)
{
    flowai_receiver_config config = {0};
    flowai_inbox_options inbox_defaults = {0};
    flowai_outbox_options outbox_defaults = {0};
    flowai_send_options options = {0};
    flowai_outbox_receipt taken = {0};

    CHECK_OK(flowai_receiver_config_new(NULL, &config));
    CHECK_OK(flowai_receiver_config_set_no_verifier(config, NULL));
    CHECK_OK(flowai_receiver_start(config, NULL, &receiver));
    flowai_receiver_config_free(config);
    CHECK_OK(flowai_inbox_open(file_named("inbox.db"), inbox_defaults, NULL, &inbox));
    CHECK_OK(flowai_outbox_open(file_named("outbox.db"), silent, outbox_defaults, NULL, &outbox));
    CHECK_OK(flowai_outbox_send_text(outbox, "t", "Hello", options, NULL, &taken));
    flowai_outbox_receipt_free(taken);
    CHECK_OK(flowai_receiver_set_cancel(receiver, cancel, NULL));
    CHECK_OK(flowai_inbox_set_cancel(inbox, cancel, NULL));
    CHECK_OK(flowai_outbox_set_cancel(outbox, cancel, NULL));
}

int main(int argc, char **argv)
{
    struct sigaction action;
    flowai_cancel none = {0};
    flowai_event event = {77};
    size_t number;

    CHECK(argc == 2);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK_OK(flowai_cancel_new(NULL, &cancel));
    silent = silent_client(argv[1]);
    open_everything();
    for (number = 0; number < sizeof WAITS / sizeof *WAITS; number++) {
        ends(number, trigger_soon);
        ends(number, interrupt_soon);
        ends_before_it_begins(number);
    }
    /* What has none any more waits to its own end. */
    CHECK_OK(flowai_receiver_set_cancel(receiver, none, NULL));
    CHECK_OK(flowai_receiver_next(receiver, 50, NULL, &event));
    CHECK(event.id == 0);
    none_and_freed(argv[1]);
    freed_while_triggered();
    flowai_outbox_free(outbox);
    flowai_inbox_free(inbox);
    flowai_receiver_free(receiver);
    flowai_client_free(silent);
    flowai_cancel_free(cancel);
    flowai_shutdown();
    return 0;
}
