internal import CLinux
internal import Glibc
public import World

/// The machine's own clocks.
public struct SystemTimeline: Timeline {
    public init() {}

    /// The kernel's name for this start; random, and public on this machine only.
    public var boot: String {
        let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "unknown" }
        defer { close(descriptor) }
        return String(unsafeUninitializedCapacity: 36) { max(0, Glibc.read(descriptor, $0.baseAddress, 36)) }
    }

    public var now: Timestamp {
        let time = Self.read(CLOCK_REALTIME)
        return Timestamp(
            milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000, quality: Self.quality)
    }

    /// Counts while the machine sleeps, too.
    public var uptime: Duration {
        let time = Self.read(CLOCK_BOOTTIME)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    public func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }

    /// The kernel knows whether a time daemon disciplines its clock.
    private static var quality: ClockQuality {
        var state = timex()
        return adjtimex(&state) == TIME_ERROR ? .rtc : .ntp
    }
}

/// The kernel's random source.
public struct SystemEntropy: Entropy {
    public init() {}

    public func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        var start = 0
        while start < buffer.count {
            guard let address = buffer.baseAddress else { return }
            let count = getrandom(address + start, buffer.count - start, 0)
            if count < 0, errno != EINTR {
                preconditionFailure("the kernel has no random source: errno \(errno)")
            }
            start += max(0, count)
        }
    }
}
