internal import Encoding
public import Ledger
public import World

/// Carries out what is asked of a wallet.
public struct WalletControl: Sendable {
    /// Where a request comes from.
    public enum Origin: Sendable {
        /// Somebody who may write the home.
        case machine
        /// Anybody who reaches the broker: only signatures count.
        case network
    }

    /// The longest refusal, in characters: the asker's own words are in it.
    private static let refusalLimit = 400

    private let ledger: PaymentLedger
    private let entropy: any Entropy

    public init(ledger: PaymentLedger, entropy: any Entropy) {
        self.ledger = ledger
        self.entropy = entropy
    }

    /// Answers bytes that came from outside; never throws at who sent garbage.
    public func answer(_ bytes: [UInt8], from origin: Origin) async -> WalletAnswer {
        do {
            return try await self.perform(try WalletRequest(bytes), from: origin)
        } catch {
            // A ledger that cannot even be read has no head to show.
            return WalletAnswer(
                head: try? await self.ledger.read { try $0.head() },
                refusal: "\(error)".plain(limit: Self.refusalLimit))
        }
    }

    /// - Throws: the ledger's, the policy's or the command's error; then nothing was done.
    public func perform(_ request: WalletRequest, from origin: Origin) async throws -> WalletAnswer {
        var challenge: [UInt8] = []
        switch (request, origin) {
        case (.challenge, _): challenge = await self.ledger.challenge(entropy: self.entropy)
        case (.execute(let envelope), _): _ = try await self.ledger.execute(envelope)
        case (.freeze(let reason), .machine): try await self.ledger.freeze(reason: reason)
        case (.policy(let file), .machine): try await self.ledger.apply(policy: file)
        case (.freeze, .network), (.policy, .network):
            throw CommandError.notAllowed("from outside the machine this has to be a signed command")
        }
        return WalletAnswer(head: try await self.ledger.read { try $0.head() }, challenge: challenge)
    }
}
