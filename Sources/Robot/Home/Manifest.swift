internal import Encoding
internal import Statements

/// What is in a ``Backup``, the body of a ``Signed``:
///
///     {"schema": "depai.backup/2", "wallet": "<base58>", "made_ms": …, "journal": 42, "hash": "<hex>",
///      "files": [{"name": "keystore.json", "digest": "<BLAKE2b-256, hex>"}, …],
///      "ledger": "<SHA-256, hex>", "databases": [{"name": "agent.db", "digest": "<SHA-256, hex>"}, …]}
struct Manifest: Sendable, Equatable {
    static let schema = "depai.backup/2"
    /// Without a signature.
    private static let oldSchema = "depai.backup/1"

    struct Entry: Sendable, Equatable {
        let name: String
        let digest: [UInt8]
    }

    let wallet: String
    let made: Int64
    let journal: Int64
    let hash: [UInt8]
    let files: [Entry]
    /// Of the ledger's file.
    let ledger: [UInt8]
    /// Those beside the ledger.
    let databases: [Entry]

    /// Whether an older program made it, which signed nothing.
    static func isUnsigned(_ bytes: [UInt8]) throws -> Bool {
        try JSON.read(bytes, limits: self.limits)["schema"] == .string(self.oldSchema)
    }
}

extension Manifest: Signable {
    static let kind = Statement.Kind.backup
    static let limits = JSON.Limits(bytes: 1 << 20, depth: 6)

    var json: JSON {
        [
            "schema": .string(Self.schema), "wallet": .string(self.wallet), "made_ms": .integer(self.made),
            "journal": .integer(self.journal), "hash": .string(Hex.encode(self.hash)),
            "files": .array(self.files.map(\.json)), "ledger": .string(Hex.encode(self.ledger)),
            "databases": .array(self.databases.map(\.json)),
        ]
    }

    init(_ root: JSONField) throws {
        guard try root["schema"].string() == Self.schema else {
            throw root["schema"].fault("expected \(Self.schema)")
        }
        self.init(
            wallet: try root["wallet"].string(), made: try root["made_ms"].integer(),
            journal: try root["journal"].integer(), hash: try Hex.decode(try root["hash"].string()),
            files: try root["files"].elements().map { try Entry($0) },
            ledger: try Hex.decode(try root["ledger"].string()),
            databases: try root["databases"].elements().map { try Entry($0) })
    }
}

extension Manifest.Entry {
    fileprivate init(_ field: JSONField) throws {
        self.init(name: try field["name"].string(), digest: try Hex.decode(try field["digest"].string()))
    }

    fileprivate var json: JSON {
        ["name": .string(self.name), "digest": .string(Hex.encode(self.digest))]
    }
}
