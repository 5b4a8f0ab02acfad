/* A folder for the files of a test, and reading what is told about them. */
#ifndef FILES_H
#define FILES_H

#include "check.h"
#include <ftw.h>

static char folder_[64];

static int remove_one_(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_folder_(void)
{
    nftw(folder_, remove_one_, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file in a folder that is removed at the end of the program. */
static inline const char *file_named(const char *name)
{
    static char path[128];

    if (folder_[0] == '\0') {
        strcpy(folder_, "/tmp/flowai-c-test-XXXXXX");
        CHECK(mkdtemp(folder_) != NULL);
        atexit(remove_folder_);
    }
    snprintf(path, sizeof path, "%s/%s", folder_, name);
    return path;
}

static inline int64_t integer_of(flowai_document document, const char *field)
{
    int64_t value = FLOWAI_NONE;

    CHECK_OK(flowai_document_integer(document, field, NULL, &value));
    return value;
}

/* Reads a field of a document and frees the document. */
static inline int64_t integer_in(flowai_document document, const char *field)
{
    int64_t value = integer_of(document, field);

    flowai_document_free(document);
    return value;
}

static inline flowai_document item_of(flowai_list list, size_t index)
{
    flowai_document item = {0};

    CHECK_OK(flowai_list_document(list, index, &item));
    CHECK(item.id != 0);
    return item;
}

/* The number of the items of a list, which is freed. */
static inline size_t count_of(flowai_list list)
{
    size_t count = 0;

    CHECK_OK(flowai_list_count(list, &count));
    flowai_list_free(list);
    return count;
}

/* Checks which argument an error names, and frees it. */
static inline void check_refused(flowai_status status, flowai_error error, const char *argument)
{
    flowai_str text = {0};

    CHECK_STATUS(status, FLOWAI_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(flowai_error_argument(error, &text), text, argument);
    flowai_error_free(error);
}

#define REFUSED(call, argument) check_refused(call, error, argument)

#endif
