internal import Encoding
internal import Sodium
internal import SystemPackage

/// The end of the journal, written down beside the ledger: when a card lied about a flush and the ledger came
/// back without its tail, this file says so.
///
/// Two records of 128 bytes take turns, so that a torn write leaves the older one. The file is never
/// synced: it may lag behind the ledger, which is harmless, and it is only written after the ledger's
/// commit returned, so that it is ahead only if something was lost.
struct HeadFile: ~Copyable {
    static let recordBytes = 128
    private let file: FileDescriptor

    init(path: FilePath) throws {
        self.file = try FileDescriptor.open(
            path, .readWrite, options: [.create, .closeOnExec], permissions: [.ownerReadWrite])
    }

    deinit { try? self.file.close() }

    /// Number and hash in hex, a checksum over both, blanks, a line feed: readable with `cat`.
    func write(_ head: LedgerHead) throws {
        let text = "\(head.sequence) \(Hex.encode(head.hash))"
        let line = "\(text) \(Self.checksum(text))"
        let room = Self.recordBytes - 1 - line.utf8.count
        let record = Array((line + String(repeating: " ", count: max(0, room)) + "\n").utf8)
        _ = try self.file.writeAll(
            toAbsoluteOffset: (head.sequence & 1) * Int64(Self.recordBytes), record)
    }

    /// Forgets what was remembered, and begins anew with `head`.
    func replace(by head: LedgerHead) throws {
        try self.file.resize(to: 0)
        try self.write(head)
    }

    /// The newest record that is whole; nil when there is none.
    func read() throws -> LedgerHead? {
        var bytes = [UInt8](repeating: 0, count: 2 * Self.recordBytes)
        let count = try bytes.withUnsafeMutableBytes {
            try self.file.read(fromAbsoluteOffset: 0, into: $0)
        }
        let heads = stride(from: 0, to: count, by: Self.recordBytes).compactMap { start -> LedgerHead? in
            let record = bytes[start..<min(start + Self.recordBytes, count)]
            let words = String(decoding: record, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            guard words.count == 3, let sequence = Int64(words[0]),
                let hash = try? Hex.decode(String(words[1])), hash.count == 32,
                Self.checksum("\(words[0]) \(words[1])") == words[2]
            else { return nil }
            return LedgerHead(sequence: sequence, hash: hash)
        }
        return heads.max { $0.sequence < $1.sequence }
    }

    private static func checksum(_ text: String) -> String {
        Hex.encode(BLAKE2b.digest(of: Array(text.utf8), length: 16))
    }
}
