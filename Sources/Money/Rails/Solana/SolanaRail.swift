internal import ChainNodes
package import Encoding
package import Ledger
package import Payments
package import Sodium
package import Solana
package import Wallet
package import World

/// Paying on Solana: x402 `exact` and `batch-settlement`.
package struct SolanaRail: ExactRail {
    package let ledger: PaymentLedger
    package let wallet: UnlockedWallet
    let rpc: RPCClient
    let chain: Network
    let web: any Web
    let timeline: any Timeline
    let entropy: any Entropy
    let reconciler: Reconciler
    /// Of this wallet: pays the network's fees of what no seller sponsors.
    let facilitator: Facilitator
    /// Who pays the fee of a sweep.
    let sponsor: Sponsor
    /// One voucher at a time is on its way in each channel.
    let locks = NamedLocks()
    let mints = MintBook()

    /// - Parameters:
    ///   - witnesses: further nodes of the network; see ``Reconciler``.
    ///   - facilitator: of this wallet, where it is not to be made here.
    ///   - sponsor: who pays the fee of a sweep; by default that facilitator.
    package init(
        ledger: PaymentLedger, wallet: UnlockedWallet, rpc: RPCClient, witnesses: [RPCClient] = [],
        network: Network, web: any Web, timeline: any Timeline, entropy: any Entropy,
        facilitator: Facilitator? = nil, sponsor: Sponsor? = nil
    ) {
        self.ledger = ledger
        self.wallet = wallet
        self.rpc = rpc
        self.chain = network
        self.web = web
        self.timeline = timeline
        self.entropy = entropy
        self.reconciler = Reconciler(ledger: ledger, rpc: rpc, witnesses: witnesses)
        self.facilitator =
            facilitator
            ?? Facilitator(ledger: ledger, wallet: wallet, rpc: rpc, network: network, timeline: timeline)
        self.sponsor = sponsor ?? .own(self.facilitator)
    }

    package var network: String { self.chain.chainID }
    package var payer: String { self.address.description }
    package var reader: any MessageReader { SolanaReader(network: self.chain) }

    /// The wallet's address as a payer.
    var address: Address { Address(self.wallet.publicKey(.payment)) }

    // MARK: Quotes

    package func terms(of requirements: PaymentRequirements, in assets: [Asset]) -> Terms? {
        guard let read = SolanaRequirements(requirements), read.feePayer != self.address,
            let asset = assets.first(where: { $0.id == SolanaNames.token(read.mint, on: self.chain) })
        else { return nil }
        return Terms(
            payee: SolanaNames.account(read.payTo, on: self.chain), asset: asset,
            amount: requirements.amount)
    }

    /// The message that pays just what `quote` says, read back from its bytes by a decoder that shares no
    /// code with the builder; and the chain is asked what it would do with it. A payee without an account, a
    /// frozen account or a sponsor without lamports is better known before anything is signed.
    package func draft(_ quote: Quote) async throws -> UnsignedMessage {
        let read = try quote.onSolana
        let tokenProgram = try await self.mints.tokenProgram(of: read.mint, as: quote.asset, from: self.rpc)
        let recent = try await self.rpc.latestBlockhash(.confirmed)
        let transfer = ExactTransfer(
            feePayer: read.feePayer, payer: self.address, payTo: read.payTo, mint: read.mint,
            tokenProgram: tokenProgram, amount: quote.proposal.amount,
            decimals: UInt8(clamping: quote.asset.decimals),
            memo: self.memo(for: quote, quote.proposal.purchase),
            nonce: try self.nonce(for: quote.proposal.purchase))
        let bytes = try transfer.message(recentBlockhash: recent.blockhash).bytes
        let payment = try ExactPayment(decoding: try TransactionMessage(decoding: bytes))
        try payment.pays(quote.requirements)
        guard payment.payer == self.address, payment.transfer.decimals == quote.asset.decimals,
            payment.transfer.tokenProgram == tokenProgram
        else {
            throw X402Error.malformed("the message is not ours")
        }
        try await self.foresee(bytes)
        return UnsignedMessage(bytes, horizon: recent.horizon)
    }

    package func payload(_ unsigned: UnsignedMessage, _ signature: Signature) throws -> JSON {
        PaymentPayload.Content.exact(transaction: try self.signed(unsigned.message, signature)).json
    }

    /// A transaction with the wallet's signature in its place.
    func signed(_ message: [UInt8], _ signature: Signature) throws -> [UInt8] {
        var transaction = try Transaction(try TransactionMessage(decoding: message))
        try transaction.place(signature, of: self.address)
        return transaction.bytes
    }

    /// What the seller asks for, or something that no other payment has.
    func memo(for quote: Quote, _ purchase: Purchase) -> String {
        quote.requirements.memo ?? Hex.encode(self.entropy.bytes(16, for: purchase))
    }

    /// Keeps a message apart from every other; see ``ExactTransfer/nonce``.
    func nonce(for purchase: Purchase) throws -> UInt32 {
        var reader = ByteReader(self.entropy.bytes(4, for: purchase))
        return try reader.little()
    }

    /// Asks the chain what it would do with a message before it is signed.
    /// - Throws: `X402Error` with the chain's reason; `ChainNodeError` when it cannot be asked.
    func foresee(_ message: [UInt8]) async throws {
        let unsigned = try Transaction(try TransactionMessage(decoding: message))
        let result: SimulationResult
        do throws(ChainNodeError) {
            result = try await self.rpc.simulate(
                unsigned.bytes, sigVerify: false, replaceRecentBlockhash: true)
        } catch {
            // Not every node simulates; then the chain says so when the payment is sent.
            guard case .server(-32601, _, _) = error.reason else { throw error }
            return
        }
        guard let err = result.err else { return }
        throw X402Error.invalid(
            code: "invalid_transaction_state",
            reason: "the chain would refuse this payment: \(ChainRefusal.words(for: err))")
    }
}

/// The parts of a seller's terms that are Solana's.
struct SolanaRequirements {
    let payTo: Address
    let mint: Address
    /// Who pays the network's fee.
    let feePayer: Address

    init?(_ requirements: PaymentRequirements) {
        guard requirements.scheme == "exact" || requirements.channel != nil,
            let mint = try? Address(requirements.asset), let payTo = try? Address(requirements.payTo),
            let feePayer = requirements.feePayer.flatMap({ try? Address($0) })
        else { return nil }
        (self.payTo, self.mint, self.feePayer) = (payTo, mint, feePayer)
    }
}

extension Quote {
    var onSolana: SolanaRequirements {
        get throws(X402Error) {
            guard let read = SolanaRequirements(self.requirements) else {
                throw .malformed("the terms are not Solana's")
            }
            return read
        }
    }

    /// Whether a voucher pays it.
    var isFromChannel: Bool { self.requirements.channel != nil }
}

extension Buyer {
    /// A buyer that pays on Solana alone; see ``SolanaRail``.
    package init(
        ledger: PaymentLedger, wallet: UnlockedWallet, rpc: RPCClient, witnesses: [RPCClient] = [],
        network: Network, web: any Web, timeline: any Timeline, entropy: any Entropy,
        facilitator: Facilitator? = nil, sponsor: Sponsor? = nil
    ) {
        let rail = SolanaRail(
            ledger: ledger, wallet: wallet, rpc: rpc, witnesses: witnesses, network: network, web: web,
            timeline: timeline, entropy: entropy, facilitator: facilitator, sponsor: sponsor)
        self.init(ledger: ledger, rails: [rail], web: web, timeline: timeline)
    }
}
