/* What the generated program for templates has in common: each check prints a line when something is wrong. */
#ifndef TEMPLATES_H
#define TEMPLATES_H

#include "runner.h"
#include <math.h>

static const char *vector;

static inline void problem(const char *field, const char *wanted, const char *got)
{
    printf("problem\t%s: %s: expected %s, got %s\n", vector, field, wanted, got);
}

static inline void want_status(const char *field, flowai_status status, flowai_error error)
{
    flowai_str text = {0};

    if (status == FLOWAI_OK)
        return;
    must(flowai_error_message(error, &text), "flowai_error_message");
    problem(field, "a value", text.ptr);
    flowai_error_free(error);
}

static inline void want_kind(flowai_document part, flowai_template_kind wanted)
{
    flowai_template_kind kind = -1;

    must(flowai_document_template_kind(part, &kind), "flowai_document_template_kind");
    if (kind != wanted)
        problem("kind", flowai_template_name(wanted), flowai_template_name(kind));
}

static inline void want_text(flowai_document part, const char *field, const char *wanted)
{
    flowai_error error = {0};
    flowai_str text = {0};

    want_status(field, flowai_document_string(part, field, &error, &text), error);
    if (!text.ptr || strcmp(text.ptr, wanted) != 0)
        problem(field, wanted, text.ptr ? text.ptr : "nothing");
}

static inline void want_number(flowai_document part, const char *field, double wanted)
{
    flowai_error error = {0};
    double number = NAN;
    int64_t whole = 7;

    want_status(field, flowai_document_number(part, field, &error, &number), error);
    if (number != wanted)
        problem(field, "another number", "a number");
    must(flowai_document_integer(part, field, NULL, &whole), "flowai_document_integer");
    if ((double)(int64_t)wanted == wanted ? (double)whole != wanted : whole != FLOWAI_NONE)
        problem(field, "another whole number", "a whole number");
}

static inline void want_answer(flowai_document part, const char *field, flowai_answer wanted)
{
    flowai_error error = {0};
    flowai_answer answer = FLOWAI_UNKNOWN;

    want_status(field, flowai_document_boolean(part, field, &error, &answer), error);
    if (answer != wanted)
        problem(field, wanted == FLOWAI_YES ? "true" : "false", "something else");
}

static inline void want_nothing(flowai_document part, const char *field)
{
    flowai_error error = {0};
    flowai_str json = {0};

    want_status(field, flowai_document_field_json(part, field, &error, &json), error);
    if (json.len != 0)
        problem(field, "nothing", json.ptr);
}

static inline flowai_document inner(flowai_document part, const char *field)
{
    flowai_document document = {0};
    flowai_error error = {0};

    want_status(field, flowai_document_document(part, field, &error, &document), error);
    if (document.id == 0)
        problem(field, "a document", "nothing");
    return document;
}

static inline flowai_list inner_list(flowai_document part, const char *field, size_t wanted)
{
    flowai_list list = {0};
    flowai_error error = {0};
    size_t count = 0;

    want_status(field, flowai_document_list(part, field, &error, &list), error);
    if (list.id == 0 || flowai_list_count(list, &count) != FLOWAI_OK || count != wanted)
        problem(field, "another number of items", "a list");
    return list;
}

static inline flowai_document item(flowai_list list, size_t index)
{
    flowai_document document = {0};

    must(flowai_list_document(list, index, &document), "flowai_list_document");
    if (document.id == 0)
        problem("an item", "a document", "nothing");
    return document;
}

static inline flowai_list parts_of(const char *body, size_t size, size_t wanted)
{
    flowai_event event = {0};
    flowai_list parts = {0};
    size_t count = 0;

    must(flowai_event_parse(body, size, NULL, &event), "flowai_event_parse");
    must(flowai_event_templates(event, &parts), "flowai_event_templates");
    must(flowai_list_count(parts, &count), "flowai_list_count");
    flowai_event_free(event);
    if (count != wanted)
        problem("templates", "another number of them", "a list");
    return parts;
}

static inline void print_payload(flowai_document part, int number)
{
    flowai_str json = {0};

    must(flowai_document_field_json(part, "payload", NULL, &json), "flowai_document_field_json");
    printf("payload\t%s\t%d\t%s\n", vector, number, json.len ? json.ptr : "null");
}

#endif
