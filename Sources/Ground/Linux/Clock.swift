internal import Glibc

/// The kernel's clocks, for the loops of this module.
enum Clock {
    /// Stands still while the machine sleeps.
    static var monotonic: timespec { self.read(CLOCK_MONOTONIC) }
    /// Goes on while the machine sleeps.
    static var boot: timespec { self.read(CLOCK_BOOTTIME) }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }
}

extension timespec {
    var seconds: Int { self.tv_sec }
    var milliseconds: Int64 { Int64(self.tv_sec) * 1_000 + Int64(self.tv_nsec) / 1_000_000 }
}

/// Whether the machine slept longer than a broker waits for us. The library counts its keep-alive by a clock
/// that sleeps, too, and would take a connection that is long dead for a living one.
struct SleepWatch {
    private let start: Int64
    private let limitMilliseconds: Int64
    private let asleep: () -> Int64

    /// - Parameter asleep: how long the machine has slept since it was started, in milliseconds.
    init(
        limitMilliseconds: Int64,
        asleep: @escaping () -> Int64 = { Clock.boot.milliseconds - Clock.monotonic.milliseconds }
    ) {
        self.limitMilliseconds = limitMilliseconds
        self.asleep = asleep
        self.start = asleep()
    }

    var overslept: Bool { self.asleep() - self.start > self.limitMilliseconds }
}
