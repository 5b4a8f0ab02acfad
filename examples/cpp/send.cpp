// Sends a text: send THREAD TEXT. FLOWAI_API_KEY and FLOWAI_BASE_URL say where to. Exits 0 sent, 3 rejected, 4 maybe sent, 1 otherwise.
#include <flowai.hpp>
#include <iostream>

int main(int argc, char **argv)
try {
    if (argc != 3) {
        std::cerr << "usage: send THREAD TEXT\n";
        return 2;
    }
    const auto client = flowai::client::make();
    const auto receipt = client.send_text(argv[1], argv[2]);
    std::cout << "sent to " << receipt.thread_id() << ", trace id " << receipt.trace_id().value_or(0) << '\n';
    return 0;
} catch (const flowai::error &error) {
    std::cerr << error.what() << '\n';
    switch (error.delivery()) {
    case flowai::delivery_state::rejected: return 3;
    case flowai::delivery_state::maybe_sent: return 4;
    default: return 1;
    }
}
