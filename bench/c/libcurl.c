/* The same through libcurl: libcurl URL WARM_UP COUNT [CA_FILE [cold]] */
#include "common.h"
#include <curl/curl.h>
#include <string.h>

struct answer {
    char bytes[4096];
    size_t length;
};

static size_t keep(char *bytes, size_t size, size_t count, void *user_data)
{
    struct answer *answer = user_data;
    size_t length = size * count;
    if (length > sizeof answer->bytes - 1 - answer->length)
        return 0;
    memcpy(answer->bytes + answer->length, bytes, length);
    answer->length += length;
    answer->bytes[answer->length] = '\0';
    return length;
}

int main(int argc, char **argv)
{
    CURL *curl;
    struct curl_slist *headers = NULL;
    struct answer answer;
    long warm_up, count, n, status;
    double began = 0;
    char body[512];

    if (argc < 4)
        return bench_failed("usage: libcurl URL WARM_UP COUNT [CA_FILE [cold]]");
    warm_up = atol(argv[2]);
    count = atol(argv[3]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Authorization: Bearer " BENCH_KEY);
    curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (argc > 4 && *argv[4])
        curl_easy_setopt(curl, CURLOPT_CAINFO, argv[4]);
    if (argc > 5 && strcmp(argv[5], "cold") == 0)
        curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    for (n = 0; n < warm_up + count; n++) {
        int length;
        if (n == warm_up)
            began = bench_now();
        length = bench_message(body, sizeof body, n);
        answer.length = 0;
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)length);
        if (curl_easy_perform(curl) != CURLE_OK)
            return bench_failed("the request failed");
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (status != 200 || strstr(answer.bytes, "\"status\":\"ok\"") == NULL)
            return bench_failed("not acknowledged");
    }
    return bench_end(bench_now() - began);
}
