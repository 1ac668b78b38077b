internal import Encoding

/// What was heard lately, in its order: for those who look now and then and want to miss nothing.
struct RecentReadings: Sendable {
    /// A reading and whether it is an event's.
    struct Entry: Sendable {
        /// Counts what was heard in this run of the hub, from 1.
        let number: UInt64
        let reading: Reading
        let isEvent: Bool
        let bytes: Int
    }

    private(set) var entries: [Entry] = []
    private var bytes = 0
    private var last: UInt64 = 0

    /// The most readings and bytes that are kept; the oldest leave first.
    static let countLimit = 1_024
    static let byteLimit = 1 << 20

    mutating func add(_ reading: Reading, isEvent: Bool) {
        let bytes = Self.size(reading.value) + 128
        self.last += 1
        self.entries.append(Entry(number: self.last, reading: reading, isEvent: isEvent, bytes: bytes))
        self.bytes += bytes
        guard self.entries.count > Self.countLimit || self.bytes > Self.byteLimit else { return }
        // A quarter at once, so that this costs little for each reading.
        let leave = max(1, self.entries.count / 4)
        self.bytes -= self.entries.prefix(leave).reduce(0) { $0 + $1.bytes }
        self.entries.removeFirst(leave)
    }

    /// About how much a value takes.
    private static func size(_ value: JSON) -> Int {
        switch value {
        case .null, .bool, .integer, .number: 8
        case .string(let text): text.utf8.count
        case .array(let elements): elements.reduce(16) { $0 + self.size($1) }
        case .object(let object):
            object.members.reduce(16) { $0 + $1.name.utf8.count + self.size($1.value) }
        }
    }
}

extension DeviceHub {
    /// What was heard since a mark.
    package struct News: Sendable {
        /// In the order in which it came.
        package let readings: [(reading: Reading, isEvent: Bool)]
        /// The mark for the next look.
        package let mark: UInt64
        /// So many came in between and are not kept any more.
        package let lost: UInt64
    }

    /// Readings and events after a mark; with nil nothing but the mark of now.
    package func news(after mark: UInt64?) -> News {
        let last = self.recent.entries.last?.number ?? 0
        guard let mark else { return News(readings: [], mark: last, lost: 0) }
        let new = self.recent.entries.filter { $0.number > mark }
        let first = new.first?.number ?? mark &+ 1
        return News(
            readings: new.map { ($0.reading, $0.isEvent) }, mark: max(mark, last),
            lost: first > mark &+ 1 ? first - mark - 1 : 0)
    }
}
