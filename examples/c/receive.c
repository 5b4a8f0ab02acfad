/*
 * Receives webhook calls and prints the type, the thread and the text of each event.
 *
 *     receive [HOST:PORT [EVENTS [SECONDS]]]
 *
 * Listens on 127.0.0.1:9000 and goes on for ever, unless it is told after how many events or seconds to end.
 * FLOWAI_WEBHOOK_SECRET holds the secret that signs the calls; without it everybody may call, which only a test wants.
 */
#include <flowai.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(flowai_error error)
{
    flowai_str message = {0};

    if (flowai_error_message(error, &message) == FLOWAI_OK)
        fprintf(stderr, "%s\n", message.ptr);
    flowai_error_free(error);
    return 1;
}

static flowai_status listen_on(const char *address, const char *secret, flowai_error *error, flowai_receiver *receiver)
{
    flowai_receiver_config config = {0};
    flowai_jwt_options defaults = {0};
    flowai_verifier verifier = {0};
    flowai_status status = flowai_receiver_config_new(error, &config);

    if (status == FLOWAI_OK)
        status = flowai_receiver_config_set_listen(config, address, error);
    if (status == FLOWAI_OK && secret != NULL) {
        status = flowai_verifier_jwt(secret, defaults, error, &verifier);
        if (status == FLOWAI_OK)
            status = flowai_receiver_config_set_verifier(config, verifier, error);
    } else if (status == FLOWAI_OK) {
        status = flowai_receiver_config_set_no_verifier(config, error);
    }
    if (status == FLOWAI_OK)
        status = flowai_receiver_start(config, error, receiver);
    flowai_verifier_free(verifier);
    flowai_receiver_config_free(config);
    return status;
}

static void show(flowai_event event)
{
    flowai_str type = {0};
    flowai_str thread_id = {0};
    flowai_str text = {0};

    if (flowai_event_type(event, &type) == FLOWAI_OK && flowai_event_thread_id(event, &thread_id) == FLOWAI_OK
        && flowai_event_text(event, &text) == FLOWAI_OK)
        printf("%s\t%s\t%s\n", type.ptr, thread_id.ptr, text.ptr);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:9000";
    long events = argc > 2 ? atol(argv[2]) : -1;
    uint32_t limit = argc > 3 ? (uint32_t)atol(argv[3]) * 1000 : FLOWAI_FOREVER;
    flowai_receiver receiver = {0};
    flowai_error error = {0};
    flowai_str url = {0};
    int result = 0;

    if (listen_on(address, getenv("FLOWAI_WEBHOOK_SECRET"), &error, &receiver) != FLOWAI_OK)
        return failed(error);
    if (flowai_receiver_url(receiver, &url) == FLOWAI_OK)
        printf("listening on %s\n", url.ptr);
    fflush(stdout);
    while (events != 0) {
        flowai_event event = {0};

        if (flowai_receiver_next(receiver, limit, &error, &event) != FLOWAI_OK) {
            result = failed(error);
            break;
        }
        if (event.id == 0) {
            fprintf(stderr, "no event came in time\n");
            result = 1;
            break;
        }
        show(event);
        flowai_event_free(event);
        if (events > 0)
            events--;
    }
    flowai_receiver_free(receiver);
    return result;
}
