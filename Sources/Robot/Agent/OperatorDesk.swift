internal import Control
internal import Devices
internal import Encoding
internal import Sodium
internal import Statements
internal import Wallet
internal import World

/// Where operators reach the devices over the broker: the owner, and whom the configuration names. A command
/// is asked for until its answer comes; its name is its issuer's and its id, so it is one command.
struct OperatorDesk: Sendable {
    let address: String
    let operators: Set<PublicKey>
    let devices: DeviceDesk
    /// Nil while the keystore is locked: then commands count, but nobody can sign an answer.
    let wallet: UnlockedWallet?
    let bus: any MessageBus
    let timeline: any Timeline

    /// Commands that wait to be carried out; the oldest goes, and its issuer asks again.
    static let room = 64
    /// Commands at once: one that waits for a device that is away holds up nobody.
    static let width = 8

    /// Subscribes.
    func listen() throws(BusError) -> AsyncStream<Message> {
        let (requests, arrival) = AsyncStream.makeStream(
            of: Message.self, bufferingPolicy: .bufferingNewest(Self.room))
        let topics = OwnerTopics(wallet: self.address)
        try self.bus.subscribe(to: topics.device, quality: .atLeastOnce) { message in
            guard message.payload.count <= DeviceOrder.byteLimit else { return }
            arrival.yield(message)
        }
        return requests
    }

    func run(_ requests: AsyncStream<Message>) async throws {
        let topics = OwnerTopics(wallet: self.address)
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            for await message in requests where !message.payload.isEmpty {
                if running == Self.width {
                    try await group.next()
                    running -= 1
                }
                group.addTask { await self.answer(message, topics) }
                running += 1
            }
            try await group.waitForAll()
        }
    }

    private func answer(_ message: Message, _ topics: OwnerTopics) async {
        let answer: JSON
        do throws(DeviceOrderError) {
            answer = await self.devices.answer(try self.order(message), at: self.timeline.now)
        } catch {
            answer = DeviceAnswer.refusal(error)
        }
        guard let wallet = self.wallet else { return }
        guard let bytes = await self.signed(answer, message, by: wallet) else { return }
        // Always there: a topic that a stranger may name would let him speak with our broker's rights.
        let properties = Message.Properties(correlation: message.properties.correlation)
        try? await self.bus.publish(
            Message(topic: topics.deviceAnswer, payload: bytes, properties: properties))
    }

    /// The answer, or that it cannot be given: what a device or a caller said ends nothing here.
    private func signed(_ answer: JSON, _ message: Message, by wallet: UnlockedWallet) async -> [UInt8]? {
        do {
            return try await wallet.sign(Answer(answer, to: message.payload, of: self.address)).bytes
        } catch {
            let refusal = Answer(DeviceAnswer.refusal(error), to: message.payload, of: self.address)
            return try? await wallet.sign(refusal).bytes
        }
    }

    private func order(_ message: Message) throws(DeviceOrderError) -> DeviceOrder {
        guard !message.retained else { throw .retained }
        let order = try DeviceOrder(signed: message.payload)
        guard order.wallet == self.address else {
            throw .wrongWallet(expected: self.address, found: order.wallet)
        }
        guard self.operators.contains(order.issuer) else { throw .stranger(order.issuer) }
        return order
    }
}
