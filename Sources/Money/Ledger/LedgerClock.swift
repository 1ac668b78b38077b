internal import Encoding
internal import World

/// The ledger's time. Limits and leases are counted by it, so a wall clock that somebody moves must neither
/// refill a window nor stop a wallet for good.
///
/// It goes on with the machine's uptime, which nobody outside can move. The wall clock is believed once for
/// each start of the machine, when a time daemon disciplines it: for the time that the machine was off, and
/// no more than a year of that. Anything else is the owner's to say, with a command that answers a challenge.
struct LedgerClock: Sendable {
    /// A moment of the ledger's time, and where the machine's own clocks stood then. It is stored with the
    /// books, so that time that passed between two processes counts.
    struct Mark: Sendable, Hashable {
        var at: Int64
        /// Milliseconds since the start of the machine.
        var uptime: Int64
        var boot: String
        /// Whether the wall clock was believed since that start.
        var isSet: Bool

        var text: String { "\(self.at) \(self.uptime) \(self.isSet ? 1 : 0) \(self.boot)" }

        init(at: Int64, uptime: Int64, boot: String, isSet: Bool) {
            self.at = at
            self.uptime = uptime
            self.boot = boot
            self.isSet = isSet
        }

        /// Reads what ``text`` gave; nil for what older versions stored.
        init?(text: String) {
            let parts = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            guard parts.count == 4, let at = Int64(parts[0]), let uptime = Int64(parts[1]) else { return nil }
            self.init(at: at, uptime: uptime, boot: String(parts[3]), isSet: parts[2] == "1")
        }
    }

    /// How far a wall clock may be ahead of what the machine's uptime says.
    private static let slack: Int64 = 2_000
    /// The longest time off that is believed.
    private static let longestOff: Int64 = 366 * 86_400_000

    private(set) var mark: Mark

    /// - Parameters:
    ///   - last: the newest moment in the books; nil where they are new.
    ///   - known: the mark that was stored with them.
    init(last: Int64?, known: Mark?, timeline: some Timeline) {
        let uptime = timeline.uptime.milliseconds
        let boot = timeline.boot
        guard let newest = [last, known?.at].compactMap(\.self).max() else {
            self.mark = Mark(at: timeline.now.milliseconds, uptime: uptime, boot: boot, isSet: true)
            return
        }
        // The machine was started after the last mark: since then it has been awake for so long at least.
        let passed =
            switch known {
            case let known? where known.boot == boot: max(0, uptime - known.uptime)
            case .some: uptime
            case nil: Int64(0)
            }
        let (at, overflow) = (known?.at ?? newest).addingReportingOverflow(passed)
        self.mark = Mark(
            at: overflow ? newest : max(newest, at), uptime: uptime, boot: boot,
            isSet: known.map { $0.boot == boot && $0.isSet } ?? false)
    }

    /// The ledger's time now.
    mutating func read(_ timeline: some Timeline) -> Timestamp {
        let wall = timeline.now
        let uptime = timeline.uptime.milliseconds
        let passed = max(0, uptime - self.mark.uptime)
        let (sum, overflow) = self.mark.at.addingReportingOverflow(passed)
        let floor = overflow ? self.mark.at : sum
        switch wall.quality {
        case .virtual: self.mark.at = max(self.mark.at, wall.milliseconds)
        case .ntp:
            let limit = floor.saturating(plus: self.mark.isSet ? Self.slack : Self.longestOff)
            self.mark.at = min(max(floor, wall.milliseconds), limit)
            self.mark.isSet = true
        case .none, .rtc: self.mark.at = floor
        }
        self.mark.uptime = max(self.mark.uptime, uptime)
        return Timestamp(milliseconds: self.mark.at, quality: wall.quality)
    }

    /// Sets the time by the owner's word, forwards or back.
    mutating func set(to moment: Int64) {
        self.mark.at = moment
        self.mark.isSet = true
    }

    /// How far the owner's clock and ours may be apart before the owner's counts.
    static let agreement: Int64 = 3_600_000
}
