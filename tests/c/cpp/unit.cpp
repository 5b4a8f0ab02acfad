// flowai.hpp: who owns what, how long text lives, what fails and how, and that no exception crosses the library.
#include "check.hpp"

#include <flowai.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

using namespace std::chrono_literals;

namespace {

template <class T>
constexpr bool moves_only = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>
    && !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> && std::is_nothrow_default_constructible_v<T>;

static_assert(moves_only<flowai::client> && moves_only<flowai::receipt> && moves_only<flowai::event>);
static_assert(moves_only<flowai::document> && moves_only<flowai::documents> && moves_only<flowai::reply>);
static_assert(moves_only<flowai::receiver> && moves_only<flowai::inbox> && moves_only<flowai::outbox>);
static_assert(std::is_copy_constructible_v<flowai::config> && std::is_copy_constructible_v<flowai::send_options>);
static_assert(std::is_nothrow_copy_constructible_v<flowai::error>);

// A view of an object, a copy of what is asked of a temporary.
static_assert(std::is_same_v<decltype(std::declval<flowai::event &>().text()), std::string_view>);
static_assert(std::is_same_v<decltype(std::declval<flowai::event>().text()), std::string>);

const char *const DELIVERED = R"({"type": "message.delivered", "threadId": "thread-1|channel", "speech": "Hello", "traceId": 7})";

void objects_own_and_move()
{
    auto event = flowai::event::parse(DELIVERED);
    const auto handle = event.get();
    auto other = std::move(event);
    CHECK(!event && other && other.get().id == handle.id);
    CHECK(event.text().empty() && !event.trace_id() && event.kind() == flowai::kind::unknown);
    CHECK(event.templates().empty());
    CHECK(other.text() == "Hello" && other.trace_id() == 7 && other.kind() == flowai::kind::delivered);
    other = std::move(other);
    CHECK(other.text() == "Hello");

    flowai_str text{};
    other = flowai::event();
    CHECK(flowai_event_text(handle, &text) == FLOWAI_ERR_BAD_HANDLE);
    {
        const auto gone = flowai::event::parse(DELIVERED);
        event = flowai::event(gone.get());
        CHECK(event.release().id == gone.get().id);
    }
    CHECK(!event);
}

void text_goes_in_and_out()
{
    const std::string body = std::string(DELIVERED) + "and more";
    const auto event = flowai::event::parse(std::string_view(body).substr(0, std::string_view(DELIVERED).size()));
    const std::string_view view = event.text();
    CHECK(view == "Hello" && view.data()[view.size()] == '\0');
    CHECK(event.is_for("thread-1") && event.is_for(std::string("thread-1|channel")));
    CHECK(event.is_for(std::string_view("thread-10").substr(0, 8)) && !event.is_for("thread-10"));
    CHECK(!event.is_for(std::string_view("thread-1\0x", 10)));
    const std::string copy = flowai::event::parse(DELIVERED).text();
    CHECK(copy == "Hello");

    const auto client = flowai::client::make(settings());
    const auto cut = thrown<flowai::invalid_argument>([&] { (void)client.send_text("thread-1", std::string_view("a\0b", 3)); });
    CHECK(std::string(cut.what()).find("NUL") != std::string::npos && cut.name() == "invalid_argument");
    flowai::send_options options;
    options.lang = std::string("n\0l", 3);
    thrown<flowai::invalid_argument>([&] { (void)client.send_text("thread-1", "Hello", options); });
    thrown<flowai::invalid_argument>([&] { (void)client.request("GET", "x", {{"a", std::string("\0", 1)}}); });
}

void failures_say_what_happened()
{
    const auto client = flowai::client::make(settings());
    const auto refused = thrown<flowai::invalid_argument>([&] { (void)client.send_text("..", "Hello"); });
    CHECK(refused.argument() == "thread_id" && refused.delivery() == flowai::delivery_state::not_sent);
    CHECK(refused.code() == FLOWAI_ERR_INVALID_ARGUMENT && !refused.retryable() && refused.http_status() == 0);
    CHECK(refused.operation() == "send_text" && refused.message() == refused.what());
    CHECK(flowai::to_string(refused.delivery()) == "not_sent");

    flowai::send_options wrong;
    wrong.trace_id = ~std::uint64_t{0};
    CHECK(thrown<flowai::invalid_argument>([&] { (void)client.send_text("thread-1", "Hello", wrong); }).argument() == "trace_id");
    wrong = {};
    wrong.timeout = -1ms;
    thrown<flowai::invalid_argument>([&] { (void)client.send_text("thread-1", "Hello", wrong); });

    auto unreachable = settings();
    unreachable.base_url = "http://127.0.0.1:9/rest/v1/";
    unreachable.max_retries = 0;
    const auto nobody = flowai::client::make(unreachable);
    flowai::error kept = thrown<flowai::connection_error>([&] { (void)nobody.send_text("thread-1", "Hello"); });
    flowai::error copy = kept;
    kept = flowai::error(FLOWAI_ERR_CLOSED, "another");
    CHECK(copy.delivery() == flowai::delivery_state::not_sent && copy.retryable() && copy.trace_id());

    thrown<flowai::bad_handle>([] { (void)flowai::client().send_text("thread-1", "Hello"); });
    thrown<flowai::webhook_parse_error>([] { (void)flowai::event::parse("{"); });
    thrown<flowai::webhook_verification_error>([] {
        flowai::verifier::header("x-secret", "a secret that nobody knows").verify("{}", {{"x-secret", "a guess"}});
    });
    auto closed = flowai::client::make(settings());
    closed.close();
    thrown<flowai::closed>([&] { (void)closed.send_text("thread-1", "Hello"); });
}

void documents_are_ranges()
{
    const auto event = flowai::event::parse(
        R"({"type": "message.reply", "threadId": "t", "messages": [{"fallback": "f", "responses": [
            {"type": "text", "payload": {"text": "one"}}, {"type": "card", "payload": {"title": "two", "media": {"url": "u"}}}]}]})");
    std::vector<std::string> names;
    for (const auto &part : event.templates())
        names.emplace_back(flowai::to_string(part.kind()));
    CHECK((names == std::vector<std::string>{"text", "card"}));
    const auto card = event.templates()[1];
    CHECK(card.kind() == flowai::template_kind::card && card.string("title") == "two" && card.string("media.url") == "u");
    CHECK(card.field("media").string("url") == "u" && !card.integer("delay") && card.field_json("title") == "\"two\"");
    CHECK(!event.templates()[7]);
    thrown<flowai::invalid_argument>([&] { (void)card.string("no_such_field"); });
    thrown<flowai::bad_handle>([] { (void)flowai::document().string("title"); });

    const auto both = flowai::event::parse_many(std::string("[") + DELIVERED + "," + DELIVERED + "]");
    CHECK(both.size() == 2 && both[1].text() == "Hello");
}

void exceptions_do_not_cross_the_library()
{
    struct own : std::runtime_error {
        using runtime_error::runtime_error;
    };
    const auto client = flowai::client::make(settings());
    flowai::send_options options;
    std::uint64_t last = 0;
    options.progress = [&](std::uint64_t done, std::uint64_t total) { return last = done, done <= total; };
    const std::string data(8'000'000, 'x');
    options.filename = "x.txt";
    CHECK(client.upload_media_bytes("thread-1", data, options).status() == "ok" && last == data.size());
    auto elsewhere = settings();
    elsewhere.base_url = nobody_reads();
    const auto silent = flowai::client::make(elsewhere);
    options.progress = [](std::uint64_t, std::uint64_t) { return false; };
    thrown<flowai::cancelled>([&] { (void)silent.upload_media_bytes("thread-1", data, options); });
    options.progress = [](std::uint64_t, std::uint64_t) -> bool { throw own("from progress"); };
    CHECK(std::string(thrown<own>([&] { (void)silent.upload_media_bytes("thread-1", data, options); }).what()) == "from progress");

    options.progress = nullptr;
    std::size_t left = 100'000;
    const auto read = [&](void *buffer, std::size_t size) {
        const std::size_t some = std::min(size, left);
        std::memset(buffer, 'x', some);
        left -= some;
        return static_cast<std::int64_t>(some);
    };
    CHECK(client.upload_media_read("thread-1", read, 100'000, options).status() == "ok" && left == 0);
    const auto fails = [](void *, std::size_t) -> std::int64_t { throw own("from read"); };
    CHECK(std::string(thrown<own>([&] { (void)client.upload_media_read("thread-1", fails, {}, options); }).what()) == "from read");

    std::atomic<int> lines{0};
    flowai::log_set([&](flowai::log_level, std::string_view target, std::string_view) { lines += !target.empty(); throw own("log"); },
                    flowai::log_level::trace);
    (void)client.send_text("thread-1", "Hello");
    flowai::log_set({}, flowai::log_level::off);
    const int said = lines;
    CHECK(said > 0);
    (void)client.send_text("thread-1", "Hello");
    CHECK(lines == said);

    const std::string path = folder() + "/inbox.db";
    flowai::inbox_options quick;
    quick.retry = {1ms, 1ms};
    auto inbox = flowai::inbox::open(path, quick);
    CHECK(inbox.put(DELIVERED).size() == 1);
    int calls = 0;
    inbox.handle(1, [&](flowai::inbox_delivery &delivery) {
        CHECK(delivery.event().text() == "Hello" && delivery.attempt() == std::uint32_t(++calls));
        if (calls == 1)
            throw own("not now");
        if (calls == 2)
            throw 7;
        delivery.ack();
        inbox.close();
    });
    CHECK(calls == 3);
    CHECK(flowai::inbox::open(path).list("handled").size() == 1);

    auto another = flowai::inbox::open(folder() + "/other.db");
    another.put(DELIVERED);
    bool ended = false;
    const auto from_go_on = thrown<own>([&] {
        another.handle(1, [&](flowai::inbox_delivery &delivery) { delivery.dead("by hand"); ended = true; },
                       [&]() -> bool { return ended ? throw own("from go_on") : true; });
    });
    CHECK(std::string(from_go_on.what()) == "from go_on");
    CHECK(another.list("dead")[0].string("error") == "by hand");
}

void receivers_inboxes_and_outboxes_are_ranges()
{
    const auto secret = flowai::verifier::header("x-secret", "a secret that nobody knows");
    flowai::receiver_config config;
    config.verifier = &secret;
    config.drain_time = 100ms;
    auto receiver = flowai::receiver::start(config);
    CHECK(receiver.port() != 0 && receiver.url().find(std::to_string(receiver.port())) != std::string_view::npos);
    CHECK(!receiver.next(1ms) && !receiver.wait(flowai::kind::reply, "thread-1", 1ms));
    CHECK(receiver.stats());
    std::thread stopper([&] { receiver.stop(); });
    for (const auto &event : receiver)
        CHECK(event && false);
    stopper.join();
    thrown<flowai::error>([] { (void)flowai::receiver::start({}); });

    flowai::inbox_options options;
    options.max_attempts = 1;
    auto inbox = flowai::inbox::open(folder() + "/range.db", options);
    inbox.put(DELIVERED);
    for (auto &delivery : inbox) {
        CHECK(delivery.received_at() && !delivery.replayed());
        delivery.ack();
        inbox.close();
    }

    const auto client = flowai::client::make(settings());
    auto outbox = flowai::outbox::open(folder() + "/outbox.db", client);
    const auto receipt = outbox.send_text("thread-1", "Hello");
    const auto report = outbox.next_report(30s);
    CHECK(report && report->id() == receipt.id() && report->outcome() == flowai::outcome::sent);
    CHECK(flowai::to_string(report->outcome()) == "sent" && report->thread_id() == "thread-1");
    CHECK(!outbox.discard(receipt.id()) && outbox.list().empty());
    outbox.close();
}

void queues_call_functions()
{
    struct own : std::runtime_error {
        using runtime_error::runtime_error;
    };
    const auto client = flowai::client::make(settings());
    auto queue = flowai::queue::make(4);
    auto call = flowai::call::make(client, "send_text");
    call.set_text("thread_id", "thread-1");
    call.set_text("text", "Hello");
    const auto receipt = call.wait().receipt();
    CHECK(receipt.thread_id() == "thread-1");
    CHECK(client.call_json("send_text", R"({"thread_id": "thread-1", "text": "Hello"})").find("thread-1") != std::string::npos);

    int called = 0;
    const auto alive = std::make_shared<int>(0);
    queue.submit(call, [&, alive](flowai::completion &done) {
        CHECK(done.operation() == "send_text" && done.status() == FLOWAI_OK && !done.json().empty());
        CHECK(done.receipt().thread_id() == "thread-1");
        thrown<flowai::invalid_argument>([&] { (void)done.receipt(); });
        called++;
        queue.submit(call, [&, alive](flowai::completion &) -> void { called++; throw own("from done"); });
    });
    CHECK(alive.use_count() == 2 && queue.fd() >= 0);
    auto moved = std::move(queue);
    queue = std::move(moved);
    while (called < 1)
        CHECK(!queue.poll(30s));
    CHECK(std::string(thrown<own>([&] { while (called < 2 || queue.count()) (void)queue.poll(30s); }).what()) == "from done");
    CHECK(called == 2 && alive.use_count() == 1);
    queue.submit(call, &called);
    const auto finished = queue.poll(30s);
    CHECK(finished && finished->user_data() == &called);
    auto wrong = flowai::call::make(client, "send_text");
    wrong.set_text("thread_id", "..");
    wrong.set_text("text", "Hello");
    thrown<flowai::invalid_argument>([&] { (void)wrong.wait(); });
    thrown<flowai::invalid_argument>([&] { (void)flowai::call::make(client, "no_such_operation"); });

    // A function that lets go of its queue, and functions of a queue that goes before they are called.
    auto gone = std::make_unique<flowai::queue>(flowai::queue::make(4));
    auto *const raw = gone.get();
    raw->submit(call, [&, alive](flowai::completion &) { gone.reset(); });
    while (gone)
        (void)raw->poll(30s);
    CHECK(alive.use_count() == 1);
    {
        auto dropped = flowai::queue::make(4);
        dropped.submit(call, [alive](flowai::completion &) { CHECK(false); });
    }
    CHECK(alive.use_count() == 1);

    flowai::receiver_config config;
    config.no_verifier = true;
    auto receiver = flowai::receiver::start(config);
    bool stopped = false;
    queue.watch(receiver, [&](flowai::completion &done) { stopped = done.status() == FLOWAI_ERR_CLOSED; });
    receiver.stop();
    while (!stopped)
        (void)queue.poll(30s);

    auto cancel = flowai::cancel::make();
    auto other = flowai::receiver::start(config);
    other.set_cancel(cancel);
    std::thread canceller([&] { cancel.trigger(); });
    thrown<flowai::cancelled>([&] { (void)other.next(); });
    canceller.join();
    CHECK(cancel.triggered());
    flowai::send_options options;
    options.cancel = &cancel;
    thrown<flowai::cancelled>([&] { (void)client.send_text("thread-1", "Hello", options); });
    cancel.reset();
    CHECK(client.send_text("thread-1", "Hello", options).status() == "ok");
}

void shut_down_objects_stand_for_nothing()
{
    const auto client = flowai::client::make(settings());
    const auto event = flowai::event::parse(DELIVERED);
    flowai::shutdown();
    CHECK(event.text().empty());
    thrown<flowai::bad_handle>([&] { (void)client.send_text("thread-1", "Hello"); });
}

} // namespace

int main(int, char **argv)
{
    begin(argv);
    CHECK(flowai::version() == FLOWAI_VERSION && flowai::version_number() == FLOWAI_VERSION_NUMBER);
    objects_own_and_move();
    text_goes_in_and_out();
    failures_say_what_happened();
    documents_are_ranges();
    exceptions_do_not_cross_the_library();
    receivers_inboxes_and_outboxes_are_ranges();
    queues_call_functions();
    shut_down_objects_stand_for_nothing();
    return 0;
}
