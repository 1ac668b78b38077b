import Encoding
import Sodium
package import Stellar

/// The state of a simulated Stellar network: accounts, tokens, used nonces, and everything that was applied.
///
/// A value without clock or randomness: the same calls give the same state. It knows one operation, the call
/// of a contract, and two kinds of contracts: tokens, and routers that call tokens for others.
package struct StellarLedger: Sendable {
    /// Seconds from one ledger to the next.
    package static let closeSeconds: Int64 = 5
    /// The most transactions that wait for a ledger.
    private static let pendingLimit = 10_000
    /// What a transfer's resources cost, in stroops.
    static let resourceFee: Int64 = 20_000

    package let network: StellarNetwork
    /// The last closed ledger.
    package private(set) var sequence: UInt32
    /// When it was closed, in seconds since 1970.
    package private(set) var closeTime: Int64
    /// The oldest ledger that this network has.
    let first: UInt32
    /// What goes wrong from now on.
    package var faults = StellarFaults()
    /// Everything that is in a ledger, oldest first.
    package private(set) var history: [Entry] = []

    private(set) var accounts: [StellarAddress: Account] = [:]
    private(set) var tokens: [StellarAddress: Token] = [:]
    /// The last ledger in which a used nonce is remembered.
    private(set) var nonces: [Nonce: UInt32] = [:]
    private var routers: [StellarAddress: Bool] = [:]
    private var pending: [(landing: UInt32, bytes: [UInt8])] = []

    struct Account {
        /// Stroops.
        var lumens: Int64
        var sequence: Int64
    }

    struct Token {
        /// Nil for one that no account issued.
        let asset: StellarAsset?
        /// Who can hold it, and what they hold.
        var holdings: [StellarAddress: Int128] = [:]
    }

    struct Nonce: Hashable {
        let account: StellarAddress
        let value: Int64
    }

    /// One transaction in a ledger.
    package struct Entry: Sendable {
        /// In hex.
        package let id: String
        package let ledger: UInt32
        /// The XDR of the envelope.
        package let bytes: [UInt8]
        /// Why it failed. It paid its fee all the same.
        package let failure: String?
        /// What tokens reported.
        let transfers: [StellarPayment]
    }

    /// A network with its dollar, which nobody holds.
    package init(
        network: StellarNetwork = .testnet, sequence: UInt32 = 1_000_000, closeTime: Int64 = 1_800_000_000
    ) {
        self.network = network
        self.sequence = sequence
        self.closeTime = closeTime
        self.first = sequence
        self.tokens[network.usdcContract] = Token(asset: network.usdc)
    }

    // MARK: What a test sets up

    /// Makes an account, or gives it more.
    package mutating func fund(_ account: StellarAddress, lumens: Int64) {
        self.accounts[account, default: Account(lumens: 0, sequence: 0)].lumens += lumens
    }

    /// Lets an account hold a token.
    package mutating func trust(_ token: StellarAddress, by holder: StellarAddress) {
        self.tokens[token]?.holdings[holder, default: 0] += 0
    }

    /// Ends that, and what was held is gone.
    package mutating func distrust(_ token: StellarAddress, by holder: StellarAddress) {
        self.tokens[token]?.holdings[holder] = nil
    }

    /// Makes new units.
    package mutating func mint(_ token: StellarAddress, to holder: StellarAddress, amount: Int128) {
        self.tokens[token]?.holdings[holder, default: 0] += amount
    }

    /// Makes a contract that calls tokens for others, or one that is handed entries and leaves them alone.
    package mutating func deploy(router: StellarAddress, usesEntries: Bool) {
        self.routers[router] = usesEntries
    }

    /// Nil where `holder` cannot hold it.
    package func holding(_ token: StellarAddress, of holder: StellarAddress) -> Int128? {
        self.tokens[token]?.holdings[holder]
    }

    /// All units of a token that there are.
    package func supply(of token: StellarAddress) -> Int128 {
        self.tokens[token]?.holdings.values.reduce(0, +) ?? 0
    }

    package func lumens(of account: StellarAddress) -> Int64? { self.accounts[account]?.lumens }

    func nextSequence(of account: StellarAddress) -> Int64 { (self.accounts[account]?.sequence ?? 0) + 1 }

    // MARK: Transactions

    /// Takes a transaction for one of the next ledgers.
    /// - Returns: why not, or nil.
    mutating func submit(_ bytes: [UInt8]) -> String? {
        guard let transaction = try? StellarTransaction(decoding: bytes) else { return "txMALFORMED" }
        if let reason = self.admission(transaction) { return reason }
        guard self.pending.count < Self.pendingLimit else { return "txINSUFFICIENT_FEE" }
        if StellarFaults.happens(&self.faults.dropNext) { return nil }
        self.pending.append((self.sequence + 1 + self.faults.delayLedgers, bytes))
        return nil
    }

    /// Closes the next ledger with what waits for it.
    package mutating func close() {
        self.sequence += 1
        self.closeTime += Self.closeSeconds
        let due = self.pending.filter { $0.landing <= self.sequence }
        self.pending.removeAll { $0.landing <= self.sequence }
        for (_, bytes) in due { self.apply(bytes) }
        let sequence = self.sequence
        self.nonces = self.nonces.filter { $0.value >= sequence }
    }

    /// Why no ledger would take it, in the network's words.
    private func admission(_ transaction: StellarTransaction) -> String? {
        guard let account = self.accounts[transaction.source] else { return "txNO_ACCOUNT" }
        guard transaction.sequence == account.sequence + 1 else { return "txBAD_SEQ" }
        if transaction.maxTime > 0, Int64(clamping: transaction.maxTime) < self.closeTime {
            return "txTOO_LATE"
        }
        guard account.lumens >= Int64(transaction.fee) else { return "txINSUFFICIENT_BALANCE" }
        let signed = transaction.signatures.contains { decorated in
            guard let signature = try? Signature(decorated.signature) else { return false }
            return decorated.hint == Array(transaction.source.bytes.suffix(4))
                && transaction.source.publicKey?.verifies(
                    signature, over: transaction.hash(on: self.network)) == true
        }
        return signed ? nil : "txBAD_AUTH"
    }

    private mutating func apply(_ bytes: [UInt8]) {
        guard let transaction = try? StellarTransaction(decoding: bytes),
            self.admission(transaction) == nil
        else { return }
        self.accounts[transaction.source]?.sequence += 1
        self.accounts[transaction.source]?.lumens -= Int64(transaction.fee)
        var (transfers, failure): ([StellarPayment], String?) = ([], nil)
        do throws(Refusal) {
            for payment in try self.calls(of: transaction) {
                if let reason = self.refusal(of: payment) { throw Refusal(reason: reason) }
                transfers.append(payment)
            }
            for payment in transfers { self.move(payment) }
        } catch {
            (transfers, failure) = ([], error.reason)
        }
        self.history.append(
            Entry(
                id: Hex.encode(transaction.hash(on: self.network)), ledger: self.sequence, bytes: bytes,
                failure: failure, transfers: transfers))
    }

    struct Refusal: Error { let reason: String }

    /// The transfers that a transaction makes; the hash and signature of each entry were checked.
    func calls(of transaction: StellarTransaction) throws(Refusal) -> [StellarPayment] {
        let payments = transaction.authorizations(on: self.network).map(\.payment)
        guard let contract = transaction.contract else { throw Refusal(reason: "no such contract") }
        if let usesEntries = self.routers[contract] { return usesEntries ? payments : [] }
        guard self.tokens[contract] != nil else { throw Refusal(reason: "no such contract") }
        guard let payment = payments.first(where: { transaction.makes($0) }) else {
            throw Refusal(reason: "not authorized: no entry that is signed for this call")
        }
        return [payment]
    }

    /// Why a transfer would fail in the ledger that is being closed, or nil.
    func refusal(of payment: StellarPayment, in ledger: UInt32? = nil) -> String? {
        guard let token = self.tokens[payment.token] else { return "no such contract" }
        guard payment.expiration >= ledger ?? self.sequence else { return "signature has expired" }
        guard self.nonces[Nonce(account: payment.from, value: payment.nonce)] == nil else {
            return "nonce already exists"
        }
        guard let balance = token.holdings[payment.from], self.accounts[payment.from] != nil else {
            return "trustline entry is missing for account"
        }
        guard balance >= Int128(payment.amount) else { return "balance is not sufficient to spend" }
        guard payment.to.kind == .contract || token.holdings[payment.to] != nil else {
            return "trustline entry is missing for account"
        }
        return nil
    }

    private mutating func move(_ payment: StellarPayment) {
        self.tokens[payment.token]?.holdings[payment.from, default: 0] -= Int128(payment.amount)
        self.tokens[payment.token]?.holdings[payment.to, default: 0] += Int128(payment.amount)
        self.nonces[Nonce(account: payment.from, value: payment.nonce)] = payment.expiration
    }
}

/// What a simulated network or its node does wrong on purpose.
package struct StellarFaults: Sendable, Equatable {
    /// So many transactions are taken and answered as pending, and are forgotten.
    package var dropNext = 0
    /// Transactions land so many ledgers later than they could.
    package var delayLedgers: UInt32 = 0
    /// So many requests of any kind are answered with an internal error.
    package var refuseNext = 0
    /// So many transactions are taken, but the answer is an error.
    package var loseAnswerNext = 0
    /// The node says that the latest ledger is so much later, whatever it is asked.
    package var latestAhead: UInt32 = 0
    /// The same lie, in answer to `getLatestLedger` alone.
    package var latestAheadOnce: UInt32 = 0
    /// The node has forgotten everything before this ledger; the network has not.
    package var prunedBefore: UInt32 = 0
    /// The node lists what tokens report and does not have the transactions.
    package var hidesTransactions = false
    /// The node says nothing of what tokens report.
    package var hidesEvents = false

    package init() {}

    /// Counts one fault down; false when there was none left.
    static func happens(_ count: inout Int) -> Bool {
        guard count > 0 else { return false }
        count -= 1
        return true
    }
}
