/* The inbox: what is stored comes out in order, until it is settled; what is wrong gives codes. */
#include "files.h"
#include <pthread.h>
#include <stdatomic.h>

#define BODY(thread, id) \
    "{\"type\":\"message.reply\",\"threadId\":\"" thread "\",\"messages\":[{\"meta\":{\"msgId\":\"" id "\"}}]}"

static const flowai_inbox_options DEFAULTS;

static flowai_inbox open_inbox(const char *name, flowai_inbox_options options)
{
    flowai_inbox inbox = {0};

    CHECK_OK(flowai_inbox_open(file_named(name), options, NULL, &inbox));
    return inbox;
}

/* Stores a body and gives the number of its first event. */
static int64_t put(flowai_inbox inbox, const char *body, const char *mark)
{
    flowai_list stored = {0};
    flowai_document first;
    flowai_answer answer = FLOWAI_UNKNOWN;
    int64_t id;

    CHECK_OK(flowai_inbox_put(inbox, body, strlen(body), NULL, &stored));
    first = item_of(stored, 0);
    if (mark != NULL) {
        CHECK_OK(flowai_document_boolean(first, mark, NULL, &answer));
        CHECK(answer == FLOWAI_YES);
    }
    id = integer_of(first, "id");
    flowai_document_free(first);
    flowai_list_free(stored);
    return id;
}

static flowai_inbox_delivery next_of(flowai_inbox inbox, int64_t id, uint32_t attempt)
{
    flowai_inbox_delivery delivery = {0};
    int64_t found = 0;
    uint32_t tried = 0;

    CHECK_OK(flowai_inbox_next(inbox, 30000, NULL, &delivery));
    CHECK_OK(flowai_inbox_delivery_id(delivery, &found));
    CHECK_OK(flowai_inbox_delivery_attempt(delivery, &tried));
    CHECK(found == id && tried == attempt);
    return delivery;
}

static void nothing_comes(flowai_inbox inbox)
{
    flowai_inbox_delivery delivery = {5};

    CHECK_OK(flowai_inbox_next(inbox, 20, NULL, &delivery));
    CHECK(delivery.id == 0);
}

static void entry_is(flowai_inbox inbox, int64_t id, const char *state, const char *error)
{
    flowai_document entry = {0};
    flowai_str text = {0};

    CHECK_OK(flowai_inbox_show(inbox, id, NULL, &entry));
    CHECK_TEXT(flowai_document_string(entry, "state", NULL, &text), text, state);
    CHECK_OK(flowai_document_string(entry, "error", NULL, &text));
    CHECK(strstr(text.ptr, error) != NULL);
    flowai_document_free(entry);
}

static int64_t stat_of(flowai_inbox inbox, const char *field)
{
    flowai_document stats = {0};

    CHECK_OK(flowai_inbox_stats(inbox, NULL, &stats));
    return integer_in(stats, field);
}

static void opening(void)
{
    flowai_inbox inbox = {0}, second = {0}, guest = {0};
    flowai_inbox_options options = {0};
    flowai_inbox_delivery delivery = {0};
    flowai_error error = {0};
    flowai_str text = {0};

    REFUSED(flowai_inbox_open(NULL, DEFAULTS, &error, &inbox), "path");
    REFUSED(flowai_inbox_open("x", DEFAULTS, &error, NULL), "out");
    CHECK_STATUS(flowai_inbox_open("/there/is/no/such/folder/x.db", DEFAULTS, NULL, &inbox), FLOWAI_ERR_STORAGE);
    CHECK_STATUS(flowai_inbox_attach(file_named("missing.db"), NULL, &inbox), FLOWAI_ERR_STORAGE);
    CHECK_OK(flowai_inbox_options_new(NULL, &options));
    CHECK_OK(flowai_inbox_options_set_max_attempts(options, 0, NULL));
    REFUSED(flowai_inbox_open(file_named("opening.db"), options, &error, &inbox), "options");
    CHECK_OK(flowai_inbox_options_set_max_attempts(options, 3, NULL));
    CHECK_OK(flowai_inbox_options_set_lease_time_ms(options, 0, NULL));
    REFUSED(flowai_inbox_open(file_named("opening.db"), options, &error, &inbox), "options");
    CHECK_OK(flowai_inbox_options_set_lease_time_ms(options, 1000, NULL));
    CHECK_OK(flowai_inbox_options_set_deduplication_ms(options, 1000, NULL));
    REFUSED(flowai_inbox_open(file_named("opening.db"), options, &error, &inbox), "options");
    flowai_inbox_options_free(options);
    CHECK_STATUS(flowai_inbox_open(file_named("opening.db"), options, NULL, &inbox), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_inbox_options_set_max_bytes(options, 1, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK(inbox.id == 0);

    inbox = open_inbox("opening.db", DEFAULTS);
    CHECK_STATUS(flowai_inbox_open(file_named("opening.db"), DEFAULTS, &error, &second), FLOWAI_ERR_STORAGE);
    CHECK_OK(flowai_error_message(error, &text));
    CHECK(strstr(text.ptr, "already open") != NULL);
    flowai_error_free(error);
    CHECK_OK(flowai_inbox_attach(file_named("opening.db"), NULL, &guest));
    CHECK_STATUS(flowai_inbox_next(guest, 10, NULL, &delivery), FLOWAI_ERR_INVALID_ARGUMENT);
    put(guest, BODY("a", "1"), NULL);
    CHECK(stat_of(inbox, "waiting") == 1);
    flowai_inbox_free(guest);
    CHECK_OK(flowai_inbox_close(inbox, NULL));
    CHECK_OK(flowai_inbox_close(inbox, NULL));
    CHECK_STATUS(flowai_inbox_next(inbox, 10, NULL, &delivery), FLOWAI_ERR_CLOSED);
    second = open_inbox("opening.db", DEFAULTS);
    flowai_inbox_free(second);
    flowai_inbox_free(second);
    flowai_inbox_free(inbox);
    CHECK_STATUS(flowai_inbox_next(inbox, 10, NULL, &delivery), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_inbox_close(inbox, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK(delivery.id == 0);
}

static void outcomes(void)
{
    flowai_inbox inbox = open_inbox("outcomes.db", DEFAULTS);
    int64_t first = put(inbox, BODY("a|x", "1"), NULL), later = put(inbox, BODY("a|x", "2"), NULL);
    int64_t other = put(inbox, BODY("b|x", "3"), NULL), received = 0;
    flowai_inbox_delivery delivery, parallel;
    flowai_event event = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    bool yes = true;

    CHECK(put(inbox, BODY("a|x", "1"), "duplicate") == first);
    delivery = next_of(inbox, first, 1);
    parallel = next_of(inbox, other, 1);
    nothing_comes(inbox);
    CHECK(stat_of(inbox, "waiting") == 3 && stat_of(inbox, "leased") == 2 && stat_of(inbox, "dead") == 0);
    CHECK(stat_of(inbox, "oldest_waiting_ms") >= 0 && stat_of(inbox, "bytes") > 0);
    CHECK_OK(flowai_inbox_delivery_event(delivery, &event));
    CHECK_TEXT(flowai_event_thread_id(event, &text), text, "a|x");
    CHECK_OK(flowai_inbox_delivery_received_at_ms(delivery, &received));
    CHECK(received > 1700000000000);
    CHECK_OK(flowai_inbox_delivery_replayed(delivery, &yes));
    CHECK(!yes);
    CHECK_OK(flowai_inbox_delivery_maybe_duplicate(delivery, &yes));
    CHECK(!yes);
    REFUSED(flowai_inbox_delivery_retry(delivery, -5, &error), "after_ms");
    REFUSED(flowai_inbox_delivery_fail(delivery, NULL, &error), "reason");
    REFUSED(flowai_inbox_delivery_dead(delivery, "\xff", &error), "reason");
    CHECK_STATUS(flowai_inbox_delivery_id(delivery, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_inbox_delivery_heartbeat(delivery, NULL));
    CHECK_OK(flowai_inbox_delivery_retry(delivery, 0, NULL));
    CHECK_STATUS(flowai_inbox_delivery_ack(delivery, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    flowai_inbox_delivery_free(delivery);
    CHECK_STATUS(flowai_inbox_delivery_ack(delivery, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_TEXT(flowai_event_thread_id(event, &text), text, "a|x");
    flowai_event_free(event);

    delivery = next_of(inbox, first, 2);
    CHECK_OK(flowai_inbox_delivery_fail(delivery, "the kitchen is closed", NULL));
    flowai_inbox_delivery_free(delivery);
    entry_is(inbox, first, "waiting", "the kitchen is closed");
    delivery = next_of(inbox, first, 3);
    CHECK_OK(flowai_inbox_delivery_dead(delivery, "never mind", NULL));
    flowai_inbox_delivery_free(delivery);
    entry_is(inbox, first, "dead", "never mind");
    /* Without an outcome it comes again. */
    flowai_inbox_delivery_free(next_of(inbox, later, 1));
    delivery = next_of(inbox, later, 2);
    CHECK_OK(flowai_inbox_delivery_ack(delivery, NULL));
    flowai_inbox_delivery_free(delivery);
    entry_is(inbox, later, "handled", "");
    /* A delivery needs no handle of its inbox. */
    flowai_inbox_free(inbox);
    CHECK_OK(flowai_inbox_delivery_ack(parallel, NULL));
    flowai_inbox_delivery_free(parallel);
    inbox = open_inbox("outcomes.db", DEFAULTS);
    entry_is(inbox, other, "handled", "");
    nothing_comes(inbox);
    flowai_inbox_free(inbox);
}

static void leases(void)
{
    flowai_inbox_options options = {0};
    flowai_inbox inbox;
    flowai_inbox_delivery slow, again;
    int64_t id;

    CHECK_OK(flowai_inbox_options_new(NULL, &options));
    CHECK_OK(flowai_inbox_options_set_lease_time_ms(options, 1500, NULL));
    CHECK_OK(flowai_inbox_options_set_max_attempts(options, 2, NULL));
    CHECK_OK(flowai_inbox_options_set_retry_ms(options, 1, 2, NULL));
    CHECK_OK(flowai_inbox_options_set_keep_handled_ms(options, 1000, NULL));
    CHECK_OK(flowai_inbox_options_set_keep_dead_ms(options, 100000, NULL));
    CHECK_OK(flowai_inbox_options_set_max_bytes(options, 1 << 24, NULL));
    CHECK_OK(flowai_inbox_options_set_lock_time_ms(options, 500, NULL));
    inbox = open_inbox("leases.db", options);
    flowai_inbox_options_free(options);
    id = put(inbox, BODY("a", "1"), NULL);
    slow = next_of(inbox, id, 1);
    again = next_of(inbox, id, 2);
    CHECK_STATUS(flowai_inbox_delivery_heartbeat(slow, NULL), FLOWAI_ERR_CLOSED);
    CHECK_STATUS(flowai_inbox_delivery_ack(slow, NULL), FLOWAI_ERR_CLOSED);
    CHECK_OK(flowai_inbox_delivery_retry(again, FLOWAI_NONE, NULL));
    flowai_inbox_delivery_free(slow);
    flowai_inbox_delivery_free(again);
    entry_is(inbox, id, "dead", "the last");
    flowai_inbox_free(inbox);
}

static void looking_and_mending(void)
{
    flowai_inbox inbox = open_inbox("mending.db", DEFAULTS);
    int64_t good = put(inbox, BODY("a|x", "1"), NULL), bad = put(inbox, "\xff no event", "dead"), copy;
    flowai_list list = {0};
    flowai_document document = {0};
    flowai_string body = {0};
    flowai_inbox_delivery delivery = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    flowai_answer answer = FLOWAI_UNKNOWN;
    uint64_t forgotten = 0;
    bool yes = false;

    put(inbox, BODY("b|x", "2"), NULL);
    put(inbox, BODY("b|y", "3"), NULL);
    CHECK_OK(flowai_inbox_list(inbox, NULL, NULL, 0, 100, NULL, &list));
    CHECK(count_of(list) == 4);
    CHECK_OK(flowai_inbox_list(inbox, "waiting", NULL, good, 100, NULL, &list));
    CHECK(count_of(list) == 2);
    CHECK_OK(flowai_inbox_list(inbox, NULL, "b|x", 0, 100, NULL, &list));
    CHECK(count_of(list) == 1);
    CHECK_OK(flowai_inbox_list(inbox, NULL, NULL, 0, 1, NULL, &list));
    CHECK(count_of(list) == 1);
    CHECK_OK(flowai_inbox_list(inbox, "dead", NULL, 0, 100, NULL, &list));
    document = item_of(list, 0);
    CHECK_TEXT(flowai_document_name(document, &text), text, "InboxEntry");
    CHECK(integer_of(document, "id") == bad && integer_of(document, "size") == 10);
    CHECK(integer_of(document, "replay_of") == FLOWAI_NONE && integer_of(document, "received_at_ms") > 1700000000000);
    CHECK_TEXT(flowai_document_string(document, "thread_id", NULL, &text), text, "");
    CHECK_OK(flowai_document_boolean(document, "maybe_duplicate", NULL, &answer));
    CHECK(answer == FLOWAI_NO);
    REFUSED(flowai_document_integer(document, "colour", &error, &copy), "field");
    flowai_document_free(document);
    CHECK(count_of(list) == 1);
    REFUSED(flowai_inbox_list(inbox, "lost", NULL, 0, 100, &error, &list), "state");
    REFUSED(flowai_inbox_list(inbox, NULL, NULL, 0, 100, &error, NULL), "out");

    CHECK_OK(flowai_inbox_body(inbox, bad, NULL, &body));
    CHECK_TEXT(flowai_string_text(body, &text), text, "\xff no event");
    flowai_string_free(body);
    CHECK_OK(flowai_inbox_body(inbox, 4711, NULL, &body));
    CHECK_OK(flowai_inbox_show(inbox, 4711, NULL, &document));
    CHECK(body.id == 0 && document.id == 0);

    CHECK_STATUS(flowai_inbox_replay(inbox, bad, NULL, &list), FLOWAI_ERR_WEBHOOK_PARSE);
    CHECK_OK(flowai_inbox_replay(inbox, 4711, NULL, &list));
    CHECK(count_of(list) == 0);
    delivery = next_of(inbox, good, 1);
    REFUSED(flowai_inbox_discard(inbox, good, &error, &yes), "id");
    CHECK_OK(flowai_inbox_delivery_ack(delivery, NULL));
    flowai_inbox_delivery_free(delivery);
    CHECK_OK(flowai_inbox_replay(inbox, good, NULL, &list));
    document = item_of(list, 0);
    copy = integer_in(document, "id");
    CHECK(count_of(list) == 1 && copy != good);
    CHECK_OK(flowai_inbox_forget(inbox, "b", NULL, &forgotten));
    CHECK(forgotten == 2);
    REFUSED(flowai_inbox_forget(inbox, "", &error, &forgotten), "thread_id");
    REFUSED(flowai_inbox_forget(inbox, NULL, &error, &forgotten), "thread_id");
    delivery = next_of(inbox, copy, 1);
    CHECK_OK(flowai_inbox_delivery_replayed(delivery, &yes));
    CHECK(yes);
    CHECK_OK(flowai_inbox_delivery_ack(delivery, NULL));
    flowai_inbox_delivery_free(delivery);
    CHECK_OK(flowai_inbox_discard(inbox, bad, NULL, &yes));
    CHECK(yes);
    CHECK_OK(flowai_inbox_discard(inbox, bad, NULL, &yes));
    CHECK(!yes);
    flowai_inbox_free(inbox);
}

#define EVENTS 40

struct work {
    flowai_inbox inbox;
    atomic_int handled, refused, running, most;
};

static int32_t handle_one(void *user_data, flowai_inbox_delivery delivery)
{
    struct work *work = user_data;
    int running = atomic_fetch_add(&work->running, 1) + 1;
    uint32_t attempt = 0;
    int64_t id = 0;
    int32_t result = 0;

    if (running > atomic_load(&work->most))
        atomic_store(&work->most, running);
    usleep(2000);
    CHECK_OK(flowai_inbox_delivery_attempt(delivery, &attempt));
    CHECK_OK(flowai_inbox_delivery_id(delivery, &id));
    if (attempt == 1 && id % 4 == 0) {
        atomic_fetch_add(&work->refused, 1);
        result = 7;
    } else if (id % 4 == 1) {
        /* It may say itself what became of the event, and even free it. */
        CHECK_OK(flowai_inbox_delivery_ack(delivery, NULL));
        flowai_inbox_delivery_free(delivery);
        atomic_fetch_add(&work->handled, 1);
        result = 1;
    } else {
        atomic_fetch_add(&work->handled, 1);
    }
    atomic_fetch_sub(&work->running, 1);
    return result;
}

static bool until_all_are_handled(void *user_data)
{
    return atomic_load(&((struct work *)user_data)->handled) < EVENTS;
}

static void *handle_until_closed(void *user_data)
{
    struct work *work = user_data;

    return (void *)(size_t)flowai_inbox_handle(work->inbox, 1, handle_one, NULL, work, NULL);
}

static void *wait_for_ever(void *user_data)
{
    struct work *work = user_data;
    flowai_inbox_delivery delivery = {0};

    return (void *)(size_t)flowai_inbox_next(work->inbox, FLOWAI_FOREVER, NULL, &delivery);
}

static void handling(void)
{
    struct work work = {0};
    flowai_inbox_options options = {0};
    flowai_error error = {0};
    pthread_t threads[2];
    void *ended = NULL;
    int i;

    CHECK_OK(flowai_inbox_options_new(NULL, &options));
    CHECK_OK(flowai_inbox_options_set_retry_ms(options, 1, 10, NULL));
    work.inbox = open_inbox("handling.db", options);
    flowai_inbox_options_free(options);
    for (i = 0; i < EVENTS; i++) {
        char body[128];

        snprintf(body, sizeof body, BODY("thread-%d", "%d"), i % 8, i);
        put(work.inbox, body, NULL);
    }
    REFUSED(flowai_inbox_handle(work.inbox, 2, NULL, NULL, NULL, &error), "handler");
    REFUSED(flowai_inbox_handle(work.inbox, 0, handle_one, NULL, &work, &error), "workers");
    CHECK_OK(flowai_inbox_handle(work.inbox, 3, handle_one, until_all_are_handled, &work, NULL));
    CHECK(atomic_load(&work.handled) == EVENTS && atomic_load(&work.refused) == EVENTS / 4);
    CHECK(atomic_load(&work.most) <= 3 && atomic_load(&work.running) == 0);
    CHECK(stat_of(work.inbox, "waiting") == 0 && stat_of(work.inbox, "dead") == 0);
    /* Closing ends the waits of other threads. */
    CHECK(pthread_create(&threads[0], NULL, handle_until_closed, &work) == 0);
    CHECK(pthread_create(&threads[1], NULL, wait_for_ever, &work) == 0);
    usleep(100000);
    CHECK_OK(flowai_inbox_close(work.inbox, NULL));
    CHECK(pthread_join(threads[0], &ended) == 0);
    CHECK((size_t)ended == FLOWAI_OK);
    CHECK(pthread_join(threads[1], &ended) == 0);
    CHECK((size_t)ended == FLOWAI_ERR_CLOSED);
    flowai_inbox_free(work.inbox);
    CHECK_STATUS(flowai_inbox_handle(work.inbox, 1, handle_one, NULL, &work, NULL), FLOWAI_ERR_BAD_HANDLE);
}

int main(void)
{
    opening();
    outcomes();
    leases();
    looking_and_mending();
    handling();
    flowai_shutdown();
    return 0;
}
