import Encoding
import Glibc
import Ledger
import Sodium
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
