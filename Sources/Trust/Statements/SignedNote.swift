internal import Encoding
public import Sodium

/// A text and signatures under it, as checkpoints of transparency logs are passed on.
///
///     This is an example message.
///
///     — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXm…
///
/// Source: C2SP, signed-note.md, version 1.0.0, with Ed25519 (type 0x01).
public struct SignedNote: Sendable, Equatable {
    /// A name and the key that signs under it.
    public struct Signer: Sendable, Hashable {
        /// A URL without its scheme, by custom: neither spaces nor a plus.
        public let name: String
        /// Ed25519.
        public let key: PublicKey

        /// Nil for a name that fits into no line.
        public init?(name: String, key: PublicKey) {
            guard SignedNote.isName(name) else { return nil }
            self.name = name
            self.key = key
        }

        /// What a line says of the key: the first 4 bytes of SHA-256 over name, line feed, type and key.
        var hash: [UInt8] {
            Array(SHA256.digest(of: Array(self.name.utf8) + [0x0a, 0x01], self.key.bytes).prefix(4))
        }
    }

    /// One line under the text; of keys and algorithms that nobody here knows, too.
    struct Line: Sendable, Equatable {
        let name: String
        let hash: [UInt8]
        let signature: [UInt8]
    }

    /// Ends with a line feed.
    public let text: String
    private(set) var lines: [Line]

    /// The longest note that is read, in bytes.
    public static let byteLimit = 64 << 10
    /// The most signatures that are read.
    public static let signatureLimit = 64

    /// A text without signatures.
    /// - Throws: ``StatementError/form(_:)`` for a text that does not end its last line, begins with an empty
    ///   one, or has control characters in it.
    public init(text: String) throws(StatementError) {
        guard text.utf8.last == 0x0a, text.utf8.first != 0x0a else {
            throw .form("the text begins and ends with whole lines")
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x0a }) else {
            throw .form("control characters stand in the text")
        }
        self.text = text
        self.lines = []
    }

    /// What is signed: the text with its last line feed.
    public var statement: Statement { Statement(Array(self.text.utf8)) }

    /// Adds a signature over ``statement``.
    /// - Throws: ``StatementError/signature(of:)`` when it is another one's.
    public mutating func add(_ signature: Signature, by signer: Signer) throws(StatementError) {
        guard self.statement.isSigned(by: signer.key, signature) else { throw .signature(of: signer.name) }
        self.lines.append(Line(name: signer.name, hash: signer.hash, signature: signature.bytes))
    }

    /// Whether `signer` signed. Lines of others are left alone.
    /// - Throws: ``StatementError/signature(of:)`` when a line says so and it is not true.
    public func isSigned(by signer: Signer) throws(StatementError) -> Bool {
        let hash = signer.hash
        let own = self.lines.filter { sameBytes($0.name, signer.name) && $0.hash == hash }
        let statement = self.statement
        for line in own {
            guard let signature = try? Signature(line.signature),
                statement.isSigned(by: signer.key, signature)
            else { throw .signature(of: signer.name) }
        }
        return !own.isEmpty
    }

    /// Reads a note. Whose signatures count is asked afterwards, with ``isSigned(by:)``.
    public init(_ bytes: [UInt8]) throws(StatementError) {
        guard bytes.count <= Self.byteLimit else { throw .form("it is longer than \(Self.byteLimit)") }
        guard let whole = String(validating: bytes, as: UTF8.self) else { throw .form("it is not UTF-8") }
        // The last empty line: the text may have some of its own.
        guard bytes.last == 0x0a, let end = Self.lastEmptyLine(bytes) else {
            throw .form("no empty line stands between text and signatures")
        }
        try self.init(text: String(decoding: bytes[...end], as: UTF8.self))
        let rest = whole.utf8.dropFirst(end + 2).dropLast()
        let lines = rest.split(separator: 0x0a, omittingEmptySubsequences: false)
        guard (1...Self.signatureLimit).contains(lines.count) else {
            throw .form("1 to \(Self.signatureLimit) signatures are read")
        }
        for line in lines { self.lines.append(try Self.line(String(line) ?? "")) }
    }

    /// The note.
    public var bytes: [UInt8] {
        let lines = self.lines.map {
            "— \($0.name) \(Base64.standard.encode($0.hash + $0.signature))\n"
        }
        return Array((self.text + "\n" + lines.joined()).utf8)
    }

    /// Where the line feed of the text's last line stands.
    private static func lastEmptyLine(_ bytes: [UInt8]) -> Int? {
        bytes.indices.dropLast().last { bytes[$0] == 0x0a && bytes[$0 + 1] == 0x0a }
    }

    private static func line(_ line: String) throws(StatementError) -> Line {
        let parts = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, sameBytes(parts[0], "—"), self.isName(parts[1]),
            let bytes = try? Base64.standard.decode(parts[2]), bytes.count > 4
        else { throw .form("\"\(line.plain(limit: 80))\" is no line of a signature") }
        return Line(name: parts[1], hash: Array(bytes[..<4]), signature: Array(bytes[4...]))
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty
            && name.unicodeScalars.allSatisfy {
                !$0.properties.isWhitespace && $0 != "+" && $0.value >= 0x20 && $0.value != 0x7f
            }
    }
}
