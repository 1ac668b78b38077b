internal import Database
internal import Encoding
internal import World

extension PaymentLedger {
    /// Stores a proposal with the answer to it; a reservation with its posting.
    func open(
        _ proposal: Proposal, _ id: IntentID, from record: IntentRecord?, to state: IntentState,
        channel: String? = nil, detail: String
    ) throws {
        let now = self.clock().milliseconds
        let detail = Self.kept(detail)
        let before = record?.state
        // A refusal repeated is one refusal: an agent that asks every second must not fill the disk.
        if before == state, state == .denied || state == .waiting { return }
        let reservedAt: DatabaseValue = state.holdsMoney ? .integer(now) : .null
        try self.write {
            // What the policy speaks about is known since the policy is.
            if self.policy?.assets.contains(proposal.asset) != true { try self.know(proposal.asset) }
            try self.database.run(
                """
                INSERT INTO intent (id, purpose, job, payee, asset, amount, series, note, state, reason,
                    reserved_at, created_at, updated_at, last_step, channel)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
                    reserved_at = excluded.reserved_at, updated_at = excluded.updated_at,
                    last_step = excluded.last_step, channel = excluded.channel
                """, .text(id.description), .text(proposal.purpose.rawValue), .text(proposal.job),
                .text(proposal.payee), .text(proposal.asset.id), .integer(Int64(proposal.amount)),
                .integer(Int64(proposal.series)), .text(Self.kept(proposal.note)), .text(state.rawValue),
                .text(state == .reserved ? "" : detail), reservedAt, .integer(now), .integer(now),
                .integer(self.nextStep), channel.map { .text($0) } ?? .null)
            var lines: [Line] = []
            if state == .reserved {
                lines = self.lines(Pot(channel: channel).reserve, of: proposal, reference: "reserve")
                try self.count(proposal, reservedAt: now, by: 1)
                // An approval is good for one reservation.
                if before == .waiting || before == .denied {
                    try self.database.run("DELETE FROM approval WHERE intent = ?", .text(id.description))
                }
            }
            try self.record(
                .payment, intent: id, after: record?.lastStep, from: before, to: state, detail: detail,
                at: now,
                lines: lines)
        }
    }

    /// The same purchase from the same payee at other prices, as far as it stands in `state`.
    func others(of proposal: Proposal, in state: IntentState) throws -> [IntentRecord] {
        try LedgerView(self.database).intents(
            purpose: proposal.purpose, job: proposal.job, series: proposal.series
        ).filter {
            $0.state == state && $0.id != proposal.id && sameBytes($0.proposal.payee, proposal.payee)
        }
    }

    /// How often a seller may change a price that waits for an approval.
    private static let priceChanges = 8

    /// Ends what waits for an approval of the same purchase at another price: only the newest price is there
    /// to be agreed to.
    /// - Returns: why the new price is not even asked about; nil when it may be.
    func supersede(_ proposal: Proposal) throws -> Denial? {
        let changes = try self.others(of: proposal, in: .denied).count
        guard changes < Self.priceChanges else {
            return Denial(rule: "purchase", reason: "the price changed \(changes) times while it waited")
        }
        for old in try self.others(of: proposal, in: .waiting) {
            try self.move(
                old, from: [.waiting], to: .denied,
                detail: "the price changed to \(proposal.asset.text(proposal.amount))")
        }
        return nil
    }

    /// Moves an intent to another state, with its postings, in one piece.
    func move(
        _ id: IntentID, from allowed: Set<IntentState>, to state: IntentState, detail: String,
        transaction: String? = nil, digest: [UInt8] = [], signs: Bool = false,
        postings: [(account: String, sign: Int64)] = [], also: () throws -> Void = {}
    ) throws {
        try self.move(
            try self.intent(id), from: allowed, to: state, detail: detail, transaction: transaction,
            digest: digest, signs: signs, postings: postings, also: also)
    }

    /// The same for an intent that was read just now, with nothing awaited in between.
    func move(
        _ record: IntentRecord, from allowed: Set<IntentState>, to state: IntentState, detail: String,
        transaction: String? = nil, digest: [UInt8] = [], signs: Bool = false,
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
                    chain_transaction = COALESCE(?4, chain_transaction), last_step = ?6 WHERE id = ?5
                """, .text(state.rawValue), .text(detail), .integer(now),
                transaction.map { .text($0) } ?? .null, .text(id.description),
                .integer(self.nextStep))
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
