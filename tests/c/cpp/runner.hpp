// What the generated programs in C++ have in common: they print what calls give, as JSON, by the accessors of flowai.hpp.
#include <flowai.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

inline std::string quoted(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        char escaped[8];
        if (c == '"' || c == '\\')
            out += '\\';
        if (static_cast<unsigned char>(c) < 32) {
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
            out += escaped;
        } else {
            out += c;
        }
    }
    return out + '"';
}

inline std::string member(const char *name, std::string_view text)
{
    return quoted(name) + ": " + quoted(text) + ", ";
}

inline std::string member(const char *name, std::optional<std::int64_t> number)
{
    return quoted(name) + ": " + (number ? std::to_string(*number) : "null") + ", ";
}

inline std::string raw(const char *name, std::string_view json)
{
    return quoted(name) + ": " + (json.empty() ? "null" : std::string(json)) + ", ";
}

inline std::string shown(const flowai::document &document)
{
    return std::string(document.json());
}

inline std::string shown(std::string_view text)
{
    return quoted(text);
}

/// Everything that can be gone through: lists, and the whole of a history.
template <class Items> std::string all(Items &&items)
{
    std::string out;
    for (auto &&item : items)
        out += (out.empty() ? "" : ", ") + shown(item);
    return "[" + out + "]";
}

inline std::string shown(const flowai::receipt &receipt)
{
    return "{" + member("thread_id", receipt.thread_id()) + member("trace_id", receipt.trace_id())
        + member("status", receipt.status()) + member("request_id", receipt.request_id()) + "\"end\": 0}";
}

inline std::string shown(const flowai::reply &reply)
{
    return "{" + member("text", reply.text()) + member("thread_id", reply.thread_id()) + member("trace_id", reply.trace_id())
        + raw("templates", all(reply.templates())) + raw("all_quick_replies", all(reply.quick_replies()))
        + raw("all_messages", all(reply.event().messages())) + raw("raw", reply.json()) + "\"end\": 0}";
}

inline std::string shown(const flowai::bot_status &status)
{
    const auto paused = status.is_paused();
    return "{" + member("thread_id", status.thread_id()) + raw("is_paused", paused ? (*paused ? "true" : "false") : "")
        + raw("raw", status.json()) + "\"end\": 0}";
}

template <class Item> std::string shown(const flowai::page<Item> &page)
{
    const char *const items = std::is_same_v<Item, std::string_view> ? "threads" : "entries";
    return "{" + member("thread_id", page.thread_id()) + member("page", page.number()) + member("pages", page.pages())
        + raw("raw", page.json()) + raw(items, all(page.items())) + "\"end\": 0}";
}

inline std::string shown(flowai::history_range &history)
{
    return "{" + raw("entries", all(history)) + "\"end\": 0}";
}

inline std::string shown(flowai::thread_range &threads)
{
    return "{" + raw("threads", all(threads)) + "\"end\": 0}";
}

template <class Item> std::string shown(const flowai::list<Item> &list)
{
    return all(list);
}

inline std::string new_thread(const std::string &thread_id)
{
    return "{" + member("thread_id", thread_id) + "\"end\": 0}";
}

inline std::string shown(const flowai::error &error)
{
    std::string out = "{" + member("kind", error.name()) + member("message", error.message()) + member("operation", error.operation())
        + member("argument", error.argument()) + member("server_message", error.server_message()) + member("body", error.body())
        + member("request_id", error.request_id());
    out += member("retry_after_ms", error.retry_after() ? std::optional<std::int64_t>(error.retry_after()->count()) : std::nullopt);
    if (error.http_status())
        out += member("status", std::int64_t{error.http_status()});
    if (error.delivery() != flowai::delivery_state::none)
        out += member("delivery", flowai::to_string(error.delivery()));
    return out + "\"retryable\": " + (error.retryable() ? "true" : "false") + ", \"end\": 0}";
}
