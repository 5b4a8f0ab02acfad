/* After flowai_shutdown() no thread of the library is left, and everything can begin again. */
#include "check.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

static size_t threads_now(void)
{
    DIR *folder = opendir("/proc/self/task");
    size_t count = 0;
    struct dirent *entry;

    CHECK(folder);
    while ((entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void work(const char *url)
{
    flowai_receiver_config config = {0};
    flowai_receiver receiver = {0};
    flowai_queue queue = {0};
    flowai_call call = {0};
    flowai_client client = client_of(url);
    flowai_completion completion = {0};
    flowai_send_options none = {0};
    flowai_receipt receipt = {0};

    CHECK_OK(flowai_client_send_text(client, "t", "Hello", none, NULL, &receipt));
    CHECK_OK(flowai_receiver_config_new(NULL, &config));
    CHECK_OK(flowai_receiver_config_set_no_verifier(config, NULL));
    CHECK_OK(flowai_receiver_start(config, NULL, &receiver));
    CHECK_OK(flowai_queue_new(4, NULL, &queue));
    CHECK_OK(flowai_queue_watch_receiver(queue, receiver, NULL, NULL, NULL));
    CHECK_OK(flowai_call_new(client, "send_text", NULL, &call));
    CHECK_OK(flowai_call_set_arguments(call, "{\"thread_id\": \"t\", \"text\": \"Hello\"}", NULL));
    CHECK_OK(flowai_queue_submit(queue, call, NULL, NULL, NULL));
    CHECK_OK(flowai_queue_submit(queue, call, NULL, NULL, NULL));
    CHECK_OK(flowai_poll(queue, 20000, NULL, &completion));
    CHECK(completion.id != 0);
    CHECK(threads_now() > 1);
    /* Nothing is freed: that is for flowai_shutdown(). */
}

/* Whatever is freed under it, a call comes to its end. */
static void *call_and_return(void *url)
{
    flowai_config config = {0};
    flowai_client client = {0};
    flowai_send_options none = {0};
    flowai_receipt receipt = {0};
    flowai_status status = flowai_config_new(NULL, &config);

    if (status == FLOWAI_OK)
        status = flowai_config_set_api_key(config, "MY_MESSAGING_API_KEY", NULL);
    if (status == FLOWAI_OK)
        status = flowai_config_set_base_url(config, url, NULL);
    if (status == FLOWAI_OK)
        status = flowai_client_new(config, NULL, &client);
    if (status == FLOWAI_OK)
        status = flowai_client_send_text(client, "t", "Hello", none, NULL, &receipt);
    CHECK(status == FLOWAI_OK || status == FLOWAI_ERR_BAD_HANDLE);
    flowai_receipt_free(receipt);
    flowai_client_free(client);
    flowai_config_free(config);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int round, status = -1;
    pid_t child;

    CHECK(argc == 2);
    flowai_shutdown();
    for (round = 0; round < 5; round++) {
        work(argv[1]);
        flowai_shutdown();
        CHECK(threads_now() == 1);
    }
    /* While another thread is in a call; it ends as if nothing had happened. */
    for (round = 0; round < 20; round++) {
        CHECK(pthread_create(&thread, NULL, call_and_return, argv[1]) == 0);
        flowai_shutdown();
        pthread_join(thread, NULL);
    }
    /* A child ends its own. */
    work(argv[1]);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(30);
        work(argv[1]);
        flowai_shutdown();
        CHECK(threads_now() == 1);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    flowai_shutdown();
    CHECK(threads_now() == 1);
    return 0;
}
