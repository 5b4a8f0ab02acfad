/*
 * Prints everything that can be read from events, one line of JSON for each line of standard input: the file of a body, and
 * after tabs thread ids to compare with.
 */
#include "runner.h"

static void print_event(flowai_event event, char *thread_ids)
{
    flowai_kind kind = -1;
    flowai_str text = {0};
    flowai_business_hours hours = {0};
    char *thread_id;

    must(flowai_event_kind(event, &kind), "flowai_event_kind");
    printf("{\"kind\": %d, ", (int)kind);
    PRINT_TEXT("type", flowai_event_type, event);
    PRINT_TEXT("thread_id", flowai_event_thread_id, event);
    PRINT_TEXT("thread_user", flowai_event_thread_user, event);
    PRINT_TEXT("thread_channel", flowai_event_thread_channel, event);
    PRINT_TEXT("text", flowai_event_text, event);
    PRINT_TEXT("trace_id", flowai_event_trace_id_text, event);
    PRINT_NUMBER("trace_number", flowai_event_trace_id, event);
    PRINT_NUMBER("created_at_ms", flowai_event_created_at_ms, event);
    PRINT_NUMBER("page", flowai_event_page, event);
    PRINT_NUMBER("pages", flowai_event_pages, event);
    PRINT_ANSWER("is_paused", flowai_event_is_paused, event);
    PRINT_TEXT("dedupe_key", flowai_event_dedupe_key, event);
    PRINT_TEXT("originator_name", flowai_event_originator_name, event);
    PRINT_TEXT("originator_role", flowai_event_originator_role, event);
    PRINT_JSON("originator", flowai_event_originator_json, event);
    PRINT_JSON("user", flowai_event_user_json, event);
    PRINT_TEXT("raw", flowai_event_raw, event);
    PRINT_LIST("all_messages", flowai_event_messages, event);
    PRINT_LIST("all_templates", flowai_event_templates, event);
    PRINT_LIST("history", flowai_event_history, event);
    PRINT_LIST("threads", flowai_event_threads, event);
    PRINT_LIST("triggers", flowai_event_triggers, event);
    must(flowai_event_business_hours(event, &hours), "flowai_event_business_hours");
    printf("\"business_hours\": ");
    print_hours(hours);
    printf(", ");
    printf("\"is_for\": [");
    for (thread_id = strtok(thread_ids, "\t"); thread_id; thread_id = strtok(NULL, "\t")) {
        bool is_for = false;

        must(flowai_event_is_for(event, thread_id, &is_for), "flowai_event_is_for");
        printf("%s, ", is_for ? "true" : "false");
    }
    printf("null]}\n");
    /* What was handed out first is still where it was. */
    must(flowai_event_text(event, &text), "flowai_event_text");
    if (text.ptr[text.len] != '\0')
        exit(8);
}

int main(void)
{
    static char line[1 << 20];

    while (fgets(line, sizeof line, stdin)) {
        flowai_event event = {0};
        flowai_error error = {0};
        flowai_str raw = {0};
        size_t size = 0;
        char *path = line, *rest, *body;

        line[strcspn(line, "\n")] = '\0';
        rest = strchr(line, '\t');
        *rest++ = '\0';
        body = content(path, &size);
        if (flowai_event_parse(body, size, &error, &event) != FLOWAI_OK) {
            print_error(error);
        } else {
            must(flowai_event_raw(event, &raw), "flowai_event_raw");
            if (raw.len != size || memcmp(raw.ptr, body, size) != 0)
                exit(8);
            print_event(event, rest);
        }
        flowai_event_free(event);
        free(body);
    }
    return 0;
}
