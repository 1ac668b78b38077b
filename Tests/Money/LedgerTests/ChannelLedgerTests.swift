import Encoding
import Ledger
import Sodium
import Synchronization
import Testing
import World

/// Channels in the books alone: a payee that redeems more or less than it accepted, reservations at the
/// close.
@Suite struct ChannelLedgerTests {
    private static let id = Base58.encode([UInt8](repeating: 9, count: 32))

    /// A ledger with an open channel of 10,000.
    private func open(
        timeline: any Timeline = Clock(), observer: @escaping @Sendable (JournalEntry) -> Void = { _ in },
        _ body: (PaymentLedger) async throws -> Void
    ) async throws {
        let wallet = try key(2)
        let owner = try key(11)
        let ledger = try PaymentLedger(
            path: nil, wallet: wallet.publicKey, owner: owner.publicKey, timeline: timeline,
            observer: observer)
        let document: JSON = [
            "schema": "depai-policy/1", "wallet": .string(Base58.encode(wallet.publicKey.bytes)),
            "owner": .string(Base58.encode(owner.publicKey.bytes)), "seq": 1, "mode": "active",
            "assets": [["asset": .string(self.dollar.id), "symbol": "USD", "decimals": 6]],
            "payees": [["id": "a", "account": "chain:a", "purposes": ["storage", "channel"]]],
            "limits": [
                ["id": "all", "asset": .string(self.dollar.id), "per_payment": "5000"],
                [
                    "id": "escrow", "asset": .string(self.dollar.id), "purpose": "channel",
                    "per_payment": "10000",
                ],
            ],
        ]
        try await ledger.apply(policy: Policy.sign(document, with: owner))
        try await ledger.deposit(50_000, asset: self.dollar, reference: "first")
        try await ledger.prepareChannel(Self.id, payee: "chain:a", asset: self.dollar, terms: [])
        let deposit = Proposal(
            Purchase(.deposit(channel: Self.id)),
            Terms(payee: "chain:a", asset: self.dollar, amount: 10_000), note: "escrow")
        guard case .authorized(let authorization) = try await ledger.authorize(deposit) else {
            Issue.record("the deposit is not allowed")
            return
        }
        let payment = try await ledger.journal(
            try authorization.signed([1], by: wallet), payload: [2], horizon: Horizon(last: 9))
        try await ledger.settle(payment.intent, proof: .init(transaction: "open", place: "slot 1"))
        try await body(ledger)
        #expect(try await ledger.read { try $0.faults() + $0.chainFaults() } == [])
    }

    private let dollar = Asset(id: "chain/token:dollar", symbol: "USD", decimals: 6)

    private func sign(_ ledger: PaymentLedger, _ job: String, _ amount: UInt64) async throws
        -> JournalledPayment
    {
        let proposal = Proposal(
            Purchase(.object(job)), Terms(payee: "chain:a", asset: self.dollar, amount: amount), note: "")
        guard case .authorized(let authorization) = try await ledger.authorize(proposal, from: Self.id),
            let voucher = authorization.voucher
        else { throw Denial(rule: "test", reason: "not allowed") }
        var message: [UInt8] = [0x56, 0x01] + [UInt8](repeating: 9, count: 32)
        message.append(little: voucher.cumulative)
        message.append(little: UInt64(0))
        let attempt = try authorization.signed(message, by: key(2))
        return try await ledger.journal(attempt, payload: [3], horizon: .never)
    }

    private func topUp(_ ledger: PaymentLedger, series: UInt32) async throws -> JournalledPayment {
        let deposit = Proposal(
            Purchase(.deposit(channel: Self.id), series: series),
            Terms(payee: "chain:a", asset: self.dollar, amount: 5_000), note: "more escrow")
        guard case .authorized(let authorization) = try await ledger.authorize(deposit) else {
            throw Denial(rule: "test", reason: "not allowed")
        }
        return try await ledger.journal(
            try authorization.signed([4], by: key(2)), payload: [3], horizon: Horizon(last: 9))
    }

    @Test
    func `a top-up that never arrives takes the voucher over it along, and the channel is not filled again`()
        async throws
    {
        try await self.open { ledger in
            for job in ["1", "2"] {
                let payment = try await self.sign(ledger, job, 4_500)
                try await ledger.accept(payment.intent, commitment: job)
            }
            let first = try await self.topUp(ledger, series: 1)
            let voucher = try await self.sign(ledger, "3", 4_000)
            try await ledger.markUnknown(voucher.intent, reason: "silence")
            // While another deposit may still cover it, it may still be good.
            let second = try await self.topUp(ledger, series: 2)
            try await ledger.expire(first.intent, at: "height 10")
            #expect(try await ledger.read { try $0.intent(voucher.intent)?.state } == .unknown)
            try await ledger.fail(second.intent, transaction: "tx", reason: "no funds")
            #expect(try await ledger.read { try $0.intent(voucher.intent)?.state } == .expired)
            let channel = try #require(try await ledger.read { try $0.channel(Self.id) })
            #expect(channel.isBarred && channel.state == .open && channel.free == 1_000)
            // What is in it can still be spent.
            let last = try await self.sign(ledger, "4", 1_000)
            try await ledger.accept(last.intent, commitment: "4")
            let balance = try await self.balance(ledger)
            #expect(balance.spent == 10_000 && balance.escrowed == 0 && balance.available == 40_000)
        }
    }

    private func balance(_ ledger: PaymentLedger) async throws -> Balance {
        try #require(try await ledger.read { try $0.balances().first })
    }

    @Test func `a payee that redeems less leaves the rest to the wallet`() async throws {
        try await self.open { ledger in
            try await ledger.accept(self.sign(ledger, "1", 3_000).intent, commitment: "c:3000")
            try await ledger.closeChannel(Self.id, redeemed: 1_000, transaction: "end")
            let balance = try await self.balance(ledger)
            #expect((balance.available, balance.escrowed, balance.spent) == (49_000, 0, 3_000))
            #expect(balance.earned == 2_000, "vouchers that were never redeemed")
        }
    }

    @Test func `a payee that redeems a voucher which it said it never got has it, and it is seen`()
        async throws
    {
        try await self.open { ledger in
            try await ledger.accept(self.sign(ledger, "1", 3_000).intent, commitment: "c:3000")
            let lost = try await self.sign(ledger, "2", 4_000)
            try await ledger.markUnknown(lost.intent, reason: "no answer")
            try await ledger.closeChannel(Self.id, redeemed: 7_000, transaction: "end")
            let balance = try await self.balance(ledger)
            #expect((balance.available, balance.escrowed, balance.spent) == (43_000, 0, 7_000))
            #expect(try await ledger.read { try $0.intent(lost.intent)?.state } == .settled)
        }
    }

    @Test func `what is open at the close is given back with the rest`() async throws {
        try await self.open { ledger in
            let lost = try await self.sign(ledger, "1", 4_000)
            try await ledger.markUnknown(lost.intent, reason: "no answer")
            let proposal = Proposal(
                Purchase(.object("2")), Terms(payee: "chain:a", asset: self.dollar, amount: 500), note: "")
            guard case .authorized(let unsigned) = try await ledger.authorize(proposal, from: Self.id) else {
                Issue.record("not allowed")
                return
            }
            try await ledger.suspend(unsigned)
            try await ledger.closeChannel(Self.id, redeemed: 0, transaction: "end")
            let balance = try await self.balance(ledger)
            #expect((balance.available, balance.escrowed, balance.spent) == (50_000, 0, 0))
            let states = try await ledger.read { try $0.intents().map(\.state) }
            #expect(Set(states) == [.settled, .expired, .failed])
        }
    }

    @Test func `one voucher at a time is on its way, and no more than the deposit`() async throws {
        try await self.open { ledger in
            let first = try await self.sign(ledger, "1", 5_000)
            await #expect(throws: LedgerError.self) { try await self.sign(ledger, "2", 1_000) }
            try await ledger.accept(first.intent, commitment: "c:5000")
            try await ledger.accept(self.sign(ledger, "2", 4_999).intent, commitment: "c:9999")
            await #expect(throws: Denial.self) { try await self.sign(ledger, "3", 2) }
            try await ledger.accept(self.sign(ledger, "3", 1).intent, commitment: "c:10000")
            #expect(try await self.balance(ledger).escrowed == 0)
        }
    }

    /// Who commits after a while never comes.
    private struct Stopped: Timeline {
        var now: Timestamp { Timestamp(milliseconds: 1_800_000_000_000, quality: .virtual) }
        var uptime: Duration { .zero }
        func sleep(for duration: Duration) async throws {
            try await Task.sleep(for: .seconds(3_600), clock: .continuous)
        }
    }

    @Test func `an acceptance gets to the disk with the next voucher, and a peek does not hurry it`()
        async throws
    {
        let committed = Mutex<[IntentState?]>([])
        try await self.open(
            timeline: Stopped(), observer: { entry in committed.withLock { $0.append(entry.after) } }
        ) { ledger in
            func seen() -> [IntentState?] { committed.withLock { Array($0.suffix(2)) } }
            // One of them is the deposit.
            func settled() -> Int { committed.withLock { $0.count { $0 == .settled } } }
            try await ledger.accept(self.sign(ledger, "1", 1_000).intent, commitment: "c:1000")
            #expect(seen().last == .submitted)
            // What is not on the disk yet is what a decision has to know all the same.
            let spent = try await ledger.peek { try $0.channel(Self.id)?.spent }
            #expect(spent == 1_000 && settled() == 1)
            let second = try await self.sign(ledger, "2", 1_000)
            #expect(seen() == [.reserved, .submitted])
            #expect(settled() == 2)
            try await ledger.accept(second.intent, commitment: "c:2000")
            // A read waits for the disk.
            #expect(try await ledger.read { try $0.channel(Self.id)?.spent } == 2_000)
            #expect(seen().last == .settled)
        }
    }

    // MARK: Found on the chain

    private static let found = Base58.encode([UInt8](repeating: 8, count: 32))

    private func adopt(_ ledger: PaymentLedger) async throws -> ChannelRecord {
        try await ledger.adoptChannel(
            Self.found, payee: "chain:a", asset: self.dollar, terms: [], deposit: 10_000, settled: 2_000)
    }

    @Test func `a found channel is booked once, and nothing is spent from it`() async throws {
        try await self.open { ledger in
            let record = try await self.adopt(ledger)
            #expect(try await self.adopt(ledger) == record)
            #expect(
                (record.state, record.deposit, record.spent, record.free) == (.closing, 10_000, 2_000, 8_000))
            let balance = try await self.balance(ledger)
            #expect((balance.deposited, balance.spent, balance.escrowed) == (60_000, 2_000, 18_000))
            let proposal = Proposal(
                Purchase(.object("1")), Terms(payee: "chain:a", asset: self.dollar, amount: 1), note: "")
            await #expect(throws: LedgerError.self) {
                _ = try await ledger.authorize(proposal, from: Self.found)
            }
        }
    }

    @Test func `its payee is believed up to the deposit, never backwards, and no other channel's`()
        async throws
    {
        try await self.open { ledger in
            _ = try await self.adopt(ledger)
            for charged in [1_999, 10_001, .max] as [UInt64] {
                #expect(try await ledger.catchUp(Self.found, to: charged, evidence: "") == false)
            }
            #expect(try await ledger.catchUp(Self.found, to: 5_000, evidence: "signature"))
            #expect(try await ledger.catchUp(Self.found, to: 5_000, evidence: "signature"))
            #expect(try await ledger.catchUp(Self.found, to: 4_999, evidence: "") == false)
            #expect(try await self.balance(ledger).spent == 5_000)
            // Of a channel that this ledger filled it knows better.
            try await ledger.beginClosing(Self.id)
            #expect(try await ledger.catchUp(Self.id, to: 5_000, evidence: "") == false)
            try await ledger.closeChannel(Self.found, redeemed: 6_000, transaction: "end")
            let balance = try await self.balance(ledger)
            #expect((balance.spent, balance.lost, balance.available) == (6_000, 0, 44_000))
        }
    }
}
