import Database
import Encoding
import Sodium
import SystemPackage
import TestSupport
import Testing
import Wallet

/// Keys in the files of other tools.
@Suite struct KeyFileTests {
    /// RFC 8032, section 7.1, test 1, as Solana's tools write it.
    static let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    static let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    static var numbers: [String] { get throws { try Hex.decode(seed + key).map { String($0) } } }

    private func write(_ text: String, in folder: FilePath) throws -> FilePath {
        let path = folder.appending("key")
        try DurableFile.write(Array(text.utf8), to: path)
        return path
    }

    @Test func `an id.json and hex digits give the seed`() async throws {
        try await withFolder { folder in
            let plain = "[" + (try Self.numbers).joined(separator: ",") + "]"
            for (text, kind) in [
                (plain, KeyFile.solana), (plain.replacing(",", with: ", \n ") + "\n", .solana),
                (Self.seed, .seed), (Self.seed.uppercased() + "\n", .seed),
            ] {
                let read = try kind.read(try self.write(text, in: folder))
                #expect(revealed(read) == (try Hex.decode(Self.seed)))
            }
        }
    }

    @Test func `anything else is refused, and so is a file that others may read`() async throws {
        try await withFolder { folder in
            let numbers = try Self.numbers
            var forged = numbers
            forged[63] = forged[63] == "0" ? "1" : "0"
            var large = numbers
            large[0] = "256"
            let lists: [[String]] = [Array(numbers.dropLast()), numbers + ["0"], large, forged, []]
            let texts = lists.map { "[" + $0.joined(separator: ",") + "]" }
            let plain = "[" + numbers.joined(separator: ",") + "]"
            for text in texts + [
                plain + "x", String(plain.dropLast()), "{}", plain.replacing(",", with: ",,"),
            ] {
                #expect(throws: KeystoreError.self, "\(text)") {
                    _ = try KeyFile.solana.read(try self.write(text, in: folder))
                }
            }
            for text in [String(Self.seed.dropLast()), Self.seed + "0", "zz" + Self.seed.dropFirst(2)] {
                #expect(throws: KeystoreError.self, "\(text)") {
                    _ = try KeyFile.seed.read(try self.write(text, in: folder))
                }
            }
            let open = folder.appending("open")
            try DurableFile.write(Array(Self.seed.utf8), to: open, mode: [.ownerReadWrite, .groupRead])
            #expect(throws: FileError.self) { _ = try KeyFile.seed.read(open) }
        }
    }

    @Test func `what is written is private, is read again and overwrites nothing`() async throws {
        try await withFolder { folder in
            for kind in KeyFile.allCases {
                let path = folder.appending(kind.rawValue)
                try kind.write(secret(hex: Self.seed), to: path)
                #expect(mode(of: path) == 0o600)
                #expect(revealed(try kind.read(path)) == (try Hex.decode(Self.seed)))
                #expect(throws: KeystoreError.self) { try kind.write(secret(hex: Self.seed), to: path) }
            }
            let text = String(decoding: try DurableFile.read(folder.appending("solana")), as: UTF8.self)
            #expect(text == "[" + (try Self.numbers).joined(separator: ",") + "]\n")
        }
    }

    @Test func `an imported key pays, and the others follow from it`() async throws {
        try await withFolder { folder in
            let path = folder.appending("keystore.json")
            let made = try Keystore.create(
                at: path, seed: WalletSeed(paymentKey: secret(hex: Self.seed)), passphrase: secret("pass"),
                cost: .least, entropy: CountingEntropy())
            #expect(made.keys[.payment]?.bytes == (try Hex.decode(Self.key)))
            #expect(Set(made.keys.values).count == made.keys.count)
            #expect(String(decoding: try DurableFile.read(path), as: UTF8.self).contains("\"imported\""))
            let opened = try made.unlock(passphrase: secret("pass"))
            #expect(opened.publicKey(.payment).bytes == (try Hex.decode(Self.key)))
            #expect(revealed(try made.paymentKey(passphrase: secret("pass"))) == (try Hex.decode(Self.seed)))
            #expect(throws: KeystoreError.self) { _ = try made.paymentKey(passphrase: secret("wrong")) }
        }
    }

    @Test func `a guess costs at least what the standard says`() throws {
        let quick = try PasswordCost.calibrated(to: .milliseconds(1), timeline: FixedTimeline())
        #expect(quick.operations >= PasswordCost.standard.operations)
        #expect(quick.memory == PasswordCost.standard.memory || quick.memory == PasswordHash.floor.memory)
    }
}
