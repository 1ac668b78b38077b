internal import Encoding
package import Ledger
package import Payments
internal import Solana
public import World

/// Who pays the network's fee for a payment that no seller sponsors.
public enum Sponsor: Sendable {
    /// The wallet's own sponsor key, out of the lamports at its address.
    case own(Facilitator)
    /// An x402 facilitator.
    case service(url: String, web: any Web)

    /// Account 0 of what it sponsors; nil when it does not serve this network.
    func feePayer(on network: Network) async throws -> Address? {
        switch self {
        case .own(let facilitator): return facilitator.feePayer
        case .service(let url, let web):
            let kind = try await RemoteFacilitator(url: url, web: web).kind("exact", on: network.chainID)
            return try kind.map { try Address(try $0["extra"]["feePayer"].string()) }
        }
    }

    /// Brings a signed payment to the chain. The same payment again is the same transaction.
    func settle(_ payload: PaymentPayload, _ requirements: PaymentRequirements) async throws
        -> SettlementResponse
    {
        switch self {
        case .own(let facilitator): return try await facilitator.settle(payload, against: requirements)
        case .service(let url, let web):
            return try await RemoteFacilitator(url: url, web: web).settle(payload, requirements)
        }
    }
}

extension SolanaRail {
    package func sweep(_ asset: Asset, _ rule: Policy.Sweep) async throws -> Sweeping? {
        let (open, free, last) = try await self.ledger.read { view in
            let open = try view.intents(in: [.reserved, .signed, .submitted, .unknown]).first {
                $0.proposal.purpose == .sweep && $0.proposal.asset.id == asset.id
            }
            let free = try view.balances().first { $0.asset.id == asset.id }?.available ?? 0
            return (open, free, try view.lastSeries(of: .surplus(asset: asset.id)))
        }
        if let open, let payment = try await self.ledger.read({ try $0.payment(open) }) {
            return try await self.sweep(asset) { .signed(payment) }
        }
        guard let mint = SolanaNames.mint(of: asset, on: self.chain),
            let payTo = SolanaNames.owner(of: rule.account, on: self.chain)
        else {
            return .waits(asset: asset, reason: "\(rule.account) is no account on \(self.network)")
        }
        let proposal =
            open?.proposal
            ?? Proposal(
                Purchase(.surplus(asset: asset.id), series: (last ?? 0) + 1),
                Terms(
                    payee: rule.account, asset: asset,
                    amount: UInt64(clamping: free - Int64(clamping: rule.above))),
                note: "above the owner's ceiling")
        guard proposal.amount > 0 else { return nil }
        let program: Address
        do {
            program = try await self.mints.tokenProgram(of: mint, from: self.rpc)
        } catch let error as X402Error {
            return .waits(asset: asset, reason: "\(error)")
        }
        let destination = Address.associatedToken(owner: payTo, mint: mint, tokenProgram: program)
        guard try await self.rpc.tokenBalance(of: destination) != nil else {
            return .waits(asset: asset, reason: "the owner has no token account \(destination)")
        }
        guard let feePayer = try await self.sponsor.feePayer(on: self.chain) else {
            return .waits(asset: asset, reason: "the facilitator does not serve this network")
        }
        let requirements = PaymentRequirements(
            network: self.network, amount: proposal.amount, asset: mint.description,
            payTo: payTo.description, maxTimeoutSeconds: 60, feePayer: feePayer.description, memo: nil,
            paymentFlow: "upfront")
        let quote = Quote(
            required: PaymentRequired(resource: proposal.purchase.subject.text, accepts: [requirements]),
            requirements: requirements, ceiling: proposal.amount, proposal: proposal)
        return try await self.sweep(asset) { try await self.prepare(quote) }
    }

    /// Sends what is prepared until the chain has answered, or patience ends.
    private func sweep(_ asset: Asset, _ prepare: Preparation.Maker) async throws -> Sweeping {
        let outcome = try await Purchasing.follow(.tries(3), prepare, on: self.timeline) { _ in
            .prepared(.plain)
        } _: { action, payment in
            guard case .look(let hint) = action else {
                try await self.ledger.markSubmitted(payment)
                return try await Self.present(try PaymentPayload(bytes: payment.payload), to: self.sponsor)
            }
            return .found(try await self.finding(of: payment, hint: hint))
        }
        switch outcome {
        case .unsent(let prepared):
            return .waits(asset: asset, reason: prepared.end?.reason ?? "nothing was sent")
        case .ended(let payment, .answered), .ended(let payment, .paid):
            return .swept(amount: payment.proposal.amount, asset: asset, to: payment.proposal.payee)
        case .ended(_, .unpaid(let reason)): return .waits(asset: asset, reason: reason)
        case .ended(let payment, .open(let reason)):
            try await self.ledger.markUnknown(payment.intent, reason: reason)
            return .waits(asset: asset, reason: reason)
        }
    }

    private static func present(
        _ payload: PaymentPayload, to sponsor: Sponsor
    ) async throws -> Purchasing.Event {
        do {
            let settlement = try await sponsor.settle(payload, payload.accepted)
            let reason = settlement.errorMessage ?? settlement.errorReason ?? ""
            return .replied(
                Purchasing.Reply(isGood: settlement.success, reason: reason, hint: settlement.hint))
        } catch let error as WebError where error != .cancelled {
            return .silent("\(error)")
        } catch WebError.cancelled {
            throw CancellationError()
        }
    }
}
