internal import Encoding
public import Ledger
public import Solana

/// Finds out from the chain what became of payments. Believes no counterparty: only what our own RPC node
/// shows counts.
public struct Reconciler: Sendable {
    private let ledger: PaymentLedger
    private let rpc: RPCClient
    private let witnesses: [RPCClient]

    /// - Parameter witnesses: further nodes of the same network. Where there are any, a payment counts as
    ///   dead only when one of them says so, too: a node that lags or lies must not free money that is gone.
    public init(ledger: PaymentLedger, rpc: RPCClient, witnesses: [RPCClient] = []) {
        self.ledger = ledger
        self.rpc = rpc
        self.witnesses = witnesses
    }

    /// How many of the account's newest transactions are looked at for one payment.
    static let searchDepth = 200

    /// What the chain says.
    public enum Finding: Sendable, Hashable {
        case settled(SettlementProof)
        case failed(transaction: String, reason: String)
        /// Not executed, and the chain is past the height until which it could be.
        case dead(height: UInt64)
        /// Not executed yet; it still may be.
        case open
    }

    /// Looks for `payment` and books what is proved.
    ///
    /// - Parameters:
    ///   - hint: a transaction id that somebody claims; checked like everything else.
    ///   - account: the token account that pays.
    /// - Throws: `RPCError` when the chain cannot be asked; then nothing is known and nothing is booked.
    public func reconcile(_ payment: JournalledPayment, hint: String?, account: Address) async throws
        -> Finding
    {
        var finding = try await self.find(payment, hint: hint, account: account, at: self.rpc)
        if case .dead = finding, !self.witnesses.isEmpty {
            finding = await self.secondOpinion(payment, hint: hint, account: account) ?? .open
        }
        switch finding {
        case .settled(let proof): try await self.ledger.settle(payment.intent, proof: proof)
        case .failed(let transaction, let reason):
            try await self.ledger.fail(payment.intent, transaction: transaction, reason: reason)
        case .dead(let height): try await self.ledger.expire(payment.intent, height: height)
        case .open: break
        }
        return finding
    }

    /// What the first witness says that answers and is of the same network.
    private func secondOpinion(
        _ payment: JournalledPayment, hint: String?, account: Address
    ) async -> Finding? {
        for witness in self.witnesses {
            do {
                guard try await witness.genesisHash() == self.rpc.genesisHash() else { continue }
                return try await self.find(payment, hint: hint, account: account, at: witness)
            } catch {
                // Who does not answer proves nothing; the next one is asked.
            }
        }
        return nil
    }

    private func find(
        _ payment: JournalledPayment, hint: String?, account: Address, at rpc: RPCClient
    ) async throws -> Finding {
        // The height is read first: a transaction that landed before it is then visible in what follows.
        let height = try await rpc.blockHeight(.finalized)
        if let hint, let finding = try await self.read(hint, payment, at: rpc) { return finding }
        // A sponsor signs first and so chooses the transaction's id; only the paying account leads to it.
        let message = try TransactionMessage(decoding: payment.message)
        let memo = InstructionContent.contents(of: message).lazy.compactMap { content -> String? in
            if case .memo(let text, _) = content { text } else { nil }
        }.first
        for activity in try await rpc.signatures(for: account, limit: Self.searchDepth) {
            if let memo, let text = activity.memo, !text.holds(memo) { continue }
            if let finding = try await self.read(activity.signature, payment, at: rpc) { return finding }
        }
        return height > payment.lastValidBlockHeight ? .dead(height: height) : .open
    }

    /// What the transaction `id` is to this payment; nil when it is another one or not there.
    private func read(
        _ id: String, _ payment: JournalledPayment, at rpc: RPCClient
    ) async throws -> Finding? {
        guard let found = try await rpc.transaction(id),
            found.transaction?.messageBytes == payment.message
        else {
            return nil
        }
        // The error first: a failed transaction is confirmed as well.
        if let err = found.err { return .failed(transaction: id, reason: "the chain refused: \(err.text)") }
        return .settled(SettlementProof(transaction: id, slot: found.slot))
    }

    /// Books a difference between chain and ledger that can only be a deposit: nothing is in flight, and the
    /// chain has more. Returns what the chain has in atomic units; less than the ledger knows is left for a
    /// person to see.
    ///
    /// - Parameter explaining: books what else can bring money in, the ends of payment channels; then nothing
    ///   is booked here until the next look.
    public func bookDeposits(
        of asset: Asset, account: Address, mint: Address?, explaining: () async throws -> Void = {}
    ) async throws -> UInt64 {
        let before = try await self.ledger.read { try $0.head() }
        let onChain: UInt64
        if mint == nil {
            onChain = try await self.rpc.balance(of: account, .confirmed)
        } else {
            onChain = try await self.rpc.tokenBalance(of: account, .confirmed)?.amount ?? 0
        }
        let (open, balance, head) = try await self.ledger.read { view in
            let open = try view.intents(in: [.signed, .submitted, .unknown]).contains {
                $0.proposal.asset.id == asset.id
            }
            return (open, try view.balances().first { $0.asset.id == asset.id }, try view.head())
        }
        // A payment that ended in between would look like money that came in.
        guard head == before else { return onChain }
        let known = UInt64(max(0, (balance?.available ?? 0) + (balance?.reserved ?? 0)))
        if !open, onChain > known {
            try await explaining()
            guard try await self.ledger.read({ try $0.head() }) == before else { return onChain }
            let reference = "deposit \(account) \(balance?.deposited ?? 0)+\(onChain - known)"
            try await self.ledger.deposit(onChain - known, asset: asset, reference: reference)
        }
        return onChain
    }
}
