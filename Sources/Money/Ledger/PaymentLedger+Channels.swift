internal import Database
internal import Encoding
internal import World

/// A payment channel: money in escrow, spent by cumulative vouchers.
public struct ChannelRecord: Sendable, Hashable {
    /// Where a channel stands.
    public enum State: String, Sendable {
        /// Its deposit is on the way.
        case opening
        case open
        /// Nothing more is spent from it; the rest is on its way back.
        case closing
        case closed
    }

    /// The channel's address on its chain.
    public let id: String
    /// Who is paid, as a CAIP-10 account.
    public let payee: String
    public let asset: Asset
    /// What the rail has to know to go on with it.
    public let terms: [UInt8]
    public let state: State
    /// What the payee accepted so far: the next voucher says this and its own amount. Atomic units.
    public let spent: UInt64
    /// The newest accepted payment.
    public let lastVoucher: IntentID?
    /// Free to spend, and set aside for vouchers without an answer.
    public let free: Int64
    public let reserved: Int64
    /// Milliseconds since 1970.
    public let openedAt: Int64
    /// Never to be filled again: a voucher that its deposit does not cover is in the payee's hands.
    public let isBarred: Bool

    /// Everything that was put into escrow and confirmed.
    public var deposit: Int64 {
        self.free.saturating(plus: self.reserved).saturating(plus: Int64(clamping: self.spent))
    }
}

extension LedgerView {
    /// All channels, newest first.
    public borrowing func channels() throws -> [ChannelRecord] { try self.channels("") }

    public borrowing func channel(_ id: String) throws -> ChannelRecord? {
        try self.channels("WHERE c.id = ?", .text(id)).first
    }

    /// Payments of a channel whose outcome is open, oldest first.
    public borrowing func vouchers(openIn channel: String) throws -> [IntentRecord] {
        try self.records(
            "WHERE i.channel = ? AND \(Tables.openStates) ORDER BY i.created_at, i.rowid", .text(channel))
    }

    private borrowing func channels(_ clause: String, _ parameters: DatabaseValue...) throws
        -> [ChannelRecord]
    {
        try self.database.query(
            """
            SELECT c.id, c.payee, a.id, a.symbol, a.decimals, c.terms, c.state, c.spent, c.last_voucher,
                c.opened_at, c.is_barred,
                (SELECT amount FROM balance WHERE asset = c.asset AND account = 'assets:channel:' || c.id),
                (SELECT amount FROM balance
                    WHERE asset = c.asset AND account = 'assets:channel:' || c.id || ':reserved')
            FROM channel c JOIN asset a ON a.id = c.asset \(clause) ORDER BY c.opened_at DESC, c.rowid DESC
            """, parameters: parameters
        ).compactMap { row in
            guard let state = ChannelRecord.State(rawValue: row.text(6)) else { return nil }
            return ChannelRecord(
                id: row.text(0), payee: row.text(1),
                asset: Asset(id: row.text(2), symbol: row.text(3), decimals: Int(row.integer(4))),
                terms: row.blob(5), state: state, spent: UInt64(clamping: row.integer(7)),
                lastVoucher: row.optionalText(8).flatMap { IntentID(text: $0) },
                free: row.optionalInteger(11) ?? 0, reserved: row.optionalInteger(12) ?? 0,
                openedAt: row.integer(9), isBarred: row.integer(10) == 1)
        }
    }
}

extension PaymentLedger {
    /// Writes a channel down before its deposit is asked for. The same channel again changes nothing.
    public func prepareChannel(_ id: String, payee: String, asset: Asset, terms: [UInt8]) async throws {
        let now = self.clock().milliseconds
        try self.write {
            try self.know(asset)
            try self.database.run(
                """
                INSERT INTO channel (id, payee, asset, terms, state, opened_at)
                VALUES (?, ?, ?, ?, 'opening', ?) ON CONFLICT DO NOTHING
                """, .text(id), .text(payee), .text(asset.id), .blob(terms), .integer(now))
        }
        try await self.durable()
    }

    /// Gives back what was reserved for a channel and never signed; a channel that is not there without it is
    /// given up.
    public func dropUnsignedDeposit(into id: String) async throws {
        let deposits = try LedgerView(self.database).deposits(into: id, in: [.reserved])
        for deposit in deposits where !self.isOut(deposit.id) {
            try self.move(
                deposit, from: [.reserved], to: .failed, detail: "the channel was not opened",
                postings: Pot(channel: nil).release)
        }
        let opening = try LedgerView(self.database).intent(of: Purchase(.deposit(channel: id)))
        if opening?.isLive != true, try self.channel(id).state == .opening {
            try self.write { try self.setState(of: id, to: .closed) }
        }
        try await self.durable()
    }

    /// Books a voucher that the payee accepted: the money is the payee's, whether it redeems it or not.
    ///
    /// On disk a moment later, with whatever is written next. Open vouchers that promised no more than is
    /// accepted now are dead: what they promised is counted.
    ///
    /// - Parameter commitment: how the payee names it.
    public func accept(_ id: IntentID, commitment: String) async throws {
        // Nothing depends on it: after a crash the payee says the same again.
        defer { self.commitSoon() }
        // What is read in the transaction of the write takes the file's locks once.
        try self.openGroup()
        let record = try self.intent(id)
        guard let channel = record.channel else {
            throw LedgerError.wrongState(id, expected: ["voucher"], found: record.state)
        }
        guard record.state != .settled else { return }
        try self.move(
            record, from: [.signed, .submitted, .unknown], to: .settled, detail: "accepted by the payee",
            transaction: commitment, postings: self.spending(record)
        ) {
            try self.database.run(
                "UPDATE channel SET spent = spent + ?, last_voucher = ? WHERE id = ?",
                .integer(Int64(record.proposal.amount)), .text(id.description), .text(channel))
        }
        let spent = try self.progress(of: channel).spent
        try self.expireVouchers(of: channel, why: "a later voucher covers it") { $0 <= spent }
    }

    /// Lets a voucher be signed anew, above one that the payee accepted meanwhile; its money stays set aside.
    /// - Returns: nil when the owner or the policy does not allow it any more.
    public func renew(_ id: IntentID) async throws -> Authorization? {
        let record = try self.intent(id)
        guard let channel = record.channel else { throw LedgerError.busy(id) }
        if record.state == .expired {
            guard
                case .authorized(let authorization) = try await self.authorize(record.proposal, from: channel)
            else { return nil }
            return authorization
        }
        if try self.standstill() != nil { return nil }
        try self.move(
            id, from: [.signed, .submitted, .unknown], to: .reserved,
            detail: "signed anew: an earlier voucher was accepted")
        return try self.authorization(id, record.proposal, channel, after: record)
    }

    /// Nothing more is spent from this channel.
    public func beginClosing(_ id: String) async throws {
        guard try self.channel(id).state == .open else { return try await self.durable() }
        try self.write {
            try self.setState(of: id, to: .closing)
            try self.record(
                .channel, detail: "closing \(id)", at: self.clock().milliseconds)
        }
        try await self.durable()
    }

    /// Books the end of a channel that the chain shows: what the payee redeemed is spent, the rest is back.
    ///
    /// Vouchers without an answer count as accepted up to what was redeemed, and are dead above it. Where
    /// payee and ledger differ, the difference is booked where a person sees it.
    ///
    /// - Parameter redeemed: the channel's last watermark, in atomic units.
    public func closeChannel(_ id: String, redeemed: UInt64, transaction: String) async throws {
        guard try self.channel(id).state != .closed else { return try await self.durable() }
        for voucher in try self.openVouchers(of: id) where voucher.cumulative <= redeemed {
            try await self.accept(voucher.record.id, commitment: transaction)
        }
        try self.expireVouchers(of: id, why: "the channel is closed") { _ in true }
        for unsigned in try LedgerView(self.database).vouchers(openIn: id) {
            try self.move(
                unsigned.id, from: [.reserved], to: .failed, detail: "the channel is closed",
                postings: Pot(channel: id).release)
        }
        let channel = try self.channel(id)
        let back = channel.deposit - Int64(clamping: redeemed)
        let difference = back - channel.free
        // Of a found channel it is what was bought before the ledger was lost.
        let gone = try self.isFound(id) ? Account.unrecorded : Account.losses
        var lines = [
            (Pot(channel: id).free, -channel.free), (Account.wallet, back),
            (difference > 0 ? Account.unclaimed : gone, -difference),
        ]
        lines.removeAll { $0.1 == 0 }
        try self.write {
            try self.setState(of: id, to: .closed)
            try self.record(
                .channel,
                detail: "closed \(id): \(channel.asset.text(redeemed)) redeemed of "
                    + channel.asset.text(UInt64(max(0, channel.deposit))),
                at: self.clock().milliseconds,
                lines: lines.map {
                    Line(account: $0.0, asset: channel.asset.id, amount: $0.1, reference: transaction)
                })
        }
        try await self.durable()
    }

    // MARK: Inside

    func channel(_ id: String) throws -> ChannelRecord {
        guard !self.faulted else { throw LedgerError.storageFault }
        guard let channel = try LedgerView(self.database).channel(id) else {
            throw LedgerError.unknownChannel(id)
        }
        return channel
    }

    /// What a voucher needs to know of its channel, and nothing more: this is asked for with each.
    func progress(of channel: String) throws -> (state: ChannelRecord.State, spent: UInt64) {
        let row = try self.database.query(
            "SELECT state, spent FROM channel WHERE id = ?", .text(channel)
        ).first
        guard let row, let state = ChannelRecord.State(rawValue: row.text(0)) else {
            throw LedgerError.unknownChannel(channel)
        }
        return (state, UInt64(clamping: row.integer(1)))
    }

    func setState(of channel: String, to state: ChannelRecord.State) throws {
        try self.database.run(
            "UPDATE channel SET state = ? WHERE id = ?", .text(state.rawValue), .text(channel))
    }

    /// Two vouchers on their way at once would promise the same money twice.
    func checkFree(_ id: String, for amount: UInt64) throws {
        let state = try self.progress(of: id).state
        // A closing channel spends nothing; a voucher that adds nothing only asks.
        guard state == .open || state == .opening || state == .closing && amount == 0 else {
            throw LedgerError.unknownChannel(id)
        }
        let underway = try self.database.query(
            "SELECT 1 FROM intent WHERE channel = ? AND \(Tables.openStates) AND state = 'submitted'",
            .text(id))
        guard underway.isEmpty else { throw LedgerError.channelBusy(id) }
    }

    /// What a deposit that can never arrive takes along: a channel that is not there without it, and the
    /// vouchers that nothing else covers. Such a voucher stays in its payee's hands, and would be good in a
    /// fuller channel: that one is never filled again.
    func abandon(_ deposit: IntentRecord) throws {
        guard let id = deposit.proposal.filledChannel else { return }
        let channel = try self.channel(id)
        guard channel.state != .opening else {
            try self.expireVouchers(of: id, why: "the channel was never opened") { _ in true }
            return try self.write { try self.setState(of: id, to: .closed) }
        }
        let others = try LedgerView(self.database).deposits(
            into: id, in: [.reserved, .signed, .submitted, .unknown])
        let covered = UInt64(clamping: channel.deposit)
        guard others.isEmpty, try self.openVouchers(of: id).contains(where: { $0.cumulative > covered })
        else { return }
        try self.expireVouchers(of: id, why: "the deposit under it never arrived") { $0 > covered }
        try self.write {
            try self.database.run("UPDATE channel SET is_barred = 1 WHERE id = ?", .text(id))
        }
    }

    private func expireVouchers(
        of channel: String, why: String, where isDead: (UInt64) -> Bool
    ) throws {
        for (record, cumulative) in try self.openVouchers(of: channel) where isDead(cumulative) {
            try self.move(
                record, from: [.signed, .submitted, .unknown], to: .expired, detail: why,
                postings: Pot(channel: channel).release)
        }
    }

    private func openVouchers(of channel: String) throws -> [(record: IntentRecord, cumulative: UInt64)] {
        try LedgerView(self.database).vouchers(openIn: channel).compactMap { record in
            guard record.state != .reserved, let promise = record.promise else { return nil }
            return (record, promise)
        }
    }
}
