import Encoding
import Sodium
import Stellar
import TestSupport
import Testing

/// Random payments and random damage; each test prints its seed when it fails.
@Suite struct PropertyTests {
    static func transfer(_ dice: inout Seeded, from: PublicKey) throws -> StellarTransfer {
        func bytes() -> [UInt8] { (0..<32).map { _ in UInt8.random(in: 0...255, using: &dice) } }
        let contract = try StellarAddress(contract: bytes())
        let to: StellarAddress =
            Bool.random(using: &dice)
            ? StellarAddress(try PublicKey(bytes())) : try StellarAddress(contract: bytes())
        return StellarTransfer(
            network: Bool.random(using: &dice) ? .pubnet : .testnet, token: contract,
            from: StellarAddress(from), to: to,
            amount: Bool.random(using: &dice)
                ? UInt64.random(in: 1...UInt64.max, using: &dice) : UInt64.random(in: 1...9, using: &dice),
            nonce: Int64.random(in: Int64.min...Int64.max, using: &dice),
            expiration: UInt32.random(in: 0...UInt32.max, using: &dice),
            credentials: Bool.random(using: &dice) ? .address : .addressV2)
    }

    private static func damaged(_ bytes: [UInt8], _ dice: inout Seeded) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &dice) {
            guard !bytes.isEmpty else { return bytes }
            let place = Int.random(in: 0..<bytes.count, using: &dice)
            switch Int.random(in: 0..<5, using: &dice) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &dice)
            case 2: bytes.removeLast(Int.random(in: 1...min(8, bytes.count), using: &dice))
            case 3: bytes.insert(contentsOf: [0, 0, 0, 0], at: place / 4 * 4)
            default:
                let word = place / 4 * 4..<min(bytes.count, place / 4 * 4 + 4)
                bytes.replaceSubrange(word, with: repeatElement(255, count: word.count))
            }
        }
        return bytes
    }

    @Test func `what is written is read, and written again`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var dice = Seeded(seed)
        let key = try knownKey()
        let resources = try StellarEnvelope(
            decoding: Hex.decode(Golden.envelope), on: .testnet
        ).resources
        for _ in 0..<300 {
            let transfer = try Self.transfer(&dice, from: key.publicKey)
            let payment = try StellarPayment(preimage: transfer.preimage)
            #expect(
                payment.network == transfer.network && payment.token == transfer.token
                    && payment.from == transfer.from && payment.to == transfer.to
                    && payment.amount == transfer.amount && payment.nonce == transfer.nonce
                    && payment.expiration == transfer.expiration
                    && payment.credentials == transfer.credentials, "seed \(seed)")
            let entry = try transfer.signed(by: key)
            #expect(try StellarAuthorization(decoding: entry.bytes, on: transfer.network) == entry)
            let envelope = StellarEnvelope(
                entry, maxTime: UInt64.random(in: 0...UInt64.max, using: &dice),
                resources: Bool.random(using: &dice) ? resources : nil)
            #expect(
                try StellarEnvelope(base64: envelope.base64, on: transfer.network) == envelope,
                "seed \(seed)")
            #expect(try StellarTransaction(decoding: envelope.bytes).fee == envelope.fee, "seed \(seed)")
        }
    }

    /// Damage is an error or another payment that says so; it never reads as the same one.
    @Test func `damaged bytes never read as the payment that they were`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var dice = Seeded(seed)
        let key = try knownKey()
        let transfer = try Self.transfer(&dice, from: key.publicKey)
        let entry = try transfer.signed(by: key)
        let known = try StellarEnvelope(decoding: Hex.decode(Golden.envelope), on: .testnet)
        for _ in 0..<6_000 {
            let preimage = Self.damaged(transfer.preimage, &dice)
            if preimage != transfer.preimage, let read = try? StellarPayment(preimage: preimage) {
                #expect(read.preimage == preimage && read != entry.payment, "seed \(seed)")
                #expect(!read.verifies(entry.signature), "seed \(seed)")
                #expect(StellarTransfer(read).preimage == preimage, "one payment has one text; seed \(seed)")
            }
            let bytes = Self.damaged(entry.bytes, &dice)
            if bytes != entry.bytes {
                #expect(throws: StellarError.self, "seed \(seed)") {
                    try StellarAuthorization(decoding: bytes, on: transfer.network)
                }
            }
            let envelope = Self.damaged(known.bytes, &dice)
            if let read = try? StellarEnvelope(decoding: envelope, on: .testnet) {
                #expect(read.bytes == envelope, "seed \(seed)")
                #expect(read.authorization == known.authorization, "seed \(seed)")
            }
            _ = try? StellarTransaction(decoding: envelope)
        }
    }

    @Test func `garbage is an error everywhere`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var dice = Seeded(seed)
        for _ in 0..<4_000 {
            // Small words, as XDR is made of.
            var words: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<60, using: &dice) {
                let limit: UInt8 = Bool.random(using: &dice) ? 30 : 255
                words += [0, 0, 0, UInt8.random(in: 0..<limit, using: &dice)]
            }
            let bytes = Array(words.dropLast(Int.random(in: 0...min(3, words.count), using: &dice)))
            #expect(throws: StellarError.self) { try StellarPayment(preimage: bytes) }
            #expect(throws: StellarError.self) {
                try StellarAuthorization(decoding: bytes, on: .testnet)
            }
            #expect(throws: StellarError.self) { try StellarEnvelope(decoding: bytes, on: .testnet) }
            _ = try? StellarTransaction(decoding: bytes)
            _ = try? StellarResources(decoding: bytes)
            if let value = try? SorobanValue(decoding: bytes) {
                #expect(value.xdr == bytes, "seed \(seed)")
            }
            #expect(throws: (any Error).self) { try StellarAddress(Hex.encode(bytes)) }
            #expect(throws: StellarError.self) {
                try StellarEnvelope(base64: String(decoding: bytes, as: UTF8.self), on: .testnet)
            }
        }
        // Vectors inside vectors end somewhere; so does a list that says it is endless.
        let shell: [UInt8] = [0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1]
        let deep: [UInt8] = Array(repeatElement(shell, count: 40).joined()) + [0, 0, 0, 1]
        #expect(throws: StellarError.tooDeep) { try SorobanValue(decoding: deep) }
        #expect(throws: StellarError.count(.max, of: "values")) {
            try SorobanValue(decoding: [0, 0, 0, 16, 0, 0, 0, 1, 255, 255, 255, 255])
        }
        #expect(throws: StellarError.self) { try SorobanValue(decoding: [0, 0, 0, 13, 255, 255, 255, 255]) }
    }
}
