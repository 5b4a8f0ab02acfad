/* What the C programs of `make bench` have in common: arguments, time, and the line of JSON that they end with. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_KEY "MY_MESSAGING_API_KEY"

static double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The highest that this program's memory ever was, in KiB, as the system counts it. */
static long bench_memory(void)
{
    char line[256];
    long peak = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld", &peak) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return peak;
}

static int bench_end(double seconds)
{
    printf("{\"seconds\": %.9f, \"memory\": %ld}\n", seconds, bench_memory());
    return 0;
}

/* The nth message, as a user of an HTTP library would write it. */
static inline int bench_message(char *body, size_t size, long n)
{
    return snprintf(body, size,
                    "{\"payload\":{\"type\":\"text\",\"speech\":\"message %ld\",\"originator\":"
                    "{\"name\":\"John Doe\",\"role\":\"external\"}}}",
                    n);
}

static int bench_failed(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

#endif
