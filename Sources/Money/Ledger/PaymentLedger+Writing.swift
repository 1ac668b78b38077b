internal import Database
internal import Encoding
internal import World

extension PaymentLedger {
    /// Stores a proposal with the answer to it; a reservation with its posting.
    func open(
        _ proposal: Proposal, _ round: Round, to state: IntentState, channel: String? = nil, detail: String
    ) throws {
        let before = round.record?.state
        let isChanged = round.isChanged(by: proposal.terms)
        // A refusal repeated is one refusal: an agent that asks every second must not fill the disk.
        if before == state, !isChanged, state == .denied || state == .waiting { return }
        let (id, now) = (round.id, self.clock().milliseconds)
        let news = isChanged ? "the terms changed to \(proposal.asset.text(proposal.amount)); " : ""
        let detail = Self.kept(news + detail)
        try self.write {
            // What the policy speaks about is known since the policy is.
            if self.policy?.assets.contains(proposal.asset) != true { try self.know(proposal.asset) }
            try self.store(
                proposal, round, state, channel: channel,
                changes: state == .reserved ? 0 : round.changes(to: proposal.terms),
                detail: detail, at: now)
            var lines: [Line] = []
            if state == .reserved {
                lines = self.lines(Pot(channel: channel).reserve, of: proposal, reference: "reserve")
                try self.count(proposal, reservedAt: now, by: 1)
            }
            // An approval is good for one reservation, and for the terms that it is about.
            if isChanged || state == .reserved && (before == .waiting || before == .denied) {
                try self.database.run("DELETE FROM approval WHERE intent = ?", .text(id.description))
            }
            try self.record(
                .payment, intent: id, after: round.record?.lastStep, from: before, to: state, detail: detail,
                at: now, lines: lines)
        }
    }

    private func store(
        _ proposal: Proposal, _ round: Round, _ state: IntentState, channel: String?, changes: Int64,
        detail: String, at now: Int64
    ) throws {
        let purchase = proposal.purchase
        try self.database.run(
            """
            INSERT INTO intent (id, purpose, job, payee, asset, amount, series, round, note, state, reason,
                reserved_at, created_at, updated_at, last_step, channel, policy, changes)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET payee = excluded.payee, asset = excluded.asset,
                amount = excluded.amount, note = excluded.note, state = excluded.state,
                reason = excluded.reason, reserved_at = excluded.reserved_at,
                updated_at = excluded.updated_at, last_step = excluded.last_step,
                channel = excluded.channel, policy = excluded.policy, changes = excluded.changes
            """, .text(round.id.description), .text(purchase.purpose.rawValue),
            .text(purchase.subject.text), .text(proposal.payee), .text(proposal.asset.id),
            .integer(Int64(proposal.amount)), .integer(Int64(purchase.series)),
            .integer(Int64(clamping: round.number)), .text(Self.kept(proposal.note)), .text(state.rawValue),
            .text(state == .reserved ? "" : detail), state.holdsMoney ? .integer(now) : .null,
            .integer(now), .integer(now), .integer(self.nextStep), channel.map { .text($0) } ?? .null,
            self.policy.map { .integer(Int64(bitPattern: $0.sequence)) } ?? .null, .integer(changes))
    }

    /// Moves an intent to another state, with its postings, in one piece.
    /// - Parameter promise: what a voucher that is signed with it promises in all.
    func move(
        _ id: IntentID, from allowed: Set<IntentState>, to state: IntentState, detail: String,
        transaction: String? = nil, digest: [UInt8] = [], signs: Bool = false, promise: UInt64? = nil,
        postings: [(account: String, sign: Int64)] = [], also: () throws -> Void = {}
    ) throws {
        try self.move(
            try self.intent(id), from: allowed, to: state, detail: detail, transaction: transaction,
            digest: digest, signs: signs, promise: promise, postings: postings, also: also)
    }

    /// The same for an intent that was read just now, with nothing awaited in between.
    func move(
        _ record: IntentRecord, from allowed: Set<IntentState>, to state: IntentState, detail: String,
        transaction: String? = nil, digest: [UInt8] = [], signs: Bool = false, promise: UInt64? = nil,
        postings: [(account: String, sign: Int64)] = [], also: () throws -> Void = {}
    ) throws {
        let id = record.id
        guard allowed.contains(record.state) else {
            throw LedgerError.wrongState(id, expected: allowed.map(\.rawValue).sorted(), found: record.state)
        }
        let now = self.clock().milliseconds
        let detail = Self.kept(detail)
        // Named only when it changes: an index stands on it.
        let isFreed = record.state.holdsMoney && !state.holdsMoney
        let freed = isFreed ? "reserved_at = NULL," : ""
        let signed = signs ? "attempts = attempts + 1, signed_in = ?6," : ""
        try self.write {
            if isFreed { try self.count(record.proposal, reservedAt: record.reservedAt, by: -1) }
            try self.database.run(
                """
                UPDATE intent SET state = ?1, reason = ?2, updated_at = ?3, \(freed) \(signed)
                    chain_transaction = COALESCE(?4, chain_transaction),
                    promise = COALESCE(?7, promise), last_step = ?6 WHERE id = ?5
                """, .text(state.rawValue), .text(detail), .integer(now),
                transaction.map { .text($0) } ?? .null, .text(id.description),
                .integer(self.nextStep), promise.map { .integer(Int64(clamping: $0)) } ?? .null)
            try self.record(
                .payment, intent: id, after: record.lastStep, from: record.state, to: state, detail: detail,
                digest: digest, at: now,
                lines: self.lines(postings, of: record.proposal, reference: transaction ?? state.rawValue))
            try also()
        }
    }

    /// Words as they are kept: reasons are often a stranger's, and the books are read on terminals.
    static func kept(_ words: String) -> String { words.plain(limit: 400) }

    func lines(
        _ postings: [(account: String, sign: Int64)], of proposal: Proposal, reference: String
    ) -> [Line] {
        postings.map {
            Line(
                account: $0.account, asset: proposal.asset.id, amount: $0.sign * Int64(proposal.amount),
                reference: reference)
        }
    }

    /// Adds a row to the journal, and the lines that are posted with it. Must run inside a write.
    /// - Parameter previous: the row before of the same intent, which names this one as its last step.
    func record(
        _ kind: JournalEntry.Kind, intent: IntentID? = nil, after previous: Int64? = nil,
        from before: IntentState? = nil, to after: IntentState? = nil, detail: String, digest: [UInt8] = [],
        at now: Int64, lines: [Line] = []
    ) throws {
        let row = JournalChain.Unchained(
            sequence: self.nextStep, at: now, kind: kind, intent: intent, before: before,
            after: after, detail: Self.kept(detail), digest: digest)
        self.note(try self.database.append(row, lines: lines, previous: previous, after: self.head))
    }

    /// Keeps the totals that limits look at.
    private func count(_ proposal: Proposal, reservedAt moment: Int64, by sign: Int64) throws {
        self.windows.count(proposal, reservedAt: moment, by: sign)
        try self.database.run(
            """
            INSERT INTO spending VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (asset, purpose, payee)
            DO UPDATE SET sum = sum + excluded.sum, count = count + excluded.count
            """, .text(proposal.asset.id), .text(proposal.purpose.rawValue), .text(proposal.payee),
            .integer(sign * Int64(proposal.amount)), .integer(sign))
    }

    func know(_ asset: Asset) throws {
        try self.database.run(
            "INSERT INTO asset VALUES (?, ?, ?) ON CONFLICT DO NOTHING", .text(asset.id),
            .text(asset.symbol), .integer(Int64(asset.decimals)))
    }
}

extension Connection {
    /// Chains a row to the journal and posts its lines. Must run inside a transaction.
    func append(
        _ row: JournalChain.Unchained, lines: [Line] = [], previous: Int64? = nil, after head: LedgerHead
    ) throws(DatabaseError) -> JournalEntry {
        precondition(lines.reduce(0) { $0 + $1.amount } == 0, "a posting sums to zero")
        precondition(lines.count < JournalChain.linesPerPosting, "a posting has few lines")
        let entry = row.chained(JournalChain.hash(after: head.hash, row, lines: lines))
        try self.run(
            """
            INSERT INTO journal (seq, at, kind, intent, state_before, state_after, detail, digest, hash,
                previous)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .integer(entry.sequence), .integer(entry.at), .text(entry.kind.rawValue),
            entry.intent.map { .text($0.description) } ?? .null,
            entry.before.map { .text($0.rawValue) } ?? .null, entry.after.map { .text($0.rawValue) } ?? .null,
            .text(entry.detail), .blob(entry.digest), .blob(entry.hash),
            previous.map { .integer($0) } ?? .null)
        for (place, line) in lines.enumerated() { try self.post(line, place, of: entry) }
        return entry
    }

    private func post(_ line: Line, _ place: Int, of entry: JournalEntry) throws(DatabaseError) {
        try self.run(
            """
            INSERT INTO entry (id, posting, at, account, asset, amount, intent, reference)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .integer(entry.sequence * JournalChain.linesPerPosting + Int64(place)), .integer(entry.sequence),
            .integer(entry.at), .text(line.account), .text(line.asset), .integer(line.amount),
            entry.intent.map { .text($0.description) } ?? .null, .text(line.reference))
        try self.run(
            """
            INSERT INTO balance VALUES (?, ?, ?)
            ON CONFLICT (account, asset) DO UPDATE SET amount = amount + excluded.amount
            """, .text(line.account), .text(line.asset), .integer(line.amount))
    }
}
