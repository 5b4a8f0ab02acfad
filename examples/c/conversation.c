/*
 * A conversation: each text goes out over the REST API, each reply comes back as a webhook call.
 *
 * Reads FLOWAI_API_KEY, FLOWAI_BASE_URL, FLOWAI_WEBHOOK_SECRET and FLOWAI_LISTEN from the environment.
 * Ends with 0 when every text was answered.
 */
#include <flowai.h>
#include <stdio.h>
#include <stdlib.h>

#define THREAD "c-thread"

static flowai_status listen_for_replies(flowai_error *error, flowai_receiver *receiver)
{
    const char *address = getenv("FLOWAI_LISTEN");
    flowai_receiver_config config = {0};
    flowai_jwt_options defaults = {0};
    flowai_verifier verifier = {0};
    flowai_status status;

    status = flowai_verifier_jwt(getenv("FLOWAI_WEBHOOK_SECRET"), defaults, error, &verifier);
    if (status == FLOWAI_OK)
        status = flowai_receiver_config_new(error, &config);
    if (status == FLOWAI_OK)
        status = flowai_receiver_config_set_verifier(config, verifier, error);
    if (status == FLOWAI_OK)
        status = flowai_receiver_config_set_listen(config, address ? address : "127.0.0.1:9000", error);
    if (status == FLOWAI_OK)
        status = flowai_receiver_start(config, error, receiver);
    flowai_receiver_config_free(config);
    flowai_verifier_free(verifier);
    return status;
}

static flowai_status say(const char *said, flowai_client client, flowai_receiver receiver, flowai_error *error)
{
    flowai_send_options no_options = {0};
    flowai_receipt receipt = {0};
    flowai_event reply = {0};
    flowai_str text = {0};
    flowai_status status = flowai_client_send_text(client, THREAD, said, no_options, error, &receipt);

    if (status != FLOWAI_OK)
        return status;
    flowai_receipt_free(receipt);
    printf("C   -> bot: %s\n", said);
    status = flowai_receiver_wait(receiver, FLOWAI_EVENT_REPLY, THREAD, 10000, error, &reply);
    if (status != FLOWAI_OK)
        return status;
    if (flowai_event_text(reply, &text) == FLOWAI_OK) {
        printf("bot -> C  : %s\n", text.ptr);
    } else {
        puts("no reply within 10 seconds");
        status = FLOWAI_ERR_TIMEOUT;
    }
    flowai_event_free(reply);
    return status;
}

int main(void)
{
    flowai_config from_environment = {0};
    flowai_receiver receiver = {0};
    flowai_client client = {0};
    flowai_error error = {0};
    flowai_str message = {0};
    int failed = listen_for_replies(&error, &receiver) != FLOWAI_OK
                 || flowai_client_new(from_environment, &error, &client) != FLOWAI_OK
                 || say("Hello from C", client, receiver, &error) != FLOWAI_OK
                 || say("Are you there?", client, receiver, &error) != FLOWAI_OK;

    if (failed && flowai_error_message(error, &message) == FLOWAI_OK)
        fprintf(stderr, "%s\n", message.ptr);
    flowai_error_free(error);
    flowai_client_free(client);
    flowai_receiver_free(receiver);
    return failed;
}
