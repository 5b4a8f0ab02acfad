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

/* Prints a list and frees it: documents as JSON, each of them read by itself, or texts. */
static inline void print_list(flowai_list list)
{
    size_t count = 0, i;

    must(flowai_list_count(list, &count), "flowai_list_count");
    printf("[");
    for (i = 0; i < count; i++) {
        flowai_document document = {0};
        flowai_str text = {0};

        printf("%s", i ? ", " : "");
        must(flowai_list_document(list, i, &document), "flowai_list_document");
        if (document.id) {
            must(flowai_document_json(document, &text), "flowai_document_json");
            printf("%s", text.ptr);
            must(flowai_document_text(document, &text), "flowai_document_text");
            flowai_document_free(document);
        } else {
            must(flowai_list_string(list, i, &text), "flowai_list_string");
            print_bytes(text.ptr, text.len);
        }
    }
    printf("]");
    flowai_list_free(list);
}

/* A list as a member of a JSON object, with a comma after it. */
#define PRINT_LIST(name, function, handle) \
    do { \
        flowai_list list_ = {0}; \
        must(function(handle, &list_), #function); \
        print_name(name); \
        print_list(list_); \
        printf(", "); \
    } while (0)

static inline void print_page(flowai_page page, const char *items)
{
    printf("{");
    PRINT_TEXT("thread_id", flowai_page_thread_id, page);
    PRINT_NUMBER("page", flowai_page_number, page);
    PRINT_NUMBER("pages", flowai_page_pages, page);
    PRINT_JSON("raw", flowai_page_json, page);
    PRINT_LIST(items, flowai_page_items, page);
    printf("\"end\": 0}");
    flowai_page_free(page);
}

static inline void print_history(flowai_page page)
{
    print_page(page, "entries");
}

static inline void print_threads(flowai_page page)
{
    print_page(page, "threads");
}

/* Prints what an iterator gives to its end; at its error nothing, but gives the status. */
#define PRINT_ALL(function, type, name, next, read, free_one, free_all, print) \
    static inline flowai_status function(type##_iter iter, flowai_error *error) \
    { \
        static read items[1000]; \
        flowai_status status = FLOWAI_OK; \
        flowai_str text = {0}; \
        int count = 0, i; \
\
        while (count < 1000) { \
            status = next(iter, error, &items[count]); \
            if (status != FLOWAI_OK || items[count].id == 0) \
                break; \
            count++; \
        } \
        free_all(iter); \
        if (status == FLOWAI_OK) \
            printf("{\"ok\": {\"" name "\": ["); \
        for (i = 0; i < count; i++) { \
            if (status == FLOWAI_OK) { \
                printf("%s", i ? ", " : ""); \
                print; \
            } \
            free_one(items[i]); \
        } \
        if (status == FLOWAI_OK) \
            printf("]}}\n"); \
        return status; \
    }

PRINT_ALL(print_all_history, flowai_history, "entries", flowai_history_iter_next, flowai_document, flowai_document_free,
          flowai_history_iter_free,
          (must(flowai_document_json(items[i], &text), "flowai_document_json"), printf("%s", text.ptr)))
PRINT_ALL(print_all_threads, flowai_thread, "threads", flowai_thread_iter_next, flowai_string, flowai_string_free,
          flowai_thread_iter_free,
          (must(flowai_string_text(items[i], &text), "flowai_string_text"), print_bytes(text.ptr, text.len)))

static inline void print_new_thread(flowai_string thread_id)
{
    printf("{");
    PRINT_TEXT("thread_id", flowai_string_text, thread_id);
    printf("\"end\": 0}");
    flowai_string_free(thread_id);
}

static inline void print_reply(flowai_reply reply)
{
    flowai_event event = {0};

    must(flowai_reply_event(reply, &event), "flowai_reply_event");
    printf("{");
    PRINT_TEXT("text", flowai_reply_text, reply);
    PRINT_TEXT("thread_id", flowai_reply_thread_id, reply);
    PRINT_NUMBER("trace_id", flowai_reply_trace_id, reply);
    PRINT_JSON("raw", flowai_reply_json, reply);
    PRINT_LIST("templates", flowai_reply_templates, reply);
    PRINT_LIST("all_quick_replies", flowai_reply_quick_replies, reply);
    flowai_reply_free(reply);
    PRINT_LIST("all_messages", flowai_event_messages, event);
    printf("\"end\": 0}");
    flowai_event_free(event);
}

static inline void print_response(flowai_response response)
{
    flowai_str body = {0}, type = {0};
    int32_t status = 0;

    must(flowai_response_status(response, &status), "flowai_response_status");
    must(flowai_response_header(response, "Content-Type", NULL, &type), "flowai_response_header");
    must(flowai_response_body(response, &body), "flowai_response_body");
    printf("{\"status\": %d, \"body\": ", (int)status);
    print_bytes(body.ptr, body.len);
    printf(", \"content_type\": ");
    print_bytes(type.ptr, type.len);
    printf("}");
    flowai_response_free(response);
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

/* Makes a call by its name, with its arguments in one document. */
static inline void call_json(flowai_client client, const char *operation, const char *arguments)
{
    flowai_string result = {0};
    flowai_error error = {0};
    flowai_str text = {0};

    if (flowai_client_call_json(client, operation, arguments, &error, &result) != FLOWAI_OK) {
        print_error(error);
        return;
    }
    must(flowai_string_text(result, &text), "flowai_string_text");
    printf("{\"ok\": %s}\n", text.ptr);
    flowai_string_free(result);
}

/* As call_json(), without waiting for it; with a file of so many bytes. */
static inline void call_by_queue(flowai_client client, const char *operation, const char *arguments, size_t fill)
{
    flowai_queue queue = {0};
    flowai_call call = {0};
    flowai_completion completion = {0};
    flowai_status status = FLOWAI_OK;
    flowai_error error = {0};
    flowai_str text = {0};
    char *file = fill ? malloc(fill) : NULL;

    if (file)
        memset(file, 'x', fill);
    must(flowai_queue_new(1, NULL, &queue), "flowai_queue_new");
    must(flowai_call_new(client, operation, NULL, &call), "flowai_call_new");
    must(flowai_call_set_arguments(call, arguments, NULL), "flowai_call_set_arguments");
    if ((file && flowai_call_set_bytes(call, file, fill, &error) != FLOWAI_OK)
        || flowai_queue_submit(queue, call, NULL, NULL, &error) != FLOWAI_OK) {
        print_error(error);
    } else {
        must(flowai_poll(queue, FLOWAI_FOREVER, NULL, &completion), "flowai_poll");
        must(flowai_completion_status(completion, &status), "flowai_completion_status");
        must(flowai_completion_json(completion, &text), "flowai_completion_json");
        must(flowai_completion_error(completion, &error), "flowai_completion_error");
        if (status == FLOWAI_OK)
            printf("{\"ok\": %s}\n", text.ptr);
        else
            print_error(error);
        flowai_completion_free(completion);
    }
    flowai_call_free(call);
    flowai_queue_free(queue);
    free(file);
}

/* The content of a file. */
static inline char *content(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data;

    if (!file || fseek(file, 0, SEEK_END) != 0)
        exit(8);
    *size = (size_t)ftell(file);
    rewind(file);
    data = malloc(*size + 1);
    if (fread(data, 1, *size, file) != *size)
        exit(8);
    fclose(file);
    return data;
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
