import Encoding
import Sodium
import Statements

/// The key whose seed is `byte` 32 times.
func seeded(_ byte: UInt8) throws -> SigningKey {
    try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
}

func seeded(hex: String) throws -> SigningKey {
    let seed = try Hex.decode(hex)
    return try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: seed) })
}

/// A body that says anything at all.
protocol AnyWords: Signable {
    var words: JSON { get }
    init(words: JSON)
}

extension AnyWords {
    static var limits: JSON.Limits { JSON.Limits(bytes: 4 << 10, depth: 8) }
    init(_ field: JSONField) { self.init(words: field.value ?? .null) }
    var json: JSON { self.words }
}

struct ReceiptWords: AnyWords {
    static let kind = Statement.Kind.receipt
    let words: JSON
}

struct OfferWords: AnyWords {
    static let kind = Statement.Kind.offer
    let words: JSON
}

struct PolicyWords: AnyWords {
    static let kind = Statement.Kind.policy
    let words: JSON
}

struct CommandWords: AnyWords {
    static let kind = Statement.Kind.command
    let words: JSON
}

struct BackupWords: AnyWords {
    static let kind = Statement.Kind.backup
    let words: JSON
}

/// A body with one number, that overlooks all else and names its signer.
struct Count: Signable, Equatable {
    static let kind = Statement.Kind.state
    static let limits = JSON.Limits(bytes: 512, depth: 3)
    let count: Int64
    let signer: PublicKey?

    init(_ count: Int64, by signer: PublicKey? = nil) {
        self.count = count
        self.signer = signer
    }

    init(_ field: JSONField) throws {
        self.count = try field["count"].integer()
        self.signer = try field["by"].ifPresent.map { try PublicKey(try Base58.decode(try $0.string())) }
    }

    var json: JSON {
        var json: JSON = ["count": .integer(self.count)]
        json["by"] = self.signer.map { .string(Base58.encode($0.bytes)) }
        return json
    }
}

/// Signs as a wallet or an owner would.
func signed<Body: Signable>(_ body: Body, by key: borrowing SigningKey) throws -> Signed<Body> {
    try Signed(body, by: key.publicKey, try key.signature(over: try body.statement.bytes))
}
