internal import Database
internal import Sodium
internal import World

/// What proves that a payment reached the payee.
public struct SettlementProof: Sendable, Hashable {
    /// The chain's transaction id.
    public let transaction: String
    /// Where the network has it, in its words: `slot 1023`.
    public let place: String

    public init(transaction: String, place: String) {
        self.transaction = transaction
        self.place = place
    }
}

extension PaymentLedger {
    /// Stores the exact signed bytes. What comes back may be sent, and nothing else may: its reservation and
    /// its bytes are on disk.
    ///
    /// - Parameters:
    ///   - payload: what will be sent, to the byte.
    ///   - horizon: when the message can be executed.
    /// - Throws: `LedgerError.foreignSignature` when a key signed that is not the wallet's.
    public func journal(
        _ attempt: consuming SignedAttempt, payload: [UInt8], horizon: Horizon
    ) async throws -> JournalledPayment {
        let id = attempt.intent
        // The permission is used up, whatever comes: a refused signature leaves the reservation for the next
        // try.
        self.finished(id)
        guard self.signers.contains(attempt.key) else { throw LedgerError.foreignSignature(id) }
        // A voucher is good as soon as somebody has it: from the start it counts as one that may have left.
        let state: IntentState = attempt.channel == nil ? .signed : .submitted
        let payment = JournalledPayment(
            intent: id, proposal: attempt.proposal, attempt: attempt.attempt, state: state,
            payload: payload,
            message: attempt.message, signature: attempt.signature,
            horizon: horizon, transaction: nil, channel: attempt.channel)
        let digest = BLAKE2b.digest(of: payment.message + payment.signature.bytes + payload)
        try self.move(
            id, from: [.reserved], to: state, detail: "attempt \(payment.attempt)", digest: digest,
            signs: true, promise: attempt.voucher?.cumulative
        ) {
            try self.database.run(
                "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)", .integer(self.head.sequence),
                .integer(Int64(payment.attempt)), .blob(payment.message), .blob(payment.signature.bytes),
                .blob(payload), .integer(Int64(bitPattern: horizon.last)),
                .integer(Int64(bitPattern: horizon.first)))
        }
        try await self.durable()
        return payment
    }

    /// Gives an unused permission back: nothing was signed, so the money is free again.
    public func release(_ authorization: consuming Authorization, reason: String) async throws {
        let id = authorization.intent
        try self.move(
            id, from: [.reserved], to: .failed, detail: reason,
            postings: Pot(channel: authorization.channel).release)
        self.finished(id)
        try await self.durable()
    }

    /// Forgets an unused permission but keeps its reservation: the same proposal will get it again.
    public func suspend(_ authorization: consuming Authorization) async throws {
        self.finished(authorization.intent)
        try await self.durable()
    }

    /// Notes that the bytes are about to leave. Must return before the first one does.
    public func markSubmitted(_ payment: JournalledPayment) async throws {
        let record = try self.intent(payment.intent)
        // Sending the same bytes again is not a new step.
        guard record.state == .signed else { return try await self.durable() }
        try self.move(record, from: [.signed], to: .submitted, detail: payment.proposal.note)
        try await self.durable()
    }

    /// Books a payment that the chain proves.
    public func settle(_ id: IntentID, proof: SettlementProof) async throws {
        let record = try self.intent(id)
        guard record.state != .settled else { return try await self.durable() }
        try self.move(
            record, from: [.signed, .submitted, .unknown], to: .settled,
            detail: "found in \(proof.place)",
            transaction: proof.transaction, postings: self.spending(record)
        ) {
            if let channel = record.proposal.filledChannel { try self.setState(of: channel, to: .open) }
        }
        try await self.durable()
    }

    /// Gives the money back: the chain executed the payment and it failed.
    public func fail(_ id: IntentID, transaction: String, reason: String) async throws {
        let record = try self.intent(id)
        guard record.state != .failed else { return try await self.durable() }
        try self.move(
            record, from: [.signed, .submitted, .unknown], to: .failed, detail: reason,
            transaction: transaction,
            postings: Pot(channel: record.channel).release)
        try self.abandon(record)
        try await self.durable()
    }

    /// Gives the money back: the network is past the payment's horizon, and it was not executed.
    /// - Parameter place: where the network was, in its words: `height 99`.
    public func expire(_ id: IntentID, at place: String) async throws {
        let record = try self.intent(id)
        guard record.state != .expired else { return try await self.durable() }
        try self.move(
            record, from: [.signed, .submitted, .unknown], to: .expired,
            detail: "not executed by \(place)", postings: Pot(channel: record.channel).release)
        try self.abandon(record)
        try await self.durable()
    }

    /// Says that nobody knows. The money stays reserved, and only the same bytes may be sent again.
    public func markUnknown(_ id: IntentID, reason: String) async throws {
        let record = try self.intent(id)
        guard record.state != .unknown else { return try await self.durable() }
        try self.move(record, from: [.submitted], to: .unknown, detail: reason)
        try await self.durable()
    }

    /// Stores the verified receipt of what was paid for.
    public func deliver(_ id: IntentID, receipt: String) async throws {
        guard try self.intent(id).delivery == .pending else { return try await self.durable() }
        try self.move(
            id, from: [.settled], to: .settled, detail: "delivered",
            digest: BLAKE2b.digest(of: Array(receipt.utf8))
        ) {
            try self.database.run(
                "UPDATE intent SET delivery = 'delivered', receipt = ? WHERE id = ?", .text(receipt),
                .text(id.description))
        }
        try await self.durable()
    }

    /// Books a settled payment as a loss: the payee has the money and did not deliver.
    /// - Parameters:
    ///   - reason: in words, for the journal.
    ///   - evidence: JSON that is kept in place of the receipt.
    public func lose(_ id: IntentID, reason: String, evidence: String) async throws {
        let record = try self.intent(id)
        guard record.delivery != .lost else { return try await self.durable() }
        try self.move(
            record, from: [.settled], to: .settled, detail: "lost: \(reason)",
            digest: BLAKE2b.digest(of: Array(evidence.utf8)),
            postings: [(Account.destination(of: record.proposal), -1), (Account.losses, 1)]
        ) {
            try self.database.run(
                "UPDATE intent SET delivery = 'lost', receipt = ? WHERE id = ?", .text(evidence),
                .text(id.description))
        }
        try await self.durable()
    }

    /// Books money that came in from the owner.
    public func deposit(_ amount: UInt64, asset: Asset, reference: String) async throws {
        try await self.receive(amount, asset: asset, from: Account.deposits, reference: reference)
    }

    /// Books money that a customer paid, once per reference.
    public func earn(_ amount: UInt64, asset: Asset, purpose: Purpose, reference: String) async throws {
        try await self.receive(amount, asset: asset, from: Account.income(purpose), reference: reference)
    }

    private func receive(_ amount: UInt64, asset: Asset, from account: String, reference: String) async throws
    {
        guard amount <= UInt64(Int64.max) else { throw LedgerError.amountTooLarge(amount) }
        let known = try self.database.query(
            "SELECT 1 FROM entry WHERE account = ? AND reference = ? AND intent IS NULL AND amount < 0",
            .text(account), .text(reference))
        guard known.isEmpty else { return try await self.durable() }
        let now = self.clock().milliseconds
        try self.write {
            try self.know(asset)
            let lines = [(account, -Int64(amount)), (Account.wallet, Int64(amount))].map {
                Line(account: $0.0, asset: asset.id, amount: $0.1, reference: reference)
            }
            try self.record(.receipt, detail: "\(asset.text(amount)) came in", at: now, lines: lines)
        }
        try await self.durable()
    }

    /// The lines of a payment that the payee has.
    func spending(_ record: IntentRecord) -> [(account: String, sign: Int64)] {
        [(Pot(channel: record.channel).reserved, -1), (Account.destination(of: record.proposal), 1)]
    }

    func intent(_ id: IntentID) throws -> IntentRecord {
        // After a fault the reservation of a permission that is still out may be undone.
        guard !self.faulted else { throw LedgerError.storageFault }
        guard let record = try LedgerView(self.database).intent(id) else {
            throw LedgerError.unknownIntent(id)
        }
        return record
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
    /// Its last voucher has no answer yet.
    case channelBusy(String)
    case unknownChannel(String)

    /// Whether the file itself is the trouble: nothing can be decided until a person looked at it.
    public var isOfTheFile: Bool {
        switch self {
        case .damaged, .otherWallet, .storageFault: true
        default: false
        }
    }

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
        case .foreignSignature(let id): "the signature for \(id) is not by a key of this wallet"
        case .channelBusy(let id): "a voucher of channel \(id) is on its way; wait for its answer"
        case .unknownChannel(let id): "there is no channel \(id)"
        case .amountTooLarge(let amount): "\(amount) atomic units are more than a ledger line holds"
        }
    }
}

/// What ends a program that keeps books: nothing that a seller, a customer, a device or a broker can do, and
/// no waiting heals it.
package func endsTheProgram(_ error: any Error) -> Bool {
    switch error {
    case is CancellationError, is SchemaError: true
    case let error as LedgerError: error.isOfTheFile
    case let error as DatabaseError: error.isStorageFault
    default: false
    }
}
