/* A program of somebody else: sends one message, and starts a receiver where the library has one. Exits 0 when both work. */
#include <flowai.h>
#include <stdio.h>
#include <string.h>

static int receives(void)
{
#ifndef FLOWAI_WITHOUT_DELIVERY
    flowai_receiver_config config = {0};
    flowai_receiver receiver = {0};
    int started = flowai_receiver_config_new(NULL, &config) == FLOWAI_OK
        && flowai_receiver_config_set_no_verifier(config, NULL) == FLOWAI_OK
        && flowai_receiver_start(config, NULL, &receiver) == FLOWAI_OK;

    flowai_receiver_free(receiver);
    flowai_receiver_config_free(config);
    return started;
#else
    return 1;
#endif
}

int main(void)
{
    flowai_config from_environment = {0};
    flowai_send_options no_options = {0};
    flowai_client client = {0};
    flowai_receipt receipt = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    int done = strcmp(flowai_version(), FLOWAI_VERSION) == 0
        && flowai_client_new(from_environment, &error, &client) == FLOWAI_OK
        && flowai_client_send_text(client, "thread-1", "Hello", no_options, &error, &receipt) == FLOWAI_OK;

    if (!done && flowai_error_message(error, &text) == FLOWAI_OK)
        fprintf(stderr, "%s\n", text.ptr);
    else if (done && receives())
        puts(flowai_version());
    else
        done = 0;
    flowai_error_free(error);
    flowai_receipt_free(receipt);
    flowai_client_free(client);
    return !done;
}
