internal import ChainNodes
internal import Encoding
public import Ledger
public import Payments
internal import Sodium
public import Solana
public import Wallet
public import World

/// Verifies payments and brings them to the chain, paying the network fee (x402 facilitator, scheme `exact`
/// on Solana).
///
/// The fee is the facilitator's own spending: it goes through its ledger and policy like any other payment,
/// keyed by the message, so that one payment is sponsored once however often it arrives.
public struct Facilitator: Sendable {
    let ledger: PaymentLedger
    private let wallet: UnlockedWallet
    let rpc: RPCClient
    public let network: Network
    private let timeline: any Timeline
    let mints = MintBook()
    /// How long a settlement waits for the chain before it answers `settlement_pending`.
    private let patience: Duration

    public init(
        ledger: PaymentLedger, wallet: UnlockedWallet, rpc: RPCClient, network: Network,
        timeline: any Timeline,
        patience: Duration = .seconds(20)
    ) {
        self.ledger = ledger
        self.wallet = wallet
        self.rpc = rpc
        self.network = network
        self.timeline = timeline
        self.patience = patience
    }

    /// The address that sponsors: account 0 of every transaction.
    public var feePayer: Address { Address(self.wallet.publicKey(.sponsor)) }

    /// What `GET /supported` says about it.
    package func supported(schemes: [String]) -> FacilitatorSupport {
        FacilitatorSupport(
            kinds: schemes.map { scheme in
                [
                    "x402Version": JSON(X402.version), "scheme": .string(scheme),
                    "network": .string(self.network.chainID),
                    "extra": ["feePayer": .string(self.feePayer.description)],
                ]
            }, signers: ("solana:*", [self.feePayer.description]))
    }

    /// Checks a payment against the requirements without moving anything: `POST /verify`.
    ///
    /// - Returns: who pays, and how much.
    /// - Throws: `X402Error` with the code of the broken rule, `ChainNodeError` when no node answers.
    public func verify(_ payload: PaymentPayload, against requirements: PaymentRequirements) async throws
        -> ExactPayment
    {
        let (transaction, payment) = try await self.read(payload, against: requirements)
        try await self.foresee(transaction, cost: payment.networkFee)
        return payment
    }

    /// Whether the chain would take a transaction that passed every rule, and the owner's policy would pay
    /// `cost` lamports for it now. Writes nothing: a stranger's payment leaves a trace in the books only once
    /// it is sponsored.
    /// - Throws: `X402Error` with the reason why not, `ChainNodeError` when the chain cannot be asked.
    func foresee(_ transaction: Transaction, cost: UInt64) async throws {
        // Our own signature is still missing, and the payer's was verified by the rules.
        let result = try await self.rpc.simulate(transaction.bytes, sigVerify: false)
        if let err = result.err {
            throw X402Error.invalid(
                code: "invalid_transaction_state", reason: "the chain would refuse: \(err.text)")
        }
        switch try await self.ledger.foresee(self.fee(for: transaction, cost: cost, payer: "")) {
        case .allowed: break
        case .denied(let denial), .approvalNeeded(let denial):
            throw X402Error.invalid(
                code: "unexpected_settle_error",
                reason: "the facilitator does not sponsor: \(denial.reason)")
        }
    }

    /// Two signatures, and at most so much again for going first, in lamports.
    private static let feeCap: UInt64 = 10_000 + 5_000

    /// - Throws: `X402Error` with `code` for a network fee that no customer is worth.
    static func checkFee(_ lamports: UInt64, code: String) throws(X402Error) {
        guard lamports <= self.feeCap else {
            throw .invalid(code: code, reason: "a fee of \(lamports) lamports is more than is sponsored")
        }
    }

    /// Brings a verified payment to the chain and waits until it is confirmed: `POST /settle`. The same
    /// payment again gives the same transaction.
    public func settle(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        let (transaction, payment) = try await self.read(payload, against: requirements)
        return try await self.sponsor(transaction, payer: payment.payer, cost: payment.networkFee)
    }

    private func fee(for transaction: Transaction, cost: UInt64, payer: String) -> Proposal {
        Proposal(
            Self.purchase(of: transaction),
            Terms(payee: "network", asset: SolanaNames.sol(on: self.network), amount: cost),
            note: "sponsors \(payer)")
    }

    /// Whether this very transaction was sponsored before: then it is asked about again, and not checked
    /// against what it has changed.
    func knows(_ transaction: Transaction) async throws -> Bool {
        let purchase = Self.purchase(of: transaction)
        return try await self.ledger.read { try $0.intent(of: purchase)?.state.holdsMoney ?? false }
    }

    /// The same of an `exact` payment.
    public func knows(_ payload: PaymentPayload) async throws -> Bool {
        guard case .exact(let bytes)? = try? payload.content,
            let transaction = try? Transaction(decoding: bytes)
        else { return false }
        return try await self.knows(transaction)
    }

    /// What a fee is paid for: a message.
    static func purchase(of transaction: Transaction) -> Purchase {
        Purchase(.fee(message: Hex.encode(SHA256.digest(of: transaction.messageBytes))))
    }

    /// Adds our signature to a transaction that was checked, and brings it to the chain.
    ///
    /// - Parameters:
    ///   - payer: who signed it already; nil for a transaction of our own.
    ///   - cost: lamports that it takes from us, rent included.
    func sponsor(_ transaction: Transaction, payer: Address?, cost: UInt64) async throws
        -> SettlementResponse
    {
        let payer = (payer ?? self.feePayer).description
        let proposal = self.fee(for: transaction, cost: cost, payer: payer)
        let height = try await self.rpc.blockHeight(.confirmed)
        let prepare: Preparation.Maker = {
            try await Preparation.of(proposal, in: self.ledger) { authorization in
                let signed = try await self.wallet.sign(
                    CheckedMessage(
                        transaction.messageBytes, for: authorization, of: self.wallet,
                        by: SolanaReader(network: self.network)))
                var complete = transaction
                try complete.place(signed.signature, of: self.feePayer)
                try complete.verifySignatures()
                // Later than any blockhash that is valid now.
                let horizon = Horizon(last: height + Blockhash.lifetimeBlocks)
                return .signed(
                    try await self.ledger.journal(signed, payload: complete.bytes, horizon: horizon))
            }
        }
        return try await self.follow(prepare, payer: payer)
    }

    /// Reads the transaction of a payload and applies every rule; of the chain only the token's program is
    /// asked, and that once.
    private func read(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws -> (Transaction, ExactPayment) {
        guard payload.accepted.json == requirements.json else {
            throw X402Error.invalid(
                code: "invalid_payment_requirements", reason: "the accepted terms are not the offered ones")
        }
        guard requirements.network == self.network.chainID else {
            throw X402Error.invalid(
                code: "invalid_network", reason: "\(requirements.network) is not served here")
        }
        let transaction: Transaction
        do {
            guard case .exact(let bytes) = try payload.content else {
                throw X402Error.malformed("no transaction is in it")
            }
            transaction = try Transaction(decoding: bytes)
        } catch {
            throw X402Error.malformed("\(error)")
        }
        let payment = try ExactPayment(decoding: transaction.message)
        try payment.pays(requirements)
        guard payment.feePayer == self.feePayer, payment.payer != self.feePayer else {
            throw X402Error.invalid(
                code: "invalid_exact_svm_payload_fee_payer_mismatch", reason: "the fee payer is not ours")
        }
        try Self.checkFee(
            payment.networkFee,
            code: "invalid_exact_svm_payload_transaction_instructions_compute_price_instruction_too_high")
        guard let signature = transaction.signature(of: payment.payer), let key = payment.payer.publicKey,
            key.verifies(signature, over: transaction.messageBytes)
        else {
            throw X402Error.invalid(
                code: "invalid_exact_svm_payload_transaction_signature",
                reason: "the payer's signature is missing or wrong")
        }
        try await self.mints.check(
            payment.transfer.tokenProgram, moves: payment.transfer.mint, from: self.rpc)
        return (transaction, payment)
    }

    /// Sends the exact journalled bytes until the chain has decided, or patience ends.
    private func follow(_ prepare: Preparation.Maker, payer: String) async throws -> SettlementResponse {
        let books = Reconciler(ledger: self.ledger, rpc: self.rpc)
        var (isTaken, isRefused) = (false, false)
        let patience = Purchasing.Patience.until(
            self.timeline.uptime + self.patience, every: .milliseconds(200))
        let outcome = try await Purchasing.follow(patience, prepare, on: self.timeline) { sponsored in
            try await self.ledger.markSubmitted(sponsored)
            return .prepared(.plain, looksFirst: sponsored.state != .signed)
        } _: { action, sponsored in
            guard case .send = action else {
                return .found(try await books.reconcileFee(sponsored, mayBeDead: isRefused))
            }
            do throws(ChainNodeError) {
                _ = try await self.rpc.send(sponsored.payload, skipPreflight: false, maxRetries: 0)
                isTaken = true
                return .replied(Purchasing.Reply(isGood: true))
            } catch {
                isRefused = true
                guard let reason = error.chainError else { return .silent("\(error)") }
                // A preflight says no as well to what has landed already (AlreadyProcessed) or is about to:
                // only a transaction that was never taken and is nowhere on the chain is refused.
                return .replied(
                    Purchasing.Reply(
                        isGood: false, reason: "the chain refuses: \(reason.text)", isRefusal: !isTaken))
            }
        }
        return try await self.response(to: outcome, payer: payer)
    }

    private func response(
        to outcome: Purchasing.Outcome, payer: String
    ) async throws -> SettlementResponse {
        let network = self.network.chainID
        func failure(_ code: String, _ message: String, _ id: String = "") -> SettlementResponse {
            SettlementResponse(
                failure: code, message: message, transaction: id, payer: payer, network: network)
        }
        switch outcome {
        case .ended(let sponsored, let end):
            guard let id = try Transaction(decoding: sponsored.payload).id else {
                throw X402Error.malformed("the sponsor's signature is missing")
            }
            switch end {
            case .answered, .paid:
                return SettlementResponse(transaction: id, payer: payer, network: network)
            case .unpaid(let reason): return failure("invalid_transaction_state", reason, id)
            case .open(let reason): return self.pending(id, payer, reason.isEmpty ? nil : reason)
            }
        case .unsent(.paid(let record)):
            let id = record.transaction ?? ""
            return try await self.response(about: id, payer: payer) ?? self.pending(id, payer)
        case .unsent(let prepared):
            let reason = prepared.end?.reason ?? "nothing was sent"
            return failure("unexpected_settle_error", "the facilitator does not sponsor: \(reason)")
        }
    }

    /// Books what became of fees whose outcome was left open: refused by a preflight, or cut off by a crash.
    /// Without it a customer could use the owner's fee limit up with payments that never land.
    ///
    /// - Returns: the fees that could not be cleared up now.
    @discardableResult
    public func sweep() async throws -> [BookFault] {
        let open = try await self.ledger.read { view in
            try view.intents(in: [.signed, .submitted, .unknown]).filter { $0.proposal.purpose == .fee }
                .compactMap { try view.payment($0) }
        }
        let books = Reconciler(ledger: self.ledger, rpc: self.rpc)
        var faults: [BookFault] = []
        for sponsored in open {
            _ = try await BookFault.apart("fee \(sponsored.intent)", noting: &faults) {
                try await books.reconcileFee(sponsored)
            }
        }
        return faults
    }

    private func pending(_ id: String, _ payer: String, _ reason: String? = nil) -> SettlementResponse {
        SettlementResponse(
            failure: "settlement_pending",
            message: reason ?? "not confirmed yet; send the same payment again",
            transaction: id, payer: payer, network: self.network.chainID)
    }

    /// What the chain says about a transaction that was sponsored before, at `confirmed`; nil while that may
    /// change.
    private func response(about id: String, payer: String) async throws -> SettlementResponse? {
        guard let status = try await self.rpc.signatureStatuses(of: [id]).first ?? nil else { return nil }
        // The error first: "confirmed" says that the chain agrees, also about a failure.
        if let err = status.err {
            return SettlementResponse(
                failure: "invalid_transaction_state", message: "executed and failed: \(err.text)",
                transaction: id, payer: payer, network: self.network.chainID)
        }
        guard status.succeeded(at: .confirmed) else { return nil }
        return SettlementResponse(transaction: id, payer: payer, network: self.network.chainID)
    }
}
