/* The outbox: what is put in leaves, is reported, waits where it must; what is wrong gives codes. */
#include "files.h"
#include <pthread.h>

static const flowai_outbox_options DEFAULTS;
static const flowai_send_options NO_OPTIONS;
static const char *ok_url;

/* A client of the same server, which behaves in another way. */
static flowai_client client_that(const char *behaviour)
{
    char url[512];
    const char *ok = strstr(ok_url, "/fault/ok/");

    CHECK(ok != NULL);
    snprintf(url, sizeof url, "%.*s/fault/%s/%s%s", (int)(ok - ok_url), ok_url, behaviour, behaviour,
             ok + strlen("/fault/ok/"));
    return client_of(url);
}

/* Opens an outbox and frees the client, which it does not need. */
static flowai_outbox open_outbox(const char *name, flowai_client client, flowai_outbox_options options)
{
    flowai_outbox outbox = {0};

    CHECK_OK(flowai_outbox_open(file_named(name), client, options, NULL, &outbox));
    flowai_client_free(client);
    return outbox;
}

static int64_t send_text(flowai_outbox outbox, const char *thread_id, const char *text)
{
    flowai_outbox_receipt receipt = {0};
    int64_t id = 0, trace_id = FLOWAI_NONE;
    flowai_str thread = {0};

    CHECK_OK(flowai_outbox_send_text(outbox, thread_id, text, NO_OPTIONS, NULL, &receipt));
    CHECK_OK(flowai_outbox_receipt_id(receipt, &id));
    CHECK_OK(flowai_outbox_receipt_trace_id(receipt, &trace_id));
    CHECK_TEXT(flowai_outbox_receipt_thread_id(receipt, &thread), thread, thread_id);
    CHECK(id > 0 && trace_id > 0);
    flowai_outbox_receipt_free(receipt);
    CHECK_STATUS(flowai_outbox_receipt_id(receipt, &id), FLOWAI_ERR_BAD_HANDLE);
    return id;
}

static flowai_outbox_report report_of(flowai_outbox outbox, int64_t id, flowai_outcome wanted)
{
    flowai_outbox_report report = {0};
    flowai_outcome outcome = -1;
    int64_t found = 0;

    CHECK_OK(flowai_outbox_next_report(outbox, 30000, NULL, &report));
    CHECK_OK(flowai_outbox_report_id(report, &found));
    CHECK_OK(flowai_outbox_report_outcome(report, &outcome));
    CHECK(outcome == wanted);
    CHECK(id == 0 || found == id);
    return report;
}

static void acknowledge(flowai_outbox_report report)
{
    CHECK_OK(flowai_outbox_report_ack(report, NULL));
    flowai_outbox_report_free(report);
}

static int64_t stat_of(flowai_outbox outbox, const char *field)
{
    flowai_document stats = {0};

    CHECK_OK(flowai_outbox_stats(outbox, NULL, &stats));
    return integer_in(stats, field);
}

static void opening(void)
{
    flowai_client client = client_of(NULL), none = {0};
    flowai_outbox outbox = {0};
    flowai_outbox_options options = {0};
    flowai_outbox_report report = {0};
    flowai_error error = {0};
    uint64_t left = 0;

    REFUSED(flowai_outbox_open(NULL, client, DEFAULTS, &error, &outbox), "path");
    REFUSED(flowai_outbox_open("x", client, DEFAULTS, &error, NULL), "out");
    CHECK_STATUS(flowai_outbox_open(file_named("opening.db"), none, DEFAULTS, NULL, &outbox), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_outbox_open("/there/is/no/such/folder/x.db", client, DEFAULTS, NULL, &outbox),
                 FLOWAI_ERR_STORAGE);
    CHECK_STATUS(flowai_outbox_attach(file_named("missing.db"), client, DEFAULTS, NULL, &outbox), FLOWAI_ERR_STORAGE);
    CHECK_OK(flowai_outbox_options_new(NULL, &options));
    REFUSED(flowai_outbox_options_set_on_ambiguous(options, "hope", &error), "on_ambiguous");
    CHECK_OK(flowai_outbox_options_set_on_ambiguous(options, "surface", NULL));
    CHECK_OK(flowai_outbox_options_set_concurrency(options, 0, NULL));
    REFUSED(flowai_outbox_open(file_named("opening.db"), client, options, &error, &outbox), "options");
    flowai_outbox_options_free(options);
    CHECK_STATUS(flowai_outbox_options_set_keep_sent(options, 1, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_outbox_stats(outbox, NULL, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_outbox_flush(outbox, 10, NULL, &left), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_outbox_report_ack(report, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK(outbox.id == 0 && report.id == 0);
    CHECK(strcmp(flowai_outcome_name(FLOWAI_OUTCOME_MAYBE_SENT), "maybe_sent") == 0);
    CHECK(strcmp(flowai_outcome_name(99), "unknown") == 0);
    flowai_client_free(client);
}

static void sending(void)
{
    flowai_outbox outbox = open_outbox("sending.db", client_of(ok_url), DEFAULTS), second = {0};
    flowai_send_options options = {0};
    flowai_outbox_receipt receipt = {0};
    flowai_outbox_report report;
    flowai_message message = {0};
    flowai_document document = {0};
    flowai_client client = client_of(NULL);
    flowai_error error = {0};
    flowai_str text = {0};
    FILE *file;
    char path[128];
    int64_t id, trace_id = 0;
    uint64_t left = 77;
    int i;

    CHECK_STATUS(flowai_outbox_open(file_named("sending.db"), client, DEFAULTS, NULL, &second), FLOWAI_ERR_STORAGE);
    flowai_client_free(client);
    id = send_text(outbox, "thread-1", "Hello");
    report = report_of(outbox, id, FLOWAI_OUTCOME_SENT);
    CHECK_TEXT(flowai_outbox_report_thread_id(report, &text), text, "thread-1");
    CHECK_TEXT(flowai_outbox_report_error(report, &text), text, "");
    CHECK_OK(flowai_outbox_report_trace_id(report, &trace_id));
    CHECK(trace_id > 0);
    CHECK_OK(flowai_outbox_report_document(report, &document));
    CHECK_TEXT(flowai_document_name(document, &text), text, "OutboxReport");
    CHECK_TEXT(flowai_document_string(document, "outcome", NULL, &text), text, "sent");
    CHECK_TEXT(flowai_document_string(document, "message.speech", NULL, &text), text, "Hello");
    CHECK(integer_of(document, "id") == id && integer_of(document, "trace_id") == trace_id);
    CHECK(integer_of(document, "attempts") == 1 && integer_of(document, "ambiguous_attempts") == 0);
    CHECK(integer_in(document, "settled_at_ms") > 1700000000000);
    CHECK_OK(flowai_outbox_report_message(report, &message));
    acknowledge(report);
    CHECK_STATUS(flowai_outbox_report_ack(report, NULL), FLOWAI_ERR_BAD_HANDLE);

    /* The message of a report can be sent again, and everything else can be sent too. */
    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_trace_id(options, 4711, NULL));
    CHECK_OK(flowai_send_options_set_expires_in_ms(options, 3600000, NULL));
    CHECK_OK(flowai_outbox_send(outbox, "thread-1", message, options, NULL, &receipt));
    CHECK_OK(flowai_outbox_receipt_trace_id(receipt, &trace_id));
    CHECK(trace_id == 4711);
    flowai_outbox_receipt_free(receipt);
    flowai_message_free(message);
    CHECK_OK(flowai_outbox_send_event(outbox, "thread-1", "GO", NO_OPTIONS, NULL, &receipt));
    flowai_outbox_receipt_free(receipt);
    CHECK_OK(flowai_outbox_send_location(outbox, "thread-1", "1.5", "-2", NO_OPTIONS, NULL, &receipt));
    flowai_outbox_receipt_free(receipt);
    CHECK_OK(flowai_outbox_send_media(outbox, "thread-1", "https://example.com/a.png", "image", NO_OPTIONS, NULL,
                                      &receipt));
    flowai_outbox_receipt_free(receipt);
    strcpy(path, file_named("photo.png"));
    file = fopen(path, "w");
    CHECK(file != NULL && fputs("not really", file) >= 0 && fclose(file) == 0);
    REFUSED(flowai_outbox_upload_media(outbox, "thread-1", path, 9, NO_OPTIONS, &error, &receipt), "keep");
    CHECK_OK(flowai_outbox_upload_media(outbox, "thread-1", path, FLOWAI_KEEP_REFERENCE, NO_OPTIONS, NULL, &receipt));
    flowai_outbox_receipt_free(receipt);
    CHECK_OK(flowai_outbox_flush(outbox, 30000, NULL, &left));
    CHECK(left == 0);
    CHECK_OK(flowai_outbox_upload_media(outbox, "thread-1", path, FLOWAI_KEEP_COPY, NO_OPTIONS, NULL, &receipt));
    flowai_outbox_receipt_free(receipt);
    CHECK(remove(path) == 0);
    CHECK_OK(flowai_send_options_set_filename(options, "a.pdf", NULL));
    CHECK_OK(flowai_outbox_upload_media_bytes(outbox, "thread-1", "content", 7, options, NULL, &receipt));
    flowai_outbox_receipt_free(receipt);
    flowai_send_options_free(options);
    for (i = 0; i < 7; i++)
        acknowledge(report_of(outbox, 0, FLOWAI_OUTCOME_SENT));
    CHECK(stat_of(outbox, "waiting") == 0 && stat_of(outbox, "reports") == 0 && stat_of(outbox, "sending") == 0);
    flowai_outbox_free(outbox);
    flowai_outbox_free(outbox);
    CHECK_STATUS(flowai_outbox_stats(outbox, NULL, &document), FLOWAI_ERR_BAD_HANDLE);
}

static void wrong_arguments(void)
{
    flowai_outbox outbox = open_outbox("wrong.db", client_of(NULL), DEFAULTS), none = {0};
    flowai_client client = client_of(NULL);
    flowai_send_options options = {0}, bad = {77};
    flowai_outbox_receipt receipt = {0};
    flowai_receipt sent = {0};
    flowai_message message = {0};
    flowai_error error = {0};
    flowai_str text = {0};

    REFUSED(flowai_outbox_send_text(outbox, NULL, "x", NO_OPTIONS, &error, &receipt), "thread_id");
    REFUSED(flowai_outbox_send_text(outbox, "..", "x", NO_OPTIONS, &error, &receipt), "thread_id");
    REFUSED(flowai_outbox_send_text(outbox, "t", NULL, NO_OPTIONS, &error, &receipt), "text");
    REFUSED(flowai_outbox_send_text(outbox, "t", "", NO_OPTIONS, &error, &receipt), "text");
    REFUSED(flowai_outbox_send_text(outbox, "t", "x", NO_OPTIONS, &error, NULL), "out");
    REFUSED(flowai_outbox_send_event(outbox, "t", NULL, NO_OPTIONS, &error, &receipt), "event_name");
    REFUSED(flowai_outbox_send_location(outbox, "t", "1", NULL, NO_OPTIONS, &error, &receipt), "long");
    REFUSED(flowai_outbox_send_media(outbox, "t", NULL, "image", NO_OPTIONS, &error, &receipt), "url");
    REFUSED(flowai_outbox_upload_media(outbox, "t", "/there/is/no/such/file", FLOWAI_KEEP_COPY, NO_OPTIONS, &error,
                                       &receipt), "file");
    REFUSED(flowai_outbox_upload_media_bytes(outbox, "t", NULL, 3, NO_OPTIONS, &error, &receipt), "file");
    CHECK_STATUS(flowai_outbox_send(outbox, "t", message, NO_OPTIONS, NULL, &receipt), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_outbox_send_text(outbox, "t", "x", bad, NULL, &receipt), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_outbox_send_text(none, "t", "x", NO_OPTIONS, &error, &receipt), FLOWAI_ERR_BAD_HANDLE);
    CHECK_TEXT(flowai_error_operation(error, &text), text, "send_text");
    flowai_error_free(error);
    /* What belongs to a call has no place here, and the other way round. */
    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_timeout_ms(options, 1000, NULL));
    REFUSED(flowai_outbox_send_text(outbox, "t", "x", options, &error, &receipt), "timeout_ms");
    flowai_send_options_free(options);
    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_expires_in_ms(options, 1000, NULL));
    REFUSED(flowai_client_send_text(client, "t", "x", options, &error, &sent), "expires_in_ms");
    CHECK_OK(flowai_send_options_set_write_concern(options, true, NULL));
    REFUSED(flowai_outbox_send_text(outbox, "t", "x", options, &error, &receipt), "write_concern");
    flowai_send_options_free(options);
    CHECK(receipt.id == 0 && stat_of(outbox, "waiting") == 0);
    flowai_client_free(client);
    flowai_outbox_free(outbox);
}

static void waiting(void)
{
    flowai_client client = client_of(NULL);
    flowai_outbox_options options = {0};
    flowai_send_options brief = {0};
    flowai_outbox outbox, guest = {0};
    flowai_outbox_receipt receipt = {0};
    flowai_outbox_report report = {5};
    flowai_list list = {0};
    flowai_document document = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    uint64_t left = 0;
    int64_t first, second, other;
    bool yes = false;

    CHECK_OK(flowai_outbox_options_new(NULL, &options));
    CHECK_OK(flowai_outbox_options_set_max_messages(options, 4, NULL));
    CHECK_OK(flowai_outbox_options_set_max_bytes(options, 1 << 20, NULL));
    CHECK_OK(flowai_outbox_options_set_retry_ms(options, 10, 100, NULL));
    CHECK_OK(flowai_outbox_options_set_max_age_ms(options, 86400000, NULL));
    CHECK_OK(flowai_outbox_options_set_close_time_ms(options, 100, NULL));
    CHECK_OK(flowai_outbox_options_set_lock_time_ms(options, 500, NULL));
    outbox = open_outbox("waiting.db", client_of(NULL), options);
    first = send_text(outbox, "thread-1", "one");
    second = send_text(outbox, "thread-1", "two");
    other = send_text(outbox, "thread-2", "three");
    CHECK_OK(flowai_send_options_new(NULL, &brief));
    CHECK_OK(flowai_send_options_set_expires_in_ms(brief, 1, NULL));
    CHECK_OK(flowai_outbox_send_text(outbox, "thread-3", "late", brief, NULL, &receipt));
    flowai_outbox_receipt_free(receipt);
    flowai_send_options_free(brief);
    report = report_of(outbox, 0, FLOWAI_OUTCOME_FAILED);
    CHECK_OK(flowai_outbox_report_document(report, &document));
    CHECK_TEXT(flowai_document_string(document, "error_kind", NULL, &text), text, "expired");
    flowai_document_free(document);
    acknowledge(report);
    CHECK_OK(flowai_outbox_next_report(outbox, 20, NULL, &report));
    CHECK(report.id == 0);
    CHECK_OK(flowai_outbox_flush(outbox, 200, NULL, &left));
    CHECK(left == 3 && stat_of(outbox, "waiting") == 3 && stat_of(outbox, "ambiguous") == 0);
    CHECK(stat_of(outbox, "oldest_ms") >= 0 && stat_of(outbox, "bytes") > 0 && stat_of(outbox, "arriving") == 0);
    CHECK_OK(flowai_outbox_stats(outbox, NULL, &document));
    CHECK_TEXT(flowai_document_string(document, "error_kind", NULL, &text), text, "connection");
    flowai_document_free(document);

    CHECK_OK(flowai_outbox_list(outbox, "thread-1", 0, 100, NULL, &list));
    document = item_of(list, 0);
    CHECK(integer_of(document, "id") == first && integer_of(document, "attempts") > 0);
    CHECK(integer_of(document, "expires_at_ms") > integer_of(document, "enqueued_at_ms"));
    CHECK(integer_of(document, "size") > 0);
    CHECK_TEXT(flowai_document_string(document, "message.speech", NULL, &text), text, "one");
    CHECK(integer_of(document, "position") > 0);
    flowai_document_free(document);
    CHECK(count_of(list) == 2);
    CHECK_OK(flowai_outbox_show(outbox, second, NULL, &document));
    CHECK_TEXT(flowai_document_string(document, "state", NULL, &text), text, "queued");
    flowai_document_free(document);
    CHECK_OK(flowai_outbox_show(outbox, 4711, NULL, &document));
    CHECK(document.id == 0);

    /* Another process looks and puts something in; here it is this one. */
    CHECK_OK(flowai_outbox_attach(file_named("waiting.db"), client, options, NULL, &guest));
    CHECK_STATUS(flowai_outbox_next_report(guest, 10, NULL, &report), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_outbox_flush(guest, 10, NULL, &left), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_outbox_discard(guest, other, NULL, &yes));
    CHECK(yes);
    CHECK_OK(flowai_outbox_discard(outbox, other, NULL, &yes));
    CHECK(!yes);
    send_text(guest, "thread-4", "from a guest");
    flowai_outbox_free(guest);
    CHECK_OK(flowai_outbox_flush(outbox, 100, NULL, &left));
    CHECK(left == 3);
    while (stat_of(outbox, "waiting") < 3)
        usleep(10000);
    send_text(outbox, "thread-5", "the last one");
    CHECK_STATUS(flowai_outbox_send_text(outbox, "thread-5", "x", NO_OPTIONS, &error, &receipt), FLOWAI_ERR_QUEUE_FULL);
    CHECK_OK(flowai_error_message(error, &text));
    CHECK(strstr(text.ptr, "full") != NULL);
    flowai_error_free(error);
    CHECK_OK(flowai_outbox_close(outbox, NULL));
    CHECK_OK(flowai_outbox_close(outbox, NULL));
    CHECK_STATUS(flowai_outbox_stats(outbox, NULL, &document), FLOWAI_ERR_CLOSED);
    CHECK_STATUS(flowai_outbox_send_text(outbox, "t", "x", NO_OPTIONS, NULL, &receipt), FLOWAI_ERR_CLOSED);
    flowai_outbox_free(outbox);

    /* What waited is there, and leaves when it can. */
    outbox = open_outbox("waiting.db", client_of(ok_url), options);
    flowai_outbox_options_free(options);
    CHECK_OK(flowai_outbox_flush(outbox, 30000, NULL, &left));
    CHECK(left == 0);
    flowai_outbox_free(outbox);
    flowai_client_free(client);
}

static void outcomes(void)
{
    flowai_outbox outbox = open_outbox("refused.db", client_that("status-400"), DEFAULTS);
    int64_t id = send_text(outbox, "thread-1", "no"), trace_id = 0;
    flowai_outbox_report report = report_of(outbox, id, FLOWAI_OUTCOME_FAILED);
    flowai_document document = {0};
    flowai_event event;
    flowai_error error = {0};
    flowai_str text = {0};
    char body[256];
    bool known = true;

    CHECK_OK(flowai_outbox_report_error(report, &text));
    CHECK(strstr(text.ptr, "400") != NULL);
    CHECK_OK(flowai_outbox_report_document(report, &document));
    CHECK(integer_in(document, "status") == 400);
    /* What was not acknowledged is told again. */
    flowai_outbox_report_free(report);
    flowai_outbox_free(outbox);
    outbox = open_outbox("refused.db", client_of(NULL), DEFAULTS);
    report = report_of(outbox, id, FLOWAI_OUTCOME_FAILED);
    flowai_outbox_free(outbox);
    CHECK_STATUS(flowai_outbox_report_ack(report, NULL), FLOWAI_ERR_CLOSED);
    CHECK_OK(flowai_outbox_report_error(report, &text));
    flowai_outbox_report_free(report);

    /* Nobody knows whether it was taken, until a delivery event says so. */
    outbox = open_outbox("reset.db", client_that("reset"), DEFAULTS);
    id = send_text(outbox, "thread-1", "perhaps");
    report = report_of(outbox, id, FLOWAI_OUTCOME_MAYBE_SENT);
    CHECK_OK(flowai_outbox_report_trace_id(report, &trace_id));
    acknowledge(report);
    CHECK(stat_of(outbox, "ambiguous") == 1);
    event = event_of("{\"type\":\"message.delivered\",\"threadId\":\"thread-1|x\",\"traceId\":1}");
    CHECK_OK(flowai_outbox_confirm(outbox, event, NULL, &known));
    CHECK(!known);
    REFUSED(flowai_outbox_confirm(outbox, event, &error, NULL), "out");
    flowai_event_free(event);
    CHECK_STATUS(flowai_outbox_confirm(outbox, event, NULL, &known), FLOWAI_ERR_BAD_HANDLE);
    snprintf(body, sizeof body,
             "{\"type\":\"message.delivered\",\"threadId\":\"thread-1|x\",\"traceId\":%lld}",
             (long long)trace_id);
    event = event_of(body);
    CHECK_OK(flowai_outbox_confirm(outbox, event, NULL, &known));
    CHECK(known);
    flowai_event_free(event);
    acknowledge(report_of(outbox, id, FLOWAI_OUTCOME_SENT));
    CHECK(stat_of(outbox, "ambiguous") == 0);
    flowai_outbox_free(outbox);
}

static void repeating(void)
{
    flowai_outbox_options options = {0};
    flowai_outbox outbox;
    flowai_outbox_report report;
    flowai_document document = {0};

    CHECK_OK(flowai_outbox_options_new(NULL, &options));
    CHECK_OK(flowai_outbox_options_set_on_ambiguous(options, "repeat", NULL));
    CHECK_OK(flowai_outbox_options_set_max_repeats(options, 2, NULL));
    CHECK_OK(flowai_outbox_options_set_retry_ms(options, 1, 5, NULL));
    CHECK_OK(flowai_outbox_options_set_keep_sent(options, 10, NULL));
    outbox = open_outbox("repeating.db", client_that("reset"), options);
    flowai_outbox_options_free(options);
    report = report_of(outbox, send_text(outbox, "thread-1", "again"), FLOWAI_OUTCOME_MAYBE_SENT);
    CHECK_OK(flowai_outbox_report_document(report, &document));
    CHECK(integer_in(document, "ambiguous_attempts") == 3);
    acknowledge(report);
    flowai_outbox_free(outbox);
}

static void *wait_for_ever(void *id)
{
    flowai_outbox outbox = {*(uint64_t *)id};
    flowai_outbox_report report = {0};

    return (void *)(size_t)flowai_outbox_next_report(outbox, FLOWAI_FOREVER, NULL, &report);
}

static void *flush_for_ever(void *id)
{
    flowai_outbox outbox = {*(uint64_t *)id};
    uint64_t left = 0;

    return (void *)(size_t)flowai_outbox_flush(outbox, FLOWAI_FOREVER, NULL, &left);
}

static void waits_end(void)
{
    flowai_outbox outbox = open_outbox("ends.db", client_of(NULL), DEFAULTS);
    pthread_t threads[2];
    void *ended = NULL;
    int i;

    send_text(outbox, "thread-1", "never");
    CHECK(pthread_create(&threads[0], NULL, wait_for_ever, &outbox.id) == 0);
    CHECK(pthread_create(&threads[1], NULL, flush_for_ever, &outbox.id) == 0);
    usleep(100000);
    flowai_outbox_free(outbox);
    for (i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], &ended) == 0);
        CHECK((size_t)ended == FLOWAI_ERR_CLOSED);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    ok_url = argv[1];
    opening();
    sending();
    wrong_arguments();
    waiting();
    outcomes();
    repeating();
    waits_end();
    flowai_shutdown();
    return 0;
}
