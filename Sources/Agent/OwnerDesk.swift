internal import Encoding
internal import Home
internal import Ledger
internal import Synchronization
internal import Wallet
internal import World

/// Where the owner reaches the wallet over the broker. What comes in is data from strangers until its
/// signature says otherwise.
struct OwnerDesk: Sendable {
    let address: String
    let ledger: PaymentLedger
    let control: WalletControl
    /// Nil while the keystore is locked: then commands count, but nobody can sign an answer.
    let wallet: UnlockedWallet?
    let bus: any MessageBus
    let store: AgentStore
    let timeline: any Timeline

    /// How often the wallet says how it stands, and writes the time down.
    static let interval = Duration.seconds(60)
    /// Requests that may wait; the oldest goes.
    static let room = 8

    /// What came over the broker, and what was lost of it.
    struct Mail: Sendable {
        fileprivate let requests: AsyncStream<Message>
        fileprivate let lost = Lost()
    }

    /// Subscribes.
    func listen() throws(BusError) -> Mail {
        let (requests, arrival) = AsyncStream.makeStream(
            of: Message.self, bufferingPolicy: .bufferingNewest(Self.room))
        let mail = Mail(requests: requests)
        let topics = OwnerTopics(wallet: self.address)
        for topic in [topics.ask, topics.freeze] {
            try self.bus.subscribe(to: topic, quality: .atLeastOnce) { [lost = mail.lost] message in
                guard message.payload.count <= WalletRequest.byteLimit else { return lost.add() }
                if case .dropped = arrival.yield(message) { lost.add() }
            }
        }
        return mail
    }

    func run(_ mail: Mail) async throws {
        let topics = OwnerTopics(wallet: self.address)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await message in mail.requests { try await self.answer(message, topics) }
            }
            group.addTask {
                while true {
                    try await self.ledger.keepTime()
                    if mail.lost.shallBeTold {
                        try await self.store.log(
                            "owner", "requests were dropped: too long, or faster than they are answered")
                    }
                    try await self.sayState(topics)
                    try await self.timeline.sleep(for: Self.interval)
                }
            }
            for try await _ in group {}
        }
    }

    private func answer(_ message: Message, _ topics: OwnerTopics) async throws {
        // What the broker clears a retained topic with.
        guard !message.payload.isEmpty else { return }
        let answer = await self.control.answer(message.payload, from: .network)
        // A kept freeze comes again with every reconnect; its number says that it was obeyed.
        if message.retained, answer.refusal != nil { return }
        if let refusal = answer.refusal {
            try await self.store.log("owner", "refused: \(refusal)")
        } else if answer.challenge.isEmpty {
            try await self.store.log("owner", "a signed command was carried out")
        }
        guard let wallet = self.wallet else { return }
        let bytes = try await SignedAnswer.bytes(
            answer.json, to: message.payload, of: self.address, by: wallet)
        await self.publish(Message(topic: topics.answer, payload: bytes))
    }

    private func sayState(_ topics: OwnerTopics) async throws {
        guard let wallet = self.wallet else { return }
        let (head, hold) = try await self.ledger.read { (try $0.head(), try $0.hold()) }
        let body: JSON = [
            "schema": "depai.state/1", "wallet": .string(self.address),
            "at": .integer(self.timeline.now.milliseconds), "journal": .integer(head.sequence),
            "hash": .string(Hex.encode(head.hash)), "hold": JSON(hold?.reason),
            "policy": await self.ledger.policyInForce.map { JSON($0.sequence) } ?? .null,
        ]
        let bytes = try await wallet.signed(.state, body)
        await self.publish(Message(topic: topics.state, payload: bytes, retained: true))
    }

    /// A broker that is away loses an answer, never a command: the owner asks again.
    private func publish(_ message: Message) async { try? await self.bus.publish(message) }
}

/// Requests that nobody looked at; told once.
private final class Lost: Sendable {
    private let state = Mutex((count: UInt64(0), isTold: false))

    func add() { self.state.withLock { $0.count += 1 } }

    /// True once, after the first.
    var shallBeTold: Bool {
        self.state.withLock { state in
            guard state.count > 0, !state.isTold else { return false }
            state.isTold = true
            return true
        }
    }
}
