internal import World

/// Knows what the broker brings again, because it did not hear that we had kept it.
///
/// A broker brings what was not acknowledged again in the next connection, under the same numbers. So what
/// was kept is known by its number and its bytes, in a connection that goes on with the session of the one
/// before, and once. A broker that soon gives a number to another message is not judged: with it the same
/// bytes may be a new reading, and one too many is better than one that is lost.
struct Redeliveries: Sendable {
    /// What was kept last; older ones are written over.
    private var kept: [Int64] = []
    private var place = 0
    /// Their numbers.
    private var packets: Set<UInt16> = []
    /// The message that was kept last: it may have several receivers.
    private var last: (origin: Int64, number: UInt64?)?
    /// Whether the broker was seen to give a number again while its first message was still known.
    private var reusesNumbers = false
    /// What may come again in this connection, and what did at last.
    private var expected: Set<Int64> = []
    private var lastKnown: UInt64?
    private var connection: UInt64?

    /// More than a broker sends without an acknowledgement, twice.
    static let limit = 256

    /// - Parameter origins: of what was kept before this start, oldest first. The readings of one message
    ///   stand together.
    init(_ origins: [Int64]) { for origin in origins { self.add(origin, number: nil) } }

    /// What tells a message from others; nil for one that does not come again.
    static func origin(of message: Message) -> Int64? {
        guard let packet = message.delivery?.packet else { return nil }
        // In the manner of FNV-1a: who makes two alike, under one number, harms his own readings only.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ word: UInt64) {
            hash = (hash ^ word) &* 0x100_0000_01b3
            hash ^= hash >> 29
        }
        for byte in message.topic.utf8 { mix(UInt64(truncatingIfNeeded: byte)) }
        mix(UInt64(truncatingIfNeeded: message.payload.count))
        message.payload.withUnsafeBytes { bytes in
            let whole = bytes.count & ~7
            for offset in stride(from: 0, to: whole, by: 8) {
                mix(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            for byte in bytes[whole...] { mix(UInt64(truncatingIfNeeded: byte)) }
        }
        let content = (hash ^ hash >> 48) & 0xffff_ffff_ffff
        return Int64(bitPattern: UInt64(truncatingIfNeeded: packet) << 48 | content)
    }

    private static func packet(of origin: Int64) -> UInt16 { UInt16(truncatingIfNeeded: origin >> 48) }

    /// Whether a message was kept before.
    mutating func knows(_ origin: Int64, _ delivery: Message.Delivery) -> Bool {
        if self.connection != delivery.connection {
            self.connection = delivery.connection
            // A broker that forgot us brings nothing again, and counts anew.
            if !delivery.isResumed { self = Redeliveries([], in: delivery.connection) }
            self.expected = self.reusesNumbers ? [] : Set(self.kept)
        }
        if self.lastKnown == delivery.number { return true }
        guard self.expected.remove(origin) != nil else { return false }
        self.lastKnown = delivery.number
        return true
    }

    private init(_ origins: [Int64], in connection: UInt64) {
        self.init(origins)
        self.connection = connection
    }

    /// A message was kept.
    /// - Parameter number: which of this bus's it is.
    mutating func add(_ origin: Int64, number: UInt64?) {
        if let last = self.last, last == (origin, number) { return }
        self.last = (origin, number)
        if self.kept.count < Self.limit {
            self.kept.append(origin)
        } else {
            self.packets.remove(Self.packet(of: self.kept[self.place]))
            self.kept[self.place] = origin
            self.place = (self.place + 1) % Self.limit
        }
        if !self.packets.insert(Self.packet(of: origin)).inserted { self.reusesNumbers = true }
    }
}
