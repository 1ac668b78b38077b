import Encoding
import Sodium
import Stellar
import Testing

@Suite struct PaymentTests {
    @Test(arguments: StellarCredentials.allCases)
    func `a payment has the known bytes, hash and signature`(_ credentials: StellarCredentials) throws {
        let transfer = try knownTransfer(credentials: credentials)
        let isNew = credentials == .addressV2
        #expect(Hex.encode(transfer.preimage) == (isNew ? Golden.preimageV2 : Golden.preimage))
        #expect(Hex.encode(transfer.signedHash) == (isNew ? Golden.hashV2 : Golden.hash))
        let authorization = try transfer.signed(by: knownKey())
        #expect(Hex.encode(authorization.bytes) == (isNew ? Golden.entryV2 : Golden.entry))
        if !isNew { #expect(Hex.encode(authorization.signature.bytes) == Golden.signature) }
        #expect(try StellarAuthorization(decoding: authorization.bytes, on: .testnet) == authorization)

        let payment = try StellarPayment(preimage: transfer.preimage)
        #expect(payment.network == .testnet && payment.token == transfer.token)
        #expect(payment.from.description == Golden.address && payment.to.description == Golden.payTo)
        #expect(payment.amount == 10_000_000 && payment.nonce == Golden.nonce)
        #expect(payment.expiration == 1_000_012 && payment.credentials == credentials)
        #expect(payment.preimage == transfer.preimage && payment.signedHash == transfer.signedHash)
        #expect(authorization.payment == payment)
        #expect(try StellarAuthorization(payment, signature: authorization.signature) == authorization)
    }

    @Test func `the envelope has the known bytes and is read back`() throws {
        let authorization = try knownTransfer().signed(by: knownKey())
        let known = try Hex.decode(Golden.envelope)
        let read = try StellarEnvelope(decoding: known, on: .testnet)
        #expect(read.authorization == authorization && read.fee == 20_100 && read.maxTime == Golden.maxTime)
        #expect(read.resources?.fee == 20_000 && read.bytes == known)
        let made = StellarEnvelope(authorization, maxTime: Golden.maxTime, resources: read.resources)
        #expect(made == read)
        #expect(try StellarEnvelope(base64: made.base64, on: .testnet) == made)
        let bare = StellarEnvelope(authorization, maxTime: 7, resources: nil)
        #expect(try StellarEnvelope(decoding: bare.bytes, on: .testnet).resources == nil)
        // For another network the signature is nobody's.
        #expect(throws: StellarError.forged(authorization.payment.from)) {
            try StellarEnvelope(decoding: known, on: .pubnet)
        }
    }

    @Test func `a signature for another network, amount or nonce is no signature`() throws {
        let signature = try Signature(try Hex.decode(Golden.signature))
        let good = try knownTransfer()
        #expect(try StellarPayment(preimage: good.preimage).verifies(signature))
        for (other, hash) in [
            (try knownTransfer(network: .pubnet), Golden.hashForPubnet),
            (try knownTransfer(amount: Golden.amount + 1), Golden.hashOfOneMore),
        ] {
            #expect(Hex.encode(other.signedHash) == hash)
            #expect(try !StellarPayment(preimage: other.preimage).verifies(signature))
            #expect(throws: StellarError.self) { try StellarAuthorization(other, signature: signature) }
        }
    }

    /// Changes words of the known preimage; offsets are in bytes.
    @Test func `only one plain transfer is a payment`() throws {
        let good = try Hex.decode(Golden.preimage)
        func refusal(_ change: (inout [UInt8]) -> Void) -> StellarError? {
            var bytes = good
            change(&bytes)
            do throws(StellarError) {
                _ = try StellarPayment(preimage: bytes)
                return nil
            } catch { return error }
        }
        #expect(refusal { _ in } == nil)
        // Further calls below, and bytes behind.
        #expect(refusal { $0[$0.count - 1] = 1 } == .notATransfer("it authorizes further calls"))
        #expect(refusal { $0 += [0, 0, 0, 0] } == .bytes(.trailing(offset: good.count)))
        #expect(refusal { $0.removeLast(4) } != nil)
        // Another kind of signed bytes, of network, of function.
        #expect(refusal { $0[3] = 8 } == .kind(8, of: "signed bytes"))
        #expect(refusal { $0[4] ^= 1 } == .unknownNetwork)
        #expect(refusal { $0[51] = 1 } == .notATransfer("it calls no contract"))
        #expect(refusal { $0[92] = UInt8(ascii: "T") } == .notATransfer("it calls Transfer"))
        #expect(refusal { $0[103] = 4 } == .notATransfer("other arguments"))
        // Beyond 64 bits, negative, nothing.
        let amount = good.count - 20
        #expect(refusal { $0[amount + 7] = 1 } == .amount(Int128(1) << 64 | 10_000_000))
        for (byte, number) in [(UInt8(255), Int128(-1)), (0, 0)] {
            let bytes = repeatElement(byte, count: 16)
            #expect(refusal { $0.replaceSubrange(amount..<amount + 16, with: bytes) } == .amount(number))
        }
        #expect(refusal { $0 = [UInt8](repeating: 0, count: 513) } == .tooLarge(bytes: 513, limit: 512))
        let other = try Hex.decode(Golden.preimageV2)
        var wrongSigner = other
        wrongSigner[60] ^= 1
        #expect(throws: StellarError.notATransfer("another account signs")) {
            try StellarPayment(preimage: wrongSigner)
        }
    }

    /// The numbers of stellar.json.
    @Test(arguments: [
        ("0", "0000000a00000000000000000000000000000000"),
        ("1", "0000000a00000000000000000000000000000001"),
        ("10000000", "0000000a00000000000000000000000000989680"),
        ("18446744073709551615", "0000000a0000000000000000ffffffffffffffff"),
        ("18446744073709551616", "0000000a00000000000000010000000000000000"),
        ("170141183460469231731687303715884105727", "0000000a7fffffffffffffffffffffffffffffff"),
        ("-1", "0000000affffffffffffffffffffffffffffffff"),
    ])
    func `a number of 128 bits`(_ text: String, _ xdr: String) throws {
        let number = try #require(Int128(text))
        #expect(Hex.encode(SorobanValue.i128(number).xdr) == xdr)
        #expect(try SorobanValue(decoding: Hex.decode(xdr)) == .i128(number))
    }

    @Test func `an expiration leaves a margin and never wraps`() {
        #expect(StellarTransfer.expiration(latestLedger: 1_000, timeoutSeconds: 60) == 1_011)
        #expect(StellarTransfer.expiration(latestLedger: 1_000, timeoutSeconds: 61) == 1_012)
        #expect(StellarTransfer.expiration(latestLedger: 1_000, timeoutSeconds: 3) == 1_001)
        #expect(StellarTransfer.expiration(latestLedger: 1_000, timeoutSeconds: -5) == 1_000)
        #expect(StellarTransfer.expiration(latestLedger: .max, timeoutSeconds: .max) == .max)
    }

    @Test func `what others settled is read, and belongs to its payment`() throws {
        for (envelope, hash) in [(Golden.settled, Golden.settledHash)] {
            let transaction = try StellarTransaction(decoding: Hex.decode(envelope))
            #expect(Hex.encode(transaction.hash(on: .testnet)) == hash)
            #expect(transaction.source.description == Golden.facilitator)
            #expect(transaction.sequence == 78 && transaction.fee == 20_100)
            #expect(transaction.maxTime == Golden.maxTime && transaction.signatures.count == 1)
        }
    }

    /// Keys as the PyPI package stellar-sdk 16.1.1 packs them.
    @Test func `places in the ledger have the known bytes`() throws {
        let owner = try StellarAddress(Golden.address)
        let holder = StellarAddress(try PublicKey(Array(0..<32)))
        let bytes = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        #expect(Hex.encode(StellarLedgerKey.account(holder).xdr) == "0000000000000000" + bytes)
        #expect(
            Hex.encode(StellarLedgerKey.trustline(holder, StellarNetwork.testnet.usdc).xdr)
                == "0000000100000000" + bytes + "000000015553444300000000"
                + "423e7d05f2ecafbfec192b215a3f1be96aedb8d8e70254abe3413e0207de56b2")
        #expect(
            Hex.encode(StellarLedgerKey.nonce(owner, Golden.nonce).xdr)
                == "00000006000000000000000079b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
                + "000000150123456789abcdef00000000")
        #expect(
            Hex.encode(StellarLedgerKey.balance(of: owner, token: StellarNetwork.testnet.usdcContract).xdr)
                == "00000006000000015045cd5ec0729a768fd5ad02505852df4f028dce830e5ac52209ba48483b2f01"
                + "000000100000000100000002"
                + "0000000f0000000742616c616e63650000000012000000000000000079b5562e8fe654f94078b112e8a98ba79"
                + "01f853ae695bed7e0e3910bad04966400000001")
    }
}
