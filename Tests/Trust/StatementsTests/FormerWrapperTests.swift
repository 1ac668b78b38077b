import Encoding
import Sodium
import Statements
import Testing

/// Bytes that `depai` of commit faca8bf wrote, for an owner and a wallet made for this: `depai owner policy`,
/// `depai owner freeze --out` and `depai wallet backup`.
@Suite struct FormerWrapperTests {
    private static let owner = "2edJDuhoK35ynyWfF6oTjz4zu7RYp8GcDUmppEu2rbyx"
    private static let identity = "FuqTdTxCX2NgaHr2Gmz3fT24qM5ewzE5g7bdcPEPfQjc"

    private static let policy = #"""
        {"policy": {"schema": "depai-policy/1", "wallet": "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk",
        "owner": "2edJDuhoK35ynyWfF6oTjz4zu7RYp8GcDUmppEu2rbyx", "seq": 1, "mode": "active",
        "assets": [{"asset": "chain:a/token:dollar", "symbol": "USD", "decimals": 6}], "payees": [],
        "limits": []}, "signature":
        "dyfDFNMNEo7MQ/gEMQ9lTmpKfCCBqMdqLRmffBTeKQ2lNP8BeaTGvV/wZXGJ5y72vSF71NZPsYxspk8Gd8x4Aw=="}
        """#
    private static let command = #"""
        {"command":{"args":{"reason":"stopped by the owner"},"expires_at_ms":1795831638643,
        "issued_at_ms":1795831038643,"issuer":"2edJDuhoK35ynyWfF6oTjz4zu7RYp8GcDUmppEu2rbyx","op":"freeze",
        "schema":"depai-command/1","seq":1795831038643,
        "wallet":"HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"},"signature":
        "O/IcmsCA4G3YRQXF1jz2qog1Ld2OE6+8FO5YN4nFJMawyMW3NkZkjsP5wvZqI9BWh9mFMpib/i4W9fCTMJfmBg=="}
        """#
    private static let backup = #"""
        {"schema": "depai.backup/2", "wallet": "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk",
        "made_ms": 1795831046350, "journal": 1,
        "hash": "b2af3548e0a5072283d7ab54e280649af02c63903534c090e98a5d78b82e87c6",
        "files": [{"name": "keystore.json",
        "digest": "6363f65b110006156e2d632fd9b4b8a18c2dd57291dafc4ac7bb18fabf0b9d67"},
        {"name": "owner.pub", "digest": "2af190e62224278c3c1849b414cce46655c1ab9699c6d78584059c1025c3b35a"}],
        "ledger": "a007e95d83ecc202f1f739414012b10025e772aa1b54e7c3c7827db5b8981182", "databases": [],
        "signature":
        "Aw3wc8x9TiYD+jkkBd9V8bWtacow8en1TA4NcFTfu0GotvhV6oAyszc6Fc8WleUVD49FnScwXkEjDnDxhFNyDw=="}
        """#

    private static func key(_ text: String) throws -> PublicKey { try PublicKey(try Base58.decode(text)) }

    private func expectRenewed<Body: AnyWords>(
        _ old: String, as kind: Body.Type, expected: String?, signer: String
    ) throws {
        let expected = try expected.map(Self.key)
        let kept = try Signed<Body>(kept: Array(old.utf8), from: expected)
        #expect(kept.signer == (try Self.key(signer)))
        // From here on it is a message like any other.
        #expect(try Signed<Body>(try kept.bytes, from: expected).json == kept.json)
        #expect(try Signed<Body>(kept: try kept.bytes, from: expected).json == kept.json)
        #expect(throws: StatementError.self) { try Signed<Body>(Array(old.utf8), from: expected) }
    }

    @Test func `policies, commands and manifests of before are put into the one form`() throws {
        try self.expectRenewed(
            Self.policy, as: PolicyWords.self, expected: Self.owner, signer: Self.owner)
        try self.expectRenewed(Self.command, as: CommandWords.self, expected: nil, signer: Self.owner)
        try self.expectRenewed(
            Self.backup, as: BackupWords.self, expected: Self.identity, signer: Self.identity)
    }

    @Test func `the former wrapper lets nothing through that the one form would not`() throws {
        let (owner, identity) = (try Self.key(Self.owner), try Self.key(Self.identity))
        // Another is expected, or nobody says who signed.
        #expect(throws: StatementError.self) {
            try Signed<PolicyWords>(kept: Array(Self.policy.utf8), from: identity)
        }
        #expect(throws: StatementError.self) {
            try Signed<PolicyWords>(kept: Array(Self.policy.utf8), from: nil)
        }
        #expect(throws: StatementError.self) {
            try Signed<BackupWords>(kept: Array(Self.backup.utf8), from: owner)
        }
        #expect(throws: StatementError.self) {
            try Signed<CommandWords>(kept: Array(Self.command.utf8), from: identity)
        }
        // Something was changed or added.
        for (old, new) in [("\"seq\": 1", "\"seq\": 2"), ("{\"policy\"", "{\"note\": 1, \"policy\"")] {
            let changed = Array(Self.policy.replacing(old, with: new).utf8)
            #expect(throws: StatementError.self) { try Signed<PolicyWords>(kept: changed, from: owner) }
        }
        for (old, new) in [("\"journal\": 1", "\"journal\": 2"), ("\"journal\"", "\"more\": 1, \"journal\"")]
        {
            let changed = Array(Self.backup.replacing(old, with: new).utf8)
            #expect(throws: StatementError.self) { try Signed<BackupWords>(kept: changed, from: identity) }
        }
        let stranger = Self.command.replacing(Self.owner, with: Self.identity)
        #expect(throws: StatementError.self) {
            try Signed<CommandWords>(kept: Array(stranger.utf8), from: nil)
        }
        // What is said and answered at once never had to be kept.
        #expect(throws: StatementError.self) {
            try Signed<OfferWords>(
                kept: Array(#"{"statement":{},"signature":"AA=="}"#.utf8), from: identity)
        }
    }
}
