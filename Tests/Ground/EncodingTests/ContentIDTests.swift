import Encoding
import Testing

@Suite struct ContentIDTests {
    /// SHA-256 of "hello world".
    static let digest = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
    /// Source: `printf 'hello world' | ipfs add --cid-version=1 --raw-leaves`.
    static let text = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"

    @Test func `hello world has the name that IPFS gives it`() throws {
        let id = ContentID(codec: .raw, sha256: try Hex.decode(Self.digest))
        #expect(id.description == Self.text)
        #expect(id.bytes.count == 36)
        #expect(try ContentID(Self.text) == id)
        #expect(ContentID(codec: .dagPB, sha256: id.digest) != id)
    }

    @Test func `other bases, versions, codecs and hashes are refused`() throws {
        let digest = try Hex.decode(Self.digest)
        func text(_ head: [UInt8]) -> String { "b" + Base32.encode(head + digest) }
        #expect(throws: DecodingError.notCanonical) { try ContentID(text([0x02, 0x55, 0x12, 0x20])) }
        #expect(throws: DecodingError.notCanonical) { try ContentID(text([0x01, 0x71, 0x12, 0x20])) }
        #expect(throws: DecodingError.notCanonical) { try ContentID(text([0x01, 0x55, 0x13, 0x20])) }
        #expect(throws: DecodingError.notCanonical) { try ContentID(text([0x01, 0x55, 0x12, 0x1f])) }
        #expect(throws: DecodingError.character(offset: 0)) { try ContentID("z" + Self.text.dropFirst()) }
        #expect(throws: DecodingError.length(58)) { try ContentID(String(Self.text.dropLast())) }
        #expect(throws: DecodingError.self) { try ContentID(Self.text.uppercased()) }
        #expect(throws: DecodingError.length(0)) { try ContentID("") }
        // The last character carries four bits that must be zero.
        #expect(throws: DecodingError.notCanonical) { try ContentID(Self.text.dropLast() + "f") }
    }
}

@Suite struct ByteReaderTests {
    @Test func `it never reads past the end`() throws {
        var reader = ByteReader([1, 2, 3, 4, 5])
        #expect(try reader.byte() == 1)
        #expect(try reader.little(UInt16.self) == 0x0302)
        #expect(throws: DecodingError.truncated(offset: 5)) { try reader.little(UInt32.self) }
        #expect(throws: DecodingError.truncated(offset: 5)) { try reader.take(-1) }
        #expect(throws: DecodingError.trailing(offset: 3)) { try reader.end() }
        #expect(try reader.take(2) == [4, 5])
        try reader.end()
        #expect(throws: DecodingError.truncated(offset: 5)) { try reader.byte() }
    }

    /// Source: protobuf's encoding guide (150), multiformats unsigned-varint README (300, 16384).
    @Test func `numbers are written low byte first`() {
        var bytes: [UInt8] = []
        bytes.append(little: UInt32(0x0102_0304))
        #expect(bytes == [4, 3, 2, 1])
        for (value, expected) in [
            (150, [0x96, 0x01]), (300, [0xac, 0x02]), (16_384, [0x80, 0x80, 0x01]), (0, [0]),
        ] {
            var varint: [UInt8] = []
            varint.append(varint: UInt64(value))
            #expect(varint == expected.map { UInt8($0) })
        }
    }
}
