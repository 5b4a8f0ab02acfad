/*
 * Prints what business hours say, one line of JSON for each line of standard input: the file of an event that has them, and
 * after tabs a moment and how far the clock is ahead of UTC.
 */
#include "runner.h"

static void print_moment(const char *name, int64_t moment)
{
    print_name(name);
    if (moment == FLOWAI_NONE)
        printf("null, ");
    else
        printf("%" PRId64 ", ", moment);
}

static void print_answers(flowai_business_hours hours, int64_t at, int32_t offset)
{
    bool is_open = false;
    int64_t opening = 0, closing = 0;

    must(flowai_business_hours_is_open(hours, 0, at, offset, NULL, &is_open), "flowai_business_hours_is_open");
    must(flowai_business_hours_next_opening(hours, 0, at, offset, NULL, &opening), "flowai_business_hours_next_opening");
    must(flowai_business_hours_next_closing(hours, 0, at, offset, NULL, &closing), "flowai_business_hours_next_closing");
    printf("{");
    print_moment("next_opening", opening);
    print_moment("next_closing", closing);
    printf("\"is_open\": %s}\n", is_open ? "true" : "false");
}

int main(void)
{
    static char line[4096];

    while (fgets(line, sizeof line, stdin)) {
        flowai_business_hours hours = {0};
        flowai_event event = {0};
        size_t size = 0;
        char *at = strchr(line, '\t'), *body;
        int64_t moment;

        *at++ = '\0';
        body = content(line, &size);
        must(flowai_event_parse(body, size, NULL, &event), "flowai_event_parse");
        must(flowai_event_business_hours(event, &hours), "flowai_event_business_hours");
        moment = strtoll(at, &at, 10);
        print_answers(hours, moment, (int32_t)strtol(at, NULL, 10));
        flowai_business_hours_free(hours);
        flowai_event_free(event);
        free(body);
    }
    return 0;
}
