internal import Database
internal import Encoding
internal import Sodium

/// One step that the ledger made, as the journal keeps it. The rows form a hash chain: whoever knows the last
/// hash knows whether anything before it was changed or cut.
public struct JournalEntry: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        /// An intent went to another state.
        case payment
        /// Money came in.
        case receipt
        /// The owner's policy changed.
        case policy
        /// The wallet was stopped here, or released.
        case hold
        /// A payment channel was closed.
        case channel
        /// The owner, an approver or a guardian said something.
        case command
    }

    /// Rising by one, from 1.
    public let sequence: Int64
    /// Milliseconds since 1970; never smaller than the row before.
    public let at: Int64
    public let kind: Kind
    /// Of a step of a payment.
    public let intent: IntentID?
    public let before: IntentState?
    public let after: IntentState?
    /// In words.
    public let detail: String
    /// BLAKE2b-256 over what belongs to the step and is stored elsewhere (signed bytes, policy file, command,
    /// receipt); empty when nothing does.
    public let digest: [UInt8]
    /// BLAKE2b-256 over the hash before, this row and the lines that were posted with it.
    public let hash: [UInt8]
}

/// One line of the double entry.
struct Line: Hashable {
    let account: String
    let asset: String
    let amount: Int64
    let reference: String
}

/// The chain of the journal: what a row's hash covers, in this order, texts with their length in front.
enum JournalChain {
    /// Before the first row.
    static let origin = BLAKE2b.digest(of: Array("depai/journal/v1\n".utf8))
    /// More lines than a posting ever has.
    static let linesPerPosting: Int64 = 16

    static func hash(after previous: [UInt8], _ entry: Unchained, lines: [Line]) -> [UInt8] {
        var bytes = previous
        bytes.append(little: UInt64(bitPattern: entry.sequence))
        bytes.append(little: UInt64(bitPattern: entry.at))
        let texts = [
            entry.kind.rawValue, entry.intent?.description ?? "", entry.before?.rawValue ?? "",
            entry.after?.rawValue ?? "", entry.detail,
        ]
        for text in texts { bytes.append(sized: text.utf8) }
        bytes.append(sized: entry.digest)
        bytes.append(little: UInt32(lines.count))
        for line in lines {
            bytes.append(sized: line.account.utf8)
            bytes.append(sized: line.asset.utf8)
            bytes.append(little: UInt64(bitPattern: line.amount))
            bytes.append(sized: line.reference.utf8)
        }
        return BLAKE2b.digest(of: bytes)
    }

    /// A row before it has its hash.
    struct Unchained {
        let sequence: Int64
        let at: Int64
        let kind: JournalEntry.Kind
        let intent: IntentID?
        let before: IntentState?
        let after: IntentState?
        let detail: String
        let digest: [UInt8]

        func chained(_ hash: [UInt8]) -> JournalEntry {
            JournalEntry(
                sequence: self.sequence, at: self.at, kind: self.kind, intent: self.intent,
                before: self.before, after: self.after, detail: self.detail, digest: self.digest, hash: hash)
        }
    }
}

extension [UInt8] {
    mutating func append(sized bytes: some Collection<UInt8>) {
        self.append(little: UInt32(bytes.count))
        self.append(contentsOf: bytes)
    }
}

/// Where the journal ends: what a second file, a heartbeat or an owner remembers of a ledger.
public struct LedgerHead: Sendable, Hashable {
    /// Number of the last row; 0 for an empty journal.
    public let sequence: Int64
    /// Its hash.
    public let hash: [UInt8]

    init(sequence: Int64, hash: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
    }
}

extension LedgerView {
    /// The end of the journal.
    public borrowing func head() throws -> LedgerHead {
        let last = try self.database.query("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").first
        return LedgerHead(sequence: last?.integer(0) ?? 0, hash: last?.blob(1) ?? JournalChain.origin)
    }

    /// The hash of one row, if it is there.
    public borrowing func hash(at sequence: Int64) throws -> [UInt8]? {
        guard sequence > 0 else { return JournalChain.origin }
        return try self.database.query("SELECT hash FROM journal WHERE seq = ?", .integer(sequence)).first?
            .blob(0)
    }

    /// The rows after `sequence`, oldest first.
    public borrowing func journal(after sequence: Int64 = 0, limit: Int = 10_000) throws -> [JournalEntry] {
        try self.journal("WHERE seq > ? ORDER BY seq LIMIT ?", .integer(sequence), .integer(Int64(limit)))
    }

    /// The steps of one payment, oldest first.
    public borrowing func journal(of intent: IntentID) throws -> [JournalEntry] {
        try self.journal(
            """
            WHERE seq IN (
                WITH RECURSIVE step (seq) AS (
                    SELECT last_step FROM intent WHERE id = ?
                    UNION SELECT journal.previous FROM journal JOIN step USING (seq)
                    WHERE journal.previous IS NOT NULL)
                SELECT seq FROM step)
            ORDER BY seq
            """, .text(intent.description))
    }

    private borrowing func journal(_ clause: String, _ parameters: DatabaseValue...) throws -> [JournalEntry]
    {
        try self.database.query(
            """
            SELECT seq, at, kind, intent, state_before, state_after, detail, digest, hash
            FROM journal \(clause)
            """, parameters: parameters
        ).compactMap { row in
            guard let kind = JournalEntry.Kind(rawValue: row.text(2)) else { return nil }
            return JournalEntry(
                sequence: row.integer(0), at: row.integer(1), kind: kind,
                intent: row.optionalText(3).map { IntentID($0) },
                before: row.optionalText(4).flatMap { IntentState(rawValue: $0) },
                after: row.optionalText(5).flatMap { IntentState(rawValue: $0) }, detail: row.text(6),
                digest: row.blob(7), hash: row.blob(8))
        }
    }

    /// Recomputes the chain of the rows after `sequence` and says where it breaks; empty when it holds.
    public borrowing func chainFaults(after sequence: Int64 = 0) throws -> [String] {
        guard var hash = try self.hash(at: sequence) else { return ["row \(sequence) is missing"] }
        var last = sequence
        while true {
            let page = try self.journal(after: last, limit: 512)
            if page.isEmpty {
                let missing = try self.head().sequence - last
                return missing == 0 ? [] : ["\(missing) rows after \(last) cannot be read"]
            }
            for entry in page {
                guard entry.sequence == last + 1 else { return ["row \(last + 1) is missing"] }
                let unchained = JournalChain.Unchained(
                    sequence: entry.sequence, at: entry.at, kind: entry.kind, intent: entry.intent,
                    before: entry.before, after: entry.after, detail: entry.detail, digest: entry.digest)
                hash = JournalChain.hash(
                    after: hash, unchained, lines: try self.lines(posting: entry.sequence))
                guard hash == entry.hash else { return ["row \(entry.sequence) was changed"] }
                last = entry.sequence
            }
        }
    }

    private borrowing func lines(posting: Int64) throws -> [Line] {
        let first = posting * JournalChain.linesPerPosting
        return try self.database.query(
            "SELECT account, asset, amount, reference FROM entry WHERE id >= ? AND id < ? ORDER BY id",
            .integer(first), .integer(first + JournalChain.linesPerPosting)
        ).map {
            Line(account: $0.text(0), asset: $0.text(1), amount: $0.integer(2), reference: $0.text(3))
        }
    }
}
