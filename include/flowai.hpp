/**
 * @file flowai.hpp
 * @brief libflowai for C++17: flowai.h with owners, ranges, and exceptions or results. Header only; link with -lflowai.
 *
 * @code{.cpp}
 *     #include <flowai.hpp>
 *     #include <iostream>
 *
 *     int main()
 *     try {
 *         flowai::config config;
 *         config.api_key = "MY_MESSAGING_API_KEY";
 *         const auto client = flowai::client::make(config);
 *         client.send_text("thread-1", "Hello");
 *         for (const auto &entry : client.iter_history("thread-1"))
 *             std::cout << entry.text() << '\n';
 *     } catch (const flowai::error &error) {
 *         std::cerr << error.what() << '\n';
 *     }
 * @endcode
 *
 * Rules that hold for all of it; those of flowai.h hold too, which also says what each call means, waits for and refuses:
 *
 * - Objects own what they stand for, can be moved and not copied, and free it when they go. One that was moved from, or
 *   made without arguments, stands for nothing: what it is asked is empty, and calls with it fail with bad_handle.
 * - Failures are exceptions: flowai::error or one of the classes below it. With FLOWAI_RESULTS defined before this
 *   header is included, and with -fno-exceptions, every function that says `returns<T>` returns a flowai::result<T>
 *   instead of a T. Files of both kinds can be linked into one program.
 * - Text goes in as std::string_view, std::string or const char *, and is copied. One that holds a NUL is refused.
 * - Text comes out as a std::string_view that lives as long as the object it was asked of, and ends with a NUL; asked of
 *   a temporary, as in `client.ask("thread-1", "Hello").text()`, it is a std::string.
 * - Options are plain structs: what is not set has the default, and what is wrong is refused by the call they go to.
 * - Functions that are handed to this header may throw: the exception never crosses the library. It comes out of the
 *   call that they were handed to, or becomes the reason why an event of an inbox was not handled.
 * - `object.get()` is the handle of flowai.h, for whatever is not here.
 */

#ifndef FLOWAI_HPP
#define FLOWAI_HPP

#include <flowai.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// @cond
#ifdef __cpp_exceptions
#define FLOWAI_HPP_EXCEPTIONS 1
#else
#define FLOWAI_HPP_EXCEPTIONS 0
#endif
#if defined(FLOWAI_RESULTS) || !FLOWAI_HPP_EXCEPTIONS
#define FLOWAI_HPP_RESULTS 1
#else
#define FLOWAI_HPP_RESULTS 0
#endif
/// @endcond

/** Everything of flowai.hpp. */
namespace flowai {

// The same names mean different functions in files that are compiled in different ways: linkers must not mix them up.
#if !FLOWAI_HPP_RESULTS
inline namespace throwing {
#elif FLOWAI_HPP_EXCEPTIONS
inline namespace results {
#else
inline namespace results_without_exceptions {
#endif

using std::chrono::milliseconds;
using std::chrono::seconds;

/** A moment of the service, in milliseconds since 1970 UTC. */
using moment = std::chrono::time_point<std::chrono::system_clock, milliseconds>;

/** Headers or parameters: names and values. */
using pairs = std::vector<std::pair<std::string, std::string>>;

/** A time limit of a wait that has none. */
inline constexpr milliseconds forever = milliseconds::max();

/** What became of a message whose send failed. */
enum class delivery_state : flowai_delivery {
    none = FLOWAI_DELIVERY_NONE,             ///< The call was not a send.
    not_sent = FLOWAI_DELIVERY_NOT_SENT,     ///< It certainly did not reach the service.
    rejected = FLOWAI_DELIVERY_REJECTED,     ///< The service did not take it.
    maybe_sent = FLOWAI_DELIVERY_MAYBE_SENT, ///< Nobody knows; it is never repeated unasked.
    sent = FLOWAI_DELIVERY_SENT              ///< The service took it; what failed came after that.
};

/** What an event tells. Later versions may add some. */
enum class kind : flowai_kind {
    unknown = FLOWAI_EVENT_UNKNOWN,               ///< One that this version does not know.
    reply = FLOWAI_EVENT_REPLY,                   ///< The bot replies.
    delivered = FLOWAI_EVENT_DELIVERED,           ///< A message that was sent has been delivered.
    handover = FLOWAI_EVENT_HANDOVER,             ///< A conversation is handed over to a person.
    paused = FLOWAI_EVENT_PAUSED,                 ///< The bot was paused.
    resumed = FLOWAI_EVENT_RESUMED,               ///< The bot was resumed.
    bot_status = FLOWAI_EVENT_BOT_STATUS,         ///< The answer to client::request_bot_status().
    history = FLOWAI_EVENT_HISTORY,               ///< The answer to client::request_history().
    business_hours = FLOWAI_EVENT_BUSINESS_HOURS, ///< The answer to client::request_business_hours().
    threads = FLOWAI_EVENT_THREADS,               ///< The answer to client::request_threads().
    trigger_events = FLOWAI_EVENT_TRIGGER_EVENTS, ///< The answer to client::request_trigger_events().
    inbound = FLOWAI_EVENT_INBOUND,               ///< A message of a user on another channel.
    outbound = FLOWAI_EVENT_OUTBOUND              ///< A message of the bot on another channel.
};

/** Which template a part of a reply is. Later versions may add some. */
enum class template_kind : flowai_template_kind {
    unknown = FLOWAI_TEMPLATE_UNKNOWN,                 ///< One that this version does not know, or none.
    text = FLOWAI_TEMPLATE_TEXT,                       ///< A text.
    image = FLOWAI_TEMPLATE_IMAGE,                     ///< An image.
    video = FLOWAI_TEMPLATE_VIDEO,                     ///< A video.
    audio = FLOWAI_TEMPLATE_AUDIO,                     ///< A sound.
    file = FLOWAI_TEMPLATE_FILE,                       ///< A file.
    location = FLOWAI_TEMPLATE_LOCATION,               ///< A place.
    card = FLOWAI_TEMPLATE_CARD,                       ///< A card.
    carousel = FLOWAI_TEMPLATE_CAROUSEL,               ///< Several cards, side by side.
    list = FLOWAI_TEMPLATE_LIST,                       ///< Several rows, one below the other.
    buttons = FLOWAI_TEMPLATE_BUTTONS,                 ///< A title with buttons.
    webview = FLOWAI_TEMPLATE_WEBVIEW,                 ///< A page that opens inside the conversation.
    handover = FLOWAI_TEMPLATE_HANDOVER,               ///< The bot hands over to people.
    note = FLOWAI_TEMPLATE_NOTE,                       ///< A note for agents. The customer must not see it.
    custom = FLOWAI_TEMPLATE_CUSTOM,                   ///< What the makers of bot and program agreed on.
    event = FLOWAI_TEMPLATE_EVENT,                     ///< An event that was triggered, in a history.
    system_reply = FLOWAI_TEMPLATE_SYSTEM_REPLY,       ///< A message of the system.
    khoros_priority = FLOWAI_TEMPLATE_KHOROS_PRIORITY, ///< How urgent the conversation is to the agents.
    agent_text = FLOWAI_TEMPLATE_AGENT_TEXT,           ///< A text of an agent.
    channel = FLOWAI_TEMPLATE_CHANNEL                  ///< A template of one channel alone.
};

/** The name of what became of a message, such as "maybe_sent". */
inline std::string_view to_string(delivery_state delivery) noexcept
{
    return flowai_delivery_name(static_cast<flowai_delivery>(delivery));
}

/** The name of a template, such as "carousel". */
inline std::string_view to_string(template_kind kind) noexcept
{
    return flowai_template_name(static_cast<flowai_template_kind>(kind));
}

/** The version of the library that is running. */
inline std::string_view version() noexcept { return flowai_version(); }

/** The version of the library that is running, in the form of FLOWAI_VERSION_NUMBER. */
inline std::uint32_t version_number() noexcept { return flowai_version_number(); }

/** Frees every object that is left, also those that C++ still owns: they stand for nothing then. */
inline void shutdown() noexcept { flowai_shutdown(); }

/// @cond
namespace detail {

inline std::string_view view(flowai_str text) noexcept { return text.ptr ? std::string_view(text.ptr, text.len) : ""; }

/// What an accessor writes; `fallback` when the object stands for nothing.
template <class Handle, class T>
T read(flowai_status (*accessor)(Handle, T *), Handle handle, T fallback = T{}) noexcept
{
    (void)accessor(handle, &fallback);
    return fallback;
}

/// The same of an accessor with an index.
template <class Handle, class T>
T read_at(flowai_status (*accessor)(Handle, std::size_t, T *), Handle handle, std::size_t index) noexcept
{
    T value{};
    (void)accessor(handle, index, &value);
    return value;
}

/// A number that may be absent.
inline std::optional<std::int64_t> some(std::int64_t value) noexcept
{
    return value == FLOWAI_NONE ? std::nullopt : std::optional(value);
}

template <class Handle>
std::optional<std::int64_t> number(flowai_status (*accessor)(Handle, std::int64_t *), Handle handle) noexcept
{
    return some(read(accessor, handle, FLOWAI_NONE));
}

inline std::optional<bool> answer(flowai_answer value) noexcept
{
    return value == FLOWAI_YES ? std::optional(true) : value == FLOWAI_NO ? std::optional(false) : std::nullopt;
}

inline std::optional<moment> time(std::optional<std::int64_t> ms) noexcept
{
    return ms ? std::optional(moment(milliseconds(*ms))) : std::nullopt;
}

/// Owns a handle.
template <class Handle, void (*Free)(Handle)> class owned {
public:
    using handle_type = Handle;

    owned() noexcept = default;
    explicit owned(Handle handle) noexcept : handle_(handle) {}
    owned(owned &&other) noexcept : handle_(other.release()) {}
    owned &operator=(owned &&other) noexcept
    {
        if (this != &other) {
            Free(handle_);
            handle_ = other.release();
        }
        return *this;
    }
    ~owned() { Free(handle_); }

    /// The handle of flowai.h, which stays with this object.
    Handle get() const noexcept { return handle_; }
    /// The handle of flowai.h, which the caller frees from now on.
    Handle release() noexcept { return std::exchange(handle_, Handle{}); }
    /// Whether this stands for anything.
    explicit operator bool() const noexcept { return handle_.id != 0; }

private:
    Handle handle_{};
};

} // namespace detail
/// @endcond

/** Why a call failed. Copies share what they know. It never contains the API key. */
class error : public std::exception {
public:
    /** What a function of flowai.h returned and wrote; the error is freed with the last copy. */
    error(flowai_status code, flowai_error handle) : code_(code), handle_(std::make_shared<holder>(handle)) {}
    /** A failure that was noticed before the library was called. */
    error(flowai_status code, const char *message) noexcept : code_(code), message_(message) {}

    /** One of FLOWAI_ERR_... . */
    flowai_status code() const noexcept { return code_; }
    /** The name of the code, the same in every language, such as "invalid_argument". */
    std::string_view name() const noexcept { return flowai_status_name(code_); }
    /** What happened, in one line for a person. The words may change. */
    const char *what() const noexcept override { return handle_ ? message().data() : message_; }
    /** The same as what(). */
    std::string_view message() const noexcept { return handle_ ? text(flowai_error_message) : message_; }
    /** What became of the message: every failed send says so. */
    delivery_state delivery() const noexcept { return delivery_state(detail::read(flowai_error_delivery, handle())); }
    /** The trace id of the message that failed. */
    std::optional<std::int64_t> trace_id() const noexcept { return detail::number(flowai_error_trace_id, handle()); }
    /** Whether the same call may be made again without doing anything twice, and may then succeed. */
    bool retryable() const noexcept { return detail::read(flowai_error_retryable, handle()); }
    /** The HTTP status of the answer; 0 if there was none. */
    int http_status() const noexcept { return detail::read(flowai_error_http_status, handle()); }
    /** The operation that failed, such as "send_text". */
    std::string_view operation() const noexcept { return text(flowai_error_operation); }
    /** The argument that was refused. */
    std::string_view argument() const noexcept { return text(flowai_error_argument); }
    /** What the answer says went wrong. */
    std::string_view server_message() const noexcept { return text(flowai_error_server_message); }
    /** The start of the body of the answer. */
    std::string_view body() const noexcept { return text(flowai_error_body); }
    /** The request id that the service gave. */
    std::string_view request_id() const noexcept { return text(flowai_error_request_id); }
    /** How long the service asked to wait. */
    std::optional<milliseconds> retry_after() const noexcept
    {
        const auto ms = detail::number(flowai_error_retry_after_ms, handle());
        return ms ? std::optional(milliseconds(*ms)) : std::nullopt;
    }

private:
    using holder = detail::owned<flowai_error, flowai_error_free>;

    flowai_error handle() const noexcept { return handle_ ? handle_->get() : flowai_error{}; }
    std::string_view text(flowai_status (*accessor)(flowai_error, flowai_str *)) const noexcept
    {
        return detail::view(detail::read(accessor, handle()));
    }

    flowai_status code_;
    const char *message_ = "";
    std::shared_ptr<const holder> handle_;
};

/** Makes the class of the exceptions for one or several codes. */
#define FLOWAI_HPP_ERROR(name, base)                                                                                   \
    class name : public base {                                                                                         \
    public:                                                                                                            \
        using base::base;                                                                                              \
    }

/** An argument was refused before anything was sent; argument() names it. */
FLOWAI_HPP_ERROR(invalid_argument, error);
/** No connection, or a connection that failed. */
FLOWAI_HPP_ERROR(connection_error, error);
/** The deadline passed. */
FLOWAI_HPP_ERROR(timeout_error, connection_error);
/** The caller gave up. */
FLOWAI_HPP_ERROR(cancelled, error);
/** The service answered, and not that all is well. */
FLOWAI_HPP_ERROR(api_error, error);
/** HTTP status 400, 422 and other 4xx. */
FLOWAI_HPP_ERROR(bad_request, api_error);
/** The API key was refused: HTTP status 401, 402, 403. */
FLOWAI_HPP_ERROR(authentication_error, api_error);
/** HTTP status 404. */
FLOWAI_HPP_ERROR(not_found, api_error);
/** HTTP status 413. */
FLOWAI_HPP_ERROR(payload_too_large, api_error);
/** HTTP status 429; see error::retry_after(). */
FLOWAI_HPP_ERROR(rate_limited, api_error);
/** HTTP status 5xx. */
FLOWAI_HPP_ERROR(server_error, api_error);
/** HTTP status 3xx: redirects are never followed. */
FLOWAI_HPP_ERROR(redirect, api_error);
/** An answer that makes no sense. */
FLOWAI_HPP_ERROR(response_error, api_error);
/** Something about a webhook call. */
FLOWAI_HPP_ERROR(webhook_error, error);
/** A webhook body that is not an event. */
FLOWAI_HPP_ERROR(webhook_parse_error, webhook_error);
/** A webhook call that does not prove where it comes from. Answer it with HTTP status 401. */
FLOWAI_HPP_ERROR(webhook_verification_error, webhook_error);
/** A file or database failed. */
FLOWAI_HPP_ERROR(storage_error, error);
/** A bounded queue is full. */
FLOWAI_HPP_ERROR(queue_full, error);
/** The object was closed or stopped. */
FLOWAI_HPP_ERROR(closed, error);
/** The object belongs to the process that this one was forked from. */
FLOWAI_HPP_ERROR(forked, error);
/** The object stands for nothing: it was moved from, or everything was shut down. */
FLOWAI_HPP_ERROR(bad_handle, error);
/** A defect of the library, or a code that this header does not know. */
FLOWAI_HPP_ERROR(internal_error, error);
#undef FLOWAI_HPP_ERROR

/** A value, or the error why there is none. */
template <class T> class [[nodiscard]] result {
public:
    /** A success. */
    result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    /** A failure. */
    result(flowai::error error) : held_(std::in_place_index<1>, std::move(error)) {}

    /** Whether there is a value. */
    explicit operator bool() const noexcept { return held_.index() == 0; }
    /** The value; the program ends if there is none, as in everything below. */
    T &operator*() & { return value(); }
    /** The value. */
    const T &operator*() const & { return const_cast<result *>(this)->value(); }
    /** The value, to be moved from. */
    T &&operator*() && { return std::move(value()); }
    /** The value. */
    T *operator->() { return &value(); }
    /** The value. */
    const T *operator->() const { return &const_cast<result *>(this)->value(); }
    /** The value. */
    T &value() &
    {
        if (!*this)
            std::abort();
        return *std::get_if<0>(&held_);
    }
    /** The value, to be moved from. */
    T &&value() && { return std::move(static_cast<result &>(*this).value()); }
    /** The error; the program ends if there is a value. */
    const flowai::error &error() const
    {
        if (*this)
            std::abort();
        return *std::get_if<1>(&held_);
    }

private:
    std::variant<T, flowai::error> held_;
};

/** Success, or the error why it is none. */
template <> class [[nodiscard]] result<void> {
public:
    /** A success. */
    result() noexcept = default;
    /** A failure. */
    result(flowai::error error) : error_(std::move(error)) {}
    /** Whether it succeeded. */
    explicit operator bool() const noexcept { return !error_; }
    /** The error; the program ends if there is none. */
    const flowai::error &error() const
    {
        if (!error_)
            std::abort();
        return *error_;
    }

private:
    std::optional<flowai::error> error_;
};

/** What functions that can fail return: a T, or a result<T> where there are no exceptions. */
#if FLOWAI_HPP_RESULTS
template <class T> using returns = result<T>;
#else
template <class T> using returns = T;
#endif

/** Text that goes into the library: const char *, std::string or std::string_view. */
class text_arg {
public:
    /** Text that ends with a NUL. */
    text_arg(const char *text) noexcept : text_(text) {}
    /** Text whose owner outlives the call. */
    text_arg(const std::string &text) noexcept : text_(text.c_str()), cut_(text.find('\0') != std::string::npos) {}
    /** Text that need not end with a NUL, and is copied. */
    text_arg(std::string_view text) : copy_(text), cut_(text.find('\0') != std::string_view::npos) {}

    /** What the library is given. */
    const char *c_str() const noexcept { return copy_ ? copy_->c_str() : text_; }
    /** Whether it holds a NUL, at which C would cut it. */
    bool is_cut() const noexcept { return cut_; }

private:
    const char *text_ = nullptr;
    std::optional<std::string> copy_;
    bool cut_ = false;
};

class client;
class event;
class inbox;
class verifier;

/// @cond
namespace detail {

/// Why a call failed: what the library wrote, or a message of this header.
struct failure {
    flowai_status code = FLOWAI_OK;
    flowai_error handle{};
    const char *message = nullptr;

    explicit operator bool() const noexcept { return code != FLOWAI_OK; }
    template <class Error> Error as() const { return message ? Error(code, message) : Error(code, handle); }
};

#if !FLOWAI_HPP_RESULTS
[[noreturn]] inline void raise(const failure &why)
{
    switch (why.code) {
    case FLOWAI_ERR_INVALID_ARGUMENT: throw why.as<invalid_argument>();
    case FLOWAI_ERR_CONNECTION: throw why.as<connection_error>();
    case FLOWAI_ERR_TIMEOUT: throw why.as<timeout_error>();
    case FLOWAI_ERR_CANCELLED: throw why.as<cancelled>();
    case FLOWAI_ERR_BAD_REQUEST: throw why.as<bad_request>();
    case FLOWAI_ERR_AUTHENTICATION: throw why.as<authentication_error>();
    case FLOWAI_ERR_NOT_FOUND: throw why.as<not_found>();
    case FLOWAI_ERR_PAYLOAD_TOO_LARGE: throw why.as<payload_too_large>();
    case FLOWAI_ERR_RATE_LIMITED: throw why.as<rate_limited>();
    case FLOWAI_ERR_SERVER: throw why.as<server_error>();
    case FLOWAI_ERR_REDIRECT: throw why.as<redirect>();
    case FLOWAI_ERR_RESPONSE: throw why.as<response_error>();
    case FLOWAI_ERR_WEBHOOK_PARSE: throw why.as<webhook_parse_error>();
    case FLOWAI_ERR_WEBHOOK_VERIFICATION: throw why.as<webhook_verification_error>();
    case FLOWAI_ERR_STORAGE: throw why.as<storage_error>();
    case FLOWAI_ERR_QUEUE_FULL: throw why.as<queue_full>();
    case FLOWAI_ERR_CLOSED: throw why.as<closed>();
    case FLOWAI_ERR_FORKED: throw why.as<forked>();
    case FLOWAI_ERR_BAD_HANDLE: throw why.as<bad_handle>();
    default: throw why.as<internal_error>();
    }
}
#endif

/// What a call comes to.
template <class T> returns<T> finish(const failure &why, T value)
{
    if (why)
#if FLOWAI_HPP_RESULTS
        return why.as<error>();
#else
        raise(why);
#endif
    return value;
}

inline returns<void> finish(const failure &why)
{
    if (why)
#if FLOWAI_HPP_RESULTS
        return why.as<error>();
#else
        raise(why);
#endif
    return returns<void>();
}

/// Runs a function of the program, and keeps what it throws until the library has returned.
class guarded {
public:
    template <class T, class Function> T call([[maybe_unused]] T instead, const Function &function) noexcept
    {
#if FLOWAI_HPP_EXCEPTIONS
        try {
            return function();
        } catch (...) {
            thrown_ = std::current_exception();
            return instead;
        }
#else
        return function();
#endif
    }

    /// Whether anything was thrown.
    explicit operator bool() const noexcept { return thrown_ != nullptr; }

    /// What was thrown, for a person.
    std::string what() const
    {
#if FLOWAI_HPP_EXCEPTIONS
        try {
            rethrow();
        } catch (const std::exception &thrown) {
            return thrown.what();
        } catch (...) {
            return "an exception";
        }
#endif
        return "";
    }

    void rethrow() const
    {
#if FLOWAI_HPP_EXCEPTIONS
        if (thrown_)
            std::rethrow_exception(thrown_);
#endif
    }

private:
    std::exception_ptr thrown_;
};

using progress_function = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// Calls the setters of flowai.h for what is set.
template <class Handle> class setter {
public:
    setter(Handle handle, failure &why) noexcept : handle_(handle), why_(why) {}

    template <class Parameter, class Value>
    void operator()(flowai_status (*set)(Handle, Parameter, flowai_error *), const std::optional<Value> &value)
    {
        if (value && !why_)
            if (const auto passed = convert<Parameter>(*value); !why_)
                why_.code = set(handle_, passed, &why_.handle);
    }

    template <class Parameter, class Value>
    void operator()(flowai_status (*set)(Handle, Parameter, Parameter, flowai_error *),
                    const std::optional<std::pair<Value, Value>> &value)
    {
        if (value && !why_) {
            const auto first = convert<Parameter>(value->first), second = convert<Parameter>(value->second);
            if (!why_)
                why_.code = set(handle_, first, second, &why_.handle);
        }
    }

    template <class Object>
    void operator()(flowai_status (*set)(Handle, typename Object::handle_type, flowai_error *), const Object *object)
    {
        if (object && !why_)
            why_.code = set(handle_, object->get(), &why_.handle);
    }

    void flag(flowai_status (*set)(Handle, flowai_error *), bool wanted)
    {
        if (wanted && !why_)
            why_.code = set(handle_, &why_.handle);
    }

    template <class Callback>
    void callback(flowai_status (*set)(Handle, Callback, void *, flowai_error *), Callback function, void *user_data)
    {
        if (!why_)
            why_.code = set(handle_, function, user_data, &why_.handle);
    }

private:
    template <class Parameter, class Value> Parameter convert(const Value &value)
    {
        if constexpr (std::is_same_v<Value, std::string>) {
            if (value.find('\0') != std::string::npos)
                why_ = {FLOWAI_ERR_INVALID_ARGUMENT, {}, "an option holds a NUL, where it would be cut"};
            return value.c_str();
        } else if constexpr (std::is_same_v<Value, milliseconds> || std::is_same_v<Value, seconds>) {
            if (value < Value::zero())
                why_ = {FLOWAI_ERR_INVALID_ARGUMENT, {}, "a time is below zero"};
            const auto count = static_cast<std::uint64_t>(value.count());
            return count < std::numeric_limits<Parameter>::max() ? static_cast<Parameter>(count)
                                                                 : std::numeric_limits<Parameter>::max();
        } else {
            return static_cast<Parameter>(value);
        }
    }

    Handle handle_;
    failure &why_;
};

/// Options as the library takes them, for one call.
template <class Options> class built {
public:
    explicit built(const Options &options) : options_(options)
    {
        typename Options::handle_type handle{};
        why_.code = Options::make_handle(&why_.handle, &handle);
        owner_ = owner(handle);
        setter<typename Options::handle_type> set(handle, why_);
        options.apply(set, *this);
    }
    built(const built &) = delete;
    built &operator=(const built &) = delete;

    static std::int32_t progress(void *user_data, std::uint64_t done, std::uint64_t total)
    {
        auto *self = static_cast<built *>(user_data);
        return self->guarded_.call(false, [&] { return self->options_.progress(done, total); }) ? 0 : 1;
    }

    typename Options::handle_type get() const noexcept { return owner_.get(); }
    void rethrow() const { guarded_.rethrow(); }
    /// The error of a setter is handed on once.
    failure take_failure() const noexcept { return std::exchange(why_, failure{}); }

private:
    using owner = owned<typename Options::handle_type, Options::free_handle>;

    const Options &options_;
    owner owner_;
    guarded guarded_;
    mutable failure why_;
};

template <class T> const T &raw(const T &value) noexcept { return value; }
inline const char *raw(const text_arg &text) noexcept { return text.c_str(); }
template <class Options> auto raw(const built<Options> &options) noexcept { return options.get(); }

template <class T> void check(failure &, const T &) noexcept {}
inline void check(failure &why, const text_arg &text) noexcept
{
    if (!why && text.is_cut())
        why = {FLOWAI_ERR_INVALID_ARGUMENT, {}, "a text holds a NUL, where it would be cut"};
}
template <class Options> void check(failure &why, const built<Options> &options) noexcept
{
    const failure other = options.take_failure();
    if (why)
        flowai_error_free(other.handle);
    else
        why = other;
}

template <class T> void rethrow(const T &) noexcept {}
template <class Options> void rethrow(const built<Options> &options) { options.rethrow(); }

/// Calls a function that writes nothing but an error.
template <class Function, class... Arguments> failure invoke(Function function, const Arguments &...arguments)
{
    failure why;
    (check(why, arguments), ...);
    if (!why) {
        why.code = function(raw(arguments)..., &why.handle);
        (rethrow(arguments), ...);
    }
    return why;
}

template <class Function, class... Arguments> returns<void> done(Function function, const Arguments &...arguments)
{
    return finish(invoke(function, arguments...));
}

/// Calls a function that writes a value, and makes of it what C++ wants.
template <class T, class Convert, class Function, class... Arguments>
auto converted(Convert convert, Function function, const Arguments &...arguments) -> returns<decltype(convert(T{}))>
{
    T out{};
    const auto why = invoke([&](auto... passed) { return function(passed..., &out); }, arguments...);
    return finish(why, convert(out));
}

template <class T, class Function, class... Arguments>
returns<T> value(Function function, const Arguments &...arguments)
{
    return converted<T>([](T written) { return written; }, function, arguments...);
}

/// Calls a function that writes a handle.
template <class T, class Function, class... Arguments>
returns<T> make(Function function, const Arguments &...arguments)
{
    // The owner is there first: an exception of the program must not leave what the call made.
    T owner;
    const auto why = invoke(
        [&](auto... passed) {
            typename T::handle_type out{};
            const flowai_status code = function(passed..., &out);
            owner = T(out);
            return code;
        },
        arguments...);
    return finish(why, std::move(owner));
}

/// The same of a function that may write {0} for "nothing".
template <class T, class Function, class... Arguments>
returns<std::optional<T>> maybe(Function function, const Arguments &...arguments)
{
#if FLOWAI_HPP_RESULTS
    auto made = make<T>(function, arguments...);
    if (!made)
        return made.error();
    return *made ? std::optional<T>(std::move(*made)) : std::optional<T>();
#else
    T made = make<T>(function, arguments...);
    return made ? std::optional<T>(std::move(made)) : std::optional<T>();
#endif
}

/// A function that reads a file, while an upload goes on.
class reading {
public:
    using function = std::function<std::int64_t(void *buffer, std::size_t size)>;

    explicit reading(const function &read) noexcept : read_(read) {}
    reading(const reading &) = delete;
    reading &operator=(const reading &) = delete;

    static std::int64_t run(void *user_data, void *buffer, std::size_t size)
    {
        const auto *self = static_cast<const reading *>(user_data);
        return self->guarded_.call(std::int64_t{-1}, [&] { return self->read_(buffer, size); });
    }
    const guarded &kept() const noexcept { return guarded_; }

private:
    const function &read_;
    mutable guarded guarded_;
};
inline void *raw(const reading &read) noexcept { return const_cast<reading *>(&read); }
inline void rethrow(const reading &read) { read.kept().rethrow(); }

inline std::uint32_t limit(milliseconds time) noexcept
{
    if (time <= milliseconds::zero())
        return 0;
    return time.count() < FLOWAI_FOREVER ? static_cast<std::uint32_t>(time.count()) : FLOWAI_FOREVER;
}

/// Names and values as the library takes them.
class borrowed_pairs {
public:
    explicit borrowed_pairs(const pairs &all)
    {
        for (const auto &[name, value] : all) {
            if (name.find('\0') != std::string::npos || value.find('\0') != std::string::npos)
                why_ = {FLOWAI_ERR_INVALID_ARGUMENT, {}, "a name or a value holds a NUL, where it would be cut"};
            all_.push_back({name.c_str(), value.c_str()});
        }
    }
    const flowai_pair *data() const noexcept { return all_.data(); }
    std::size_t size() const noexcept { return all_.size(); }
    const failure &why() const noexcept { return why_; }

private:
    std::vector<flowai_pair> all_;
    failure why_;
};

/// Goes through what a source hands out, one after another. Where there are no exceptions the last item may be an error.
template <class Source> class input_iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = returns<typename Source::item>;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type *;
    using reference = value_type &;

    input_iterator() noexcept = default;
    explicit input_iterator(Source &source) : source_(&source) { ++*this; }

    reference operator*() noexcept { return *item_; }
    pointer operator->() noexcept { return &*item_; }
    input_iterator &operator++()
    {
        typename Source::item::handle_type handle{};
        failure why;
        if (failed_)
            return end();
        why.code = source_->pull(&why.handle, &handle);
        if (why.code == FLOWAI_ERR_CLOSED && Source::ends_when_closed) {
            flowai_error_free(why.handle);
            return end();
        }
        failed_ = bool(why);
        if (!why && handle.id == 0)
            return end();
        item_.emplace(finish(why, typename Source::item(handle)));
        return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const input_iterator &one, const input_iterator &other) noexcept
    {
        return one.source_ == other.source_;
    }
    friend bool operator!=(const input_iterator &one, const input_iterator &other) noexcept { return !(one == other); }

private:
    input_iterator &end() noexcept
    {
        source_ = nullptr;
        item_.reset();
        return *this;
    }

    Source *source_ = nullptr;
    std::optional<value_type> item_;
    bool failed_ = false;
};

} // namespace detail

// Accessors: text as a view of the object, and as a copy when the object is a temporary; numbers that may be absent;
// lists and documents, which do not need the object.
#define FLOWAI_HPP_TEXT(type, name)                                                                                    \
    std::string_view name() const & noexcept { return detail::view(detail::read(flowai_##type##_##name, get())); }      \
    std::string name() const && { return std::string(detail::view(detail::read(flowai_##type##_##name, get()))); }
#define FLOWAI_HPP_NUMBER(type, name)                                                                                  \
    std::optional<std::int64_t> name() const noexcept { return detail::number(flowai_##type##_##name, get()); }
#define FLOWAI_HPP_MADE(result, type, name)                                                                            \
    result name() const noexcept { return result(detail::read(flowai_##type##_##name, get())); }
/// @endcond

/** Several things that came together; it does not need what it came from. */
template <class T> class list : public detail::owned<flowai_list, flowai_list_free> {
public:
    using owned::owned;

    /** Goes through a list. */
    class iterator {
    public:
        /// @cond
        using iterator_category = std::input_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = T;
        iterator(const list &of, std::size_t index) noexcept : of_(&of), index_(index) {}
        T operator*() const { return (*of_)[index_]; }
        iterator &operator++() noexcept { return ++index_, *this; }
        void operator++(int) noexcept { ++index_; }
        bool operator==(const iterator &other) const noexcept { return index_ == other.index_; }
        bool operator!=(const iterator &other) const noexcept { return index_ != other.index_; }

    private:
        const list *of_;
        std::size_t index_;
        /// @endcond
    };

    /** How many there are. */
    std::size_t size() const noexcept { return detail::read(flowai_list_count, get()); }
    /** Whether there are none. */
    bool empty() const noexcept { return size() == 0; }
    /** One of them, from 0: a document by itself, or a text that lives as long as the list. */
    T operator[](std::size_t index) const noexcept
    {
        if constexpr (std::is_same_v<T, std::string_view>)
            return detail::view(detail::read_at(flowai_list_string, get(), index));
        else
            return T(detail::read_at(flowai_list_document, get(), index));
    }
    /** The first one. */
    iterator begin() const noexcept { return iterator(*this, 0); }
    /** Behind the last one. */
    iterator end() const noexcept { return iterator(*this, size()); }
    /** All of it as a JSON document. */
    FLOWAI_HPP_TEXT(list, json)
};

class document;

/** Documents, such as the templates of a reply. */
using documents = list<document>;
/** Texts, such as ids of threads. They live as long as the list. */
using texts = list<std::string_view>;

/** A JSON document whose fields have names: a template, a button, a message, an entry of a history and so on. */
class document : public detail::owned<flowai_document, flowai_document_free> {
public:
    using owned::owned;

    /** What it is, such as "CardTemplate" or "HistoryEntry". */
    FLOWAI_HPP_TEXT(document, name)
    /** What it says, for a person. */
    FLOWAI_HPP_TEXT(document, text)
    /** All of it, as it came. */
    FLOWAI_HPP_TEXT(document, json)
    /** Which template it is. */
    template_kind kind() const noexcept { return template_kind(detail::read(flowai_document_template_kind, get())); }
    /** The answers that it suggests. */
    FLOWAI_HPP_MADE(documents, document, quick_replies)

    /** A field that is text, which lives as long as the document; empty if it is absent. "media.url" leads deeper. */
    returns<std::string_view> string(const text_arg &field) const
    {
        return detail::converted<flowai_str>(detail::view, flowai_document_string, get(), field);
    }
    /** Any field, as JSON that lives as long as the document; empty if it is absent. */
    returns<std::string_view> field_json(const text_arg &field) const
    {
        return detail::converted<flowai_str>(detail::view, flowai_document_field_json, get(), field);
    }
    /** A field that is a number; NaN if it is absent. */
    returns<double> number(const text_arg &field) const
    {
        return detail::value<double>(flowai_document_number, get(), field);
    }
    /** A field that is a whole number. */
    returns<std::optional<std::int64_t>> integer(const text_arg &field) const
    {
        return detail::converted<std::int64_t>(detail::some, flowai_document_integer, get(), field);
    }
    /** A field that is true or false. */
    returns<std::optional<bool>> boolean(const text_arg &field) const
    {
        return detail::converted<flowai_answer>(detail::answer, flowai_document_boolean, get(), field);
    }
    /** A field that is a document; one that stands for nothing if it is absent. */
    returns<document> field(const text_arg &name) const
    {
        return detail::make<document>(flowai_document_document, get(), name);
    }
    /** A field that is a list of documents. */
    returns<documents> list_of(const text_arg &field) const
    {
        return detail::make<documents>(flowai_document_list, get(), field);
    }
    /** A field that is a list of texts, which live as long as the list. */
    returns<texts> texts_of(const text_arg &field) const
    {
        return detail::make<texts>(flowai_document_list, get(), field);
    }
};

/** What the service says when it took something over. */
class receipt : public detail::owned<flowai_receipt, flowai_receipt_free> {
public:
    using owned::owned;

    /** The thread. */
    FLOWAI_HPP_TEXT(receipt, thread_id)
    /** The trace id that went along. */
    FLOWAI_HPP_NUMBER(receipt, trace_id)
    /** What the service said, usually "ok". */
    FLOWAI_HPP_TEXT(receipt, status)
    /** The request id that the service gave. */
    FLOWAI_HPP_TEXT(receipt, request_id)
};

/** A message: what is said, without what goes along with it. One may be sent any number of times. */
class message : public detail::owned<flowai_message, flowai_message_free> {
public:
    using owned::owned;

    /** A text. */
    static returns<message> text(const text_arg &text) { return detail::make<message>(flowai_message_text, text); }
    /** An event that is triggered within the project. */
    static returns<message> event(const text_arg &name) { return detail::make<message>(flowai_message_event, name); }
    /** A place, in decimal numbers. */
    static returns<message> location(const text_arg &lat, const text_arg &lng)
    {
        return detail::make<message>(flowai_message_location, lat, lng);
    }
    /** Media by URL: "image", "file", "audio" or "video". */
    static returns<message> media(const text_arg &url, const text_arg &type)
    {
        return detail::make<message>(flowai_message_media, url, type);
    }
    /** Any message, as the API document has it. */
    static returns<message> json(const text_arg &document)
    {
        return detail::make<message>(flowai_message_json, document);
    }
};

/** Gives up waits, from another thread or a signal handler: what it is to give up is told about it before. */
class cancel : public detail::owned<flowai_cancel, flowai_cancel_free> {
public:
    using owned::owned;

    /** One that was not triggered. */
    static returns<cancel> make() { return detail::make<cancel>(flowai_cancel_new); }
    /** Ends every wait that has it, now and from now on. Async-signal-safe. */
    void trigger() const noexcept { (void)flowai_cancel_trigger(get()); }
    /** Whether it was triggered. */
    bool triggered() const noexcept { return detail::read(flowai_cancel_triggered, get()); }
    /** Makes it as new. */
    returns<void> reset() { return detail::done(flowai_cancel_reset, get()); }
};

/** The settings of a client. Each is described at flowai_config_set_... of the same name. */
struct config {
    std::optional<std::string> api_key;              ///< The API key; else FLOWAI_API_KEY of the environment.
    std::optional<std::string> base_url;             ///< Where the service is; else FLOWAI_BASE_URL of the environment.
    std::optional<std::string> originator_name;      ///< The name of the sender.
    std::optional<std::string> originator_json;      ///< The sender with role, profile and metadata.
    std::optional<milliseconds> timeout;             ///< The deadline over all attempts of a call.
    std::optional<milliseconds> connect_timeout;     ///< How long connecting may take.
    std::optional<std::uint32_t> max_retries;        ///< How often a call is repeated when that is safe.
    std::optional<std::string> auth_scheme;          ///< What goes before the key.
    std::optional<std::string> metadata_form;        ///< Where lang, timezone and params go.
    std::optional<std::size_t> max_text_length;      ///< How many code points a text may have.
    std::optional<std::string> proxy;                ///< An HTTP proxy; empty for none at all.
    std::optional<std::string> ca_file;              ///< The only certificate authorities to trust.
    std::optional<std::string> client_cert;          ///< The certificate of the client and its key.
    std::optional<std::string> user_agent;           ///< The header User-Agent.
    std::optional<bool> trace_ids;                   ///< Whether messages without a trace id get one.
    std::optional<bool> allow_http;                  ///< Whether http:// is allowed to other machines.

    /// @cond
    using handle_type = flowai_config;
    static constexpr auto make_handle = flowai_config_new;
    static constexpr auto free_handle = flowai_config_free;
    template <class Set, class Callbacks> void apply(Set &set, Callbacks &) const
    {
        set(flowai_config_set_api_key, api_key);
        set(flowai_config_set_base_url, base_url);
        set(flowai_config_set_originator_name, originator_name);
        set(flowai_config_set_originator_json, originator_json);
        set(flowai_config_set_timeout_ms, timeout);
        set(flowai_config_set_connect_timeout_ms, connect_timeout);
        set(flowai_config_set_max_retries, max_retries);
        set(flowai_config_set_auth_scheme, auth_scheme);
        set(flowai_config_set_metadata_form, metadata_form);
        set(flowai_config_set_max_text_length, max_text_length);
        set(flowai_config_set_proxy, proxy);
        set(flowai_config_set_ca_file, ca_file);
        set(flowai_config_set_client_cert, client_cert);
        set(flowai_config_set_user_agent, user_agent);
        set(flowai_config_set_trace_ids, trace_ids);
        set(flowai_config_set_allow_http, allow_http);
    }
    /// @endcond
};

/** What a client made by client::with_options() does differently. */
struct client_options {
    std::optional<milliseconds> timeout;        ///< The deadline over all attempts of a call.
    std::optional<std::uint32_t> max_retries;   ///< How often a call is repeated when that is safe.
    std::optional<std::string> originator_name; ///< The name of the sender.
    std::optional<std::string> originator_json; ///< The sender with role, profile and metadata.
    const flowai::cancel *cancel = nullptr;     ///< What gives up every call.

    /// @cond
    using handle_type = flowai_client_options;
    static constexpr auto make_handle = flowai_client_options_new;
    static constexpr auto free_handle = flowai_client_options_free;
    template <class Set, class Callbacks> void apply(Set &set, Callbacks &) const
    {
        set(flowai_client_options_set_timeout_ms, timeout);
        set(flowai_client_options_set_max_retries, max_retries);
        set(flowai_client_options_set_originator_name, originator_name);
        set(flowai_client_options_set_originator_json, originator_json);
        set(flowai_client_options_set_cancel, cancel);
    }
    /// @endcond
};

/** What goes along with a message. Each is described at flowai_send_options_set_... of the same name. */
struct send_options {
    std::optional<std::string> originator_name; ///< The name of the sender.
    std::optional<std::string> originator_json; ///< The sender with role, profile and metadata.
    std::optional<std::uint64_t> trace_id;      ///< The trace id.
    std::optional<std::string> lang;            ///< The language.
    std::optional<std::int32_t> timezone;       ///< Hours from UTC.
    std::optional<std::string> params_json;     ///< Parameters, a JSON object.
    std::optional<milliseconds> timeout;        ///< The deadline of this call.
    std::optional<milliseconds> expires_in;     ///< How long it may wait in an outbox.
    std::optional<bool> write_concern;          ///< Whether the service answers when it is done.
    std::optional<std::string> title;           ///< The title of a place or of media.
    std::optional<std::string> mime_type;       ///< The MIME type of media.
    std::optional<std::string> media_type;      ///< "image", "file", "audio" or "video".
    std::optional<std::string> filename;        ///< The name of a file.
    std::optional<std::string> url;             ///< The URL of a file.
    std::optional<milliseconds> idle_timeout;   ///< How long an upload may stand still.
    const flowai::cancel *cancel = nullptr;     ///< What gives up the call.
    /** Called while an upload goes on; false gives it up. */
    std::function<bool(std::uint64_t done, std::uint64_t total)> progress;

    /// @cond
    using handle_type = flowai_send_options;
    static constexpr auto make_handle = flowai_send_options_new;
    static constexpr auto free_handle = flowai_send_options_free;
    template <class Set, class Callbacks> void apply(Set &set, Callbacks &callbacks) const
    {
        set(flowai_send_options_set_originator_name, originator_name);
        set(flowai_send_options_set_originator_json, originator_json);
        set(flowai_send_options_set_trace_id, trace_id);
        set(flowai_send_options_set_lang, lang);
        set(flowai_send_options_set_timezone, timezone);
        set(flowai_send_options_set_params_json, params_json);
        set(flowai_send_options_set_timeout_ms, timeout);
        set(flowai_send_options_set_expires_in_ms, expires_in);
        set(flowai_send_options_set_write_concern, write_concern);
        set(flowai_send_options_set_title, title);
        set(flowai_send_options_set_mime_type, mime_type);
        set(flowai_send_options_set_media_type, media_type);
        set(flowai_send_options_set_filename, filename);
        set(flowai_send_options_set_url, url);
        set(flowai_send_options_set_idle_timeout_ms, idle_timeout);
        set(flowai_send_options_set_cancel, cancel);
        if (progress)
            set.callback(flowai_send_options_set_progress, &Callbacks::progress, &callbacks);
    }
    /// @endcond
};

/** Whom a broadcast goes to: people, or segments of people. */
class audience : public detail::owned<flowai_audience, flowai_audience_free> {
public:
    using owned::owned;

    /** One without anybody. */
    static returns<audience> make() { return detail::make<audience>(flowai_audience_new); }
    /** Adds a person by phone number, in the form +31612345678. */
    returns<void> add_phone_number(const text_arg &name, const text_arg &phone_number)
    {
        return detail::done(flowai_audience_add_phone_number, get(), name, phone_number);
    }
    /** Adds a person by an identifier of the channel. */
    returns<void> add_identifier(const text_arg &name, const text_arg &identifier)
    {
        return detail::done(flowai_audience_add_identifier, get(), name, identifier);
    }
    /** Adds a person with profile and metadata. */
    returns<void> add_recipient_json(const text_arg &document)
    {
        return detail::done(flowai_audience_add_recipient_json, get(), document);
    }
    /** Adds a segment by name. */
    returns<void> add_segment(const text_arg &name)
    {
        return detail::done(flowai_audience_add_segment, get(), name);
    }
    /** Adds a segment as client::segments() has it. */
    returns<void> add_segment_json(const text_arg &document)
    {
        return detail::done(flowai_audience_add_segment_json, get(), document);
    }
};

/** All sets of business hours of a project. An index that is too large reads as empty, or is refused. */
class business_hours : public detail::owned<flowai_business_hours, flowai_business_hours_free> {
public:
    using owned::owned;

    /** How many sets there are. */
    std::size_t size() const noexcept { return detail::read(flowai_business_hours_count, get()); }
    /** The label of a set. It lives as long as this, as everything below. */
    std::string_view label(std::size_t index) const noexcept { return text(flowai_business_hours_label, index); }
    /** The timezone of a set: a label for people. */
    std::string_view timezone(std::size_t index) const noexcept { return text(flowai_business_hours_timezone, index); }
    /** A set as JSON. */
    std::string_view set_json(std::size_t index) const noexcept { return text(flowai_business_hours_set_json, index); }
    /** All of it as JSON. */
    FLOWAI_HPP_TEXT(business_hours, json)

    /** Whether a set is open at a moment, where clocks are `ahead` of UTC. */
    returns<bool> is_open(std::size_t index, std::chrono::system_clock::time_point when, seconds ahead = {}) const
    {
        return detail::value<bool>(flowai_business_hours_is_open, get(), index, since_1970(when), offset(ahead));
    }
    /** The first moment, not before the given one, at which a set is open; none if it never is. */
    returns<std::optional<moment>> next_opening(std::size_t index, std::chrono::system_clock::time_point when,
                                                seconds ahead = {}) const
    {
        return change(flowai_business_hours_next_opening, index, when, ahead);
    }
    /** The first moment, not before the given one, at which a set is closed; none if it never is. */
    returns<std::optional<moment>> next_closing(std::size_t index, std::chrono::system_clock::time_point when,
                                                seconds ahead = {}) const
    {
        return change(flowai_business_hours_next_closing, index, when, ahead);
    }

private:
    using text_at = flowai_status (*)(flowai_business_hours, std::size_t, flowai_str *);

    std::string_view text(text_at accessor, std::size_t index) const noexcept
    {
        return detail::view(detail::read_at(accessor, get(), index));
    }
    static std::int64_t since_1970(std::chrono::system_clock::time_point when) noexcept
    {
        return std::chrono::floor<seconds>(when).time_since_epoch().count();
    }
    static std::int32_t offset(seconds ahead) noexcept
    {
        constexpr auto most = std::numeric_limits<std::int32_t>::max();
        return ahead.count() > most || ahead.count() < -most ? most : static_cast<std::int32_t>(ahead.count());
    }
    template <class Function>
    returns<std::optional<moment>> change(Function function, std::size_t index,
                                          std::chrono::system_clock::time_point when, seconds ahead) const
    {
        const auto to_moment = [](std::int64_t at) {
            return at == FLOWAI_NONE ? std::nullopt : std::optional<moment>(seconds(at));
        };
        return detail::converted<std::int64_t>(to_moment, function, get(), index, since_1970(when), offset(ahead));
    }
};

/** Whether the bot of a thread is paused. */
class bot_status : public detail::owned<flowai_bot_status, flowai_bot_status_free> {
public:
    using owned::owned;

    /** Whether it is; nothing if the service did not say. */
    std::optional<bool> is_paused() const noexcept
    {
        return detail::answer(detail::read(flowai_bot_status_is_paused, get(), flowai_answer(FLOWAI_UNKNOWN)));
    }
    /** The thread. */
    FLOWAI_HPP_TEXT(bot_status, thread_id)
    /** What the service answered. */
    FLOWAI_HPP_TEXT(bot_status, json)
};

/** What the service answered to client::request(). */
class response : public detail::owned<flowai_response, flowai_response_free> {
public:
    using owned::owned;

    /** The HTTP status. */
    int status() const noexcept { return detail::read(flowai_response_status, get()); }
    /** The body. */
    FLOWAI_HPP_TEXT(response, body)
    /** The first header of this name, which lives as long as this; empty if there is none. */
    returns<std::string_view> header(const text_arg &name) const
    {
        return detail::converted<flowai_str>(detail::view, flowai_response_header, get(), name);
    }
};

/** An event that was posted to a webhook. A field that is missing or of the wrong shape reads as absent. */
class event : public detail::owned<flowai_event, flowai_event_free> {
public:
    using owned::owned;

    /** Reads the one event of a body. */
    static returns<event> parse(std::string_view body)
    {
        return detail::make<event>(flowai_event_parse, body.data(), body.size());
    }
    /** Reads all events of a body. */
    static returns<std::vector<event>> parse_many(std::string_view body)
    {
        const auto events = [](flowai_event_list written) {
            const detail::owned<flowai_event_list, flowai_event_list_free> owner(written);
            std::vector<event> all;
            for (std::size_t n = 0; n < detail::read(flowai_event_list_count, written); n++)
                all.emplace_back(detail::read_at(flowai_event_list_at, written, n));
            return all;
        };
        return detail::converted<flowai_event_list>(events, flowai_event_parse_many, body.data(), body.size());
    }

    /** What it tells. */
    flowai::kind kind() const noexcept { return flowai::kind(detail::read(flowai_event_kind, get())); }
    /** The name as it came, such as "message.reply". */
    FLOWAI_HPP_TEXT(event, type)
    /** The thread as it came. */
    FLOWAI_HPP_TEXT(event, thread_id)
    /** The thread before "|". */
    FLOWAI_HPP_TEXT(event, thread_user)
    /** The thread behind "|". */
    FLOWAI_HPP_TEXT(event, thread_channel)
    /** What it says, for a person. */
    FLOWAI_HPP_TEXT(event, text)
    /** The trace id as a number. */
    FLOWAI_HPP_NUMBER(event, trace_id)
    /** The trace id as it came. */
    FLOWAI_HPP_TEXT(event, trace_id_text)
    /** The name of the sender. */
    FLOWAI_HPP_TEXT(event, originator_name)
    /** The role of the sender. */
    FLOWAI_HPP_TEXT(event, originator_role)
    /** The sender. */
    FLOWAI_HPP_TEXT(event, originator_json)
    /** The user. */
    FLOWAI_HPP_TEXT(event, user_json)
    /** What tells two events apart; empty if nothing does. */
    FLOWAI_HPP_TEXT(event, dedupe_key)
    /** All of it, as it came. */
    FLOWAI_HPP_TEXT(event, raw)
    /** The page of a history or of threads. */
    FLOWAI_HPP_NUMBER(event, page)
    /** How many pages there are. */
    FLOWAI_HPP_NUMBER(event, pages)
    /** Whether the bot is paused; nothing if the event does not say. */
    std::optional<bool> is_paused() const noexcept
    {
        return detail::answer(detail::read(flowai_event_is_paused, get(), flowai_answer(FLOWAI_UNKNOWN)));
    }
    /** When it was made. */
    std::optional<moment> created_at() const noexcept
    {
        return detail::time(detail::number(flowai_event_created_at_ms, get()));
    }
    /** Whether it belongs to a conversation: the whole id, or the part before "|". */
    bool is_for(const text_arg &thread_id) const noexcept
    {
        bool answer = false;
        return !thread_id.is_cut() && flowai_event_is_for(get(), thread_id.c_str(), &answer) == FLOWAI_OK && answer;
    }
    /** Its messages. */
    FLOWAI_HPP_MADE(documents, event, messages)
    /** The templates of all its messages. */
    FLOWAI_HPP_MADE(documents, event, templates)
    /** The entries of a history. */
    FLOWAI_HPP_MADE(documents, event, history)
    /** The threads of a project. */
    FLOWAI_HPP_MADE(texts, event, threads)
    /** The events that can be triggered. */
    FLOWAI_HPP_MADE(texts, event, triggers)
    /** The business hours. */
    FLOWAI_HPP_MADE(flowai::business_hours, event, business_hours)
};

/** What the bot replied. */
class reply : public detail::owned<flowai_reply, flowai_reply_free> {
public:
    using owned::owned;

    /** What it says, for a person. */
    FLOWAI_HPP_TEXT(reply, text)
    /** The thread. */
    FLOWAI_HPP_TEXT(reply, thread_id)
    /** The trace id of the message that it answers. */
    FLOWAI_HPP_NUMBER(reply, trace_id)
    /** Everything that it shows. */
    FLOWAI_HPP_MADE(documents, reply, templates)
    /** The answers that it suggests. */
    FLOWAI_HPP_MADE(documents, reply, quick_replies)
    /** The reply as an event. */
    FLOWAI_HPP_MADE(flowai::event, reply, event)
    /** All of it as JSON. */
    FLOWAI_HPP_TEXT(reply, json)
};

/** One page of a history or of the threads of a project. */
template <class Item> class page : public detail::owned<flowai_page, flowai_page_free> {
public:
    using owned::owned;

    /** The number of this page. */
    FLOWAI_HPP_NUMBER(page, number)
    /** How many there are. */
    FLOWAI_HPP_NUMBER(page, pages)
    /** The thread of a history. */
    FLOWAI_HPP_TEXT(page, thread_id)
    /** What is on it. */
    FLOWAI_HPP_MADE(list<Item>, page, items)
    /** All of it, as it came. */
    FLOWAI_HPP_TEXT(page, json)
};

/** Goes through the history of a thread: `for (auto &entry : *this)`, pages being fetched as they are needed. */
class history_range : public detail::owned<flowai_history_iter, flowai_history_iter_free> {
public:
    using owned::owned;

    /** The next entry, if there is one. After an error the same page is tried again. */
    returns<std::optional<document>> next() { return detail::maybe<document>(flowai_history_iter_next, get()); }
    /// @cond
    using item = document;
    using iterator = detail::input_iterator<history_range>;
    static constexpr bool ends_when_closed = false;
    flowai_status pull(flowai_error *err, flowai_document *out) { return flowai_history_iter_next(get(), err, out); }
    /// @endcond
    /** Where it is; waits for a page, and fails as next(). */
    detail::input_iterator<history_range> begin() { return iterator(*this); }
    /** Behind the last one. */
    detail::input_iterator<history_range> end() noexcept { return {}; }
};

/// @cond
namespace detail {

/// A text that owns itself; iterators and functions that make texts hand out std::string.
struct text_item : std::string {
    using handle_type = flowai_string;
    text_item() = default;
    explicit text_item(flowai_string handle) : std::string(copy(handle)) {}
    static std::string copy(flowai_string handle)
    {
        const owned<flowai_string, flowai_string_free> owner(handle);
        return std::string(view(read(flowai_string_text, handle)));
    }
};

} // namespace detail
/// @endcond

/** Goes through the threads of a project: `for (const std::string &thread_id : *this)`. */
class thread_range : public detail::owned<flowai_thread_iter, flowai_thread_iter_free> {
public:
    using owned::owned;
    /// @cond
    using item = detail::text_item;
    using iterator = detail::input_iterator<thread_range>;
    static constexpr bool ends_when_closed = false;
    flowai_status pull(flowai_error *err, flowai_string *out) { return flowai_thread_iter_next(get(), err, out); }
    /// @endcond
    /** Where it is; waits for a page. After an error the same page is tried again by another begin(). */
    detail::input_iterator<thread_range> begin() { return iterator(*this); }
    /** Behind the last one. */
    detail::input_iterator<thread_range> end() noexcept { return {}; }
};

/// @cond
namespace detail {

inline text_arg optional_text(const std::optional<std::string> &text) noexcept
{
    return text ? text_arg(*text) : text_arg(static_cast<const char *>(nullptr));
}

inline std::int64_t or_none(std::optional<std::int64_t> value) noexcept { return value.value_or(FLOWAI_NONE); }

} // namespace detail
/// @endcond

/** Talks to one Flow.ai project. Make one and share it: any number of threads may use it at the same time. */
class client : public detail::owned<flowai_client, flowai_client_free> {
public:
    using owned::owned;

    /** A client; nothing is connected yet. Without settings the environment has them. */
    static returns<client> make(const config &settings = {})
    {
        return detail::make<client>(flowai_client_new, detail::built(settings));
    }
    /** A client that does some things differently, over the same connections. */
    returns<client> with_options(const client_options &options) const
    {
        return detail::make<client>(flowai_client_with_options, get(), detail::built(options));
    }
    /** Where it sends to. */
    FLOWAI_HPP_TEXT(client, base_url)
    /** Closes every connection; calls fail with closed from now on. */
    returns<void> close() { return detail::done(flowai_client_close, get()); }

    /** Sends a text. */
    returns<receipt> send_text(const text_arg &thread_id, const text_arg &text, const send_options &options = {}) const
    {
        return sent(flowai_client_send_text, options, thread_id, text);
    }
    /** Triggers an event within the project. */
    returns<receipt> send_event(const text_arg &thread_id, const text_arg &name, const send_options &options = {}) const
    {
        return sent(flowai_client_send_event, options, thread_id, name);
    }
    /** Sends a place, in decimal numbers. */
    returns<receipt> send_location(const text_arg &thread_id, const text_arg &lat, const text_arg &lng,
                                   const send_options &options = {}) const
    {
        return sent(flowai_client_send_location, options, thread_id, lat, lng);
    }
    /** Sends media by URL: "image", "file", "audio" or "video". */
    returns<receipt> send_media(const text_arg &thread_id, const text_arg &url, const text_arg &type,
                                const send_options &options = {}) const
    {
        return sent(flowai_client_send_media, options, thread_id, url, type);
    }
    /** Sends a message of any kind. */
    returns<receipt> send(const text_arg &thread_id, const message &message, const send_options &options = {}) const
    {
        return sent(flowai_client_send, options, thread_id, message.get());
    }
#ifndef FLOWAI_WITHOUT_UPLOAD
    /** Sends a file. */
    returns<receipt> upload_media(const text_arg &thread_id, const text_arg &path,
                                  const send_options &options = {}) const
    {
        return sent(flowai_client_upload_media, options, thread_id, path);
    }
    /** Sends bytes from memory as a file. */
    returns<receipt> upload_media_bytes(const text_arg &thread_id, std::string_view data,
                                        const send_options &options = {}) const
    {
        return sent(flowai_client_upload_media_bytes, options, thread_id, data.data(), data.size());
    }
    /**
     * Sends what `read` puts into a buffer, piece by piece, as a file: it returns how many bytes it has put there, 0 at the
     * end, less to give the upload up. `length` is how many there are, if that is known.
     */
    returns<receipt> upload_media_read(const text_arg &thread_id,
                                       const std::function<std::int64_t(void *buffer, std::size_t size)> &read,
                                       std::optional<std::int64_t> length = {}, const send_options &options = {}) const
    {
        return sent(flowai_client_upload_media_read, options, thread_id, &detail::reading::run, detail::reading(read),
                    detail::or_none(length));
    }
#endif // FLOWAI_WITHOUT_UPLOAD
    /** Sends a text and waits for the reply. */
    returns<reply> ask(const text_arg &thread_id, const text_arg &text, const send_options &options = {}) const
    {
        return detail::make<reply>(flowai_client_ask, get(), thread_id, text, detail::built(options));
    }
    /** Sends a message and waits for the reply. */
    returns<reply> ask(const text_arg &thread_id, const message &message, const send_options &options = {}) const
    {
        return detail::make<reply>(flowai_client_ask_message, get(), thread_id, message.get(), detail::built(options));
    }

    /** A page of the history of a thread, the first one if none is named. */
    returns<page<document>> history(const text_arg &thread_id, std::optional<std::int64_t> page = {},
                                    bool events = false) const
    {
        return detail::make<flowai::page<document>>(flowai_client_history, get(), thread_id, detail::or_none(page),
                                                    events);
    }
    /** Asks for a page of the history, which arrives as an event. */
    returns<receipt> request_history(const text_arg &thread_id, std::optional<std::int64_t> page = {},
                                     bool events = false) const
    {
        return detail::make<receipt>(flowai_client_request_history, get(), thread_id, detail::or_none(page), events);
    }
    /** The whole history of a thread, or `limit` entries of it. */
    returns<history_range> iter_history(const text_arg &thread_id, std::optional<std::int64_t> limit = {},
                                        bool events = false) const
    {
        return detail::make<history_range>(flowai_client_iter_history, get(), thread_id, detail::or_none(limit),
                                           events);
    }
    /** A page of the threads of the project. */
    returns<page<std::string_view>> threads(std::optional<std::int64_t> page = {}) const
    {
        return detail::make<flowai::page<std::string_view>>(flowai_client_threads, get(), detail::or_none(page));
    }
    /** Asks for a page of the threads, which arrives as an event. */
    returns<receipt> request_threads(std::optional<std::int64_t> page = {}) const
    {
        return detail::make<receipt>(flowai_client_request_threads, get(), detail::or_none(page));
    }
    /** All threads of the project, or `limit` of them. */
    returns<thread_range> iter_threads(std::optional<std::int64_t> limit = {}) const
    {
        return detail::make<thread_range>(flowai_client_iter_threads, get(), detail::or_none(limit));
    }
    /** A new thread: its id. */
    returns<std::string> create_thread() const
    {
        return detail::converted<flowai_string>(detail::text_item::copy, flowai_client_create_thread, get());
    }

    /** All sets of business hours. */
    returns<flowai::business_hours> business_hours() const
    {
        return detail::make<flowai::business_hours>(flowai_client_business_hours, get());
    }
    /** Asks for the business hours, which arrive as an event. */
    returns<receipt> request_business_hours() const { return plain(flowai_client_request_business_hours); }
    /** Pauses the bot of a thread. */
    returns<receipt> pause(const text_arg &thread_id) const { return plain(flowai_client_pause, thread_id); }
    /** Resumes the bot of a thread. */
    returns<receipt> resume(const text_arg &thread_id) const { return plain(flowai_client_resume, thread_id); }
    /** Whether the bot of a thread is paused. */
    returns<flowai::bot_status> bot_status(const text_arg &thread_id) const
    {
        return detail::make<flowai::bot_status>(flowai_client_bot_status, get(), thread_id);
    }
    /** Asks whether the bot is paused, which arrives as an event. */
    returns<receipt> request_bot_status(const text_arg &thread_id) const
    {
        return plain(flowai_client_request_bot_status, thread_id);
    }
    /** Hands a conversation over to people. */
    returns<receipt> handover(const text_arg &thread_id, std::optional<seconds> to_pause = {}) const
    {
        return plain(flowai_client_handover, thread_id, to_pause ? std::int64_t{to_pause->count()} : FLOWAI_NONE);
    }
    /** Says that a conversation is settled. */
    returns<receipt> resolve(const text_arg &thread_id, bool write_concern = false) const
    {
        return plain(flowai_client_resolve, thread_id, write_concern);
    }
    /** The events that can be triggered. */
    returns<texts> trigger_events() const { return detail::make<texts>(flowai_client_trigger_events, get()); }
    /** Asks for the events that can be triggered, which arrive as an event. */
    returns<receipt> request_trigger_events() const { return plain(flowai_client_request_trigger_events); }
    /** Triggers an event. */
    returns<receipt> trigger_event(const text_arg &thread_id, const text_arg &name) const
    {
        return plain(flowai_client_trigger_event, thread_id, name);
    }
    /** Sends a message to people by phone number or identifier. */
    returns<receipt> broadcast(const audience &people, const text_arg &channel_name, const text_arg &external_id,
                               const message &message, const send_options &options = {}) const
    {
        return sent(flowai_client_broadcast, options, people.get(), channel_name, external_id, message.get());
    }
    /** Sends a message to segments. */
    returns<receipt> broadcast_to_segments(const audience &segments, const message &message,
                                           const send_options &options = {}) const
    {
        return sent(flowai_client_broadcast_to_segments, options, segments.get(), message.get());
    }
    /** The segments of the project. */
    returns<documents> segments() const { return detail::make<documents>(flowai_client_segments, get()); }

    /** Any other request: `path` is below the base URL, `json` a document or nothing. */
    returns<response> request(const text_arg &method, const text_arg &path, const pairs &query = {},
                              const std::optional<std::string> &json = {}) const
    {
        const detail::borrowed_pairs borrowed(query);
        if (borrowed.why())
            return detail::finish(borrowed.why(), response());
        return detail::make<response>(flowai_client_request, get(), method, path, borrowed.data(), borrowed.size(),
                                      detail::optional_text(json));
    }

    /** Any operation by its name, with JSON in and JSON out. */
    returns<std::string> call_json(const text_arg &operation, const text_arg &arguments) const
    {
        return detail::converted<flowai_string>(detail::text_item::copy, flowai_client_call_json, get(), operation,
                                                arguments);
    }

private:
    template <class Function, class... Arguments>
    returns<receipt> sent(Function function, const send_options &options, const Arguments &...arguments) const
    {
        return detail::make<receipt>(function, get(), arguments..., detail::built(options));
    }
    template <class Function, class... Arguments>
    returns<receipt> plain(Function function, const Arguments &...arguments) const
    {
        return detail::make<receipt>(function, get(), arguments...);
    }
};

/** How tokens are checked. */
struct jwt_options {
    std::optional<bool> require_exp;             ///< Whether a token must say when it ends.
    std::optional<seconds> leeway;               ///< How far clocks may be apart.
    std::optional<std::size_t> min_secret_bytes; ///< How long a secret must be.

    /// @cond
    using handle_type = flowai_jwt_options;
    static constexpr auto make_handle = flowai_jwt_options_new;
    static constexpr auto free_handle = flowai_jwt_options_free;
    template <class Set, class Callbacks> void apply(Set &set, Callbacks &) const
    {
        set(flowai_jwt_options_set_require_exp, require_exp);
        set(flowai_jwt_options_set_leeway, leeway);
        set(flowai_jwt_options_set_min_secret_bytes, min_secret_bytes);
    }
    /// @endcond
};

/** Decides whether a webhook call comes from Flow.ai. */
class verifier : public detail::owned<flowai_verifier, flowai_verifier_free> {
public:
    using owned::owned;

    /** One that wants a token (HS256) made with a secret. */
    static returns<verifier> jwt(const text_arg &secret, const jwt_options &options = {})
    {
        return detail::make<verifier>(flowai_verifier_jwt, secret, detail::built(options));
    }
    /** One that wants a header with a secret. */
    static returns<verifier> header(const text_arg &name, const text_arg &secret)
    {
        return detail::make<verifier>(flowai_verifier_header, name, secret);
    }
    /** One that wants a secret in the body. */
    static returns<verifier> body_key(const text_arg &secret)
    {
        return detail::make<verifier>(flowai_verifier_body_key, secret);
    }
    /** One that takes what either of two takes. */
    static returns<verifier> any(const verifier &first, const verifier &second)
    {
        return detail::make<verifier>(flowai_verifier_any, first.get(), second.get());
    }

    /** Whether a call is genuine: fails with webhook_verification_error if not. */
    returns<void> verify(std::string_view body, const pairs &headers) const
    {
        const detail::borrowed_pairs borrowed(headers);
        if (borrowed.why())
            return detail::finish(borrowed.why());
        return detail::done(flowai_verifier_verify, get(), body.data(), body.size(), borrowed.data(), borrowed.size());
    }
    /** The one event of a call that is genuine. */
    returns<event> unwrap(std::string_view body, const pairs &headers) const
    {
        const detail::borrowed_pairs borrowed(headers);
        if (borrowed.why())
            return detail::finish(borrowed.why(), event());
        return detail::make<event>(flowai_verifier_unwrap, get(), body.data(), body.size(), borrowed.data(),
                                   borrowed.size());
    }
};

#ifndef FLOWAI_WITHOUT_DELIVERY

/** How an inbox works. Each is described at flowai_inbox_options_set_... of the same name. */
struct inbox_options {
    std::optional<milliseconds> lease_time;                     ///< How long an event stays with who took it.
    std::optional<std::uint32_t> max_attempts;                  ///< How often an event is handed out.
    std::optional<std::pair<milliseconds, milliseconds>> retry; ///< The shortest and the longest wait in between.
    std::optional<milliseconds> keep_handled;                   ///< How long handled events are kept.
    std::optional<milliseconds> keep_dead;                      ///< How long dead letters are kept.
    std::optional<milliseconds> deduplication;                  ///< How long an event is recognised.
    std::optional<std::uint64_t> max_bytes;                     ///< How large the file may become.
    std::optional<milliseconds> lock_time;                      ///< How long to wait for other processes.

    /// @cond
    using handle_type = flowai_inbox_options;
    static constexpr auto make_handle = flowai_inbox_options_new;
    static constexpr auto free_handle = flowai_inbox_options_free;
    template <class Set, class Callbacks> void apply(Set &set, Callbacks &) const
    {
        set(flowai_inbox_options_set_lease_time_ms, lease_time);
        set(flowai_inbox_options_set_max_attempts, max_attempts);
        set(flowai_inbox_options_set_retry_ms, retry);
        set(flowai_inbox_options_set_keep_handled_ms, keep_handled);
        set(flowai_inbox_options_set_keep_dead_ms, keep_dead);
        set(flowai_inbox_options_set_deduplication_ms, deduplication);
        set(flowai_inbox_options_set_max_bytes, max_bytes);
        set(flowai_inbox_options_set_lock_time_ms, lock_time);
    }
    /// @endcond
};

/** An event that an inbox hands out. It comes again unless ack() was called before this goes. */
class inbox_delivery : public detail::owned<flowai_inbox_delivery, flowai_inbox_delivery_free> {
public:
    using owned::owned;

    /** The event. */
    FLOWAI_HPP_MADE(flowai::event, inbox_delivery, event)
    /** The number of the event in its inbox. */
    std::int64_t id() const noexcept { return detail::read(flowai_inbox_delivery_id, get()); }
    /** How often it was handed out, this time included. */
    std::uint32_t attempt() const noexcept { return detail::read(flowai_inbox_delivery_attempt, get()); }
    /** When it came. */
    std::optional<moment> received_at() const noexcept
    {
        return detail::time(detail::number(flowai_inbox_delivery_received_at_ms, get()));
    }
    /** Whether somebody asked for it to be handled again. */
    bool replayed() const noexcept { return detail::read(flowai_inbox_delivery_replayed, get()); }
    /** Whether the same bytes came before. */
    bool maybe_duplicate() const noexcept { return detail::read(flowai_inbox_delivery_maybe_duplicate, get()); }
    /** It was handled. */
    returns<void> ack() { return detail::done(flowai_inbox_delivery_ack, get()); }
    /** It is to come again, after a while. */
    returns<void> retry(std::optional<milliseconds> after = {})
    {
        return detail::done(flowai_inbox_delivery_retry, get(), after ? std::int64_t{after->count()} : FLOWAI_NONE);
    }
    /** It could not be handled, for this reason: it comes again, or becomes a dead letter. */
    returns<void> fail(const text_arg &reason) { return detail::done(flowai_inbox_delivery_fail, get(), reason); }
    /** It can never be handled, for this reason. */
    returns<void> dead(const text_arg &reason) { return detail::done(flowai_inbox_delivery_dead, get(), reason); }
    /** It is still being handled. */
    returns<void> heartbeat() { return detail::done(flowai_inbox_delivery_heartbeat, get()); }
};

/** Events that are safe in a file until they are handled: `for (auto &delivery : inbox)`, until it is closed. */
class inbox : public detail::owned<flowai_inbox, flowai_inbox_free> {
public:
    using owned::owned;

    /** Opens an inbox, which belongs to this process then. */
    static returns<inbox> open(const text_arg &path, const inbox_options &options = {})
    {
        return detail::make<inbox>(flowai_inbox_open, path, detail::built(options));
    }
    /** Looks into an inbox that another process may have open. */
    static returns<inbox> attach(const text_arg &path) { return detail::make<inbox>(flowai_inbox_attach, path); }

    /** The next event; nothing when the time is over. */
    returns<std::optional<inbox_delivery>> next(milliseconds timeout = forever)
    {
        return detail::maybe<inbox_delivery>(flowai_inbox_next, get(), detail::limit(timeout));
    }
    /// @cond
    using item = inbox_delivery;
    using iterator = detail::input_iterator<inbox>;
    static constexpr bool ends_when_closed = true;
    flowai_status pull(flowai_error *err, flowai_inbox_delivery *out)
    {
        return flowai_inbox_next(get(), FLOWAI_FOREVER, err, out);
    }
    /// @endcond
    /** Waits for an event. */
    detail::input_iterator<inbox> begin() { return iterator(*this); }
    /** Where it ends: it was closed. */
    detail::input_iterator<inbox> end() noexcept { return {}; }

    /**
     * Calls `handler` for every event, on several threads at a time, until the inbox is closed or `go_on` says false.
     * The event is handled when it returns, unless it said otherwise; what it throws is why it failed.
     */
    returns<void> handle(std::size_t workers, const std::function<void(inbox_delivery &)> &handler,
                         const std::function<bool()> &go_on = {})
    {
        handling both{handler, go_on, {}};
        detail::failure why;
        why.code = flowai_inbox_handle(get(), workers, &handling::handle, &handling::ask, &both, &why.handle);
        both.guarded.rethrow();
        return detail::finish(why);
    }
    /** What gives up the waits that begin afterwards. */
    returns<void> set_cancel(const cancel &cancel)
    {
        return detail::done(flowai_inbox_set_cancel, get(), cancel.get());
    }
    /** Stores what a webhook call carries; fails when it must be answered with 503. */
    returns<documents> put(std::string_view body)
    {
        return detail::make<documents>(flowai_inbox_put, get(), body.data(), body.size());
    }
    /** Lists events by number, oldest first: those in a state and of a thread, or all. */
    returns<documents> list(const std::optional<std::string> &state = {},
                            const std::optional<std::string> &thread_id = {}, std::int64_t after = 0,
                            std::uint32_t limit = 100) const
    {
        return detail::make<documents>(flowai_inbox_list, get(), detail::optional_text(state),
                                       detail::optional_text(thread_id), after, limit);
    }
    /** What is known of an event. */
    returns<document> show(std::int64_t id) const { return detail::make<document>(flowai_inbox_show, get(), id); }
    /** The bytes of an event. */
    returns<std::string> body(std::int64_t id) const
    {
        return detail::converted<flowai_string>(detail::text_item::copy, flowai_inbox_body, get(), id);
    }
    /** Hands an event out again, as a copy. */
    returns<documents> replay(std::int64_t id) { return detail::make<documents>(flowai_inbox_replay, get(), id); }
    /** Removes an event; whether there was one. */
    returns<bool> discard(std::int64_t id) { return detail::value<bool>(flowai_inbox_discard, get(), id); }
    /** Removes all events of a conversation; how many there were. */
    returns<std::uint64_t> forget(const text_arg &thread_id)
    {
        return detail::value<std::uint64_t>(flowai_inbox_forget, get(), thread_id);
    }
    /** What it holds. */
    returns<document> stats() const { return detail::make<document>(flowai_inbox_stats, get()); }
    /** Ends every wait, and lets go of the file. */
    returns<void> close() { return detail::done(flowai_inbox_close, get()); }

private:
    struct handling {
        const std::function<void(inbox_delivery &)> &handler;
        const std::function<bool()> &go_on;
        detail::guarded guarded;

        static std::int32_t handle(void *user_data, flowai_inbox_delivery handle)
        {
            const auto *self = static_cast<const handling *>(user_data);
            inbox_delivery delivery(handle);
            detail::guarded guarded;
            const bool done = guarded.call(false, [&] { return self->handler(delivery), true; });
            if (!done)
                (void)flowai_inbox_delivery_fail(handle, guarded.what().c_str(), nullptr);
            // The library frees it.
            (void)delivery.release();
            return done ? 0 : 1;
        }
        static bool ask(void *user_data)
        {
            auto *self = static_cast<handling *>(user_data);
            return self->guarded.call(false, [&] { return !self->go_on || self->go_on(); });
        }
    };
};

/** How a receiver works. Each is described at flowai_receiver_config_set_... of the same name. */
struct receiver_config {
    const flowai::verifier *verifier = nullptr;                    ///< Decides which calls are genuine.
    bool no_verifier = false;                                      ///< Takes every call for genuine; needs no verifier.
    const flowai::inbox *inbox = nullptr;                          ///< Where events go; without one, into memory.
    std::optional<std::string> listen;                             ///< The address and the port.
    std::optional<std::string> path;                               ///< The path of the webhook.
    std::optional<std::string> health;                             ///< The path that monitors ask.
    std::optional<std::pair<std::string, std::string>> tls;        ///< The files of certificate and key.
    std::optional<std::size_t> queue;                              ///< How many events wait in memory.
    std::optional<std::size_t> max_body_bytes;                     ///< How large a call may be.
    std::optional<std::pair<std::size_t, std::size_t>> max_connections; ///< How many in all, and from one address.
    std::optional<milliseconds> drain_time;                        ///< How long requests in flight have at the end.

    /// @cond
    using handle_type = flowai_receiver_config;
    static constexpr auto make_handle = flowai_receiver_config_new;
    static constexpr auto free_handle = flowai_receiver_config_free;
    template <class Set, class Callbacks> void apply(Set &set, Callbacks &) const
    {
        set(flowai_receiver_config_set_verifier, verifier);
        set.flag(flowai_receiver_config_set_no_verifier, no_verifier);
        set(flowai_receiver_config_set_inbox, inbox);
        set(flowai_receiver_config_set_listen, listen);
        set(flowai_receiver_config_set_path, path);
        set(flowai_receiver_config_set_health, health);
        set(flowai_receiver_config_set_tls, tls);
        set(flowai_receiver_config_set_queue, queue);
        set(flowai_receiver_config_set_max_body_bytes, max_body_bytes);
        set(flowai_receiver_config_set_max_connections, max_connections);
        set(flowai_receiver_config_set_drain_time_ms, drain_time);
    }
    /// @endcond
};

/** Receives webhook calls and hands out their events: `for (auto &event : receiver)`, until it is stopped. */
class receiver : public detail::owned<flowai_receiver, flowai_receiver_free> {
public:
    using owned::owned;

    /** Starts to listen. */
    static returns<receiver> start(const receiver_config &config)
    {
        return detail::make<receiver>(flowai_receiver_start, detail::built(config));
    }
    /** Where it is called. */
    FLOWAI_HPP_TEXT(receiver, url)
    /** The port. */
    std::uint16_t port() const noexcept { return detail::read(flowai_receiver_port, get()); }
    /** The next event; nothing when the time is over. */
    returns<std::optional<event>> next(milliseconds timeout = forever)
    {
        return detail::maybe<event>(flowai_receiver_next, get(), detail::limit(timeout));
    }
    /** The next event of a kind and of a conversation; the others stay where they are. */
    returns<std::optional<event>> wait(std::optional<kind> kind, const std::optional<std::string> &thread_id = {},
                                       milliseconds timeout = forever)
    {
        return detail::maybe<event>(flowai_receiver_wait, get(),
                                    kind ? static_cast<flowai_kind>(*kind) : FLOWAI_EVENT_ANY,
                                    detail::optional_text(thread_id), detail::limit(timeout));
    }
    /// @cond
    using item = event;
    using iterator = detail::input_iterator<receiver>;
    static constexpr bool ends_when_closed = true;
    flowai_status pull(flowai_error *err, flowai_event *out)
    {
        return flowai_receiver_next(get(), FLOWAI_FOREVER, err, out);
    }
    /// @endcond
    /** Waits for an event. */
    detail::input_iterator<receiver> begin() { return iterator(*this); }
    /** Where it ends: it was stopped. */
    detail::input_iterator<receiver> end() noexcept { return {}; }
    /** What gives up the waits that begin afterwards. */
    returns<void> set_cancel(const cancel &cancel)
    {
        return detail::done(flowai_receiver_set_cancel, get(), cancel.get());
    }
    /** Reads certificate and key anew. */
    returns<void> reload_tls() { return detail::done(flowai_receiver_reload_tls, get()); }
    /** What it did so far. */
    returns<document> stats() const { return detail::make<document>(flowai_receiver_stats, get()); }
    /** Takes no further calls, and ends every wait once the queue is empty. */
    returns<void> stop() { return detail::done(flowai_receiver_stop, get()); }
};

/** How an outbox works. Each is described at flowai_outbox_options_set_... of the same name. */
struct outbox_options {
    std::optional<std::string> on_ambiguous;                    ///< What becomes of a message that may have been sent.
    std::optional<std::uint32_t> max_repeats;                   ///< How often such a message is repeated.
    std::optional<milliseconds> max_age;                        ///< How long a message may wait.
    std::optional<std::uint64_t> max_messages;                  ///< How many messages may wait.
    std::optional<std::uint64_t> max_bytes;                     ///< How many bytes may wait.
    std::optional<std::pair<milliseconds, milliseconds>> retry; ///< The shortest and the longest wait between tries.
    std::optional<std::size_t> concurrency;                     ///< How many messages are on their way at once.
    std::optional<std::uint64_t> keep_sent;                     ///< How many reports of sent messages are kept.
    std::optional<milliseconds> close_time;                     ///< How long closing waits.
    std::optional<milliseconds> lock_time;                      ///< How long to wait for other processes.

    /// @cond
    using handle_type = flowai_outbox_options;
    static constexpr auto make_handle = flowai_outbox_options_new;
    static constexpr auto free_handle = flowai_outbox_options_free;
    template <class Set, class Callbacks> void apply(Set &set, Callbacks &) const
    {
        set(flowai_outbox_options_set_on_ambiguous, on_ambiguous);
        set(flowai_outbox_options_set_max_repeats, max_repeats);
        set(flowai_outbox_options_set_max_age_ms, max_age);
        set(flowai_outbox_options_set_max_messages, max_messages);
        set(flowai_outbox_options_set_max_bytes, max_bytes);
        set(flowai_outbox_options_set_retry_ms, retry);
        set(flowai_outbox_options_set_concurrency, concurrency);
        set(flowai_outbox_options_set_keep_sent, keep_sent);
        set(flowai_outbox_options_set_close_time_ms, close_time);
        set(flowai_outbox_options_set_lock_time_ms, lock_time);
    }
    /// @endcond
};

/** What an outbox does with a file. */
enum class keep_file : flowai_keep_file {
    copy = FLOWAI_KEEP_COPY,          ///< It has a copy.
    reference = FLOWAI_KEEP_REFERENCE ///< It reads the file when it is sent.
};

/** What became of a message of an outbox. */
enum class outcome : flowai_outcome {
    unknown = FLOWAI_OUTCOME_UNKNOWN,       ///< One that this version does not know.
    sent = FLOWAI_OUTCOME_SENT,             ///< The service took it.
    maybe_sent = FLOWAI_OUTCOME_MAYBE_SENT, ///< Nobody knows.
    failed = FLOWAI_OUTCOME_FAILED          ///< It did not arrive.
};

/** The name of an outcome, such as "maybe_sent". */
inline std::string_view to_string(outcome outcome) noexcept
{
    return flowai_outcome_name(static_cast<flowai_outcome>(outcome));
}

/** A message that an outbox took over: it is safe on the disk. */
class outbox_receipt : public detail::owned<flowai_outbox_receipt, flowai_outbox_receipt_free> {
public:
    using owned::owned;

    /** The number of the message in its outbox. */
    std::int64_t id() const noexcept { return detail::read(flowai_outbox_receipt_id, get()); }
    /** The thread. */
    FLOWAI_HPP_TEXT(outbox_receipt, thread_id)
    /** The trace id that goes along. */
    FLOWAI_HPP_NUMBER(outbox_receipt, trace_id)
};

/** What became of a message. It stays in the outbox until ack(). */
class outbox_report : public detail::owned<flowai_outbox_report, flowai_outbox_report_free> {
public:
    using owned::owned;

    /** The number of the message, as in its receipt. */
    std::int64_t id() const noexcept { return detail::read(flowai_outbox_report_id, get()); }
    /** What became of it. */
    flowai::outcome outcome() const noexcept
    {
        return flowai::outcome(detail::read(flowai_outbox_report_outcome, get()));
    }
    /** The thread. */
    FLOWAI_HPP_TEXT(outbox_report, thread_id)
    /** The trace id that went along. */
    FLOWAI_HPP_NUMBER(outbox_report, trace_id)
    /** What went wrong last. */
    FLOWAI_HPP_TEXT(outbox_report, error)
    /** What the message said, to send it again. */
    FLOWAI_HPP_MADE(flowai::message, outbox_report, message)
    /** Everything that is known. */
    FLOWAI_HPP_MADE(flowai::document, outbox_report, document)
    /** Removes the report. */
    returns<void> ack() { return detail::done(flowai_outbox_report_ack, get()); }
};

/** Sends sooner or later: messages are safe in a file until the service has them. `for (auto &report : outbox)`. */
class outbox : public detail::owned<flowai_outbox, flowai_outbox_free> {
public:
    using owned::owned;

    /** Opens an outbox and begins to send what is in it. */
    static returns<outbox> open(const text_arg &path, const client &client, const outbox_options &options = {})
    {
        return detail::make<outbox>(flowai_outbox_open, path, client.get(), detail::built(options));
    }
    /** Puts messages into an outbox from which another process sends. */
    static returns<outbox> attach(const text_arg &path, const client &client, const outbox_options &options = {})
    {
        return detail::make<outbox>(flowai_outbox_attach, path, client.get(), detail::built(options));
    }

    /** Puts a text into it. */
    returns<outbox_receipt> send_text(const text_arg &thread_id, const text_arg &text, const send_options &options = {})
    {
        return put(flowai_outbox_send_text, options, thread_id, text);
    }
    /** Puts an event into it. */
    returns<outbox_receipt> send_event(const text_arg &thread_id, const text_arg &name,
                                       const send_options &options = {})
    {
        return put(flowai_outbox_send_event, options, thread_id, name);
    }
    /** Puts a place into it. */
    returns<outbox_receipt> send_location(const text_arg &thread_id, const text_arg &lat, const text_arg &lng,
                                          const send_options &options = {})
    {
        return put(flowai_outbox_send_location, options, thread_id, lat, lng);
    }
    /** Puts media by URL into it. */
    returns<outbox_receipt> send_media(const text_arg &thread_id, const text_arg &url, const text_arg &type,
                                       const send_options &options = {})
    {
        return put(flowai_outbox_send_media, options, thread_id, url, type);
    }
    /** Puts a message of any kind into it. */
    returns<outbox_receipt> send(const text_arg &thread_id, const message &message, const send_options &options = {})
    {
        return put(flowai_outbox_send, options, thread_id, message.get());
    }
    /** Puts a file into it. */
    returns<outbox_receipt> upload_media(const text_arg &thread_id, const text_arg &path,
                                         keep_file keep = keep_file::copy, const send_options &options = {})
    {
        return put(flowai_outbox_upload_media, options, thread_id, path, static_cast<flowai_keep_file>(keep));
    }
    /** Puts bytes from memory into it as a file. */
    returns<outbox_receipt> upload_media_bytes(const text_arg &thread_id, std::string_view data,
                                               const send_options &options = {})
    {
        return put(flowai_outbox_upload_media_bytes, options, thread_id, data.data(), data.size());
    }

    /** The next report; nothing when the time is over. */
    returns<std::optional<outbox_report>> next_report(milliseconds timeout = forever)
    {
        return detail::maybe<outbox_report>(flowai_outbox_next_report, get(), detail::limit(timeout));
    }
    /// @cond
    using item = outbox_report;
    using iterator = detail::input_iterator<outbox>;
    static constexpr bool ends_when_closed = true;
    flowai_status pull(flowai_error *err, flowai_outbox_report *out)
    {
        return flowai_outbox_next_report(get(), FLOWAI_FOREVER, err, out);
    }
    /// @endcond
    /** Waits for a report. */
    detail::input_iterator<outbox> begin() { return iterator(*this); }
    /** Where it ends: it was closed. */
    detail::input_iterator<outbox> end() noexcept { return {}; }
    /** What gives up the waits that begin afterwards. */
    returns<void> set_cancel(const cancel &cancel)
    {
        return detail::done(flowai_outbox_set_cancel, get(), cancel.get());
    }
    /** Takes note of a delivery event; whether it is about a message of this outbox. */
    returns<bool> confirm(const event &event) { return detail::value<bool>(flowai_outbox_confirm, get(), event.get()); }
    /** Tries everything now; how many messages are left. */
    returns<std::uint64_t> flush(milliseconds timeout = forever)
    {
        return detail::value<std::uint64_t>(flowai_outbox_flush, get(), detail::limit(timeout));
    }
    /** Lists messages that wait, by number, oldest first: those of a thread, or all. */
    returns<documents> list(const std::optional<std::string> &thread_id = {}, std::int64_t after = 0,
                            std::uint32_t limit = 100) const
    {
        return detail::make<documents>(flowai_outbox_list, get(), detail::optional_text(thread_id), after, limit);
    }
    /** What is known of a message. */
    returns<document> show(std::int64_t id) const { return detail::make<document>(flowai_outbox_show, get(), id); }
    /** Removes a message; whether it waited. */
    returns<bool> discard(std::int64_t id) { return detail::value<bool>(flowai_outbox_discard, get(), id); }
    /** What it holds. */
    returns<document> stats() const { return detail::make<document>(flowai_outbox_stats, get()); }
    /** Waits for what is on its way, and lets go of the file. */
    returns<void> close() { return detail::done(flowai_outbox_close, get()); }

private:
    template <class Function, class... Arguments>
    returns<outbox_receipt> put(Function function, const send_options &options, const Arguments &...arguments)
    {
        return detail::make<outbox_receipt>(function, get(), arguments..., detail::built(options));
    }
};

#endif // FLOWAI_WITHOUT_DELIVERY

/** How a call ended. What it gives can be taken once; of a call that failed, taking it fails as the call did. */
class completion : public detail::owned<flowai_completion, flowai_completion_free> {
public:
    using owned::owned;

    /** FLOWAI_OK or one of FLOWAI_ERR_... . */
    flowai_status status() const noexcept
    {
        return detail::read(flowai_completion_status, get(), flowai_status(FLOWAI_ERR_BAD_HANDLE));
    }
    /** The operation, such as "send_text". */
    FLOWAI_HPP_TEXT(completion, operation)
    /** The result as JSON. */
    FLOWAI_HPP_TEXT(completion, json)
    /** What queue::submit() was given. */
    void *user_data() const noexcept { return detail::read(flowai_completion_user_data, get()); }

    /** Takes the receipt of what was acknowledged. */
    returns<flowai::receipt> receipt() { return take<flowai::receipt>(flowai_completion_receipt); }
    /** Takes the reply of "ask". */
    returns<flowai::reply> reply() { return take<flowai::reply>(flowai_completion_reply); }
    /** Takes the page of "history". */
    returns<flowai::page<document>> history() { return take<flowai::page<document>>(flowai_completion_page); }
    /** Takes the page of "threads". */
    returns<flowai::page<std::string_view>> threads()
    {
        return take<flowai::page<std::string_view>>(flowai_completion_page);
    }
    /** Takes a list of documents, such as that of "segments". */
    returns<flowai::documents> documents() { return take<flowai::documents>(flowai_completion_list); }
    /** Takes a list of texts, such as that of "trigger_events". */
    returns<flowai::texts> texts() { return take<flowai::texts>(flowai_completion_list); }
    /** Takes a text, such as that of "create_thread". */
    returns<std::string> text()
    {
        flowai_string out{};
        const auto why = taken(flowai_completion_string, &out);
        return detail::finish(why, detail::text_item::copy(out));
    }
    /** Takes business hours. */
    returns<flowai::business_hours> business_hours()
    {
        return take<flowai::business_hours>(flowai_completion_business_hours);
    }
    /** Takes a bot status. */
    returns<flowai::bot_status> bot_status() { return take<flowai::bot_status>(flowai_completion_bot_status); }
    /** Takes the response to "request". */
    returns<flowai::response> response() { return take<flowai::response>(flowai_completion_response); }
#ifndef FLOWAI_WITHOUT_DELIVERY
    /** Takes the event of a receiver that is watched. */
    returns<flowai::event> event() { return take<flowai::event>(flowai_completion_event); }
    /** Takes the event of an inbox that is watched. */
    returns<flowai::inbox_delivery> inbox_delivery()
    {
        return take<flowai::inbox_delivery>(flowai_completion_inbox_delivery);
    }
    /** Takes the report of an outbox that is watched. */
    returns<flowai::outbox_report> outbox_report()
    {
        return take<flowai::outbox_report>(flowai_completion_outbox_report);
    }
#endif

private:
    template <class Handle>
    detail::failure taken(flowai_status (*accessor)(flowai_completion, Handle *), Handle *out) noexcept
    {
        detail::failure why;
        why.code = status();
        if (why)
            (void)flowai_completion_error(get(), &why.handle);
        else if ((why.code = accessor(get(), out)) != FLOWAI_OK)
            why.message = "the call gives no such thing, or it was taken before";
        return why;
    }
    template <class T, class Handle>
    returns<T> take(flowai_status (*accessor)(flowai_completion, Handle *))
    {
        Handle out{};
        const auto why = taken(accessor, &out);
        return detail::finish(why, T(out));
    }
};

/** A call by the name of its operation, to be made now or by a queue. */
class call : public detail::owned<flowai_call, flowai_call_free> {
public:
    using owned::owned;

    /** Prepares a call, such as one of "send_text". */
    static returns<call> make(const client &client, const text_arg &operation)
    {
        return detail::make<call>(flowai_call_new, client.get(), operation);
    }
    /** Sets an argument that is a text. */
    returns<void> set_text(const text_arg &name, const text_arg &value)
    {
        return detail::done(flowai_call_set_text, get(), name, value);
    }
    /** Sets an argument that is a whole number. */
    returns<void> set_integer(const text_arg &name, std::int64_t value)
    {
        return detail::done(flowai_call_set_integer, get(), name, value);
    }
    /** Sets an argument that is a number. */
    returns<void> set_number(const text_arg &name, double value)
    {
        return detail::done(flowai_call_set_number, get(), name, value);
    }
    /** Sets an argument that is true or false. */
    returns<void> set_boolean(const text_arg &name, bool value)
    {
        return detail::done(flowai_call_set_boolean, get(), name, value);
    }
    /** Sets any argument as JSON. */
    returns<void> set_json(const text_arg &name, const text_arg &value)
    {
        return detail::done(flowai_call_set_json, get(), name, value);
    }
    /** Sets several arguments by a JSON object. */
    returns<void> set_arguments(const text_arg &arguments)
    {
        return detail::done(flowai_call_set_arguments, get(), arguments);
    }
    /** Sets the file of an upload. */
    returns<void> set_path(const text_arg &path) { return detail::done(flowai_call_set_path, get(), path); }
    /** Sets the bytes of an upload, which are copied. */
    returns<void> set_bytes(std::string_view data)
    {
        return detail::done(flowai_call_set_bytes, get(), data.data(), data.size());
    }
    /** Sets what gives it up. */
    returns<void> set_cancel(const cancel &cancel) { return detail::done(flowai_call_set_cancel, get(), cancel.get()); }
    /** Makes it, and waits for its result. It can be made again. */
    returns<completion> wait() const { return detail::make<completion>(flowai_call_wait, get()); }
};

/// @cond
namespace detail {

/// The functions that a queue is to call: each lives until it was called, or with the queue.
class tasks {
public:
    using function = std::function<void(completion &)>;

    struct task : std::enable_shared_from_this<task> {
        task(std::shared_ptr<tasks> all, function called, bool is_once)
            : owner(std::move(all)), call(std::move(called)), once(is_once)
        {
        }
        std::shared_ptr<tasks> owner;
        function call;
        bool once;
    };

    static task *add(const std::shared_ptr<tasks> &all, function called, bool once)
    {
        const auto made = std::make_shared<task>(all, std::move(called), once);
        const std::lock_guard<std::mutex> lock(all->mutex_);
        all->held_.emplace(made.get(), made);
        return made.get();
    }
    void remove(task *one)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        held_.erase(one);
    }
    void clear()
    {
        std::map<task *, std::shared_ptr<task>> held;
        const std::lock_guard<std::mutex> lock(mutex_);
        held.swap(held_);
    }
    static void run(void *user_data, flowai_completion handle)
    {
        // The function may free the queue, and with it what is held here.
        const auto self = static_cast<task *>(user_data)->shared_from_this();
        completion finished(handle);
        guarded guard;
        guard.call(false, [&] { return self->call(finished), true; });
        // The library frees it.
        (void)finished.release();
        self->owner->keep(guard);
        if (self->once)
            self->owner->remove(self.get());
    }
    void rethrow()
    {
        guarded thrown;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            std::swap(thrown, thrown_);
        }
        thrown.rethrow();
    }

private:
    void keep(const guarded &thrown)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (thrown && !thrown_)
            thrown_ = thrown;
    }

    std::mutex mutex_;
    std::map<task *, std::shared_ptr<task>> held_;
    guarded thrown_;
};

/// Is there before the handle of a queue, and goes after it.
struct has_tasks {
    std::shared_ptr<tasks> held = std::make_shared<tasks>();

    has_tasks() = default;
    has_tasks(has_tasks &&other) noexcept : held(std::move(other.held)) {}
    has_tasks &operator=(has_tasks &&other) noexcept { return std::swap(held, other.held), *this; }
    ~has_tasks()
    {
        if (held)
            held->clear();
    }
};

} // namespace detail
/// @endcond

/**
 * Makes calls without waiting for them. poll() calls the functions of those that are finished, on its thread; what a
 * function throws comes out of poll(). The program's own loop waits for fd() and polls with a time limit of 0.
 */
class queue : private detail::has_tasks, public detail::owned<flowai_queue, flowai_queue_free> {
public:
    /** What is called with what is finished; it may take from it, submit the next call, and let go of the queue. */
    using function = std::function<void(completion &)>;

    /** One without anything. */
    queue() = default;
    /** Takes over another one. */
    queue(queue &&other) noexcept = default;
    /** Takes over another one, after letting go of its own. */
    queue &operator=(queue &&other) noexcept
    {
        queue taken(std::move(other));
        std::swap(held, taken.held);
        std::swap(static_cast<owned &>(*this), static_cast<owned &>(taken));
        return *this;
    }
    /** One that holds so many calls, outstanding or finished. */
    static returns<queue> make(std::size_t capacity) { return detail::make<queue>(flowai_queue_new, capacity); }

    /** Starts a call; `done` is called once it is finished. */
    returns<void> submit(const call &call, function done)
    {
        return begin(flowai_queue_submit, call.get(), std::move(done), true);
    }
    /** Starts a call whose completion poll() returns. */
    returns<void> submit(const call &call, void *user_data = nullptr)
    {
        return detail::done([](auto... passed) { return submit_plain(passed...); }, get(), call.get(), user_data);
    }
#ifndef FLOWAI_WITHOUT_DELIVERY
    /** Has `called` called for every event of a receiver, until that is stopped. */
    returns<void> watch(const receiver &receiver, function called)
    {
        return begin(flowai_queue_watch_receiver, receiver.get(), std::move(called), false);
    }
    /** Has `called` called for every event of an inbox, until that is closed. */
    returns<void> watch(const inbox &inbox, function called)
    {
        return begin(flowai_queue_watch_inbox, inbox.get(), std::move(called), false);
    }
    /** Has `called` called for every report of an outbox, until that is closed. */
    returns<void> watch(const outbox &outbox, function called)
    {
        return begin(flowai_queue_watch_outbox, outbox.get(), std::move(called), false);
    }
#endif
    /** Takes what is finished, waiting for it: a completion that has no function, or nothing. */
    returns<std::optional<completion>> poll(milliseconds timeout = forever)
    {
        // The functions may let go of this queue.
        const auto all = held;
        auto taken = detail::maybe<completion>(flowai_poll, get(), detail::limit(timeout));
        if (all)
            all->rethrow();
        return taken;
    }
    /** The descriptor that is readable while there is something to take. */
    returns<int> fd() const
    {
        std::int32_t out = -1;
        detail::failure why;
        why.code = flowai_queue_fd(get(), &out);
        why.message = "the queue has no descriptor";
        return detail::finish(why, int{out});
    }
    /** How much is outstanding, or finished and not taken. */
    std::size_t count() const noexcept { return detail::read(flowai_queue_count, get()); }
    /** Ends the poll() that waits, or the next one. Async-signal-safe. */
    void wake() const noexcept { (void)flowai_queue_wake(get()); }

    /// @cond
    explicit queue(flowai_queue handle) : owned(handle) {}
    /// @endcond

private:
    static flowai_status submit_plain(flowai_queue queue, flowai_call call, void *user_data, flowai_error *err)
    {
        return flowai_queue_submit(queue, call, nullptr, user_data, err);
    }
    template <class Start, class Source> returns<void> begin(Start start, Source source, function called, bool once)
    {
        const auto &all = held;
        detail::failure why{FLOWAI_ERR_BAD_HANDLE, {}, "this queue was moved from"};
        if (all) {
            auto *const task = detail::tasks::add(all, std::move(called), once);
            why = {};
            why.code = start(get(), source, &detail::tasks::run, task, &why.handle);
            if (why)
                all->remove(task);
        }
        return detail::finish(why);
    }
};

/** How much is said, from nothing to everything. */
enum class log_level : flowai_log_level {
    off = FLOWAI_LOG_OFF,     ///< Nothing.
    error = FLOWAI_LOG_ERROR, ///< What went wrong.
    warn = FLOWAI_LOG_WARN,   ///< What may go wrong.
    info = FLOWAI_LOG_INFO,   ///< What happens.
    debug = FLOWAI_LOG_DEBUG, ///< Every attempt.
    trace = FLOWAI_LOG_TRACE  ///< Everything.
};

/** What takes the log: any thread calls it, several at once. What it throws is dropped. */
using log_function = std::function<void(log_level level, std::string_view target, std::string_view message)>;

/** Sets what takes the log of the whole process; an empty function for nothing. It lives as long as the process. */
inline returns<void> log_set(log_function function, log_level level)
{
    struct taker {
        log_function function;
        static void run(void *user_data, flowai_log_level level, const char *target, const char *message)
        {
            const auto *self = static_cast<const taker *>(user_data);
            detail::guarded().call(false, [&] { return self->function(log_level(level), target, message), true; });
        }
    };
    static std::mutex mutex;
    static std::vector<std::unique_ptr<taker>> all;
    taker *current = nullptr;
    if (function) {
        // One that was replaced may be the one that calls this.
        const std::lock_guard<std::mutex> lock(mutex);
        all.push_back(std::make_unique<taker>(taker{std::move(function)}));
        current = all.back().get();
    }
    const auto set = [](auto... passed) { return flowai_log_set(passed...); };
    return detail::done(set, current ? &taker::run : nullptr, static_cast<void *>(current),
                        static_cast<flowai_log_level>(level));
}

#undef FLOWAI_HPP_TEXT
#undef FLOWAI_HPP_NUMBER
#undef FLOWAI_HPP_MADE

} // namespace throwing, results or results_without_exceptions
} // namespace flowai

#undef FLOWAI_HPP_EXCEPTIONS
#undef FLOWAI_HPP_RESULTS

#endif // FLOWAI_HPP
