import Encoding
import Sodium
import Statements
import Testing

@Suite struct SignedNoteTests {
    /// Source: C2SP signed-note.md, commit 5ba5ee83, "Example".
    private static let example = """
        This is an example message.

        — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1\
        Yu72IneyaQM=

        """

    private static func signer(_ name: String, _ key: String) throws -> SignedNote.Signer {
        try #require(SignedNote.Signer(name: name, key: try PublicKey(try Base64.standard.decode(key))))
    }

    @Test func `the specification's example is verified`() throws {
        // Of the verifier key `example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k`.
        let signer = try Self.signer("example.com/foo", "6TJ5GubnqECkYWTJBHhkJtXngh3YspoA1hyucq/dTaQ=")
        let note = try SignedNote(Array(Self.example.utf8))
        #expect(note.text == "This is an example message.\n")
        #expect(try note.isSigned(by: signer) && note.bytes == Array(Self.example.utf8))
        // The same key under another name, another key under the same: other lines, which are not there.
        #expect(
            try !note.isSigned(
                by: Self.signer("example.com/bar", "6TJ5GubnqECkYWTJBHhkJtXngh3YspoA1hyucq/dTaQ=")))
        let other = try #require(SignedNote.Signer(name: "example.com/foo", key: try seeded(8).publicKey))
        #expect(try !note.isSigned(by: other))
    }

    /// Source: Go's golang.org/x/mod/sumdb/note 0.7.0; the key is RFC 8032's first.
    @Test func `a checkpoint is signed as Go's sumdb signs it`() throws {
        let key = try seeded(hex: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        let signer = try #require(
            SignedNote.Signer(name: "depai.example/robot-1", key: key.publicKey))
        var note = try SignedNote(
            text: "depai.example/robot-1\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n")
        #expect(try !note.isSigned(by: signer))
        try note.add(try key.signature(over: note.statement.bytes), by: signer)
        #expect(
            String(decoding: note.bytes, as: UTF8.self) == """
                depai.example/robot-1
                8
                XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

                — depai.example/robot-1 mpLMg2ur1YiX244iOchb7TzqQvGGKdNO85i2mnUCuDFXkBfnE7ygOacfk1ihAvuwHyvqY2\
                UD\
                /lV72CZDxAetMY/Y+gA=

                """)
        #expect(try note.isSigned(by: signer) && SignedNote(note.bytes) == note)
        #expect(throws: StatementError.self) { try note.add(try key.signature(over: [1]), by: signer) }
    }

    @Test func `a line that lies about a known key spoils the note, others' lines do not`() throws {
        let signer = try Self.signer("example.com/foo", "6TJ5GubnqECkYWTJBHhkJtXngh3YspoA1hyucq/dTaQ=")
        let changed = try SignedNote(Array(Self.example.replacing("example m", with: "another m").utf8))
        #expect(throws: StatementError.signature(of: "example.com/foo")) { try changed.isSigned(by: signer) }
        let witnessed = Self.example + "— witness.example/w1 BNLYMwAAAABpVbkANnqHSFo7fGM=\n"
        #expect(try SignedNote(Array(witnessed.utf8)).isSigned(by: signer))
    }

    @Test(
        arguments: [
            "", "\n", "a", "a\n", "a\n\n", "\n\n— n AAAAAAA=\n", "a\n— n AAAAAAA=\n", "a\n\n- n AAAAAAA=\n",
            "a\n\n— n AAAAAAA=", "a\n\n— n\n", "a\n\n— n AAAA\n", "a\n\n— n+m AAAAAAA=\n",
            "a\n\n— n AAAAAAA=\n\n", "a\n\n— n AAAAAAA= x\n", "a\tb\n\n— n AAAAAAA=\n", "a\n\n—  AAAAAAA=\n",
            "a\n\n— n\u{a0}m AAAAAAA=\n",
        ])
    func `what is no note is not read`(text: String) {
        #expect(throws: StatementError.self) { try SignedNote(Array(text.utf8)) }
    }

    @Test func `empty lines may stand in a text, and the last one ends it`() throws {
        let note = try SignedNote(Array("a\n\n— n AAAAAAA=\n\n— m AAAAAAA=\n".utf8))
        #expect(note.text == "a\n\n— n AAAAAAA=\n")
        #expect(SignedNote.Signer(name: "", key: try seeded(7).publicKey) == nil)
        #expect(SignedNote.Signer(name: "a b", key: try seeded(7).publicKey) == nil)
        #expect(throws: StatementError.self) { try SignedNote([0x61, 0xff, 0x0a, 0x0a]) }
    }
}
