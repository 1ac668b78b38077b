import Encoding
package import Ledger
package import Payments
package import Sodium
import Synchronization

/// A network of nothing but promises, to sell on beside a real one: a payment is a note that its payer signed
/// over the terms.
package final class NoteRail: SellingRail {
    package let network = "note:1"
    package let asset: Asset
    package let assetName = "note"
    package let payTo = "the shop"
    package let carriesMemo = false
    package let transferBounds = FeeBounds(payer: 10, strangers: 100)
    package let channels: (any ChannelSelling)? = nil

    private struct State {
        var settled: [String: String] = [:]
        var isSilent = false
        var tries = 0
    }
    private let state = Mutex(State())

    package init(decimals: Int) {
        self.asset = Asset(id: "note:1/slip44:1", symbol: "NOTE", decimals: decimals)
    }

    /// Whether the network does not answer.
    package var isSilent: Bool {
        get { self.state.withLock { $0.isSilent } }
        set { self.state.withLock { $0.isSilent = newValue } }
    }

    /// How often a payment was brought to the network.
    package var tries: Int { self.state.withLock { $0.tries } }

    /// The network gives no answer.
    package struct Silence: ChainError {
        package let isCancelled = false
        package let isOtherNetwork = false
    }

    private func ask() throws {
        guard !self.isSilent else { throw Silence() }
    }

    package func requirements(_ amount: UInt64, memo: String) -> PaymentRequirements {
        PaymentRequirements(
            network: self.network, amount: amount, asset: self.assetName, payTo: self.payTo,
            maxTimeoutSeconds: 60, feePayer: "nobody", memo: memo, paymentFlow: "upfront")
    }

    package var supported: FacilitatorSupport {
        FacilitatorSupport(kinds: [], signers: ("note:*", ["nobody"]))
    }

    /// A payment that this network takes.
    package static func payment(
        _ terms: PaymentRequirements, for resource: String, by key: borrowing SigningKey
    ) throws -> PaymentPayload {
        let signature = try key.signature(over: Array(terms.json.text.utf8))
        return PaymentPayload(
            resource: resource, accepted: terms,
            payload: [
                "payer": .string(Hex.encode(key.publicKey.bytes)),
                "signature": .string(Hex.encode(signature.bytes)),
            ], identifier: nil)
    }

    package func signed(_ payload: PaymentPayload) throws(X402Error) -> SignedPayment {
        let field = JSONField(payload.payload)
        do {
            return SignedPayment(
                payer: try field["payer"].string(), key: try field["signature"].string(), cost: 1)
        } catch { throw .malformed("\(error)") }
    }

    package func knows(_ payload: PaymentPayload) async throws -> Bool {
        let key = try self.signed(payload).key
        return self.state.withLock { $0.settled[key] != nil }
    }

    package func verify(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws {
        try self.ask()
        let signed = try self.signed(payload)
        let key = try PublicKey(Hex.decode(signed.payer ?? ""))
        guard key.verifies(try Signature(Hex.decode(signed.key)), over: Array(requirements.json.text.utf8))
        else { throw X402Error.invalid(code: "bad_note", reason: "the note is not signed") }
    }

    package func settle(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        try self.ask()
        let signed = try self.signed(payload)
        let id = self.state.withLock { state in
            state.tries += 1
            let id = state.settled[signed.key] ?? "note-\(state.settled.count + 1)"
            state.settled[signed.key] = id
            return id
        }
        return SettlementResponse(transaction: id, payer: signed.payer, network: self.network)
    }

    package func bookDeposits() async throws { try self.ask() }
    package func sweep() async throws -> [BookFault] { [] }
}
