import Home
import Ledger
import Node
import Rails
import SimulatedChain
import Solana
import Wallet

/// What a crowd left behind, seen from outside: the files of robots and shops, and the chain.
///
/// - What was paid for was delivered, and nothing was paid twice.
/// - A robot's books say what the chain says: what its wallet has, and which payments left it.
/// - What the robots spent is what the shops were paid, on the chain or in vouchers.
/// - No token was made or lost.
package struct CrowdAudit: Sendable {
    private(set) var purchases = 0
    private(set) var payments = 0
    private(set) var faults: [String] = []

    private let mint: Address
    private let bank: Bank
    /// What the robots spent in all, and what of it is vouchers, by channel. Atomic units.
    private var spent: UInt64 = 0
    private var vouchers: [String: UInt64] = [:]
    /// What stands in wallets, shops and channels.
    private var held: UInt64 = 0

    init(_ crowd: Crowd, _ cluster: Cluster, mint: Address) async throws {
        self.mint = mint
        self.bank = await cluster.withBank { $0 }
        for number in 0..<crowd.robots {
            try self.look(at: crowd.home(number), as: "robot-\(number)", crowd)
        }
        try self.look(at: Crowd.shops, crowd)
        let made = Crowd.tokens * UInt64(crowd.robots)
        if self.held != made { self.faults.append("of \(made) tokens there are \(self.held)") }
        for (supply, held) in self.bank.tokenSupplies.values where supply != held {
            self.faults.append("of \(supply) tokens the chain has \(held)")
        }
    }

    private func tokens(of owner: Address) -> UInt64 {
        let account = self.bank.accounts[.associatedToken(owner: owner, mint: self.mint)]
        return account.flatMap { try? TokenAccount(decoding: $0.data).amount } ?? 0
    }

    // MARK: Robots

    private mutating func look(at home: Home, as name: String, _ crowd: Crowd) throws {
        let wallet = try crowd.address(home, .payment)
        let view = try home.viewLedger()
        var records: [IntentRecord] = []
        try view.forEachIntent { records.append($0) }
        var faults = try view.faults()
        faults += self.wrongPayments(records)
        let paid = records.filter { $0.state == .settled }
        let things = paid.filter { $0.proposal.filledChannel == nil }
        self.purchases += things.count { $0.delivery == .delivered }
        self.payments += paid.count
        let wanted = crowd.batches + crowd.errands
        let count = things.count { $0.delivery == .delivered }
        if count != wanted { faults.append("has \(count) things of \(wanted)") }
        let onChain = Auditor.payments(out: .associatedToken(owner: wallet, mint: self.mint), in: self.bank)
        let inBooks = paid.filter { $0.channel == nil }.compactMap(\.transaction)
        if onChain.sorted() != inBooks.sorted() {
            faults.append("has \(inBooks.count) payments in its books, \(onChain.count) on the chain")
        }
        let token = SolanaNames.token(self.mint, on: .devnet)
        let tokens = self.tokens(of: wallet)
        self.held += tokens
        if let balance = try view.balances().first(where: { $0.asset.id == token }) {
            if balance.inWallet != tokens { faults.append("books \(balance.inWallet), has \(tokens)") }
            if balance.deposited != Int64(Crowd.tokens) { faults.append("was given \(balance.deposited)") }
            let sum = things.reduce(0) { $0 + $1.proposal.amount }
            if balance.spent != Int64(sum) { faults.append("spent \(balance.spent), paid \(sum)") }
            self.spent += UInt64(clamping: balance.spent)
        } else {
            faults.append("knows of no money")
        }
        for channel in try view.channels() { self.vouchers[channel.id] = channel.spent }
        self.faults += faults.map { "\(name) \($0)" }
    }

    /// Payments whose outcome is open, that brought nothing, or that were made twice.
    private func wrongPayments(_ records: [IntentRecord]) -> [String] {
        var (faults, seen): ([String], Set<Purchase>) = ([], [])
        for record in records {
            let what = "\(record.proposal.purpose.rawValue) payment \(record.id)"
            if record.state.isOpen { faults.append("\(what) is \(record.state.rawValue): \(record.reason)") }
            guard record.state == .settled else { continue }
            if record.delivery != .delivered, record.proposal.filledChannel == nil {
                faults.append("\(what) brought nothing: \(record.delivery.rawValue)")
            }
            if !seen.insert(record.proposal.purchase).inserted { faults.append("\(what) was paid before") }
        }
        return faults
    }

    // MARK: Shops

    private mutating func look(at shops: [Crowd.ShopPrices], _ crowd: Crowd) throws {
        var (received, charged, sold): (UInt64, [String: UInt64], Int) = (0, [:], 0)
        for shop in shops {
            let (home, name) = (crowd.home(of: shop), "shop \(shop.name)")
            received += self.tokens(of: try crowd.address(home, .payment))
            let view = try NodeView(home)
            sold += view.salesDone
            for (channel, amount) in view.charged { charged[channel, default: 0] += amount }
            if view.salesOpen > 0 { self.faults.append("\(name) has \(view.salesOpen) open sales") }
            self.faults += try home.viewLedger().faults().map { "\(name) \($0)" }
        }
        let channels = self.bank.accounts.filter { $0.value.owner == .paymentChannelsProgram }
        let paidOut = try channels.values.reduce(0) { try $0 + ChannelAccount(decoding: $1.data).paidOut }
        self.held += channels.keys.reduce(received) { $0 + self.tokens(of: $1) }
        if charged.filter({ $0.value > 0 }) != self.vouchers.filter({ $0.value > 0 }) {
            self.faults.append("the shops charged channels otherwise than the robots' books say")
        }
        // In hand, or shown and not paid out.
        let promised = Int64(charged.values.reduce(0, +)) - Int64(paidOut)
        if Int64(self.spent) != Int64(received) + promised {
            self.faults.append(
                "the robots spent \(self.spent), the shops have \(received) and vouchers for \(promised)")
        }
        if sold != self.purchases {
            self.faults.append("the shops sold \(sold) things, the robots have \(self.purchases)")
        }
    }
}
