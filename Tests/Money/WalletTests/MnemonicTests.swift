import Encoding
import Sodium
import Testing
import Wallet

@Suite struct MnemonicTests {
    static let abandon = String(repeating: "abandon ", count: 11) + "about"

    private func words(_ mnemonic: borrowing Mnemonic) throws -> String {
        mnemonic.withWords { String(decoding: $0, as: UTF8.self) }
    }

    /// Source: trezor/python-mnemonic vectors.json (MIT), one or two of each length.
    @Test(arguments: [
        ("00000000000000000000000000000000", abandon),
        (
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank yellow"
        ),
        ("ffffffffffffffffffffffffffffffff", "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"),
        (
            "9e885d952ad362caeb4efe34a8e91bd2",
            "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic"
        ),
        (
            "6610b25967cdcca9d59875f5cb50b0ea75433311869e930b",
            "gravity machine north sort system female filter attitude volume fold club stay feature office ecology stable narrow fog"
        ),
        (
            "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
            "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space "
                + "point ten exist slush involve unfold"
        ),
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            String(repeating: "abandon ", count: 23) + "art"
        ),
    ])
    func `words are those of BIP-39, both ways`(entropy: String, words: String) throws {
        let made = try Mnemonic(entropy: secret(hex: entropy))
        #expect(try self.words(made) == words)
        let read = try Mnemonic(
            reading: secret("\n  " + words.split(separator: " ").joined(separator: " \t\n") + "\r\n"))
        #expect(try self.words(read) == words)
    }

    /// Source: iancoleman.io/bip39 and bip_utils 2.12.3 for the empty passphrase.
    @Test func `the seed is BIP-39's without a passphrase`() throws {
        let seed = try Mnemonic(reading: secret(Self.abandon)).seed()
        #expect(
            Hex.encode(revealed(seed))
                == "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1"
                + "9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4")
    }

    private func refusal(_ text: String) throws -> MnemonicError? {
        #expect(throws: MnemonicError.self) { _ = try Mnemonic(reading: secret(text)) }
    }

    @Test func `a wrong checksum, a wrong count and an unknown word are told apart`() throws {
        #expect(try self.refusal(String(repeating: "abandon ", count: 12)) == .checksum)
        #expect(
            try self.refusal("winner legal thank year wave sausage worth useful legal winner thank yellow")
                == .checksum)
        #expect(try self.refusal(String(repeating: "abandon ", count: 10) + "about") == .wordCount(11))
        #expect(try self.refusal(String(repeating: "abandon ", count: 24) + "art") == .wordCount(25))
        #expect(try self.refusal(" ") == .wordCount(0))
        #expect(try self.refusal(String(repeating: "abandon ", count: 11) + "abuot") == .unknownWord(12))
        #expect(try self.refusal("abando" + String(Self.abandon.dropFirst(7))) == .unknownWord(1))
        #expect(try self.refusal(Self.abandon.uppercased()) == .unknownWord(1))
        #expect(try self.refusal(Self.abandon.replacing(" ", with: "-")) == .unknownWord(1))
    }

    @Test(arguments: [12, 15, 18, 21, 24]) func `a new mnemonic is read back`(count: Int) throws {
        let made = try Mnemonic(wordCount: count, entropy: CountingEntropy(first: UInt8(count)))
        let words = try self.words(made)
        #expect(words.split(separator: " ").count == count)
        #expect(try self.words(Mnemonic(reading: secret(words))) == words)
    }

    @Test func `other lengths are not made`() {
        for count in [0, 11, 13, 25] {
            #expect(throws: MnemonicError.wordCount(count)) {
                _ = try Mnemonic(wordCount: count, entropy: CountingEntropy())
            }
        }
        for count in [15, 17, 33, 36] {
            #expect(throws: MnemonicError.self) { _ = try Mnemonic(entropy: SecretBytes(count: count)) }
        }
    }

    /// Source: bips/bip-0039/english.txt; its SHA-256 is named in the BIP's repository.
    @Test func `the list has BIP-39's words in their places`() throws {
        // Word n is at bits 0 to 10 of the entropy.
        for (index, word) in [
            (0, "abandon"), (1, "ability"), (3, "about"), (1_023, "lend"), (1_024, "length"), (2_047, "zoo"),
        ] {
            let entropy = [UInt8(index >> 3), UInt8((index & 7) << 5)] + [UInt8](repeating: 0, count: 14)
            let mnemonic = try Mnemonic(entropy: secret(hex: Hex.encode(entropy)))
            #expect(try self.words(mnemonic).split(separator: " ")[0] == word)
        }
    }
}
