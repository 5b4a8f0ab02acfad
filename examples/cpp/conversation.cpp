// Says two things to a bot, and prints what it answers by webhook. FLOWAI_API_KEY, FLOWAI_BASE_URL, FLOWAI_LISTEN (where
// the service calls) and FLOWAI_WEBHOOK_SECRET are its settings.
#include <flowai.hpp>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

std::string setting(const char *name)
{
    const char *value = std::getenv(name);
    return value ? value : "";
}

} // namespace

int main()
try {
    using namespace std::chrono_literals;

    const auto verifier = flowai::verifier::jwt(setting("FLOWAI_WEBHOOK_SECRET"));
    flowai::receiver_config config;
    config.verifier = &verifier;
    config.listen = setting("FLOWAI_LISTEN");
    auto receiver = flowai::receiver::start(config);
    const auto client = flowai::client::make();

    for (const std::string text : {"Hello from C++", "What are your opening hours?"}) {
        client.send_text("cpp-thread", text);
        std::cout << "C++ says: " << text << '\n';
        const auto reply = receiver.wait(flowai::kind::reply, "cpp-thread", 30s);
        if (!reply) {
            std::cerr << "no reply\n";
            return 1;
        }
        std::cout << "bot says: " << reply->text() << '\n';
        for (const auto &part : reply->templates())
            std::cout << "    " << flowai::to_string(part.kind()) << '\n';
    }
    return 0;
} catch (const flowai::error &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
