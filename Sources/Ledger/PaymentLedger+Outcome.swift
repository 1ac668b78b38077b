internal import Database
internal import Sodium
internal import World

/// What proves that a payment reached the payee.
public struct SettlementProof: Sendable, Hashable {
    /// The chain's transaction id.
    public let transaction: String
    public let slot: UInt64

    public init(transaction: String, slot: UInt64) {
        self.transaction = transaction
        self.slot = slot
    }
}

extension PaymentLedger {
    /// Stores the exact signed bytes. What comes back may be sent, and nothing else may.
    ///
    /// - Parameters:
    ///   - payload: what will be sent, to the byte.
    ///   - lastValidBlockHeight: after it the chain refuses the message for ever.
    /// - Throws: `LedgerError.foreignSignature` when the signature is not one of the wallet's over `message`.
    public func journal(
        _ attempt: consuming SignedAttempt, payload: [UInt8], lastValidBlockHeight: UInt64
    ) throws -> JournalledPayment {
        let id = attempt.intent
        // The permission is used up, whatever comes: a refused signature leaves the reservation for the next
        // try.
        defer { self.finished(id) }
        guard self.signers.contains(attempt.key),
            attempt.key.verifies(attempt.signature, over: attempt.message)
        else { throw LedgerError.foreignSignature(id) }
        let payment = JournalledPayment(
            intent: id, proposal: attempt.proposal, attempt: attempt.attempt, state: .signed,
            payload: payload,
            message: attempt.message, signature: attempt.signature,
            lastValidBlockHeight: lastValidBlockHeight,
            transaction: nil)
        try self.move(id, from: [.reserved], to: .signed, detail: "attempt \(payment.attempt)") {
            try self.database.run(
                "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)", .text(id.description),
                .integer(Int64(payment.attempt)), .blob(payment.message), .blob(payment.signature.bytes),
                .blob(payload), .integer(Int64(bitPattern: lastValidBlockHeight)),
                .integer(self.timeline.now.milliseconds))
        }
        return payment
    }

    /// Notes that the bytes are about to leave. Must return before the first one does.
    public func markSubmitted(_ payment: JournalledPayment) throws {
        guard let record = try self.read({ try $0.intent(payment.intent) }) else {
            throw LedgerError.unknownIntent(payment.intent)
        }
        // Sending the same bytes again is not a new step.
        guard record.state == .signed else { return }
        try self.move(payment.intent, from: [.signed], to: .submitted, detail: payment.proposal.note)
    }

    /// Books a payment that the chain proves.
    public func settle(_ id: IntentID, proof: SettlementProof) throws {
        guard let record = try self.read({ try $0.intent(id) }) else { throw LedgerError.unknownIntent(id) }
        guard record.state != .settled else { return }
        try self.move(
            id, from: [.signed, .submitted, .unknown], to: .settled, detail: "found in slot \(proof.slot)",
            transaction: proof.transaction,
            postings: [(Account.reserved, -1), (Account.expense(record.proposal.purpose), 1)])
    }

    /// Gives the money back: the chain executed the payment and it failed.
    public func fail(_ id: IntentID, transaction: String, reason: String) throws {
        try self.move(
            id, from: [.signed, .submitted, .unknown], to: .failed, detail: reason, transaction: transaction,
            postings: [(Account.reserved, -1), (Account.wallet, 1)])
    }

    /// Gives the money back: the chain has passed the last height at which the payment could be executed, and
    /// it was not.
    public func expire(_ id: IntentID, height: UInt64) throws {
        try self.move(
            id, from: [.signed, .submitted, .unknown], to: .expired,
            detail: "not executed by height \(height)",
            postings: [(Account.reserved, -1), (Account.wallet, 1)])
    }

    /// Says that nobody knows. The money stays reserved, and only the same bytes may be sent again.
    public func markUnknown(_ id: IntentID, reason: String) throws {
        guard let record = try self.read({ try $0.intent(id) }) else { throw LedgerError.unknownIntent(id) }
        guard record.state != .unknown else { return }
        try self.move(id, from: [.submitted], to: .unknown, detail: reason)
    }

    /// Stores the verified receipt of what was paid for.
    public func deliver(_ id: IntentID, receipt: String) throws {
        try self.write {
            try self.database.run(
                "UPDATE intent SET delivery = 'delivered', receipt = ? WHERE id = ? AND delivery = 'pending'",
                .text(receipt), .text(id.description))
        }
    }

    /// Books a settled payment as a loss: the payee has the money and did not deliver.
    /// - Parameters:
    ///   - reason: in words, for the journal.
    ///   - evidence: JSON that is kept in place of the receipt.
    public func lose(_ id: IntentID, reason: String, evidence: String) throws {
        guard let record = try self.read({ try $0.intent(id) }) else { throw LedgerError.unknownIntent(id) }
        guard record.delivery != .lost else { return }
        try self.move(
            id, from: [.settled], to: .settled, detail: "lost: \(reason)",
            postings: [(Account.expense(record.proposal.purpose), -1), (Account.losses, 1)]
        ) {
            try self.database.run(
                "UPDATE intent SET delivery = 'lost', receipt = ? WHERE id = ?", .text(evidence),
                .text(id.description))
        }
    }

    /// Books money that came in from the owner.
    public func deposit(_ amount: UInt64, asset: Asset, reference: String) throws {
        try self.receive(amount, asset: asset, from: Account.deposits, reference: reference)
    }

    /// Books money that a customer paid, once per reference.
    public func earn(_ amount: UInt64, asset: Asset, purpose: Purpose, reference: String) throws {
        try self.receive(amount, asset: asset, from: Account.income(purpose), reference: reference)
    }

    private func receive(_ amount: UInt64, asset: Asset, from account: String, reference: String) throws {
        guard amount <= UInt64(Int64.max) else { throw LedgerError.amountTooLarge(amount) }
        let known = try self.database.query(
            "SELECT 1 FROM entry WHERE account = ? AND reference = ? LIMIT 1", .text(account),
            .text(reference))
        guard known.isEmpty else { return }
        let now = try self.clock().milliseconds
        try self.write {
            try self.database.run(
                "INSERT INTO asset VALUES (?, ?, ?) ON CONFLICT DO NOTHING", .text(asset.id),
                .text(asset.symbol),
                .integer(Int64(asset.decimals)))
            try self.post(
                [(account, -1), (Account.wallet, 1)], amount: amount, asset: asset, intent: nil,
                reference: reference,
                at: now)
        }
    }
}

/// Why the ledger did not do what it was asked.
public enum LedgerError: Error, CustomStringConvertible {
    /// The file fails its own checks; nothing is spent until a person looked at it.
    case damaged([String])
    /// The file belongs to another wallet.
    case otherWallet(expected: String, found: String)
    /// An earlier write failed: stop, look at the disk, start again.
    case storageFault
    case unknownIntent(IntentID)
    case wrongState(IntentID, expected: [String], found: IntentState)
    /// The permission for this intent is in use already.
    case busy(IntentID)
    case foreignSignature(IntentID)
    case amountTooLarge(UInt64)

    public var description: String {
        switch self {
        case .damaged(let faults): "the ledger is damaged: \(faults.joined(separator: "; "))"
        case .otherWallet(let expected, let found):
            "the ledger belongs to wallet \(found), this one is \(expected)"
        case .storageFault:
            "an earlier write to the ledger failed; spending stops until a restart finds the disk in order"
        case .unknownIntent(let id): "there is no intent \(id)"
        case .wrongState(let id, let expected, let found):
            "intent \(id) is \(found.rawValue), not \(expected.joined(separator: " or "))"
        case .busy(let id): "intent \(id) is being signed at this moment"
        case .foreignSignature(let id): "the signature for \(id) is not this wallet's"
        case .amountTooLarge(let amount): "\(amount) atomic units are more than a ledger line holds"
        }
    }
}
