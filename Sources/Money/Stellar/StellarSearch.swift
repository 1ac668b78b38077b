public import ChainNodes
internal import Encoding

/// Looks for one payment in the history that one node shows.
///
/// What frees money is claimed only after a complete search: three questions put the last closed ledger past
/// the expiration, the node still has every ledger in which the payment could happen, it shows no use of the
/// nonce, and every transfer from payer to payee in that time that could be this one was read and is another.
/// A transfer that is listed and cannot be read may be ours, so it keeps the payment open.
public struct StellarSearch: Sendable {
    /// What is known about a payment.
    public enum Finding: Sendable, Hashable {
        /// It happened. `transaction` is the id in hex.
        case settled(transaction: String, ledger: UInt32)
        /// It was tried, did not succeed, and cannot happen any more. Before the expiration a failure means
        /// nothing: the entry is unused, and can be sent again.
        case failed(transaction: String, reason: String)
        /// It did not happen, and cannot any more.
        case dead(ledger: UInt32)
        /// It did not happen yet and still may. Or nobody can tell.
        case open
    }

    /// Ledgers that are searched before the first possible one: the node that named it may have been ahead.
    private static let slack: UInt32 = 24
    /// Ledgers that one question is about; nodes scan 10,000 at once.
    private static let window: UInt32 = 5_000
    /// The most windows: nobody gives a payment half a year.
    private static let windowLimit = 40
    /// Answers that are read in one window.
    private static let pageLimit = 50
    /// Transactions that are fetched in one search.
    private static let fetchLimit = 2_000

    private let payment: StellarPayment
    private let firstLedger: UInt32
    private let rpc: StellarRPC
    private let witness: StellarRPC?

    /// - Parameters:
    ///   - preimage: the payment's canonical bytes.
    ///   - firstLedger: the latest ledger when it was signed: it cannot have happened before.
    ///   - witness: other nodes that have to agree before a payment counts as dead.
    /// - Throws: `StellarError` when the bytes are no payment.
    public init(
        preimage: [UInt8], firstLedger: UInt32, rpc: StellarRPC, witness: StellarRPC? = nil
    ) throws(StellarError) {
        self.payment = try StellarPayment(preimage: preimage)
        guard self.payment.network == rpc.network else { throw .unknownNetwork }
        self.firstLedger = min(firstLedger, self.payment.expiration)
        self.rpc = rpc
        self.witness = witness
    }

    /// - Parameter hint: a transaction id that somebody claims; checked like everything else.
    /// - Throws: `ChainNodeError` when no node can be asked; then nothing is known.
    public func find(hint: String? = nil) async throws(ChainNodeError) -> Finding {
        let found = try await self.find(hint, asking: self.rpc)
        switch found {
        case .settled, .open: return found
        case .dead, .failed:
            guard let witness else { return found }
            let second = try await self.find(hint, asking: witness)
            switch second {
            case .settled, .open: return second
            case .dead, .failed: return found
            }
        }
    }

    private func find(_ hint: String?, asking rpc: StellarRPC) async throws(ChainNodeError) -> Finding {
        try await rpc.withOneNode { (node) async throws(ChainNodeError) in
            var pass = Pass(payment: self.payment, firstLedger: self.firstLedger, node: node)
            return try await pass.find(hint)
        }
    }

    /// One search at one node.
    private struct Pass {
        let payment: StellarPayment
        let firstLedger: UInt32
        let node: StellarRPC
        private var fetched = 0
        private var looked: Set<String> = []
        /// Something could not be read, or was not shown.
        private var doubts = false
        private var failure: (transaction: String, reason: String)?

        init(payment: StellarPayment, firstLedger: UInt32, node: StellarRPC) {
            self.payment = payment
            self.firstLedger = firstLedger
            self.node = node
        }

        mutating func find(_ hint: String?) async throws(ChainNodeError) -> Finding {
            // The ledger is read first: what happened before it is visible in what follows.
            let latest = try await self.node.latestLedger()
            if let hint, let id = Self.id(hint),
                let settled = try await self.look(at: id, didTransfer: false, isListed: false)
            {
                return settled
            }
            let isPast = latest > self.payment.expiration
            let history = try await self.node.history()
            let start = max(
                history.oldest, self.firstLedger > slack ? self.firstLedger - slack : 0, 1)
            let end = min(latest, history.latest, self.payment.expiration)
            if start <= end, let settled = try await self.search(start...end) { return settled }
            guard isPast, history.latest > self.payment.expiration, history.oldest <= self.firstLedger,
                !self.doubts, try await self.isUnused()
            else { return .open }
            if let failure { return .failed(transaction: failure.transaction, reason: failure.reason) }
            return .dead(ledger: latest)
        }

        /// Whether the ledger shows no use of the nonce, as a node says that is past the expiration.
        private func isUnused() async throws(ChainNodeError) -> Bool {
            let (entry, latest) = try await self.node.entry(.nonce(self.payment.from, self.payment.nonce))
            return entry == nil && latest > self.payment.expiration
        }

        private mutating func search(_ range: ClosedRange<UInt32>) async throws(ChainNodeError) -> Finding? {
            var first = range.lowerBound
            for _ in 0..<windowLimit {
                let last = first + min(window - 1, range.upperBound - first)
                if let settled = try await self.searchWindow(first...last) { return settled }
                guard last < range.upperBound else { return nil }
                first = last + 1
            }
            self.doubts = true
            return nil
        }

        private mutating func searchWindow(
            _ range: ClosedRange<UInt32>
        ) async throws(ChainNodeError) -> Finding? {
            var start = StellarRPC.EventStart.ledgers(range)
            for _ in 0..<pageLimit {
                let page = try await self.node.transfers(like: self.payment, from: start)
                guard page.history.oldest <= range.lowerBound, page.history.latest >= range.upperBound else {
                    // The node forgot in the meantime, or another one answers at the same address.
                    self.doubts = true
                    return nil
                }
                for event in page.events where range.contains(event.ledger) {
                    guard event.amount == nil || event.amount == Int128(self.payment.amount) else { continue }
                    guard let id = Self.id(event.transaction) else {
                        self.doubts = true
                        continue
                    }
                    if let settled = try await self.look(at: id, didTransfer: true, isListed: true) {
                        return settled
                    }
                }
                let isPast = page.events.last.map { $0.ledger > range.upperBound } ?? false
                if page.events.count < StellarRPC.eventLimit || isPast { return nil }
                start = .cursor(page.cursor)
            }
            self.doubts = true
            return nil
        }

        /// Reads one transaction.
        ///
        /// - Parameters:
        ///   - didTransfer: the token reports a transfer of the payment's kind in it.
        ///   - isListed: it has to be there.
        private mutating func look(
            at id: String, didTransfer: Bool, isListed: Bool
        ) async throws(ChainNodeError) -> Finding? {
            guard !(isListed && self.looked.contains(id)) else { return nil }
            guard self.fetched < fetchLimit else {
                self.doubts = true
                return nil
            }
            self.fetched += 1
            if isListed { self.looked.insert(id) }
            guard let landed = try await self.node.transaction(id) else {
                if isListed { self.doubts = true }
                return nil
            }
            // A node that shows other bytes than the id stands for hides something.
            guard let transaction = landed.transaction,
                transaction.ids(on: self.payment.network).contains(where: { Hex.encode($0) == id })
            else {
                if isListed { self.doubts = true }
                return nil
            }
            switch (transaction.relation(to: self.payment), landed.succeeded) {
            case (.foreign, _): break
            case (.makes, true):
                return .settled(transaction: id, ledger: landed.ledger)
            case (.carries(alone: true), true) where didTransfer:
                return .settled(transaction: id, ledger: landed.ledger)
            case (_, true): self.doubts = self.doubts || isListed
            case (_, false):
                // Where a token reports a transfer the transaction cannot have failed.
                self.doubts = self.doubts || isListed
                self.failure = (id, "the ledger has it as failed")
            }
            return nil
        }

        /// 32 bytes in lower-case hex.
        private static func id(_ text: String) -> String? {
            let text = text.lowercased()
            return (try? Hex.decode(text))?.count == 32 ? text : nil
        }
    }
}
