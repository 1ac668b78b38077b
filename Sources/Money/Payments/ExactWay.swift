package import Encoding
package import Ledger
package import Sodium
package import Wallet
package import World

/// A message that is not signed yet, and when it could be executed.
package struct UnsignedMessage: Sendable {
    package let message: [UInt8]
    package let horizon: Horizon
    /// What its payload needs besides, as the rail has it.
    package let context: [UInt8]

    package init(_ message: [UInt8], horizon: Horizon, context: [UInt8] = []) {
        self.message = message
        self.horizon = horizon
        self.context = context
    }
}

/// A rail that pays with one message of its own: the scheme `exact`.
package protocol ExactRail: Rail {
    var ledger: PaymentLedger { get }
    var wallet: UnlockedWallet { get }
    var reader: any MessageReader { get }

    /// The message that pays just what `quote` says.
    /// - Throws: ``ChainError`` where the chain cannot be asked; anything else says why it cannot be paid.
    func draft(_ quote: Quote) async throws -> UnsignedMessage
    /// What the chain shows of a payment, and books it.
    /// - Parameter hint: a transaction that somebody claims; checked like everything else.
    /// - Throws: ``ChainError`` where the chain cannot be asked.
    func look(for payment: JournalledPayment, hint: String?) async throws -> Purchasing.Finding
    /// What the message and its signature travel as: the scheme's part of a payload.
    func payload(_ unsigned: UnsignedMessage, _ signature: Signature) throws -> JSON
}

extension ExactRail {
    package func finding(of payment: JournalledPayment, hint: String?) async throws -> Purchasing.Finding {
        let known = try await self.ledger.read { try $0.intent(payment.intent)?.state }
        if known == .settled { return .settled }
        do {
            return try await self.look(for: payment, hint: hint)
        } catch let error as any ChainError where !error.isCancelled {
            return .silent("\(error)")
        }
    }

    package func reconcile(_ payment: JournalledPayment) async throws {
        _ = try await self.look(for: payment, hint: nil)
    }

    /// Everything before the first byte of a payment leaves.
    package func prepare(_ quote: Quote) async throws -> Preparation {
        try await Preparation.of(quote.proposal, in: self.ledger) { try await self.sign($0, quote) }
    }

    private func sign(_ authorization: consuming Authorization, _ quote: Quote) async throws -> Preparation {
        let draft: UnsignedMessage
        do {
            draft = try await self.draft(quote)
        } catch let error as any ChainError {
            try await self.ledger.suspend(authorization)
            return .stopped(.unpaid(reason: "the chain does not answer: \(error)"))
        } catch {
            try await self.ledger.release(authorization, reason: "\(error)")
            return .stopped(.unpaid(reason: "\(error)"))
        }
        let identifier = PaymentPayload.name(
            authorization.intent, authorization.attempt, of: self.wallet)
        let checked = try CheckedMessage(
            draft.message, for: authorization, of: self.wallet, by: self.reader)
        let signed = try await self.wallet.sign(checked)
        let payload = PaymentPayload(
            resource: quote.required.resource, accepted: quote.requirements,
            payload: try self.payload(draft, signed.signature),
            identifier: quote.required.wantsIdentifier ? identifier : nil, offer: quote.offer?.text,
            echo: quote.required.echo)
        return .signed(
            try await self.ledger.journal(signed, payload: payload.bytes, horizon: draft.horizon))
    }
}

extension Entropy {
    /// At most 64 bytes that no other purchase has, also where chance repeats itself, as on a machine that
    /// was brought back from an image: two purchases with the same signed bytes would be one payment.
    package func bytes(_ count: Int, for purchase: Purchase) -> [UInt8] {
        let name = Array("\(purchase.subject.text) \(purchase.series) ".utf8)
        return Array(BLAKE2b.digest(of: name + self.bytes(32), length: 64).prefix(count))
    }
}

extension PaymentPayload {
    /// What a payment of a wallet is called: the same for the same payment, and another for everybody else's.
    /// Robots that buy the same thing have the same intents, and a seller may know all names in one list.
    package static func name(
        _ intent: IntentID, _ number: some BinaryInteger, of wallet: UnlockedWallet
    ) -> String {
        "\(intent)-\(number)-\(Base58.encode(wallet.publicKey(.payment).bytes))"
    }
}

/// What came of a wish to pay, before the first byte leaves.
package enum Preparation: Sendable {
    /// On disk, now or since an earlier life: send it, or look for it.
    case signed(JournalledPayment)
    /// Paid before.
    case paid(IntentRecord)
    /// Nothing was signed.
    case stopped(PurchaseEnd)

    /// Reserves, has signed and journals, once.
    package typealias Maker = () async throws -> Preparation

    /// Asks the ledger, which reserves; what it allows, and what is not signed yet, `sign` drafts, has signed
    /// and journals.
    package static func of(
        _ proposal: Proposal, from channel: String? = nil, in ledger: PaymentLedger,
        _ sign: (consuming Authorization) async throws -> Preparation
    ) async throws -> Preparation {
        switch try await ledger.authorize(proposal, from: channel) {
        case .denied(let denial): .stopped(.denied(denial))
        case .waiting(let id, let denial): .stopped(.waiting(id, denial))
        case .differs(let record): .stopped(.denied(record.difference))
        case .inFlight(let payment): .signed(payment)
        case .settled(let record): .paid(record)
        case .authorized(let authorization): try await sign(authorization)
        }
    }

    /// How it ended before anything was sent; nil for what goes on.
    package var end: PurchaseEnd? {
        switch self {
        case .signed: nil
        case .paid(let record): .unanswered(record.id, reason: "paid before")
        case .stopped(let end): end
        }
    }
}

/// Paying a quote with one message.
package struct ExactWay<Exact: ExactRail>: Way {
    package let quote: Quote
    private let rail: Exact

    package init(_ quote: Quote, on rail: Exact) {
        self.quote = quote
        self.rail = rail
    }

    package var channel: String? { nil }

    package func preview(for order: Order) async throws -> (message: [UInt8], channel: String?) {
        (try await self.rail.draft(self.quote).message, nil)
    }

    package func pay(
        for order: Order, _ body: (Preparation.Maker) async throws -> PurchaseEnd
    ) async throws -> PurchaseEnd {
        try await body { try await self.rail.prepare(self.quote) }
    }
}
