public import Encoding
internal import Ledger

/// What may be asked of a wallet from outside its process, as one JSON object.
///
///     {"ask": "freeze", "reason": …} | {"ask": "challenge"} | {"ask": "execute", "command": {…}}
///     | {"ask": "policy", "file": {…}}
public enum WalletRequest: Sendable, Hashable {
    case challenge
    /// Only from the machine itself; from elsewhere a freeze is a signed command.
    case freeze(reason: String)
    /// A signed envelope, `depai-command/1`.
    case execute([UInt8])
    /// A signed policy. Only from the machine itself; from elsewhere it is a command that answers a
    /// challenge.
    case policy([UInt8])

    /// The longest request, in bytes.
    public static let byteLimit = 512 << 10

    public init(_ bytes: [UInt8]) throws {
        let root = JSONField(try JSON.read(bytes, limits: .init(bytes: Self.byteLimit, depth: 24)))
        func document(_ name: String) throws -> [UInt8] {
            try root.only(["ask", name])
            guard let value = root[name].value else { throw root[name].fault("missing") }
            return try value.canonicalBytes()
        }
        switch try root["ask"].string() {
        case "challenge":
            try root.only(["ask"])
            self = .challenge
        case "freeze":
            try root.only(["ask", "reason"])
            let reason = try root["reason"].string()
            guard reason.utf8.count <= 200 else { throw root["reason"].fault("200 bytes at most") }
            self = .freeze(reason: reason)
        case "execute": self = .execute(try document("command"))
        case "policy": self = .policy(try document("file"))
        default: throw root["ask"].fault("one of challenge, freeze, execute, policy")
        }
    }

    public var bytes: [UInt8] {
        get throws {
            let json: JSON =
                switch self {
                case .challenge: ["ask": "challenge"]
                case .freeze(let reason): ["ask": "freeze", "reason": .string(reason)]
                case .execute(let envelope): ["ask": "execute", "command": try JSON.read(envelope)]
                case .policy(let file): ["ask": "policy", "file": try JSON.read(file)]
                }
            return try json.canonicalBytes()
        }
    }
}

/// What a wallet answers: what was done and where the journal stands, or why nothing was done.
public struct WalletAnswer: Sendable, Hashable {
    /// Number of the journal's last row.
    public let journal: Int64
    /// Hash of that row, 32 bytes.
    public let hash: [UInt8]
    /// Empty unless one was asked for.
    public let challenge: [UInt8]
    /// Why nothing was done; nil when it was.
    public let refusal: String?

    public init(_ bytes: [UInt8]) throws {
        try self.init(JSONField(try JSON.read(bytes, limits: .init(bytes: 64 << 10, depth: 8))))
    }

    public init(_ root: JSONField) throws {
        self.journal = try root["journal"].integer()
        self.hash = try Hex.decode(try root["hash"].string())
        self.challenge = try root["challenge"].ifPresent.map { try Hex.decode(try $0.string()) } ?? []
        self.refusal = try root["refusal"].ifPresent.map { try $0.string() }
    }

    init(head: LedgerHead?, challenge: [UInt8] = [], refusal: String? = nil) {
        self.journal = head?.sequence ?? 0
        self.hash = head?.hash ?? []
        self.challenge = challenge
        self.refusal = refusal
    }

    public var json: JSON {
        var json: JSON = [
            "schema": "depai.answer/1", "journal": .integer(self.journal),
            "hash": .string(Hex.encode(self.hash)),
        ]
        if !self.challenge.isEmpty { json["challenge"] = .string(Hex.encode(self.challenge)) }
        if let refusal = self.refusal { json["refusal"] = .string(refusal) }
        return json
    }
}
