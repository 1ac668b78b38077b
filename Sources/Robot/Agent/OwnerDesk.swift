internal import Control
internal import Encoding
internal import Ledger
internal import Sodium
internal import Statements
internal import Wallet
internal import World

/// Where the owner reaches the wallet over the broker. What comes in is data from strangers until its
/// signature says otherwise.
struct OwnerDesk: Sendable {
    let address: String
    let owner: PublicKey
    let ledger: PaymentLedger
    let control: WalletControl
    /// Nil while the keystore is locked: then commands count, but nobody can sign an answer.
    let wallet: UnlockedWallet?
    let bus: any MessageBus
    let store: AgentStore
    let timeline: any Timeline

    /// How often the wallet says how it stands, and writes the time down.
    static let interval = Duration.seconds(60)
    /// Refusals that are written down in a minute; of more it is said how many.
    static let refusals = 5

    /// Subscribes.
    func listen() throws(BusError) -> OwnerMail {
        let mail = OwnerMail()
        let topics = OwnerTopics(wallet: self.address)
        try self.bus.subscribe(to: topics.ask, quality: .atLeastOnce) { mail.put($0) }
        try self.bus.subscribe(to: topics.freeze, quality: .atLeastOnce) { [address, owner] in
            mail.put(freeze: $0, of: address, owner: owner)
        }
        return mail
    }

    func run(_ mail: OwnerMail) async throws {
        let topics = OwnerTopics(wallet: self.address)
        let (quota, last) = (Quota(Self.refusals), LastAnswer())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for line in [mail.freezes, mail.others, mail.requests] {
                group.addTask {
                    for await message in line { try await self.answer(message, topics, quota, last) }
                }
            }
            group.addTask {
                while true {
                    try await self.ledger.keepTime()
                    if mail.lossShallBeTold {
                        try await self.store.log(.owner(.dropped))
                    }
                    let kept = quota.renew()
                    if kept > 0 { try await self.store.log(.owner(.refusedMore(kept))) }
                    try await self.sayState(topics)
                    try await self.timeline.sleep(for: Self.interval)
                }
            }
            for try await _ in group {}
        }
    }

    private func answer(
        _ message: Message, _ topics: OwnerTopics, _ quota: Quota, _ last: LastAnswer
    ) async throws {
        // What the broker clears a retained topic with.
        guard !message.payload.isEmpty else { return }
        // Asked again because the answer was lost: the same answer, not that it was done already.
        if let known = last.answer(to: message.payload) {
            return await self.publish(Message(topic: topics.answer, payload: known))
        }
        let answer = await self.control.answer(message.payload, from: .network)
        // A kept freeze comes again with every reconnect; its number says that it was obeyed.
        if message.retained, answer.refusal != nil { return }
        if let refusal = answer.refusal {
            if quota.take() { try await self.store.log(.owner(.refused(refusal))) }
        } else if answer.challenge.isEmpty {
            try await self.store.log(.owner(.carriedOut))
        }
        guard let wallet = self.wallet,
            let bytes = try? await wallet.sign(Answer(answer.json, to: message.payload, of: self.address))
                .bytes
        else { return }
        if answer.refusal == nil, answer.challenge.isEmpty { last.keep(bytes, to: message.payload) }
        await self.publish(Message(topic: topics.answer, payload: bytes))
    }

    private func sayState(_ topics: OwnerTopics) async throws {
        guard let wallet = self.wallet else { return }
        let (head, hold) = try await self.ledger.read { (try $0.head(), try $0.hold()) }
        let state = WalletState(
            wallet: self.address, at: self.timeline.now.milliseconds, journal: head.sequence, hash: head.hash,
            hold: hold?.reason, policy: await self.ledger.policyInForce?.sequence)
        let bytes = try await wallet.sign(state).bytes
        await self.publish(Message(topic: topics.state, payload: bytes, retained: true))
    }

    /// A broker that is away loses an answer, never a command: the owner asks again.
    private func publish(_ message: Message) async { try? await self.bus.publish(message) }
}
