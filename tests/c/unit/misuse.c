/* Handles, pointers and texts that are wrong give codes, and change nothing. */
#include "check.h"

static const char TWO[] = "[{\"type\":\"message\"},{\"type\":\"new\\u0000one\"}]";
static const char REPLY[] = "{\"type\":\"message.reply\",\"threadId\":\"t|c\",\"messages\":[{\"fallback\":\"Hi\"}]}";

static void handles_that_are_none(void)
{
    flowai_client client = {0};
    flowai_event event = {0};
    flowai_receipt receipt = {77};
    flowai_send_options options = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    flowai_delivery delivery = -5;

    CHECK_STATUS(flowai_client_send_text(client, "t", "Hello", options, &error, &receipt), FLOWAI_ERR_BAD_HANDLE);
    CHECK(receipt.id == 77);
    CHECK_TEXT(flowai_error_name(error, &text), text, "bad_handle");
    CHECK_TEXT(flowai_error_operation(error, &text), text, "send_text");
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == FLOWAI_DELIVERY_NOT_SENT);
    flowai_error_free(error);
    CHECK_STATUS(flowai_event_text(event, &text), FLOWAI_ERR_BAD_HANDLE);
    flowai_client_free(client);
    flowai_event_free(event);
}

static void handles_that_were_freed(void)
{
    flowai_event event = event_of(REPLY);
    flowai_event other;
    flowai_str text = {0};

    CHECK_TEXT(flowai_event_text(event, &text), text, "Hi");
    flowai_event_free(event);
    flowai_event_free(event);
    CHECK_STATUS(flowai_event_text(event, &text), FLOWAI_ERR_BAD_HANDLE);
    other = event_of(REPLY);
    CHECK(other.id != event.id);
    flowai_event_free(event);
    CHECK_TEXT(flowai_event_text(other, &text), text, "Hi");
    flowai_event_free(other);
}

static void handles_of_another_type(void)
{
    flowai_event event = event_of(REPLY);
    flowai_client client = client_of(NULL);
    flowai_event as_event = {client.id};
    flowai_client as_client = {event.id};
    flowai_receipt receipt = {0};
    flowai_send_options none = {0}, wrong = {event.id};
    flowai_error error = {0};
    flowai_str text = {0};
    uint64_t bit;

    CHECK_STATUS(flowai_event_text(as_event, &text), FLOWAI_ERR_BAD_HANDLE);
    flowai_event_free(as_event);
    CHECK_OK(flowai_client_base_url(client, &text));
    CHECK_STATUS(flowai_client_send_text(as_client, "t", "x", none, NULL, &receipt), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_client_send_text(client, "t", "x", wrong, &error, &receipt), FLOWAI_ERR_BAD_HANDLE);
    flowai_error_free(error);
    for (bit = 0; bit < 64; bit++) {
        flowai_event flipped = {event.id ^ ((uint64_t)1 << bit)};

        CHECK_STATUS(flowai_event_text(flipped, &text), FLOWAI_ERR_BAD_HANDLE);
        flowai_event_free(flipped);
    }
    CHECK_TEXT(flowai_event_text(event, &text), text, "Hi");
    flowai_event_free(event);
    flowai_client_free(client);
}

static void refused(flowai_status status, flowai_error error, const char *argument)
{
    flowai_str text = {0};
    flowai_status code = FLOWAI_OK;
    bool retryable = true;
    int32_t http_status = -1;
    int64_t wait = 0;

    CHECK(status == FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_error_code(error, &code));
    CHECK(code == status);
    CHECK_TEXT(flowai_error_argument(error, &text), text, argument);
    CHECK_OK(flowai_error_message(error, &text));
    CHECK(strstr(text.ptr, argument) != NULL);
    CHECK_OK(flowai_error_retryable(error, &retryable));
    CHECK(!retryable);
    CHECK_OK(flowai_error_http_status(error, &http_status));
    CHECK(http_status == 0);
    CHECK_OK(flowai_error_retry_after_ms(error, &wait));
    CHECK(wait == FLOWAI_NONE);
    CHECK_TEXT(flowai_error_server_message(error, &text), text, "");
    CHECK_TEXT(flowai_error_body(error, &text), text, "");
    CHECK_TEXT(flowai_error_request_id(error, &text), text, "");
    flowai_error_free(error);
}

static void texts_that_are_none(void)
{
    flowai_client client = client_of(NULL);
    flowai_send_options none = {0}, options = {0};
    flowai_receipt receipt = {0};
    flowai_page page = {0};
    flowai_message message = {0};
    flowai_error error = {0};
    flowai_status status;

    status = flowai_client_send_text(client, NULL, "x", none, &error, &receipt);
    refused(status, error, "thread_id");
    status = flowai_client_send_text(client, "t", NULL, none, &error, &receipt);
    refused(status, error, "text");
    status = flowai_client_send_text(client, "t", "\xff\xfe", none, &error, &receipt);
    refused(status, error, "text");
    status = flowai_client_send_text(client, "t", "", none, &error, &receipt);
    refused(status, error, "text");
    status = flowai_client_send_text(client, "t", "x", none, &error, NULL);
    refused(status, error, "out");
    status = flowai_client_history(client, "..", FLOWAI_NONE, false, &error, &page);
    refused(status, error, "thread_id");
    status = flowai_client_upload_media_bytes(client, "t", NULL, 3, none, &error, &receipt);
    refused(status, error, "file");
    status = flowai_client_upload_media(client, "t", "/there/is/no/such/file", none, &error, &receipt);
    refused(status, error, "file");
    status = flowai_message_json("{\"type\":", &error, &message);
    refused(status, error, "message");
    status = flowai_message_json("[]", &error, &message);
    refused(status, error, "message");
    CHECK_STATUS(flowai_client_send(client, "t", message, none, NULL, &receipt), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_client_send_text(client, NULL, "x", none, NULL, &receipt), FLOWAI_ERR_INVALID_ARGUMENT);

    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_title(options, "Home", NULL));
    status = flowai_client_send_text(client, "t", "x", options, &error, &receipt);
    refused(status, error, "title");
    status = flowai_send_options_set_originator_json(options, "[]", &error);
    refused(status, error, "originator");
    status = flowai_send_options_set_params_json(options, "3", &error);
    refused(status, error, "params");
    CHECK(receipt.id == 0 && page.id == 0);
    flowai_send_options_free(options);
    flowai_client_free(client);
}

static void settings(void)
{
    flowai_config config = {0};
    flowai_client client = {0};
    flowai_error error = {0};
    flowai_status status;

    CHECK_STATUS(flowai_config_new(NULL, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_config_set_api_key(config, "k", NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_OK(flowai_config_new(&error, &config));
    CHECK_OK(flowai_config_set_api_key(config, "bad\nkey", NULL));
    status = flowai_client_new(config, &error, &client);
    refused(status, error, "api_key");
    CHECK_OK(flowai_config_set_api_key(config, "key", NULL));
    CHECK_OK(flowai_config_set_timeout_ms(config, 0, NULL));
    status = flowai_client_new(config, &error, &client);
    refused(status, error, "timeout");
    status = flowai_config_set_metadata_form(config, "other", &error);
    refused(status, error, "metadata_form");
    CHECK(client.id == 0);
    flowai_config_free(config);
    CHECK_STATUS(flowai_client_new(config, NULL, &client), FLOWAI_ERR_BAD_HANDLE);
}

static void bodies(void)
{
    flowai_event event = {0};
    flowai_event_list list = {0};
    flowai_list items = {0};
    flowai_error error = {0};
    flowai_str text = {0};
    flowai_kind kind = -7;
    size_t count = 0;

    CHECK_STATUS(flowai_event_parse(NULL, 0, NULL, &event), FLOWAI_ERR_WEBHOOK_PARSE);
    CHECK_STATUS(flowai_event_parse(NULL, 1, NULL, &event), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_event_parse("{}", 2, NULL, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_event_parse("[]", 2, &error, &event), FLOWAI_ERR_WEBHOOK_PARSE);
    flowai_error_free(error);
    CHECK(event.id == 0);
    CHECK_OK(flowai_event_parse_many(TWO, strlen(TWO), NULL, &list));
    CHECK_OK(flowai_event_list_count(list, &count));
    CHECK(count == 2);
    CHECK_OK(flowai_event_list_at(list, 1, &event));
    flowai_event_list_free(list);
    CHECK_OK(flowai_event_kind(event, &kind));
    CHECK(kind == FLOWAI_EVENT_UNKNOWN);
    CHECK_OK(flowai_event_type(event, &text));
    CHECK(text.len == 7 && memcmp(text.ptr, "new\0one", 8) == 0);
    CHECK_TEXT(flowai_event_raw(event, &text), text, "{\"type\":\"new\\u0000one\"}");
    CHECK_OK(flowai_event_history(event, &items));
    CHECK_TEXT(flowai_list_json(items, &text), text, "[]");
    flowai_list_free(items);
    CHECK_STATUS(flowai_event_text(event, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    flowai_event_free(event);
}

static void names(void)
{
    CHECK(strcmp(flowai_status_name(FLOWAI_ERR_RATE_LIMITED), "rate_limited") == 0);
    CHECK(strcmp(flowai_status_name(12345), "unknown") == 0);
    CHECK(strcmp(flowai_delivery_name(FLOWAI_DELIVERY_MAYBE_SENT), "maybe_sent") == 0);
    CHECK(strcmp(flowai_version(), FLOWAI_VERSION) == 0);
    CHECK(flowai_version_number() == FLOWAI_VERSION_NUMBER);
    CHECK(FLOWAI_VERSION_NUMBER == FLOWAI_VERSION_MAJOR * 1000000 + FLOWAI_VERSION_MINOR * 1000 + FLOWAI_VERSION_PATCH);
}

int main(void)
{
    handles_that_are_none();
    handles_that_were_freed();
    handles_of_another_type();
    texts_that_are_none();
    settings();
    bodies();
    names();
    flowai_shutdown();
    flowai_shutdown();
    return 0;
}
