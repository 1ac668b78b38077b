internal import Database
public import Encoding

/// Something that happened, as it was written down: what the robot did and why.
public struct EventRecord: Sendable {
    public let sequence: Int64
    /// Milliseconds since 1970.
    public let at: Int64
    /// One of ``Kind``, or a word of a behaviour's own.
    public let kind: String
    public let text: String
    public let body: JSON

    package init(sequence: Int64, at: Int64, kind: String, text: String, body: JSON) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.text = text
        self.body = body
    }

    /// The words under which events are kept and told. They never change: files of older versions have them.
    public enum Kind: String, Sendable, CaseIterable {
        case start, home, configuration, control, metrics, device, fault, report, owner
        case balance, chain, sweep, offers, purchase, refusal, denial, doubt, receipt, loss
        case batch, proof, command, done

        /// Whether somebody should look: something was lost, refused or is away.
        public var isTrouble: Bool {
            switch self {
            case .home, .configuration, .control, .metrics, .fault, .report, .chain, .loss: true
            case .start, .device, .owner, .balance, .sweep, .offers, .purchase, .refusal, .denial, .doubt,
                .receipt, .batch, .proof, .command, .done:
                false
            }
        }
    }

    /// Whether somebody should look: something was lost, refused or is away.
    public var isTrouble: Bool { Kind(rawValue: self.kind)?.isTrouble ?? false }

    /// One object, `depai.event/1`.
    public var json: JSON {
        [
            "schema": "depai.event/1", "seq": .integer(self.sequence), "at": .integer(self.at),
            "kind": .string(self.kind), "text": .string(self.text), "body": self.body,
        ]
    }

    static func list(
        _ sql: String, _ parameters: [DatabaseValue], in database: Connection
    ) throws -> [EventRecord] {
        try database.query(sql, parameters: parameters).map {
            EventRecord(
                sequence: $0.integer(0), at: $0.integer(1), kind: $0.text(2), text: $0.text(3),
                body: (try? JSON.read($0.text(4))) ?? .null)
        }
    }
}
