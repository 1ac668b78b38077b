public import Encoding
public import Sodium
public import Statements

/// What an owner, an approver or a guardian tells one wallet, `depai-command/1`: signed, numbered, and
/// good for one wallet only. The way it came by carries no authority. The body of a ``Signed``:
///
///     {"schema": "depai-command/1", "wallet": …, "issuer": …, "seq": 7, "issued_at_ms": …,
///      "expires_at_ms": …, "challenge": "…", "op": "unfreeze"}
public struct OwnerCommand: Sendable, Hashable {
    public static let schema = "depai-command/1"
    /// A longer one is not read; a policy fits.
    public static let byteLimit = 256 << 10

    public enum Operation: Sendable, Hashable {
        /// Stop spending at once.
        case freeze(reason: String)
        case unfreeze
        /// The owner is there: the lease begins anew.
        case renewLease
        /// A signed policy file, as it lies on a disk.
        case applyPolicy([UInt8])
        /// Agree to one waiting payment, named by its id and the digest of its content.
        case approve(IntentID, digest: [UInt8])
        case reject(IntentID, digest: [UInt8])

        public var name: String {
            switch self {
            case .freeze: "freeze"
            case .unfreeze: "unfreeze"
            case .renewLease: "lease.renew"
            case .applyPolicy: "policy.apply"
            case .approve: "approve"
            case .reject: "reject"
            }
        }

        /// Whether the command lets the wallet do more than before. Replaying a permission is a danger, so
        /// it needs a fresh challenge; replaying a prohibition is none, so it needs neither challenge nor
        /// clock.
        public var permits: Bool {
            switch self {
            case .freeze, .reject: false
            case .unfreeze, .renewLease, .applyPolicy, .approve: true
            }
        }

        /// Freezes are numbered apart: one that was kept by a broker may come long after others.
        var sequenceClass: String {
            if case .freeze = self { "freeze" } else { "command" }
        }
    }

    /// Base58 address of the wallet that is meant.
    public let wallet: String
    public let issuer: PublicKey
    /// Rising, of this issuer and of freezes apart.
    public let sequence: UInt64
    /// Milliseconds since 1970, by the issuer's clock.
    public let issuedAt: Int64
    public let expiresAt: Int64
    /// What the robot gave out, 32 bytes; empty where none is needed.
    public let challenge: [UInt8]
    public let operation: Operation

    public init(
        wallet: String, issuer: PublicKey, sequence: UInt64, issuedAt: Int64, expiresAt: Int64,
        challenge: [UInt8] = [], operation: Operation
    ) {
        self.wallet = wallet
        self.issuer = issuer
        self.sequence = sequence
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.challenge = challenge
        self.operation = operation
    }

    /// Signs the command and returns the envelope's bytes.
    public func signed(with key: borrowing SigningKey) throws -> [UInt8] {
        let signature = try key.signature(over: try self.statement.bytes)
        return try Signed(self, by: key.publicKey, signature).bytes
    }

    /// Reads an envelope, also one that was made before ``Signed`` was its form, and verifies that its issuer
    /// signed it. What the issuer may do is the ledger's to judge.
    public init(signed bytes: [UInt8]) throws(CommandError) {
        do throws(StatementError) {
            self = try Signed<OwnerCommand>(kept: bytes, from: nil).body
        } catch {
            throw error.malformation.map { .malformed($0) } ?? .unsigned(error)
        }
    }

    /// BLAKE2b-256 of what was signed: the name of this command in answers and in the journal.
    public var digest: [UInt8] { get throws { BLAKE2b.digest(of: try self.statement.bytes) } }
}

extension OwnerCommand: Signable {
    public static let kind = Statement.Kind.command
    public static let limits = JSON.Limits(bytes: Self.byteLimit, depth: 20)

    /// Its issuer.
    public var signer: PublicKey? { self.issuer }

    public init(_ root: JSONField) throws {
        try root.only([
            "schema", "wallet", "issuer", "seq", "issued_at_ms", "expires_at_ms", "challenge", "op", "args",
        ])
        guard try root["schema"].string() == Self.schema else {
            throw root["schema"].fault("expected \(Self.schema)")
        }
        self.init(
            wallet: try root["wallet"].string(),
            issuer: try PublicKey(try Base58.decode(try root["issuer"].string())),
            sequence: try root["seq"].integer(), issuedAt: try root["issued_at_ms"].integer(),
            expiresAt: try root["expires_at_ms"].integer(),
            challenge: try root["challenge"].ifPresent.map { try Hex.decode(try $0.string()) } ?? [],
            operation: try Self.operation(root))
    }

    public var json: JSON {
        get throws {
            var json: JSON = [
                "schema": .string(Self.schema), "wallet": .string(self.wallet),
                "issuer": .string(Base58.encode(self.issuer.bytes)),
                "seq": .integer(Int64(clamping: self.sequence)),
                "issued_at_ms": .integer(self.issuedAt), "expires_at_ms": .integer(self.expiresAt),
                "op": .string(self.operation.name),
            ]
            if !self.challenge.isEmpty { json["challenge"] = .string(Hex.encode(self.challenge)) }
            switch self.operation {
            case .unfreeze, .renewLease: break
            case .freeze(let reason): json["args"] = ["reason": .string(reason)]
            case .applyPolicy(let file): json["args"] = ["file": try JSON.read(file)]
            case .approve(let intent, let digest), .reject(let intent, let digest):
                json["args"] = [
                    "intent": .string(intent.description), "digest": .string(Hex.encode(digest)),
                ]
            }
            return json
        }
    }

    private static func operation(_ root: JSONField) throws -> Operation {
        let args = root["args"]
        func intent() throws -> (IntentID, [UInt8]) {
            try args.only(["intent", "digest"])
            guard let id = IntentID(text: try args["intent"].string()) else {
                throw args["intent"].fault("32 hex digits are needed")
            }
            return (id, try Hex.decode(try args["digest"].string()))
        }
        switch try root["op"].string() {
        case "freeze":
            try args.only(["reason"])
            let reason = try args["reason"].string()
            guard reason.utf8.count <= 200 else { throw args["reason"].fault("200 bytes at most") }
            return .freeze(reason: reason)
        case "unfreeze": return .unfreeze
        case "lease.renew": return .renewLease
        case "policy.apply":
            try args.only(["file"])
            guard let file = args["file"].value else { throw args["file"].fault("the policy is missing") }
            return .applyPolicy(try file.canonicalBytes())
        case "approve":
            let (id, digest) = try intent()
            return .approve(id, digest: digest)
        case "reject":
            let (id, digest) = try intent()
            return .reject(id, digest: digest)
        default: throw root["op"].fault("unknown operation")
        }
    }
}

/// Why a command is not carried out.
public enum CommandError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    /// It is not what its issuer signed.
    case unsigned(StatementError)
    case wrongWallet(expected: String, found: String)
    /// The key may not say this.
    case notAllowed(String)
    /// A number that was used before.
    case stale(lastSeen: UInt64)
    /// Permissions answer a challenge that this wallet gave out a short time ago.
    case noFreshChallenge
    case expired
    /// There is no such payment, it does not wait, or it is another than the one that was meant.
    case nothingWaits(String)

    public var description: String {
        switch self {
        case .malformed(let reason): "the command is malformed: \(reason)"
        case .unsigned(let error): "the command's signature is not its issuer's: \(error)"
        case .wrongWallet(let expected, let found):
            "the command is for wallet \(found), this one is \(expected)"
        case .notAllowed(let reason): reason
        case .stale(let last): "the command's number is not above \(last), which was used already"
        case .noFreshChallenge:
            "the command needs a fresh challenge of this wallet: ask for one and sign again"
        case .expired: "the command's time is over: sign it again"
        case .nothingWaits(let reason): reason
        }
    }
}
