/* A child of fork goes on with what it has, whatever the threads of its parent were doing. */
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

static atomic_bool stop;
static flowai_client client;

static void *make_and_free(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        flowai_event event = event_of("{\"type\":\"message\"}");
        flowai_str text = {0};

        CHECK_OK(flowai_event_text(event, &text));
        flowai_event_free(event);
    }
    return NULL;
}

static void send_one(const char *text)
{
    flowai_send_options none = {0};
    flowai_receipt receipt = {0};

    CHECK_OK(flowai_client_send_text(client, "thread-1", text, none, NULL, &receipt));
    flowai_receipt_free(receipt);
}

static void *send_many(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop))
        send_one("from a thread");
    return NULL;
}

static void in_child(flowai_receiver receiver, flowai_event event)
{
    flowai_event next = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    int i;

    alarm(30);
    CHECK_TEXT(flowai_event_type(event, &text), text, "kept");
    for (i = 0; i < 100; i++)
        flowai_event_free(event_of("{\"type\":\"message\"}"));
    send_one("from a child");
    CHECK_STATUS(flowai_receiver_next(receiver, 1000, &error, &next), FLOWAI_ERR_FORKED);
    CHECK_TEXT(flowai_error_name(error, &text), text, "forked");
    CHECK_STATUS(flowai_receiver_stop(receiver, NULL), FLOWAI_ERR_FORKED);
    flowai_error_free(error);
    flowai_receiver_free(receiver);
    flowai_event_free(event);
    flowai_client_free(client);
    _exit(0);
}

int main(int argc, char **argv)
{
    flowai_receiver_config config = {0};
    flowai_receiver receiver = {0};
    flowai_event event = event_of("{\"type\":\"kept\"}"), none = {0};
    pthread_t threads[3];
    int i;

    CHECK(argc == 2);
    client = client_of(argv[1]);
    CHECK_OK(flowai_receiver_config_new(NULL, &config));
    CHECK_OK(flowai_receiver_config_set_no_verifier(config, NULL));
    CHECK_OK(flowai_receiver_start(config, NULL, &receiver));
    flowai_receiver_config_free(config);
    send_one("before");
    CHECK(pthread_create(&threads[0], NULL, make_and_free, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, make_and_free, NULL) == 0);
    CHECK(pthread_create(&threads[2], NULL, send_many, NULL) == 0);
    for (i = 0; i < 30; i++) {
        int status = -1;
        pid_t child = fork();

        CHECK(child >= 0);
        if (child == 0)
            in_child(receiver, event);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    atomic_store(&stop, true);
    for (i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    send_one("after");
    CHECK_OK(flowai_receiver_next(receiver, 10, NULL, &none));
    CHECK(none.id == 0);
    flowai_receiver_free(receiver);
    flowai_event_free(event);
    flowai_client_free(client);
    return 0;
}
