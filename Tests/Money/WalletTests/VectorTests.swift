import Encoding
import Foundation
import Sodium
import TestSupport
import Testing
import Wallet

/// The whole vector files of the workshop, where they lie beside the repository.
private let folder = Repository.vectors("wallet")

private func read(_ name: String) throws -> JSONField {
    JSONField(try JSON.read(Array(try Data(contentsOf: #require(folder).appending(path: name)))))
}

@Suite(.enabled(if: folder != nil, "the folder of vectors is absent"))
struct VectorTests {
    @Test func `every BIP-39 vector gives its words and is read back`() throws {
        let vectors = try read("bip39-english.json")["vectors"].elements()
        #expect(vectors.count == 24)
        for vector in vectors {
            let expected = try vector["mnemonic"].string()
            let made = try Mnemonic(entropy: secret(hex: try vector["entropy"].string()))
            #expect(made.withWords { String(decoding: $0, as: UTF8.self) } == expected)
            _ = try Mnemonic(reading: secret(expected))
        }
    }

    @Test func `every SLIP-0010 vector gives its keys`() throws {
        for vector in try read("slip10-ed25519.json")["vectors"].elements() {
            let seed = try secret(hex: try vector["seed"].string())
            for chain in try vector["chains"].elements() {
                let key = try DerivationPath(try chain["path"].string()).key(below: seed)
                #expect(Hex.encode(revealed(key)) == (try chain["private"].string()))
            }
        }
        for path in try read("slip10-ed25519.json")["must_fail"].elements() {
            #expect(throws: DerivationPath.Fault.self) { try DerivationPath(try path.string()) }
        }
    }
}
