/* A child of fork leaves the files of its parent alone; what it puts into an outbox its parent sends. */
#include "files.h"
#include <sys/wait.h>

#define CHILDREN 5

static const flowai_send_options NO_OPTIONS;
static const flowai_inbox_options INBOX_DEFAULTS;
static const flowai_outbox_options OUTBOX_DEFAULTS;

static void forked(flowai_status status, flowai_error error)
{
    flowai_str text = {0};

    CHECK_STATUS(status, FLOWAI_ERR_FORKED);
    CHECK_TEXT(flowai_error_name(error, &text), text, "forked");
    flowai_error_free(error);
}

static void in_child(flowai_inbox inbox, flowai_inbox_delivery delivery, flowai_outbox outbox, flowai_client client)
{
    flowai_inbox_delivery next = {0};
    flowai_outbox_report report = {0};
    flowai_outbox_receipt receipt = {0};
    flowai_inbox own = {0};
    flowai_document stats = {0};
    flowai_list list = {0};
    flowai_event event = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    uint64_t left = 0;

    alarm(60);
    forked(flowai_inbox_next(inbox, 1000, &error, &next), error);
    forked(flowai_inbox_put(inbox, "{\"type\":\"x\"}", 12, &error, &list), error);
    forked(flowai_inbox_stats(inbox, &error, &stats), error);
    forked(flowai_inbox_close(inbox, &error), error);
    forked(flowai_inbox_open(file_named("another.db"), INBOX_DEFAULTS, &error, &own), error);
    forked(flowai_inbox_delivery_ack(delivery, &error), error);
    CHECK_OK(flowai_inbox_delivery_event(delivery, &event));
    CHECK_TEXT(flowai_event_thread_id(event, &text), text, "a");
    flowai_event_free(event);

    CHECK_OK(flowai_outbox_send_text(outbox, "thread-1", "from a child", NO_OPTIONS, NULL, &receipt));
    flowai_outbox_receipt_free(receipt);
    forked(flowai_outbox_next_report(outbox, 1000, &error, &report), error);
    forked(flowai_outbox_flush(outbox, 1000, &error, &left), error);
    forked(flowai_outbox_stats(outbox, &error, &stats), error);
    forked(flowai_outbox_close(outbox, &error), error);
    flowai_inbox_delivery_free(delivery);
    flowai_inbox_free(inbox);
    flowai_outbox_free(outbox);
    flowai_client_free(client);
    flowai_shutdown();
    _exit(0);
}

/* As another process: started anew, it attaches to the outbox. */
static int attached(const char *path, const char *base_url)
{
    flowai_client client = client_of(base_url);
    flowai_outbox outbox = {0};
    flowai_outbox_receipt receipt = {0};

    CHECK_STATUS(flowai_outbox_open(path, client, OUTBOX_DEFAULTS, NULL, &outbox), FLOWAI_ERR_STORAGE);
    CHECK_OK(flowai_outbox_attach(path, client, OUTBOX_DEFAULTS, NULL, &outbox));
    CHECK_OK(flowai_outbox_send_text(outbox, "thread-2", "from another process", NO_OPTIONS, NULL, &receipt));
    flowai_shutdown();
    return 0;
}

static void ends_well(pid_t child)
{
    int status = -1;

    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
    flowai_client client;
    flowai_inbox inbox = {0};
    flowai_inbox_delivery delivery = {0};
    flowai_outbox outbox = {0};
    flowai_outbox_report report = {0};
    flowai_outcome outcome = FLOWAI_OUTCOME_UNKNOWN;
    flowai_list list = {0};
    char path[128];
    pid_t child;
    int i;

    if (argc == 4)
        return attached(argv[2], argv[3]);
    CHECK(argc == 2);
    client = client_of(argv[1]);
    CHECK_OK(flowai_inbox_open(file_named("inbox.db"), INBOX_DEFAULTS, NULL, &inbox));
    CHECK_OK(flowai_inbox_put(inbox, "{\"type\":\"x\",\"threadId\":\"a\"}", 27, NULL, &list));
    flowai_list_free(list);
    CHECK_OK(flowai_inbox_next(inbox, 30000, NULL, &delivery));
    strcpy(path, file_named("outbox.db"));
    CHECK_OK(flowai_outbox_open(path, client, OUTBOX_DEFAULTS, NULL, &outbox));
    for (i = 0; i < CHILDREN; i++) {
        child = fork();
        CHECK(child >= 0);
        if (child == 0)
            in_child(inbox, delivery, outbox, client);
        ends_well(child);
    }
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execl(argv[0], argv[0], "attach", path, argv[1], (char *)NULL);
        _exit(9);
    }
    ends_well(child);
    for (i = 0; i < CHILDREN + 1; i++) {
        CHECK_OK(flowai_outbox_next_report(outbox, 60000, NULL, &report));
        CHECK_OK(flowai_outbox_report_outcome(report, &outcome));
        CHECK(outcome == FLOWAI_OUTCOME_SENT);
        CHECK_OK(flowai_outbox_report_ack(report, NULL));
        flowai_outbox_report_free(report);
    }
    /* The children changed nothing. */
    CHECK_OK(flowai_inbox_delivery_ack(delivery, NULL));
    flowai_inbox_delivery_free(delivery);
    flowai_outbox_free(outbox);
    flowai_inbox_free(inbox);
    flowai_client_free(client);
    flowai_shutdown();
    return 0;
}
