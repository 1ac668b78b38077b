internal import ChainNodes
internal import Encoding
public import Ledger
internal import Payments
public import Solana

/// Finds out from the chain what became of payments. Believes no counterparty: only what our own RPC node
/// shows counts.
public struct Reconciler: Sendable {
    private let ledger: PaymentLedger
    private let rpc: RPCClient
    private let witnesses: [RPCClient]
    private let seen = SeenTransactions()

    /// - Parameter witnesses: further nodes of the same network. Where there are any, a payment counts as
    ///   dead or failed only when one of them says so, too: a node that lags or lies must not free money that
    ///   is gone.
    public init(ledger: PaymentLedger, rpc: RPCClient, witnesses: [RPCClient] = []) {
        self.ledger = ledger
        self.rpc = rpc
        self.witnesses = witnesses
    }

    /// What the chain says.
    public enum Finding: Sendable, Hashable {
        case settled(SettlementProof)
        case failed(transaction: String, reason: String)
        /// Not executed, and the chain is past the height until which it could be.
        case dead(height: UInt64)
        /// Not executed yet; it still may be. Or nobody can tell.
        case open

        /// Whether the money is free again with it.
        var freesMoney: Bool {
            switch self {
            case .failed, .dead: true
            case .settled, .open: false
            }
        }

        var isFailure: Bool { if case .failed = self { true } else { false } }
    }

    /// Looks for `payment` and books what is proved.
    ///
    /// - Parameters:
    ///   - hint: a transaction id that somebody claims; checked like everything else.
    ///   - account: the token account that pays.
    /// - Throws: `ChainNodeError` when no node answers; then nothing is known and nothing is booked.
    public func reconcile(_ payment: JournalledPayment, hint: String?, account: Address) async throws
        -> Finding
    {
        var finding = try await self.find(payment, hint: hint, account: account, at: self.rpc)
        if finding.freesMoney, !self.witnesses.isEmpty {
            finding = await self.confirmed(finding, of: payment, hint: hint, account: account)
        }
        if case .dead = finding {
            let isWhole = try await Bookkeeping(self.ledger).isWhole(payment) {
                try await self.rpc.tokenBalance(of: account, .finalized)?.amount ?? 0
            }
            if !isWhole { finding = .open }
        }
        switch finding {
        case .settled(let proof): try await self.ledger.settle(payment.intent, proof: proof)
        case .failed(let transaction, let reason):
            try await self.ledger.fail(payment.intent, transaction: transaction, reason: reason)
        case .dead(let height): try await self.ledger.expire(payment.intent, at: "height \(height)")
        case .open: break
        }
        return finding
    }

    /// What the witnesses make of a finding that would free money: the same, if one of them saw as much, or
    /// what it saw instead; open where none does.
    private func confirmed(
        _ finding: Finding, of payment: JournalledPayment, hint: String?, account: Address
    ) async -> Finding {
        for witness in self.witnesses {
            do {
                guard try await witness.genesisHash() == self.rpc.genesisHash() else { continue }
                switch try await self.find(payment, hint: hint, account: account, at: witness) {
                case .settled(let proof): return .settled(proof)
                case .failed where finding.isFailure: return finding
                case .dead where !finding.isFailure: return finding
                case .failed, .dead, .open: break
                }
            } catch {
                // Who does not answer proves nothing; the next one is asked.
            }
        }
        return .open
    }

    /// One search is one node's: what another one says in the middle of it may be older than the height that
    /// the search began with.
    private func find(
        _ payment: JournalledPayment, hint: String?, account: Address, at rpc: RPCClient
    ) async throws(ChainNodeError) -> Finding {
        try await rpc.withOneNode { node async throws(ChainNodeError) in
            var search = PaymentSearch(for: payment, rpc: node, seen: self.seen)
            return try await search.find(hint: hint, account: account)
        }
    }

    /// Books what became of a fee: of a transaction that we signed first, so that its id is known; at
    /// `confirmed`.
    ///
    /// - Parameter mayBeDead: whether the chain's height is asked for as well.
    @discardableResult
    func reconcileFee(
        _ payment: JournalledPayment, mayBeDead: Bool = true
    ) async throws -> Purchasing.Finding {
        // The height is read first: what landed before it is visible in what follows.
        let height = mayBeDead ? try await self.rpc.blockHeight(.finalized) : 0
        guard let id = try Transaction(decoding: payment.payload).id else { return .open }
        guard let status = try await self.rpc.signatureStatuses(of: [id]).first ?? nil else {
            guard height > payment.horizon.last else { return .absent }
            try await self.ledger.expire(payment.intent, at: "height \(height)")
            return .dead
        }
        guard status.err != nil || status.succeeded(at: .confirmed) else { return .open }
        // A failed transaction pays its fee as well.
        try await self.ledger.settle(
            payment.intent, proof: SettlementProof(transaction: id, place: "slot \(status.slot)"))
        return status.err.map { .failed("executed and failed: \($0.text)") } ?? .settled
    }

    /// Books what came to an account of the wallet's.
    /// - Parameter mint: nil for the network's own coin.
    /// - Returns: what the chain has in atomic units.
    public func bookDeposits(
        of asset: Asset, account: Address, mint: Address?, explaining: () async throws -> UInt64 = { 0 }
    ) async throws -> UInt64 {
        try await Bookkeeping(self.ledger).bookDeposits(
            of: asset, to: account.description,
            {
                guard mint != nil else { return try await self.rpc.balance(of: account, .confirmed) }
                return try await self.rpc.tokenBalance(of: account, .confirmed)?.amount ?? 0
            }, explaining: explaining)
    }
}
