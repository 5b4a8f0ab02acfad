/*
 * Receives webhook calls so that nothing is lost, and handles their events.
 *
 *     inbox FILE [HOST:PORT [SECONDS]]
 *
 * A call is acknowledged once its events are safe in FILE. From there each one is handled, which here means that its
 * number, the attempt, its type, thread and text are printed; after a crash those that were not handled to the end come
 * again. Listens on 127.0.0.1:9000 and goes on for ever, unless it is told to end when nothing came for some seconds.
 * FLOWAI_WEBHOOK_SECRET holds the secret that signs the calls; without it everybody may call, which only a test wants.
 */
#include <flowai.h>
#include <inttypes.h>
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

static flowai_status receive(flowai_inbox inbox, const char *address, const char *secret, flowai_error *error,
                             flowai_receiver *receiver)
{
    flowai_receiver_config config = {0};
    flowai_jwt_options defaults = {0};
    flowai_verifier verifier = {0};
    flowai_status status = flowai_receiver_config_new(error, &config);

    if (status == FLOWAI_OK)
        status = flowai_receiver_config_set_inbox(config, inbox, error);
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

/* What a program wants to do with an event. It may be called again with the same one, so it should not mind that. */
static flowai_status handle(flowai_inbox_delivery delivery)
{
    flowai_event event = {0};
    flowai_str type = {0};
    flowai_str thread_id = {0};
    flowai_str text = {0};
    int64_t id = 0;
    uint32_t attempt = 0;
    flowai_status status = flowai_inbox_delivery_event(delivery, &event);

    (void)flowai_inbox_delivery_id(delivery, &id);
    (void)flowai_inbox_delivery_attempt(delivery, &attempt);
    if (status == FLOWAI_OK && flowai_event_type(event, &type) == FLOWAI_OK
        && flowai_event_thread_id(event, &thread_id) == FLOWAI_OK && flowai_event_text(event, &text) == FLOWAI_OK)
        printf("%" PRId64 "\t%" PRIu32 "\t%s\t%s\t%s\n", id, attempt, type.ptr, thread_id.ptr, text.ptr);
    flowai_event_free(event);
    return fflush(stdout) == 0 ? status : FLOWAI_ERR_CANCELLED;
}

int main(int argc, char **argv)
{
    const char *address = argc > 2 ? argv[2] : "127.0.0.1:9000";
    uint32_t limit = argc > 3 ? (uint32_t)atol(argv[3]) * 1000 : FLOWAI_FOREVER;
    flowai_inbox_options defaults = {0};
    flowai_inbox inbox = {0};
    flowai_receiver receiver = {0};
    flowai_error error = {0};
    flowai_str url = {0};
    int result = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE [HOST:PORT [SECONDS]]\n", argv[0]);
        return 2;
    }
    if (flowai_inbox_open(argv[1], defaults, &error, &inbox) != FLOWAI_OK)
        return failed(error);
    if (receive(inbox, address, getenv("FLOWAI_WEBHOOK_SECRET"), &error, &receiver) != FLOWAI_OK) {
        flowai_inbox_free(inbox);
        return failed(error);
    }
    if (flowai_receiver_url(receiver, &url) == FLOWAI_OK)
        printf("listening on %s\n", url.ptr);
    fflush(stdout);
    for (;;) {
        flowai_inbox_delivery delivery = {0};

        if (flowai_inbox_next(inbox, limit, &error, &delivery) != FLOWAI_OK) {
            result = failed(error);
            break;
        }
        if (delivery.id == 0)
            break;                                          /* nothing came */
        if (handle(delivery) == FLOWAI_OK) {
            if (flowai_inbox_delivery_ack(delivery, &error) != FLOWAI_OK)
                failed(error);                              /* it comes again */
        } else {
            (void)flowai_inbox_delivery_retry(delivery, FLOWAI_NONE, NULL);
        }
        flowai_inbox_delivery_free(delivery);
    }
    flowai_receiver_free(receiver);
    flowai_inbox_free(inbox);
    return result;
}
