/* Asks the bot and prints its reply: ask THREAD TEXT. Reads FLOWAI_API_KEY and FLOWAI_BASE_URL from the environment. */
#include <flowai.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    flowai_client client = {0};
    flowai_reply reply = {0};
    flowai_str text = {0};

    if (argc == 3 && flowai_client_new((flowai_config){0}, NULL, &client) == FLOWAI_OK
        && flowai_client_ask(client, argv[1], argv[2], (flowai_send_options){0}, NULL, &reply) == FLOWAI_OK
        && flowai_reply_text(reply, &text) == FLOWAI_OK)
        puts(text.ptr);
    flowai_reply_free(reply);
    flowai_client_free(client);
    return reply.id == 0;
}
