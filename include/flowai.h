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
 * Receive so that nothing is lost: a receiver with an inbox acknowledges a call once its events are safe in a file,
 * from which they are handled, again after a crash until flowai_inbox_delivery_ack() has been called:
 *
 * @code{.c}
 *     flowai_inbox_options defaults = {0};
 *     flowai_inbox inbox = {0};
 *     flowai_receiver_config config = {0};
 *     flowai_receiver receiver = {0};
 *     flowai_inbox_delivery delivery = {0};
 *     flowai_event event = {0};
 *     flowai_str text = {0};
 *
 *     if (flowai_inbox_open("flowai.db", defaults, NULL, &inbox) == FLOWAI_OK
 *         && flowai_receiver_config_new(NULL, &config) == FLOWAI_OK
 *         && flowai_receiver_config_set_inbox(config, inbox, NULL) == FLOWAI_OK
 *         && flowai_receiver_config_set_no_verifier(config, NULL) == FLOWAI_OK    // as above, outside of a test
 *         && flowai_receiver_start(config, NULL, &receiver) == FLOWAI_OK) {
 *         while (flowai_inbox_next(inbox, FLOWAI_FOREVER, NULL, &delivery) == FLOWAI_OK) {
 *             if (flowai_inbox_delivery_event(delivery, &event) == FLOWAI_OK
 *                 && flowai_event_text(event, &text) == FLOWAI_OK) {
 *                 printf("%s\n", text.ptr);
 *                 (void)flowai_inbox_delivery_ack(delivery, NULL);
 *             }
 *             flowai_event_free(event);
 *             flowai_inbox_delivery_free(delivery);          // without ack: it comes again
 *         }
 *     }
 * @endcode
 *
 * Messages that must not be lost either go through a flowai_outbox.
 *
 * Ask, and read what a reply shows, without a webhook:
 *
 * @code{.c}
 *     flowai_config from_environment = {0};
 *     flowai_send_options options = {0};
 *     flowai_client client = {0};
 *     flowai_reply reply = {0};
 *     flowai_list parts = {0};
 *     flowai_document part = {0};
 *     flowai_template_kind kind = FLOWAI_TEMPLATE_UNKNOWN;
 *     flowai_error error = {0};
 *     flowai_str text = {0};
 *
 *     if (flowai_client_new(from_environment, &error, &client) == FLOWAI_OK
 *         && flowai_client_ask(client, "thread-1", "Where is my parcel?", options, &error, &reply) == FLOWAI_OK
 *         && flowai_reply_text(reply, &text) == FLOWAI_OK)
 *         printf("%s\n", text.ptr);
 *     if (flowai_reply_templates(reply, &parts) == FLOWAI_OK
 *         && flowai_list_document(parts, 0, &part) == FLOWAI_OK
 *         && flowai_document_template_kind(part, &kind) == FLOWAI_OK && kind == FLOWAI_TEMPLATE_CARD
 *         && flowai_document_string(part, "media.url", &error, &text) == FLOWAI_OK)
 *         printf("a card with the image %s\n", text.ptr);
 * @endcode
 *
 * Do not wait: calls end up in a queue, whose descriptor fits in any event loop (examples/c/epoll.c):
 *
 * @code{.c}
 *     flowai_config from_environment = {0};
 *     flowai_client client = {0};
 *     flowai_queue queue = {0};
 *     flowai_call call = {0};
 *     flowai_completion completion = {0};
 *     flowai_status status = FLOWAI_OK;
 *
 *     if (flowai_client_new(from_environment, NULL, &client) == FLOWAI_OK
 *         && flowai_queue_new(100, NULL, &queue) == FLOWAI_OK
 *         && flowai_call_new(client, "send_text", NULL, &call) == FLOWAI_OK
 *         && flowai_call_set_text(call, "thread_id", "thread-1", NULL) == FLOWAI_OK
 *         && flowai_call_set_text(call, "text", "Hello", NULL) == FLOWAI_OK
 *         && flowai_queue_submit(queue, call, NULL, NULL, NULL) == FLOWAI_OK  // returns at once
 *         && flowai_poll(queue, FLOWAI_FOREVER, NULL, &completion) == FLOWAI_OK
 *         && flowai_completion_status(completion, &status) == FLOWAI_OK)
 *         puts(flowai_status_name(status));
 *     flowai_completion_free(completion);
 *     flowai_call_free(call);
 *     flowai_queue_free(queue);
 *     flowai_client_free(client);
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
 * - Threads: every function may be called from any thread, also with the same objects, unless said otherwise. Settings
 *   and options are changed by one thread at a time, while nobody else uses them; otherwise the second one gets
 *   FLOWAI_ERR_INVALID_ARGUMENT. A call that waits does the library's work on the thread that calls; only receivers,
 *   inboxes, outboxes and queues have threads of their own, which block all signals.
 * - Waiting: a function that may wait says so under "Blocking"; all others return at once. Whatever waits has a deadline
 *   or a time limit, and can be given up with a flowai_cancel from another thread or a signal handler.
 * - Functions of the program that the library calls get the user_data that was given with them, which is never looked at.
 *   Each says on which thread it runs and when it runs no more.
 * - Signals: SIGPIPE is kept from the program during calls, whatever it does with it. errno is the same after a call.
 *   System calls that a signal interrupts are repeated.
 * - fork: a child may go on to use its handles, except receivers, inboxes and queues (FLOWAI_ERR_FORKED), and what a
 *   thread of the parent was using at that moment (which may give errors). Into an outbox it can put messages. A child whose parent
 *   had an inbox or outbox open cannot open another one, unless it executes a program. Nothing has to be done before or
 *   after.
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

/** The parts of the version of this header. */
#define FLOWAI_VERSION_MAJOR 0
/** See FLOWAI_VERSION_MAJOR. */
#define FLOWAI_VERSION_MINOR 1
/** See FLOWAI_VERSION_MAJOR. */
#define FLOWAI_VERSION_PATCH 0

/** A number that is not there. */
#define FLOWAI_NONE INT64_MIN

/** A time limit of a wait that has none. */
#define FLOWAI_FOREVER UINT32_MAX

/** Marks functions whose result must not be ignored. Define it as nothing before including this header to silence it. */
#ifndef FLOWAI_NODISCARD
#if defined(__cplusplus) && __cplusplus >= 201703L
#define FLOWAI_NODISCARD [[nodiscard]]
#elif defined(__GNUC__)
#define FLOWAI_NODISCARD __attribute__((warn_unused_result))
#else
#define FLOWAI_NODISCARD
#endif
#endif

/** Marks functions that the service replaced by others. Define it as nothing to silence it. */
#ifndef FLOWAI_DEPRECATED
#if defined(__GNUC__)
#define FLOWAI_DEPRECATED __attribute__((deprecated))
#else
#define FLOWAI_DEPRECATED
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
 * Ends waits from elsewhere: from another thread, or from a signal handler. Give it to calls with
 * flowai_send_options_set_cancel(), to all calls of a client with flowai_client_options_set_cancel(), to the waits of a
 * receiver, inbox or outbox with flowai_receiver_set_cancel(), flowai_inbox_set_cancel(), flowai_outbox_set_cancel(),
 * and to a call without waiting in a flowai_async. Any number of them may have the same one. When it is triggered each
 * of them ends soon with FLOWAI_ERR_CANCELLED, and flowai_error_delivery() says what became of a message.
 * Free it with flowai_cancel_free(); what has it keeps it.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_cancel;

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
 * A message: what is said, without what goes along with it. One may be sent any number of times, by several threads
 * at once. Free it with flowai_message_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_message;

/**
 * What a client made by flowai_client_with_options() does differently. Free it with flowai_client_options_free().
 */
typedef struct {
  /**
   * 0 is none: no difference.
   */
  uint64_t id;
} flowai_client_options;

/**
 * Called while an upload goes on, at least every 50 ms, and once at its end, on the thread that made the call. It may
 * call the library, the same client too. Its arguments: the user_data that was given with it; the bytes that were
 * handed to the connection so far; the bytes of the whole file, 0 when that is not known. It returns 0 to go on;
 * anything else gives the upload up with FLOWAI_ERR_CANCELLED.
 */
typedef int32_t (*flowai_progress)(void *user_data, uint64_t done, uint64_t total);

/**
 * What the bot replied. Free it with flowai_reply_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_reply;

/**
 * A list of documents or of texts. Free it with flowai_list_free(); it does not need what it came from.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_list;

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
 * A JSON document whose fields have names: a part of a reply (a template), a button, a message, an entry of a history,
 * a segment and so on. Free it with flowai_document_free(); it does not need what it came from.
 *
 * A field has the name that it has in every language, such as "thumbnail_url". A template has the fields "type",
 * "payload", "delay" (milliseconds) and "fallback", and all those of its payload. A dot leads into a field that is a
 * document itself: "media.url", "originator.role". A member that this version does not know is read by its name in
 * the JSON document.
 *
 * A field that is missing, null or of the wrong shape is absent. A name that neither this version nor the document
 * knows is refused, and so is reading a field as what it never is.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_document;

/**
 * Which template a part of a reply is: one of FLOWAI_TEMPLATE_... . The numbers never change; later versions may add
 * some.
 */
typedef int32_t flowai_template_kind;

/**
 * A yes or no that may be unknown: FLOWAI_YES, FLOWAI_NO or FLOWAI_UNKNOWN. Compare with these; do not use it as a
 * truth value.
 */
typedef int32_t flowai_answer;

/**
 * A text that is a result by itself, such as a new thread id. Free it with flowai_string_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_string;

/**
 * One page of a history or of the threads of a project. Free it with flowai_page_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_page;

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
 * Goes through the threads of a project. Free it with flowai_thread_iter_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_thread_iter;

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
 * Whom a broadcast goes to: people, or segments of people. One may be used for any number of broadcasts, by several
 * threads at once as long as none changes it. Free it with flowai_audience_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_audience;

/**
 * What the service answered to flowai_client_request(). Free it with flowai_response_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_response;

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
 * A call of an operation, with its arguments, that can be made any number of times: flowai_queue_submit() starts it
 * without waiting, flowai_call_wait() waits for it. Every function flowai_client_... that talks to the service is an
 * operation, by the rest of its name; the arguments are the parameters of that function, and what its options can have,
 * by their names: flowai_client_send_text() is the operation "send_text" with "thread_id", "text", and if need be
 * "trace_id", "timeout" and so on. Except:
 *
 * - "message" of "send", "ask" and broadcasts, "originator", "channel", "audience" and "segments" are JSON, as they go
 *   over the wire; an "originator" may be a name, and the "message" of "ask" a text.
 * - "timeout" and "idle_timeout" are seconds, and may have a fraction.
 * - "upload_media" has its file from flowai_call_set_path() or flowai_call_set_bytes(), or as the argument "file": a path,
 *   or an object with "path", "text" or "base64", and "filename".
 * - The longitude of "send_location" is "long".
 * - "query" of "request" is an object.
 * - "iter_history" and "iter_threads" read everything, up to "limit".
 *
 * Free it with flowai_call_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_call;

/**
 * A call that is finished: what it gives, or why it failed. Free it with flowai_completion_free(), unless it was given to
 * a function, after which the library frees it. What is taken from it lives on by itself.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_completion;

/**
 * Where calls end up that are not waited for: flowai_queue_submit() starts one, and flowai_poll() gives what is
 * finished, or calls a function for it, on the thread that polls. flowai_queue_fd() is a descriptor for the event loop
 * of the program. A queue is bounded: what is outstanding and what is finished and not taken count together. A thread
 * of the library does the work; it blocks all signals. Free the queue with flowai_queue_free().
 *
 * In a forked child the functions fail with FLOWAI_ERR_FORKED; a queue that the child makes works.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_queue;

/**
 * Called for what is finished, by flowai_poll() and on its thread. It may call the library: submit the next call to the
 * same queue, and free the queue too. Its arguments: the user_data that was given with it; the completion, which the
 * library frees when it returns. It must not unwind: no C++ exception may leave it.
 */
typedef void (*flowai_done)(void *user_data, flowai_completion completion);

/**
 * How much is said: one of FLOWAI_LOG_...; each has everything of those before it.
 */
typedef int32_t flowai_log_level;

/**
 * Called for everything that the library says, on any thread: on those of the program that are in a call, and on those of
 * the library; several at once. It should be quick and must not call the library, which may be in the middle of
 * something. Its arguments: the user_data that was given with it; one of FLOWAI_LOG_ERROR to FLOWAI_LOG_TRACE; where in
 * the library it comes from, such as "flowai::transport"; what happened, in one line. The texts live until it returns.
 * They never contain the API key. It must not unwind: no C++ exception may leave it.
 */
typedef void (*flowai_log_function)(void *user_data, flowai_log_level level, const char *target, const char *message);

/**
 * A name and a value: a header of an HTTP request, or a parameter of a query.
 */
typedef struct {
  /**
   * The name. Not NULL.
   */
  const char *name;
  /**
   * The value. Not NULL.
   */
  const char *value;
} flowai_pair;

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
 * The service took the message; what failed came after that, such as the wait for a reply.
 */
#define FLOWAI_DELIVERY_SENT 4

/**
 * A template that this version does not know, or no template.
 */
#define FLOWAI_TEMPLATE_UNKNOWN 0

/**
 * A text.
 */
#define FLOWAI_TEMPLATE_TEXT 1

/**
 * An image.
 */
#define FLOWAI_TEMPLATE_IMAGE 2

/**
 * A video.
 */
#define FLOWAI_TEMPLATE_VIDEO 3

/**
 * A sound.
 */
#define FLOWAI_TEMPLATE_AUDIO 4

/**
 * A file.
 */
#define FLOWAI_TEMPLATE_FILE 5

/**
 * A place.
 */
#define FLOWAI_TEMPLATE_LOCATION 6

/**
 * A card.
 */
#define FLOWAI_TEMPLATE_CARD 7

/**
 * Several cards, side by side.
 */
#define FLOWAI_TEMPLATE_CAROUSEL 8

/**
 * Several rows, one below the other.
 */
#define FLOWAI_TEMPLATE_LIST 9

/**
 * A title with buttons.
 */
#define FLOWAI_TEMPLATE_BUTTONS 10

/**
 * A page that opens inside the conversation.
 */
#define FLOWAI_TEMPLATE_WEBVIEW 11

/**
 * The bot hands the conversation over to people.
 */
#define FLOWAI_TEMPLATE_HANDOVER 12

/**
 * A note for agents. The customer must not see it.
 */
#define FLOWAI_TEMPLATE_NOTE 13

/**
 * Whatever the makers of the bot and of the program agreed on.
 */
#define FLOWAI_TEMPLATE_CUSTOM 14

/**
 * An event that was triggered, in a history.
 */
#define FLOWAI_TEMPLATE_EVENT 15

/**
 * A message of the system.
 */
#define FLOWAI_TEMPLATE_SYSTEM_REPLY 16

/**
 * How urgent the conversation is to the agents.
 */
#define FLOWAI_TEMPLATE_KHOROS_PRIORITY 17

/**
 * A text of an agent.
 */
#define FLOWAI_TEMPLATE_AGENT_TEXT 18

/**
 * A template of one channel alone, such as "whatsapp_list": read its "payload".
 */
#define FLOWAI_TEMPLATE_CHANNEL 19

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
 * The answer to flowai_client_request_threads().
 */
#define FLOWAI_EVENT_THREADS 9

/**
 * The answer to flowai_client_request_trigger_events().
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
 * Nothing.
 */
#define FLOWAI_LOG_OFF 0

/**
 * What is lost, or cannot be done.
 */
#define FLOWAI_LOG_ERROR 1

/**
 * What should be looked at.
 */
#define FLOWAI_LOG_WARN 2

/**
 * What has changed.
 */
#define FLOWAI_LOG_INFO 3

/**
 * Every call and every attempt, and what happened to connections.
 */
#define FLOWAI_LOG_DEBUG 4

/**
 * Everything.
 */
#define FLOWAI_LOG_TRACE 5

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
 * The name of a delivery: "not_sent", "rejected", "maybe_sent" or "sent".
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
 * The trace id of the message that failed: by it a delivery event tells later that the message arrived after all.
 *
 * @param error  An error.
 * @param out    Receives the number; FLOWAI_NONE if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_error_trace_id(flowai_error error, int64_t *out);

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
 * Makes a handle that nobody has triggered.
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the handle, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_cancel_new(flowai_error *err, flowai_cancel *out);

/**
 * Ends every wait that has this handle, now and from now on, until flowai_cancel_reset().
 *
 * @param cancel  A handle.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. Async-signal-safe: it takes no lock, allocates nothing and leaves errno alone.
 */
flowai_status flowai_cancel_trigger(flowai_cancel cancel);

/**
 * Whether a handle was triggered.
 *
 * @param cancel  A handle.
 * @param out     Receives the answer.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 * @par Thread safety  Any thread.
 */
flowai_status flowai_cancel_triggered(flowai_cancel cancel, bool *out);

/**
 * Makes a handle as new, for what begins afterwards. Waits that it has ended already have seen that or not: reset it
 * when they have returned.
 *
 * @param cancel  A handle.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 */
flowai_status flowai_cancel_reset(flowai_cancel cancel, flowai_error *err);

/**
 * Frees a handle, which triggers nothing. {0} and one that was freed before are left alone.
 *
 * @param cancel  A handle.
 */
void flowai_cancel_free(flowai_cancel cancel);

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
 * @par Blocking       While the system closes the connections.
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
 * Sends a message of any kind. What the options have takes the place of what the message has.
 *
 * @param client       A client.
 * @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
 * @param message      A message.
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
                                 flowai_message message,
                                 flowai_send_options options,
                                 flowai_error *err,
                                 flowai_receipt *out);

/**
 * Makes options without any difference.
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the options, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_client_options_new(flowai_error *err, flowai_client_options *out);

/**
 * Sets the deadline over all attempts of a call.
 *
 * @param options  Options.
 * @param ms       Milliseconds, more than 0.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_client_options_set_timeout_ms(flowai_client_options options, uint32_t ms, flowai_error *err);

/**
 * Sets how often a call is repeated when that is safe.
 *
 * @param options  Options.
 * @param retries  A number; 0 for never.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_client_options_set_max_retries(flowai_client_options options, uint32_t retries, flowai_error *err);

/**
 * Sets the name of the sender of messages that name none themselves; the role is external.
 *
 * @param options  Options.
 * @param name     A name.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_client_options_set_originator_name(flowai_client_options options,
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
flowai_status flowai_client_options_set_originator_json(flowai_client_options options,
                                                        const char *document,
                                                        flowai_error *err);

/**
 * Sets what gives up every call of the client, those of its iterators too, beside what the call is given itself.
 *
 * @param options  Options.
 * @param cancel   A handle, which stays the caller's and may be freed at once.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_client_options_set_cancel(flowai_client_options options, flowai_cancel cancel, flowai_error *err);

/**
 * Frees options. {0} and what was freed before are left alone.
 *
 * @param options  Options.
 */
void flowai_client_options_free(flowai_client_options options);

/**
 * Makes a client that does some things differently. It shares the connections of the other one and is closed with it.
 *
 * @param client   A client; the new one works on when it is freed.
 * @param options  What is different, which is copied; {0} for nothing.
 * @param err      Receives an error on failure; may be NULL.
 * @param out      Receives the new client, which the caller frees.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (flowai_error_argument() names the option),
 *                 FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, the same client from several at once.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_with_options(flowai_client client,
                                         flowai_client_options options,
                                         flowai_error *err,
                                         flowai_client *out);

/**
 * Makes a text ("Text message" of the API document).
 *
 * @param text  At most 255 code points, unless the settings of the client allow more; it is checked when it is sent.
 * @param err   Receives an error on failure; may be NULL.
 * @param out   Receives the message, which the caller frees.
 * @return      FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_message_text(const char *text, flowai_error *err, flowai_message *out);

/**
 * Makes an event ("Event message" of the API document).
 *
 * @param event_name  The name of the event.
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives the message, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_message_event(const char *event_name, flowai_error *err, flowai_message *out);

/**
 * Makes a place ("Location message" of the API document).
 *
 * @param lat  The latitude as a decimal number.
 * @param lng  The longitude as a decimal number.
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the message, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD
flowai_status flowai_message_location(const char *lat,
                                      const char *lng,
                                      flowai_error *err,
                                      flowai_message *out);

/**
 * Makes media by URL ("Media message" of the API document).
 *
 * @param url         Where it is: an http or https URL.
 * @param media_type  "image", "file", "audio" or "video".
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives the message, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD
flowai_status flowai_message_media(const char *url,
                                   const char *media_type,
                                   flowai_error *err,
                                   flowai_message *out);

/**
 * Takes a message as it goes over the wire, such as {"type": "text", "speech": "Hello"}.
 *
 * @param document  A JSON object with the members that the API document lists for its type.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives the message, which the caller frees.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_message_json(const char *document, flowai_error *err, flowai_message *out);

/**
 * Frees a message. {0} and one that was freed before are left alone.
 *
 * @param message  A message.
 */
void flowai_message_free(flowai_message message);

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
 * Sets what gives a call up. For every function of a client that takes options.
 *
 * @param options  Options.
 * @param cancel   A handle, which stays the caller's and may be freed at once; {0} for none.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_cancel(flowai_send_options options, flowai_cancel cancel, flowai_error *err);

/**
 * Sets how long a message may wait in an outbox; then it is reported as failed. Default: the longest time that the
 * options of the outbox have. For the functions flowai_outbox_send... and uploads.
 *
 * @param options  Options.
 * @param ms       Milliseconds.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_expires_in_ms(flowai_send_options options, uint64_t ms, flowai_error *err);

/**
 * Sets whether the service answers only when a message is completed and saved, in place of as soon as it was
 * understood (later versions of the API). For the functions flowai_client_send... and uploads.
 *
 * @param options        Options.
 * @param write_concern  Whether to wait for that.
 * @param err            Receives an error on failure; may be NULL.
 * @return               FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_send_options_set_write_concern(flowai_send_options options, bool write_concern, flowai_error *err);

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
 * Sends a text and waits for the reply of the bot.
 *
 * The service is asked to answer at once. When it only acknowledges, the history of the thread is read until the reply
 * shows up there. The message itself is never sent twice.
 *
 * @param client       A client.
 * @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
 * @param text         At most 255 code points, unless the settings allow more.
 * @param options      What goes along, and the deadline; {0} for nothing.
 * @param err          Receives an error on failure; may be NULL.
 * @param out          Receives the reply, which the caller frees.
 * @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message. When
 *                     the service took it and no reply came in time: FLOWAI_ERR_TIMEOUT, FLOWAI_DELIVERY_SENT.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the bot has replied, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_ask(flowai_client client,
                                const char *thread_id,
                                const char *text,
                                flowai_send_options options,
                                flowai_error *err,
                                flowai_reply *out);

/**
 * As flowai_client_ask(), with any message in place of a text.
 *
 * @param client       A client.
 * @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
 * @param message      A message.
 * @param options      What goes along, and the deadline; {0} for nothing.
 * @param err          Receives an error on failure; may be NULL.
 * @param out          Receives the reply, which the caller frees.
 * @return             As flowai_client_ask().
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the bot has replied, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_ask_message(flowai_client client,
                                        const char *thread_id,
                                        flowai_message message,
                                        flowai_send_options options,
                                        flowai_error *err,
                                        flowai_reply *out);

/**
 * What the bot said: the texts of all messages, one a line, where a message without text has its fallback.
 *
 * @param reply  A reply.
 * @param out    Receives text that lives as long as the reply; empty if nothing was said.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_reply_text(flowai_reply reply, flowai_str *out);

/**
 * The thread that was asked.
 *
 * @param reply  A reply.
 * @param out    Receives text that lives as long as the reply.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_reply_thread_id(flowai_reply reply, flowai_str *out);

/**
 * The trace id that went along with the message.
 *
 * @param reply  A reply.
 * @param out    Receives the number; FLOWAI_NONE if there was none.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_reply_trace_id(flowai_reply reply, int64_t *out);

/**
 * The parts of all messages (texts, cards and so on), in their order.
 *
 * @param reply  A reply.
 * @param out    Receives a list of documents named Template, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_reply_templates(flowai_reply reply, flowai_list *out);

/**
 * The answers that the bot offers.
 *
 * @param reply  A reply.
 * @param out    Receives a list of documents named QuickReply, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_reply_quick_replies(flowai_reply reply, flowai_list *out);

/**
 * The reply as the event that a webhook would have received: its messages and everything else.
 *
 * @param reply  A reply.
 * @param out    Receives the event, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_reply_event(flowai_reply reply, flowai_event *out);

/**
 * The JSON document that the reply was read from.
 *
 * @param reply  A reply.
 * @param out    Receives text that lives as long as the reply.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_reply_json(flowai_reply reply, flowai_str *out);

/**
 * Frees a reply and every text read from it. {0} and one that was freed before are left alone.
 *
 * @param reply  A reply.
 */
void flowai_reply_free(flowai_reply reply);

/**
 * The name of the kind of document, such as "Template", "Button" or "HistoryEntry", as in the other languages. That of
 * the payload of a template follows from flowai_document_template_kind().
 *
 * @param document  A document.
 * @param out       Receives text that lives as long as the document; empty if the document has no known fields.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_document_name(flowai_document document, flowai_str *out);

/**
 * Which template a document is. Its type as it came is the field "type".
 *
 * @param document  A document.
 * @param out       Receives one of FLOWAI_TEMPLATE_...; FLOWAI_TEMPLATE_UNKNOWN for what is no template, too.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_document_template_kind(flowai_document document, flowai_template_kind *out);

/**
 * What a document says in words: a template, a message (the texts of its parts, one a line; where it has none, its
 * fallback) or an entry of a history.
 *
 * @param document  A document.
 * @param out       Receives text that lives as long as the document; empty if it says nothing.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_document_text(flowai_document document, flowai_str *out);

/**
 * Reads a field that is a text. One that may be text or a number, such as the time "created_at" of a message, reads as
 * text.
 *
 * @param document  A document.
 * @param field     The name of the field, such as "title".
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives text that lives as long as the document; empty if the field is absent.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no text),
 *                  FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_document_string(flowai_document document, const char *field, flowai_error *err, flowai_str *out);

/**
 * Reads a field that is a number, also where the service sends it as text.
 *
 * @param document  A document.
 * @param field     The name of the field, such as "lat".
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives the number; NAN if the field is absent.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no number),
 *                  FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_document_number(flowai_document document, const char *field, flowai_error *err, double *out);

/**
 * Reads a field that is a whole number, such as the "delay" of a template, which is in milliseconds.
 *
 * @param document  A document.
 * @param field     The name of the field.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives the number; FLOWAI_NONE if the field is absent or has a fraction.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no number),
 *                  FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_document_integer(flowai_document document, const char *field, flowai_error *err, int64_t *out);

/**
 * Reads a field that is true or false, also where the service sends it as text.
 *
 * @param document  A document.
 * @param field     The name of the field, such as "new_tab".
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives FLOWAI_YES, FLOWAI_NO, or FLOWAI_UNKNOWN if the field is absent.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is neither),
 *                  FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_document_boolean(flowai_document document,
                                      const char *field,
                                      flowai_error *err,
                                      flowai_answer *out);

/**
 * Reads a field that is a document itself, such as the "media" of a card.
 *
 * @param document  A document.
 * @param field     The name of the field.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives the inner document, which the caller frees; {0} if the field is absent.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no document),
 *                  FLOWAI_ERR_BAD_HANDLE.
 */
FLOWAI_NODISCARD
flowai_status flowai_document_document(flowai_document document,
                                       const char *field,
                                       flowai_error *err,
                                       flowai_document *out);

/**
 * Reads a field that is a list, such as the "buttons" of a card.
 *
 * @param document  A document.
 * @param field     The name of the field.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives the list, which the caller frees; an empty one if the field is absent.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no list),
 *                  FLOWAI_ERR_BAD_HANDLE.
 */
FLOWAI_NODISCARD
flowai_status flowai_document_list(flowai_document document,
                                   const char *field,
                                   flowai_error *err,
                                   flowai_list *out);

/**
 * The answers that are offered with a template of any kind, or with a message.
 *
 * @param document  A document.
 * @param out       Receives a list of documents named QuickReply, which the caller frees; an empty one for any other
 *                  document.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_document_quick_replies(flowai_document document, flowai_list *out);

/**
 * Reads a field of any shape as JSON.
 *
 * @param document  A document.
 * @param field     The name of the field.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives JSON; empty if the field is absent. It lives as long as the
 *                  document.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown), FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_document_field_json(flowai_document document,
                                         const char *field,
                                         flowai_error *err,
                                         flowai_str *out);

/**
 * The whole document as JSON, equal to what it was read from.
 *
 * @param document  A document.
 * @param out       Receives text that lives as long as the document.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_document_json(flowai_document document, flowai_str *out);

/**
 * Frees a document and every text read from it; the documents and lists inside it that were asked for live on. {0} and
 * one that was freed before are left alone.
 *
 * @param document  A document.
 */
void flowai_document_free(flowai_document document);

/**
 * The name of a kind of template, such as "card", the same in every language.
 *
 * @param kind  Any number.
 * @return      A string that lives for ever; "unknown" for FLOWAI_TEMPLATE_UNKNOWN and for a number that is none.
 *              Never NULL.
 * @par Thread safety  Any thread; async-signal-safe.
 */
const char *flowai_template_name(flowai_template_kind kind);

/**
 * How many items a list has.
 *
 * @param list  A list.
 * @param out   Receives the number.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_list_count(flowai_list list, size_t *out);

/**
 * An item that is a document.
 *
 * @param list   A list.
 * @param index  From 0.
 * @param out    Receives the document, which the caller frees; {0} if there is no such item or it is no document.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_list_document(flowai_list list, size_t index, flowai_document *out);

/**
 * An item that is a text.
 *
 * @param list   A list.
 * @param index  From 0.
 * @param out    Receives text that lives as long as the list; empty if there is no such item or it is no text.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_list_string(flowai_list list, size_t index, flowai_str *out);

/**
 * The whole list as a JSON array, equal to what it was read from.
 *
 * @param list  A list.
 * @param out   Receives text that lives as long as the list.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_list_json(flowai_list list, flowai_str *out);

/**
 * Frees a list and every text read from it; its documents live on. {0} and one that was freed before are left alone.
 *
 * @param list  A list.
 */
void flowai_list_free(flowai_list list);

/**
 * The text.
 *
 * @param string  A text.
 * @param out     Receives text that lives as long as the string.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_string_text(flowai_string string, flowai_str *out);

/**
 * Frees a text. {0} and one that was freed before are left alone.
 *
 * @param string  A text.
 */
void flowai_string_free(flowai_string string);

/**
 * The number of a page.
 *
 * @param page  A page.
 * @param out   Receives the number; FLOWAI_NONE if the service did not say.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_page_number(flowai_page page, int64_t *out);

/**
 * How many pages there are.
 *
 * @param page  A page.
 * @param out   Receives the number; FLOWAI_NONE if the service did not say.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_page_pages(flowai_page page, int64_t *out);

/**
 * The thread whose history it is, as the service names it.
 *
 * @param page  A page.
 * @param out   Receives text that lives as long as the page; empty for a page of threads.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_page_thread_id(flowai_page page, flowai_str *out);

/**
 * What is on a page, in the order of the service: documents named HistoryEntry, or thread ids as texts.
 *
 * @param page  A page.
 * @param out   Receives the list, which the caller frees.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_page_items(flowai_page page, flowai_list *out);

/**
 * The whole result as a JSON document, as it came.
 *
 * @param page  A page.
 * @param out   Receives text that lives as long as the page.
 * @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_page_json(flowai_page page, flowai_str *out);

/**
 * Frees a page and every text read from it; its items live on. {0} and one that was freed before are left alone.
 *
 * @param page  A page.
 */
void flowai_page_free(flowai_page page);

/**
 * Reads a page of the history of a thread, at most 20 entries. They are documents named HistoryEntry. Reading does no
 * harm, so it is retried.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param page       The number of a page, or FLOWAI_NONE for the first one.
 * @param events     Whether the events that were triggered are among the entries (later versions of the API).
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
                                    bool events,
                                    flowai_error *err,
                                    flowai_page *out);

/**
 * Asks for a page of the history of a thread, which arrives as a webhook event of the kind FLOWAI_EVENT_HISTORY
 * ("Thread messages" of the API document).
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param page       The number of a page, or FLOWAI_NONE for the first one.
 * @param events     Whether the events that were triggered are among the entries (later versions of the API).
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
                                            bool events,
                                            flowai_error *err,
                                            flowai_receipt *out);

/**
 * Begins to go through the whole history of a thread. Nothing is asked yet: pages are fetched as they are needed, one ahead.
 *
 * @param client     A client; the iterator works on when it is freed.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param limit      How many entries at most, or FLOWAI_NONE for all.
 * @param events     Whether the events that were triggered are among the entries (later versions of the API).
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives the iterator, which the caller frees.
 * @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, the same client from several at once.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_iter_history(flowai_client client,
                                         const char *thread_id,
                                         int64_t limit,
                                         bool events,
                                         flowai_error *err,
                                         flowai_history_iter *out);

/**
 * The next entry, in the order of the service. After an error the same page is tried again.
 *
 * @param iter  An iterator.
 * @param err   Receives an error on failure; may be NULL.
 * @param out   Receives the entry, a document named HistoryEntry, which the caller frees; {0} when there are no more.
 * @return      FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  One thread at a time; a second one gets FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Blocking       When a page is needed: until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_history_iter_next(flowai_history_iter iter,
                                       flowai_error *err,
                                       flowai_document *out);

/**
 * Frees an iterator; its entries live on. {0} and one that was freed before are left alone.
 *
 * @param iter  An iterator.
 */
void flowai_history_iter_free(flowai_history_iter iter);

/**
 * Reads a page of the ids of the project's threads, at most 20. Reading does no harm, so it is retried.
 *
 * @param client  A client.
 * @param page    The number of a page, or FLOWAI_NONE for the first one.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the page, whose items are texts, and which the caller frees.
 * @return        FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_threads(flowai_client client,
                                    int64_t page,
                                    flowai_error *err,
                                    flowai_page *out);

/**
 * Asks for a page of the ids of the project's threads, which arrives as a webhook event of the kind
 * FLOWAI_EVENT_THREADS.
 *
 * @param client  A client.
 * @param page    The number of a page, or FLOWAI_NONE for the first one.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives a receipt, which the caller frees.
 * @return        FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_request_threads(flowai_client client,
                                            int64_t page,
                                            flowai_error *err,
                                            flowai_receipt *out);

/**
 * Begins to go through the ids of all threads of the project. Nothing is asked yet: pages are fetched as they are
 * needed.
 *
 * @param client  A client; the iterator works on when it is freed.
 * @param limit   How many threads at most, or FLOWAI_NONE for all.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the iterator, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, the same client from several at once.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_iter_threads(flowai_client client,
                                         int64_t limit,
                                         flowai_error *err,
                                         flowai_thread_iter *out);

/**
 * The next thread id, in the order of the service. After an error the same page is tried again.
 *
 * @param iter  An iterator.
 * @param err   Receives an error on failure; may be NULL.
 * @param out   Receives the thread id, which the caller frees; {0} when there are no more.
 * @return      FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  One thread at a time; a second one gets FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Blocking       When a page is needed: until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD flowai_status flowai_thread_iter_next(flowai_thread_iter iter, flowai_error *err, flowai_string *out);

/**
 * Frees an iterator; the thread ids live on. {0} and one that was freed before are left alone.
 *
 * @param iter  An iterator.
 */
void flowai_thread_iter_free(flowai_thread_iter iter);

/**
 * Has the service make the id of a new thread. An id that is never used costs nothing, so it is retried.
 *
 * @param client  A client.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the thread id, which the caller frees.
 * @return        FLOWAI_OK or any FLOWAI_ERR_...; FLOWAI_ERR_RESPONSE when the answer names no thread.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD flowai_status flowai_client_create_thread(flowai_client client, flowai_error *err, flowai_string *out);

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
 * Whether a set is open at a moment. From the start of an interval, inclusive, to its end, exclusive; an end
 * of 23:59 is the end of the day, and one that is not after the start is on the next day. A holiday closes what starts
 * on its date.
 *
 * @param hours           Business hours.
 * @param index           The set, from 0.
 * @param unix_seconds    The moment: seconds since 1970 UTC.
 * @param offset_seconds  How far the clock of the place is ahead of UTC at that moment; negative: behind. The
 *                        timezone of a set is a label for people, so the caller says.
 * @param err             Receives an error on failure; may be NULL.
 * @param out             Receives the answer.
 * @return                FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (no such set, no such time), FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_business_hours_is_open(flowai_business_hours hours,
                                            size_t index,
                                            int64_t unix_seconds,
                                            int32_t offset_seconds,
                                            flowai_error *err,
                                            bool *out);

/**
 * The first moment, not before the given one, at which a set is open: the given one itself when it is open then.
 *
 * @param hours           Business hours.
 * @param index           The set, from 0.
 * @param unix_seconds    The moment: seconds since 1970 UTC.
 * @param offset_seconds  How far the clock of the place is ahead of UTC at that moment; negative: behind. The
 *                        timezone of a set is a label for people, so the caller says.
 * @param err             Receives an error on failure; may be NULL.
 * @param out             Receives seconds since 1970 UTC, by a clock with the same offset; FLOWAI_NONE if it does not
 *                        open within 366 days.
 * @return                FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (no such set, no such time), FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_business_hours_next_opening(flowai_business_hours hours,
                                                 size_t index,
                                                 int64_t unix_seconds,
                                                 int32_t offset_seconds,
                                                 flowai_error *err,
                                                 int64_t *out);

/**
 * The first moment, not before the given one, at which a set is closed: the given one itself when it is closed then.
 *
 * @param hours           Business hours.
 * @param index           The set, from 0.
 * @param unix_seconds    The moment: seconds since 1970 UTC.
 * @param offset_seconds  How far the clock of the place is ahead of UTC at that moment; negative: behind. The
 *                        timezone of a set is a label for people, so the caller says.
 * @param err             Receives an error on failure; may be NULL.
 * @param out             Receives seconds since 1970 UTC, by a clock with the same offset; FLOWAI_NONE if it does not
 *                        close within 366 days.
 * @return                FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (no such set, no such time), FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_business_hours_next_closing(flowai_business_hours hours,
                                                 size_t index,
                                                 int64_t unix_seconds,
                                                 int32_t offset_seconds,
                                                 flowai_error *err,
                                                 int64_t *out);

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
 * Hands a conversation over to people: the bot pauses. It may tell people, so it is not repeated once it may have
 * left.
 *
 * @param client            A client.
 * @param thread_id         The thread; any text of at most 1,024 bytes without control characters.
 * @param seconds_to_pause  How long the bot pauses, more than 0; FLOWAI_NONE for as long as the dashboard says.
 * @param err               Receives an error on failure; may be NULL.
 * @param out               Receives a receipt, which the caller frees.
 * @return                  FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of it.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_handover(flowai_client client,
                                     const char *thread_id,
                                     int64_t seconds_to_pause,
                                     flowai_error *err,
                                     flowai_receipt *out);

/**
 * Resolves a conversation: a handover ends, and the bot is resumed. It cannot be undone. Doing it twice changes
 * nothing, so it is retried.
 *
 * @param client         A client.
 * @param thread_id      The thread; any text of at most 1,024 bytes without control characters.
 * @param write_concern  Whether the service answers only when the action is completed and saved.
 * @param err            Receives an error on failure; may be NULL.
 * @param out            Receives a receipt, which the caller frees.
 * @return               FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_resolve(flowai_client client,
                                    const char *thread_id,
                                    bool write_concern,
                                    flowai_error *err,
                                    flowai_receipt *out);

/**
 * Takes a conversation over from the bot. The service replaced it by flowai_client_handover(). It is not repeated once
 * it may have left.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of it.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
FLOWAI_DEPRECATED
flowai_status flowai_client_takeover(flowai_client client,
                                     const char *thread_id,
                                     flowai_error *err,
                                     flowai_receipt *out);

/**
 * Reads the names of the events that may be triggered: those with "enable manual trigger" in the dashboard. Reading
 * does no harm, so it is retried.
 *
 * @param client  A client.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives a list of texts, which the caller frees.
 * @return        FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD flowai_status flowai_client_trigger_events(flowai_client client, flowai_error *err, flowai_list *out);

/**
 * Asks for the names of the events that may be triggered, which arrive as a webhook event of the kind
 * FLOWAI_EVENT_TRIGGER_EVENTS.
 *
 * @param client  A client.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives a receipt, which the caller frees.
 * @return        FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_request_trigger_events(flowai_client client,
                                                   flowai_error *err,
                                                   flowai_receipt *out);

/**
 * Triggers an event in a thread.
 *
 * @param client      A client.
 * @param thread_id   The thread; any text of at most 1,024 bytes without control characters.
 * @param event_name  One of the names that flowai_client_trigger_events() gives.
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives a receipt, which the caller frees.
 * @return            FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the event.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_trigger_event(flowai_client client,
                                          const char *thread_id,
                                          const char *event_name,
                                          flowai_error *err,
                                          flowai_receipt *out);

/**
 * Makes an audience of nobody.
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the audience, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_audience_new(flowai_error *err, flowai_audience *out);

/**
 * Adds somebody by phone number. It is checked when the broadcast is sent.
 *
 * @param audience      An audience.
 * @param name          The name of the person.
 * @param phone_number  In E.164 form, such as "+31612345678".
 * @param err           Receives an error on failure; may be NULL.
 * @return              FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_audience_add_phone_number(flowai_audience audience,
                                               const char *name,
                                               const char *phone_number,
                                               flowai_error *err);

/**
 * Adds somebody by the identifier that the channel uses.
 *
 * @param audience    An audience.
 * @param name        The name of the person.
 * @param identifier  How the channel knows the person.
 * @param err         Receives an error on failure; may be NULL.
 * @return            FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_audience_add_identifier(flowai_audience audience,
                                             const char *name,
                                             const char *identifier,
                                             flowai_error *err);

/**
 * Adds somebody with everything that a broadcast may tell about a person.
 *
 * @param audience  An audience.
 * @param document  A JSON object: {"name": ..., "phoneNumber" or "identifier": ..., "profile": {...}}.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_audience_add_recipient_json(flowai_audience audience, const char *document, flowai_error *err);

/**
 * Adds everybody in a segment.
 *
 * @param audience  An audience.
 * @param name      The name of the segment in the dashboard.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_audience_add_segment(flowai_audience audience, const char *name, flowai_error *err);

/**
 * Adds everybody in a segment, which is given by its id, or as flowai_client_segments() gave it.
 *
 * @param audience  An audience.
 * @param document  A JSON object: {"id": ...}, {"name": ...} or both; flowai_document_json() of a segment.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_audience_add_segment_json(flowai_audience audience, const char *document, flowai_error *err);

/**
 * Frees an audience. {0} and one that was freed before are left alone.
 *
 * @param audience  An audience.
 */
void flowai_audience_free(flowai_audience audience);

/**
 * Sends a text or an event to people by phone number or identifier. Each of them gets a thread.
 *
 * @param client        A client.
 * @param audience      The people.
 * @param channel_name  "rbm", "messagemedia", "telekom", "twilio", "whatsapp", "khoros" or "messenger". Others are
 *                      taken as they are.
 * @param external_id   What the channel is known by: the phone number of messagemedia, twilio, whatsapp and khoros,
 *                      the project id of rbm, the bot id of telekom, the page id of messenger.
 * @param message       A text or an event.
 * @param options       What goes along; {0} for nothing.
 * @param err           Receives an error on failure; may be NULL.
 * @param out           Receives a receipt, which the caller frees.
 * @return              FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message, and
 *                      flowai_error_argument() which recipient was refused, such as "audience[3].phoneNumber".
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_broadcast(flowai_client client,
                                      flowai_audience audience,
                                      const char *channel_name,
                                      const char *external_id,
                                      flowai_message message,
                                      flowai_send_options options,
                                      flowai_error *err,
                                      flowai_receipt *out);

/**
 * Sends a text, an event, a location or media to everybody in the segments of an audience.
 *
 * @param client    A client.
 * @param audience  The segments.
 * @param message   A message.
 * @param options   What goes along; {0} for nothing.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives a receipt, which the caller frees.
 * @return          FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message, and
 *                  flowai_error_argument() which segment was refused, such as "segments[0]".
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_broadcast_to_segments(flowai_client client,
                                                  flowai_audience audience,
                                                  flowai_message message,
                                                  flowai_send_options options,
                                                  flowai_error *err,
                                                  flowai_receipt *out);

/**
 * Reads the segments that a broadcast can go to. Reading does no harm, so it is retried.
 *
 * @param client  A client.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives a list of documents named Segment, which the caller frees.
 * @return        FLOWAI_OK or any FLOWAI_ERR_... .
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD flowai_status flowai_client_segments(flowai_client client, flowai_error *err, flowai_list *out);

/**
 * Makes any request below the base URL, with the key, the deadline, the retries and the errors of every other call.
 * GET, HEAD, PUT and DELETE are repeated when that can help; POST and PATCH are treated as messages: they are never
 * repeated once they may have left, and their errors tell the delivery.
 *
 * @param client  A client.
 * @param method  "GET", "HEAD", "POST", "PUT", "PATCH" or "DELETE".
 * @param path    Where, relative to the base URL and encoded, without query: "threads".
 * @param query   The parameters of the query, which are encoded; may be NULL if count is 0.
 * @param count   The number of parameters.
 * @param json    The body, a JSON document; NULL for none.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives the response, which the caller frees.
 * @return        FLOWAI_OK or any FLOWAI_ERR_...; an answer outside of 200 to 299 is an error.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline of the client.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_request(flowai_client client,
                                    const char *method,
                                    const char *path,
                                    const flowai_pair *query,
                                    size_t count,
                                    const char *json,
                                    flowai_error *err,
                                    flowai_response *out);

/**
 * The HTTP status of a response.
 *
 * @param response  A response.
 * @param out       Receives the status, 200 to 299.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_response_status(flowai_response response, int32_t *out);

/**
 * A header of a response, the first one with this name.
 *
 * @param response  A response.
 * @param name      The name of the header, in any case.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives text that lives as long as the response; empty if there is no such header.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_response_header(flowai_response response, const char *name, flowai_error *err, flowai_str *out);

/**
 * The body of a response, byte for byte. It need not be text; it ends with a NUL all the same.
 *
 * @param response  A response.
 * @param out       Receives bytes that live as long as the response; empty if there was none.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_response_body(flowai_response response, flowai_str *out);

/**
 * Frees a response and everything read from it. {0} and one that was freed before are left alone.
 *
 * @param response  A response.
 */
void flowai_response_free(flowai_response response);

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
 * The messages of a reply. flowai_document_text() is what one says, its "responses" are its parts.
 *
 * @param event  An event.
 * @param out    Receives a list of documents named ReplyMessage, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_event_messages(flowai_event event, flowai_list *out);

/**
 * The parts of all messages of a reply (texts, cards and so on), in their order.
 *
 * @param event  An event.
 * @param out    Receives a list of documents named Template, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_event_templates(flowai_event event, flowai_list *out);

/**
 * The entries of a history.
 *
 * @param event  An event.
 * @param out    Receives a list of documents named HistoryEntry, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_event_history(flowai_event event, flowai_list *out);

/**
 * The ids of conversations.
 *
 * @param event  An event.
 * @param out    Receives a list of texts, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_event_threads(flowai_event event, flowai_list *out);

/**
 * The names of events that can be triggered by hand.
 *
 * @param event  An event.
 * @param out    Receives a list of texts, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_event_triggers(flowai_event event, flowai_list *out);

/**
 * The sets of business hours.
 *
 * @param event  An event.
 * @param out    Receives the business hours, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_event_business_hours(flowai_event event, flowai_business_hours *out);

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
                                     const flowai_pair *headers,
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
                                     const flowai_pair *headers,
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
 * Prepares a call.
 *
 * @param client     A client; the call works on when it is freed.
 * @param operation  The name of the operation, such as "send_text".
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives the call, which the caller frees.
 * @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (there is no such operation), FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD
flowai_status flowai_call_new(flowai_client client,
                              const char *operation,
                              flowai_error *err,
                              flowai_call *out);

/**
 * Sets an argument that is a text.
 *
 * @param call   A call.
 * @param name   The name of the argument.
 * @param value  A text; NULL to leave the argument out.
 * @param err    Receives an error on failure; may be NULL.
 * @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_text(flowai_call call, const char *name, const char *value, flowai_error *err);

/**
 * Sets an argument that is a whole number.
 *
 * @param call   A call.
 * @param name   The name of the argument.
 * @param value  A number; FLOWAI_NONE to leave the argument out.
 * @param err    Receives an error on failure; may be NULL.
 * @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_integer(flowai_call call, const char *name, int64_t value, flowai_error *err);

/**
 * Sets an argument that is a number with a fraction, such as "timeout", in seconds.
 *
 * @param call   A call.
 * @param name   The name of the argument.
 * @param value  A finite number.
 * @param err    Receives an error on failure; may be NULL.
 * @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_number(flowai_call call, const char *name, double value, flowai_error *err);

/**
 * Sets an argument that is true or false.
 *
 * @param call   A call.
 * @param name   The name of the argument.
 * @param value  Which.
 * @param err    Receives an error on failure; may be NULL.
 * @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_boolean(flowai_call call, const char *name, bool value, flowai_error *err);

/**
 * Sets an argument of any kind.
 *
 * @param call   A call.
 * @param name   The name of the argument.
 * @param value  A JSON document; null to leave the argument out.
 * @param err    Receives an error on failure; may be NULL.
 * @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_json(flowai_call call, const char *name, const char *value, flowai_error *err);

/**
 * Sets several arguments; those that are not named stay as they are.
 *
 * @param call       A call.
 * @param arguments  A JSON object of arguments by their names.
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_arguments(flowai_call call, const char *arguments, flowai_error *err);

/**
 * Sets the file of an upload, in place of what was set before. It is read while the call is made.
 *
 * @param call  A call.
 * @param path  A path.
 * @param err   Receives an error on failure; may be NULL.
 * @return      FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_path(flowai_call call, const char *path, flowai_error *err);

/**
 * Sets the content of an upload, which is copied, in place of what was set before. The argument "filename" gives the
 * MIME type and the kind of media, unless they are set.
 *
 * @param call  A call.
 * @param data  The content; may be NULL if len is 0.
 * @param len   Its length in bytes, at most 250 * 1024 * 1024.
 * @param err   Receives an error on failure; may be NULL.
 * @return      FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_bytes(flowai_call call, const void *data, size_t len, flowai_error *err);

/**
 * Sets what gives the call up.
 *
 * @param call    A call.
 * @param cancel  A handle, which stays the caller's and may be freed at once; {0} for none.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
 */
flowai_status flowai_call_set_cancel(flowai_call call, flowai_cancel cancel, flowai_error *err);

/**
 * Makes a call and waits for its result. It can be made again.
 *
 * @param call  A call.
 * @param err   Receives an error on failure; may be NULL.
 * @param out   Receives a completion, which the caller frees: flowai_completion_receipt() and so on take the result from
 *              it, flowai_completion_json() reads it.
 * @return      As the function of the operation. A call that fails gives an error and no completion.
 * @par Thread safety  Any thread, the same call from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_call_wait(flowai_call call,
                               flowai_error *err,
                               flowai_completion *out);

/**
 * Frees a call. Those that were submitted go on. {0} and one that was freed before are left alone.
 *
 * @param call  A call.
 */
void flowai_call_free(flowai_call call);

/**
 * Makes any call, with JSON in and JSON out: arguments and operations as flowai_call has them. So a program can be
 * written that need not know the operations, and new ones can be called without a new version of this header.
 *
 * @param client     A client.
 * @param operation  The name of the operation, such as "send_text".
 * @param arguments  A JSON object of arguments by their names: {"thread_id": "thread-1", "text": "Hello"}. NULL for none.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives the result, a JSON document, which the caller frees.
 * @return           As the function of the operation.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       Until the service has answered, at most for the deadline.
 */
FLOWAI_NODISCARD
flowai_status flowai_client_call_json(flowai_client client,
                                      const char *operation,
                                      const char *arguments,
                                      flowai_error *err,
                                      flowai_string *out);

/**
 * Makes a queue.
 *
 * @param capacity  How many calls may be outstanding, or finished and not taken, at most; more than 0.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives the queue, which the caller frees.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_INTERNAL (no descriptor is left).
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_queue_new(size_t capacity, flowai_error *err, flowai_queue *out);

/**
 * The descriptor of a queue, for poll(), epoll and the like. It is readable as long as something is there to be taken;
 * then call flowai_poll() with a time limit of 0. Do not read from it, and do not close it.
 *
 * @param queue  A queue.
 * @param out    Receives the descriptor, which lives as long as the queue.
 * @return       FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 * @par Thread safety  Any thread.
 */
flowai_status flowai_queue_fd(flowai_queue queue, int32_t *out);

/**
 * How much is outstanding, or finished and not taken.
 *
 * @param queue  A queue.
 * @param out    Receives the number.
 * @return       FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 * @par Thread safety  Any thread.
 */
flowai_status flowai_queue_count(flowai_queue queue, size_t *out);

/**
 * Starts a call and returns at once. Its arguments are checked before, and copied: the call can be changed, submitted
 * again and freed. flowai_call_set_cancel() gives it up.
 *
 * @param queue      A queue.
 * @param call       A call.
 * @param done       What flowai_poll() calls when it is finished; NULL to be given a completion instead.
 * @param user_data  Passed to the function, and in the completion, and never looked at; may be NULL.
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK, and there will be one completion, whatever happens, unless the queue is freed before;
 *                   FLOWAI_ERR_INVALID_ARGUMENT; FLOWAI_ERR_QUEUE_FULL (take something first); FLOWAI_ERR_CLOSED;
 *                   FLOWAI_ERR_FORKED; FLOWAI_ERR_BAD_HANDLE. When it fails nothing is sent.
 * @par Thread safety  Any thread, the same queue from several at once.
 * @par Blocking       Never.
 */
flowai_status flowai_queue_submit(flowai_queue queue,
                                  flowai_call call,
                                  flowai_done done,
                                  void *user_data,
                                  flowai_error *err);

/**
 * Takes what is finished. Everything that has a function is given to it, in the order in which it finished, until
 * something comes that has none, which is handed out. When nothing is finished it waits.
 *
 * @param queue       A queue.
 * @param timeout_ms  How long to wait at most, in milliseconds; 0 not to wait, FLOWAI_FOREVER for no limit.
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives a completion, which the caller frees; {0} when functions were called, when the time is
 *                    over, or after flowai_queue_wake().
 * @return            FLOWAI_OK, FLOWAI_ERR_CLOSED (the queue was freed meanwhile), FLOWAI_ERR_FORKED,
 *                    FLOWAI_ERR_INVALID_ARGUMENT (out is NULL), FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several at once; each completion goes to one of them.
 * @par Blocking       For the time limit, and while functions run; flowai_queue_wake() and flowai_queue_free() end the
 *                     wait.
 */
FLOWAI_NODISCARD
flowai_status flowai_poll(flowai_queue queue,
                          uint32_t timeout_ms,
                          flowai_error *err,
                          flowai_completion *out);

/**
 * Ends the flowai_poll() that waits, or else the next one that would wait.
 *
 * @param queue  A queue.
 * @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. Async-signal-safe.
 */
flowai_status flowai_queue_wake(flowai_queue queue);

/**
 * Frees a queue. Calls that are outstanding are given up: what has left may still be handled by the service, and nobody
 * is told. What is finished and not taken is gone. When this returns no function of the program runs any more that the
 * queue has called, except on this thread, and none will: what their user_data points to can be freed. {0} and one that
 * was freed before are left alone.
 *
 * @param queue  A queue.
 * @par Blocking  Until functions that other threads are in have returned; do not hold a lock that they wait for.
 */
void flowai_queue_free(flowai_queue queue);

/**
 * How a call ended, as the function that waits for it would have returned it.
 *
 * @param completion  A completion.
 * @param out         Receives FLOWAI_OK or one of FLOWAI_ERR_... .
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_completion_status(flowai_completion completion, flowai_status *out);

/**
 * What the call was submitted with.
 *
 * @param completion  A completion.
 * @param out         Receives the user_data, which was never looked at.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_completion_user_data(flowai_completion completion, void **out);

/**
 * What was called, such as "send_text"; "receiver_next", "inbox_next" and "outbox_next_report" for what is watched.
 *
 * @param completion  A completion.
 * @param out         Receives text that lives as long as the completion.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_completion_operation(flowai_completion completion, flowai_str *out);

/**
 * Takes why a call failed.
 *
 * @param completion  A completion.
 * @param out         Receives the error, which the caller frees; {0} when the call did not fail, or it was taken before.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD
flowai_status flowai_completion_error(flowai_completion completion,
                                      flowai_error *out);

/**
 * The result of a call as a JSON document, with the names that its fields have in every language.
 *
 * @param completion  A completion.
 * @param out         Receives text that lives as long as the completion; empty when the call failed, when its result
 *                    was taken before, and for what is watched.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_completion_json(flowai_completion completion, flowai_str *out);

/**
 * Takes the receipt of a call that was acknowledged: a send, pause, resume, handover and so on.
 *
 * @param completion  A completion.
 * @param out         Receives the receipt, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_receipt(flowai_completion completion, flowai_receipt *out);

/**
 * Takes the reply to "ask".
 *
 * @param completion  A completion.
 * @param out         Receives the reply, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_reply(flowai_completion completion, flowai_reply *out);

/**
 * Takes the page of "history" or "threads".
 *
 * @param completion  A completion.
 * @param out         Receives the page, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_page(flowai_completion completion, flowai_page *out);

/**
 * Takes the list of "iter_history" (documents named HistoryEntry), "iter_threads" and "trigger_events" (texts), and
 * "segments" (documents named Segment).
 *
 * @param completion  A completion.
 * @param out         Receives the list, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_list(flowai_completion completion, flowai_list *out);

/**
 * Takes the thread id of "create_thread".
 *
 * @param completion  A completion.
 * @param out         Receives the text, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_string(flowai_completion completion, flowai_string *out);

/**
 * Takes the result of "business_hours".
 *
 * @param completion  A completion.
 * @param out         Receives the business hours, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD
flowai_status flowai_completion_business_hours(flowai_completion completion,
                                               flowai_business_hours *out);

/**
 * Takes the result of "bot_status".
 *
 * @param completion  A completion.
 * @param out         Receives the status, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_bot_status(flowai_completion completion, flowai_bot_status *out);

/**
 * Takes the result of "request".
 *
 * @param completion  A completion.
 * @param out         Receives the response, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_response(flowai_completion completion, flowai_response *out);

/**
 * Frees a completion and what was not taken from it. {0} and one that was freed before are left alone.
 *
 * @param completion  A completion.
 */
void flowai_completion_free(flowai_completion completion);

/**
 * Sets the function that is told what the library does, for the whole process, in place of the one before. When this
 * returns no thread is in that any more (except this one, when it calls this from inside of it), and its user_data can be
 * freed. Default: none, and nothing is said. flowai_shutdown() forgets it. A forked child has it too.
 *
 * @param function   The function; NULL for none.
 * @param user_data  Passed to the function and never looked at; may be NULL.
 * @param level      How much is said: one of FLOWAI_LOG_... .
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 * @par Blocking       Until the function before has returned on every thread; do not hold a lock that it waits for.
 */
flowai_status flowai_log_set(flowai_log_function function,
                             void *user_data,
                             flowai_log_level level,
                             flowai_error *err);

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
 * Frees every handle that is left, which closes clients, receivers, inboxes, outboxes and queues, and ends the threads of
 * the library. Nobody has to call this: it is for programs that want to leave nothing behind, such as under a memory
 * checker. The library can be used again afterwards; handles from before are invalid.
 *
 * @par Thread safety  Any thread that is not in a function that the library has called. Calls that other threads are in
 *                     go on to their end; when that takes longer than a second the threads of the library stay.
 * @par Blocking       At most a second for each receiver; see flowai_outbox_close() and flowai_inbox_close().
 */
void flowai_shutdown(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* Uploads of files. Define this where the library was built without. */
#ifndef FLOWAI_WITHOUT_UPLOAD

/**
 * Called for the next bytes of a file, on the thread that made the call, while the upload goes on. It may call the
 * library, the same client too. Its arguments: the user_data that was given with it; where the bytes go; how many fit
 * there. It returns how many it has put there, at least one; 0 at the end of the file; a negative number gives the upload
 * up with FLOWAI_ERR_CANCELLED. It must not unwind: no C++ exception may leave it.
 */
typedef int64_t (*flowai_read)(void *user_data, void *buffer, size_t size);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

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
 * Uploads what a function reads, piece by piece, so that nothing has to be in memory as a whole. Otherwise as
 * flowai_client_upload_media_bytes(). It is not repeated when it fails: what was read is gone.
 *
 * @param client     A client.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param read       What reads the file. Not NULL.
 * @param user_data  Passed to the function and never looked at; may be NULL.
 * @param length     How many bytes there are, at most 250 * 1024 * 1024; FLOWAI_NONE when that is not known.
 * @param options    What goes along; {0} for nothing.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
 * @par Thread safety  Any thread, the same client from several at once.
 * @par Blocking       As flowai_client_upload_media().
 */
FLOWAI_NODISCARD
flowai_status flowai_client_upload_media_read(flowai_client client,
                                              const char *thread_id,
                                              flowai_read read,
                                              void *user_data,
                                              int64_t length,
                                              flowai_send_options options,
                                              flowai_error *err,
                                              flowai_receipt *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FLOWAI_WITHOUT_UPLOAD */

/* Receiver, inbox and outbox. Define this where the library was built without. */
#ifndef FLOWAI_WITHOUT_DELIVERY

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
 * Events that were received and are to be handled, at least once each, in a file. Free it with flowai_inbox_free().
 *
 * What was put in survives crashes and power loss. An event that comes again is stored once, if it carries an
 * identity (flowai_event_dedupe_key()); one without is always stored, and marked if the same bytes came within 24
 * hours. The events of a thread are handed out one at a time, in the order in which they were stored; different
 * threads in parallel. An event that is not acknowledged is handed out again, later and later, and becomes a dead
 * letter in the end; then its thread goes on. After a crash events are handed out that had been handled and not yet
 * acknowledged.
 *
 * A file has one owner. In a forked child the functions fail with FLOWAI_ERR_FORKED, and no inbox can be opened there:
 * fork before the first one is opened.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_inbox;

/**
 * A server that receives the webhook calls of Flow.ai. Free it with flowai_receiver_free(). In a forked child its
 * functions fail with FLOWAI_ERR_FORKED.
 *
 * With flowai_receiver_config_set_inbox() a call is acknowledged once its events are safe in the inbox. Without an
 * inbox it is acknowledged when they are in a queue in memory, from which flowai_receiver_next() takes them: what
 * nobody has taken is gone when the process ends, and Flow.ai does not send it again.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_receiver;

/**
 * How an inbox behaves. Free it with flowai_inbox_options_free(), any time after flowai_inbox_open(), which copies it.
 */
typedef struct {
  /**
   * 0 is none: all defaults.
   */
  uint64_t id;
} flowai_inbox_options;

/**
 * An event of an inbox that is to be handled. Say what became of it with one of flowai_inbox_delivery_ack(), _retry(),
 * _fail() and _dead(), within the lease time or the last heartbeat: else it is handed out again. Free it with
 * flowai_inbox_delivery_free(); one that is freed without an outcome has failed.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_inbox_delivery;

/**
 * Called for each event, on a thread of the library that blocks all signals, several at once. It may call the library,
 * the same inbox too. Its arguments: the user_data that was given with it; the event, which the library frees when it
 * returns. It returns 0 when the event is handled; anything else is a failure, and the event is handed out again later.
 * A function that has said itself what became of the event returns what it likes. It must not unwind: no C++ exception
 * may leave it.
 */
typedef int32_t (*flowai_inbox_handler)(void *user_data, flowai_inbox_delivery delivery);

/**
 * Called about every 50 ms on the thread that waits, with the user_data that was given with it. It returns true to go
 * on and false to end. It must not unwind: no C++ exception may leave it.
 */
typedef bool (*flowai_go_on)(void *user_data);

/**
 * How an outbox behaves. Free it with flowai_outbox_options_free(), any time after flowai_outbox_open(), which copies
 * it.
 */
typedef struct {
  /**
   * 0 is none: all defaults.
   */
  uint64_t id;
} flowai_outbox_options;

/**
 * Messages that are sent sooner or later, from a file. Free it with flowai_outbox_free().
 *
 * What was put in survives crashes and power loss. The messages of a thread leave one at a time, in their order;
 * different threads in parallel. A message that cannot be sent now is tried again, later and later; its thread waits,
 * the others go on. That a message leaves is written down before its first byte does, so after a crash it is known
 * which ones may have been taken: they are not sent again unless flowai_outbox_options_set_on_ambiguous() says so. What
 * became of each message is a report, kept until it is acknowledged.
 *
 * A file has one owner, which sends. Other processes attach to it. In a forked child messages can be put in, which the
 * owner sends; the other functions fail with FLOWAI_ERR_FORKED.
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_outbox;

/**
 * What became of a message of an outbox. Acknowledge it when you have taken note: until then it is reported again each
 * time the outbox is opened. Free it with flowai_outbox_report_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_outbox_report;

/**
 * What is known of a message once it is in an outbox. Free it with flowai_outbox_receipt_free().
 */
typedef struct {
  /**
   * 0 is none.
   */
  uint64_t id;
} flowai_outbox_receipt;

/**
 * How an outbox keeps a file that is to be uploaded: one of FLOWAI_KEEP_... .
 */
typedef int32_t flowai_keep_file;

/**
 * What became of a message of an outbox: one of FLOWAI_OUTCOME_... .
 */
typedef int32_t flowai_outcome;

/**
 * In place of a kind of event: any.
 */
#define FLOWAI_EVENT_ANY -1

/**
 * A copy of its own, removed when the message is settled.
 */
#define FLOWAI_KEEP_COPY 0

/**
 * Its path, size and time of change. If it is gone or has changed when its turn comes, the message fails.
 */
#define FLOWAI_KEEP_REFERENCE 1

/**
 * One that this version does not know.
 */
#define FLOWAI_OUTCOME_UNKNOWN 0

/**
 * The service took it.
 */
#define FLOWAI_OUTCOME_SENT 1

/**
 * It left, and nobody knows whether the service took it.
 */
#define FLOWAI_OUTCOME_MAYBE_SENT 2

/**
 * The service did not take it, and it is not tried again.
 */
#define FLOWAI_OUTCOME_FAILED 3

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

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
 * Sets where GET tells how the receiver is doing, to anybody who asks: HTTP status 200 or 503, and numbers in JSON.
 * Where it is the path of the webhook, that comes first. Default: "/health".
 *
 * @param config  Settings.
 * @param path    An absolute path, percent-encoded, without a query; NULL to tell nobody.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_health(flowai_receiver_config config, const char *path, flowai_error *err);

/**
 * Makes the receiver store events in an inbox, and acknowledge a call once they are safe there. While they cannot be
 * stored calls are answered with HTTP status 503, and Flow.ai sends them again for up to four hours ("Responding to a
 * call" of the API document). Take the events from the inbox; the receiver hands out none itself. Default: a queue in
 * memory, which is not durable.
 *
 * @param config  Settings.
 * @param inbox   An inbox, which stays the caller's and may be freed at once.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_receiver_config_set_inbox(flowai_receiver_config config, flowai_inbox inbox, flowai_error *err);

/**
 * Makes the receiver speak HTTPS. When the files change they are loaded again. Default: HTTP, for tests and behind a
 * proxy; the service itself calls only HTTPS.
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
 * Sets how many events wait in memory at most to be taken; then calls are answered with HTTP status 503. An inbox has
 * no such limit. Default: 1,024.
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
 * @par Blocking       While certificate and key are read and the address is taken.
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
 *                    FLOWAI_ERR_CANCELLED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT (also where events go to an
 *                    inbox), FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several at once; each event is handed out once.
 * @par Blocking       For the time limit; flowai_receiver_stop() and flowai_receiver_free() on another thread and
 *                     flowai_receiver_set_cancel() end the wait.
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
 * Sets what gives up flowai_receiver_next(), flowai_receiver_wait() and flowai_receiver_stop(), when they begin
 * afterwards. The receiver itself goes on.
 *
 * @param receiver  A receiver.
 * @param cancel    A handle, which stays the caller's and may be freed at once; {0} for none.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 */
flowai_status flowai_receiver_set_cancel(flowai_receiver receiver, flowai_cancel cancel, flowai_error *err);

/**
 * Loads certificate and key from their files now, for the connections that come; those that are open stay. This happens
 * by itself within a second after the files have changed.
 *
 * @param receiver  A receiver.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (the files are no good, and the old certificate stays; or the
 *                  receiver speaks HTTP), FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the files are read.
 */
flowai_status flowai_receiver_reload_tls(flowai_receiver receiver, flowai_error *err);

/**
 * What a receiver has done since it was started.
 *
 * Fields of ReceiverStats: "accepted", the events that were queued or stored; "repeated", those that were acknowledged
 * and not stored again, since the inbox had them; "rejected", a document with the number of refused requests for each
 * HTTP status; "dropped", the connections that were ended because the client was too slow or had to make room;
 * "queued", the events in the queue now.
 *
 * @param receiver  A receiver.
 * @param err       Receives an error on failure; may be NULL.
 * @param out       Receives a document named ReceiverStats, which the caller frees.
 * @return          FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       Hardly: while another thread changes the numbers.
 */
FLOWAI_NODISCARD flowai_status flowai_receiver_stats(flowai_receiver receiver, flowai_error *err, flowai_document *out);

/**
 * Stops gracefully: accepts nothing more, answers the requests in flight, and returns when that is done. Events that
 * are queued can still be taken; those that were acknowledged are in the inbox if there is one.
 *
 * @param receiver  A receiver.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_CANCELLED (it goes on to stop), FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several times too.
 * @par Blocking       Until the requests in flight are answered, at most for
 *                     flowai_receiver_config_set_drain_time_ms(); flowai_receiver_set_cancel() ends the wait.
 */
flowai_status flowai_receiver_stop(flowai_receiver receiver, flowai_error *err);

/**
 * Stops a receiver at once and frees it: requests in flight are cut off unanswered, so that Flow.ai sends them again,
 * and events in the queue that nobody took are gone. Threads that wait for events return with FLOWAI_ERR_CLOSED. {0} and one that
 * was freed before are left alone.
 *
 * @param receiver  A receiver.
 * @par Blocking    At most a second.
 */
void flowai_receiver_free(flowai_receiver receiver);

/**
 * Makes options with every default. What makes no sense is refused by flowai_inbox_open().
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the options, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_inbox_options_new(flowai_error *err, flowai_inbox_options *out);

/**
 * Sets how long an event may be held without an outcome or a heartbeat before it is handed out again. Default: 5
 * minutes.
 *
 * @param options  Options.
 * @param ms       Milliseconds, more than 0.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_inbox_options_set_lease_time_ms(flowai_inbox_options options, uint64_t ms, flowai_error *err);

/**
 * Sets how often an event is handed out before it becomes a dead letter. Default: 10.
 *
 * @param options   Options.
 * @param attempts  A number, more than 0.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_inbox_options_set_max_attempts(flowai_inbox_options options, uint32_t attempts, flowai_error *err);

/**
 * Sets how long an event waits between two attempts. Default: 1 s after the first failure, then three times as long
 * each time, up to 15 minutes.
 *
 * @param options  Options.
 * @param min_ms   Milliseconds after the first failure.
 * @param max_ms   Milliseconds at most.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_inbox_options_set_retry_ms(flowai_inbox_options options,
                                                uint64_t min_ms,
                                                uint64_t max_ms,
                                                flowai_error *err);

/**
 * Sets how long handled events are kept, for flowai_inbox_replay(). Default: 7 days.
 *
 * @param options  Options.
 * @param ms       Milliseconds.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_inbox_options_set_keep_handled_ms(flowai_inbox_options options, uint64_t ms, flowai_error *err);

/**
 * Sets how long dead letters are kept. Default: until they are replayed or discarded.
 *
 * @param options  Options.
 * @param ms       Milliseconds.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_inbox_options_set_keep_dead_ms(flowai_inbox_options options, uint64_t ms, flowai_error *err);

/**
 * Sets for how long an event that comes again is recognised. Default: 7 days. Flow.ai repeats a call for up to four
 * hours ("Responding to a call" of the API document).
 *
 * @param options  Options.
 * @param ms       Milliseconds, at least 24 hours.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_inbox_options_set_deduplication_ms(flowai_inbox_options options, uint64_t ms, flowai_error *err);

/**
 * Sets how many bytes of the file may be in use. Beyond that handled events are removed before their time, and when
 * that is not enough nothing more is stored and calls are answered with HTTP status 503. Default: as long as there is
 * room on the disk.
 *
 * @param options  Options.
 * @param bytes    Bytes.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_inbox_options_set_max_bytes(flowai_inbox_options options, uint64_t bytes, flowai_error *err);

/**
 * Sets how long to wait for another process that has locked the database before that is FLOWAI_ERR_STORAGE. Default:
 * 2,000.
 *
 * @param options  Options.
 * @param ms       Milliseconds.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_inbox_options_set_lock_time_ms(flowai_inbox_options options, uint64_t ms, flowai_error *err);

/**
 * Frees options. {0} and what was freed before are left alone.
 *
 * @param options  Options.
 */
void flowai_inbox_options_free(flowai_inbox_options options);

/**
 * Opens the inbox in a file, which is created when it is missing.
 *
 * @param path     The file, on a disk of this machine.
 * @param options  How it behaves, which is copied; {0} for all defaults.
 * @param err      Receives an error on failure; may be NULL.
 * @param out      Receives the inbox, which the caller frees.
 * @return         FLOWAI_OK, FLOWAI_ERR_STORAGE (another process has it open, or the file is damaged, is of another
 *                 application or a newer version of this library, or cannot be made to survive power failures),
 *                 FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. A thread of the library writes in the background; it blocks all signals.
 * @par Blocking       While the file is checked and the disk works.
 */
FLOWAI_NODISCARD
flowai_status flowai_inbox_open(const char *path,
                                flowai_inbox_options options,
                                flowai_error *err,
                                flowai_inbox *out);

/**
 * Opens an inbox that another process may own, to look at it and to mend it: its events are listed, replayed,
 * discarded, forgotten and put, and not handed out. The owner notices within a second.
 *
 * @param path  The file, which must exist.
 * @param err   Receives an error on failure; may be NULL.
 * @param out   Receives the inbox, which the caller frees.
 * @return      FLOWAI_OK, FLOWAI_ERR_STORAGE as flowai_inbox_open() (there is no such file, or one of an older version,
 *              too), FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_FORKED.
 * @par Thread safety  Any thread. A thread of the library writes in the background; it blocks all signals.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD flowai_status flowai_inbox_attach(const char *path, flowai_error *err, flowai_inbox *out);

/**
 * The next event to handle.
 *
 * @param inbox       An inbox.
 * @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives the delivery, which the caller settles and frees; {0} when the time is over.
 * @return            FLOWAI_OK, FLOWAI_ERR_STORAGE (the event is handed out later), FLOWAI_ERR_CLOSED,
 *                    FLOWAI_ERR_CANCELLED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT (also where the inbox was only attached to),
 *                    FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several at once; each event is handed out to one of them.
 * @par Blocking       For the time limit; flowai_inbox_close() on another thread and flowai_inbox_set_cancel() end the
 *                     wait.
 */
FLOWAI_NODISCARD
flowai_status flowai_inbox_next(flowai_inbox inbox,
                                uint32_t timeout_ms,
                                flowai_error *err,
                                flowai_inbox_delivery *out);

/**
 * Sets what gives up flowai_inbox_next() and flowai_inbox_handle(), when they begin afterwards. The inbox itself goes on.
 *
 * @param inbox   An inbox.
 * @param cancel  A handle, which stays the caller's and may be freed at once; {0} for none.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 */
flowai_status flowai_inbox_set_cancel(flowai_inbox inbox,
                                      flowai_cancel cancel,
                                      flowai_error *err);

/**
 * Stores the event or the array of events that a webhook call carries, all or none, for a program that has an HTTP
 * server of its own; a receiver does it by itself. Check with a verifier first who has sent it. A body that cannot be
 * read is stored as a dead letter, since its sender would only repeat it. Answer the call with a status of 2xx once
 * this has succeeded, and with 503 when it failed.
 *
 * Fields of StoredEvent: "id", the number of the event or of the one that it repeats; "duplicate", whether it had been
 * stored before and was not stored again; "dead", whether it cannot be read.
 *
 * @param inbox  An inbox.
 * @param body   What came; may be NULL if len is 0.
 * @param len    Its length in bytes.
 * @param err    Receives an error on failure; may be NULL.
 * @param out    Receives a list of documents named StoredEvent, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_STORAGE (as far as anybody knows nothing is stored), FLOWAI_ERR_CLOSED,
 *               FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread; several at once share a commit.
 * @par Blocking       Until the events are on the disk.
 */
FLOWAI_NODISCARD
flowai_status flowai_inbox_put(flowai_inbox inbox,
                               const void *body,
                               size_t len,
                               flowai_error *err,
                               flowai_list *out);

/**
 * Lists events by number, oldest first.
 *
 * Fields of InboxEntry: "id", the number of the event; "thread_id"; "state", which is "waiting", "handled" or "dead";
 * "received_at_ms", milliseconds since 1970 UTC; "attempts", how often it was handed out; "error", what went wrong
 * last; "maybe_duplicate", whether the same bytes came within the 24 hours before; "replay_of", the event that this
 * one is a copy of; "size", the bytes of its body.
 *
 * @param inbox      An inbox.
 * @param state      Only those in this state; NULL for any.
 * @param thread_id  Only those of this thread, by its whole id; NULL for any.
 * @param after      Only those with a larger number: the last one of the page before, at first 0.
 * @param limit      How many at most.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a list of documents named InboxEntry, which the caller frees.
 * @return           FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED,
 *                   FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD
flowai_status flowai_inbox_list(flowai_inbox inbox,
                                const char *state,
                                const char *thread_id,
                                int64_t after,
                                uint32_t limit,
                                flowai_error *err,
                                flowai_list *out);

/**
 * One event; flowai_inbox_body() is what it says.
 *
 * @param inbox  An inbox.
 * @param id     The number of the event.
 * @param err    Receives an error on failure; may be NULL.
 * @param out    Receives a document named InboxEntry, see flowai_inbox_list(), which the caller frees; {0} if there is
 *               no such event.
 * @return       FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
 *               FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD
flowai_status flowai_inbox_show(flowai_inbox inbox,
                                int64_t id,
                                flowai_error *err,
                                flowai_document *out);

/**
 * The body of an event, byte for byte as it came. That of a dead letter may be anything, not even UTF-8: rely on len.
 *
 * @param inbox  An inbox.
 * @param id     The number of the event.
 * @param err    Receives an error on failure; may be NULL.
 * @param out    Receives the body, which the caller frees; {0} if there is no such event.
 * @return       FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
 *               FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD flowai_status flowai_inbox_body(flowai_inbox inbox, int64_t id, flowai_error *err, flowai_string *out);

/**
 * Stores a copy of an event, with the same bytes, to be handled after everything that waits now; a dead letter is
 * handled then. Who handles the copy sees it: flowai_inbox_delivery_replayed().
 *
 * Fields of ReplayedEvent: "id", the number of the copy.
 *
 * @param inbox  An inbox.
 * @param id     The number of the event.
 * @param err    Receives an error on failure; may be NULL.
 * @param out    Receives a list of documents named ReplayedEvent, which the caller frees: one, or several when a dead
 *               letter that could not be read turns out to be an array, or none if there is no such event.
 * @return       FLOWAI_OK, FLOWAI_ERR_WEBHOOK_PARSE (it still cannot be read), FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED,
 *               FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD flowai_status flowai_inbox_replay(flowai_inbox inbox, int64_t id, flowai_error *err, flowai_list *out);

/**
 * Removes an event for good.
 *
 * @param inbox  An inbox.
 * @param id     The number of the event.
 * @param err    Receives an error on failure; may be NULL.
 * @param out    Receives whether there was such an event.
 * @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (it is being handled), FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED,
 *               FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
flowai_status flowai_inbox_discard(flowai_inbox inbox, int64_t id, flowai_error *err, bool *out);

/**
 * Removes all events of a conversation for good, handled or not, and overwrites them in the file. Bodies that could not
 * be read belong to no conversation.
 *
 * @param inbox      An inbox.
 * @param thread_id  The thread; an id without a channel (the part after "|") means the conversation in every channel.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives how many events there were.
 * @return           FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
 *                   FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
flowai_status flowai_inbox_forget(flowai_inbox inbox, const char *thread_id, flowai_error *err, uint64_t *out);

/**
 * How an inbox is doing.
 *
 * Fields of InboxStats: "waiting", the events that are not handled yet; "leased", those of them that this process is
 * handling now; "oldest_waiting_ms", how long ago the oldest of them was received, absent if none waits; "dead", the
 * dead letters; "bytes", the size of the database.
 *
 * @param inbox  An inbox.
 * @param err    Receives an error on failure; may be NULL.
 * @param out    Receives a document named InboxStats, which the caller frees.
 * @return       FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
 *               FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD flowai_status flowai_inbox_stats(flowai_inbox inbox, flowai_error *err, flowai_document *out);

/**
 * Closes an inbox, also for the receiver that stores in it: who waits for events gets FLOWAI_ERR_CLOSED, writes that
 * have begun are finished, and another process can open the file. Events that are being handled will be handed out
 * again.
 *
 * @param inbox  An inbox.
 * @param err    Receives an error on failure; may be NULL.
 * @return       FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several times too.
 * @par Blocking       While the disk works.
 */
flowai_status flowai_inbox_close(flowai_inbox inbox, flowai_error *err);

/**
 * Frees an inbox. It is closed when nobody uses it any more: receivers that store in it, deliveries, and threads that
 * wait for events go on. {0} and one that was freed before are left alone.
 *
 * @param inbox  An inbox.
 * @par Blocking  While the disk works.
 */
void flowai_inbox_free(flowai_inbox inbox);

/**
 * The event.
 *
 * @param delivery  A delivery.
 * @param out       Receives the event, which the caller frees and which does not need the delivery.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_inbox_delivery_event(flowai_inbox_delivery delivery, flowai_event *out);

/**
 * The number of the event in its inbox, the same in every attempt.
 *
 * @param delivery  A delivery.
 * @param out       Receives the number.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_inbox_delivery_id(flowai_inbox_delivery delivery, int64_t *out);

/**
 * Which attempt this is.
 *
 * @param delivery  A delivery.
 * @param out       Receives the number, from 1.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_inbox_delivery_attempt(flowai_inbox_delivery delivery, uint32_t *out);

/**
 * When the event was stored.
 *
 * @param delivery  A delivery.
 * @param out       Receives milliseconds since 1970 UTC.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_inbox_delivery_received_at_ms(flowai_inbox_delivery delivery, int64_t *out);

/**
 * Whether the event is a copy that flowai_inbox_replay() made.
 *
 * @param delivery  A delivery.
 * @param out       Receives the answer.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_inbox_delivery_replayed(flowai_inbox_delivery delivery, bool *out);

/**
 * Whether an event with the same bytes came within the 24 hours before it. Nothing in the body tells whether it is the
 * same one again, or another that looks like it: to pause, resume and pause are three events with equal bodies.
 *
 * @param delivery  A delivery.
 * @param out       Receives the answer.
 * @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_inbox_delivery_maybe_duplicate(flowai_inbox_delivery delivery, bool *out);

/**
 * Says that the event is handled. After that it is not handed out again.
 *
 * @param delivery  A delivery.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_STORAGE (it will be handed out again), FLOWAI_ERR_CLOSED (the lease has
 *                  ended, so that somebody else may have the event, or the inbox is closed),
 *                  FLOWAI_ERR_INVALID_ARGUMENT (the outcome was said before), FLOWAI_ERR_FORKED,
 *                  FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       Until that is on the disk.
 */
flowai_status flowai_inbox_delivery_ack(flowai_inbox_delivery delivery, flowai_error *err);

/**
 * Says that the event is to be handled later. Until then its thread waits. At the last attempt it becomes a dead letter.
 *
 * @param delivery  A delivery.
 * @param after_ms  Milliseconds; FLOWAI_NONE for a time that grows with each attempt.
 * @param err       Receives an error on failure; may be NULL.
 * @return          As flowai_inbox_delivery_ack().
 * @par Thread safety  Any thread.
 * @par Blocking       Until that is on the disk.
 */
flowai_status flowai_inbox_delivery_retry(flowai_inbox_delivery delivery,
                                          int64_t after_ms,
                                          flowai_error *err);

/**
 * Says that the event was not handled. It is handed out again as by flowai_inbox_delivery_retry() with FLOWAI_NONE.
 *
 * @param delivery  A delivery.
 * @param reason    What went wrong, for those who look at the inbox.
 * @param err       Receives an error on failure; may be NULL.
 * @return          As flowai_inbox_delivery_ack().
 * @par Thread safety  Any thread.
 * @par Blocking       Until that is on the disk.
 */
flowai_status flowai_inbox_delivery_fail(flowai_inbox_delivery delivery, const char *reason, flowai_error *err);

/**
 * Says that the event is not to be handled again: it becomes a dead letter, and its thread goes on.
 *
 * @param delivery  A delivery.
 * @param reason    Why, for those who look at the inbox.
 * @param err       Receives an error on failure; may be NULL.
 * @return          As flowai_inbox_delivery_ack().
 * @par Thread safety  Any thread.
 * @par Blocking       Until that is on the disk.
 */
flowai_status flowai_inbox_delivery_dead(flowai_inbox_delivery delivery, const char *reason, flowai_error *err);

/**
 * Says that the event is still being handled: its lease lasts the whole lease time from now on.
 *
 * @param delivery  A delivery.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_CLOSED (the lease has ended, so that somebody else may have the event, or the
 *                  inbox is closed), FLOWAI_ERR_STORAGE, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, also while another one handles the event.
 * @par Blocking       While the disk works.
 */
flowai_status flowai_inbox_delivery_heartbeat(flowai_inbox_delivery delivery, flowai_error *err);

/**
 * Frees a delivery. If nobody has said what became of it, that is a failure as by flowai_inbox_delivery_fail(). {0} and
 * one that was freed before are left alone.
 *
 * @param delivery  A delivery.
 */
void flowai_inbox_delivery_free(flowai_inbox_delivery delivery);

/**
 * Calls a function for every event, on several threads at a time, until the inbox is closed or go_on returns false.
 * Then no further event is taken, and this returns when the functions that run have. While a function runs its event is
 * not handed out to another one, however long it takes. When the storage fails the threads go on trying.
 *
 * @param inbox      An inbox.
 * @param workers    How many threads, more than 0.
 * @param handler    What handles an event. Not NULL.
 * @param go_on      Whether to go on; NULL to go on until the inbox is closed.
 * @param user_data  Passed to both functions and never looked at; may be NULL. Several threads get it at once.
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK at the end, FLOWAI_ERR_CANCELLED (flowai_inbox_set_cancel()), FLOWAI_ERR_INVALID_ARGUMENT (also where the inbox was only attached to),
 *                   FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       Until the inbox is closed or go_on returns false.
 */
flowai_status flowai_inbox_handle(flowai_inbox inbox,
                                  size_t workers,
                                  flowai_inbox_handler handler,
                                  flowai_go_on go_on,
                                  void *user_data,
                                  flowai_error *err);

/**
 * Makes options with every default. What makes no sense is refused by flowai_outbox_open().
 *
 * @param err  Receives an error on failure; may be NULL.
 * @param out  Receives the options, which the caller frees.
 * @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
 * @par Thread safety  Any thread.
 */
FLOWAI_NODISCARD flowai_status flowai_outbox_options_new(flowai_error *err, flowai_outbox_options *out);

/**
 * Sets what to do with a message that left and may have been taken or not. Default: "surface".
 *
 * @param options  Options.
 * @param policy   "surface": it is reported and never sent again, so it arrives at most once. "repeat": it is sent again
 *                 with the same trace id, so it may arrive more than once.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_on_ambiguous(flowai_outbox_options options,
                                                     const char *policy,
                                                     flowai_error *err);

/**
 * Sets how often a message is repeated at most under "repeat"; then it is reported as maybe sent. Default: 10.
 *
 * @param options  Options.
 * @param repeats  A number.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_max_repeats(flowai_outbox_options options, uint32_t repeats, flowai_error *err);

/**
 * Sets how old a message may get before it is reported as failed, besides the time that it was given itself
 * (flowai_send_options_set_expires_in_ms()). Default: it waits until it can be sent.
 *
 * @param options  Options.
 * @param ms       Milliseconds, more than 0.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_max_age_ms(flowai_outbox_options options, uint64_t ms, flowai_error *err);

/**
 * Sets how many messages may wait; then FLOWAI_ERR_QUEUE_FULL. Reports of messages that were not sent and that nobody
 * has acknowledged count too. Default: 100,000.
 *
 * @param options   Options.
 * @param messages  A number, more than 0.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_max_messages(flowai_outbox_options options,
                                                     uint64_t messages,
                                                     flowai_error *err);

/**
 * Sets how many bytes the waiting messages may have, copied files included; then FLOWAI_ERR_QUEUE_FULL. A larger one is
 * taken into an empty outbox. Default: 1 GiB.
 *
 * @param options  Options.
 * @param bytes    Bytes, more than 0.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_max_bytes(flowai_outbox_options options, uint64_t bytes, flowai_error *err);

/**
 * Sets how long a message waits between two attempts: a random part of a limit that begins with one and doubles up to
 * the other. Default: 500 and 300,000. The service may ask for a longer wait, of which at most an hour is granted.
 *
 * @param options  Options.
 * @param min_ms   Milliseconds after the first failure.
 * @param max_ms   Milliseconds at most.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_retry_ms(flowai_outbox_options options,
                                                 uint64_t min_ms,
                                                 uint64_t max_ms,
                                                 flowai_error *err);

/**
 * Sets how many messages are sent at the same time, each of another thread. Default: 8.
 *
 * @param options   Options.
 * @param messages  A number, more than 0.
 * @param err       Receives an error on failure; may be NULL.
 * @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_concurrency(flowai_outbox_options options, size_t messages, flowai_error *err);

/**
 * Sets how many reports of messages that were sent are kept until they are acknowledged, the newest ones. Default: 10,000.
 *
 * @param options  Options.
 * @param reports  A number; 0 makes none.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_keep_sent(flowai_outbox_options options,
                                                  uint64_t reports,
                                                  flowai_error *err);

/**
 * Sets how long flowai_outbox_close() and flowai_outbox_free() wait for the messages that are on their way. Default:
 * 5,000.
 *
 * @param options  Options.
 * @param ms       Milliseconds.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_close_time_ms(flowai_outbox_options options, uint64_t ms, flowai_error *err);

/**
 * Sets how long to wait for another process that has locked the database before that is FLOWAI_ERR_STORAGE. Default:
 * 2,000.
 *
 * @param options  Options.
 * @param ms       Milliseconds.
 * @param err      Receives an error on failure; may be NULL.
 * @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 */
flowai_status flowai_outbox_options_set_lock_time_ms(flowai_outbox_options options, uint64_t ms, flowai_error *err);

/**
 * Frees options. {0} and what was freed before are left alone.
 *
 * @param options  Options.
 */
void flowai_outbox_options_free(flowai_outbox_options options);

/**
 * Opens the outbox in a file, which is created when it is missing, and begins to send what waits there. Two directories
 * beside it, FILE.spool and FILE.files, belong to it.
 *
 * @param path     The file, on a disk of this machine.
 * @param client   Checks, completes and sends the messages; it stays the caller's and may be freed at once.
 * @param options  How it behaves, which is copied; {0} for all defaults.
 * @param err      Receives an error on failure; may be NULL.
 * @param out      Receives the outbox, which the caller frees.
 * @return         FLOWAI_OK, FLOWAI_ERR_STORAGE (another process has it open, or the file is damaged, is of another
 *                 application or a newer version of this library, or cannot be made to survive power failures),
 *                 FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. Threads of the library write and send in the background; they block all signals.
 * @par Blocking       While the file is checked and the disk works.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_open(const char *path,
                                 flowai_client client,
                                 flowai_outbox_options options,
                                 flowai_error *err,
                                 flowai_outbox *out);

/**
 * Opens an outbox that another process owns, to put messages into it and to look at it. They are durable at once, and
 * sent when the owner runs; it notices within a second.
 *
 * @param path     The file, which must exist.
 * @param client   Checks and completes the messages; it stays the caller's and may be freed at once.
 * @param options  How it behaves, which is copied; {0} for all defaults. What concerns sending is decided by the owner.
 * @param err      Receives an error on failure; may be NULL.
 * @param out      Receives the outbox, which the caller frees.
 * @return         FLOWAI_OK, FLOWAI_ERR_STORAGE as flowai_outbox_open() (there is no such file, or one of an older
 *                 version, too), FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_attach(const char *path,
                                   flowai_client client,
                                   flowai_outbox_options options,
                                   flowai_error *err,
                                   flowai_outbox *out);

/**
 * The next report that nobody has acknowledged and that was not handed out since the outbox was opened.
 *
 * @param outbox      An outbox.
 * @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives the report, which the caller acknowledges and frees; {0} when the time is over.
 * @return            FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_CANCELLED, FLOWAI_ERR_FORKED,
 *                    FLOWAI_ERR_INVALID_ARGUMENT (also where the outbox was only attached to), FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several at once; each report is handed out once.
 * @par Blocking       For the time limit; flowai_outbox_close() and flowai_outbox_free() on another thread and
 *                     flowai_outbox_set_cancel() end the wait.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_next_report(flowai_outbox outbox,
                                        uint32_t timeout_ms,
                                        flowai_error *err,
                                        flowai_outbox_report *out);

/**
 * Sets what gives up flowai_outbox_next_report() and flowai_outbox_flush(), when they begin afterwards. The outbox itself goes on.
 *
 * @param outbox  An outbox.
 * @param cancel  A handle, which stays the caller's and may be freed at once; {0} for none.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 */
flowai_status flowai_outbox_set_cancel(flowai_outbox outbox,
                                       flowai_cancel cancel,
                                       flowai_error *err);

/**
 * Takes note of a delivery event ("Events" of the API document, message.delivered), whoever has received it: give it
 * every event. A message that was reported as maybe sent is reported as sent then; one that would be repeated is not.
 *
 * @param outbox  An outbox.
 * @param event   An event, which stays the caller's.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives whether the event is about a message of this outbox.
 * @return        FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
 *                FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       Until that is on the disk.
 */
flowai_status flowai_outbox_confirm(flowai_outbox outbox, flowai_event event, flowai_error *err, bool *out);

/**
 * Tries everything now, whatever it waits for, and again until nothing is left or the time is over.
 *
 * @param outbox      An outbox.
 * @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives how many messages are left.
 * @return            FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_CANCELLED, FLOWAI_ERR_FORKED,
 *                    FLOWAI_ERR_INVALID_ARGUMENT (also where the outbox was only attached to), FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       For the time limit; flowai_outbox_close() and flowai_outbox_free() on another thread and
 *                     flowai_outbox_set_cancel() end the wait.
 */
flowai_status flowai_outbox_flush(flowai_outbox outbox, uint32_t timeout_ms, flowai_error *err, uint64_t *out);

/**
 * Lists the messages that wait, in the order in which they were taken in.
 *
 * Fields of OutboxEntry: "position", larger for messages that were taken in later; "id", the number of the message, as
 * in its receipt; "thread_id"; "trace_id"; "message", the message as a document; "filename", the name of the file that
 * is uploaded with it; "state", which is "queued" or "sending"; "attempts", how often it was tried;
 * "ambiguous_attempts", those of which nobody knows whether it was taken; "enqueued_at_ms", "expires_at_ms" and
 * "next_attempt_at_ms", milliseconds since 1970 UTC; "error", what went wrong last; "size", its bytes, a copied file
 * included.
 *
 * @param outbox     An outbox.
 * @param thread_id  Only those for this thread; NULL for any.
 * @param after      Only those behind this position: the last one of the page before, at first 0.
 * @param limit      How many at most.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a list of documents named OutboxEntry, which the caller frees.
 * @return           FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED,
 *                   FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_list(flowai_outbox outbox,
                                 const char *thread_id,
                                 int64_t after,
                                 uint32_t limit,
                                 flowai_error *err,
                                 flowai_list *out);

/**
 * One message that waits.
 *
 * @param outbox  An outbox.
 * @param id      The number of the message, as in its receipt.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives a document named OutboxEntry, see flowai_outbox_list(), which the caller frees; {0} if no such
 *                message waits.
 * @return        FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
 *                FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_show(flowai_outbox outbox,
                                 int64_t id,
                                 flowai_error *err,
                                 flowai_document *out);

/**
 * Removes a message for good, without a report.
 *
 * @param outbox  An outbox.
 * @param id      The number of the message, as in its receipt.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives whether such a message waited.
 * @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (it is leaving), FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED,
 *                FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
flowai_status flowai_outbox_discard(flowai_outbox outbox, int64_t id, flowai_error *err, bool *out);

/**
 * How an outbox is doing.
 *
 * Fields of OutboxStats: "waiting", the messages that wait, those that are leaving included; "sending", those that are
 * leaving; "arriving", those that other processes have put there and that the owner has not taken in yet; "bytes", of
 * the waiting ones; "oldest_ms", how long ago the oldest of them was put there; "next_attempt_at_ms", milliseconds
 * since 1970 UTC; "error", what went wrong last with one that still waits, and "error_kind", the name of that error,
 * which is "authentication" when the service refuses the key; "ambiguous", the messages of which nobody knows whether
 * they were taken; "reports", the reports that wait to be acknowledged.
 *
 * @param outbox  An outbox.
 * @param err     Receives an error on failure; may be NULL.
 * @param out     Receives a document named OutboxStats, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
 *                FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread.
 * @par Blocking       While the disk works.
 */
FLOWAI_NODISCARD flowai_status flowai_outbox_stats(flowai_outbox outbox, flowai_error *err, flowai_document *out);

/**
 * Closes an outbox: who waits gets FLOWAI_ERR_CLOSED, and another process can open the file. What waits stays in the
 * file.
 *
 * @param outbox  An outbox.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several times too.
 * @par Blocking       Until the messages that are on their way are answered, at most for
 *                     flowai_outbox_options_set_close_time_ms() and a moment.
 */
flowai_status flowai_outbox_close(flowai_outbox outbox, flowai_error *err);

/**
 * Closes an outbox and frees it; its reports can no longer be acknowledged. {0} and one that was freed before are left
 * alone.
 *
 * @param outbox  An outbox.
 * @par Blocking  As flowai_outbox_close().
 */
void flowai_outbox_free(flowai_outbox outbox);

/**
 * Puts a text into an outbox ("Text message" of the API document). Here and in the functions below the message is
 * checked now, and is durable once the function has returned; what becomes of it is a report.
 *
 * @param outbox     An outbox.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param text       At most 255 code points, unless the settings of the client allow more.
 * @param options    What goes along, and how long it may wait (flowai_send_options_set_expires_in_ms()); {0} for nothing.
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_QUEUE_FULL (as much waits as the options of the
 *                   outbox allow), FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, also in a forked child; several at once share a commit.
 * @par Blocking       Until the message is on the disk.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_send_text(flowai_outbox outbox,
                                      const char *thread_id,
                                      const char *text,
                                      flowai_send_options options,
                                      flowai_error *err,
                                      flowai_outbox_receipt *out);

/**
 * Puts an event into an outbox ("Event message" of the API document).
 *
 * @param outbox      An outbox.
 * @param thread_id   The thread; any text of at most 1,024 bytes without control characters.
 * @param event_name  The name of the event.
 * @param options     As for flowai_outbox_send_text().
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives a receipt, which the caller frees.
 * @return            As flowai_outbox_send_text().
 * @par Thread safety  Any thread, also in a forked child; several at once share a commit.
 * @par Blocking       Until the message is on the disk.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_send_event(flowai_outbox outbox,
                                       const char *thread_id,
                                       const char *event_name,
                                       flowai_send_options options,
                                       flowai_error *err,
                                       flowai_outbox_receipt *out);

/**
 * Puts a place into an outbox ("Location message" of the API document). Its options may have a title.
 *
 * @param outbox     An outbox.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param lat        The latitude as a decimal number.
 * @param lng        The longitude as a decimal number.
 * @param options    As for flowai_outbox_send_text().
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           As flowai_outbox_send_text().
 * @par Thread safety  Any thread, also in a forked child; several at once share a commit.
 * @par Blocking       Until the message is on the disk.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_send_location(flowai_outbox outbox,
                                          const char *thread_id,
                                          const char *lat,
                                          const char *lng,
                                          flowai_send_options options,
                                          flowai_error *err,
                                          flowai_outbox_receipt *out);

/**
 * Puts media by URL into an outbox ("Media message" of the API document). Its options may have a title and a MIME type.
 *
 * @param outbox      An outbox.
 * @param thread_id   The thread; any text of at most 1,024 bytes without control characters.
 * @param url         Where it is: an http or https URL.
 * @param media_type  "image", "file", "audio" or "video".
 * @param options     As for flowai_outbox_send_text().
 * @param err         Receives an error on failure; may be NULL.
 * @param out         Receives a receipt, which the caller frees.
 * @return            As flowai_outbox_send_text().
 * @par Thread safety  Any thread, also in a forked child; several at once share a commit.
 * @par Blocking       Until the message is on the disk.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_send_media(flowai_outbox outbox,
                                       const char *thread_id,
                                       const char *url,
                                       const char *media_type,
                                       flowai_send_options options,
                                       flowai_error *err,
                                       flowai_outbox_receipt *out);

/**
 * Puts a message of any kind into an outbox. What the options have takes the place of what the message has.
 *
 * @param outbox     An outbox.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param message    A message.
 * @param options    As for flowai_outbox_send_text().
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           As flowai_outbox_send_text().
 * @par Thread safety  Any thread, also in a forked child; several at once share a commit.
 * @par Blocking       Until the message is on the disk.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_send(flowai_outbox outbox,
                                 const char *thread_id,
                                 flowai_message message,
                                 flowai_send_options options,
                                 flowai_error *err,
                                 flowai_outbox_receipt *out);

/**
 * Puts a file of at most 250 MB into an outbox ("Media message" of the API document). Its options may have a title, MIME
 * type, kind of media, file name, URL and idle time limit.
 *
 * @param outbox     An outbox.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param path       The file. Its name gives the MIME type and the kind of media, unless the options do.
 * @param keep       FLOWAI_KEEP_COPY or FLOWAI_KEEP_REFERENCE.
 * @param options    As for flowai_outbox_send_text().
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           As flowai_outbox_send_text().
 * @par Thread safety  Any thread, also in a forked child.
 * @par Blocking       Until the message, and the copy of the file if one is made, are on the disk.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_upload_media(flowai_outbox outbox,
                                         const char *thread_id,
                                         const char *path,
                                         flowai_keep_file keep,
                                         flowai_send_options options,
                                         flowai_error *err,
                                         flowai_outbox_receipt *out);

/**
 * Puts bytes from memory into an outbox as a file, which are copied. Otherwise as flowai_outbox_upload_media(); the file
 * name of the options gives the MIME type and the kind of media, unless they are set.
 *
 * @param outbox     An outbox.
 * @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
 * @param data       The content; may be NULL if len is 0.
 * @param len        Its length in bytes, at most 250 * 1024 * 1024.
 * @param options    As for flowai_outbox_send_text().
 * @param err        Receives an error on failure; may be NULL.
 * @param out        Receives a receipt, which the caller frees.
 * @return           As flowai_outbox_send_text().
 * @par Thread safety  Any thread, also in a forked child.
 * @par Blocking       Until the message and the bytes are on the disk.
 */
FLOWAI_NODISCARD
flowai_status flowai_outbox_upload_media_bytes(flowai_outbox outbox,
                                               const char *thread_id,
                                               const void *data,
                                               size_t len,
                                               flowai_send_options options,
                                               flowai_error *err,
                                               flowai_outbox_receipt *out);

/**
 * The number of the message in its outbox; the report of it has it too.
 *
 * @param receipt  A receipt.
 * @param out      Receives the number, from 1 to 2^53 - 1, in no order.
 * @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_outbox_receipt_id(flowai_outbox_receipt receipt, int64_t *out);

/**
 * The thread that the message is for.
 *
 * @param receipt  A receipt.
 * @param out      Receives text that lives as long as the receipt.
 * @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_outbox_receipt_thread_id(flowai_outbox_receipt receipt, flowai_str *out);

/**
 * The trace id that goes along; the delivery event carries it too.
 *
 * @param receipt  A receipt.
 * @param out      Receives the number; FLOWAI_NONE if the client gives none.
 * @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_outbox_receipt_trace_id(flowai_outbox_receipt receipt, int64_t *out);

/**
 * Frees a receipt and every text read from it. {0} and one that was freed before are left alone.
 *
 * @param receipt  A receipt.
 */
void flowai_outbox_receipt_free(flowai_outbox_receipt receipt);

/**
 * The name of an outcome: "sent", "maybe_sent" or "failed".
 *
 * @param outcome  Any number.
 * @return         A string that lives for ever; "unknown" for a number that is none of them. Never NULL.
 * @par Thread safety  Any thread; async-signal-safe.
 */
const char *flowai_outcome_name(flowai_outcome outcome);

/**
 * The number of the message, as in its receipt.
 *
 * @param report  A report.
 * @param out     Receives the number.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_outbox_report_id(flowai_outbox_report report, int64_t *out);

/**
 * What became of the message.
 *
 * @param report  A report.
 * @param out     Receives one of FLOWAI_OUTCOME_... .
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_outbox_report_outcome(flowai_outbox_report report, flowai_outcome *out);

/**
 * The thread that the message was for.
 *
 * @param report  A report.
 * @param out     Receives text that lives as long as the report.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_outbox_report_thread_id(flowai_outbox_report report, flowai_str *out);

/**
 * The trace id that went along; the delivery event carries it too.
 *
 * @param report  A report.
 * @param out     Receives the number; FLOWAI_NONE if there was none.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_outbox_report_trace_id(flowai_outbox_report report, int64_t *out);

/**
 * What went wrong last, in words for a person.
 *
 * @param report  A report.
 * @param out     Receives text that lives as long as the report; empty if nothing went wrong.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
flowai_status flowai_outbox_report_error(flowai_outbox_report report, flowai_str *out);

/**
 * What the message said, to send it again with flowai_outbox_send() or flowai_client_send(). Its trace id goes along
 * again, unless the options have another one.
 *
 * @param report  A report.
 * @param out     Receives the message, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_outbox_report_message(flowai_outbox_report report, flowai_message *out);

/**
 * Everything that is known.
 *
 * Fields of OutboxReport: "number", of the report; "id", "thread_id", "trace_id"; "outcome", which is "sent",
 * "maybe_sent" or "failed"; "message", as a document; "error" and "error_kind", the name of the error, or "expired";
 * "status", the HTTP status of the answer that refused it, and "request_id", which the service gave; "attempts", how
 * often it was tried; "ambiguous_attempts", those of which nobody knows whether it was taken: as often, and once more,
 * it may have arrived; "enqueued_at_ms", "attempted_at_ms", "settled_at_ms", and "confirmed_at_ms", when a delivery
 * event said that it had arrived, in milliseconds since 1970 UTC.
 *
 * @param report  A report.
 * @param out     Receives a document named OutboxReport, which the caller frees.
 * @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
 */
FLOWAI_NODISCARD flowai_status flowai_outbox_report_document(flowai_outbox_report report, flowai_document *out);

/**
 * Removes the report from the outbox. A message that may have been sent can still be settled by a delivery event for
 * 24 hours, which makes a new report.
 *
 * @param report  A report, which is still to be freed.
 * @param err     Receives an error on failure; may be NULL.
 * @return        FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread, several times too.
 * @par Blocking       While the disk works.
 */
flowai_status flowai_outbox_report_ack(flowai_outbox_report report, flowai_error *err);

/**
 * Frees a report and every text read from it. {0} and one that was freed before are left alone.
 *
 * @param report  A report.
 */
void flowai_outbox_report_free(flowai_outbox_report report);

/**
 * Has a queue hand out the events of a receiver: each is a completion, from which flowai_completion_event() takes it. The
 * next one is taken from the receiver when this one was taken from the queue, so they stay in order and the queue is not
 * filled. It goes on until the receiver is stopped, of which the last completion tells, with FLOWAI_ERR_CLOSED, or the
 * queue is freed; an event that was not taken from the queue then is gone, like those in the receiver.
 *
 * @param queue      A queue, of which this takes one place.
 * @param receiver   A receiver, which stays the caller's.
 * @param done       What flowai_poll() calls for each event; NULL to be given completions instead.
 * @param user_data  Passed to the function, and in the completions, and never looked at; may be NULL.
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK, FLOWAI_ERR_QUEUE_FULL, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. A thread of the library waits for the events; it blocks all signals.
 * @par Blocking       Never.
 */
flowai_status flowai_queue_watch_receiver(flowai_queue queue,
                                          flowai_receiver receiver,
                                          flowai_done done,
                                          void *user_data,
                                          flowai_error *err);

/**
 * As flowai_queue_watch_receiver(), with the events of an inbox: flowai_completion_inbox_delivery() takes each of them,
 * to be settled. One that was not taken from the queue is handed out again.
 *
 * @param queue      A queue, of which this takes one place.
 * @param inbox      An inbox, which stays the caller's. It is closed by flowai_inbox_close(), not by freeing it.
 * @param done       What flowai_poll() calls for each event; NULL to be given completions instead.
 * @param user_data  Passed to the function, and in the completions, and never looked at; may be NULL.
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK, FLOWAI_ERR_QUEUE_FULL, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. A thread of the library waits for the events; it blocks all signals.
 * @par Blocking       Never.
 */
flowai_status flowai_queue_watch_inbox(flowai_queue queue,
                                       flowai_inbox inbox,
                                       flowai_done done,
                                       void *user_data,
                                       flowai_error *err);

/**
 * As flowai_queue_watch_receiver(), with the reports of an outbox: flowai_completion_outbox_report() takes each of them.
 *
 * @param queue      A queue, of which this takes one place.
 * @param outbox     An outbox, which stays the caller's.
 * @param done       What flowai_poll() calls for each report; NULL to be given completions instead.
 * @param user_data  Passed to the function, and in the completions, and never looked at; may be NULL.
 * @param err        Receives an error on failure; may be NULL.
 * @return           FLOWAI_OK, FLOWAI_ERR_QUEUE_FULL, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
 * @par Thread safety  Any thread. A thread of the library waits for the reports; it blocks all signals.
 * @par Blocking       Never.
 */
flowai_status flowai_queue_watch_outbox(flowai_queue queue,
                                        flowai_outbox outbox,
                                        flowai_done done,
                                        void *user_data,
                                        flowai_error *err);

/**
 * Takes the event of a receiver that is watched.
 *
 * @param completion  A completion.
 * @param out         Receives the event, which the caller frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_event(flowai_completion completion, flowai_event *out);

/**
 * Takes the event of an inbox that is watched.
 *
 * @param completion  A completion.
 * @param out         Receives the delivery, which the caller settles and frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD
flowai_status flowai_completion_inbox_delivery(flowai_completion completion,
                                               flowai_inbox_delivery *out);

/**
 * Takes the report of an outbox that is watched.
 *
 * @param completion  A completion.
 * @param out         Receives the report, which the caller acknowledges and frees.
 * @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
 *                    gives no such thing, or it was taken before).
 */
FLOWAI_NODISCARD flowai_status flowai_completion_outbox_report(flowai_completion completion, flowai_outbox_report *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FLOWAI_WITHOUT_DELIVERY */

#endif  /* FLOWAI_H */
