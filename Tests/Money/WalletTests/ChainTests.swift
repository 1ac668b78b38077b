import Encoding
import Sodium
import TestSupport
import Testing
import Wallet

@Suite struct ChainTests {
    /// Source: bip_utils 2.12.3 for "abandon … about" without a passphrase; the SS58 and did:key forms of the
    /// same Solana key by scalecodec 1.2.12 and by the multicodec table.
    @Test(arguments: [
        (Chain.solana, UInt32(0), "m/44'/501'/0'/0'", "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"),
        (.solana, 1, "m/44'/501'/1'/0'", "Hh8QwFUA6MtVu1qAoq12ucvFHNwCcVTV7hpWjeY1Hztb"),
        (
            .stellar, 0, "m/44'/148'/0'", "GB3JDWCQJCWMJ3IILWIGDTQJJC5567PGVEVXSCVPEQOTDN64VJBDQBYX"
        ),
        (.near, 0, "m/44'/397'/0'", "5510e2b44cae6eb807e3e0e45d579dda058c274abcba15e5cb84636f5d1ee412"),
        (
            .sui, 0, "m/44'/784'/0'/0'/0'",
            "0x5e93a736d04fbb25737aa40bee40171ef79f65fae833749e3c089fe7cc2161f1"
        ),
    ])
    func `addresses are those of other wallets`(
        chain: Chain, account: UInt32, path: String, address: String
    ) throws {
        let seed = try Mnemonic(reading: secret(MnemonicTests.abandon)).seed()
        let found = try chain.path(account: account)
        #expect(found.description == path)
        #expect(try chain.address(of: SigningKey(seed: found.key(below: seed)).publicKey) == address)
    }

    /// Source: ChainAgnostic/namespaces polkadot/caip10.md, with its public key of 32 bytes.
    @Test(arguments: [
        (UInt16(0), "15rRgsWxz4H5LTnNGcCFsszfXD8oeAFd8QRsR6MbQE2f6XFF"),
        (2, "HRkCrbmke2XeabJ5fxJdgXWpBRPkXWfWHY8eTeCKwDdf4k6"),
    ])
    func `SS58 agrees with the published examples`(prefix: UInt16, address: String) throws {
        let key = try PublicKey(
            Hex.decode("d6a3105d6768e956e9e5d41050ac29843f98561410d3a47f9dd5b3b227ab8746"))
        #expect(SS58.encode(key, prefix: prefix) == address)
    }

    /// Source: the W3C did:key method's table: an Ed25519 key is z6Mk….
    @Test func `the identity's did is a did:key`() throws {
        let key = try PublicKey(
            Hex.decode("f036276246a75b9de3349ed42b15e232f6518fc20f5fcd4f1d64e81f9bd258f7"))
        #expect(Chain.did.address(of: key) == "did:key:z6MkvcwnbJZFgwq9zbhCNV5T2VoJKqAeV76KQ51xjj1EF3d8")
    }

    @Test func `an account that no path has is refused on every chain but the identity's`() throws {
        for chain in Chain.allCases {
            #expect(throws: Chain.AccountOutOfRange.self) { try chain.path(account: 1 << 31) }
            _ = try chain.path(account: (1 << 31) - 1)
        }
    }

    @Test func `the stored keys are those of account 0`() async throws {
        try await withFolder { folder in
            let keystore = try KeystoreTests.create(in: folder)
            let seed = try Mnemonic(reading: secret(MnemonicTests.abandon)).seed()
            for chain in Chain.allCases {
                let role = try #require(chain.storedRole)
                #expect(try SigningKey(seed: chain.path().key(below: seed)).publicKey == keystore.keys[role])
            }
        }
    }
}

@Suite struct KeystoreSlotTests {
    @Test func `credential and owner open what the passphrase opens, and nothing else does`() async throws {
        try await withFolder { folder in
            let made = try KeystoreTests.create(in: folder)
            let passphrase = try secret(KeystoreTests.passphrase)
            let credential = try secret(hex: String(repeating: "c1", count: 32))
            let owner = try SigningKey(seed: secret(hex: String(repeating: "0a", count: 32)))
            #expect { _ = try made.unlock(credential: credential) } throws: {
                "\($0)".contains("never given")
            }
            let two = try made.adding(
                credential: credential, passphrase: passphrase, entropy: CountingEntropy(first: 77))
            let three = try two.adding(owner: owner.publicKey, passphrase: passphrase)
            #expect(three.slots.map(\.kind) == ["passphrase", "credential", "owner"])
            #expect(try Keystore(at: folder.appending("keystore.json.previous")).slots.count == 2)
            #expect(mode(of: folder.appending("keystore.json.previous")) == 0o600)
            for wallet in [
                try three.unlock(passphrase: passphrase), try three.unlock(credential: credential),
                try three.unlock(owner: owner),
            ] { #expect(wallet.publicKey(.payment) == made.keys[.payment]) }
            let stranger = try SigningKey(seed: secret(hex: String(repeating: "0b", count: 32)))
            #expect(throws: KeystoreError.self) { _ = try three.unlock(owner: stranger) }
            #expect {
                _ = try three.unlock(credential: secret(hex: String(repeating: "c2", count: 32)))
            } throws: {
                if case KeystoreError.locked = $0 { true } else { false }
            }
        }
    }
}

@Suite struct WordsPassphraseTests {
    /// Source: trezor/python-mnemonic vectors.json, the first English one.
    @Test func `the published seed comes out`() throws {
        let mnemonic = try Mnemonic(reading: secret(MnemonicTests.abandon))
        #expect(
            Hex.encode(revealed(try mnemonic.seed(passphrase: secret("TREZOR")))).hasPrefix(
                "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf1"
            ))
    }

    /// Composed, decomposed, ligature and full-width forms of one text are one passphrase.
    @Test func `every form of one text is one passphrase`() throws {
        let mnemonic = try Mnemonic(reading: secret(MnemonicTests.abandon))
        func seed(_ text: String) throws -> [UInt8] {
            revealed(try mnemonic.seed(passphrase: secret(text)))
        }
        #expect(try seed("caf\u{e9}") == seed("cafe\u{301}"))
        #expect(try seed("\u{fb01}n") == seed("fin"))
        #expect(try seed("\u{ff21}") == seed("A"))
        // Marks of different classes, in either order.
        #expect(try seed("a\u{315}\u{300}") == seed("a\u{300}\u{315}"))
        #expect(try seed("\u{d55c}") == seed("\u{1112}\u{1161}\u{11ab}"))
        #expect(try seed("cafe") != seed("caf\u{e9}"))
        #expect(throws: MnemonicError.passphrase) { _ = try mnemonic.seed(passphrase: secret(hex: "ff")) }
    }
}
