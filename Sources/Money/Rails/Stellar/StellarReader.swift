internal import Ledger
internal import Sodium
internal import Stellar
internal import Wallet

/// Stellar's decoder for the wallet: what is signed authorizes one transfer, and just the one that the ledger
/// authorized.
struct StellarReader: MessageReader {
    let network: StellarNetwork

    var payer: PayingKey { .stellar }

    func check(
        _ message: [UInt8], does effect: MessageEffect, signedBy key: PublicKey
    ) throws(SigningRefusal) {
        guard case .pay(let terms) = effect else {
            throw .otherPayment("only transfers are signed on \(self.network.chainID)")
        }
        let payment: StellarPayment
        do throws(StellarError) {
            payment = try StellarPayment(preimage: message)
        } catch {
            throw .otherPayment("it is no transfer: \(error)")
        }
        guard let token = StellarNames.contract(of: terms.asset.id, on: self.network),
            let payee = StellarNames.owner(of: terms.payee, on: self.network)
        else { throw .otherPayment("asset and payee are not both of \(self.network.chainID)") }
        let rules: [(what: String, holds: Bool)] = [
            ("network", payment.network == self.network), ("payer", payment.from == StellarAddress(key)),
            ("token", payment.token == token), ("payee", payment.to == payee),
            ("amount", payment.amount == terms.amount),
            // A contract says its decimals itself; of the ones that are classic assets they are known.
            ("number of decimals", terms.asset.decimals == StellarAsset.decimals),
        ]
        if let broken = rules.first(where: { !$0.holds }) { throw .otherPayment("another \(broken.what)") }
    }

    func signedBytes(of message: [UInt8]) -> [UInt8] { SHA256.digest(of: message) }
}
