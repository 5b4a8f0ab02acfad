/*
 * Hostile bytes for everything that reads bytes: webhook bodies, headers, tokens, documents, addresses. A target of
 * libFuzzer: clang -fsanitize=fuzzer. What was accepted is read to its end, so that no text may lie outside of it.
 */
#include <flowai.h>
#include <stdlib.h>
#include <string.h>

static const char SECRET[] = "a secret of more than thirty-two bytes";
static const char *const FIELDS[] = {
    "title", "text", "media", "url", "buttons", "cards", "lat", "long", "items", "responses", "originator", "profile",
    "created_at", "delay", "fallback", "name", "role", "label", "type", "value", "params", "contexts", "id", "timezone",
};
enum { DEEPEST = 6, MOST = 8 };

static volatile unsigned sum;

static void touch(flowai_status status, const flowai_str *read)
{
    size_t n;

    if (status == FLOWAI_OK)
        for (n = 0; n < read->len; n++)
            sum += (unsigned char)read->ptr[n];
}

static void read_list(flowai_list list, int depth);

static void read_document(flowai_document document, int depth)
{
    flowai_template_kind kind;
    flowai_list list = {0};
    flowai_str text = {0};
    size_t n;

    touch(flowai_document_name(document, &text), &text);
    touch(flowai_document_text(document, &text), &text);
    touch(flowai_document_json(document, &text), &text);
    (void)flowai_document_template_kind(document, &kind);
    if (flowai_document_quick_replies(document, &list) == FLOWAI_OK)
        read_list(list, depth + 1);
    for (n = 0; n < sizeof FIELDS / sizeof *FIELDS; n++) {
        flowai_document inner = {0};
        flowai_list inside = {0};
        flowai_answer answer;
        double number;
        int64_t integer;

        touch(flowai_document_string(document, FIELDS[n], NULL, &text), &text);
        touch(flowai_document_field_json(document, FIELDS[n], NULL, &text), &text);
        (void)flowai_document_number(document, FIELDS[n], NULL, &number);
        (void)flowai_document_integer(document, FIELDS[n], NULL, &integer);
        (void)flowai_document_boolean(document, FIELDS[n], NULL, &answer);
        if (depth >= DEEPEST)
            continue;
        if (flowai_document_document(document, FIELDS[n], NULL, &inner) == FLOWAI_OK && inner.id != 0)
            read_document(inner, depth + 1);
        if (flowai_document_list(document, FIELDS[n], NULL, &inside) == FLOWAI_OK)
            read_list(inside, depth + 1);
    }
    flowai_document_free(document);
}

static void read_list(flowai_list list, int depth)
{
    size_t count = 0, n;
    flowai_str text = {0};

    (void)flowai_list_count(list, &count);
    for (n = 0; n < count && n < MOST && depth < DEEPEST; n++) {
        flowai_document document = {0};

        if (flowai_list_document(list, n, &document) == FLOWAI_OK && document.id != 0)
            read_document(document, depth + 1);
        touch(flowai_list_string(list, n, &text), &text);
    }
    flowai_list_free(list);
}

static void read_hours(flowai_business_hours hours)
{
    size_t count = 0, n;
    flowai_str text = {0};
    bool open;
    int64_t moment;

    (void)flowai_business_hours_count(hours, &count);
    for (n = 0; n < count && n < MOST; n++) {
        touch(flowai_business_hours_label(hours, n, &text), &text);
        touch(flowai_business_hours_timezone(hours, n, &text), &text);
        touch(flowai_business_hours_set_json(hours, n, &text), &text);
        (void)flowai_business_hours_is_open(hours, n, 1795453200, 3600, NULL, &open);
        (void)flowai_business_hours_next_opening(hours, n, 1795453200, 3600, NULL, &moment);
        (void)flowai_business_hours_next_closing(hours, n, 1795453200, 3600, NULL, &moment);
    }
    flowai_business_hours_free(hours);
}

static void read_event(flowai_event event)
{
    flowai_status (*const texts[])(flowai_event, flowai_str *) = {
        flowai_event_type, flowai_event_thread_id, flowai_event_thread_user, flowai_event_thread_channel,
        flowai_event_text, flowai_event_trace_id_text, flowai_event_originator_name, flowai_event_originator_role,
        flowai_event_originator_json, flowai_event_user_json, flowai_event_dedupe_key, flowai_event_raw,
    };
    flowai_status (*const lists[])(flowai_event, flowai_list *) = {
        flowai_event_messages, flowai_event_templates, flowai_event_history, flowai_event_threads, flowai_event_triggers,
    };
    flowai_status (*const numbers[])(flowai_event, int64_t *) = {
        flowai_event_trace_id, flowai_event_created_at_ms, flowai_event_page, flowai_event_pages,
    };
    flowai_business_hours hours = {0};
    flowai_answer answer;
    flowai_kind kind;
    int64_t number;
    bool is_for;
    size_t n;

    (void)flowai_event_kind(event, &kind);
    (void)flowai_event_is_paused(event, &answer);
    (void)flowai_event_is_for(event, "thread-1", &is_for);
    for (n = 0; n < sizeof numbers / sizeof *numbers; n++)
        (void)numbers[n](event, &number);
    for (n = 0; n < sizeof texts / sizeof *texts; n++) {
        flowai_str text = {0};

        touch(texts[n](event, &text), &text);
    }
    for (n = 0; n < sizeof lists / sizeof *lists; n++) {
        flowai_list list = {0};

        if (lists[n](event, &list) == FLOWAI_OK)
            read_list(list, 0);
    }
    if (flowai_event_business_hours(event, &hours) == FLOWAI_OK)
        read_hours(hours);
    flowai_event_free(event);
}

static void body(const uint8_t *data, size_t size)
{
    flowai_event event = {0};
    flowai_event_list events = {0};
    size_t count = 0, n;

    if (flowai_event_parse(data, size, NULL, &event) == FLOWAI_OK)
        read_event(event);
    if (flowai_event_parse_many(data, size, NULL, &events) != FLOWAI_OK)
        return;
    (void)flowai_event_list_count(events, &count);
    for (n = 0; n < count && n < MOST; n++)
        if (flowai_event_list_at(events, n, &event) == FLOWAI_OK)
            read_event(event);
    flowai_event_list_free(events);
}

static flowai_verifier verifier(void)
{
    static flowai_verifier made;
    flowai_verifier jwt = {0}, header = {0}, key = {0}, two = {0};

    if (made.id == 0
        && (flowai_verifier_jwt(SECRET, (flowai_jwt_options){0}, NULL, &jwt) != FLOWAI_OK
            || flowai_verifier_header("x-secret", SECRET, NULL, &header) != FLOWAI_OK
            || flowai_verifier_body_key(SECRET, NULL, &key) != FLOWAI_OK
            || flowai_verifier_any(jwt, header, NULL, &two) != FLOWAI_OK
            || flowai_verifier_any(two, key, NULL, &made) != FLOWAI_OK))
        abort();
    return made;
}

/* The first line is a header's value, the rest is the body. */
static void call(char *text, const uint8_t *data, size_t size)
{
    char *end = strchr(text, '\n');
    size_t skipped = end ? (size_t)(end - text) + 1 : size;
    flowai_event event = {0};
    flowai_pair headers[2] = {{"authorization", text}, {"x-secret", text}};

    if (end)
        *end = 0;
    if (skipped > size)
        skipped = size;
    if (flowai_verifier_unwrap(verifier(), data + skipped, size - skipped, headers, 2, NULL, &event) == FLOWAI_OK)
        read_event(event);
}

static void arguments(const char *text)
{
    flowai_config config = {0};
    flowai_client client = {0};
    flowai_audience audience = {0};
    flowai_call call = {0};
    flowai_message message = {0};

    if (flowai_config_new(NULL, &config) == FLOWAI_OK) {
        (void)flowai_config_set_api_key(config, text, NULL);
        (void)flowai_config_set_originator_json(config, text, NULL);
        (void)flowai_config_set_base_url(config, text, NULL);
        if (flowai_client_new(config, NULL, &client) == FLOWAI_OK) {
            if (flowai_call_new(client, "send_text", NULL, &call) == FLOWAI_OK) {
                (void)flowai_call_set_json(call, "originator", text, NULL);
                (void)flowai_call_set_json(call, text, "{}", NULL);
                flowai_call_free(call);
            }
            flowai_client_free(client);
        }
        flowai_config_free(config);
    }
    if (flowai_audience_new(NULL, &audience) == FLOWAI_OK) {
        (void)flowai_audience_add_recipient_json(audience, text, NULL);
        (void)flowai_audience_add_segment_json(audience, text, NULL);
        flowai_audience_free(audience);
    }
    if (flowai_message_text(text, NULL, &message) == FLOWAI_OK)
        flowai_message_free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;
    unsigned which;

    if (size == 0)
        return 0;
    which = *data++;
    size--;
    text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = 0;
    if (which == 'c')
        call(text, data, size);
    else if (which == 'a')
        arguments(text);
    else
        body(data, size);
    free(text);
    return 0;
}
