import CLinux
import Glibc

/// The system calls that an exchange needs. Every other one is answered as not permitted: no program is
/// started, no other process is looked into or signalled, no file is opened to be written.
/// Source: Documentation/userspace-api/seccomp_filter.rst of Linux.
enum SystemCallFilter {
    /// - Returns: whether the kernel took it.
    static func install() -> Bool {
        var program = Self.program
        guard depai_audit_architecture != 0, program.count <= Int(BPF_MAXINSNS) else { return false }
        return program.withUnsafeMutableBufferPointer { instructions in
            var filter = sock_fprog(len: UInt16(instructions.count), filter: instructions.baseAddress)
            return withUnsafePointer(to: &filter) {
                depai_prctl(PR_SET_SECCOMP, UInt(SECCOMP_MODE_FILTER), UInt(bitPattern: $0)) == 0
            }
        }
    }

    /// Whatever their arguments.
    private static var calls: [Int32] {
        var calls = [
            // What is open
            SYS_read, SYS_readv, SYS_pread64, SYS_write, SYS_writev, SYS_close, SYS_lseek, SYS_fstat,
            SYS_dup, SYS_pipe2, SYS_eventfd2,
            // Files that may be read
            SYS_newfstatat, SYS_statx, SYS_getdents64, SYS_readlinkat, SYS_faccessat, SYS_faccessat2,
            SYS_statfs, SYS_fstatfs, SYS_getcwd,
            // Memory
            SYS_mmap, SYS_mprotect, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_membarrier,
            // Waiting
            SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_futex,
            SYS_clock_nanosleep, SYS_nanosleep, SYS_restart_syscall, SYS_sched_yield,
            // Connections that go out
            SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_getsockname, SYS_getpeername,
            SYS_getsockopt, SYS_setsockopt, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_recvfrom, SYS_recvmsg,
            SYS_recvmmsg, SYS_shutdown,
            // Signals to itself, its own threads, its own end
            SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_set_robust_list,
            SYS_rseq, SYS_exit, SYS_exit_group,
            // What anybody may know
            SYS_getpid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_uname, SYS_sysinfo,
            SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_getrandom, SYS_sched_getaffinity,
            SYS_getrusage, SYS_times,
        ]
        #if arch(x86_64)
            // What newer machines no longer have.
            calls += [
                SYS_access, SYS_stat, SYS_lstat, SYS_readlink, SYS_poll, SYS_select, SYS_pipe, SYS_epoll_wait,
                SYS_time, SYS_arch_prctl,
            ]
        #endif
        return calls
    }

    /// A place in what the filter is shown, `struct seccomp_data`; of arguments the lower half.
    private enum Place {
        static let number: UInt32 = 0
        static let architecture: UInt32 = 4
        static func argument(_ index: UInt32) -> UInt32 { 16 + 8 * index }
    }

    // SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO and SECCOMP_RET_KILL_PROCESS of linux/seccomp.h.
    private static let allow = Self.end(0x7fff_0000)
    private static func refuse(_ code: Int32) -> sock_filter {
        Self.end(0x0005_0000 | UInt32(bitPattern: code))
    }
    private static let kill = Self.end(0x8000_0000)

    /// CLONE_THREAD of linux/sched.h.
    private static let thread: UInt32 = 0x0001_0000
    /// FIONBIO of asm-generic/ioctls.h.
    private static let withoutWaiting: UInt32 = 0x5421

    private static var program: [sock_filter] {
        var program = [
            // Numbers mean other calls to other architectures, such as the older one of the same machine.
            Self.load(Place.architecture),
            Self.jump(JumpKind.equal, depai_audit_architecture, ifSo: 1, ifNot: 0),
            Self.kill,
            Self.load(Place.number),
        ]
        for call in Self.calls {
            program += [Self.jump(JumpKind.equal, UInt32(bitPattern: call), ifSo: 0, ifNot: 1), Self.allow]
        }
        // To be read only.
        let writing = UInt32(bitPattern: O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
        program += Self.when(
            SYS_openat, argument: 2, JumpKind.shares, writing, then: Self.refuse(EACCES), else: Self.allow)
        // A thread, no process. Of the newer call the flags lie in memory, where no filter looks.
        program += Self.when(
            SYS_clone, argument: 0, JumpKind.shares, Self.thread, then: Self.allow, else: Self.refuse(EPERM))
        program += [
            Self.jump(JumpKind.equal, UInt32(bitPattern: SYS_clone3), ifSo: 0, ifNot: 1), Self.refuse(ENOSYS),
        ]
        // Flags and copies of a descriptor, but not who is signalled by it.
        program += Self.when(
            SYS_fcntl, argument: 1, JumpKind.greater, UInt32(bitPattern: F_SETFL), then: Self.refuse(EPERM),
            else: Self.allow)
        // Without waiting; no device's own commands.
        program += Self.when(
            SYS_ioctl, argument: 1, JumpKind.equal, Self.withoutWaiting, then: Self.allow,
            else: Self.refuse(ENOTTY))
        // Its own limits and its own end only.
        program += Self.when(
            SYS_prlimit64, argument: 0, JumpKind.equal, 0, then: Self.allow, else: Self.refuse(EPERM))
        program += Self.when(
            SYS_tgkill, argument: 0, JumpKind.equal, UInt32(bitPattern: getpid()), then: Self.allow,
            else: Self.refuse(EPERM))
        return program + [Self.refuse(EPERM)]
    }

    /// A call whose argument decides.
    private static func when(
        _ call: Int32, argument: UInt32, _ kind: UInt16, _ value: UInt32, then: sock_filter,
        else other: sock_filter
    ) -> [sock_filter] {
        [
            Self.jump(JumpKind.equal, UInt32(bitPattern: call), ifSo: 0, ifNot: 4),
            Self.load(Place.argument(argument)),
            Self.jump(kind, value, ifSo: 0, ifNot: 1),
            then,
            other,
        ]
    }

    // Instructions of linux/bpf_common.h.
    private enum JumpKind {
        static let equal: UInt16 = 0x15
        static let greater: UInt16 = 0x25
        static let shares: UInt16 = 0x45
    }

    private static func load(_ place: UInt32) -> sock_filter {
        sock_filter(code: 0x20, jt: 0, jf: 0, k: place)
    }

    private static func end(_ result: UInt32) -> sock_filter {
        sock_filter(code: 0x06, jt: 0, jf: 0, k: result)
    }

    private static func jump(_ kind: UInt16, _ value: UInt32, ifSo: UInt8, ifNot: UInt8) -> sock_filter {
        sock_filter(code: kind, jt: ifSo, jf: ifNot, k: value)
    }
}
