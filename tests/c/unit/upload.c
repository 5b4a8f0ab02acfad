/* Uploads whose bytes a function of the program reads. */
#include "check.h"
#include <errno.h>

struct file {
    int64_t size, given, give_up_at;
    uint64_t told;
    int reads;
};

static int64_t read_some(void *user_data, void *buffer, size_t size)
{
    struct file *file = user_data;
    int64_t count = file->size - file->given;

    file->reads++;
    if (file->give_up_at >= 0 && file->given >= file->give_up_at)
        return -1;
    /* Never the same number of bytes twice in a row. */
    if (count > 1000 + file->reads)
        count = 1000 + file->reads;
    CHECK(size >= (size_t)count);
    memset(buffer, 'x', (size_t)count);
    file->given += count;
    return count;
}

static int64_t read_too_much(void *user_data, void *buffer, size_t size)
{
    (void)user_data;
    (void)buffer;
    return (int64_t)size + 1;
}

static int32_t tell(void *user_data, uint64_t done, uint64_t total)
{
    struct file *file = user_data;

    CHECK(done <= (uint64_t)file->size);
    CHECK(total == 0 || total == (uint64_t)file->size);
    file->told = done;
    return 0;
}

static flowai_status upload(flowai_client client, flowai_read read, struct file *file, int64_t length,
                            flowai_error *error)
{
    flowai_send_options options = {0};
    flowai_receipt receipt = {0};
    flowai_status status;

    CHECK_OK(flowai_send_options_new(NULL, &options));
    CHECK_OK(flowai_send_options_set_filename(options, "log.txt", NULL));
    CHECK_OK(flowai_send_options_set_progress(options, tell, file, NULL));
    errno = 4242;
    status = flowai_client_upload_media_read(client, "t", read, file, length, options, error, &receipt);
    CHECK(errno == 4242);
    CHECK((receipt.id != 0) == (status == FLOWAI_OK));
    flowai_receipt_free(receipt);
    flowai_send_options_free(options);
    return status;
}

static void given_up(flowai_status status, flowai_error error)
{
    flowai_delivery delivery = FLOWAI_DELIVERY_NONE;

    CHECK_STATUS(status, FLOWAI_ERR_CANCELLED);
    CHECK_OK(flowai_error_delivery(error, &delivery));
    CHECK(delivery == FLOWAI_DELIVERY_NOT_SENT || delivery == FLOWAI_DELIVERY_MAYBE_SENT);
    flowai_error_free(error);
}

int main(int argc, char **argv)
{
    flowai_client client;
    flowai_error error = {0};
    flowai_str text = {0};
    struct file known = {300000, 0, -1, 0, 0}, unknown = {300000, 0, -1, 0, 0}, empty = {0, 0, -1, 0, 0};
    struct file stopped = {300000, 0, 100000, 0, 0}, at_once = {300000, 0, 0, 0, 0}, more = {300000, 0, -1, 0, 0};

    CHECK(argc == 2);
    client = client_of(argv[1]);
    CHECK_OK(upload(client, read_some, &known, known.size, NULL));
    CHECK(known.given == known.size && known.told == (uint64_t)known.size);
    CHECK_OK(upload(client, read_some, &unknown, FLOWAI_NONE, NULL));
    CHECK(unknown.given == unknown.size && unknown.told == (uint64_t)unknown.size);
    CHECK_OK(upload(client, read_some, &empty, 0, NULL));
    given_up(upload(client, read_some, &stopped, stopped.size, &error), error);
    CHECK(stopped.given < stopped.size);
    given_up(upload(client, read_some, &at_once, FLOWAI_NONE, &error), error);
    CHECK_STATUS(upload(client, read_too_much, &more, FLOWAI_NONE, &error), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "read");
    flowai_error_free(error);
    CHECK_STATUS(upload(client, NULL, &more, FLOWAI_NONE, &error), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "read");
    flowai_error_free(error);
    CHECK_STATUS(upload(client, read_some, &more, -5, NULL), FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(upload(client, read_some, &more, (int64_t)250 * 1024 * 1024 + 1, &error),
                 FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, "file");
    flowai_error_free(error);
    CHECK(more.reads == 0);
    flowai_client_free(client);
    flowai_shutdown();
    return 0;
}
