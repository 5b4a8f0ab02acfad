/* Sends a message to the service of the environment, and stays as it is until its standard input ends. It prints where
   its memory is, so that somebody outside can count what is really there: `make sizes`. */
#include <flowai.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    flowai_send_options no_options = {0};
    flowai_config config = {0};
    flowai_client client = {0};
    flowai_receipt receipt = {0};
    flowai_error error = {0};
    flowai_str message = {0};
    FILE *maps = NULL;
    int byte = 0;

    if (flowai_config_new(&error, &config) != FLOWAI_OK)
        return 1;
    if (argc > 1 && flowai_config_set_ca_file(config, argv[1], &error) != FLOWAI_OK)
        return 1;
    if (flowai_client_new(config, &error, &client) != FLOWAI_OK
        || flowai_client_send_text(client, "thread-1", "Hello", no_options, &error, &receipt) != FLOWAI_OK) {
        if (flowai_error_message(error, &message) == FLOWAI_OK)
            fprintf(stderr, "%s\n", message.ptr);
        return 1;
    }
    maps = fopen("/proc/self/maps", "r");
    if (maps == NULL)
        return 1;
    while ((byte = getc(maps)) != EOF)
        putchar(byte);
    fclose(maps);
    puts("sent");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
