// The few C symbols that Embedded Swift expects from its platform, for a job that runs once and is thrown
// away: memory is handed out upwards from the end of the static data and never taken back.
typedef __SIZE_TYPE__ size_t;

enum { PAGE_BYTES = 65536, NO_MEMORY = 12 };

extern unsigned char __heap_base;  // set by the linker
static size_t next_free;

int posix_memalign(void **result, size_t alignment, size_t count) {
    size_t from = next_free ? next_free : (size_t)&__heap_base;
    size_t start = (from + alignment - 1) & ~(alignment - 1);
    size_t end = start + count;
    size_t have = (size_t)__builtin_wasm_memory_size(0) * PAGE_BYTES;
    if (start < from || end < start) return NO_MEMORY;
    if (end > have) {
        size_t pages = (end - have - 1) / PAGE_BYTES + 1;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return NO_MEMORY;
    }
    next_free = end;
    *result = (void *)start;
    return 0;
}

void free(void *block) { (void)block; }

void *memset(void *target, int value, size_t count) {
    unsigned char *to = target;
    for (size_t i = 0; i < count; i++) to[i] = (unsigned char)value;
    return target;
}

void *memcpy(void *restrict target, const void *restrict source, size_t count) {
    unsigned char *to = target;
    const unsigned char *from = source;
    for (size_t i = 0; i < count; i++) to[i] = from[i];
    return target;
}

void *memmove(void *target, const void *source, size_t count) {
    unsigned char *to = target;
    const unsigned char *from = source;
    if (to < from) {
        for (size_t i = 0; i < count; i++) to[i] = from[i];
    } else {
        for (size_t i = count; i > 0; i--) to[i - 1] = from[i - 1];
    }
    return target;
}
