/*
 * A program with an event loop of its own: it sends several messages without waiting for them, and takes the replies of
 * the bot from the same queue. One descriptor stands for all of it, beside whatever else the loop watches; here that is
 * a timer, which ends the program when the bot stays silent.
 *
 *     epoll [COUNT]
 *
 * Reads FLOWAI_API_KEY, FLOWAI_BASE_URL, FLOWAI_WEBHOOK_SECRET and FLOWAI_LISTEN from the environment.
 * Ends with 0 when every message was sent and answered.
 */
#include <flowai.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct program {
    flowai_client client;
    flowai_receiver receiver;
    flowai_queue queue;
    int wanted, submitted, sent, answered, failed;
};

static void print_and_free(flowai_error error)
{
    flowai_str message = {0};

    if (flowai_error_message(error, &message) == FLOWAI_OK)
        fprintf(stderr, "%s\n", message.ptr);
    flowai_error_free(error);
}

/* Called by flowai_poll() when a message was sent, or not. */
static void on_sent(void *user_data, flowai_completion completion)
{
    struct program *program = user_data;
    flowai_receipt receipt = {0};
    flowai_error error = {0};
    int64_t trace_id = FLOWAI_NONE;

    if (flowai_completion_receipt(completion, &receipt) == FLOWAI_OK
        && flowai_receipt_trace_id(receipt, &trace_id) == FLOWAI_OK) {
        printf("sent, trace id %lld\n", (long long)trace_id);
        program->sent++;
    } else if (flowai_completion_error(completion, &error) == FLOWAI_OK) {
        print_and_free(error);
        program->failed++;
    }
    flowai_receipt_free(receipt);
}

/* Called by flowai_poll() for every event of the webhook. */
static void on_event(void *user_data, flowai_completion completion)
{
    struct program *program = user_data;
    flowai_event event = {0};
    flowai_kind kind = FLOWAI_EVENT_UNKNOWN;
    flowai_str text = {0};

    if (flowai_completion_event(completion, &event) != FLOWAI_OK)
        return; /* the last one: the receiver was stopped */
    if (flowai_event_kind(event, &kind) == FLOWAI_OK && kind == FLOWAI_EVENT_REPLY
        && flowai_event_text(event, &text) == FLOWAI_OK) {
        printf("the bot says: %s\n", text.ptr);
        program->answered++;
    }
    flowai_event_free(event);
}

/* Starts as many sends as there is room for. */
static void send_more(struct program *program)
{
    flowai_status status = FLOWAI_OK;
    flowai_error error = {0};
    flowai_call call = {0};
    char text[32];

    if (flowai_call_new(program->client, "send_text", &error, &call) != FLOWAI_OK
        || flowai_call_set_text(call, "thread_id", "epoll-thread", &error) != FLOWAI_OK)
        status = FLOWAI_ERR_INTERNAL;
    while (status == FLOWAI_OK && program->submitted < program->wanted) {
        snprintf(text, sizeof text, "message %d", program->submitted + 1);
        status = flowai_call_set_text(call, "text", text, &error);
        if (status == FLOWAI_OK)
            status = flowai_queue_submit(program->queue, call, on_sent, program, &error);
        program->submitted += status == FLOWAI_OK;
    }
    flowai_call_free(call);
    if (status == FLOWAI_ERR_QUEUE_FULL) {
        flowai_error_free(error); /* the rest when there is room again */
    } else if (status != FLOWAI_OK) {
        print_and_free(error);
        program->failed++;
    }
}

static flowai_status start(struct program *program, flowai_error *error)
{
    const char *address = getenv("FLOWAI_LISTEN");
    flowai_config from_environment = {0};
    flowai_receiver_config config = {0};
    flowai_jwt_options defaults = {0};
    flowai_verifier verifier = {0};
    flowai_status status;

    status = flowai_client_new(from_environment, error, &program->client);
    if (status == FLOWAI_OK)
        status = flowai_verifier_jwt(getenv("FLOWAI_WEBHOOK_SECRET"), defaults, error, &verifier);
    if (status == FLOWAI_OK)
        status = flowai_receiver_config_new(error, &config);
    if (status == FLOWAI_OK)
        status = flowai_receiver_config_set_verifier(config, verifier, error);
    if (status == FLOWAI_OK)
        status = flowai_receiver_config_set_listen(config, address ? address : "127.0.0.1:9000", error);
    if (status == FLOWAI_OK)
        status = flowai_receiver_start(config, error, &program->receiver);
    if (status == FLOWAI_OK)
        status = flowai_queue_new(4, error, &program->queue);
    if (status == FLOWAI_OK)
        status = flowai_queue_watch_receiver(program->queue, program->receiver, on_event, program, error);
    flowai_receiver_config_free(config);
    flowai_verifier_free(verifier);
    return status;
}

static void watch(int loop, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = descriptor}};

    if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event) != 0)
        abort();
}

static void run(struct program *program)
{
    struct itimerspec half_a_minute = {.it_value = {.tv_sec = 30}};
    int loop = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), ours = -1;

    if (flowai_queue_fd(program->queue, &ours) != FLOWAI_OK)
        abort();
    timerfd_settime(timer, 0, &half_a_minute, NULL);
    watch(loop, timer);
    watch(loop, ours);
    send_more(program);
    while (program->failed == 0 && (program->sent < program->wanted || program->answered < program->wanted)) {
        struct epoll_event event;

        if (epoll_wait(loop, &event, 1, -1) != 1)
            continue;
        if (event.data.fd == ours) {
            flowai_completion none = {0};
            flowai_error error = {0};

            if (flowai_poll(program->queue, 0, &error, &none) != FLOWAI_OK)
                print_and_free(error);
            send_more(program);
        } else {
            fprintf(stderr, "the bot stays silent\n");
            break;
        }
    }
    close(timer);
    close(loop);
}

int main(int argc, char **argv)
{
    struct program program = {0};
    flowai_error error = {0};

    program.wanted = argc > 1 ? atoi(argv[1]) : 10;
    if (start(&program, &error) == FLOWAI_OK)
        run(&program);
    else
        print_and_free(error);
    flowai_queue_free(program.queue);
    flowai_receiver_free(program.receiver);
    flowai_client_free(program.client);
    return program.failed > 0 || program.sent < program.wanted || program.answered < program.wanted;
}
