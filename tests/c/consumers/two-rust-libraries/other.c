/* Uses the other library before main(), so that both are at work in one process. */
#include <stdlib.h>

int other_catches(int number);

__attribute__((constructor)) static void use_other(void)
{
    if (other_catches(7) != 7)
        abort();
}
