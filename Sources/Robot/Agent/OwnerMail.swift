internal import Control
internal import Ledger
internal import Sodium
internal import Synchronization
internal import World

/// What came for the owner's desk over the broker, and what was lost of it.
///
/// Three lines, so that no flood on one holds up another: freezes that the owner signed, freezes of whoever
/// else may stop the wallet, and everything else.
struct OwnerMail: Sendable {
    /// Requests of each line that may wait; the oldest goes.
    static let room = 8
    /// The longest freeze, in bytes.
    static let freezeLimit = 4 << 10

    let freezes: AsyncStream<Message>
    let others: AsyncStream<Message>
    let requests: AsyncStream<Message>
    private let arrivals: [AsyncStream<Message>.Continuation]
    private let state = State()

    init() {
        let lines = (0..<3).map { _ in
            AsyncStream.makeStream(of: Message.self, bufferingPolicy: .bufferingNewest(Self.room))
        }
        (self.freezes, self.others, self.requests) = (lines[0].stream, lines[1].stream, lines[2].stream)
        self.arrivals = lines.map(\.continuation)
    }

    /// On the bus's thread.
    func put(_ message: Message) {
        guard message.payload.count <= WalletRequest.byteLimit else { return self.state.lose() }
        self.put(message, line: 2)
    }

    /// On the bus's thread: what the owner signed is told from what anybody says before it takes a place.
    func put(freeze message: Message, of wallet: String, owner: PublicKey) {
        guard message.payload.count <= Self.freezeLimit else { return self.state.lose() }
        guard let sequence = Self.sequence(message, wallet, owner) else { return self.put(message, line: 1) }
        // The same again, or an older one that somebody kept: not twice in this line.
        self.put(message, line: self.state.isNew(sequence) ? 0 : 1)
    }

    private func put(_ message: Message, line: Int) {
        if case .dropped = self.arrivals[line].yield(message) { self.state.lose() }
    }

    /// The number of a freeze of this wallet that its owner signed.
    private static func sequence(_ message: Message, _ wallet: String, _ owner: PublicKey) -> UInt64? {
        guard case .execute(let envelope)? = try? WalletRequest(message.payload),
            let command = try? OwnerCommand(signed: envelope), command.issuer == owner,
            command.wallet == wallet, case .freeze = command.operation
        else { return nil }
        return command.sequence
    }

    /// True once, after the first request that nobody looked at.
    var lossShallBeTold: Bool { self.state.lossShallBeTold }

    private final class State: Sendable {
        private let state = Mutex((lost: UInt64(0), isTold: false, sequence: UInt64?.none))

        func lose() { self.state.withLock { $0.lost &+= 1 } }

        func isNew(_ sequence: UInt64) -> Bool {
            self.state.withLock { state in
                if let last = state.sequence, sequence <= last { return false }
                state.sequence = sequence
                return true
            }
        }

        var lossShallBeTold: Bool {
            self.state.withLock { state in
                guard state.lost > 0, !state.isTold else { return false }
                state.isTold = true
                return true
            }
        }
    }
}

/// How often something that a stranger may cause is written down: some each minute, then how many more.
final class Quota: Sendable {
    private let limit: Int
    private let state = Mutex((told: 0, kept: UInt64(0)))

    init(_ limit: Int) { self.limit = limit }

    /// Whether this one is written down.
    func take() -> Bool {
        self.state.withLock { state in
            guard state.told < self.limit else {
                state.kept &+= 1
                return false
            }
            state.told += 1
            return true
        }
    }

    /// Begins the next minute.
    /// - Returns: how many were not written down in the last one.
    func renew() -> UInt64 {
        self.state.withLock { state in
            defer { state = (0, 0) }
            return state.kept
        }
    }
}

/// The answer to the last command that was carried out.
final class LastAnswer: Sendable {
    private let state = Mutex((request: [UInt8](), answer: [UInt8]()))

    func keep(_ answer: [UInt8], to request: [UInt8]) {
        self.state.withLock { $0 = (Answer.name(of: request), answer) }
    }

    func answer(to request: [UInt8]) -> [UInt8]? {
        let name = Answer.name(of: request)
        return self.state.withLock { $0.request == name ? $0.answer : nil }
    }
}
