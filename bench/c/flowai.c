/* Sends messages one after another through libflowai: flowai BASE_URL WARM_UP COUNT [CA_FILE [cold]]; cold: a client each. */
#include "common.h"
#include <flowai.h>
#include <string.h>

int main(int argc, char **argv)
{
    flowai_config config = {0};
    flowai_send_options no_options = {0};
    flowai_client client = {0};
    flowai_error error = {0};
    long warm_up, count, n;
    int cold;
    double began = 0;
    char text[64];

    if (argc < 4)
        return bench_failed("usage: flowai BASE_URL WARM_UP COUNT [CA_FILE [cold]]");
    warm_up = atol(argv[2]);
    count = atol(argv[3]);
    cold = argc > 5 && strcmp(argv[5], "cold") == 0;
    if (flowai_config_new(&error, &config) != FLOWAI_OK
        || flowai_config_set_api_key(config, BENCH_KEY, &error) != FLOWAI_OK
        || flowai_config_set_base_url(config, argv[1], &error) != FLOWAI_OK
        || (argc > 4 && *argv[4] && flowai_config_set_ca_file(config, argv[4], &error) != FLOWAI_OK)
        || flowai_client_new(config, &error, &client) != FLOWAI_OK)
        return bench_failed("cannot make a client");
    for (n = 0; n < warm_up + count; n++) {
        flowai_receipt receipt = {0};
        if (n == warm_up)
            began = bench_now();
        if (cold) {
            flowai_client_free(client);
            if (flowai_client_new(config, &error, &client) != FLOWAI_OK)
                return bench_failed("cannot make a client");
        }
        snprintf(text, sizeof text, "message %ld", n);
        if (flowai_client_send_text(client, "thread-1", text, no_options, &error, &receipt) != FLOWAI_OK) {
            flowai_str message = {0};
            (void)flowai_error_message(error, &message);
            return bench_failed(message.ptr);
        }
        flowai_receipt_free(receipt);
    }
    return bench_end(bench_now() - began);
}
