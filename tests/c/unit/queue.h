/* Calls that are not waited for. */
#ifndef QUEUE_H
#define QUEUE_H

#include "check.h"
#include <errno.h>

static inline flowai_queue queue_of(size_t capacity)
{
    flowai_queue queue = {0};

    CHECK_OK(flowai_queue_new(capacity, NULL, &queue));
    return queue;
}

static inline flowai_call send_of(flowai_client by, const char *text)
{
    flowai_call call = {0};

    CHECK_OK(flowai_call_new(by, "send_text", NULL, &call));
    CHECK_OK(flowai_call_set_text(call, "thread_id", "thread-1", NULL));
    CHECK_OK(flowai_call_set_text(call, "text", text, NULL));
    return call;
}

static inline flowai_status submit(flowai_queue queue, flowai_client by, flowai_done done, void *user_data)
{
    flowai_call call = send_of(by, "Hello");
    flowai_status status = flowai_queue_submit(queue, call, done, user_data, NULL);

    flowai_call_free(call);
    return status;
}

static inline size_t count_in(flowai_queue queue)
{
    size_t count = 77;

    CHECK_OK(flowai_queue_count(queue, &count));
    return count;
}

static inline flowai_completion next(flowai_queue queue)
{
    flowai_completion completion = {0};

    errno = 4242;
    CHECK_OK(flowai_poll(queue, 20000, NULL, &completion));
    CHECK(errno == 4242);
    CHECK(completion.id != 0);
    return completion;
}

static inline flowai_status status_of(flowai_completion completion)
{
    flowai_status status = -5;

    CHECK_OK(flowai_completion_status(completion, &status));
    return status;
}

#endif
