// Prints the history of a thread: history THREAD. Built with -fno-exceptions as well as with exceptions: FLOWAI_RESULTS
// makes every call return a flowai::result.
#define FLOWAI_RESULTS
#include <flowai.hpp>
#include <cstdio>

namespace {

int failed(const flowai::error &error)
{
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: history THREAD\n");
        return 2;
    }
    const auto client = flowai::client::make();
    if (!client)
        return failed(client.error());
    auto history = client->iter_history(argv[1]);
    if (!history)
        return failed(history.error());
    for (const auto &entry : *history) {
        if (!entry)
            return failed(entry.error());
        std::printf("%s\n", entry->text().data());
    }
    return 0;
}
