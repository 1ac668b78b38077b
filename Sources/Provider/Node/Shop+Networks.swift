internal import Encoding
internal import Ledger
internal import Market
package import Payments

/// One price, asked for on each network that the shop is paid on.
extension Shop {
    /// A price in what `rail` asks for; nil where that is more than can be counted. What is left of the
    /// smallest unit is the customer's to pay.
    func amount(_ price: UInt64, on rail: any SellingRail) -> UInt64? {
        price.rescaled(from: self.rails.first?.asset.decimals ?? 0, to: rail.asset.decimals)
    }

    /// Every way to pay a price, in the order of the offer: by payments of their own, then by vouchers.
    func accepts(_ price: UInt64, memo: String) -> [PaymentRequirements] {
        let amounts = self.rails.map { (rail: $0, amount: self.amount(price, on: $0)) }
        return amounts.compactMap { entry in entry.amount.map { entry.rail.requirements($0, memo: memo) } }
            + amounts.compactMap { entry in
                entry.amount.flatMap { entry.rail.channels?.requirements($0, correcting: nil) }
            }
    }

    /// Clears up on every network what was left open, and redeems what is owed. A network that cannot be
    /// asked holds up no other.
    /// - Returns: what is wrong with one payment or channel alone.
    /// - Throws: why a network could not be asked; what is wrong with the books.
    @discardableResult
    package func keepBooks() async throws -> [BookFault] {
        var (faults, silence): ([BookFault], (any Error)?) = ([], nil)
        for rail in self.rails {
            do {
                faults += try await rail.sweep()
                if let channels = rail.channels { faults += try await self.redeem(on: rail, channels) }
                try await rail.bookDeposits()
            } catch let error as any ChainError where !error.isCancelled {
                silence = silence ?? error
            }
        }
        if let silence { throw silence }
        return faults
    }

    /// The rail that a payment came on.
    func rail(of payload: PaymentPayload) throws(Refusal) -> any SellingRail {
        guard let rail = self.rail(on: payload.accepted.network) else { throw Self.otherTerms }
        return rail
    }

    func rail(on network: String) -> (any SellingRail)? {
        self.rails.first { sameBytes($0.network, network) }
    }
}

extension SettlementResponse {
    /// What is wrong with a payment, as an answer.
    init(_ error: X402Error, on network: String) {
        self.init(failure: error.code, message: "\(error)", payer: nil, network: network)
    }
}
