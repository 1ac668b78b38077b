import Database
import Encoding
import Foundation
import Home
import Ledger
import Linux
import Sodium
import Statements
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
            let wallet = try home.keystore().unlock(passphrase: self.secret("pass"))
            let owner = try home.owner()
            let backup = try await Backup.make(
                of: home, in: folder.appending("copy"), signing: wallet, timeline: SystemTimeline())
            #expect(backup.wallet == (try home.keystore().address) && backup.journal == 2)
            let other = Home(folder.appending("other"))
            try await Backup(folder.appending("copy")).restore(
                to: other, wallet: wallet, owner: owner, timeline: SystemTimeline())
            #expect(
                try other.keystore().unlock(passphrase: self.secret("pass")).publicKey(.payment)
                    == home.keystore().keys[.payment])
            #expect(try other.owner() == home.owner())
            let view = try other.viewLedger()
            #expect(try view.balances().map(\.available) == [700])
            #expect(try view.hold()?.by == "restore" && view.faults() + view.chainFaults() == [])
            // Neither a wallet nor a backup is ever overwritten.
            await #expect(throws: BackupError.self) {
                try await Backup(folder.appending("copy")).restore(
                    to: other, wallet: wallet, owner: owner, timeline: SystemTimeline())
            }
            await #expect(throws: BackupError.self) {
                try await Backup.make(
                    of: home, in: folder.appending("copy"), signing: wallet, timeline: SystemTimeline())
            }
        }
    }

    @Test func `a backup that was changed or is not complete is refused with the reason`() async throws {
        try await withFolder { folder in
            let home = try await self.home(folder)
            let copy = folder.appending("copy")
            let wallet = try home.keystore().unlock(passphrase: self.secret("pass"))
            try await Backup.make(of: home, in: copy, signing: wallet, timeline: SystemTimeline())
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

    /// Whoever holds a copy and knows no passphrase, and writes digests that fit.
    @Test func `a backup that somebody made fit again is refused`() async throws {
        try await withFolder { folder in
            let home = try await self.home(folder)
            let copy = folder.appending("copy")
            let stranger = try self.stranger()
            let wallet = try home.keystore().unlock(passphrase: self.secret("pass"))
            try await Backup.make(of: home, in: copy, signing: wallet, timeline: SystemTimeline())
            let manifest = try JSON.read(try DurableFile.read(copy.appending("backup.json")))
            // Another owner.
            let key = Array((Base58.encode(stranger.publicKey.bytes) + "\n").utf8)
            try DurableFile.write(key, to: copy.appending("owner.pub"))
            var forged = manifest
            forged["body"]?["files"] = .array(
                try JSONField(manifest)["body"]["files"].elements().map { field in
                    guard try field["name"].string() == "owner.pub" else { return field.value ?? .null }
                    return ["name": "owner.pub", "digest": .string(Hex.encode(BLAKE2b.digest(of: key)))]
                })
            try self.expectForged(forged, copy)
            // Signed by another key, and with a keystore that says so: the passphrase opens no such keystore.
            let body = try #require(forged["body"])
            try await self.expectForged(body, copy, folder, wallet, owner: stranger.publicKey)
            // No policy, so that the next one may be anybody's; the journal does not notice.
            let ledger = copy.appending("ledger.db")
            try Connection(path: ledger.string).execute("PRAGMA journal_mode=DELETE; DELETE FROM policy")
            forged = manifest
            forged["body"]?["ledger"] = .string(
                Hex.encode(SHA256.digest(of: try DurableFile.read(ledger, limit: 64 << 20))))
            try DurableFile.write(
                Array((Base58.encode(try home.owner().bytes) + "\n").utf8), to: copy.appending("owner.pub"))
            try self.expectForged(forged, copy)
            // One of a program that signed nothing.
            forged = ["schema": "depai.backup/1"]
            try DurableFile.write(Array(forged.text.utf8), to: copy.appending("backup.json"))
            #expect(throws: BackupError.self) { try Backup(copy) }
        }
    }

    private func stranger() throws -> SigningKey {
        try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: 12, count: 32)) })
    }

    /// Any body as the manifest of a backup.
    private struct Words: Signable {
        static let kind = Statement.Kind.backup
        static let limits = JSON.Limits()
        let json: JSON

        init(_ field: JSONField) { self.json = field.value ?? .null }
    }

    private static func message(_ body: JSON, by key: borrowing SigningKey) throws -> JSON {
        let words = Words(JSONField(body))
        let signature = try key.signature(over: try words.statement.bytes)
        return try Signed(words, by: key.publicKey, signature).json
    }

    private func expectForged(_ manifest: JSON, _ copy: FilePath) throws {
        try DurableFile.write(Array(manifest.text.utf8), to: copy.appending("backup.json"))
        #expect {
            try Backup(copy)
        } throws: { if case BackupError.forged? = $0 as? BackupError { true } else { false } }
    }

    /// With a keystore that names the stranger who signed it.
    private func expectForged(
        _ body: JSON, _ copy: FilePath, _ folder: FilePath, _ wallet: UnlockedWallet, owner: PublicKey
    ) async throws {
        let path = copy.appending("keystore.json")
        let keystore = try DurableFile.read(path)
        let signer = Base58.encode(try self.stranger().publicKey.bytes)
        let changed = Array(
            String(decoding: keystore, as: UTF8.self).replacing(
                Base58.encode(wallet.publicKey(.identity).bytes), with: signer
            ).utf8)
        try DurableFile.write(changed, to: path)
        defer { try? DurableFile.write(keystore, to: path) }
        var body = body
        body["files"] = .array(
            try JSONField(body)["files"].elements().map { field in
                guard try field["name"].string() == "keystore.json" else { return field.value ?? .null }
                return ["name": "keystore.json", "digest": .string(Hex.encode(BLAKE2b.digest(of: changed)))]
            })
        let whole = try Self.message(body, by: try self.stranger())
        try DurableFile.write(Array(whole.text.utf8), to: copy.appending("backup.json"))
        let backup = try Backup(copy)
        let other = Home(folder.appending("other"))
        await #expect {
            try await backup.restore(to: other, wallet: wallet, owner: owner, timeline: SystemTimeline())
        } throws: { if case BackupError.forged? = $0 as? BackupError { true } else { false } }
        #expect(!DurableFile.exists(other.keystorePath))
    }

    /// As every program before ``Signed`` wrote it; what the wallet signed is the same.
    @Test func `a backup in the former wrapper is restored`() async throws {
        try await withFolder { folder in
            let home = try await self.home(folder)
            let copy = folder.appending("copy")
            let wallet = try home.keystore().unlock(passphrase: self.secret("pass"))
            try await Backup.make(of: home, in: copy, signing: wallet, timeline: SystemTimeline())
            let path = copy.appending("backup.json")
            let message = try JSON.read(try DurableFile.read(path))
            var manifest = try #require(message["body"])
            manifest["signature"] = message["signature"]
            try DurableFile.write(Array(manifest.prettyText.utf8), to: path)
            let backup = try Backup(copy)
            try backup.check(signedBy: wallet)
            let other = Home(folder.appending("other"))
            try await backup.restore(
                to: other, wallet: wallet, owner: try home.owner(), timeline: SystemTimeline())
            #expect(try other.viewLedger().balances().map(\.available) == [700])
            // Changed, it is no more believed than in the new one.
            manifest["made_ms"] = 1
            try self.expectForged(manifest, copy)
        }
    }

    @Test func `a restore names the owner, and another one is not taken`() async throws {
        try await withFolder { folder in
            let home = try await self.home(folder)
            let wallet = try home.keystore().unlock(passphrase: self.secret("pass"))
            let backup = try await Backup.make(
                of: home, in: folder.appending("copy"), signing: wallet, timeline: SystemTimeline())
            #expect(try backup.owner == home.owner())
            let other = Home(folder.appending("other"))
            let stranger = try self.stranger().publicKey
            await #expect(throws: BackupError.self) {
                try await backup.restore(
                    to: other, wallet: wallet, owner: stranger, timeline: SystemTimeline())
            }
            #expect(!DurableFile.exists(other.keystorePath))
        }
    }

    @Test func `the owner of a home is the one that its keystore was made for`() async throws {
        try await withFolder { folder in
            let home = try await self.home(folder)
            let stranger = Base58.encode(try self.stranger().publicKey.bytes)
            try DurableFile.write(Array(stranger.utf8), to: home.path.appending("owner.pub"))
            #expect(throws: HomeError.self) {
                try home.openLedger(try home.keystore(), timeline: SystemTimeline())
            }
            // Nor does a keystore open in which the owner was exchanged, too, or left out.
            let text = String(decoding: try DurableFile.read(home.keystorePath), as: UTF8.self)
            let owner = Base58.encode(try self.owner().publicKey.bytes)
            for changed in [
                text.replacing(owner, with: stranger), text.replacing("\"owner\"", with: "\"other\""),
            ] {
                #expect(changed != text)
                try DurableFile.write(Array(changed.utf8), to: home.keystorePath)
                #expect(throws: KeystoreError.self) {
                    try home.keystore().unlock(passphrase: self.secret("pass"))
                }
            }
        }
    }
}
