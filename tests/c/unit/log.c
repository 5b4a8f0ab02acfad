/* What the library says reaches the function of the program: at the level that was asked for, and without the key. */
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>

static const char KEY[] = "MY_MESSAGING_API_KEY";
static atomic_int lines, levels;
static atomic_bool inside_after_the_end;

static void count(void *user_data, flowai_log_level level, const char *target, const char *message)
{
    CHECK(level >= FLOWAI_LOG_ERROR && level <= FLOWAI_LOG_TRACE);
    CHECK(strncmp(target, "flowai", 6) == 0);
    CHECK(strlen(message) > 0);
    CHECK(!strstr(message, KEY) && !strstr(target, KEY));
    atomic_fetch_or(&levels, 1 << level);
    atomic_fetch_add((atomic_int *)user_data, 1);
}

static void replace_itself(void *user_data, flowai_log_level level, const char *target, const char *message)
{
    (void)level;
    (void)target;
    (void)message;
    atomic_fetch_add((atomic_int *)user_data, 1);
    CHECK_OK(flowai_log_set(NULL, NULL, FLOWAI_LOG_OFF, NULL));
}

static void send(flowai_client client, flowai_status wanted)
{
    flowai_send_options none = {0};
    flowai_receipt receipt = {0};

    CHECK_STATUS(flowai_client_send_text(client, "t", "Hello", none, NULL, &receipt), wanted);
    flowai_receipt_free(receipt);
}

static void *send_for_a_while(void *client)
{
    int i;

    for (i = 0; i < 40; i++)
        send(*(flowai_client *)client, FLOWAI_OK);
    return NULL;
}

/* A function that must not run after it was replaced: its user_data is on the stack. */
static void only_while_valid(void *user_data, flowai_log_level level, const char *target, const char *message)
{
    atomic_bool *valid = user_data;

    (void)level;
    (void)target;
    (void)message;
    if (!atomic_load(valid))
        atomic_store(&inside_after_the_end, true);
}

int main(int argc, char **argv)
{
    flowai_client client, nobody;
    flowai_error error = {0};
    flowai_str text = {0};
    pthread_t threads[3];
    int i, before;

    CHECK(argc == 2);
    client = client_of(argv[1]);
    nobody = client_of(NULL);
    send(client, FLOWAI_OK);
    CHECK_STATUS(flowai_log_set(count, &lines, 6, &error), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "level");
    flowai_error_free(error);
    CHECK(atomic_load(&lines) == 0);
    CHECK_OK(flowai_log_set(count, &lines, FLOWAI_LOG_TRACE, NULL));
    send(client, FLOWAI_OK);
    send(nobody, FLOWAI_ERR_CONNECTION);
    CHECK(atomic_load(&lines) >= 2);
    CHECK(atomic_load(&levels) & 1 << FLOWAI_LOG_DEBUG);
    /* Less is less, and nothing is nothing. */
    CHECK_OK(flowai_log_set(count, &lines, FLOWAI_LOG_ERROR, NULL));
    before = atomic_load(&lines);
    send(client, FLOWAI_OK);
    CHECK(atomic_load(&lines) == before);
    CHECK_OK(flowai_log_set(NULL, NULL, FLOWAI_LOG_TRACE, NULL));
    send(client, FLOWAI_OK);
    CHECK(atomic_load(&lines) == before);
    /* A function may be replaced by itself, and while other threads are in it. */
    CHECK_OK(flowai_log_set(replace_itself, &lines, FLOWAI_LOG_TRACE, NULL));
    send(client, FLOWAI_OK);
    send(client, FLOWAI_OK);
    CHECK(atomic_load(&lines) == before + 1);
    for (i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, send_for_a_while, &client) == 0);
    for (i = 0; i < 200; i++) {
        atomic_bool valid = true;

        CHECK_OK(flowai_log_set(only_while_valid, &valid, FLOWAI_LOG_TRACE, NULL));
        CHECK_OK(flowai_log_set(NULL, NULL, FLOWAI_LOG_OFF, NULL));
        atomic_store(&valid, false);
    }
    for (i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK(!atomic_load(&inside_after_the_end));
    CHECK_OK(flowai_log_set(count, &lines, FLOWAI_LOG_TRACE, NULL));
    flowai_client_free(client);
    flowai_client_free(nobody);
    flowai_shutdown();
    before = atomic_load(&lines);
    client = client_of(argv[1]);
    send(client, FLOWAI_OK);
    CHECK(atomic_load(&lines) == before);
    flowai_shutdown();
    return 0;
}
