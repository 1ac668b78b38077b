/// How far a wall-clock reading can be trusted.
public enum ClockQuality: String, Sendable, Hashable, CaseIterable {
    /// Nobody has set the clock since boot.
    case none
    /// Set from a battery-backed clock, possibly drifted.
    case rtc
    /// Disciplined by NTP.
    case ntp
    /// A simulated clock: exact by definition.
    case virtual
}

/// An instant of UTC in milliseconds since 1970, with the quality of the clock that said so.
public struct Timestamp: Sendable, Hashable, Comparable {
    public let milliseconds: Int64
    public let quality: ClockQuality

    public init(milliseconds: Int64, quality: ClockQuality = .ntp) {
        self.milliseconds = milliseconds
        self.quality = quality
    }

    public static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }

    /// The instant `seconds` later (earlier when negative), saturating at the ends of time.
    public func adding(seconds: Int64) -> Timestamp {
        let (delta, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        let (sum, wraps) = self.milliseconds.addingReportingOverflow(delta)
        let end: Int64 = seconds < 0 ? .min : .max
        return Timestamp(milliseconds: overflow || wraps ? end : sum, quality: self.quality)
    }
}

extension Duration {
    /// Whole milliseconds, saturating.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        return overflow ? (seconds < 0 ? .min : .max) : product &+ attoseconds / 1_000_000_000_000_000
    }
}

/// Time as the runtime sees it: real on a robot, virtual in a simulation.
public protocol Timeline: Sendable {
    /// UTC in milliseconds since 1970; goes into records and signed messages.
    var now: Timestamp { get }
    /// Time since boot, suspend included; never goes back.
    var uptime: Duration { get }
    /// Which start of the machine ``uptime`` counts from.
    var boot: String { get }
    /// Suspends for `duration`.
    /// - Throws: `CancellationError` when the task is cancelled.
    func sleep(for duration: Duration) async throws
    /// Whether time stands still while anybody works. Then long work holds up nobody, and belongs where it
    /// was asked for: what another thread does meanwhile such a clock would not wait for.
    var standsStillForWork: Bool { get }
}

extension Timeline {
    /// A clock that knows no starts was started once.
    public var boot: String { "one" }

    /// Real time goes on.
    public var standsStillForWork: Bool { false }
}
