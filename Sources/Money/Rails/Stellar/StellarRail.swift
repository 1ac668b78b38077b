internal import ChainNodes
package import Encoding
package import Ledger
package import Payments
package import Sodium
package import Stellar
package import Wallet
package import World

/// Paying on Stellar: x402 `exact` in the network's dollar. The wallet signs an authorization of one
/// transfer; whoever sells brings it to the network and pays its fee.
package struct StellarRail: ExactRail {
    package let ledger: PaymentLedger
    package let wallet: UnlockedWallet
    private let chain: StellarNetwork
    private let rpc: StellarRPC
    private let witness: StellarRPC?
    private let timeline: any Timeline
    private let entropy: any Entropy

    /// - Parameter witness: further nodes, which must agree before a payment counts as dead or failed.
    package init(
        ledger: PaymentLedger, wallet: UnlockedWallet, rpc: StellarRPC, witness: StellarRPC? = nil,
        timeline: any Timeline, entropy: any Entropy
    ) {
        self.ledger = ledger
        self.wallet = wallet
        self.chain = rpc.network
        self.rpc = rpc
        self.witness = witness
        self.timeline = timeline
        self.entropy = entropy
    }

    package var network: String { self.chain.chainID }
    package var payer: String { self.address.description }
    package var reader: any MessageReader { StellarReader(network: self.chain) }

    private var address: StellarAddress { StellarAddress(self.wallet.publicKey(.stellar)) }

    // MARK: Quotes

    package func terms(of requirements: PaymentRequirements, in assets: [Asset]) -> Terms? {
        guard requirements.scheme == "exact", requirements.asset == "\(self.chain.usdcContract)",
            let payTo = try? StellarAddress(requirements.payTo), payTo.kind == .account,
            payTo != self.address, requirements.feesAreSponsored,
            let asset = assets.first(where: {
                $0.id == StellarNames.token(self.chain.usdcContract, on: self.chain)
            })
        else { return nil }
        return Terms(
            payee: StellarNames.account(payTo, on: self.chain), asset: asset, amount: requirements.amount)
    }

    package func way(among quotes: [Quote], for order: Order) async throws -> (any Way)? {
        quotes.first.map { ExactWay($0, on: self) }
    }

    /// The transfer that pays just what `quote` says, read back from its bytes by a decoder that shares no
    /// code with the builder. What it touches and costs a node says before anybody signs; after that none is
    /// asked, since no node may see a signed authorization before it is on disk.
    package func draft(_ quote: Quote) async throws -> UnsignedMessage {
        let terms = quote.proposal.terms
        guard let payTo = StellarNames.owner(of: terms.payee, on: self.chain) else {
            throw X402Error.malformed("the terms are not Stellar's")
        }
        let latest = try await self.rpc.latestLedger()
        var number = ByteReader(self.entropy.bytes(8, for: quote.proposal.purchase))
        let transfer = StellarTransfer(
            network: self.chain, token: self.chain.usdcContract, from: self.address, to: payTo,
            amount: terms.amount, nonce: Int64(bitPattern: try number.little(UInt64.self)),
            expiration: StellarTransfer.expiration(
                latestLedger: latest,
                timeoutSeconds: min(max(quote.requirements.maxTimeoutSeconds, 0), Self.longestLife)))
        let needs: StellarSimulation
        do throws(ChainNodeError) {
            needs = try await self.rpc.simulate(transfer)
        } catch {
            guard case .simulation(let reason) = error.reason else { throw error }
            throw Self.refused(reason)
        }
        let most = Int64(clamping: StellarEnvelope.sponsoredFee - StellarEnvelope.inclusionFee)
        guard needs.resources.fee <= most else { throw Self.refused("it would cost more than is sponsored") }
        return UnsignedMessage(
            transfer.preimage,
            horizon: Horizon(
                first: UInt64(clamping: latest), last: UInt64(clamping: transfer.expiration)),
            context: needs.resources.bytes)
    }

    /// Seconds for which a payment may stay possible, whatever a seller asks: so long its money is bound.
    private static let longestLife = 600

    private static func refused(_ reason: String) -> X402Error {
        .invalid(
            code: "invalid_exact_stellar_payload_simulation_failed",
            reason: "the network would refuse this payment: \(reason)")
    }

    package func payload(_ unsigned: UnsignedMessage, _ signature: Signature) throws -> JSON {
        let payment = try StellarPayment(preimage: unsigned.message)
        let envelope = StellarEnvelope(
            try StellarAuthorization(payment, signature: signature), maxTime: 0,
            resources: try StellarResources(decoding: unsigned.context))
        return ["transaction": .string(envelope.base64)]
    }

    // MARK: The books

    package func greet() async throws { _ = try await self.rpc.latestLedger() }

    package func look(
        for payment: JournalledPayment, hint: String?
    ) async throws -> Purchasing.Finding {
        let search = try StellarSearch(
            preimage: payment.message, firstLedger: UInt32(clamping: payment.horizon.first), rpc: self.rpc,
            witness: self.witness)
        let finding = try await search.find(hint: hint)
        switch finding {
        case .settled(let transaction, let ledger):
            try await self.ledger.settle(
                payment.intent, proof: SettlementProof(transaction: transaction, place: "ledger \(ledger)"))
            return .settled
        case .open: return .open
        case .failed(let transaction, let reason):
            guard try await self.isWhole(payment) else { return .open }
            try await self.ledger.fail(payment.intent, transaction: transaction, reason: reason)
            return .failed(reason)
        case .dead(let ledger):
            guard try await self.isWhole(payment) else { return .open }
            try await self.ledger.expire(payment.intent, at: "ledger \(ledger)")
            return .dead
        }
    }

    private func isWhole(_ payment: JournalledPayment) async throws -> Bool {
        try await Bookkeeping(self.ledger).isWhole(payment) { try await self.balance() }
    }

    private func balance() async throws -> UInt64 {
        try await self.rpc.trustline(of: self.address, self.chain.usdc)?.balance ?? 0
    }

    package func holdings(
        noting faults: inout [BookFault]
    ) async throws -> [(asset: Asset, amount: UInt64)] {
        let name = StellarNames.token(self.chain.usdcContract, on: self.chain)
        guard let asset = try await self.ledger.read({ try $0.assets().first { $0.id == name } }) else {
            return []
        }
        var amounts: [(asset: Asset, amount: UInt64)] = []
        _ = try await BookFault.apart("token \(name)", noting: &faults) {
            let amount = try await Bookkeeping(self.ledger).bookDeposits(of: asset, to: self.payer) {
                try await self.balance()
            }
            amounts.append((asset, amount))
        }
        return amounts
    }

    /// Nobody but a seller sends what this wallet authorizes here.
    package func sweep(_ asset: Asset, _ rule: Policy.Sweep) async throws -> Sweeping? {
        let free = try await self.ledger.read {
            try $0.balances().first { $0.asset.id == asset.id }?.available
        }
        guard free ?? 0 > Int64(clamping: rule.above) else { return nil }
        return .waits(asset: asset, reason: "nobody sends a sweep on \(self.network) for this wallet")
    }
}

extension PaymentRequirements {
    /// Whether the seller says that it pays the network's fee, as Stellar's scheme asks it to.
    fileprivate var feesAreSponsored: Bool {
        (try? JSONField(self.json)["extra"]["areFeesSponsored"].bool()) ?? false
    }
}
