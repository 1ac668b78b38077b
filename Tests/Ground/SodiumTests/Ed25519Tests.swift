import Encoding
import Sodium
import Testing

@Suite struct Ed25519Tests {
    /// Source: RFC 8032 section 7.1, tests 1, 2, 3 and SHA(abc).
    struct Vector: Sendable {
        let seed, publicKey, message, signature: String
    }

    static let vectors = [
        Vector(
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
            signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555f"
                + "b8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        Vector(
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
            signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da08"
                + "5ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        Vector(
            seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
            signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18"
                + "ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
        Vector(
            seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            publicKey: "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            message: "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            signature: "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909"
                + "351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"),
    ]

    @Test(arguments: vectors) func `signatures are those of RFC 8032`(vector: Vector) throws {
        let message = try Hex.decode(vector.message)
        let key = try SigningKey(seed: secret(hex: vector.seed))
        #expect(Hex.encode(key.publicKey.bytes) == vector.publicKey)
        let made = try key.signature(over: message)
        #expect(Hex.encode(made.bytes) == vector.signature)
        #expect(key.publicKey.verifies(made, over: message))
        #expect(key.publicKey.isSound && key.publicKey.isOnCurve)
    }

    @Test func `a changed bit anywhere is noticed`() throws {
        let vector = Self.vectors[2]
        let key = try PublicKey(try Hex.decode(vector.publicKey))
        let message = try Hex.decode(vector.message)
        let good = try signature(hex: vector.signature)
        #expect(key.verifies(good, over: message))
        for place in good.bytes.indices {
            var bytes = good.bytes
            bytes[place] ^= 1 << UInt8(place % 8)
            #expect(!key.verifies(try Signature(bytes), over: message), "byte \(place)")
        }
        #expect(!key.verifies(good, over: message + [0]))
        #expect(!key.verifies(good, over: []))
        #expect(!(try PublicKey(try Hex.decode(Self.vectors[0].publicKey))).verifies(good, over: message))
    }

    /// The group order added to S gives the same point; RFC 8032 section 5.1.7 demands S below the order.
    @Test func `a second form of the same signature is refused`() throws {
        let order = try Hex.decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        let vector = Self.vectors[1]
        var bytes = try Hex.decode(vector.signature)
        var carry = 0
        for index in 0..<32 {
            carry += Int(bytes[32 + index]) + Int(order[index])
            bytes[32 + index] = UInt8(carry & 255)
            carry >>= 8
        }
        #expect(carry == 0)
        let key = try PublicKey(try Hex.decode(vector.publicKey))
        #expect(!key.verifies(try Signature(bytes), over: try Hex.decode(vector.message)))
    }

    @Test func `wrong lengths are refused before anything is computed`() throws {
        #expect(throws: SodiumError.length(what: "an Ed25519 signature", expected: 64, actual: 63)) {
            try Signature([UInt8](repeating: 0, count: 63))
        }
        #expect(throws: SodiumError.length(what: "an Ed25519 public key", expected: 32, actual: 33)) {
            try PublicKey([UInt8](repeating: 0, count: 33))
        }
        #expect(throws: SodiumError.length(what: "an Ed25519 seed", expected: 32, actual: 64)) {
            _ = try SigningKey(seed: SecretBytes(count: 64))
        }
    }

    /// Small-order points, and mixed-order case 3 of github.com/novifinancial/ed25519-speccheck.
    @Test(arguments: [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    ])
    func `keys outside the prime-order group are on the curve but not sound`(hex: String) throws {
        let key = try PublicKey(try Hex.decode(hex))
        #expect(!key.isSound)
        #expect(key.isOnCurve)
    }

    /// y = 2 has no x on edwards25519: (y^2 - 1) / (d y^2 + 1) is no square.
    @Test func `bytes that are no point are told apart`() throws {
        let two = try PublicKey([2] + [UInt8](repeating: 0, count: 31))
        #expect(!two.isOnCurve && !two.isSound)
        let wallet = try PublicKey(try Base58.decode("HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"))
        #expect(wallet.isOnCurve)
        var offCurve = 0
        for number in UInt8(0)..<100 where try !PublicKey(SHA256.digest(of: [number])).isOnCurve {
            offCurve += 1
        }
        // Half of all strings are points.
        #expect((30...70).contains(offCurve))
    }
}
