internal import Database
internal import World

extension LedgerView {
    /// Whether a channel was found on the chain: this ledger knows of no deposit into it.
    public borrowing func isFound(_ channel: String) throws -> Bool {
        try self.intent(of: Purchase(.deposit(channel: channel))) == nil
    }
}

/// Channels of a wallet whose ledger was lost.
extension PaymentLedger {
    /// Books a channel that the chain shows and this ledger does not know: what was put into it came from the
    /// owner, what is settled is spent, and nobody knows on what. Nothing more is spent from it.
    ///
    /// The same channel again changes nothing.
    ///
    /// - Parameters:
    ///   - deposit: what the chain shows in it in all, in atomic units.
    ///   - settled: what of it the payee showed vouchers for.
    public func adoptChannel(
        _ id: String, payee: String, asset: Asset, terms: [UInt8], deposit: UInt64, settled: UInt64
    ) async throws -> ChannelRecord {
        guard let amount = Int64(exactly: deposit), settled <= deposit else {
            throw LedgerError.amountTooLarge(deposit)
        }
        if try LedgerView(self.database).channel(id) == nil {
            let now = self.clock().milliseconds
            try self.write {
                try self.know(asset)
                try self.database.run(
                    """
                    INSERT INTO channel (id, payee, asset, terms, state, spent, opened_at)
                    VALUES (?, ?, ?, ?, 'closing', ?, ?)
                    """, .text(id), .text(payee), .text(asset.id), .blob(terms), .integer(Int64(settled)),
                    .integer(now))
                try self.record(
                    .channel,
                    detail: "found \(id) on the chain: \(asset.text(deposit)) in it, "
                        + "\(asset.text(settled)) settled", at: now,
                    lines: Self.lines(
                        [
                            (Account.deposits, -amount), (Pot(channel: id).free, amount - Int64(settled)),
                            (Account.unrecorded, Int64(settled)),
                        ], in: asset, reference: "found \(id)"))
            }
        }
        try await self.durable()
        return try self.channel(id)
    }

    /// Books that the payee of a found channel showed our own signature over more than is booked.
    ///
    /// - Parameter evidence: that signature, for the journal.
    /// - Returns: false when it cannot be so: less than is booked, or more than was ever put in.
    public func catchUp(_ id: String, to charged: UInt64, evidence: String) async throws -> Bool {
        let channel = try self.channel(id)
        let view = LedgerView(self.database)
        guard channel.state == .closing, try view.isFound(id), charged >= channel.spent,
            let total = Int64(exactly: charged), total <= channel.deposit
        else { return false }
        let difference = total - Int64(channel.spent)
        if difference > 0 {
            try self.write {
                try self.database.run(
                    "UPDATE channel SET spent = ? WHERE id = ?", .integer(total), .text(id))
                try self.record(
                    .channel,
                    detail: "the payee of \(id) shows our voucher for \(channel.asset.text(charged)): "
                        + evidence, at: self.clock().milliseconds,
                    lines: Self.lines(
                        [(Pot(channel: id).free, -difference), (Account.unrecorded, difference)],
                        in: channel.asset, reference: "shown \(id):\(charged)"))
            }
        }
        try await self.durable()
        return true
    }

    /// Ends a voucher that promised nothing: a question is neither accepted nor open.
    public func endQuestion(_ id: IntentID) async throws {
        let record = try self.intent(id)
        guard record.state.isOpen, record.proposal.amount == 0 else { return try await self.durable() }
        try self.move(
            id, from: [.signed, .submitted, .unknown], to: .expired,
            detail: "a question; it promised nothing",
            postings: Pot(channel: record.channel).release)
        try await self.durable()
    }

    func isFound(_ channel: String) throws -> Bool { try LedgerView(self.database).isFound(channel) }

    private static func lines(
        _ amounts: [(account: String, amount: Int64)], in asset: Asset, reference: String
    ) -> [Line] {
        amounts.filter { $0.amount != 0 }.map {
            Line(account: $0.account, asset: asset.id, amount: $0.amount, reference: reference)
        }
    }
}
