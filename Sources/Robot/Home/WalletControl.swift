public import Encoding
public import Ledger
internal import Sodium
public import World

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

/// Carries out what is asked of a wallet.
public struct WalletControl: Sendable {
    /// Where a request comes from.
    public enum Origin: Sendable {
        /// Somebody who may write the home.
        case machine
        /// Anybody who reaches the broker: only signatures count.
        case network
    }

    /// The longest refusal, in characters: the asker's own words are in it.
    private static let refusalLimit = 400

    private let ledger: PaymentLedger
    private let entropy: any Entropy

    public init(ledger: PaymentLedger, entropy: any Entropy) {
        self.ledger = ledger
        self.entropy = entropy
    }

    /// Answers bytes that came from outside; never throws at who sent garbage.
    public func answer(_ bytes: [UInt8], from origin: Origin) async -> WalletAnswer {
        do {
            return try await self.perform(try WalletRequest(bytes), from: origin)
        } catch {
            // A ledger that cannot even be read has no head to show.
            return WalletAnswer(
                head: try? await self.ledger.read { try $0.head() },
                refusal: "\(error)".plain(limit: Self.refusalLimit))
        }
    }

    /// - Throws: the ledger's, the policy's or the command's error; then nothing was done.
    public func perform(_ request: WalletRequest, from origin: Origin) async throws -> WalletAnswer {
        var challenge: [UInt8] = []
        switch (request, origin) {
        case (.challenge, _): challenge = await self.ledger.challenge(entropy: self.entropy)
        case (.execute(let envelope), _): _ = try await self.ledger.execute(envelope)
        case (.freeze(let reason), .machine): try await self.ledger.freeze(reason: reason)
        case (.policy(let file), .machine): try await self.ledger.apply(policy: file)
        case (.freeze, .network), (.policy, .network):
            throw CommandError.notAllowed("from outside the machine this has to be a signed command")
        }
        return WalletAnswer(head: try await self.ledger.read { try $0.head() }, challenge: challenge)
    }
}
