import Encoding
import Sodium
import Testing

@Suite struct SealedBoxTests {
    static let nonce = [UInt8](repeating: 9, count: 24)

    private func key(_ byte: UInt8 = 1) throws -> SecretBytes {
        try secret([UInt8](repeating: byte, count: 32))
    }

    /// Source: draft-irtf-cfrg-xchacha-03 appendix A.3.1.
    @Test func `it is XChaCha20-Poly1305 as the draft has it`() throws {
        let text =
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
        let sealed = try SealedBox.seal(
            secret(Array(text.utf8)), key: secret(Array(0x80...0x9f)), nonce: Array(0x40...0x57),
            header: Hex.decode("50515253c0c1c2c3c4c5c6c7"))
        #expect(Hex.encode(sealed.prefix(16)) == "bd6d179d3e83d43b9576579493c0e939")
        #expect(Hex.encode(sealed.suffix(16)) == "c0875924c1c7987947deafd8780acf49")
    }

    @Test func `header, nonce, key and bytes must all be those of the sealing`() throws {
        let header = Array("header".utf8)
        let sealed = try SealedBox.seal(
            secret([1, 2, 3]), key: self.key(), nonce: Self.nonce, header: header)
        #expect(sealed.count == 3 + 16)
        #expect(
            revealed(try SealedBox.open(sealed, key: self.key(), nonce: Self.nonce, header: header)) == [
                1, 2, 3,
            ])
        func refused(_ bytes: [UInt8], key: UInt8 = 1, nonce: [UInt8] = Self.nonce, header: [UInt8] = header)
        {
            #expect(throws: SodiumError.forged) {
                _ = try SealedBox.open(bytes, key: self.key(key), nonce: nonce, header: header)
            }
        }
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 1
            refused(changed)
        }
        refused(sealed, header: Array("Header".utf8))
        refused(sealed, header: [])
        refused(sealed, key: 2)
        refused(sealed, nonce: [8] + Self.nonce.dropFirst())
        refused(Array(sealed.dropLast()))
        refused(sealed + [0])
        refused(Array(sealed.prefix(16)))
        refused([])
    }

    @Test func `keys and nonces of another length are refused`() throws {
        #expect(throws: SodiumError.length(what: "a sealing key", expected: 32, actual: 31)) {
            _ = try SealedBox.seal(secret([1]), key: SecretBytes(count: 31), nonce: Self.nonce, header: [])
        }
        #expect(throws: SodiumError.length(what: "a sealing nonce", expected: 24, actual: 12)) {
            _ = try SealedBox.open(
                [UInt8](repeating: 0, count: 20), key: self.key(), nonce: [UInt8](repeating: 0, count: 12),
                header: [])
        }
    }
}

@Suite struct SecretStreamTests {
    static let chunk = (64 << 10) + 17
    static let header = 24

    private func key(_ byte: UInt8 = 1) throws -> SecretBytes {
        try secret([UInt8](repeating: byte, count: 32))
    }

    private func sample(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) } }

    @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 200_000])
    func `what was sealed comes back`(count: Int) throws {
        let bytes = self.sample(count)
        let sealed = try SecretStream.seal(bytes, key: self.key())
        let chunks = max(1, (count + 65_535) / 65_536)
        #expect(sealed.count == Self.header + count + 17 * chunks)
        #expect(try SecretStream.open(sealed, key: self.key()) == bytes)
        #expect(try SecretStream.seal(bytes, key: self.key()) != sealed)
    }

    private func refused(_ sealed: [UInt8], key: UInt8 = 1, _ comment: Comment) {
        #expect(throws: SodiumError.forged, comment) { try SecretStream.open(sealed, key: self.key(key)) }
    }

    @Test func `a cut, reordered, repeated or lengthened stream is refused`() throws {
        let sealed = try SecretStream.seal(self.sample(200_000), key: self.key())
        let (header, body) = (Array(sealed.prefix(Self.header)), Array(sealed.dropFirst(Self.header)))
        let chunks = stride(from: 0, to: body.count, by: Self.chunk).map {
            Array(body[$0..<min($0 + Self.chunk, body.count)])
        }
        #expect(chunks.count == 4)
        self.refused(header + chunks[..<3].joined(), "the last chunk is missing")
        self.refused(header + chunks[..<1].joined(), "only the first chunk")
        self.refused(header + chunks[1] + chunks[0] + chunks[2] + chunks[3], "two chunks are swapped")
        self.refused(header + chunks[0] + chunks[0] + chunks[1...].joined(), "a chunk is repeated")
        self.refused(header + chunks[1...].joined(), "the first chunk is missing")
        self.refused(sealed + chunks[3], "something follows the last chunk")
        self.refused(sealed + [0], "a byte follows the last chunk")
        self.refused(Array(sealed.dropLast()), "a byte is missing")
        self.refused(header, "no chunk at all")
        self.refused([], "nothing at all")
        self.refused(sealed, key: 2, "another key")
        for place in [0, 23, 24, 25, 40, Self.header + Self.chunk, sealed.count - 1] {
            var changed = sealed
            changed[place] ^= 0x40
            self.refused(changed, "byte \(place) is changed")
        }
        let other = try SecretStream.seal(self.sample(200_000), key: self.key())
        self.refused(Array(other.prefix(Self.header)) + body, "the header of another stream")
    }
}

@Suite struct PasswordHashTests {
    @Test func `passphrase, salt and cost all matter`() throws {
        let salt = Array("0123456789abcdef".utf8)
        func key(_ passphrase: String, _ salt: [UInt8], _ operations: UInt64 = 2) throws -> [UInt8] {
            let hash = PasswordHash(operations: operations, memory: PasswordHash.floor.memory, salt: salt)
            return revealed(try hash.key(from: secret(Array(passphrase.utf8))))
        }
        let first = try key("correct horse", salt)
        #expect(first.count == 32)
        #expect(first == (try key("correct horse", salt)))
        #expect(first != (try key("correct horsf", salt)))
        #expect(first != (try key("correct horse", salt.reversed())))
        #expect(first != (try key("correct horse", salt, 3)))
        #expect(throws: SodiumError.length(what: "a password salt", expected: 16, actual: 15)) {
            _ = try key("correct horse", Array(salt.dropLast()))
        }
    }
}
