/*
 * Sends a text to a thread.
 *
 *     send THREAD TEXT
 *
 * FLOWAI_API_KEY holds the API key; FLOWAI_BASE_URL leads elsewhere than to the service itself.
 * Ends with 0 when the message was acknowledged, 3 when it was rejected, 4 when nobody knows, else 1.
 */
#include <flowai.h>
#include <inttypes.h>
#include <stdio.h>

static int failed(flowai_error error)
{
    flowai_str message = {0};
    flowai_delivery delivery = FLOWAI_DELIVERY_NONE;

    if (flowai_error_message(error, &message) == FLOWAI_OK)
        fprintf(stderr, "%s\n", message.ptr);
    (void)flowai_error_delivery(error, &delivery);
    flowai_error_free(error);
    if (delivery == FLOWAI_DELIVERY_REJECTED)
        return 3;
    return delivery == FLOWAI_DELIVERY_MAYBE_SENT ? 4 : 1;
}

int main(int argc, char **argv)
{
    flowai_config from_environment = {0};
    flowai_send_options no_options = {0};
    flowai_client client = {0};
    flowai_receipt receipt = {0};
    flowai_error error = {0};
    flowai_str thread_id = {0};
    int64_t trace_id = FLOWAI_NONE;
    int result = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: %s THREAD TEXT\n", argv[0]);
        return 2;
    }
    if (flowai_client_new(from_environment, &error, &client) != FLOWAI_OK
        || flowai_client_send_text(client, argv[1], argv[2], no_options, &error, &receipt) != FLOWAI_OK) {
        result = failed(error);
    } else if (flowai_receipt_thread_id(receipt, &thread_id) == FLOWAI_OK
               && flowai_receipt_trace_id(receipt, &trace_id) == FLOWAI_OK) {
        printf("sent to %s, trace id %" PRId64 "\n", thread_id.ptr, trace_id);
    }
    flowai_receipt_free(receipt);
    flowai_client_free(client);
    return result;
}
