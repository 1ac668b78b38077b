import Encoding
import Sodium
import Testing
import Wallet

@Suite struct DerivationPathTests {
    /// Source: satoshilabs/slips slip-0010.md, test vectors 1 and 2 for ed25519.
    @Test(arguments: [
        ("m", "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7"),
        ("m/0'", "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3"),
        ("m/0'/1'", "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2"),
        ("m/0'/1'/2'", "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9"),
        ("m/0'/1'/2'/2'", "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662"),
        ("m/0'/1'/2'/2'/1000000000'", "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793"),
    ])
    func `SLIP-0010's first vector comes out`(path: String, key: String) throws {
        let seed = try secret(hex: "000102030405060708090a0b0c0d0e0f")
        #expect(Hex.encode(revealed(try DerivationPath(path).key(below: seed))) == key)
        #expect(try DerivationPath(path).description == path)
    }

    @Test(arguments: [
        ("m", "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012"),
        (
            "m/0'/2147483647'/1'/2147483646'/2'",
            "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d"
        ),
    ])
    func `SLIP-0010's second vector comes out`(path: String, key: String) throws {
        let seed = try secret(
            hex: "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2"
                + "9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542")
        #expect(Hex.encode(revealed(try DerivationPath(path).key(below: seed))) == key)
    }

    /// Source: bip_utils 2.12.3 and solders 0.29.0 for the mnemonic "abandon … about" without a passphrase.
    @Test(arguments: [
        ("m/44'/501'/0'/0'", "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"),
        ("m/44'/501'/1'/0'", "Hh8QwFUA6MtVu1qAoq12ucvFHNwCcVTV7hpWjeY1Hztb"),
        ("m/44'/501'", "D2PPQSYFe83nDzk96FqGumVU8JA7J8vj2Rhjc2oXzEi5"),
    ])
    func `Solana addresses are those of other wallets`(path: String, address: String) throws {
        let seed = try Mnemonic(reading: secret(MnemonicTests.abandon)).seed()
        let key = try SigningKey(seed: DerivationPath(path).key(below: seed))
        #expect(Base58.encode(key.publicKey.bytes) == address)
    }

    /// Source: satoshilabs/slips slip-0013.md, the worked example: 2637750992, 2845082444, 3761103859,
    /// 4005495825 without
    /// the hardening bit.
    @Test func `SLIP-0013's example comes out`() {
        let path = DerivationPath.identity(uri: "https://satoshi@bitcoin.org/login")
        #expect(path.description == "m/13'/490267344'/697598796'/1613620211'/1858012177'")
    }

    @Test func `identities differ by URI and index and never meet a coin's path`() {
        let paths = ["depai://identity", "depai://storage"].flatMap { uri in
            (0..<3).map { DerivationPath.identity(uri: uri, index: $0) }
        }
        #expect(Set(paths).count == 6)
        #expect(paths.allSatisfy { $0.steps[0] == 13 && $0.steps.allSatisfy { $0 < 1 << 31 } })
    }

    @Test(arguments: ["m/0", "m/44'/501'/0", "m/44'/501/0'/0'", "m//0'", "m/0'/", "m/0h", "m/0H'x"])
    func `a step that is not hardened is refused, never hardened silently`(text: String) {
        let fault = #expect(throws: DerivationPath.Fault.self) { try DerivationPath(text) }
        guard case .notHardened? = fault else {
            Issue.record("\(text): \(String(describing: fault))")
            return
        }
    }

    @Test(arguments: [
        "", "M/0'", "44'/501'", "/0'", "m/'", "m/a'", "m/-1'", "m/+1'", "m/01'", "m/2147483648'",
        "m/4294967296'", "m/ 1'",
        "m/1''", "m" + String(repeating: "/0'", count: 16),
    ])
    func `what is no path is refused`(text: String) {
        #expect(throws: DerivationPath.Fault.malformed(text)) { try DerivationPath(text) }
    }
}
