/*
 * Sequences of calls of the whole of flowai.h, made of random bytes: handles of the right type and of wrong ones, freed
 * ones and made up ones, texts and documents that are right and wrong, from one thread and from two at once. Nothing may
 * crash, hang, or hand out text that is not there.
 *
 * Alone: sequences COUNT SEED, in an empty folder, with FLOWAI_BASE_URL set to a server that acknowledges everything.
 * With -DFUZZER, and clang -fsanitize=fuzzer: a target of libFuzzer.
 */
#include <flowai.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *data;
    size_t len;
    bool alone;
};

#include "calls.h"

enum { KEPT = 6, GONE = 32 };

static atomic_uint_fast64_t pool[TYPES][KEPT];
static atomic_uint_fast64_t gone[GONE];
static atomic_uint_fast64_t made_calls, texts_read;
static int callbacks;

static unsigned byte(struct input *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->data++;
}

static uint64_t number(struct input *in)
{
    static const int64_t odd[] = {0, 1, 2, 19, 255, 1024, -1, INT32_MAX, INT64_MAX, INT64_MIN, UINT32_MAX, 1764000000};
    unsigned which = byte(in);

    return which < 128 ? which % 8 : which < 250 ? (uint64_t)odd[which % (sizeof odd / sizeof *odd)] : (uint64_t)which << 56;
}

static const char *text(struct input *in)
{
    static const char *const texts[] = {
        "thread-1", "thread-1|channel", "Hello", "", "..", "\xff\xfe", "a\nb", "a.db", "b.db", "none/none.db", "file.txt",
        "127.0.0.1:0", "/hook", "GET", "POST", "history", "send_text", "pause", "text", "media.url", "title", "payload", "delay",
        "x-secret", "a secret of more than thirty-two bytes, surely", "12.3", "image", "image/png", "https://example.org/a.png",
        "waiting", "handled", "dead", "keep", "report", "+31612345678", "whatsapp", "en", "seed", "Bearer", "thread_id", "message",
        "{\"name\": \"John\", \"role\": \"external\"}", "{\"type\": \"text\", \"speech\": \"Hello\"}", "{\"a\": [1, {\"b\": null}]}",
        "{\"thread_id\": \"thread-1\", \"text\": \"Hello\"}", "[", "null", "{\"audience\": 1}", "trace_id",
    };
    unsigned which = byte(in) % (sizeof texts / sizeof *texts + 2);

    if (which == sizeof texts / sizeof *texts)
        return NULL;
    if (which > sizeof texts / sizeof *texts)
        return getenv("FLOWAI_BASE_URL");
    return texts[which];
}

static const char *likely(struct input *in, const char *usual)
{
    return byte(in) < 208 ? usual : text(in);
}

static const void *bytes(struct input *in, size_t *len)
{
    static const char *const bodies[] = {
        "{\"type\": \"message.delivered\", \"threadId\": \"thread-1|c\", \"speech\": \"Hello\", \"traceId\": 7}",
        "{\"type\": \"message.reply\", \"threadId\": \"t\", \"messages\": [{\"fallback\": \"f\", \"responses\": [{\"type\": \"card\","
        " \"payload\": {\"title\": \"t\", \"media\": {\"url\": \"u\"}, \"buttons\": [{\"type\": \"url\", \"label\": \"l\"}]}}],"
        " \"quickReplies\": [{\"label\": \"yes\"}]}]}",
        "{\"type\": \"history\", \"history\": [{\"messages\": [{\"responses\": [{\"type\": \"text\", \"payload\": {\"text\": \"x\"}}]}]}]}",
        "{\"businessHours\": [{\"label\": \"S\", \"weekdays\": [{\"weekday\": \"Monday\", \"content\": [{\"from\": \"8:30\", \"to\": \"12:00\"}]}]}]}",
        "{\"threads\": [\"a\", \"b\"]}", "[{\"type\": \"control.pause\", \"threadId\": \"t\"}]", "[]", "{", "\xff",
    };
    unsigned which = byte(in) % (sizeof bodies / sizeof *bodies + 2);

    if (which < sizeof bodies / sizeof *bodies) {
        *len = strlen(bodies[which]);
        return bodies[which];
    }
    *len = which % 2 ? in->len : 0;
    return which % 2 ? in->data : NULL;
}

static flowai_pair pair(struct input *in)
{
    flowai_pair made = {text(in), text(in)};

    return made;
}

/* A handle: usually a good one, but also one of another type, a freed one, and one that never was. */
static uint64_t pick(struct input *in, enum type type)
{
    unsigned how = byte(in), n;
    uint64_t id = 0;

    for (n = 0; id == 0 && n < KEPT; n++)
        id = atomic_load(&pool[type][(how + n) % KEPT]);
    if (how < 216)
        return id;
    if (how < 232)
        return atomic_load(&pool[byte(in) % TYPES][how % KEPT]);
    if (how < 244)
        return atomic_load(&gone[byte(in) % GONE]);
    return id ^ (uint64_t)1 << byte(in) % 64;
}

static void keep(struct input *in, enum type type, uint64_t id);

static void read_text(struct input *in, flowai_str text)
{
    /* Another thread may have freed what it belongs to. */
    if (in->alone && (text.ptr == NULL || text.ptr[text.len] != 0))
        abort();
    if (in->alone && text.len && memchr(text.ptr, 0xff, text.len) != NULL)
        abort();
    atomic_fetch_add(&texts_read, 1);
}

static int32_t progress(void *user_data, uint64_t done_bytes, uint64_t total)
{
    /* A file that a function reads may be of unknown length. */
    if (user_data != &callbacks || (total && done_bytes > total))
        abort();
    return 0;
}

static int32_t handler(void *user_data, flowai_inbox_delivery delivery)
{
    int64_t id = 0;

    if (user_data != &callbacks || flowai_inbox_delivery_id(delivery, &id) == FLOWAI_ERR_INVALID_ARGUMENT)
        abort();
    return (int32_t)(id % 2);
}

static bool go_on(void *user_data)
{
    if (user_data != &callbacks)
        abort();
    return false;
}

#ifdef HAS_flowai_done
static void done(void *user_data, flowai_completion completion)
{
    flowai_str json = {0};

    if (user_data != &callbacks || flowai_completion_json(completion, &json) == FLOWAI_ERR_INVALID_ARGUMENT)
        abort();
}
#endif

#ifdef HAS_flowai_read
static int64_t read_some(void *user_data, void *buffer, size_t size)
{
    static atomic_int turn;

    if (user_data != &callbacks || size == 0)
        abort();
    memset(buffer, 'x', size);
    return atomic_fetch_add(&turn, 1) % 3 ? 0 : (int64_t)size;
}
#endif

#ifdef HAS_flowai_log_function
static void said(void *user_data, flowai_log_level level, const char *target, const char *message)
{
    (void)level;
    if (user_data != &callbacks || strlen(target) == 0 || message == NULL)
        abort();
}
#endif

#define CALLS
static void keep_new(struct input *in, enum type type, uint64_t id);
#include "calls.h"

static void keep(struct input *in, enum type type, uint64_t id)
{
    uint64_t old;

    if (id == 0)
        return;
    old = atomic_exchange(&pool[type][byte(in) % KEPT], id);
    if (old == 0)
        return;
    frees[type](old);
    atomic_store(&gone[byte(in) % GONE], old);
}

/* Clients do not wait long, whatever their settings say. */
static void keep_new(struct input *in, enum type type, uint64_t id)
{
    if (type == TYPE_flowai_client && id) {
        flowai_client client = {id}, quick = {0};
        flowai_client_options options = {0};

        if (flowai_client_options_new(NULL, &options) == FLOWAI_OK
            && flowai_client_options_set_timeout_ms(options, 250, NULL) == FLOWAI_OK
            && flowai_client_with_options(client, options, NULL, &quick) == FLOWAI_OK)
            id = quick.id;
        flowai_client_options_free(options);
        flowai_client_free(client);
    }
    keep(in, type, id);
}

static const size_t functions = sizeof calls / sizeof *calls;
static atomic_uint succeeded[sizeof calls / sizeof *calls];

static void *sequence(void *argument)
{
    struct input *in = argument;

    while (in->len > 2) {
        unsigned high = byte(in);
        size_t which = (high << 8 | byte(in)) % functions;

        atomic_fetch_add(&made_calls, 1);
        if (calls[which].call(in) == FLOWAI_OK)
            atomic_store(&succeeded[which], 1);
    }
    return NULL;
}

/* What most calls need is there at first. */
static void begin(struct input *in)
{
    static const char *const first[] = {
        "flowai_send_options_new", "flowai_client_options_new", "flowai_audience_new", "flowai_jwt_options_new",
        "flowai_receiver_config_new", "flowai_inbox_options_new", "flowai_outbox_options_new", "flowai_cancel_new",
    };
    flowai_config config = {0};
    flowai_client client = {0};
    flowai_event event = {0};
    flowai_message message = {0};
    size_t len, n, which;
    struct input zeros = {NULL, 0, true};
    const void *body = bytes(&zeros, &len);

    if (flowai_config_new(NULL, &config) != FLOWAI_OK || flowai_config_set_api_key(config, "key", NULL) != FLOWAI_OK
        || flowai_config_set_base_url(config, getenv("FLOWAI_BASE_URL"), NULL) != FLOWAI_OK
        || flowai_client_new(config, NULL, &client) != FLOWAI_OK || flowai_event_parse(body, len, NULL, &event) != FLOWAI_OK
        || flowai_message_text("Hello", NULL, &message) != FLOWAI_OK)
        abort();
    keep(in, TYPE_flowai_config, config.id);
    keep_new(in, TYPE_flowai_client, client.id);
    keep(in, TYPE_flowai_event, event.id);
    keep(in, TYPE_flowai_message, message.id);
    for (which = 0; which < functions; which++)
        for (n = 0; n < sizeof first / sizeof *first; n++)
            if (strcmp(calls[which].name, first[n]) == 0)
                (void)calls[which].call(in);
}

static void run(const uint8_t *data, size_t size)
{
    struct input halves[2] = {{data, size / 2, false}, {data + size / 2, size - size / 2, false}};
    struct input whole = {data, size, true};
    unsigned type, n;

    if (size == 0)
        return;
    begin(&(struct input){data, size, true});
    if (*data % 4 == 0) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, sequence, &halves[1]) != 0)
            abort();
        sequence(&halves[0]);
        pthread_join(thread, NULL);
    } else {
        sequence(&whole);
    }
    for (type = 0; type < TYPES; type++)
        for (n = 0; n < KEPT; n++)
            frees[type](atomic_exchange(&pool[type][n], 0));
}

#ifdef FUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(data, size);
    return 0;
}
#else
int main(int argc, char **argv)
{
    uint64_t count, state, n;
    unsigned which, reached = 0;

    if (argc != 3)
        return 2;
    count = strtoull(argv[1], NULL, 10);
    state = strtoull(argv[2], NULL, 10) * 2 + 1;
    for (n = 0; n < count; n++) {
        uint8_t data[768];
        size_t size;

        for (size = 0; size < sizeof data; size++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            data[size] = (uint8_t)(state >> 32);
        }
        run(data, sizeof data - state % 512);
    }
    flowai_shutdown();
    for (which = 0; which < functions; which++)
        reached += atomic_load(&succeeded[which]);
    printf("{\"sequences\": %llu, \"calls\": %llu, \"texts\": %llu, \"functions\": %zu, \"succeeded\": %u}\n",
           (unsigned long long)count, (unsigned long long)atomic_load(&made_calls),
           (unsigned long long)atomic_load(&texts_read), functions, reached);
    if (getenv("VERBOSE"))
        for (which = 0; which < functions; which++)
            if (!atomic_load(&succeeded[which]))
                puts(calls[which].name);
    return 0;
}
#endif
