import Encoding
import Sodium
import Statements
import Testing

@Suite struct DataIntegrityTests {
    /// Source: w3c/vc-di-eddsa, TestVectors/eddsa-jcs-2022, commit abb673eb: document, hashes and proof.
    private static let document: JSON = [
        "@context": [
            "https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2",
        ],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential", "AlumniCredential"], "name": "Alumni Credential",
        "description": "A minimum viable example of an Alumni Credential.",
        "issuer": "https://vc.example/issuers/5678", "validFrom": "2023-01-01T00:00:00Z",
        "credentialSubject": ["id": "did:example:abcdefgh", "alumniOf": "The School of Examples"],
    ]
    private static let name = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
    private static let value =
        "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX"
    /// SHA-256 of the proof's canonical form, then that of the document's.
    private static let hashes =
        "66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db"
        + "59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19"

    private static func key() throws -> PublicKey { try #require(DIDKey.key("did:key:\(name)")) }

    private static func options() throws -> DataIntegrity.Options {
        DataIntegrity.Options(
            purpose: "assertionMethod", by: try self.key(), created: "2023-02-24T23:36:38Z")
    }

    private static func signed() throws -> JSON {
        var signed = Self.document
        signed["proof"] = [
            "type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "created": "2023-02-24T23:36:38Z",
            "verificationMethod": .string("did:key:\(Self.name)#\(Self.name)"),
            "proofPurpose": "assertionMethod", "@context": Self.document["@context"] ?? .null,
            "proofValue": .string(Self.value),
        ]
        return signed
    }

    private func rule(
        for purpose: String = "assertionMethod", from expected: PublicKey? = nil,
        _ change: (inout JSON) -> Void = { _ in }
    ) throws -> String? {
        var document = try Self.signed()
        change(&document)
        do throws(StatementError) {
            _ = try DataIntegrity(Array(document.text.utf8), for: purpose, from: expected)
            return nil
        } catch {
            return error.rule
        }
    }

    @Test func `the standard's own credential is made and verified`() throws {
        let statement = try DataIntegrity.statement(Self.document, try Self.options())
        #expect(Hex.encode(statement.bytes) == Self.hashes)
        let signature = try Signature(try Base58.decode(String(Self.value.dropFirst())))
        let made = try DataIntegrity.document(
            Self.document, try Self.options(), by: try Self.key(), signature)
        #expect(try made == Self.signed())
        let read = try DataIntegrity(
            Array(made.text.utf8), for: "assertionMethod", from: try Self.key())
        #expect(try read.document == Self.document && read.signer == Self.key())
        #expect(try read.options == Self.options())
        #expect(throws: StatementError.self) {
            try DataIntegrity.document(made, try Self.options(), by: try Self.key(), signature)
        }
    }

    @Test func `every way to be wrong has its rule`() throws {
        func proof(_ name: String, _ value: JSON?) -> (inout JSON) -> Void {
            { document in
                var proof = document["proof"]
                proof?[name] = value
                document["proof"] = proof
            }
        }
        #expect(try self.rule() == nil)
        #expect(try self.rule(for: "authentication") == "kind")
        #expect(try self.rule(from: try seeded(8).publicKey) == "signer")
        #expect(try self.rule { $0["name"] = "Another" } == "signature")
        #expect(try self.rule { $0["proof"] = nil } == "form")
        #expect(try self.rule { $0["proof"] = [] } == "form")
        // The document's contexts have to begin with the proof's.
        #expect(try self.rule { $0["@context"] = "https://www.w3.org/ns/credentials/v2" } == "members")
        for (name, value, rule) in [
            ("cryptosuite", "eddsa-rdfc-2022", "algorithm"), ("type", "Ed25519Signature2020", "algorithm"),
            ("created", "2023-02-24T23:36:39Z", "signature"), ("created", "yesterday", "form"),
            ("created", "2023-02-24T23:36:38", "form"), ("created", "2023-02-24T23:36:38.Z", "form"),
            ("created", nil, "signature"), ("expires", "2033-02-24T23:36:38Z", "form"),
            ("challenge", "x", "signature"), ("verificationMethod", "did:web:example.com#key-1", "key"),
            ("proofValue", .string(String(Self.value.dropFirst())), "form"), ("proofValue", "z", "form"),
            ("proofValue", .string(Self.value + "1"), "form"), ("@context", nil, "signature"),
        ] as [(String, JSON?, String)] {
            #expect(try self.rule(proof(name, value)) == rule, "\(name) \(value?.text ?? "")")
        }
    }

    @Test func `more contexts may be added behind the proof's, and a resolver's key may be given`() throws {
        let key = try seeded(7)
        var options = DataIntegrity.Options(
            purpose: "authentication", by: key.publicKey, created: "2023-02-24T23:36:38.5+01:00",
            challenge: "abc", domain: "robot.example")
        options.method = "did:web:example.com#key-1"
        let document: JSON = [
            "@context": "https://www.w3.org/ns/credentials/v2", "holder": "did:web:example.com",
        ]
        let signature = try key.signature(over: try DataIntegrity.statement(document, options).bytes)
        var signed = try DataIntegrity.document(document, options, by: key.publicKey, signature)
        signed["@context"] = ["https://www.w3.org/ns/credentials/v2", "https://example.com/more"]
        let read = try DataIntegrity(
            Array(signed.text.utf8), for: "authentication", from: key.publicKey)
        #expect(read.options == options && read.document == document)
        #expect(throws: StatementError.key("did:web:example.com#key-1")) {
            try DataIntegrity(Array(signed.text.utf8), for: "authentication", from: nil)
        }
    }
}
