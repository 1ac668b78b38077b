import Console
import Control
import Encoding
import Linux
import Sodium
import Statements
import World

/// The owner's connection to one wallet over a broker.
struct OwnerLine {
    private let bus: MosquittoBus
    private let topics: OwnerTopics
    private let answers: AsyncStream<Signed<Answer>>

    /// How long the broker and the robot may take.
    private static let patience = Duration.seconds(10)
    /// How often a freeze is sent in that time.
    private static let freezeTries = 4

    /// Connects, and disconnects when `body` has ended.
    /// - Parameter identity: whose answers count; nil takes any that is signed.
    static func with(
        _ address: BrokerAddress, wallet: String, identity: PublicKey?,
        _ body: (OwnerLine) async throws -> Void
    ) async throws {
        let words = BrokerWords()
        let bus = MosquittoBus(address, entropy: SystemEntropy()) { words.hear($0) }
        let topics = OwnerTopics(wallet: wallet)
        let (answers, arrival) = AsyncStream.makeStream(
            of: Signed<Answer>.self, bufferingPolicy: .bufferingNewest(8))
        for topic in [topics.answer, topics.deviceAnswer] {
            try bus.subscribe(to: topic, quality: .atLeastOnce) { message in
                guard let answer = try? Signed<Answer>(message.payload, from: identity),
                    answer.body.wallet == wallet
                else { return }
                arrival.yield(answer)
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            defer { group.cancelAll() }
            let line = OwnerLine(bus: bus, topics: topics, answers: answers)
            try await line.connected()
            try await body(line)
        }
    }

    /// A fresh challenge of the wallet.
    func challenge() async throws -> [UInt8] {
        guard let answer = try await self.ask(.challenge, topic: self.topics.ask) else {
            throw Failure(
                9, "the robot does not answer", hint: "it may be off, offline, or another wallet's")
        }
        return answer.challenge
    }

    /// Sends a signed command. Nil when a kept one has found no robot yet.
    func execute(_ envelope: [UInt8], kept: Bool) async throws -> WalletAnswer? {
        guard !kept else { return try await self.freeze(envelope) }
        let answer = try await self.ask(.execute(envelope), topic: self.topics.ask)
        guard answer != nil else {
            throw Failure(
                7, "the robot did not answer; it may have carried the command out",
                hint: "look at its state before commanding again")
        }
        return answer
    }

    /// Sends a freeze, which the broker keeps: for a robot that comes back, and once more each time that
    /// nobody has answered, for one that is there. A retained message is handed out with a subscription only,
    /// and of what waits for a robot that is flooded the broker drops something.
    private func freeze(_ envelope: [UInt8]) async throws -> WalletAnswer? {
        let bytes = try WalletRequest.execute(envelope).bytes
        for attempt in 0..<Self.freezeTries {
            let answer = try await self.answer(
                to: bytes, topic: self.topics.freeze, retained: attempt == 0,
                within: Self.patience / Self.freezeTries)
            if let answer { return try WalletAnswer(JSONField(answer)) }
        }
        return nil
    }

    /// Sends a signed command to a device until its answer comes, or patience ends.
    func order(_ envelope: [UInt8], named name: String?) async throws -> JSONField {
        // The robot may be between two connections; asked again, the command is the same one.
        for _ in 0..<3 {
            if let answer = try await self.answer(to: envelope, topic: self.topics.device) {
                return JSONField(answer)
            }
        }
        throw Failure(
            7, "the robot did not answer; the device may have done it",
            hint: "the same command with --id \(name ?? "ID") goes on and does nothing twice")
    }

    private func ask(_ request: WalletRequest, topic: String) async throws -> WalletAnswer? {
        try await self.answer(to: try request.bytes, topic: topic).map { try WalletAnswer(JSONField($0)) }
    }

    private func answer(
        to bytes: [UInt8], topic: String, retained: Bool = false, within patience: Duration = Self.patience
    ) async throws -> JSON? {
        let name = Answer.name(of: bytes)
        try await self.bus.publish(Message(topic: topic, payload: bytes, retained: retained))
        let answers = self.answers
        return try await withThrowingTaskGroup(of: JSON?.self) { group in
            group.addTask {
                await answers.first { $0.body.request == name }?.body.answer
            }
            group.addTask {
                try await Task.sleep(for: patience)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    private func connected() async throws {
        let end = ContinuousClock.now + Self.patience
        while !self.bus.isConnected {
            guard ContinuousClock.now < end else {
                throw Failure(9, "the broker does not answer", hint: "check --broker and the network")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
