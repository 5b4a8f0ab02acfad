// What the tests of flowai.hpp share: PROGRAM BASE_URL FOLDER.
#include <flowai.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                       \
            std::exit(1);                                                                                              \
        }                                                                                                              \
    } while (0)

inline char **arguments;

inline void begin(char **argv)
{
    arguments = argv;
}

inline std::string folder()
{
    return arguments[2];
}

inline flowai::config settings()
{
    flowai::config config;
    config.api_key = "MY_MESSAGING_API_KEY";
    config.base_url = arguments[1];
    return config;
}

/// An address at which connections are made and nobody reads.
inline std::string nobody_reads()
{
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto *const bound = reinterpret_cast<sockaddr *>(&address);
    CHECK(bind(listener, bound, size) == 0 && listen(listener, 8) == 0 && getsockname(listener, bound, &size) == 0);
    return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/rest/v1/";
}

#ifdef __cpp_exceptions
/// What a call throws, which must be of this class.
template <class Error, class Call> Error thrown(const Call &call)
{
    try {
        call();
    } catch (const Error &error) {
        return error;
    }
    std::fprintf(stderr, "nothing was thrown: %s\n", __PRETTY_FUNCTION__);
    std::exit(1);
}
#endif
