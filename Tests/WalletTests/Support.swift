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

/// A folder of its own for one test, removed afterwards.
func withFolder<Result>(_ body: (FilePath) async throws -> Result) async throws -> Result {
    var template = Array("/tmp/depai-wallet-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    let path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    defer {
        if let folder = opendir(path.string) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink(path.appending(name).string)
            }
            closedir(folder)
        }
        rmdir(path.string)
    }
    return try await body(path)
}

func mode(of path: FilePath) -> UInt32? {
    var status = stat()
    return stat(path.string, &status) == 0 ? UInt32(status.st_mode) & 0o777 : nil
}
