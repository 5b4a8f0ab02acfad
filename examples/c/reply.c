/*
 * Asks the bot and prints what it replies, what it shows and what it suggests to answer: reply THREAD TEXT.
 *
 * Reads FLOWAI_API_KEY and FLOWAI_BASE_URL from the environment.
 */
#include <flowai.h>
#include <stdio.h>

/* Prints a field of each document of a list, and frees the list. */
static void show(const char *what, flowai_list list, const char *field)
{
    size_t count = 0, i;

    for (i = 0; flowai_list_count(list, &count) == FLOWAI_OK && i < count; i++) {
        flowai_document document = {0};
        flowai_str text = {0};

        if (flowai_list_document(list, i, &document) == FLOWAI_OK
            && flowai_document_string(document, field, NULL, &text) == FLOWAI_OK && text.len > 0)
            printf("%s: %s\n", what, text.ptr);
        flowai_document_free(document);
    }
    flowai_list_free(list);
}

int main(int argc, char **argv)
{
    flowai_config from_environment = {0};
    flowai_send_options no_options = {0};
    flowai_client client = {0};
    flowai_reply reply = {0};
    flowai_list list = {0};
    flowai_error error = {0};
    flowai_str text = {0};

    if (argc != 3) {
        fprintf(stderr, "usage: %s THREAD TEXT\n", argv[0]);
        return 2;
    }
    if (flowai_client_new(from_environment, &error, &client) == FLOWAI_OK
        && flowai_client_ask(client, argv[1], argv[2], no_options, &error, &reply) == FLOWAI_OK
        && flowai_reply_text(reply, &text) == FLOWAI_OK) {
        printf("%s\n", text.ptr);
        if (flowai_reply_templates(reply, &list) == FLOWAI_OK)
            show("part", list, "type");
        if (flowai_reply_quick_replies(reply, &list) == FLOWAI_OK)
            show("suggestion", list, "label");
    } else if (flowai_error_message(error, &text) == FLOWAI_OK) {
        fprintf(stderr, "%s\n", text.ptr);
    }
    flowai_reply_free(reply);
    flowai_client_free(client);
    flowai_error_free(error);
    return reply.id == 0;
}
