import Encoding
import Foundation
import Sodium
import Subprocess
import TestSupport
import Testing
import Wallet

@Suite struct PeerTests {
    /// bip_utils 2.12.3 derives 100 random wallets: word counts, passphrases in every normal form, accounts.
    @Test func `random words, passphrases and accounts lead where bip_utils says`() async throws {
        let python = try await Peer.python(with: "bip_utils", from: "bip_utils==2.12.3")
        let seed = Int.random(in: 0..<1_000_000)
        let script = Peer.script("derive_addresses.py")
        let result = try await run(
            .name("env"), arguments: [python, script.path, String(seed), "100"],
            output: .string(limit: 4 << 20), error: .string(limit: 1 << 16))
        let lines = result.standardOutput.split(separator: "\n")
        #expect(lines.count == 100, "seed \(seed): \(result.standardError)")
        for line in lines {
            let row = JSONField(try JSON.read(Array(line.utf8)))
            let words = try row["mnemonic"].string()
            let mnemonic = try Mnemonic(reading: secret(words))
            let made = try Mnemonic(entropy: secret(hex: try row["entropy"].string()))
            #expect(made.withWords { String(decoding: $0, as: UTF8.self) } == words, "seed \(seed)")
            let passphrase = try row["passphrase"].string()
            let root =
                passphrase.isEmpty
                ? try mnemonic.seed() : try mnemonic.seed(passphrase: secret(passphrase))
            let account: UInt32 = try row["account"].integer()
            for (name, field) in try row["addresses"].members() {
                let chain = try #require(Chain(rawValue: name))
                let key = try SigningKey(seed: chain.path(account: account).key(below: root)).publicKey
                #expect(try chain.address(of: key) == field.string(), "seed \(seed): \(line)")
            }
        }
    }
}
