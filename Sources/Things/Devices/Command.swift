internal import Encoding

/// The life of one command: events in, effects out. No clock, no I/O; ``DeviceHub`` performs.
///
/// A crash may come between any two effects. What the journal says then decides: `received` was never sent,
/// `started` perhaps.
struct Command: Sendable {
    /// What a stored id must repeat to be the same command.
    struct Content: Sendable, Equatable {
        enum Kind: String { case write, invoke }
        let kind: Kind
        /// The description's `id`.
        let thing: String
        let affordance: String
        let input: JSON
    }

    /// How the outcome becomes known.
    enum Proof: Sendable {
        /// The broker's acknowledgement is all there is.
        case broker
        /// An echo, or a reply without id: only for the command that waits at this moment.
        case anonymous
        /// A reply with the command's id: at any time.
        case identified
    }

    enum Event: Equatable {
        /// The caller wants it done, for the first time or again.
        case requested
        /// The bus is connected and we listen.
        case ready
        /// Waited long enough, for the bus or for the device.
        case deadline
        /// The broker has the message.
        case sent
        /// The message certainly did not leave.
        case notSent
        /// It may or may not have left.
        case maybeSent
        /// The broker does not take it, in these words: the device has not heard of it.
        case refused(String)
        case done(JSON?)
        case failed(JSON)
    }

    enum Effect: Equatable {
        /// Make state and result durable before anything else.
        case save
        case awaitBus
        case publish
        case awaitReport
        /// Give the record to the caller.
        case finish
    }

    let id: String
    let content: Content
    let proof: Proof
    /// Sending it again does no harm.
    let isRepeatable: Bool
    private(set) var state: CommandState
    private(set) var result: JSON?
    /// An earlier message may have reached the device.
    private(set) var mayHaveActed: Bool

    /// A new command, or one as the journal has it.
    init(
        id: String, content: Content, proof: Proof, isRepeatable: Bool, state: CommandState = .received,
        result: JSON? = nil
    ) {
        self.id = id
        self.content = content
        self.proof = proof
        self.isRepeatable = isRepeatable
        self.state = state
        self.result = result
        self.mayHaveActed = state != .received
    }

    mutating func handle(_ event: Event) -> [Effect] {
        // The first outcome counts; a second one is a duplicate on the wire.
        if self.state.isFinal { return [.finish] }
        switch event {
        case .requested: return self.begin()
        case .ready:
            self.state = .started
            return [.save, .publish]
        case .deadline:
            guard self.mayHaveActed else { return [.finish] }
            return self.settle(.unknown)
        case .sent:
            self.mayHaveActed = true
            return self.proof == .broker ? self.settle(.done) : [.awaitReport]
        case .notSent: return self.settle(self.mayHaveActed ? .unknown : .received)
        case .maybeSent:
            self.mayHaveActed = true
            return self.proof == .broker ? self.settle(.unknown) : [.awaitReport]
        case .refused(let reason):
            self.result = .string(reason)
            return self.settle(self.mayHaveActed ? .unknown : .failed)
        case .done(let result):
            // An answer to what was never sent is a lie or a mistake.
            guard self.state != .received else { return [] }
            self.result = result
            return self.settle(.done)
        case .failed(let error):
            guard self.state != .received else { return [] }
            self.result = error
            return self.settle(.failed)
        }
    }

    private mutating func begin() -> [Effect] {
        guard self.mayHaveActed, !self.isRepeatable else { return [.awaitBus] }
        // It must not be sent again. Only a reply that names it can tell what happened.
        return self.proof == .identified ? [.awaitReport] : self.settle(.unknown)
    }

    private mutating func settle(_ state: CommandState) -> [Effect] {
        self.state = state
        return [.save, .finish]
    }
}
