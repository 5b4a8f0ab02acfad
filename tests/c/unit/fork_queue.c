/* A queue stays with the process that made it; a child can make one of its own. */
#include "queue.h"
#include <sys/wait.h>

int main(int argc, char **argv)
{
    flowai_client client;
    flowai_queue queue = queue_of(4), fresh = {0};
    flowai_completion completion = {0};
    size_t count = 0;
    int fd = -1, status = -1;
    pid_t child;

    CHECK(argc == 2);
    client = client_of(argv[1]);
    CHECK_OK(submit(queue, client, NULL, NULL));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(30);
        CHECK_STATUS(flowai_poll(queue, 1000, NULL, &completion), FLOWAI_ERR_FORKED);
        CHECK_STATUS(submit(queue, client, NULL, NULL), FLOWAI_ERR_FORKED);
        CHECK_STATUS(flowai_queue_fd(queue, &fd), FLOWAI_ERR_FORKED);
        CHECK_STATUS(flowai_queue_count(queue, &count), FLOWAI_ERR_FORKED);
        flowai_queue_free(queue);
        fresh = queue_of(1);
        CHECK_OK(submit(fresh, client, NULL, NULL));
        completion = next(fresh);
        CHECK_OK(status_of(completion));
        flowai_completion_free(completion);
        flowai_queue_free(fresh);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    completion = next(queue);
    CHECK_OK(status_of(completion));
    flowai_completion_free(completion);
    flowai_queue_free(queue);
    flowai_client_free(client);
    flowai_shutdown();
    return 0;
}
