import Encoding
import Glibc
import Ledger
import Sodium
import Statements
import SystemPackage
import World

func secret(_ text: String) throws -> SecretBytes {
    let bytes = Array(text.utf8)
    return try SecretBytes(count: bytes.count) { $0.copyBytes(from: bytes) }
}

func secret(hex: String) throws -> SecretBytes {
    let bytes = try Hex.decode(hex)
    return try SecretBytes(count: bytes.count) { $0.copyBytes(from: bytes) }
}

func revealed(_ secret: borrowing SecretBytes) -> [UInt8] { secret.withBytes { Array($0) } }

/// Random bytes that are the same each time.
struct CountingEntropy: Entropy {
    var first: UInt8 = 0

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: index) &+ self.first }
    }
}

struct FixedTimeline: Timeline {
    var now: Timestamp { Timestamp(milliseconds: 1_800_000_000_000, quality: .virtual) }
    var uptime: Duration { .zero }
    func sleep(for duration: Duration) async throws {}
}

func mode(of path: FilePath) -> UInt32? {
    var status = stat()
    return stat(path.string, &status) == 0 ? UInt32(status.st_mode) & 0o777 : nil
}

/// A body that says anything at all.
protocol AnyWords: Signable { init(json: JSON) }

extension AnyWords {
    static var limits: JSON.Limits { JSON.Limits() }
    init(_ field: JSONField) { self.init(json: field.value ?? .null) }
}

struct Words: AnyWords {
    static let kind = Statement.Kind.receipt
    let json: JSON
}

struct Offered: AnyWords {
    static let kind = Statement.Kind.offer
    let json: JSON
}

struct Portable: AnyWords {
    static let kind = Statement.Kind.x402Offer
    let json: JSON
}
