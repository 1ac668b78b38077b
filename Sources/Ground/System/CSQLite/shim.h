#include <sqlite3.h>

// Swift cannot call variadic functions.
static inline int depai_sqlite_set_first_pages(int count) {
    return sqlite3_config(SQLITE_CONFIG_PAGECACHE, (void *)0, 0, count);
}
