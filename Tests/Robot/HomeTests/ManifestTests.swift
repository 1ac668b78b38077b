import Encoding
import Sodium
import Statements
import Testing

@testable import Home

@Suite struct ManifestTests {
    /// The manifest of a backup that `depai` of commit faca8bf made.
    private static let old = #"""
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

    @Test func `an old manifest is read whole, and no older one that nobody signed`() throws {
        let identity = try PublicKey(
            try Base58.decode("FuqTdTxCX2NgaHr2Gmz3fT24qM5ewzE5g7bdcPEPfQjc"))
        let manifest = try Signed<Manifest>(kept: Array(Self.old.utf8), from: identity).body
        #expect(manifest.journal == 1 && manifest.made == 1_795_831_046_350 && manifest.databases.isEmpty)
        #expect(manifest.files.map(\.name) == ["keystore.json", "owner.pub"])
        #expect(manifest.ledger.prefix(2) == [0xa0, 0x07] && manifest.hash.prefix(2) == [0xb2, 0xaf])
        #expect(try !Manifest.isUnsigned(Array(Self.old.utf8)))
        #expect(try Manifest.isUnsigned(Array(#"{"schema": "depai.backup/1"}"#.utf8)))
    }
}
