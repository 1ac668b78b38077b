internal import CLinux
internal import Glibc
internal import Synchronization
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

    /// The kernel knows whether a time daemon disciplines its clock. It is asked once a second: to ask costs
    /// more than to read a device's message.
    private static var quality: ClockQuality {
        let now = Clock.boot.milliseconds
        let answer = Self.answer.load(ordering: .relaxed)
        // The lowest bit is what it said, the others are when.
        if answer >= 0, now - (answer >> 1) < 1_000 { return answer & 1 == 1 ? .ntp : .rtc }
        var state = timex()
        let isDisciplined = adjtimex(&state) != TIME_ERROR
        Self.answer.store(now << 1 | (isDisciplined ? 1 : 0), ordering: .relaxed)
        return isDisciplined ? .ntp : .rtc
    }

    private static let answer = Atomic<Int64>(-1)
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
