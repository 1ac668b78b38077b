import Encoding
import TestSupport
import Testing

@Suite struct TextFormTests {
    @Test func `hex has one text for one value`() throws {
        #expect(Hex.encode([0x00, 0x9f, 0xff]) == "009fff")
        #expect(try Hex.decode("009fff") == [0x00, 0x9f, 0xff])
        #expect(try Hex.decode("").isEmpty)
        #expect(throws: DecodingError.character(offset: 2)) { try Hex.decode("00FF") }
        #expect(throws: DecodingError.character(offset: 3)) { try Hex.decode("000g") }
        #expect(throws: DecodingError.length(3)) { try Hex.decode("000") }
        #expect(throws: DecodingError.self) { try Hex.decode("0x00") }
    }

    /// Source: draft-msporny-base58-03 section 5, and the Bitcoin Core test data base58_encode_decode.json.
    @Test(arguments: [
        ("Hello World!", "2NEpo7TZRRrLZSi2U"),
        (
            "The quick brown fox jumps over the lazy dog.",
            "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"
        ),
        ("abc", "ZiCa"), ("", ""),
    ])
    func `base58 gives the known texts`(bytes: String, text: String) throws {
        #expect(Base58.encode(Array(bytes.utf8)) == text)
        #expect(try Base58.decode(text) == Array(bytes.utf8))
    }

    @Test func `base58 keeps leading zeros and refuses look-alikes`() throws {
        #expect(Base58.encode([0, 0, 0x28, 0x7f, 0xb4, 0xcd]) == "11233QC4")
        #expect(try Base58.decode("11233QC4") == [0, 0, 0x28, 0x7f, 0xb4, 0xcd])
        #expect(Base58.encode([UInt8](repeating: 0, count: 32)) == String(repeating: "1", count: 32))
        for character in ["0", "O", "I", "l", " ", "é", "+"] {
            #expect(throws: DecodingError.character(offset: 2)) { try Base58.decode("2N\(character)") }
        }
        #expect(throws: DecodingError.length(129)) { try Base58.decode(String(repeating: "2", count: 129)) }
        #expect(throws: DecodingError.length(45)) {
            try Base58.decode(String(repeating: "1", count: 45), maximumLength: 44)
        }
    }

    /// Source: RFC 4648 section 10, in lower case and without padding.
    @Test(arguments: [
        ("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("fooba", "mzxw6ytb"),
        ("foobar", "mzxw6ytboi"),
    ])
    func `base32 gives the known texts`(bytes: String, text: String) throws {
        #expect(Base32.encode(bytes.utf8) == text)
        #expect(try Base32.decode(text) == Array(bytes.utf8))
    }

    @Test func `base32 refuses what encoding never writes`() {
        #expect(throws: DecodingError.character(offset: 0)) { try Base32.decode("MY") }
        #expect(throws: DecodingError.character(offset: 1)) { try Base32.decode("m1") }
        #expect(throws: DecodingError.length(8 + 3)) { try Base32.decode("mzxw6ytbmzx") }
        #expect(throws: DecodingError.length(1)) { try Base32.decode("m") }
        #expect(throws: DecodingError.notCanonical) { try Base32.decode("mz") }
        #expect(throws: DecodingError.self) { try Base32.decode("my======") }
    }

    /// Source: RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `base64 gives the known texts`(bytes: String, text: String) throws {
        #expect(Base64.standard.encode(bytes.utf8) == text)
        #expect(try Base64.standard.decode(text) == Array(bytes.utf8))
        let bare = text.filter { $0 != "=" }
        #expect(Base64.url.encode(bytes.utf8) == bare)
        #expect(try Base64.url.decode(bare) == Array(bytes.utf8))
    }

    @Test func `base64 has two alphabets that do not mix`() throws {
        #expect(Base64.standard.encode([0xfb, 0xff]) == "+/8=")
        #expect(Base64.url.encode([0xfb, 0xff]) == "-_8")
        #expect(throws: DecodingError.character(offset: 0)) { try Base64.standard.decode("-_8=") }
        #expect(throws: DecodingError.character(offset: 0)) { try Base64.url.decode("+/8") }
    }

    @Test(arguments: [
        "Zg", "Zg=", "Zg===", "=", "==", "===", "====", "A===", "Zm9=vYg=", "Zm9v=", "Zm9v====", "Zm9v Zm9v",
        "Zg==\n",
    ])
    func `padded base64 refuses wrong padding`(text: String) {
        #expect(throws: DecodingError.self) { try Base64.standard.decode(text) }
    }

    @Test func `base64 refuses bits that encoding would not have made`() {
        #expect(throws: DecodingError.notCanonical) { try Base64.standard.decode("Zh==") }
        #expect(throws: DecodingError.notCanonical) { try Base64.standard.decode("Zm9=") }
        #expect(throws: DecodingError.notCanonical) { try Base64.url.decode("Zh") }
        #expect(throws: DecodingError.character(offset: 2)) { try Base64.url.decode("Zg==") }
        #expect(throws: DecodingError.length(5)) { try Base64.url.decode("Zm9vY") }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `every byte string comes back from every text form`(seed: UInt64) throws {
        var generator = Seeded(seed)
        let bytes = (0..<Int(seed) * 2).map { _ in UInt8.random(in: 0...255, using: &generator) }
        #expect(try Hex.decode(Hex.encode(bytes)) == bytes, "seed \(seed)")
        #expect(try Base58.decode(Base58.encode(bytes)) == bytes, "seed \(seed)")
        #expect(try Base32.decode(Base32.encode(bytes)) == bytes, "seed \(seed)")
        #expect(try Base64.standard.decode(Base64.standard.encode(bytes)) == bytes, "seed \(seed)")
        #expect(try Base64.url.decode(Base64.url.encode(bytes)) == bytes, "seed \(seed)")
    }

    /// What decodes at all is the one text of its value.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `no two texts decode to the same bytes`(seed: UInt64) throws {
        var generator = Seeded(seed)
        let alphabet = Array("AZaz09+/-_=27lm")
        let text = String(
            (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator)!
            })
        if let bytes = try? Base64.standard.decode(text) {
            #expect(Base64.standard.encode(bytes) == text, "seed \(seed)")
        }
        if let bytes = try? Base64.url.decode(text) {
            #expect(Base64.url.encode(bytes) == text, "seed \(seed)")
        }
        if let bytes = try? Base32.decode(text) { #expect(Base32.encode(bytes) == text, "seed \(seed)") }
        if let bytes = try? Base58.decode(text) { #expect(Base58.encode(bytes) == text, "seed \(seed)") }
    }
}
