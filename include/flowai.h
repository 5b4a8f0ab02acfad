/**
 * @file flowai.h
 * @brief libflowai: talk to a Flow.ai bot from C and C++.
 *
 * Send a message:
 *
 * @code{.c}
 *     #include <flowai.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         flowai_config config = {0};
 *         flowai_client client = {0};
 *         flowai_receipt receipt = {0};
 *         flowai_send_options no_options = {0};
 *         flowai_error error = {0};
 *         flowai_str text = {0};
 *
 *         if (flowai_config_new(&error, &config) == FLOWAI_OK
 *             && flowai_config_set_api_key(config, "MY_MESSAGING_API_KEY", &error) == FLOWAI_OK
 *             && flowai_client_new(config, &error, &client) == FLOWAI_OK
 *             && flowai_client_send_text(client, "thread-1", "Hello", no_options, &error, &receipt) == FLOWAI_OK)
 *             puts("sent");
 *         else if (flowai_error_message(error, &text) == FLOWAI_OK)
 *             fprintf(stderr, "%s\n", text.ptr);
 *
 *         flowai_receipt_free(receipt);
 *         flowai_client_free(client);
 *         flowai_config_free(config);
 *         flowai_error_free(error);
 *         return receipt.id == 0;
 *     }
 * @endcode
 *
 * Flow.ai answers with webhook calls. Receive them:
 *
 * @code{.c}
 *     flowai_verifier verifier = {0};
 *     flowai_jwt_options defaults = {0};
 *     flowai_receiver_config config = {0};
 *     flowai_receiver receiver = {0};
 *     flowai_event event = {0};
 *     flowai_error error = {0};
 *     flowai_str text = {0};
 *
 *     if (flowai_verifier_jwt("the secret of the webhook, at least 32 bytes", defaults, &error, &verifier) == FLOWAI_OK
 *         && flowai_receiver_config_new(&error, &config) == FLOWAI_OK
 *         && flowai_receiver_config_set_verifier(config, verifier, &error) == FLOWAI_OK
 *         && flowai_receiver_config_set_listen(config, "0.0.0.0:8443", &error) == FLOWAI_OK
 *         && flowai_receiver_config_set_tls(config, "cert.pem", "key.pem", &error) == FLOWAI_OK
 *         && flowai_receiver_start(config, &error, &receiver) == FLOWAI_OK) {
 *         while (flowai_receiver_next(receiver, 60000, &error, &event) == FLOWAI_OK) {
 *             if (event.id == 0)
 *                 continue;                                   // nothing for a minute
 *             if (flowai_event_text(event, &text) == FLOWAI_OK)
 *                 printf("%s\n", text.ptr);
 *             flowai_event_free(event);
 *         }
 *     }
 *     if (flowai_error_message(error, &text) == FLOWAI_OK)    // why it could not start, or ended
 *         fprintf(stderr, "%s\n", text.ptr);
 * @endcode
 *
 * Compile and link (cargo build --release -p flowai-c leaves the library in target/release):
 *
 * @code{.sh}
 *     cc -o program program.c -Iinclude -Ltarget/release -lflowai -Wl,-rpath,"$PWD/target/release"
 * @endcode
 *
 * A program that has an HTTP server of its own gives its requests to flowai_verifier_unwrap() instead.
 *
 * Rules that hold for every function:
 *
 * - Initialisation: there is none. Include the header, link with -lflowai, call.
 * - Objects are handles: small structs, passed by value. Initialise them with {0}, which stands for none. A handle that
 *   is {0}, was freed, or is of another type is never undefined behaviour: it gives FLOWAI_ERR_BAD_HANDLE. What ..._new,
 *   ..._start, a call of the client or an accessor writes to a handle is yours: free it with the function of its type.
 *   Freeing {0}, or the same handle twice, does nothing. Objects may be freed in any order, and while another thread
 *   uses them: it goes on to its end.
 * - Results: functions that can fail return a flowai_status. Outputs come last and are written only on success; an
 *   output that is NULL is refused with FLOWAI_ERR_INVALID_ARGUMENT before anything is done.
 * - Errors: every err may be NULL. On failure it receives an error, which you free; otherwise it is not written. Free an
 *   error before its variable is used again.
 * - Text in is UTF-8 that ends with a NUL; NULL and text that is not UTF-8 are refused, unless said otherwise. Bytes in
 *   are a pointer and a length; NULL with length 0 is allowed. Inputs are copied and need not outlive the call. What the
 *   pointers point at must not change during the call.
 * - Text out is a flowai_str that lives as long as the object it was read from. It is never freed by itself.
 * - Numbers that may be absent are int64_t and then FLOWAI_NONE. Times are milliseconds unless said otherwise.
 * - Values of the service (roles, types of events and media, channels) are text, since new ones may appear at any time.
 * - Threads: every function may be called from any thread, also with the same objects, unless said otherwise. Reading
 *   from an object never waits. A blocking call does the library's work on the thread that calls; only a receiver has a
 *   thread of its own, which blocks all signals.
 * - Signals: SIGPIPE is kept from the program during calls, whatever it does with it. errno is the same after a call.
 *   System calls that a signal interrupts are repeated.
 * - fork: a child may go on to use its handles, except receivers (FLOWAI_ERR_FORKED) and what a thread of the parent was
 *   using at that moment (which may give errors). Nothing has to be done before or after.
 * - C++: exceptions must not leave a callback. No exception comes out of the library.
 * - The library is never unloaded: dlclose() leaves it in memory.
 */

#ifndef FLOWAI_H
#define FLOWAI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version of this header; flowai_version() is that of the library that is running. */
#define FLOWAI_VERSION "0.1.0"

/** The version of this header as a number: major * 1000000 + minor * 1000 + patch. */
#define FLOWAI_VERSION_NUMBER 1000

/** A number that is not there. */
#define FLOWAI_NONE INT64_MIN

/** A time limit of a wait that has none. */
#define FLOWAI_FOREVER UINT32_MAX

/** Marks functions whose result must not be ignored. Define it as nothing before including this header to be left alone. */
#ifndef FLOWAI_NODISCARD
#if defined(__cplusplus) && __cplusplus >= 201703L
#define FLOWAI_NODISCARD [[nodiscard]]
#elif defined(__GNUC__)
#define FLOWAI_NODISCARD __attribute__((warn_unused_result))
#else
#define FLOWAI_NODISCARD
#endif
#endif


/**
 * What a function returns: FLOWAI_OK or one of FLOWAI_ERR_... . The numbers never change; later versions may add
 * some.
 */
typedef int32_t flowai_status;

/**
 * What became of a message whose send failed: one of FLOWAI_DELIVERY_... .
 */
typedef int32_t flowai_delivery;

/**
 * Why a function failed. Free it with flowai_error_free(). It never contains the API key.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_error;

/**
 * Text that the library hands out. It belongs to the object it was read from, lives until that is freed, and must not
 * be freed or changed. It is UTF-8 and ends with a NUL that len does not count; text from a JSON document may hold a
 * NUL inside too, so rely on len where that matters. Text that is not there is empty: after a successful call ptr is
 * never NULL.
 */
typedef struct {
  /**
   * The first byte.
   */
  const char *ptr;
  /**
   * The number of bytes, without the NUL at the end.
   */
  size_t len;
} flowai_str;

/**
 * The settings of a client. Free it with flowai_config_free(), any time after flowai_client_new(), which copies it.
 */
typedef struct {
  /**
   * 0 is none: all defaults.
   */
  uint64_t id;
} flowai_config;

/**
 * Talks to one Flow.ai project. Make one and share it: any number of threads may use it at the same time, and it
 * keeps connections. Free it with flowai_client_free(). In a forked child it works too, with connections of its own.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_client;

/**
 * What goes along with a message: sender, trace id and so on. One may be used for any number of messages, by several
 * threads at once as long as none changes it. Free it with flowai_send_options_free().
 */
typedef struct {
  /**
   * 0 is none: all defaults.
   */
  uint64_t id;
} flowai_send_options;

/**
 * What the service says when it took something over. Free it with flowai_receipt_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_receipt;

/**
 * Called while an upload goes on, at least every 50 ms, and once at its end, on the thread that made the call. It may
 * call the library, the same client too. Its arguments: the user_data that was given with it; the bytes that were
 * handed to the connection so far; the bytes of the whole file. It returns 0 to go on; anything else gives the upload
 * up with FLOWAI_ERR_CANCELLED.
 */
typedef int32_t (*flowai_progress)(void *user_data, uint64_t done, uint64_t total);

/**
 * One page of the history of a thread, at most 20 entries. Free it with flowai_history_page_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_history_page;

/**
 * One entry of a history. Free it with flowai_history_entry_free(); it does not need the page or iterator it came
 * from.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_history_entry;

/**
 * Goes through the history of a thread. Free it with flowai_history_iter_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_history_iter;

/**
 * All sets of business hours of a project. Free it with flowai_business_hours_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_business_hours;

/**
 * Whether the bot of a thread is paused. Free it with flowai_bot_status_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_bot_status;

/**
 * A yes or no that may be unknown: FLOWAI_YES, FLOWAI_NO or FLOWAI_UNKNOWN. Compare with these; do not use it as a
 * truth value.
 */
typedef int32_t flowai_answer;

/**
 * An event that was posted to a webhook. Free it with flowai_event_free().
 *
 * After parsing nothing about it fails: a field that is missing or of the wrong shape reads as absent, and
 * flowai_event_raw() has everything.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_event;

/**
 * Several events that came in one body. Free it with flowai_event_list_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_event_list;

/**
 * What an event tells: one of FLOWAI_EVENT_... . Later versions may add some.
 */
typedef int32_t flowai_kind;

/**
 * How tokens are checked. Free it with flowai_jwt_options_free().
 */
typedef struct {
  /**
   * 0 is none: all defaults.
   */
  uint64_t id;
} flowai_jwt_options;

/**
 * Decides whether a webhook call comes from Flow.ai. Free it with flowai_verifier_free(). It never prints a secret.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_verifier;

/**
 * The settings of a receiver. Free it with flowai_receiver_config_free(), any time after flowai_receiver_start(),
 * which copies it.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_receiver_config;

/**
 * A server that receives the webhook calls of Flow.ai and hands out their events. A call is acknowledged only after
 * its events are in the queue; the queue is in memory, so what nobody has taken is gone when the process ends. Free
 * it with flowai_receiver_free(). In a forked child its functions fail with FLOWAI_ERR_FORKED.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_receiver;

/**
 * A header of an HTTP request.
 */
typedef struct {
  /**
   * The name, in any case. Not NULL.
   */
  const char *name;
  /**
   * The value. Not NULL.
   */
  const char *value;
} flowai_header;

/**
 * Done.
 */
#define FLOWAI_OK 0

/**
 * An argument was refused before anything was sent; flowai_error_argument() names it.
 */
#define FLOWAI_ERR_INVALID_ARGUMENT 1

/**
 * No connection, or a connection that failed.
 */
#define FLOWAI_ERR_CONNECTION 2

/**
 * The deadline passed.
 */
#define FLOWAI_ERR_TIMEOUT 3

/**
 * The caller gave up.
 */
#define FLOWAI_ERR_CANCELLED 4

/**
 * The service refused the request: HTTP status 400, 422 and other 4xx.
 */
#define FLOWAI_ERR_BAD_REQUEST 10

/**
 * The API key was refused: HTTP status 401, 402, 403.
 */
#define FLOWAI_ERR_AUTHENTICATION 11

/**
 * HTTP status 404.
 */
#define FLOWAI_ERR_NOT_FOUND 12

/**
 * HTTP status 413.
 */
#define FLOWAI_ERR_PAYLOAD_TOO_LARGE 13

/**
 * HTTP status 429; see flowai_error_retry_after_ms().
 */
#define FLOWAI_ERR_RATE_LIMITED 14

/**
 * HTTP status 5xx.
 */
#define FLOWAI_ERR_SERVER 15

/**
 * HTTP status 3xx. Redirects are never followed: that would carry the key and the message elsewhere.
 */
#define FLOWAI_ERR_REDIRECT 16

/**
 * An answer that makes no sense.
 */
#define FLOWAI_ERR_RESPONSE 17

/**
 * A webhook body that is not an event.
 */
#define FLOWAI_ERR_WEBHOOK_PARSE 20

/**
 * A webhook call that does not prove where it comes from. Answer it with HTTP status 401.
 */
#define FLOWAI_ERR_WEBHOOK_VERIFICATION 21

/**
 * A file or database failed.
 */
#define FLOWAI_ERR_STORAGE 30

/**
 * A bounded queue is full.
 */
#define FLOWAI_ERR_QUEUE_FULL 31

/**
 * The object was closed or stopped.
 */
#define FLOWAI_ERR_CLOSED 40

/**
 * The object belongs to the process that this one was forked from.
 */
#define FLOWAI_ERR_FORKED 41

/**
 * The handle is {0}, was freed, or never was one of this type.
 */
#define FLOWAI_ERR_BAD_HANDLE 42

/**
 * A defect of this library.
 */
#define FLOWAI_ERR_INTERNAL 99

/**
 * The call was not a send.
 */
#define FLOWAI_DELIVERY_NONE 0

/**
 * The message certainly did not reach the service.
 */
#define FLOWAI_DELIVERY_NOT_SENT 1

/**
 * The service answered that it did not take the message.
 */
#define FLOWAI_DELIVERY_REJECTED 2

/**
 * The message left, and nobody knows what became of it. The library never repeats it unasked.
 */
#define FLOWAI_DELIVERY_MAYBE_SENT 3

/**
 * No.
 */
#define FLOWAI_NO 0

/**
 * Yes.
 */
#define FLOWAI_YES 1

/**
 * The service did not say.
 */
#define FLOWAI_UNKNOWN -1

/**
 * An event that this version does not know. It is delivered like any other.
 */
#define FLOWAI_EVENT_UNKNOWN 0

/**
 * The bot replies.
 */
#define FLOWAI_EVENT_REPLY 1

/**
 * A message that was sent has been delivered.
 */
#define FLOWAI_EVENT_DELIVERED 2

/**
 * A conversation is handed over to a person.
 */
#define FLOWAI_EVENT_HANDOVER 3

/**
 * The bot was paused.
 */
#define FLOWAI_EVENT_PAUSED 4

/**
 * The bot was resumed.
 */
#define FLOWAI_EVENT_RESUMED 5

/**
 * The answer to flowai_client_request_bot_status().
 */
#define FLOWAI_EVENT_BOT_STATUS 6

/**
 * The answer to flowai_client_request_history().
 */
#define FLOWAI_EVENT_HISTORY 7

/**
 * The answer to flowai_client_request_business_hours().
 */
#define FLOWAI_EVENT_BUSINESS_HOURS 8

/**
 * The answer to a request for the list of conversations.
 */
#define FLOWAI_EVENT_THREADS 9

/**
 * The answer to a request for events that can be triggered by hand.
 */
#define FLOWAI_EVENT_TRIGGER_EVENTS 10

/**
 * A message of a user on another channel.
 */
#define FLOWAI_EVENT_INBOUND 11

/**
 * A message of the bot on another channel.
 */
#define FLOWAI_EVENT_OUTBOUND 12

/**
 * In place of a kind of event: any.
 */
#define FLOWAI_EVENT_ANY -1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status in snake case, such as "invalid_argument", the same in every language.
 *
 * @param status  Any number.
 * @return        A string that lives for ever; "ok" for FLOWAI_OK, "unknown" for a number that is none. Never NULL.
 * @par Thread safety  Any thread; async-signal-safe.
 */
const char *flowai_status_name(flowai_status status);

/**
 * The name of a delivery: "not_sent", "rejected" or "maybe_sent".
 *
 * @param delivery  Any number.
 * @return          A string that lives for ever; "none" for FLOWAI_DELIVERY_NONE, "unknown" for a number that is none
 *                  of them. Never NULL.
 * @par Thread safety  Any thread; async-signal-safe.
 */
const char *flowai_delivery_name(flowai_delivery delivery);

/**
 * The status, as the function that failed returned it.
 *
 * @param error  An error.
 * @param out    Receives one of FLOWAI_ERR_... .
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_code(flowai_error error, flowai_status *out);

/**
 * The name of the status in snake case, such as "invalid_argument".
 *
 * @param error  An error.
 * @param out    Receives text that lives as long as the error.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_name(flowai_error error, flowai_str *out);

/**
 * What happened, in one line for a person: operation, problem and, for a send, delivery. The words may change.
 *
 * @param error  An error.
 * @param out    Receives text that lives as long as the error.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_message(flowai_error error, flowai_str *out);

/**
 * What became of the message: every failed send says so.
 *
 * @param error  An error.
 * @param out    Receives one of FLOWAI_DELIVERY_...; FLOWAI_DELIVERY_NONE if the call was not a send.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_delivery(flowai_error error, flowai_delivery *out);

/**
 * Whether the same call may be made again without doing anything twice, and may then succeed.
 *
 * @param error  An error.
 * @param out    Receives the answer.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_retryable(flowai_error error, bool *out);

/**
 * The HTTP status of the answer.
 *
 * @param error  An error.
 * @param out    Receives the status, 0 if the service did not answer.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_http_status(flowai_error error, int32_t *out);

/**
 * The operation that failed, such as "send_text"; empty if it was none of the client's.
 *
 * @param error  An error.
 * @param out    Receives text that lives as long as the error.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_operation(flowai_error error, flowai_str *out);

/**
 * The argument that was refused, such as "thread_id"; a dot and a path follow when a part of a document was refused.
 *
 * @param error  An error.
 * @param out    Receives text that lives as long as the error; empty if no argument was refused.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_argument(flowai_error error, flowai_str *out);

/**
 * What the answer says went wrong.
 *
 * @param error  An error.
 * @param out    Receives text that lives as long as the error; empty if the service said nothing.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_server_message(flowai_error error, flowai_str *out);

/**
 * The start of the body of the answer, at most 4 KiB.
 *
 * @param error  An error.
 * @param out    Receives text that lives as long as the error; empty if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_body(flowai_error error, flowai_str *out);

/**
 * The request id that the service gave (header x-request-id).
 *
 * @param error  An error.
 * @param out    Receives text that lives as long as the error; empty if the service gave none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_request_id(flowai_error error, flowai_str *out);

/**
 * How long the service asked to wait (header Retry-After).
 *
 * @param error  An error.
 * @param out    Receives milliseconds; FLOWAI_NONE if the service did not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_retry_after_ms(flowai_error error, int64_t *out);

/**
 * Frees an error and every text read from it. {0} and one that was freed before are left alone.
 *
 * @param error  An error.
 */
void flowai_error_free(flowai_error error);

/**
 * Makes settings with every default. What is not set is taken from the environment (FLOWAI_API_KEY, FLOWAI_BASE_URL)
 * when a client is made.
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the settings, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_config_new(flowai_error *err, flowai_config *out);

/**
 * Sets the API key ("Authentication" of the API document). A "Bearer " in front of it is dropped, not doubled.
 * Default: FLOWAI_API_KEY of the environment.
 *
 * @param config  Settings.
 * @param key     Visible ASCII.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_api_key(flowai_config config, const char *key, flowai_error *err);

/**
 * Sets where the service is. Default: FLOWAI_BASE_URL of the environment, else https://api.flow.ai/rest/v1/.
 *
 * @param config  Settings.
 * @param url     An http or https URL.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_base_url(flowai_config config, const char *url, flowai_error *err);

/**
 * Sets the name of the sender of messages that name none themselves; the role is external. Default: "Anonymous".
 *
 * @param config  Settings.
 * @param name    A name.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_originator_name(flowai_config config, const char *name, flowai_error *err);

/**
 * Sets the sender of messages that name none themselves, with role, profile and metadata ("Originator" of the API
 * document).
 *
 * @param config  Settings.
 * @param document A JSON object: {"name": "John Doe", "role": "external", "profile": {...}}.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_originator_json(flowai_config config, const char *document, flowai_error *err);

/**
 * Sets the deadline over all attempts of a call, connecting and reading included. Default: 30,000.
 *
 * @param config  Settings.
 * @param ms      Milliseconds, more than 0.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_timeout_ms(flowai_config config, uint32_t ms, flowai_error *err);

/**
 * Sets how long one attempt to connect may take, within the deadline. Default: 5,000.
 *
 * @param config  Settings.
 * @param ms      Milliseconds, more than 0.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_connect_timeout_ms(flowai_config config, uint32_t ms, flowai_error *err);

/**
 * Sets how often a call is repeated when that is safe. Default: 2.
 *
 * @param config  Settings.
 * @param retries A number; 0 for never.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_max_retries(flowai_config config, uint32_t retries, flowai_error *err);

/**
 * Sets the word before the key in the header Authorization. Default: "Bearer".
 *
 * @param config  Settings.
 * @param scheme  A word; empty for the bare key.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_auth_scheme(flowai_config config, const char *scheme, flowai_error *err);

/**
 * Sets where lang, timezone and params of a message go. Default: "seed".
 *
 * @param config  Settings.
 * @param form    "seed" (beside the type of the message), "metadata" (in an object of that name, as later versions of
 *                the API have it) or "both".
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_metadata_form(flowai_config config, const char *form, flowai_error *err);

/**
 * Sets the longest text that is accepted. Default: 255, as "Text message" of the API document says.
 *
 * @param config  Settings.
 * @param length  Unicode code points.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_max_text_length(flowai_config config, size_t length, flowai_error *err);

/**
 * Sets an HTTP proxy for all calls. Default: the usual variables of the environment. Loopback is never proxied.
 *
 * @param config  Settings.
 * @param url     A URL such as http://user:password@proxy:3128; empty for no proxy at all.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_proxy(flowai_config config, const char *url, flowai_error *err);

/**
 * Sets the only certificate authorities to trust. Default: SSL_CERT_FILE and SSL_CERT_DIR of the environment, else
 * those of the system, else a bundled list.
 *
 * @param config  Settings.
 * @param path    A PEM file.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_ca_file(flowai_config config, const char *path, flowai_error *err);

/**
 * Sets the certificate by which the client identifies itself to the server. Default: none.
 *
 * @param config  Settings.
 * @param path    A PEM file with a certificate and its key.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_client_cert(flowai_config config, const char *path, flowai_error *err);

/**
 * Sets the header User-Agent. Default: flowai/ and the version.
 *
 * @param config  Settings.
 * @param agent   Visible ASCII.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_user_agent(flowai_config config, const char *agent, flowai_error *err);

/**
 * Sets whether messages without a trace id get a unique one. Default: true.
 *
 * @param config  Settings.
 * @param enabled true or false.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_trace_ids(flowai_config config, bool enabled, flowai_error *err);

/**
 * Sets whether http:// is allowed to hosts other than this machine. Default: false, since the key would be readable.
 *
 * @param config  Settings.
 * @param allow   true or false.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_config_set_allow_http(flowai_config config, bool allow, flowai_error *err);

/**
 * Frees settings. {0} and what was freed before are left alone.
 *
 * @param config  Settings.
 */
void flowai_config_free(flowai_config config);

/**
 * Makes a client. Nothing is connected yet.
 *
 * @param config  Settings, which are copied; {0} for all defaults and the environment.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the client, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (flowai_error_argument() names the setting),
 *                FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. The environment is read: no other thread may change it meanwhile.
 */
FLOWAI_NODISCARD flowai_status flowai_client_new(flowai_config config, flowai_error *err, flowai_client *out);

/**
 * Where a client sends to.
 *
 * @param client  A client.
 * @param out     Receives text that lives as long as the client.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_client_base_url(flowai_client client, flowai_str *out);

/**
 * Closes every connection of a client. Calls made from now on fail with FLOWAI_ERR_CLOSED; those that other threads
 * are in go on. Nobody has to call this before flowai_client_free().
 *
 * @param client  A client.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 */
flowai_status flowai_client_close(flowai_client client, flowai_error *err);

/**
 * Frees a client. Calls that other threads are in go on to their end. {0} and a client that was freed before are left
 * alone.
 *
 * @param client  A client.
 */
void flowai_client_free(flowai_client client);

/**
 * Sends a text ("Text message" of the API document).
 *
 * @param client       A client.
 * @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
 * @param text         At most 255 code points, unless the settings allow more.
 * @param options      What goes along; {0} for nothing.
 * @param err          Receives an error on failure; may be NULL.
 * @param out          Receives a receipt, which the caller frees.
 * @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_send_text(flowai_client client,
                                      const char *thread_id,
                                      const char *text,
                                      flowai_send_options options,
                                      flowai_error *err,
                                      flowai_receipt *out);

/**
 * Triggers an event within the project ("Event message" of the API document).
 *
 * @param client       A client.
 * @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
 * @param event_name   The name of the event.
 * @param options      What goes along; {0} for nothing.
 * @param err          Receives an error on failure; may be NULL.
 * @param out          Receives a receipt, which the caller frees.
 * @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_send_event(flowai_client client,
                                       const char *thread_id,
                                       const char *event_name,
                                       flowai_send_options options,
                                       flowai_error *err,
                                       flowai_receipt *out);

/**
 * Sends a place ("Location message" of the API document). Its options may have a title.
 *
 * @param client       A client.
 * @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
 * @param lat          The latitude as a decimal number.
 * @param lng          The longitude as a decimal number.
 * @param options      What goes along; {0} for nothing.
 * @param err          Receives an error on failure; may be NULL.
 * @param out          Receives a receipt, which the caller frees.
 * @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_send_location(flowai_client client,
                                          const char *thread_id,
                                          const char *lat,
                                          const char *lng,
                                          flowai_send_options options,
                                          flowai_error *err,
                                          flowai_receipt *out);

/**
 * Sends media by URL ("Media message" of the API document). Its options may have a title and a MIME type.
 *
 * @param client       A client.
 * @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
 * @param url          Where it is: an http or https URL.
 * @param media_type   "image", "file", "audio" or "video".
 * @param options      What goes along; {0} for nothing.
 * @param err          Receives an error on failure; may be NULL.
 * @param out          Receives a receipt, which the caller frees.
 * @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_send_media(flowai_client client,
                                       const char *thread_id,
                                       const char *url,
                                       const char *media_type,
                                       flowai_send_options options,
                                       flowai_error *err,
                                       flowai_receipt *out);

/**
 * Sends a message that is given as it goes over the wire, such as {"type": "text", "speech": "Hello"}. What the
 * options have takes the place of what the message has.
 *
 * @param client       A client.
 * @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
 * @param message_json  A JSON object with the members that the API document lists for its type.
 * @param options      What goes along; {0} for nothing.
 * @param err          Receives an error on failure; may be NULL.
 * @param out          Receives a receipt, which the caller frees.
 * @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_send(flowai_client client,
                                 const char *thread_id,
                                 const char *message_json,
                                 flowai_send_options options,
                                 flowai_error *err,
                                 flowai_receipt *out);

/**
 * Makes options with every default.
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the options, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_send_options_new(flowai_error *err, flowai_send_options *out);

/**
 * Sets the name of the sender; the role is external. Default: the sender of the client.
 *
 * @param options  Options.
 * @param name     A name.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_originator_name(flowai_send_options options,
                                                      const char *name,
                                                      flowai_error *err);

/**
 * Sets the sender with role, profile and metadata ("Originator" of the API document).
 *
 * @param options   Options.
 * @param document  A JSON object: {"name": "John Doe", "role": "external", "profile": {...}}.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_originator_json(flowai_send_options options,
                                                      const char *document,
                                                      flowai_error *err);

/**
 * Sets the number that comes back with the delivery event. Use it for one message. Default: a unique one.
 *
 * @param options   Options.
 * @param trace_id  A number below 2^53.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_trace_id(flowai_send_options options, uint64_t trace_id, flowai_error *err);

/**
 * Sets the language.
 *
 * @param options  Options.
 * @param lang     A two-letter code (ISO 639-1).
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_lang(flowai_send_options options, const char *lang, flowai_error *err);

/**
 * Sets the timezone of the user.
 *
 * @param options  Options.
 * @param hours    Hours from UTC, -12 to 14.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_timezone(flowai_send_options options, int32_t hours, flowai_error *err);

/**
 * Sets parameters ("Text message" of the API document).
 *
 * @param options   Options.
 * @param document  A JSON object.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_params_json(flowai_send_options options,
                                                  const char *document,
                                                  flowai_error *err);

/**
 * Sets the deadline over all attempts, in place of that of the client. An upload has none otherwise.
 *
 * @param options  Options.
 * @param ms       Milliseconds, more than 0.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_timeout_ms(flowai_send_options options, uint32_t ms, flowai_error *err);

/**
 * Sets a name for a location or for media (later versions of the API).
 *
 * @param options  Options.
 * @param title    A name.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_title(flowai_send_options options, const char *title, flowai_error *err);

/**
 * Sets the MIME type of media. Default for an upload: what the name of the file says.
 *
 * @param options    Options.
 * @param mime_type  A MIME type such as image/png.
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_mime_type(flowai_send_options options, const char *mime_type, flowai_error *err);

/**
 * Sets the kind of an uploaded file. Default: what the MIME type says.
 *
 * @param options     Options.
 * @param media_type  "image", "file", "audio" or "video".
 * @param err         Receives an error on failure; may be NULL.
 * @return            FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_media_type(flowai_send_options options,
                                                 const char *media_type,
                                                 flowai_error *err);

/**
 * Sets the name of an uploaded file that the service is told. Default: that of the file.
 *
 * @param options   Options.
 * @param filename  A name without control characters.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_filename(flowai_send_options options, const char *filename, flowai_error *err);

/**
 * Sets where an uploaded file can be found too.
 *
 * @param options  Options.
 * @param url      An http or https URL.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_url(flowai_send_options options, const char *url, flowai_error *err);

/**
 * Sets after how long an upload ends when nothing moved. Default: 30,000.
 *
 * @param options  Options.
 * @param ms       Milliseconds, more than 0.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_idle_timeout_ms(flowai_send_options options, uint32_t ms, flowai_error *err);

/**
 * Sets a function that is told how far an upload is, and that may give it up.
 *
 * @param options    Options.
 * @param progress   The function; NULL for none. It must not unwind: no C++ exception may leave it.
 * @param user_data  Passed to the function and never looked at; may be NULL. It must live as long as uploads use it.
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_progress(flowai_send_options options,
                                               flowai_progress progress,
                                               void *user_data,
                                               flowai_error *err);

/**
 * Frees options. {0} and what was freed before are left alone.
 *
 * @param options  Options.
 */
void flowai_send_options_free(flowai_send_options options);

/**
 * The thread that the call was about.
 *
 * @param receipt  A receipt.
 * @param out      Receives text that lives as long as the receipt; empty if the call was about no thread.
 * @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_receipt_thread_id(flowai_receipt receipt, flowai_str *out);

/**
 * The trace id that went along; the delivery event carries it too.
 *
 * @param receipt  A receipt.
 * @param out      Receives the number; FLOWAI_NONE if there was none.
 * @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_receipt_trace_id(flowai_receipt receipt, int64_t *out);

/**
 * What the service said: "ok".
 *
 * @param receipt  A receipt.
 * @param out      Receives text that lives as long as the receipt.
 * @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_receipt_status(flowai_receipt receipt, flowai_str *out);

/**
 * The request id that the service gave (header x-request-id).
 *
 * @param receipt  A receipt.
 * @param out      Receives text that lives as long as the receipt; empty if the service gave none.
 * @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_receipt_request_id(flowai_receipt receipt, flowai_str *out);

/**
 * Frees a receipt and every text read from it. {0} and one that was freed before are left alone.
 *
 * @param receipt  A receipt.
 */
void flowai_receipt_free(flowai_receipt receipt);

/**
 * Uploads a file of at most 250 MB, streamed ("Media message" of the API document). Its options may have a title,
 * MIME type, kind of media, file name, URL, idle time limit and progress function.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param path       The file. Its name gives the MIME type and the kind of media, unless the options do.
 * @param options    What goes along; {0} for nothing.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered. There is no deadline unless the options have one, but the
 *                     upload ends when nothing moved for the idle time limit.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_upload_media(flowai_client client,
                                         const char *thread_id,
                                         const char *path,
                                         flowai_send_options options,
                                         flowai_error *err,
                                         flowai_receipt *out);

/**
 * Uploads bytes from memory, which are copied. Otherwise as flowai_client_upload_media(); the file name of the
 * options gives the MIME type and the kind of media, unless they are set.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param data       The content; may be NULL if len is 0.
 * @param len        Its length in bytes, at most 250 * 1024 * 1024.
 * @param options    What goes along; {0} for nothing.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       As flowai_client_upload_media().
 */
FLOWAI_NODISCARD
flowai_status flowai_client_upload_media_bytes(flowai_client client,
                                               const char *thread_id,
                                               const void *data,
                                               size_t len,
                                               flowai_send_options options,
                                               flowai_error *err,
                                               flowai_receipt *out);

/**
 * Reads a page of the history of a thread. Reading does no harm, so it is retried.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param page       The number of a page, or FLOWAI_NONE for the first one.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives the page, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_history(flowai_client client,
                                    const char *thread_id,
                                    int64_t page,
                                    flowai_error *err,
                                    flowai_history_page *out);

/**
 * The number of a page.
 *
 * @param page  A page.
 * @param out   Receives the number; FLOWAI_NONE if the service did not say.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_page_number(flowai_history_page page, int64_t *out);

/**
 * How many pages there are.
 *
 * @param page  A page.
 * @param out   Receives the number; FLOWAI_NONE if the service did not say.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_page_pages(flowai_history_page page, int64_t *out);

/**
 * The thread, as the service names it.
 *
 * @param page  A page.
 * @param out   Receives text that lives as long as the page; empty if the service did not say.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_page_thread_id(flowai_history_page page, flowai_str *out);

/**
 * The whole result as a JSON document, as it came.
 *
 * @param page  A page.
 * @param out   Receives text that lives as long as the page.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_page_json(flowai_history_page page, flowai_str *out);

/**
 * How many entries a page has.
 *
 * @param page  A page.
 * @param out   Receives the number.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_page_count(flowai_history_page page, size_t *out);

/**
 * An entry of a page, in the order of the service.
 *
 * @param page   A page.
 * @param index  From 0.
 * @param out    Receives the entry, which the caller frees; {0} if the page has no such entry.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_page_entry(flowai_history_page page, size_t index, flowai_history_entry *out);

/**
 * Frees a page and every text read from it; its entries live on. {0} and one that was freed before are left alone.
 *
 * @param page  A page.
 */
void flowai_history_page_free(flowai_history_page page);

/**
 * Begins to go through the whole history of a thread. Nothing is asked yet: pages are fetched as they are needed.
 *
 * @param client     A client; the iterator works on when it is freed.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param limit      How many entries at most, or FLOWAI_NONE for all.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives the iterator, which the caller frees.
 * @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, the same client from several at once.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_iter_history(flowai_client client,
                                         const char *thread_id,
                                         int64_t limit,
                                         flowai_error *err,
                                         flowai_history_iter *out);

/**
 * The next entry, in the order of the service. After an error the same page is tried again.
 *
 * @param iter  An iterator.
 * @param err   Receives an error on failure; may be NULL.
 * @param out   Receives the entry, which the caller frees; {0} when there are no more.
 * @return      FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  One thread at a time; a second one gets FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Blocking       When a page is needed: until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_history_iter_next(flowai_history_iter iter,
                                       flowai_error *err,
                                       flowai_history_entry *out);

/**
 * Frees an iterator; its entries live on. {0} and one that was freed before are left alone.
 *
 * @param iter  An iterator.
 */
void flowai_history_iter_free(flowai_history_iter iter);

/**
 * What was said: the texts of all messages of an entry, one a line.
 *
 * @param entry  An entry.
 * @param out    Receives text that lives as long as the entry.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_entry_text(flowai_history_entry entry, flowai_str *out);

/**
 * Who spoke, such as "user" or "bot".
 *
 * @param entry  An entry.
 * @param out    Receives text that lives as long as the entry; empty if the service did not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_entry_role(flowai_history_entry entry, flowai_str *out);

/**
 * The name of who spoke.
 *
 * @param entry  An entry.
 * @param out    Receives text that lives as long as the entry; empty if the service did not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_entry_name(flowai_history_entry entry, flowai_str *out);

/**
 * When the first message of an entry was said, as it came: ISO 8601 text, or milliseconds since 1970.
 *
 * @param entry  An entry.
 * @param out    Receives text that lives as long as the entry; empty if the service did not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_entry_created_at(flowai_history_entry entry, flowai_str *out);

/**
 * The whole entry as a JSON document, as it came.
 *
 * @param entry  An entry.
 * @param out    Receives text that lives as long as the entry.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_history_entry_json(flowai_history_entry entry, flowai_str *out);

/**
 * Frees an entry and every text read from it. {0} and one that was freed before are left alone.
 *
 * @param entry  An entry.
 */
void flowai_history_entry_free(flowai_history_entry entry);

/**
 * Reads the business hours of the project. Reading does no harm, so it is retried.
 *
 * @param client  A client.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the business hours, which the caller frees.
 * @return        FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_business_hours(flowai_client client,
                                           flowai_error *err,
                                           flowai_business_hours *out);

/**
 * How many sets there are.
 *
 * @param hours  Business hours.
 * @param out    Receives the number.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_business_hours_count(flowai_business_hours hours, size_t *out);

/**
 * The name of a set.
 *
 * @param hours  Business hours.
 * @param index  From 0.
 * @param out    Receives text that lives as long as the business hours; empty if there is no such set or it has no
 *               name.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_business_hours_label(flowai_business_hours hours, size_t index, flowai_str *out);

/**
 * The timezone of a set as people read it, such as "(UTC+03:00) Minsk". It is a label, not a zone name.
 *
 * @param hours  Business hours.
 * @param index  From 0.
 * @param out    Receives text that lives as long as the business hours; empty if there is no such set or it has none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_business_hours_timezone(flowai_business_hours hours, size_t index, flowai_str *out);

/**
 * A whole set as a JSON document, as it came: {"weekdays": [...], "holidays": [...], "label": ..., "timezone": ...}.
 *
 * @param hours  Business hours.
 * @param index  From 0.
 * @param out    Receives text that lives as long as the business hours; empty if there is no such set.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_business_hours_set_json(flowai_business_hours hours, size_t index, flowai_str *out);

/**
 * All sets as a JSON array.
 *
 * @param hours  Business hours.
 * @param out    Receives text that lives as long as the business hours.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_business_hours_json(flowai_business_hours hours, flowai_str *out);

/**
 * Frees business hours and every text read from them. {0} and what was freed before are left alone.
 *
 * @param hours  Business hours.
 */
void flowai_business_hours_free(flowai_business_hours hours);

/**
 * Pauses the bot of a thread ("Bot control" of the API document). It may be repeated at no harm, so it is retried.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_pause(flowai_client client,
                                  const char *thread_id,
                                  flowai_error *err,
                                  flowai_receipt *out);

/**
 * Resumes the bot of a thread. It may be repeated at no harm, so it is retried.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_resume(flowai_client client,
                                   const char *thread_id,
                                   flowai_error *err,
                                   flowai_receipt *out);

/**
 * Asks whether the bot of a thread is paused.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives the status, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_bot_status(flowai_client client,
                                       const char *thread_id,
                                       flowai_error *err,
                                       flowai_bot_status *out);

/**
 * Whether the bot is paused.
 *
 * @param status  A status.
 * @param out     Receives FLOWAI_YES, FLOWAI_NO or FLOWAI_UNKNOWN.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_bot_status_is_paused(flowai_bot_status status, flowai_answer *out);

/**
 * The thread, as the service names it.
 *
 * @param status  A status.
 * @param out     Receives text that lives as long as the status; empty if the service did not say.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_bot_status_thread_id(flowai_bot_status status, flowai_str *out);

/**
 * The whole result as a JSON document, as it came.
 *
 * @param status  A status.
 * @param out     Receives text that lives as long as the status.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_bot_status_json(flowai_bot_status status, flowai_str *out);

/**
 * Frees a status and every text read from it. {0} and one that was freed before are left alone.
 *
 * @param status  A status.
 */
void flowai_bot_status_free(flowai_bot_status status);

/**
 * Asks for a page of the history of a thread, which arrives as a webhook event of the kind FLOWAI_EVENT_HISTORY
 * ("Thread messages" of the API document).
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param page       The number of a page, or FLOWAI_NONE for the first one.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_request_history(flowai_client client,
                                            const char *thread_id,
                                            int64_t page,
                                            flowai_error *err,
                                            flowai_receipt *out);

/**
 * Asks for the business hours, which arrive as a webhook event of the kind FLOWAI_EVENT_BUSINESS_HOURS.
 *
 * @param client     A client.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_request_business_hours(flowai_client client,
                                                   flowai_error *err,
                                                   flowai_receipt *out);

/**
 * Asks whether the bot of a thread is paused; the answer arrives as a webhook event of the kind
 * FLOWAI_EVENT_BOT_STATUS.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_request_bot_status(flowai_client client,
                                               const char *thread_id,
                                               flowai_error *err,
                                               flowai_receipt *out);

/**
 * Reads one event from the body of a webhook call. The body is copied. Check with a verifier first who has sent it.
 *
 * @param body  A JSON object; may be NULL if len is 0, which is refused like any other body that is no event.
 * @param len   Its length in bytes, at most 16 MiB.
 * @param err   Receives an error on failure; may be NULL.
 * @param out   Receives the event, which the caller frees.
 * @return      FLOWAI_OK, FLOWAI_ERR_WEBHOOK_PARSE, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_event_parse(const void *body, size_t len, flowai_error *err, flowai_event *out);

/**
 * Reads one event or an array of events from the body of a webhook call. One bad event refuses the whole body.
 *
 * @param body  A JSON object or an array of them; may be NULL if len is 0, which is refused.
 * @param len   Its length in bytes, at most 16 MiB.
 * @param err   Receives an error on failure; may be NULL.
 * @param out   Receives the list, which the caller frees.
 * @return      FLOWAI_OK, FLOWAI_ERR_WEBHOOK_PARSE, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD
flowai_status flowai_event_parse_many(const void *body,
                                      size_t len,
                                      flowai_error *err,
                                      flowai_event_list *out);

/**
 * How many events a list has.
 *
 * @param list  A list.
 * @param out   Receives the number.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_list_count(flowai_event_list list, size_t *out);

/**
 * An event of a list.
 *
 * @param list   A list.
 * @param index  From 0.
 * @param out    Receives the event, which the caller frees and which does not need the list; {0} if there is no such
 *               event.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_list_at(flowai_event_list list, size_t index, flowai_event *out);

/**
 * Frees a list; its events live on. {0} and one that was freed before are left alone.
 *
 * @param list  A list.
 */
void flowai_event_list_free(flowai_event_list list);

/**
 * Frees an event and every text read from it. {0} and one that was freed before are left alone.
 *
 * @param event  An event.
 */
void flowai_event_free(flowai_event event);

/**
 * What the event tells. An event without a name has the kind that its fields suggest.
 *
 * @param event  An event.
 * @param out    Receives one of FLOWAI_EVENT_... .
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_kind(flowai_event event, flowai_kind *out);

/**
 * The name of the event as it came, such as "message.reply".
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_type(flowai_event event, flowai_str *out);

/**
 * The conversation, as it came. The id may carry a channel after a bar that the one which a message was sent to does
 * not have: compare with flowai_event_is_for().
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_thread_id(flowai_event event, flowai_str *out);

/**
 * The part of the thread id before the first bar ("|"), or the whole when there is no bar.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_thread_user(flowai_event event, flowai_str *out);

/**
 * The part of the thread id after the first bar ("|").
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if there was no bar.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_thread_channel(flowai_event event, flowai_str *out);

/**
 * What was said: the texts of all messages, one a line, where a message without text has its fallback. For a
 * delivered message what was sent.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if nothing was said.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_text(flowai_event event, flowai_str *out);

/**
 * The trace id as it is written; those of the platform itself are text such as "6beafa70:23cab391:6beafa70:1".
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_trace_id_text(flowai_event event, flowai_str *out);

/**
 * The name of who caused the event.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_originator_name(flowai_event event, flowai_str *out);

/**
 * The role of who caused the event, such as "bot", "external" or "moderator".
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_originator_role(flowai_event event, flowai_str *out);

/**
 * Who caused the event, as a JSON object.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if the event does not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_originator_json(flowai_event event, flowai_str *out);

/**
 * Whom a reply is for, as a JSON object.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if the event does not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_user_json(flowai_event event, flowai_str *out);

/**
 * The messages of a reply as a JSON array, each with its "responses" (text, image, card and so on).
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; "[]" if there are none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_messages_json(flowai_event event, flowai_str *out);

/**
 * The entries of a history as a JSON array.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; "[]" if there are none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_history_json(flowai_event event, flowai_str *out);

/**
 * The sets of business hours as a JSON array.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; "[]" if there are none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_business_hours_json(flowai_event event, flowai_str *out);

/**
 * The ids of conversations as a JSON array of strings.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; "[]" if there are none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_threads_json(flowai_event event, flowai_str *out);

/**
 * The names of events that can be triggered by hand, as a JSON array of strings.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; "[]" if there are none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_triggers_json(flowai_event event, flowai_str *out);

/**
 * A text that is equal for two deliveries of the same event and different for different events.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event; empty if the event carries no identity.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_dedupe_key(flowai_event event, flowai_str *out);

/**
 * The body of the event, byte for byte.
 *
 * @param event  An event.
 * @param out    Receives text that lives as long as the event.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_raw(flowai_event event, flowai_str *out);

/**
 * The trace id as a number: that of a message that this library sent.
 *
 * @param event  An event.
 * @param out    Receives the number; FLOWAI_NONE if there is none, or one that is no number.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_trace_id(flowai_event event, int64_t *out);

/**
 * Whether the bot is paused.
 *
 * @param event  An event.
 * @param out    Receives FLOWAI_YES, FLOWAI_NO or FLOWAI_UNKNOWN.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_is_paused(flowai_event event, flowai_answer *out);

/**
 * When it happened.
 *
 * @param event  An event.
 * @param out    Receives milliseconds since 1970 UTC; FLOWAI_NONE if the event does not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_created_at_ms(flowai_event event, int64_t *out);

/**
 * Which page of a list the event has.
 *
 * @param event  An event.
 * @param out    Receives the number; FLOWAI_NONE if the event does not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_page(flowai_event event, int64_t *out);

/**
 * How many pages the list has.
 *
 * @param event  An event.
 * @param out    Receives the number; FLOWAI_NONE if the event does not say.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_pages(flowai_event event, int64_t *out);

/**
 * How many messages a reply has.
 *
 * @param event  An event.
 * @param out    Receives the number.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_message_count(flowai_event event, size_t *out);

/**
 * The text of one message of a reply.
 *
 * @param event  An event.
 * @param index  From 0.
 * @param out    Receives text that lives as long as the event; empty if there is no such message or it has no text.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_event_message_text(flowai_event event, size_t index, flowai_str *out);

/**
 * Whether an event belongs to a conversation: the whole ids are equal, or one of them has no channel and the parts
 * before the bar are equal. No event belongs to the empty id.
 *
 * @param event      An event.
 * @param thread_id  A thread.
 * @param out        Receives the answer.
 * @return           FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (thread_id is no text, out is
 *                   NULL).
 */
flowai_status flowai_event_is_for(flowai_event event, const char *thread_id, bool *out);

/**
 * Makes options with every default.
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the options, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_jwt_options_new(flowai_error *err, flowai_jwt_options *out);

/**
 * Sets whether a token without an expiry is refused. Default: false, since the tokens that are known have none.
 *
 * @param options  Options.
 * @param require  true or false.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_jwt_options_set_require_exp(flowai_jwt_options options, bool require, flowai_error *err);

/**
 * Sets by how much the clocks of the two sides may differ. Default: 60.
 *
 * @param options  Options.
 * @param seconds  Seconds.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_jwt_options_set_leeway(flowai_jwt_options options, uint32_t seconds, flowai_error *err);

/**
 * Sets how long a secret must be at least. Default: 32; a shorter one can be guessed by anybody who sees one token.
 *
 * @param options  Options.
 * @param bytes    Bytes.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_jwt_options_set_min_secret_bytes(flowai_jwt_options options, size_t bytes, flowai_error *err);

/**
 * Frees options. {0} and what was freed before are left alone.
 *
 * @param options  Options.
 */
void flowai_jwt_options_free(flowai_jwt_options options);

/**
 * Wants a JSON Web Token signed with a secret (HS256 and nothing else), in the header Authorization, after an
 * optional "Bearer ", or in x-access-token. exp, nbf and iat count when the token has them. To accept two secrets
 * while they are exchanged see flowai_verifier_any().
 *
 * @param secret   The secret, at least 32 bytes unless the options say otherwise. It is not kept.
 * @param options  How tokens are checked; {0} for all defaults.
 * @param err      Receives an error on failure; may be NULL.
 * @param out      Receives the verifier, which the caller frees.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD
flowai_status flowai_verifier_jwt(const char *secret,
                                  flowai_jwt_options options,
                                  flowai_error *err,
                                  flowai_verifier *out);

/**
 * Wants a header to hold a secret, byte for byte.
 *
 * @param name    The name of the header, in any case.
 * @param secret  The secret. It is not kept.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the verifier, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD
flowai_status flowai_verifier_header(const char *name,
                                     const char *secret,
                                     flowai_error *err,
                                     flowai_verifier *out);

/**
 * Wants the root of the JSON body to have a secret as "verifyKey" or "verifyToken".
 *
 * @param secret  The secret. It is not kept.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the verifier, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_verifier_body_key(const char *secret, flowai_error *err, flowai_verifier *out);

/**
 * Accepts what one of two verifiers accepts.
 *
 * @param first   A verifier, which stays the caller's.
 * @param second  Another one, which stays the caller's.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the verifier, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD
flowai_status flowai_verifier_any(flowai_verifier first,
                                  flowai_verifier second,
                                  flowai_error *err,
                                  flowai_verifier *out);

/**
 * Checks a webhook call.
 *
 * @param verifier  A verifier.
 * @param body      The body of the request as it came; may be NULL if len is 0.
 * @param len       Its length in bytes.
 * @param headers   The headers of the request, all of them; may be NULL if count is 0.
 * @param count     The number of headers.
 * @param err       Receives an error on failure; may be NULL. It says what is wrong without quoting it.
 * @return          FLOWAI_OK, FLOWAI_ERR_WEBHOOK_VERIFICATION (answer the request with HTTP status 401),
 *                  FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, the same verifier from several at once.
 */
FLOWAI_NODISCARD
flowai_status flowai_verifier_verify(flowai_verifier verifier,
                                     const void *body,
                                     size_t len,
                                     const flowai_header *headers,
                                     size_t count,
                                     flowai_error *err);

/**
 * Checks a webhook call, then reads its event.
 *
 * @param verifier  A verifier.
 * @param body      The body of the request as it came; may be NULL if len is 0.
 * @param len       Its length in bytes.
 * @param headers   The headers of the request, all of them; may be NULL if count is 0.
 * @param count     The number of headers.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives the event, which the caller frees.
 * @return          As flowai_verifier_verify() and flowai_event_parse().
 * @par Thread safety  Any thread, the same verifier from several at once.
 */
FLOWAI_NODISCARD
flowai_status flowai_verifier_unwrap(flowai_verifier verifier,
                                     const void *body,
                                     size_t len,
                                     const flowai_header *headers,
                                     size_t count,
                                     flowai_error *err,
                                     flowai_event *out);

/**
 * Frees a verifier. {0} and one that was freed before are left alone.
 *
 * @param verifier  A verifier.
 */
void flowai_verifier_free(flowai_verifier verifier);

/**
 * Makes settings with every default. Before a receiver can start, one of flowai_receiver_config_set_verifier() and
 * flowai_receiver_config_set_no_verifier() must be called.
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the settings, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_receiver_config_new(flowai_error *err, flowai_receiver_config *out);

/**
 * Sets who may call. A call that the verifier refuses is answered with HTTP status 401.
 *
 * @param config    Settings.
 * @param verifier  A verifier, which stays the caller's and may be freed at once.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_verifier(flowai_receiver_config config,
                                                  flowai_verifier verifier,
                                                  flowai_error *err);

/**
 * Takes calls from everybody who can reach the address.
 *
 * @param config  Settings.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_no_verifier(flowai_receiver_config config, flowai_error *err);

/**
 * Sets the address to listen on. Default: "127.0.0.1:0".
 *
 * @param config   Settings.
 * @param address  As host:port; port 0 takes a free one.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_listen(flowai_receiver_config config, const char *address, flowai_error *err);

/**
 * Sets the path of the webhook; every other one is answered with HTTP status 404. Default: "/".
 *
 * @param config  Settings.
 * @param path    An absolute path, percent-encoded, without a query.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_path(flowai_receiver_config config, const char *path, flowai_error *err);

/**
 * Makes the receiver speak HTTPS. Default: HTTP, for tests and behind a proxy; the service itself calls only HTTPS.
 *
 * @param config       Settings.
 * @param certificate  A PEM file with the certificate and the chain above it.
 * @param key          A PEM file with its private key.
 * @param err          Receives an error on failure; may be NULL.
 * @return             FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_tls(flowai_receiver_config config,
                                             const char *certificate,
                                             const char *key,
                                             flowai_error *err);

/**
 * Sets how many events wait at most to be taken; then calls are answered with HTTP status 503. Default: 1,024.
 *
 * @param config  Settings.
 * @param events  A number, more than 0.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_queue(flowai_receiver_config config, size_t events, flowai_error *err);

/**
 * Sets the largest body of a call; then HTTP status 413. Default: 1 MiB.
 *
 * @param config  Settings.
 * @param bytes   Bytes, more than 0.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_max_body_bytes(flowai_receiver_config config, size_t bytes, flowai_error *err);

/**
 * Sets how many connections are open at most. Default: 1,024, of which 256 from one address.
 *
 * @param config       Settings.
 * @param connections  All together, more than 0.
 * @param per_address  Of one address, more than 0; give the same behind a proxy.
 * @param err          Receives an error on failure; may be NULL.
 * @return             FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_max_connections(flowai_receiver_config config,
                                                         size_t connections,
                                                         size_t per_address,
                                                         flowai_error *err);

/**
 * Sets how long flowai_receiver_stop() waits for requests in flight. Default: 10,000.
 *
 * @param config  Settings.
 * @param ms      Milliseconds.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_drain_time_ms(flowai_receiver_config config, uint32_t ms, flowai_error *err);

/**
 * Frees settings. {0} and what was freed before are left alone.
 *
 * @param config  Settings.
 */
void flowai_receiver_config_free(flowai_receiver_config config);

/**
 * Starts to listen.
 *
 * @param config  Settings, which are copied. They must say how calls are verified.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the receiver, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (flowai_error_argument() names the setting),
 *                FLOWAI_ERR_CONNECTION (the address cannot be listened on), FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. A thread of the library serves in the background; it blocks all signals.
 */
FLOWAI_NODISCARD
flowai_status flowai_receiver_start(flowai_receiver_config config,
                                    flowai_error *err,
                                    flowai_receiver *out);

/**
 * The URL of the webhook on this machine. Where the receiver listens on all addresses it names the loopback address.
 *
 * @param receiver  A receiver.
 * @param out       Receives text that lives as long as the receiver.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_receiver_url(flowai_receiver receiver, flowai_str *out);

/**
 * The port that the receiver listens on.
 *
 * @param receiver  A receiver.
 * @param out       Receives the number.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_receiver_port(flowai_receiver receiver, uint16_t *out);

/**
 * The next event.
 *
 * @param receiver    A receiver.
 * @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives the event, which the caller frees; {0} when the time is over.
 * @return            FLOWAI_OK, FLOWAI_ERR_CLOSED (the receiver was stopped and all its events were taken),
 *                    FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several at once; each event is handed out once.
 * @par Blocking       For the time limit; flowai_receiver_stop() and flowai_receiver_free() on another thread end the
 *                     wait.
 */
FLOWAI_NODISCARD
flowai_status flowai_receiver_next(flowai_receiver receiver,
                                   uint32_t timeout_ms,
                                   flowai_error *err,
                                   flowai_event *out);

/**
 * The next event of a kind and of a conversation. The others stay in the queue, in their order.
 *
 * @param receiver    A receiver.
 * @param kind        One of FLOWAI_EVENT_...; FLOWAI_EVENT_ANY for any.
 * @param thread_id   A thread, see flowai_event_is_for(); NULL for any.
 * @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives the event, which the caller frees; {0} when the time is over.
 * @return            As flowai_receiver_next().
 * @par Thread safety  Any thread, several at once; each event is handed out once.
 * @par Blocking       As flowai_receiver_next().
 */
FLOWAI_NODISCARD
flowai_status flowai_receiver_wait(flowai_receiver receiver,
                                   flowai_kind kind,
                                   const char *thread_id,
                                   uint32_t timeout_ms,
                                   flowai_error *err,
                                   flowai_event *out);

/**
 * Stops gracefully: accepts nothing more, answers the requests in flight, and returns when that is done. Events that
 * are queued can still be taken.
 *
 * @param receiver  A receiver.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several times too.
 * @par Blocking       Until the requests in flight are answered, at most for
 *                     flowai_receiver_config_set_drain_time_ms().
 */
flowai_status flowai_receiver_stop(flowai_receiver receiver, flowai_error *err);

/**
 * Stops a receiver at once and frees it: requests in flight are cut off unanswered, so that Flow.ai sends them again,
 * and events that nobody took are gone. Threads that wait for events return with FLOWAI_ERR_CLOSED. {0} and one that
 * was freed before are left alone.
 *
 * @param receiver  A receiver.
 * @par Blocking    At most a second.
 */
void flowai_receiver_free(flowai_receiver receiver);

/**
 * The version of the library that is running, such as "0.1.0"; compare with FLOWAI_VERSION, that of this header.
 *
 * @return  A string that lives for ever. Never NULL.
 * @par Thread safety  Any thread; async-signal-safe.
 */
const char *flowai_version(void);

/**
 * The version of the library that is running as a number, in the form of FLOWAI_VERSION_NUMBER.
 *
 * @return  major * 1000000 + minor * 1000 + patch.
 * @par Thread safety  Any thread; async-signal-safe.
 */
uint32_t flowai_version_number(void);

/**
 * Frees every handle that is left, which closes clients and stops receivers. Nobody has to call this: it is for
 * programs that want to leave nothing behind, such as under a memory checker. The library can be used again
 * afterwards; handles from before are invalid.
 *
 * @par Thread safety  Any thread. Calls that other threads are in go on to their end.
 * @par Blocking       At most a second for each receiver.
 */
void flowai_shutdown(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FLOWAI_H */
