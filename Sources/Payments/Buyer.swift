internal import Encoding
public import Ledger
internal import Sodium
public import Solana
public import Wallet
public import World

/// Something to buy: a request whose answer costs money.
public struct Order: Sendable {
    /// As it is sent with the payment. The quote is asked for with the same method and URL and no body.
    public let request: WebRequest
    public let purpose: Purpose
    /// What is bought, named by its content.
    public let job: String
    public let series: UInt32
    /// For people: from whom.
    public let note: String
    /// The most that is paid, in atomic units: what the provider offered. A higher price in the 402 is
    /// refused.
    public let ceiling: UInt64
    /// How often an answer is asked for after the money is gone, before it counts as lost.
    public let tries: Int

    public init(
        request: WebRequest, purpose: Purpose, job: String, series: UInt32 = 0, note: String, ceiling: UInt64,
        tries: Int = 6
    ) {
        self.request = request
        self.purpose = purpose
        self.job = job
        self.series = series
        self.note = note
        self.ceiling = ceiling
        self.tries = tries
    }
}

/// How a purchase ended.
public enum Purchase: Sendable {
    /// The chain shows the payment, and this is the seller's answer. The buyer still has to verify what it
    /// bought.
    case answered(IntentID, WebResponse)
    /// The chain shows the payment, and the seller does not answer.
    case unanswered(IntentID, reason: String)
    /// No money moved, proved.
    case unpaid(reason: String)
    /// The owner's policy says no, or not without the owner.
    case denied(Denial)
    /// Nobody knows yet. The same order again continues this payment and makes no other.
    case open(IntentID, reason: String)
}

/// Buys over x402 `exact`: quote, policy, reservation, signature, journal, send, outcome, in this order.
public struct Buyer: Sendable {
    private let ledger: PaymentLedger
    private let wallet: UnlockedWallet
    private let rpc: RPCClient
    private let network: Network
    private let web: any Web
    private let timeline: any Timeline
    private let entropy: any Entropy
    private let reconciler: Reconciler

    public init(
        ledger: PaymentLedger, wallet: UnlockedWallet, rpc: RPCClient, network: Network, web: any Web,
        timeline: any Timeline, entropy: any Entropy
    ) {
        self.ledger = ledger
        self.wallet = wallet
        self.rpc = rpc
        self.network = network
        self.web = web
        self.timeline = timeline
        self.entropy = entropy
        self.reconciler = Reconciler(ledger: ledger, rpc: rpc)
    }

    /// The wallet's address as a payer.
    public var payer: Address { Address(self.wallet.publicKey(.payment)) }

    /// Buys, or goes on with the same purchase after a crash. See ``Purchase`` for the ends.
    public func buy(_ order: Order) async throws -> Purchase {
        let known = try await self.ledger.read {
            try $0.intents(purpose: order.purpose, job: order.job, series: order.series)
        }
        if let record = known.first(where: {
            $0.state != .reserved && ($0.state.isOpen || $0.state == .settled && $0.delivery != .lost)
        }),
            let payment = try await self.ledger.read({ try $0.payment(record) })
        {
            return try await self.complete(payment, order)
        }
        switch try await self.prepare(order, reserved: known.first { $0.state == .reserved }) {
        case .signed(let payment): return try await self.complete(payment, order)
        case .stopped(let purchase): return purchase
        }
    }

    private enum Preparation {
        case signed(JournalledPayment)
        case stopped(Purchase)
    }

    /// Everything before the first byte of a payment leaves.
    private func prepare(_ order: Order, reserved: IntentRecord?) async throws -> Preparation {
        let required: PaymentRequired
        do {
            required = try await self.quote(order)
        } catch {
            return .stopped(.unpaid(reason: "no quote: \(error)"))
        }
        let assets = try await self.ledger.read { try $0.assets() }
        guard let choice = self.choose(required.accepts, assets: assets) else {
            return .stopped(.unpaid(reason: "no way to pay that we accept on \(self.network.chainID)"))
        }
        guard choice.requirements.amount <= order.ceiling else {
            let asked = choice.asset.text(choice.requirements.amount)
            return .stopped(.unpaid(reason: "\(asked) asked, \(choice.asset.text(order.ceiling)) offered"))
        }
        let proposal = Proposal(
            purpose: order.purpose, job: order.job,
            payee: SolanaNames.account(choice.payTo, on: self.network),
            asset: choice.asset, amount: choice.requirements.amount, series: order.series, note: order.note)
        if let reserved, reserved.id != proposal.id {
            // A crash left a reservation and the price has changed since: nothing was signed, so it is given
            // back.
            if case .authorized(let old) = try await self.ledger.authorize(reserved.proposal) {
                try await self.ledger.release(old, reason: "the quote changed before anything was signed")
            }
        }
        switch try await self.ledger.authorize(proposal) {
        case .denied(let denial): return .stopped(.denied(denial))
        case .waiting(let denial): return .stopped(.denied(denial))
        case .inFlight(let payment): return .signed(payment)
        case .settled(let record):
            return .stopped(.unanswered(record.id, reason: "paid before"))
        case .authorized(let authorization):
            return try await self.sign(authorization, choice, required)
        }
    }

    private struct Choice {
        let requirements: PaymentRequirements
        let asset: Asset
        let payTo: Address
        let mint: Address
        let feePayer: Address
    }

    /// The first offered way that our network and the policy's assets allow. Decimals come from the policy,
    /// never from the seller.
    private func choose(_ accepts: [PaymentRequirements], assets: [Asset]) -> Choice? {
        for requirements in accepts
        where requirements.scheme == "exact" && requirements.network == self.network.chainID {
            guard let mint = try? Address(requirements.asset), let payTo = try? Address(requirements.payTo),
                let feePayer = requirements.feePayer.flatMap({ try? Address($0) }), feePayer != self.payer,
                let asset = assets.first(where: { $0.id == SolanaNames.token(mint, on: self.network) })
            else { continue }
            return Choice(
                requirements: requirements, asset: asset, payTo: payTo, mint: mint, feePayer: feePayer)
        }
        return nil
    }

    private func quote(_ order: Order) async throws -> PaymentRequired {
        var request = order.request
        request.body = []
        let response = try await self.web.send(request)
        guard response.status == 402, let header = response.header(X402.requiredHeader) else {
            throw X402Error.malformed("status \(response.status) instead of a price")
        }
        return try PaymentRequired(header: header)
    }

    private func sign(
        _ authorization: consuming Authorization, _ choice: Choice, _ required: PaymentRequired
    ) async throws -> Preparation {
        let recent: LatestBlockhash
        do {
            recent = try await self.rpc.latestBlockhash(.confirmed)
        } catch {
            try await self.ledger.suspend(authorization)
            return .stopped(.unpaid(reason: "the chain does not answer: \(error)"))
        }
        let transfer = ExactTransfer(
            feePayer: choice.feePayer, payer: self.payer, payTo: choice.payTo, mint: choice.mint,
            amount: authorization.proposal.amount, decimals: UInt8(choice.asset.decimals),
            memo: choice.requirements.memo ?? Hex.encode(self.entropy.bytes(16)))
        let bytes: [UInt8]
        do {
            bytes = try transfer.message(recentBlockhash: recent.blockhash).bytes
            // What will be signed is read back from its bytes and compared with the quote.
            let payment = try ExactPayment(decoding: try TransactionMessage(decoding: bytes))
            try payment.pays(choice.requirements)
            guard payment.payer == self.payer, Int(payment.transfer.decimals) == choice.asset.decimals else {
                throw X402Error.malformed("the message is not ours")
            }
        } catch {
            try await self.ledger.release(authorization, reason: "\(error)")
            return .stopped(.unpaid(reason: "\(error)"))
        }
        let identifier = "\(authorization.intent)-\(authorization.attempt)"
        let signed = try await self.wallet.sign(authorization, message: bytes)
        var transaction = try Transaction(try TransactionMessage(decoding: bytes))
        try transaction.place(signed.signature, of: self.payer)
        let payload = PaymentPayload(
            resource: required.resource, accepted: choice.requirements, transaction: transaction.bytes,
            identifier: identifier)
        return .signed(
            try await self.ledger.journal(
                signed, payload: payload.bytes, lastValidBlockHeight: recent.lastValidBlockHeight))
    }

    /// Sends the journalled bytes until the chain and the seller have answered, or patience ends.
    private func complete(_ payment: JournalledPayment, _ order: Order) async throws -> Purchase {
        let account = try Self.payingAccount(payment)
        var request = order.request
        request.headers.append(Header(X402.signatureHeader, Base64.standard.encode(payment.payload)))
        var settled = false
        var reason = ""
        for attempt in 0..<order.tries {
            if attempt > 0 { try await self.timeline.sleep(for: .milliseconds(500 << min(attempt, 3))) }
            try await self.ledger.markSubmitted(payment)
            var response: WebResponse?
            do throws(WebError) {
                response = try await self.web.send(request)
            } catch {
                if error == .cancelled { throw CancellationError() }
                reason = "\(error)"
            }
            let claim = response?.header(X402.responseHeader).flatMap { try? SettlementResponse(header: $0) }
            if let response, !(200..<300).contains(response.status) {
                reason = claim?.errorMessage ?? "status \(response.status)"
            }
            do throws(RPCErrorOrLedger) {
                switch try await self.look(payment, claim?.transaction, account) {
                case .settled: settled = true
                case .failed(_, let why): return .unpaid(reason: why)
                case .dead: return .unpaid(reason: "the payment expired unexecuted: \(reason)")
                case .open: break
                }
            } catch {
                guard case .rpc(let why) = error else { throw error.underlying }
                reason = "the chain does not answer: \(why)"
            }
            if settled, let response, (200..<300).contains(response.status) {
                return .answered(payment.intent, response)
            }
        }
        if settled { return .unanswered(payment.intent, reason: reason) }
        try await self.ledger.markUnknown(payment.intent, reason: reason)
        return .open(payment.intent, reason: reason)
    }

    /// Keeps the two reasons apart: a silent chain is waited for, a broken ledger stops everything.
    private enum RPCErrorOrLedger: Error {
        case rpc(RPCError)
        case ledger(any Error)

        var underlying: any Error {
            switch self {
            case .rpc(let error): error
            case .ledger(let error): error
            }
        }
    }

    private func look(
        _ payment: JournalledPayment, _ hint: String?, _ account: Address
    ) async throws(RPCErrorOrLedger) -> Reconciler.Finding {
        do {
            if let record = try await self.ledger.read({ try $0.intent(payment.intent) }),
                record.state == .settled,
                let transaction = record.transaction
            {
                return .settled(SettlementProof(transaction: transaction, slot: 0))
            }
            let hint = hint.flatMap { $0.isEmpty ? nil : $0 }
            return try await self.reconciler.reconcile(payment, hint: hint, account: account)
        } catch let error as RPCError {
            throw .rpc(error)
        } catch {
            throw .ledger(error)
        }
    }

    /// The token account that a journalled payment draws on, read from its bytes.
    static func payingAccount(_ payment: JournalledPayment) throws -> Address {
        try ExactPayment(decoding: try TransactionMessage(decoding: payment.message)).transfer.source
    }

    /// Settles what an earlier run left open, as far as the chain proves it. For the start and after an
    /// outage.
    public func reconcileOpenPayments() async throws {
        let open = try await self.ledger.read { view in
            try view.intents(in: [.signed, .submitted, .unknown]).compactMap { try view.payment($0) }
        }
        for payment in open {
            _ = try await self.reconciler.reconcile(
                payment, hint: nil, account: try Self.payingAccount(payment))
        }
    }
}
