/* What the generated programs have in common: they print what calls give, as JSON. */
#ifndef RUNNER_H
#define RUNNER_H

#include <flowai.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline void print_bytes(const char *text, size_t len)
{
    size_t i;

    putchar('"');
    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 32)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static inline void print_name(const char *name)
{
    printf("\"%s\": ", name);
}

static inline void must(flowai_status status, const char *what)
{
    if (status != FLOWAI_OK) {
        fprintf(stderr, "%s gave %s\n", what, flowai_status_name(status));
        exit(9);
    }
}

/* Members of a JSON object, each with a comma after it. */
#define PRINT_TEXT(name, function, handle) \
    do { \
        flowai_str text_ = {0}; \
        must(function(handle, &text_), #function); \
        print_name(name); \
        print_bytes(text_.ptr, text_.len); \
        printf(", "); \
    } while (0)

#define PRINT_JSON(name, function, handle) \
    do { \
        flowai_str text_ = {0}; \
        must(function(handle, &text_), #function); \
        print_name(name); \
        printf("%s, ", text_.len ? text_.ptr : "null"); \
    } while (0)

#define PRINT_NUMBER(name, function, handle) \
    do { \
        int64_t number_ = 0; \
        must(function(handle, &number_), #function); \
        print_name(name); \
        if (number_ == FLOWAI_NONE) \
            printf("null, "); \
        else \
            printf("%" PRId64 ", ", number_); \
    } while (0)

#define PRINT_ANSWER(name, function, handle) \
    do { \
        flowai_answer answer_ = 7; \
        must(function(handle, &answer_), #function); \
        print_name(name); \
        printf("%s, ", answer_ == FLOWAI_YES ? "true" : answer_ == FLOWAI_NO ? "false" : "null"); \
    } while (0)

static inline void print_receipt(flowai_receipt receipt)
{
    printf("{");
    PRINT_TEXT("thread_id", flowai_receipt_thread_id, receipt);
    PRINT_NUMBER("trace_id", flowai_receipt_trace_id, receipt);
    PRINT_TEXT("request_id", flowai_receipt_request_id, receipt);
    PRINT_TEXT("status", flowai_receipt_status, receipt);
    printf("\"end\": 0}");
    flowai_receipt_free(receipt);
}

static inline void print_entry(flowai_history_entry entry)
{
    flowai_str text = {0};

    must(flowai_history_entry_json(entry, &text), "flowai_history_entry_json");
    printf("%s", text.ptr);
    must(flowai_history_entry_text(entry, &text), "flowai_history_entry_text");
    must(flowai_history_entry_role(entry, &text), "flowai_history_entry_role");
    must(flowai_history_entry_name(entry, &text), "flowai_history_entry_name");
    must(flowai_history_entry_created_at(entry, &text), "flowai_history_entry_created_at");
    flowai_history_entry_free(entry);
}

static inline void print_page(flowai_history_page page)
{
    size_t count = 0, i;

    printf("{");
    PRINT_TEXT("thread_id", flowai_history_page_thread_id, page);
    PRINT_NUMBER("page", flowai_history_page_number, page);
    PRINT_NUMBER("pages", flowai_history_page_pages, page);
    PRINT_JSON("raw", flowai_history_page_json, page);
    must(flowai_history_page_count(page, &count), "flowai_history_page_count");
    printf("\"entries\": [");
    for (i = 0; i < count; i++) {
        flowai_history_entry entry = {0};

        must(flowai_history_page_entry(page, i, &entry), "flowai_history_page_entry");
        printf("%s", i ? ", " : "");
        print_entry(entry);
    }
    printf("]}");
    flowai_history_page_free(page);
}

/* Prints entries to the end of an iterator; at its error nothing, but gives the status. */
static inline flowai_status print_all(flowai_history_iter iter, flowai_error *error)
{
    static flowai_history_entry entries[1000];
    flowai_status status = FLOWAI_OK;
    int count = 0, i;

    while (count < 1000) {
        status = flowai_history_iter_next(iter, error, &entries[count]);
        if (status != FLOWAI_OK || entries[count].id == 0)
            break;
        count++;
    }
    flowai_history_iter_free(iter);
    if (status == FLOWAI_OK)
        printf("{\"ok\": {\"entries\": [");
    for (i = 0; i < count && status == FLOWAI_OK; i++) {
        printf("%s", i ? ", " : "");
        print_entry(entries[i]);
    }
    if (status == FLOWAI_OK)
        printf("]}}\n");
    return status;
}

static inline void print_hours(flowai_business_hours hours)
{
    flowai_str text = {0};
    size_t count = 0, i;

    must(flowai_business_hours_count(hours, &count), "flowai_business_hours_count");
    printf("[");
    for (i = 0; i < count; i++) {
        must(flowai_business_hours_set_json(hours, i, &text), "flowai_business_hours_set_json");
        printf("%s%s", i ? ", " : "", text.ptr);
    }
    printf("]");
    flowai_business_hours_free(hours);
}

static inline void print_status(flowai_bot_status status)
{
    printf("{");
    PRINT_TEXT("thread_id", flowai_bot_status_thread_id, status);
    PRINT_ANSWER("is_paused", flowai_bot_status_is_paused, status);
    PRINT_JSON("raw", flowai_bot_status_json, status);
    printf("\"end\": 0}");
    flowai_bot_status_free(status);
}

static inline void print_error(flowai_error error)
{
    bool retryable = false;
    flowai_delivery delivery = FLOWAI_DELIVERY_NONE;
    int32_t http_status = 0;

    must(flowai_error_retryable(error, &retryable), "flowai_error_retryable");
    must(flowai_error_delivery(error, &delivery), "flowai_error_delivery");
    must(flowai_error_http_status(error, &http_status), "flowai_error_http_status");
    printf("{\"error\": {");
    PRINT_TEXT("kind", flowai_error_name, error);
    PRINT_TEXT("message", flowai_error_message, error);
    PRINT_TEXT("operation", flowai_error_operation, error);
    PRINT_TEXT("argument", flowai_error_argument, error);
    PRINT_TEXT("server_message", flowai_error_server_message, error);
    PRINT_TEXT("body", flowai_error_body, error);
    PRINT_TEXT("request_id", flowai_error_request_id, error);
    PRINT_NUMBER("retry_after_ms", flowai_error_retry_after_ms, error);
    if (http_status)
        printf("\"status\": %d, ", (int)http_status);
    printf("\"retryable\": %s, ", retryable ? "true" : "false");
    if (delivery != FLOWAI_DELIVERY_NONE)
        printf("\"delivery\": \"%s\", ", flowai_delivery_name(delivery));
    printf("\"end\": 0}}\n");
    flowai_error_free(error);
}

static inline void pause_for(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* A receiver, whose thread does the work of the library as long as the program runs. */
static inline void start_driver(void)
{
    flowai_receiver_config config = {0};
    flowai_receiver receiver = {0};

    must(flowai_receiver_config_new(NULL, &config), "flowai_receiver_config_new");
    must(flowai_receiver_config_set_no_verifier(config, NULL), "flowai_receiver_config_set_no_verifier");
    must(flowai_receiver_start(config, NULL, &receiver), "flowai_receiver_start");
    flowai_receiver_config_free(config);
}

/* Text in which ${n} is the number of the call. Not freed: the programs are short. */
static inline const char *numbered(const char *text, int n)
{
    const char *mark = strstr(text, "${n}");
    char *filled = mark ? malloc(strlen(text) + 16) : NULL;

    if (!filled)
        return text;
    sprintf(filled, "%.*s%d%s", (int)(mark - text), text, n, mark + 4);
    return filled;
}

#endif
