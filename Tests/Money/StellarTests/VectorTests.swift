import Encoding
import Foundation
import Stellar
import TestSupport
import Testing

/// The whole of stellar.json, where the folder of vectors lies beside the checkout.
@Suite struct VectorTests {
    private static func vectors() throws -> JSONField {
        guard let file = Repository.vectors("crosschain/stellar.json"), let data = try? Data(contentsOf: file)
        else { try Test.cancel("skipped: ../shared/vectors/crosschain/stellar.json is not here") }
        return JSONField(try JSON.read(Array(data)))
    }

    @Test func `both kinds of credentials, from the input to what was settled`() throws {
        let root = try Self.vectors()
        let input = root["input"]
        let network = try #require(StellarNetwork(chainID: input["network"].string()))
        let signer = try key(seed: Hex.decode(root["seed"].string()))
        for (name, credentials) in [("v1", StellarCredentials.address), ("v2", .addressV2)] {
            let known = root[name]
            let transfer = StellarTransfer(
                network: network, token: try StellarAddress(input["asset"].string()),
                from: try StellarAddress(root["address"].string()),
                to: try StellarAddress(root["payTo"].string()), amount: try input["amount"].decimal(),
                nonce: try #require(Int64(input["nonce"].string())),
                expiration: try input["signature_expiration_ledger"].integer(), credentials: credentials)
            #expect(Hex.encode(transfer.preimage) == (try known["preimage"].string()))
            #expect(Hex.encode(transfer.signedHash) == (try known["payload_hash"].string()))
            let entry = try transfer.signed(by: signer)
            #expect(Hex.encode(entry.signature.bytes) == (try known["signature"].string()))
            #expect(Hex.encode(entry.bytes) == (try known["entry"].string()))
            #expect(Base64.standard.encode(entry.bytes) == (try known["entry_b64"].string()))
            let text = try known["x402_transaction"].string()
            let envelope = try StellarEnvelope(base64: text, on: network)
            #expect(envelope.authorization == entry)
            #expect(envelope.fee == (try known["fee"].integer()))
            #expect(envelope.base64 == text)
            #expect(envelope.maxTime == (try input["max_time"].integer()))
            // The facilitator's part, byte for byte.
            let settled = known["settled"]
            let source = try StellarAddress(settled["source"].string())
            let submission = envelope.submission(by: source, sequence: try settled["sequence"].integer())
            #expect(Hex.encode(submission.signedHash) == (try settled["hash"].string()))
            let facilitator = try key(seed: [UInt8](repeating: 0x33, count: 32))
            let sent = try submission.signed(facilitator.signature(over: submission.signedHash))
            #expect(Base64.standard.encode(sent) == (try settled["envelope"].string()))
            let read = try StellarTransaction(decoding: sent)
            #expect(read.makes(entry.payment) && read.source == source)
            #expect(Hex.encode(read.hash(on: network)) == (try settled["hash"].string()))
        }
    }

    @Test func `networks, numbers, contracts, and what is no call of a contract`() throws {
        let root = try Self.vectors()
        for (name, field) in try root["networks"].members() {
            let network = try #require(StellarNetwork(chainID: name))
            #expect(network.passphrase == (try field["passphrase"].string()))
            #expect(Hex.encode(network.id) == (try field["id"].string()))
            #expect(network.usdcContract.description == (try field["usdc"].string()))
        }
        for row in try root["i128"].elements() {
            let (number, xdr) = (try #require(Int128(row["n"].string())), try row["xdr"].string())
            #expect(Hex.encode(SorobanValue.i128(number).xdr) == xdr)
            #expect(try SorobanValue(decoding: Hex.decode(xdr)) == .i128(number))
        }
        for (name, field) in try root["asset_contract_ids"].members() {
            guard name.hasPrefix("USDC") else { continue }
            let network = name.hasPrefix("USDC pubnet") ? StellarNetwork.pubnet : .testnet
            #expect(name.contains(network.usdc.issuer.description))
            #expect(network.usdc.contract(on: network).description == (try field.string()))
        }
        for name in ["classic_payment", "change_trust", "fee_bump_of_classic_payment"] {
            let bytes = try Base64.standard.decode(root[name]["envelope"].string())
            #expect(throws: StellarError.self, "\(name)") { try StellarTransaction(decoding: bytes) }
        }
    }
}
