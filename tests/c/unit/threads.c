/* Threads share objects, and free them while others use them. */
#include "check.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define THREADS 6
#define ROUNDS 60

static flowai_client shared;
static _Atomic uint64_t current;
static atomic_int sent, refused;

static void *send_and_free(void *number)
{
    flowai_send_options none = {0};
    const char *base_url = NULL;
    flowai_str text = {0};
    int round;

    CHECK_OK(flowai_client_base_url(shared, &text));
    base_url = text.ptr;
    for (round = 0; round < ROUNDS; round++) {
        flowai_client client = {atomic_load(&current)};
        flowai_receipt receipt = {0};
        flowai_error error = {0};
        flowai_status status;

        errno = 4242;
        status = flowai_client_send_text(client, "thread-1", "Hello", none, &error, &receipt);
        CHECK(errno == 4242);
        if (status == FLOWAI_OK) {
            atomic_fetch_add(&sent, 1);
            flowai_receipt_free(receipt);
        } else {
            CHECK(status == FLOWAI_ERR_BAD_HANDLE);
            atomic_fetch_add(&refused, 1);
            flowai_error_free(error);
        }
        if ((size_t)number == 0 && round % 4 == 0) {
            flowai_client fresh = client_of(base_url);
            flowai_client old = {atomic_exchange(&current, fresh.id)};

            flowai_client_free(old);
            flowai_client_free(old);
        }
    }
    return NULL;
}

static void *free_it(void *id)
{
    flowai_event event = {*(uint64_t *)id};

    flowai_event_free(event);
    return NULL;
}

/* However many threads free a handle at the same time, it is freed once. */
static void everybody_frees(void)
{
    pthread_t threads[THREADS];
    int round, i;

    for (round = 0; round < 50; round++) {
        flowai_event event = event_of("{\"type\":\"message\"}"), other;
        flowai_str text = {0};
        uint64_t id = event.id;

        for (i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, free_it, &id) == 0);
        for (i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        other = event_of("{\"type\":\"other\"}");
        CHECK_STATUS(flowai_event_type(event, &text), FLOWAI_ERR_BAD_HANDLE);
        CHECK_TEXT(flowai_event_type(other, &text), text, "other");
        flowai_event_free(other);
    }
}

/* Gives the address of a text of a document. */
static void *read_it(void *id)
{
    flowai_document document = {*(uint64_t *)id};
    flowai_str text = {0};

    CHECK_TEXT(flowai_document_string(document, "originator.name", NULL, &text), text, "Bot");
    CHECK_OK(flowai_document_text(document, &text));
    CHECK_OK(flowai_document_json(document, &text));
    CHECK_OK(flowai_document_string(document, "originator.name", NULL, &text));
    return (void *)(uintptr_t)text.ptr;
}

/* Whoever reads first, all threads are given the same text. */
static void everybody_reads(void)
{
    pthread_t threads[THREADS];
    int round, i;

    for (round = 0; round < 50; round++) {
        flowai_event event = event_of("{\"type\":\"message\",\"messages\":[{\"originator\":{\"name\":\"Bot\"}}]}");
        flowai_list list = {0};
        flowai_document document = {0};
        void *first = NULL, *text = NULL;

        CHECK_OK(flowai_event_messages(event, &list));
        CHECK_OK(flowai_list_document(list, 0, &document));
        for (i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, read_it, &document.id) == 0);
        for (i = 0; i < THREADS; i++) {
            pthread_join(threads[i], &text);
            CHECK(text && (i == 0 || text == first));
            first = text;
        }
        flowai_document_free(document);
        flowai_list_free(list);
        flowai_event_free(event);
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    size_t i;
    flowai_client last;

    CHECK(argc == 2);
    shared = client_of(argv[1]);
    atomic_store(&current, client_of(argv[1]).id);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, send_and_free, (void *)i) == 0);
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&sent) + atomic_load(&refused) == THREADS * ROUNDS);
    CHECK(atomic_load(&sent) > THREADS * ROUNDS / 4);
    everybody_frees();
    everybody_reads();
    last.id = atomic_load(&current);
    flowai_client_free(last);
    flowai_client_free(shared);
    flowai_shutdown();
    return 0;
}
