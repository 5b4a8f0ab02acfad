/* Names that the program uses itself. The library has functions of these names inside, and must not call ours. */
#include <stdlib.h>

void rust_eh_personality(void);
int sqlite3_initialize(void);
int sqlite3_open_v2(void);

void rust_eh_personality(void)
{
    abort();
}

int sqlite3_initialize(void)
{
    abort();
}

int sqlite3_open_v2(void)
{
    abort();
}
