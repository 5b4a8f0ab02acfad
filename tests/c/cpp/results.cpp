// flowai.hpp without exceptions: every call that can fail returns a result.
#include "check.hpp"

#include <type_traits>

using namespace std::chrono_literals;

static_assert(std::is_same_v<flowai::returns<flowai::receipt>, flowai::result<flowai::receipt>>);

int throwing_part(const char *base_url);

int main(int, char **argv)
{
    begin(argv);
    auto client = flowai::client::make(settings());
    CHECK(client && client->base_url() == argv[1]);
    const auto receipt = client->send_text("thread-1", "Hello");
    CHECK(receipt && receipt->thread_id() == "thread-1" && (*receipt).status() == "ok");
    const auto refused = client->send_text("..", "Hello");
    CHECK(!refused && refused.error().argument() == "thread_id" && refused.error().name() == "invalid_argument");
    CHECK(refused.error().delivery() == flowai::delivery_state::not_sent);
    flowai::receipt moved = client->send_text("thread-1", "Hello").value();
    CHECK(moved.thread_id() == "thread-1");

    auto unreachable = settings();
    unreachable.base_url = "http://127.0.0.1:9/rest/v1/";
    unreachable.max_retries = 0;
    const auto nobody = flowai::client::make(unreachable);
    auto history = nobody->iter_history("thread-1");
    CHECK(history);
    int errors = 0;
    for (const auto &entry : *history)
        errors += !entry && entry.error().code() == FLOWAI_ERR_CONNECTION;
    CHECK(errors == 1);
    CHECK(!history->next());

    flowai::send_options options;
    options.timeout = -1ms;
    CHECK(!client->send_text("thread-1", "Hello", options));
    options = {};
    options.lang = "not a language";
    (void)client->send_text("thread-1", "Hello", options);
    options = {};
    std::uint64_t seen = 0;
    options.progress = [&](std::uint64_t done, std::uint64_t) { return seen = done, true; };
    CHECK(client->upload_media_bytes("thread-1", "abc", options) && seen == 3);

    CHECK(client->close() && !client->send_text("thread-1", "Hello"));
    auto inbox = flowai::inbox::open(folder() + "/results.db");
    CHECK(inbox);
    const auto put = inbox->put(R"({"type": "message.delivered", "threadId": "t"})");
    CHECK(put && put->size() == 1);
    const auto delivery = inbox->next(10s);
    CHECK(delivery && *delivery && (*delivery)->event().kind() == flowai::kind::delivered);
    // Linked with a file in which the same names throw.
    return throwing_part(argv[1]);
}
