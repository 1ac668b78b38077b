// Kernel interfaces that Swift's Glibc module leaves out.
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Swift cannot call variadic functions.
static inline int depai_prctl(int option, unsigned long first, unsigned long second) {
    return prctl(option, first, second, 0, 0);
}

static inline long depai_system_call(int number, long first, long second, long third, long fourth) {
    return syscall(number, first, second, third, fourth);
}

// Declared for C with GNU extensions only, which Swift's importer does not ask for.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
static inline int depai_set_limit(int resource, unsigned long most) {
    struct rlimit limit = {most, most};
    return setrlimit(resource, &limit);
}

static inline int depai_spawn_close_from(posix_spawn_file_actions_t *actions, int from) {
    return posix_spawn_file_actions_addclosefrom_np(actions, from);
}

// Whose system calls a filter judges.
#if defined(__x86_64__)
static const unsigned depai_audit_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
static const unsigned depai_audit_architecture = AUDIT_ARCH_AARCH64;
#else
static const unsigned depai_audit_architecture = 0;
#endif
