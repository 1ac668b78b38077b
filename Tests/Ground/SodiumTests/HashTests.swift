import Encoding
import Sodium
import Testing

@Suite struct HashTests {
    /// Source: FIPS 180-4 examples (NIST CSRC), one and two blocks.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `SHA-256 gives the known digests, whole and in pieces`(text: String, digest: String) throws {
        let bytes = Array(text.utf8)
        #expect(Hex.encode(SHA256.digest(of: bytes)) == digest)
        for cut in 0...bytes.count {
            let (first, second) = (Array(bytes[..<cut]), Array(bytes[cut...]))
            #expect(Hex.encode(SHA256.digest(of: first, second)) == digest)
            var hash = SHA256()
            first.withUnsafeBytes { hash.update($0) }
            second.withUnsafeBytes { hash.update($0) }
            #expect(Hex.encode(hash.digest()) == digest)
        }
    }

    /// Source: FIPS 180-4 examples, the long one.
    @Test func `SHA-256 of a million letters`() {
        let letters = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        #expect(Hex.encode(SHA256.digest(of: letters)) == digest)
        var hash = SHA256()
        for start in stride(from: 0, to: letters.count, by: 999) {
            hash.update(Array(letters[start..<min(start + 999, letters.count)]))
        }
        #expect(Hex.encode(hash.digest()) == digest)
    }

    /// Source: RFC 7693 appendix A for "abc"; the BLAKE2 reference test vectors (blake2b-kat) for the empty
    /// input.
    @Test func `BLAKE2b gives the known digests`() {
        #expect(
            Hex.encode(BLAKE2b.digest(of: Array("abc".utf8), length: 64))
                == "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                + "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923")
        #expect(
            Hex.encode(BLAKE2b.digest(of: []))
                == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")
    }

    /// A shorter digest is another digest, not a piece of the longer one.
    @Test func `the length is part of the BLAKE2b digest`() {
        let long = BLAKE2b.digest(of: [1], length: 32)
        #expect(BLAKE2b.digest(of: [1], length: 16) != Array(long.prefix(16)))
    }

    @Test func `a key belongs to its context`() throws {
        let master = try secret([UInt8](repeating: 7, count: 32))
        let first = revealed(try BLAKE2b.key(from: master, context: "a"))
        #expect(first.count == 32)
        #expect(first == revealed(try BLAKE2b.key(from: master, context: "a")))
        #expect(first != revealed(try BLAKE2b.key(from: master, context: "b")))
        #expect(
            first != revealed(try BLAKE2b.key(from: secret([UInt8](repeating: 8, count: 32)), context: "a")))
    }

    /// Source: RFC 4231 test cases 2 and 6 (a key longer than a block).
    @Test(arguments: [
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                + "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
        ),
    ])
    func `HMAC-SHA512 gives the known codes`(key: [UInt8], message: String, code: String) {
        var output = [UInt8](repeating: 0, count: HMACSHA512.byteCount)
        let bytes = Array(message.utf8)
        key.withUnsafeBytes { key in
            bytes.withUnsafeBytes { bytes in
                let pieces = [
                    UnsafeRawBufferPointer(rebasing: bytes[..<5]),
                    UnsafeRawBufferPointer(rebasing: bytes[5...]),
                ]
                output.withUnsafeMutableBytes { HMACSHA512.authenticate(pieces, key: key, into: $0) }
            }
        }
        #expect(Hex.encode(output) == code)
    }

    /// Source: trezor/python-mnemonic vectors.json, first vector: PBKDF2 over the words with the passphrase
    /// TREZOR.
    @Test func `PBKDF2 gives BIP-39's seed`() throws {
        let words =
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
        let seed = try PBKDF2.derive(
            password: secret(Array(words.utf8)), salt: secret(Array("mnemonicTREZOR".utf8)), rounds: 2_048)
        #expect(
            Hex.encode(revealed(seed))
                == "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e5349553"
                + "1f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04")
    }

    @Test func `bytes that became a secret are wiped where they came from`() throws {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 3, alignment: 1)
        defer { bytes.deallocate() }
        bytes.copyBytes(from: [1, 2, 3])
        let taken = try SecretBytes(wiping: bytes)
        #expect(revealed(taken) == [1, 2, 3])
        #expect(Array(bytes) == [0, 0, 0])
        #expect(revealed(try taken.duplicated(from: 1)) == [2, 3])
        #expect(revealed(try taken.duplicated(from: 0, count: 1)) == [1])
    }
}
