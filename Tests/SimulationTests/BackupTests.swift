import Database
import Encoding
import Foundation
import Home
import Ledger
import Linux
import Sodium
import SystemPackage
import TestSupport
import Testing
import Wallet

/// Copies of a wallet, and the machine that is set up again from one.
@Suite struct BackupTests {
    private func secret(_ text: String) throws -> SecretBytes {
        try SecretBytes(count: text.utf8.count) { $0.copyBytes(from: text.utf8) }
    }

    private func owner() throws -> SigningKey {
        try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: 11, count: 32)) })
    }

    /// A home with a policy and a deposit.
    private func home(_ folder: FilePath) async throws -> Home {
        let home = Home(folder.appending("home"))
        let words = try Mnemonic(entropy: SecretBytes(count: 16) { $0.copyBytes(from: [UInt8](1...16)) })
        let keystore = try await home.create(
            seed: WalletSeed(words: words), passphrase: self.secret("pass"), owner: self.owner().publicKey,
            policy: nil, cost: .least, timeline: SystemTimeline(), entropy: SystemEntropy())
        let document: JSON = [
            "schema": "depai-policy/1", "wallet": .string(keystore.address),
            "owner": .string(Base58.encode(try self.owner().publicKey.bytes)), "seq": 1, "mode": "active",
            "assets": [["asset": "chain/token:dollar", "symbol": "USD", "decimals": 6]], "payees": [],
            "limits": [],
        ]
        let ledger = try home.openLedger(keystore, timeline: SystemTimeline())
        try await ledger.apply(policy: try Policy.sign(document, with: self.owner()))
        try await ledger.deposit(
            700, asset: Asset(id: "chain/token:dollar", symbol: "USD", decimals: 6), reference: "first")
        return home
    }

    @Test func `a wallet comes back with its books and its keys, and stands still`() async throws {
        try await withFolder { folder in
            let home = try await self.home(folder)
            let backup = try Backup.make(
                of: home, in: folder.appending("copy"), timeline: SystemTimeline())
            #expect(backup.wallet == (try home.keystore().address) && backup.journal == 2)
            let other = Home(folder.appending("other"))
            try await Backup(folder.appending("copy")).restore(to: other, timeline: SystemTimeline())
            #expect(
                try other.keystore().unlock(passphrase: self.secret("pass")).publicKey(.payment)
                    == home.keystore().keys[.payment])
            #expect(try other.owner() == home.owner())
            let view = try other.viewLedger()
            #expect(try view.balances().map(\.available) == [700])
            #expect(try view.hold()?.by == "restore" && view.faults() + view.chainFaults() == [])
            // Neither a wallet nor a backup is ever overwritten.
            await #expect(throws: BackupError.self) {
                try await Backup(folder.appending("copy")).restore(to: other, timeline: SystemTimeline())
            }
            #expect(throws: BackupError.self) {
                try Backup.make(of: home, in: folder.appending("copy"), timeline: SystemTimeline())
            }
        }
    }

    @Test func `a backup that was changed or is not complete is refused with the reason`() async throws {
        try await withFolder { folder in
            let home = try await self.home(folder)
            let copy = folder.appending("copy")
            try Backup.make(of: home, in: copy, timeline: SystemTimeline())
            for name in ["keystore.json", "owner.pub", "ledger.db", "backup.json"] {
                let path = copy.appending(name)
                let bytes = try DurableFile.read(path)
                var changed = bytes
                // Of the manifest a digest, of the ledger a row: a note and unused space may change.
                let mark = ["backup.json": "\"digest\"", "ledger.db": " came in"][name]
                let place = mark.flatMap { bytes.firstRange(of: Array($0.utf8)) }
                changed[place.map { $0.upperBound + (name == "backup.json" ? 8 : -4) } ?? bytes.count / 2] ^=
                    1
                for broken in [changed, Array(bytes.dropLast(bytes.count / 2))] {
                    try DurableFile.write(broken, to: path)
                    #expect(throws: (any Error).self, "\(name)") { try Backup(copy) }
                }
                try FileManager.default.removeItem(atPath: path.string)
                #expect(throws: (any Error).self, "\(name)") { try Backup(copy) }
                try DurableFile.write(bytes, to: path)
            }
            _ = try Backup(copy)
        }
    }
}
