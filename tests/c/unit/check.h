/* What the tests in C have in common. */
#ifndef CHECK_H
#define CHECK_H

#include <flowai.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Stops the program at once: what follows a failed check would only confuse. */
#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #what); \
            _exit(1); \
        } \
    } while (0)

#define CHECK_STATUS(call, wanted) \
    do { \
        flowai_status status_ = (call); \
        if (status_ != (wanted)) { \
            fprintf(stderr, "%s:%d: %s gave %d (%s), not %d\n", __FILE__, __LINE__, #call, (int)status_, \
                    flowai_status_name(status_), (int)(wanted)); \
            _exit(1); \
        } \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(call, FLOWAI_OK)

#define CHECK_TEXT(call, variable, wanted) \
    do { \
        CHECK_OK(call); \
        if (strcmp((variable).ptr, (wanted)) != 0 || strlen(wanted) != (variable).len) { \
            fprintf(stderr, "%s:%d: %s gave \"%s\", not \"%s\"\n", __FILE__, __LINE__, #call, (variable).ptr, \
                    (wanted)); \
            _exit(1); \
        } \
    } while (0)

/* A client of a server; NULL takes one that cannot be reached. */
static inline flowai_client client_of(const char *base_url)
{
    flowai_config config = {0};
    flowai_client client = {0};

    CHECK_OK(flowai_config_new(NULL, &config));
    CHECK_OK(flowai_config_set_api_key(config, "MY_MESSAGING_API_KEY", NULL));
    CHECK_OK(flowai_config_set_base_url(config, base_url ? base_url : "http://127.0.0.1:1/", NULL));
    CHECK_OK(flowai_config_set_timeout_ms(config, 20000, NULL));
    CHECK_OK(flowai_client_new(config, NULL, &client));
    flowai_config_free(config);
    return client;
}

static inline flowai_event event_of(const char *body)
{
    flowai_event event = {0};

    CHECK_OK(flowai_event_parse(body, strlen(body), NULL, &event));
    return event;
}

#endif
