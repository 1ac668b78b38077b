internal import ChainNodes
internal import Encoding
internal import Ledger
internal import Payments
internal import Sodium
internal import Solana
internal import Synchronization

/// Looks for one payment in the history that one node shows of the account that pays.
///
/// What frees money is claimed only after a complete search: every transaction of the account back to before
/// the first slot in which the payment could land was read and is another one. A transaction that is listed
/// and cannot be read may be ours, whatever memo is listed with it, so it keeps the payment open; and a list
/// that ends early because the node has forgotten what lies before is not complete.
struct PaymentSearch: Sendable {
    private let payment: JournalledPayment
    private let rpc: RPCClient
    private let seen: SeenTransactions
    /// Stands for the payment's message.
    private let wanted: [UInt8]
    private var fetched = 0

    init(for payment: JournalledPayment, rpc: RPCClient, seen: SeenTransactions) {
        self.payment = payment
        self.rpc = rpc
        self.seen = seen
        self.wanted = SeenTransactions.digest(of: payment.message)
    }

    /// Transactions that are asked for at once; with long memos in them an answer stays below its limit.
    static let pageSize = 200
    /// Pages that are read while the payment may still land: it is looked for and nothing is claimed.
    private static let livePages = 5
    /// Pages that are read once it cannot: far more than an account has in two minutes, so that burying a
    /// payment costs more than it brings, and no more than memory holds.
    private static let deadPages = 200
    /// Transactions that are fetched in one search. What was fetched once is remembered, so that the next
    /// search gets further.
    private static let fetchLimit = 2_000

    /// - Parameters:
    ///   - hint: a transaction id that somebody claims; checked like everything else.
    ///   - account: the account that pays.
    mutating func find(hint: String?, account: Address) async throws(ChainNodeError) -> Reconciler.Finding {
        let payment = self.payment
        // The height is read first: what landed before it is visible in what follows.
        let height = try await self.rpc.blockHeight(.finalized)
        let memos = Self.memos(of: payment)
        if let hint, Self.isTransactionID(hint),
            case .ours(let finding) = try await self.look(at: hint)
        {
            return finding
        }
        let isPast = height > payment.horizon.last
        let first = payment.firstPossibleSlot
        var history = AddressHistory(account: account, rpc: self.rpc, pageSize: Self.pageSize)
        var others: [String] = []
        for _ in 0..<(isPast ? Self.deadPages : Self.livePages) {
            let page = try await history.next()
            for activity in page where activity.slot >= first {
                // A memo says where to look first. It hides nothing where absence is claimed.
                guard let listed = activity.memo, memos.allSatisfy({ listed.holds($0) }) else {
                    if isPast || activity.memo == nil { others.append(activity.signature) }
                    continue
                }
                switch try await self.look(at: activity.signature) {
                case .ours(let finding): return finding
                case .foreign: break
                case .unreadable: others.append(activity.signature)
                }
            }
            if history.isAtEnd || page.contains(where: { $0.slot < first }) { break }
        }
        var doubts = false
        for id in others {
            switch try await self.look(at: id) {
            case .ours(let finding): return finding
            case .foreign: break
            case .unreadable: doubts = true
            }
        }
        guard isPast, !doubts, try await history.reaches(before: first), try await self.isOver()
        else { return .open }
        return .dead(height: height)
    }

    /// Whether the payment's blockhash serves no more, asked in another way than by the height: one wrong
    /// number, from a node of another network behind the same address for instance, must not free money that
    /// can still leave.
    private func isOver() async throws(ChainNodeError) -> Bool {
        guard let message = try? TransactionMessage(decoding: self.payment.message) else { return false }
        do throws(ChainNodeError) {
            guard try await !self.rpc.isBlockhashValid(message.recentBlockhash, .confirmed) else {
                return false
            }
        } catch {
            guard case .server(-32601, _, _) = error.reason else { throw error }
        }
        return try await self.rpc.blockHeight(.finalized) > self.payment.horizon.last
    }

    /// What one transaction is to a payment.
    private enum Look {
        case ours(Reconciler.Finding)
        case foreign
        /// It is there, and its bytes are not to be had now.
        case unreadable
    }

    private mutating func look(at id: String) async throws(ChainNodeError) -> Look {
        if let digest = self.seen[id], digest != self.wanted { return .foreign }
        guard self.fetched < Self.fetchLimit else { return .unreadable }
        self.fetched += 1
        let found: ConfirmedTransaction?
        do throws(ChainNodeError) {
            found = try await self.rpc.transaction(id)
        } catch {
            switch error.reason {
            // "Transaction version is not supported": ours is of one that every node serves.
            case .server(-32015, _, _): return .foreign
            case .server, .malformed: return .unreadable
            default: throw error
            }
        }
        guard let found else { return .unreadable }
        guard found.bytes.suffix(self.payment.message.count) == self.payment.message[...] else {
            // Remembered only as what the id proves to be: the signature is over these bytes.
            if let transaction = found.transaction, transaction.id == id {
                self.seen.remember(id, SeenTransactions.digest(of: transaction.messageBytes))
            }
            // A node that shows other bytes than the id stands for hides something.
            if let transaction = found.transaction, transaction.id != id { return .unreadable }
            return .foreign
        }
        guard found.transaction?.messageBytes == self.payment.message else { return .unreadable }
        guard found.err != nil else { return .ours(.settled(Self.proof(id, found))) }
        // On another fork it may succeed: a failure counts when it cannot be undone.
        guard let final = try await self.rpc.transaction(id, .finalized) else { return .ours(.open) }
        guard let err = final.err else { return .ours(.settled(Self.proof(id, final))) }
        return .ours(.failed(transaction: id, reason: "the chain refused: \(err.text)"))
    }

    private static func proof(_ id: String, _ found: ConfirmedTransaction) -> SettlementProof {
        SettlementProof(transaction: id, place: "slot \(found.slot)")
    }

    /// 64 bytes in Base58.
    private static func isTransactionID(_ text: String) -> Bool {
        (try? Base58.decode(text, maximumLength: 88))?.count == Signature.byteCount
    }

    /// The memos of a payment as nodes list them.
    private static func memos(of payment: JournalledPayment) -> [String] {
        guard let message = try? TransactionMessage(decoding: payment.message) else { return [] }
        return InstructionContent.contents(of: message).compactMap { content in
            guard case .memo(let text, _) = content else { return nil }
            return "[\(text.utf8.count)] \(text)"
        }
    }
}

extension JournalledPayment {
    /// No block before this slot can hold the payment. Where the slot of its blockhash was not kept, the
    /// height of that block serves: no chain has more blocks than slots.
    var firstPossibleSlot: UInt64 {
        if self.horizon.first > 0 { return self.horizon.first }
        let lifetime = Blockhash.lifetimeBlocks
        return self.horizon.last > lifetime ? self.horizon.last - lifetime : 0
    }
}

/// Reads an address's transactions page by page, newest first, and knows whether it reached the end of the
/// list or lost its thread on the way.
struct AddressHistory {
    let account: Address
    let rpc: RPCClient
    let pageSize: Int
    /// Nothing is left.
    private(set) var isAtEnd = false
    /// The list broke off: a node that does not know where we stopped answers with nothing.
    private(set) var isBroken = false
    private var oldest: UInt64?
    /// The newest but one of what the next page begins after, and the entry that it has to begin with.
    private var thread: (before: String, overlap: String)?

    init(account: Address, rpc: RPCClient, pageSize: Int) {
        self.account = account
        self.rpc = rpc
        self.pageSize = pageSize
    }

    /// The next page; empty at the end.
    mutating func next() async throws(ChainNodeError) -> [AddressActivity] {
        guard !self.isAtEnd else { return [] }
        var page = try await self.rpc.signatures(
            for: self.account, limit: self.pageSize, before: self.thread?.before)
        let isFull = page.count >= self.pageSize
        if let thread {
            guard page.first?.signature == thread.overlap else {
                (self.isAtEnd, self.isBroken) = (true, true)
                return []
            }
            page.removeFirst()
        }
        if let last = page.last {
            self.oldest = min(self.oldest ?? last.slot, last.slot)
        }
        if isFull, page.count >= 2 {
            self.thread = (page[page.count - 2].signature, page[page.count - 1].signature)
        } else {
            self.isAtEnd = true
        }
        return page
    }

    /// Whether nothing from `slot` on is missing in what was read: it went on to before that slot, or to the
    /// end of a list that the node has whole.
    func reaches(before slot: UInt64) async throws(ChainNodeError) -> Bool {
        if let oldest, oldest < slot { return true }
        guard self.isAtEnd, !self.isBroken else { return false }
        do throws(ChainNodeError) {
            return try await self.rpc.firstAvailableBlock() <= slot
        } catch {
            // A node that does not say how far back it knows proves nothing.
            if case .server(-32601, _, _) = error.reason { return false }
            throw error
        }
    }
}

/// Which message a transaction id stands for, of transactions that were read before. An id never changes its
/// meaning, so that each is fetched once.
final class SeenTransactions: Sendable {
    /// So many are remembered; then all are forgotten and read anew.
    private static let limit = 16_384
    private let digests = Mutex<[String: [UInt8]]>([:])

    static func digest(of message: [UInt8]) -> [UInt8] { BLAKE2b.digest(of: message, length: 16) }

    subscript(id: String) -> [UInt8]? { self.digests.withLock { $0[id] } }

    func remember(_ id: String, _ digest: [UInt8]) {
        self.digests.withLock { digests in
            if digests.count >= Self.limit { digests.removeAll() }
            digests[id] = digest
        }
    }
}

extension LatestBlockhash {
    /// Of a message over this blockhash.
    var horizon: Horizon { Horizon(first: self.slot, last: self.lastValidBlockHeight) }
}
