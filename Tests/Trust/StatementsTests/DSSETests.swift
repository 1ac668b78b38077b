import Encoding
import Sodium
import Statements
import Testing

@Suite struct DSSETests {
    /// Source: secure-systems-lab/dsse, protocol.md 1.0.2, "Test Vectors".
    @Test func `type and payload are signed with their lengths`() {
        let envelope = DSSE(type: "http://example.com/HelloWorld", payload: Array("hello world".utf8))
        #expect(
            envelope.statement.bytes == Array("DSSEv1 29 http://example.com/HelloWorld 11 hello world".utf8))
    }

    private static let statement = #"""
        {"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"cam/000001.jpg","digest":{"sha256":"\#
        b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"}}],"predicateType":"https://\#
        depai.example/capture/v1","predicate":{"device":"robot-1","seq":1}}
        """#
    private static let signature =
        "OALHM5ZkD5lkRuxQKc/vRrwnkQ2bM8xpNz3dRlgHSiI620E84E1k5jmreiHizoAK3bHHyl2IKcHZSVmdeXxBAQ=="

    private static func envelope(
        type: String = "application/vnd.in-toto+json", payload: String = statement,
        signature: String = signature, keyID: String = "robot-1"
    ) -> JSON {
        [
            "payload": .string(Base64.standard.encode(Array(payload.utf8))), "payloadType": .string(type),
            "signatures": [["keyid": .string(keyID), "sig": .string(signature)]],
        ]
    }

    /// Source: made with PyNaCl, verified with securesystemslib 1.6.0 (PyPI); the key is RFC 8032's first.
    @Test func `an in-toto attestation that securesystemslib verified is verified`() throws {
        let key = try seeded(hex: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        let envelope = try DSSE(Array(Self.envelope().text.utf8))
        #expect(envelope.isSigned(by: key.publicKey))
        #expect(envelope.signatures.map(\.keyID) == ["robot-1"])
        // And made the same.
        var made = DSSE(type: envelope.type, payload: Array(Self.statement.utf8))
        try made.add(
            try key.signature(over: made.statement.bytes), by: key.publicKey, keyID: "robot-1")
        #expect(made == envelope && made.json == Self.envelope())
        #expect(throws: StatementError.self) {
            try made.add(try key.signature(over: [1]), by: key.publicKey)
        }
    }

    @Test func `another type, payload, signature or key is not signed; a key's name proves nothing`() throws {
        let key = try seeded(hex: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .publicKey
        for (envelope, holds) in [
            (Self.envelope(), true), (Self.envelope(keyID: "another"), true),
            (
                Self.envelope(
                    signature: String(Self.signature.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })), true
            ),
            (Self.envelope(type: "application/json"), false),
            (Self.envelope(payload: Self.statement + " "), false),
            (Self.envelope(signature: Base64.standard.encode([UInt8](repeating: 1, count: 64))), false),
            (Self.envelope(signature: "AAAA"), false),
        ] {
            #expect(try DSSE(Array(envelope.text.utf8)).isSigned(by: key) == holds, "\(envelope.text)")
        }
        #expect(!(try DSSE(Array(Self.envelope().text.utf8)).isSigned(by: try seeded(8).publicKey)))
    }

    @Test func `what is no envelope is not read`() {
        var more = Self.envelope()
        more["more"] = 1
        var none = Self.envelope()
        none["signatures"] = []
        var many = Self.envelope()
        many["signatures"] = .array((0..<17).map { _ in ["sig": "AAAA"] })
        for envelope in [more, none, many, [:], [], ["payload": "AAAA"]] as [JSON] {
            #expect(throws: StatementError.self) { try DSSE(Array(envelope.text.utf8)) }
        }
    }
}
