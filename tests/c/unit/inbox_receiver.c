/* A receiver with an inbox: a call is acknowledged once its events are stored, and refused while they cannot be. */
#include "files.h"
#include "http.h"

static const char BODY[] = "{\"type\":\"message.reply\",\"threadId\":\"a|x\",\"messages\":[{\"meta\":{\"msgId\":\"1\"}}]}";

static int post(uint16_t port, const char *body)
{
    return request(port, "POST", "/", "", body);
}

int main(void)
{
    flowai_inbox_options defaults = {0};
    flowai_inbox inbox = {0}, none = {0};
    flowai_receiver_config config = {0};
    flowai_receiver receiver = {0};
    flowai_inbox_delivery delivery = {0};
    flowai_document stats = {0}, rejected = {0};
    flowai_event event = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    uint16_t port = 0;

    CHECK_OK(flowai_inbox_open(file_named("inbox.db"), defaults, NULL, &inbox));
    CHECK_OK(flowai_receiver_config_new(NULL, &config));
    CHECK_OK(flowai_receiver_config_set_no_verifier(config, NULL));
    CHECK_STATUS(flowai_receiver_config_set_inbox(config, none, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_OK(flowai_receiver_config_set_inbox(config, inbox, NULL));
    CHECK_OK(flowai_receiver_config_set_health(config, "no path", NULL));
    REFUSED(flowai_receiver_start(config, &error, &receiver), "health");
    CHECK_OK(flowai_receiver_config_set_health(config, "/how-are-you", NULL));
    CHECK_OK(flowai_receiver_start(config, NULL, &receiver));
    CHECK_OK(flowai_receiver_port(receiver, &port));
    flowai_receiver_config_free(config);
    /* The receiver needs no handle of the inbox. */
    flowai_inbox_free(inbox);
    CHECK_STATUS(flowai_inbox_open(file_named("inbox.db"), defaults, NULL, &inbox), FLOWAI_ERR_STORAGE);
    CHECK_OK(flowai_inbox_attach(file_named("inbox.db"), NULL, &inbox));

    CHECK(post(port, BODY) / 100 == 2);
    CHECK(post(port, BODY) / 100 == 2);
    CHECK(post(port, "no event") / 100 == 2);
    CHECK(request(port, "PUT", "/", "", "{}") == 405);
    CHECK(request(port, "GET", "/how-are-you", "", "") == 200);
    CHECK(request(port, "GET", "/health", "", "") == 404);
    CHECK_STATUS(flowai_receiver_next(receiver, 10, NULL, &event), FLOWAI_ERR_INVALID_ARGUMENT);
    REFUSED(flowai_receiver_reload_tls(receiver, &error), "tls");
    CHECK_OK(flowai_receiver_stats(receiver, NULL, &stats));
    CHECK(integer_of(stats, "accepted") >= 1 && integer_of(stats, "repeated") == 1 && integer_of(stats, "queued") == 0);
    CHECK(integer_of(stats, "dropped") == 0);
    CHECK_OK(flowai_document_document(stats, "rejected", NULL, &rejected));
    CHECK(integer_in(rejected, "405") == 1);
    flowai_document_free(stats);
    CHECK_OK(flowai_inbox_stats(inbox, NULL, &stats));
    CHECK(integer_of(stats, "waiting") == 1 && integer_of(stats, "dead") == 1);
    flowai_document_free(stats);
    flowai_inbox_free(inbox);
    CHECK_OK(flowai_receiver_stop(receiver, NULL));
    flowai_receiver_free(receiver);

    /* What was acknowledged is there, and while it cannot be stored nothing is acknowledged. */
    CHECK_OK(flowai_inbox_open(file_named("inbox.db"), defaults, NULL, &inbox));
    CHECK_OK(flowai_receiver_config_new(NULL, &config));
    CHECK_OK(flowai_receiver_config_set_no_verifier(config, NULL));
    CHECK_OK(flowai_receiver_config_set_inbox(config, inbox, NULL));
    CHECK_OK(flowai_receiver_config_set_health(config, NULL, NULL));
    CHECK_OK(flowai_receiver_start(config, NULL, &receiver));
    CHECK_OK(flowai_receiver_port(receiver, &port));
    flowai_receiver_config_free(config);
    CHECK(request(port, "GET", "/health", "", "") == 404);
    CHECK_OK(flowai_inbox_next(inbox, 30000, NULL, &delivery));
    CHECK_OK(flowai_inbox_delivery_event(delivery, &event));
    CHECK_TEXT(flowai_event_raw(event, &text), text, BODY);
    flowai_event_free(event);
    CHECK_OK(flowai_inbox_close(inbox, NULL));
    CHECK_STATUS(flowai_inbox_delivery_ack(delivery, NULL), FLOWAI_ERR_CLOSED);
    flowai_inbox_delivery_free(delivery);
    CHECK(post(port, BODY) == 503);
    flowai_receiver_free(receiver);
    CHECK_STATUS(flowai_receiver_stats(receiver, NULL, &stats), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_receiver_reload_tls(receiver, NULL), FLOWAI_ERR_BAD_HANDLE);
    flowai_inbox_free(inbox);
    flowai_shutdown();
    return 0;
}
