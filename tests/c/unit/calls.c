/* The calls of later versions of the API: arguments and handles that are wrong give codes, and nothing is sent. */
#include "check.h"

#define THREAD "thread-1"

static flowai_client client;
static const flowai_send_options NO_OPTIONS;

static void refused(flowai_status status, flowai_error error, const char *argument, flowai_delivery wanted)
{
    flowai_delivery delivery = -1;
    flowai_str text = {0};

    CHECK(status == FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, argument);
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == wanted);
    flowai_error_free(error);
}

#define REFUSED(call, argument) refused(call, error, argument, FLOWAI_DELIVERY_NONE)
#define NOT_SENT(call, argument) refused(call, error, argument, FLOWAI_DELIVERY_NOT_SENT)

static void threads_and_control(void)
{
    flowai_error error = {0};
    flowai_receipt receipt = {0};
    flowai_string thread = {0};
    flowai_thread_iter iter = {0};
    flowai_page page = {0};
    flowai_list list = {0};

    REFUSED(flowai_client_threads(client, FLOWAI_NONE, &error, NULL), "out");
    REFUSED(flowai_client_threads(client, -3, &error, &page), "page");
    REFUSED(flowai_client_iter_threads(client, -1, &error, &iter), "limit");
    REFUSED(flowai_client_request_threads(client, FLOWAI_NONE, &error, NULL), "out");
    REFUSED(flowai_client_iter_threads(client, FLOWAI_NONE, &error, NULL), "out");
    REFUSED(flowai_client_create_thread(client, &error, NULL), "out");
    REFUSED(flowai_client_resolve(client, NULL, true, &error, &receipt), "thread_id");
    REFUSED(flowai_client_trigger_events(client, &error, NULL), "out");
    NOT_SENT(flowai_client_handover(client, "..", FLOWAI_NONE, &error, &receipt), "thread_id");
    NOT_SENT(flowai_client_handover(client, THREAD, 0, &error, &receipt), "seconds_to_pause");
    NOT_SENT(flowai_client_handover(client, THREAD, -5, &error, &receipt), "seconds_to_pause");
    NOT_SENT(flowai_client_trigger_event(client, THREAD, "", &error, &receipt), "event_name");
    NOT_SENT(flowai_client_trigger_event(client, THREAD, NULL, &error, &receipt), "event_name");
    NOT_SENT(flowai_client_trigger_event(client, "\xff", "E", &error, &receipt), "thread_id");
    CHECK_STATUS(flowai_thread_iter_next(iter, NULL, &thread), FLOWAI_ERR_BAD_HANDLE);
    CHECK_OK(flowai_client_iter_threads(client, 0, NULL, &iter));
    CHECK_OK(flowai_thread_iter_next(iter, NULL, &thread));
    CHECK(thread.id == 0);
    flowai_thread_iter_free(iter);
    flowai_thread_iter_free(iter);
    CHECK_STATUS(flowai_thread_iter_next(iter, NULL, &thread), FLOWAI_ERR_BAD_HANDLE);
    CHECK(receipt.id == 0 && page.id == 0 && list.id == 0);
}

static void broadcasts(void)
{
    flowai_audience people = {0}, segments = {0}, nobody = {0};
    flowai_message message = {0}, none = {0};
    flowai_send_options options = {0};
    flowai_error error = {0};
    flowai_receipt receipt = {0};

    CHECK_STATUS(flowai_audience_add_phone_number(people, "John", "+31612345678", NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_OK(flowai_message_event("ORDER_SHIPPED", NULL, &message));
    CHECK_OK(flowai_audience_new(NULL, &people));
    CHECK_OK(flowai_audience_new(NULL, &segments));
    CHECK_OK(flowai_audience_new(NULL, &nobody));
    CHECK_OK(flowai_audience_add_identifier(people, "Jane", "jane-1", NULL));
    CHECK_OK(flowai_audience_add_segment(segments, "Customers", NULL));
    REFUSED(flowai_audience_add_phone_number(people, NULL, "+31612345678", &error), "name");
    REFUSED(flowai_audience_add_phone_number(people, "John", NULL, &error), "phone_number");
    REFUSED(flowai_audience_add_identifier(people, "John", NULL, &error), "identifier");
    REFUSED(flowai_audience_add_recipient_json(people, "[]", &error), "audience");
    REFUSED(flowai_audience_add_segment_json(segments, "{", &error), "segments");
    REFUSED(flowai_audience_add_segment(segments, NULL, &error), "name");
    NOT_SENT(flowai_client_broadcast(client, nobody, "whatsapp", "+1", message, NO_OPTIONS, &error, &receipt), "audience");
    NOT_SENT(flowai_client_broadcast(client, segments, "whatsapp", "+1", message, NO_OPTIONS, &error, &receipt),
             "audience");
    NOT_SENT(flowai_client_broadcast_to_segments(client, people, message, NO_OPTIONS, &error, &receipt), "audience");
    NOT_SENT(flowai_client_broadcast_to_segments(client, nobody, message, NO_OPTIONS, &error, &receipt), "segments");
    NOT_SENT(flowai_client_broadcast(client, people, NULL, "+1", message, NO_OPTIONS, &error, &receipt),
             "channel.channelName");
    NOT_SENT(flowai_client_broadcast(client, people, "whatsapp", "", message, NO_OPTIONS, &error, &receipt),
             "channel.externalId");
    CHECK_STATUS(flowai_client_broadcast(client, people, "whatsapp", "+1", none, NO_OPTIONS, NULL, &receipt),
                 FLOWAI_ERR_BAD_HANDLE);
    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_write_concern(options, true, NULL));
    NOT_SENT(flowai_client_broadcast(client, people, "whatsapp", "+1", message, options, &error, &receipt),
             "write_concern");
    flowai_send_options_free(options);
    CHECK_OK(flowai_audience_add_phone_number(people, "John", "0612345678", NULL));
    NOT_SENT(flowai_client_broadcast(client, people, "whatsapp", "+1", message, NO_OPTIONS, &error, &receipt),
             "audience[1].phoneNumber");
    CHECK(receipt.id == 0);
    flowai_audience_free(people);
    flowai_audience_free(people);
    flowai_audience_free(segments);
    flowai_audience_free(nobody);
    CHECK_STATUS(flowai_client_broadcast(client, people, "whatsapp", "+1", message, NO_OPTIONS, NULL, &receipt),
                 FLOWAI_ERR_BAD_HANDLE);
    flowai_message_free(message);
    flowai_message_free(message);
}

static void questions(void)
{
    flowai_message message = {0}, none = {0};
    flowai_send_options options = {0};
    flowai_error error = {0};
    flowai_reply reply = {0};

    NOT_SENT(flowai_client_ask(client, NULL, "Hi", NO_OPTIONS, &error, &reply), "thread_id");
    NOT_SENT(flowai_client_ask(client, THREAD, NULL, NO_OPTIONS, &error, &reply), "text");
    NOT_SENT(flowai_client_ask(client, THREAD, "", NO_OPTIONS, &error, &reply), "text");
    NOT_SENT(flowai_client_ask(client, THREAD, "Hi", NO_OPTIONS, &error, NULL), "out");
    CHECK_STATUS(flowai_client_ask_message(client, THREAD, none, NO_OPTIONS, NULL, &reply), FLOWAI_ERR_BAD_HANDLE);
    REFUSED(flowai_message_text(NULL, &error, &message), "text");
    REFUSED(flowai_message_event(NULL, &error, &message), "event_name");
    REFUSED(flowai_message_location("1", NULL, &error, &message), "long");
    REFUSED(flowai_message_media("https://e.example.org", NULL, &error, &message), "media_type");
    CHECK_OK(flowai_message_location("1", "north", NULL, &message));
    NOT_SENT(flowai_client_ask_message(client, THREAD, message, NO_OPTIONS, &error, &reply), "long");
    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_filename(options, "a.txt", NULL));
    NOT_SENT(flowai_client_ask(client, THREAD, "Hi", options, &error, &reply), "filename");
    CHECK(reply.id == 0);
    flowai_send_options_free(options);
    flowai_message_free(message);
}

static void requests(void)
{
    flowai_pair query[1] = {{"a", "b"}};
    flowai_error error = {0};
    flowai_response response = {0};

    REFUSED(flowai_client_request(client, NULL, "threads", NULL, 0, NULL, &error, &response), "method");
    REFUSED(flowai_client_request(client, "TRACE", "threads", NULL, 0, NULL, &error, &response), "method");
    REFUSED(flowai_client_request(client, "GET", "../x", NULL, 0, NULL, &error, &response), "path");
    NOT_SENT(flowai_client_request(client, "POST", "", NULL, 0, NULL, &error, &response), "path");
    REFUSED(flowai_client_request(client, "GET", "threads", NULL, 1, NULL, &error, &response), "query");
    REFUSED(flowai_client_request(client, "GET", "threads", query, SIZE_MAX, NULL, &error, &response), "query");
    REFUSED(flowai_client_request(client, "GET", "threads", query, 1, "{", &error, &response), "json");
    query[0].value = NULL;
    REFUSED(flowai_client_request(client, "GET", "threads", query, 1, NULL, &error, &response), "query");
    query[0].value = "\xff";
    REFUSED(flowai_client_request(client, "GET", "threads", query, 1, NULL, &error, &response), "query");
    CHECK(response.id == 0);
}

static void other_options(void)
{
    flowai_client_options options = {0};
    flowai_client other = {0}, none = {0};
    flowai_error error = {0};
    flowai_str base_url = {0}, same = {0};

    CHECK_STATUS(flowai_client_options_set_timeout_ms(options, 5, NULL), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_client_with_options(none, options, NULL, &other), FLOWAI_ERR_BAD_HANDLE);
    CHECK_OK(flowai_client_with_options(client, options, NULL, &other));
    CHECK(other.id != client.id);
    CHECK_OK(flowai_client_base_url(client, &base_url));
    CHECK_TEXT(flowai_client_base_url(other, &same), same, base_url.ptr);
    flowai_client_free(other);
    CHECK_OK(flowai_client_base_url(client, &base_url));
    CHECK_OK(flowai_client_options_new(NULL, &options));
    CHECK_OK(flowai_client_options_set_timeout_ms(options, 0, NULL));
    REFUSED(flowai_client_with_options(client, options, &error, &other), "timeout");
    CHECK_OK(flowai_client_options_set_timeout_ms(options, 5000, NULL));
    CHECK_OK(flowai_client_options_set_max_retries(options, 0, NULL));
    REFUSED(flowai_client_options_set_originator_name(options, NULL, &error), "originator");
    REFUSED(flowai_client_options_set_originator_json(options, "[]", &error), "originator");
    CHECK_OK(flowai_client_options_set_originator_json(options, "{\"name\": \"Agent\"}", NULL));
    REFUSED(flowai_client_with_options(client, options, &error, &other), "originator.role");
    CHECK_OK(flowai_client_options_set_originator_name(options, "Agent", NULL));
    CHECK_OK(flowai_client_with_options(client, options, NULL, &other));
    flowai_client_options_free(options);
    flowai_client_options_free(options);
    CHECK_STATUS(flowai_client_with_options(client, options, NULL, &other), FLOWAI_ERR_BAD_HANDLE);
    flowai_client_free(other);
}

static void opening_hours(void)
{
    flowai_event event = event_of("{\"type\":\"businessHours\",\"businessHours\":[{\"weekdays\":[]}]}");
    flowai_business_hours hours = {0}, none = {0};
    flowai_error error = {0};
    int64_t at = 7;
    bool is_open = true;

    CHECK_STATUS(flowai_business_hours_is_open(none, 0, 0, 0, NULL, &is_open), FLOWAI_ERR_BAD_HANDLE);
    CHECK_OK(flowai_event_business_hours(event, &hours));
    REFUSED(flowai_business_hours_is_open(hours, 1, 0, 0, &error, &is_open), "index");
    REFUSED(flowai_business_hours_is_open(hours, 0, INT64_MAX, 0, &error, &is_open), "unix_seconds");
    REFUSED(flowai_business_hours_next_opening(hours, 0, INT64_MIN, 0, &error, &at), "unix_seconds");
    REFUSED(flowai_business_hours_next_closing(hours, 0, 0, INT32_MIN, &error, &at), "offset_seconds");
    REFUSED(flowai_business_hours_next_closing(hours, 0, 0, 86400, &error, &at), "offset_seconds");
    REFUSED(flowai_business_hours_is_open(hours, 0, 0, 0, &error, NULL), "out");
    CHECK(is_open && at == 7);
    CHECK_OK(flowai_business_hours_is_open(hours, 0, 0, 3600, &error, &is_open));
    CHECK(!is_open);
    CHECK_OK(flowai_business_hours_next_opening(hours, 0, 0, 0, &error, &at));
    CHECK(at == FLOWAI_NONE);
    flowai_business_hours_free(hours);
    flowai_event_free(event);
}

/* Everything that is new also works, and what was sent arrives: the server answers every request with ok. */
static void against(const char *base_url)
{
    flowai_client_options options = {0};
    flowai_client near = client_of(base_url), other = {0};
    flowai_response response = {0};
    flowai_receipt receipt = {0};
    flowai_str text = {0};
    int32_t status = 0;

    CHECK_OK(flowai_client_options_new(NULL, &options));
    CHECK_OK(flowai_client_options_set_timeout_ms(options, 20000, NULL));
    CHECK_OK(flowai_client_with_options(near, options, NULL, &other));
    flowai_client_options_free(options);
    CHECK_OK(flowai_client_request(other, "POST", "messages/t", NULL, 0, "{\"payload\":{\"speech\":\"Hi\",\"traceId\":5}}", NULL,
                                   &response));
    CHECK_OK(flowai_response_status(response, &status));
    CHECK(status == 200);
    CHECK_TEXT(flowai_response_header(response, "X-Request-ID", NULL, &text), text, "5");
    CHECK_TEXT(flowai_response_header(response, "x-no-such-header", NULL, &text), text, "");
    CHECK_STATUS(flowai_response_header(response, NULL, NULL, &text), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_OK(flowai_response_body(response, &text));
    CHECK(strstr(text.ptr, "\"ok\"") != NULL && strlen(text.ptr) == text.len);
    flowai_response_free(response);
    CHECK_OK(flowai_client_handover(other, THREAD, 60, NULL, &receipt));
    flowai_receipt_free(receipt);
    /* The other client goes on without the one that it was made from. */
    flowai_client_free(near);
    CHECK_OK(flowai_client_resolve(other, THREAD, false, NULL, &receipt));
    flowai_receipt_free(receipt);
    flowai_client_free(other);
}

int main(int argc, char **argv)
{
    client = client_of(NULL);
    threads_and_control();
    broadcasts();
    questions();
    requests();
    other_options();
    opening_hours();
    flowai_client_free(client);
    if (argc > 1)
        against(argv[1]);
    flowai_shutdown();
    return 0;
}
