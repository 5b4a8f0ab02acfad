// The half of a program in which calls throw, beside one in which they return results.
#include <flowai.hpp>

int throwing_part(const char *base_url);

int throwing_part(const char *base_url)
{
    flowai::config config;
    config.api_key = "MY_MESSAGING_API_KEY";
    config.base_url = base_url;
    try {
        (void)flowai::client::make(config).send_text("..", "Hello");
    } catch (const flowai::invalid_argument &error) {
        return error.argument() == "thread_id" ? 0 : 1;
    }
    return 1;
}
