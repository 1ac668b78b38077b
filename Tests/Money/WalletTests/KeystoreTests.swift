import Database
import Encoding
import Ledger
import Sodium
import SystemPackage
import TestSupport
import Testing
import Wallet

@Suite struct KeystoreTests {
    static let passphrase = "correct horse"

    @discardableResult
    static func create(in folder: FilePath, entropy: UInt8 = 0) throws -> Keystore {
        try Keystore.create(
            at: folder.appending("keystore.json"),
            seed: WalletSeed(words: Mnemonic(reading: secret(MnemonicTests.abandon))),
            passphrase: secret(self.passphrase), cost: .least, entropy: CountingEntropy(first: entropy))
    }

    @Test func `it is made private, read while locked and opened with its passphrase`() async throws {
        try await withFolder { folder in
            let made = try Self.create(in: folder)
            let path = folder.appending("keystore.json")
            #expect(mode(of: path) == 0o600)
            let read = try Keystore(at: path)
            #expect(read.keys == made.keys && read.keys.count == 8)
            // Source: bip_utils 2.12.3, accounts 0 and 1.
            #expect(read.address == "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk")
            #expect(
                read.keys[.sponsor].map { Base58.encode($0.bytes) }
                    == "Hh8QwFUA6MtVu1qAoq12ucvFHNwCcVTV7hpWjeY1Hztb")
            let wallet = try read.unlock(passphrase: secret(Self.passphrase))
            for role in [KeyRole.payment, .sponsor, .identity] {
                #expect(wallet.publicKey(role) == read.keys[role])
            }
        }
    }

    @Test func `neither the words nor a secret key are in the file`() async throws {
        try await withFolder { folder in
            try Self.create(in: folder)
            let text = String(
                decoding: try DurableFile.read(folder.appending("keystore.json")), as: UTF8.self)
            // The payment key's seed, source as above.
            let seed = try Hex.decode("37df573b3ac4ad5b522e064e25b63ea16bcbe79d449e81a0268d1047948bb445")
            for trace in ["abandon", Hex.encode(seed), Base58.encode(seed), Base64.standard.encode(seed)] {
                #expect(!text.contains(trace))
            }
        }
    }

    @Test func `a wrong passphrase opens nothing`() async throws {
        try await withFolder { folder in
            let keystore = try Self.create(in: folder)
            for wrong in ["correct horsf", "correct hors", "correct horse ", "x"] {
                #expect { _ = try keystore.unlock(passphrase: secret(wrong)) } throws: { error in
                    if case KeystoreError.locked = error { true } else { false }
                }
            }
        }
    }

    @Test func `an existing wallet is never overwritten`() async throws {
        try await withFolder { folder in
            try Self.create(in: folder)
            let path = folder.appending("keystore.json")
            let before = try DurableFile.read(path)
            #expect { try Self.create(in: folder, entropy: 9) } throws: { error in
                if case KeystoreError.exists = error { true } else { false }
            }
            #expect(try DurableFile.read(path) == before)
        }
    }

    /// The header is what the sealed keys are bound to: nobody swaps an address in it.
    @Test func `a changed header does not open`() async throws {
        try await withFolder { folder in
            let keystore = try Self.create(in: folder)
            let path = folder.appending("keystore.json")
            let text = String(decoding: try DurableFile.read(path), as: UTF8.self)
            let stranger = Base58.encode([UInt8](repeating: 3, count: 32))
            for (old, new) in [
                (keystore.address, stranger), ("m/44'/501'/0'/0'", "m/44'/501'/5'/0'"),
                ("\"header\": {", "\"header\": {\n    \"more\": 1,"),
            ] {
                let changed = text.replacing(old, with: new)
                #expect(changed != text)
                try DurableFile.write(Array(changed.utf8), to: path)
                #expect { _ = try Keystore(at: path).unlock(passphrase: secret(Self.passphrase)) } throws: {
                    error in
                    if case KeystoreError.locked = error { true } else { false }
                }
            }
            // White space and the order of members are not what is signed.
            let compact = Array(try JSON.read(text).text.utf8)
            try DurableFile.write(compact, to: path)
            _ = try Keystore(at: path).unlock(passphrase: secret(Self.passphrase))
        }
    }

    @Test func `sealed keys of another wallet do not open under this header`() async throws {
        try await withFolder { folder in
            try Self.create(in: folder)
            let path = folder.appending("keystore.json")
            var root = try JSON.read(try DurableFile.read(path))
            let other = folder.appending("other.json")
            _ = try Keystore.create(
                at: other,
                seed: WalletSeed(words: Mnemonic(entropy: secret(hex: String(repeating: "7f", count: 16)))),
                passphrase: secret(Self.passphrase), cost: .least, entropy: CountingEntropy(first: 50))
            root["header"] = try JSON.read(try DurableFile.read(other))["header"]
            try DurableFile.write(Array(root.text.utf8), to: path)
            #expect(throws: KeystoreError.self) {
                _ = try Keystore(at: path).unlock(passphrase: secret(Self.passphrase))
            }
        }
    }

    @Test func `a cut or damaged file is refused with words`() async throws {
        try await withFolder { folder in
            try Self.create(in: folder)
            let path = folder.appending("keystore.json")
            let bytes = try DurableFile.read(path)
            for count in [0, 1, 100, bytes.count / 2, bytes.count - 3] {
                try DurableFile.write(Array(bytes.prefix(count)), to: path)
                #expect { try Keystore(at: path) } throws: { error in
                    if case KeystoreError.malformed = error { true } else { false }
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            for (old, new) in [
                ("depai-keystore/1", "depai-keystore/2"), ("argon2id13", "scrypt"),
                ("\"role\": \"sponsor\"", "\"role\": \"payment\""),
                ("\"header\"", "\"Header\""), ("HAgk14JpMQL", "HAgk"),
                ("\"slots\"", "\"more\": 1, \"slots\""),
            ] {
                let changed = text.replacing(old, with: new)
                #expect(changed != text)
                try DurableFile.write(Array(changed.utf8), to: path)
                #expect(throws: KeystoreError.self, "\(old)") { try Keystore(at: path) }
            }
            #expect { try Keystore(at: folder.appending("nothing")) } throws: { error in
                if case KeystoreError.missing = error { true } else { false }
            }
        }
    }

    /// A planted header must neither make guessing cheap nor exhaust the board.
    @Test func `costs out of bounds are refused before they are paid`() async throws {
        try await withFolder { folder in
            try Self.create(in: folder)
            let path = folder.appending("keystore.json")
            let text = String(decoding: try DurableFile.read(path), as: UTF8.self)
            for (name, old, new) in [
                ("operations", "2", "1"), ("operations", "2", "21"), ("memory", "19922944", "8192"),
                ("memory", "19922944", "1073741825"), ("memory", "19922944", "-1"),
            ] {
                let changed = text.replacing("\"\(name)\": \(old)", with: "\"\(name)\": \(new)")
                #expect(changed != text)
                try DurableFile.write(Array(changed.utf8), to: path)
                #expect { try Keystore(at: path) } throws: { error in
                    if case KeystoreError.malformed = error { true } else { false }
                }
            }
        }
    }
}

@Suite struct SecretFileTests {
    @Test func `a secret file is private, has no line end, and is not empty`() async throws {
        try await withFolder { folder in
            let path = folder.appending("passphrase")
            try DurableFile.write(Array("correct horse\r\n".utf8), to: path)
            #expect(revealed(try SecretFile.read(path)) == Array("correct horse".utf8))
            for text in ["", "\n", "\r\n"] {
                try DurableFile.write(Array(text.utf8), to: path)
                #expect(throws: KeystoreError.self) { _ = try SecretFile.read(path) }
            }
            try DurableFile.write(Array("x".utf8), to: path, mode: [.ownerReadWrite, .groupRead])
            #expect(throws: FileError.self) { _ = try SecretFile.read(path) }
        }
    }

    /// A secret that is cut silently is another secret.
    @Test func `a secret that is too long is refused, not cut`() async throws {
        try await withFolder { folder in
            let path = folder.appending("passphrase")
            try DurableFile.write(Array(repeating: 0x61, count: 4_096), to: path)
            #expect(try SecretFile.read(path).count == 4_096)
            try DurableFile.write(Array(repeating: 0x61, count: 4_097), to: path)
            #expect(throws: FileError.self) { _ = try SecretFile.read(path) }
        }
    }
}
