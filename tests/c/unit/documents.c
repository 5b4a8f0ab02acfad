/* Documents and lists: fields by name, and what happens to names and handles that are wrong. */
#include "check.h"
#include <math.h>

static const char CARD[] =
    "{\"type\":\"message.reply\",\"threadId\":\"t|c\",\"messages\":[{\"replyTo\":7,\"originator\":{\"name\":\"Bot\",\"role\":\"bot\"},"
    "\"contexts\":[{\"name\":\"order\"},\"plain\",3],\"responses\":[{\"type\":\"card\",\"delay\":\"250\",\"fallback\":\"A card\",\"payload\":{"
    "\"title\":\"Parcel \\u0000 99812\",\"subtitle\":5,\"media\":{\"url\":\"https://i.example.org/1.png\"},\"codec\":\"av1\","
    "\"buttons\":[{\"type\":\"url\",\"label\":\"Track\",\"newTab\":\"true\"},\"no button\",{\"label\":\"Call\"}]}},"
    "{\"type\":\"hologram\",\"payload\":{\"size\":1.5,\"quickReplies\":[{\"label\":\"Yes\"}],\"lit\":false,\"inner\":{\"deep\":[1,{\"a\":\"b\"}]}}}]}]}";

static flowai_document part(size_t index)
{
    flowai_event event = event_of(CARD);
    flowai_list parts = {0};
    flowai_document document = {0};

    CHECK_OK(flowai_event_templates(event, &parts));
    CHECK_OK(flowai_list_document(parts, index, &document));
    flowai_event_free(event);
    flowai_list_free(parts);
    return document;
}

static void refused(flowai_status status, flowai_error error, const char *said)
{
    flowai_str text = {0};

    CHECK(status == FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "field");
    CHECK_OK(flowai_error_message(error, &text));
    CHECK(strstr(text.ptr, said) != NULL);
    flowai_error_free(error);
}

static void fields_of_a_card(void)
{
    flowai_document card = part(0);
    flowai_str text = {0}, again = {0};
    flowai_template_kind kind = -1;
    double number = 0;
    int64_t delay = 0;

    CHECK_OK(flowai_document_template_kind(card, &kind));
    CHECK(kind == FLOWAI_TEMPLATE_CARD);
    CHECK(strcmp(flowai_template_name(kind), "card") == 0);
    CHECK(strcmp(flowai_template_name(-3), "unknown") == 0);
    CHECK_TEXT(flowai_document_name(card, &text), text, "Template");
    CHECK_TEXT(flowai_document_string(card, "type", NULL, &text), text, "card");
    CHECK_TEXT(flowai_document_string(card, "fallback", NULL, &text), text, "A card");
    CHECK_OK(flowai_document_string(card, "title", NULL, &text));
    CHECK(text.len == strlen("Parcel ") + strlen(" 99812") + 1 && memcmp(text.ptr, "Parcel \0 99812", 15) == 0);
    CHECK_TEXT(flowai_document_string(card, "media.url", NULL, &again), again, "https://i.example.org/1.png");
    CHECK_TEXT(flowai_document_string(card, "media.thumbnail_url", NULL, &again), again, "");
    CHECK_TEXT(flowai_document_string(card, "subtitle", NULL, &again), again, "");
    CHECK_TEXT(flowai_document_string(card, "action.value", NULL, &again), again, "");
    CHECK_TEXT(flowai_document_string(card, "codec", NULL, &again), again, "av1");
    CHECK_TEXT(flowai_document_field_json(card, "codec", NULL, &again), again, "\"av1\"");
    CHECK_TEXT(flowai_document_field_json(card, "media", NULL, &again), again, "{\"url\":\"https://i.example.org/1.png\"}");
    CHECK_TEXT(flowai_document_field_json(card, "delay", NULL, &again), again, "250");
    CHECK_TEXT(flowai_document_field_json(card, "subtitle", NULL, &again), again, "");
    CHECK_TEXT(flowai_document_field_json(card, "quick_replies", NULL, &again), again, "");
    CHECK_OK(flowai_document_integer(card, "delay", NULL, &delay));
    CHECK(delay == 250);
    CHECK_OK(flowai_document_number(card, "delay", NULL, &number));
    CHECK(number == 250);
    /* The same text is the same memory, however often it is read. */
    CHECK_OK(flowai_document_string(card, "title", NULL, &again));
    CHECK(again.ptr == text.ptr);
    flowai_document_free(card);
    CHECK_STATUS(flowai_document_string(card, "title", NULL, &text), FLOWAI_ERR_BAD_HANDLE);
}

static void lists_inside(void)
{
    flowai_document card = part(0), button = {0}, none = {0};
    flowai_list buttons = {0}, nothing = {0};
    flowai_answer answer = 7;
    flowai_str text = {0};
    size_t count = 0;

    CHECK_OK(flowai_document_list(card, "buttons", NULL, &buttons));
    flowai_document_free(card);
    CHECK_OK(flowai_list_count(buttons, &count));
    CHECK(count == 2);
    CHECK_TEXT(flowai_list_json(buttons, &text), text,
               "[{\"label\":\"Track\",\"newTab\":\"true\",\"type\":\"url\"},{\"label\":\"Call\"}]");
    CHECK_OK(flowai_list_document(buttons, 0, &button));
    CHECK_OK(flowai_list_document(buttons, 2, &none));
    CHECK(none.id == 0);
    CHECK_TEXT(flowai_list_string(buttons, 0, &text), text, "");
    CHECK_TEXT(flowai_list_string(buttons, SIZE_MAX, &text), text, "");
    flowai_list_free(buttons);
    CHECK_TEXT(flowai_document_name(button, &text), text, "Button");
    CHECK_TEXT(flowai_document_string(button, "label", NULL, &text), text, "Track");
    CHECK_OK(flowai_document_boolean(button, "new_tab", NULL, &answer));
    CHECK(answer == FLOWAI_YES);
    CHECK_OK(flowai_document_document(button, "trigger", NULL, &none));
    CHECK(none.id == 0);
    flowai_document_free(button);

    card = part(0);
    CHECK_OK(flowai_document_list(card, "quick_replies", NULL, &nothing));
    CHECK_OK(flowai_list_count(nothing, &count));
    CHECK(count == 0);
    CHECK_TEXT(flowai_list_json(nothing, &text), text, "[]");
    flowai_list_free(nothing);
    flowai_document_free(card);
    CHECK_STATUS(flowai_list_count(nothing, &count), FLOWAI_ERR_BAD_HANDLE);

    /* Also of a template whose fields nobody knows. */
    card = part(1);
    CHECK_OK(flowai_document_quick_replies(card, &nothing));
    CHECK_OK(flowai_list_document(nothing, 0, &button));
    CHECK_TEXT(flowai_document_string(button, "label", NULL, &text), text, "Yes");
    flowai_document_free(button);
    flowai_list_free(nothing);
    CHECK_STATUS(flowai_document_quick_replies(none, &nothing), FLOWAI_ERR_BAD_HANDLE);
    flowai_document_free(card);
}

static void templates_that_nobody_knows(void)
{
    flowai_document hologram = part(1), inner = {0};
    flowai_template_kind kind = -1;
    flowai_list deep = {0};
    flowai_answer lit = 7;
    flowai_str text = {0};
    double size = 0;
    size_t count = 0;

    CHECK_OK(flowai_document_template_kind(hologram, &kind));
    CHECK(kind == FLOWAI_TEMPLATE_UNKNOWN);
    CHECK_OK(flowai_document_number(hologram, "size", NULL, &size));
    CHECK(size == 1.5);
    CHECK_TEXT(flowai_document_string(hologram, "size", NULL, &text), text, "1.5");
    CHECK_OK(flowai_document_boolean(hologram, "lit", NULL, &lit));
    CHECK(lit == FLOWAI_NO);
    CHECK_OK(flowai_document_number(hologram, "weight", NULL, &size));
    CHECK(isnan(size));
    CHECK_OK(flowai_document_document(hologram, "inner", NULL, &inner));
    CHECK_TEXT(flowai_document_name(inner, &text), text, "");
    CHECK_OK(flowai_document_list(inner, "deep", NULL, &deep));
    CHECK_OK(flowai_list_count(deep, &count));
    CHECK(count == 2);
    flowai_list_free(deep);
    flowai_document_free(inner);
    flowai_document_free(hologram);
}

static void messages(void)
{
    flowai_event event = event_of(CARD);
    flowai_list list = {0}, contexts = {0};
    flowai_document message = {0}, context = {0};
    flowai_str text = {0};

    CHECK_OK(flowai_event_messages(event, &list));
    CHECK_OK(flowai_list_document(list, 0, &message));
    CHECK_TEXT(flowai_document_string(message, "originator.role", NULL, &text), text, "bot");
    CHECK_TEXT(flowai_document_string(message, "originator.profile.full_name", NULL, &text), text, "");
    CHECK_TEXT(flowai_document_string(message, "reply_to", NULL, &text), text, "7");
    CHECK_OK(flowai_document_list(message, "contexts", NULL, &contexts));
    CHECK_OK(flowai_list_document(contexts, 0, &context));
    CHECK_TEXT(flowai_document_string(context, "name", NULL, &text), text, "order");
    CHECK_TEXT(flowai_list_string(contexts, 1, &text), text, "plain");
    flowai_document_free(context);
    flowai_list_free(contexts);
    flowai_document_free(message);
    flowai_list_free(list);
    flowai_event_free(event);
}

static void names_and_shapes_that_are_wrong(void)
{
    flowai_document card = part(0), inner = {0};
    flowai_list list = {0};
    flowai_error error = {0};
    flowai_answer answer = 7;
    flowai_str text = {0};
    double number = 0;
    int64_t whole = 0;

    refused(flowai_document_string(card, "titel", &error, &text), error, "\"titel\" is no field of CardTemplate (title, ");
    refused(flowai_document_string(card, "media.titel", &error, &text), error, "CardMedia");
    refused(flowai_document_string(card, "action.titel", &error, &text), error, "Action");
    refused(flowai_document_string(card, "", &error, &text), error, "no field");
    refused(flowai_document_string(card, "media.", &error, &text), error, "no field");
    refused(flowai_document_string(card, "titel.url", &error, &text), error, "titel");
    refused(flowai_document_string(card, NULL, &error, &text), error, "is NULL");
    refused(flowai_document_string(card, "\xff", &error, &text), error, "UTF-8");
    refused(flowai_document_string(card, "buttons", &error, &text), error, "flowai_document_list");
    refused(flowai_document_string(card, "delay", &error, &text), error, "flowai_document_number");
    refused(flowai_document_number(card, "title", &error, &number), error, "flowai_document_string");
    refused(flowai_document_integer(card, "media", &error, &whole), error, "flowai_document_document");
    refused(flowai_document_boolean(card, "title", &error, &answer), error, "flowai_document_string");
    refused(flowai_document_document(card, "buttons", &error, &inner), error, "flowai_document_list");
    refused(flowai_document_list(card, "media", &error, &list), error, "flowai_document_document");
    refused(flowai_document_field_json(card, "titel", &error, &text), error, "titel");
    CHECK(inner.id == 0 && list.id == 0 && number == 0 && whole == 0 && answer == 7);
    CHECK_STATUS(flowai_document_string(card, "title", NULL, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(flowai_document_list(card, "buttons", NULL, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    flowai_document_free(card);
    flowai_document_free(card);
}

static void handles_that_are_wrong(void)
{
    flowai_document card = part(0), none = {0};
    flowai_list as_list = {card.id}, list = {0};
    flowai_string as_string = {card.id};
    flowai_page as_page = {card.id};
    flowai_reply as_reply = {card.id};
    flowai_response as_response = {card.id};
    flowai_template_kind kind = 7;
    flowai_str text = {0};
    int64_t number = 0;
    int32_t status = 0;
    size_t count = 0;

    CHECK_STATUS(flowai_document_text(none, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_document_name(none, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_document_json(none, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_document_template_kind(none, &kind), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_list_count(as_list, &count), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_list_string(as_list, 0, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_list_document(as_list, 0, &none), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_list_json(as_list, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_string_text(as_string, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_page_number(as_page, &number), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_page_pages(as_page, &number), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_page_thread_id(as_page, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_page_items(as_page, &list), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_page_json(as_page, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_reply_text(as_reply, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_reply_thread_id(as_reply, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_reply_trace_id(as_reply, &number), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_reply_templates(as_reply, &list), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_reply_quick_replies(as_reply, &list), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_reply_json(as_reply, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_response_status(as_response, &status), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_response_header(as_response, "x", NULL, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_response_body(as_response, &text), FLOWAI_ERR_BAD_HANDLE);
    CHECK_STATUS(flowai_document_text(card, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    flowai_list_free(as_list);
    flowai_string_free(as_string);
    flowai_page_free(as_page);
    flowai_reply_free(as_reply);
    flowai_response_free(as_response);
    CHECK_TEXT(flowai_document_string(card, "type", NULL, &text), text, "card");
    flowai_document_free(card);
    flowai_document_free(none);
}

int main(void)
{
    fields_of_a_card();
    lists_inside();
    templates_that_nobody_knows();
    messages();
    names_and_shapes_that_are_wrong();
    handles_that_are_wrong();
    flowai_shutdown();
    return 0;
}
