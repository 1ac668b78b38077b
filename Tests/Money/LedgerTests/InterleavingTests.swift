import Encoding
import Ledger
import Sodium
import SystemPackage
import TestSupport
import Testing

/// Random lives of a ledger: whatever happens in whatever order, with crashes, the limits hold and the books
/// balance.
@Suite struct InterleavingTests {
    static let windowSum: UInt64 = 600
    static let windowSeconds: Int64 = 100
    static let lifetime: UInt64 = 2_500
    static let approvedAbove: UInt64 = 120

    /// What the outside world knows about one payment.
    struct Truth {
        var payments: [JournalledPayment] = []
        var settled = 0
        /// Who agreed to which terms since it was reserved last.
        var approvers: Set<UInt8> = []
        var approved: Terms?
    }

    private func policy() throws -> [UInt8] {
        let approvers = try [11, 12].map { JSON.string(base58(try key($0).publicKey)) }
        return try Scene.policy { document in
            document["limits"] = [
                [
                    "id": "window", "asset": .string(Scene.dollar.id),
                    "window_seconds": .integer(Self.windowSeconds),
                    "sum": .string(String(Self.windowSum)),
                ],
                [
                    "id": "life", "asset": .string(Scene.dollar.id),
                    "lifetime": .string(String(Self.lifetime)),
                ],
            ]
            document["approvers"] = .array(approvers)
            document["approval"] = [
                [
                    "asset": .string(Scene.dollar.id), "above": .string(String(Self.approvedAbove)),
                    "quorum": 2,
                ]
            ]
        }
    }

    /// Everything that must be true after each step.
    private func check(_ ledger: PaymentLedger, _ clock: Clock, _ seed: UInt64, _ step: Int) async throws {
        let comment: Comment = "seed \(seed), step \(step)"
        #expect(try await ledger.read { try $0.faults() }.isEmpty, comment)
        let balance = try #require(try await ledger.balance())
        #expect(balance.available + balance.reserved + balance.spent == balance.deposited, comment)
        let records = try await ledger.read { try $0.intents() }
        let holding = records.filter { $0.state.holdsMoney }
        let held = holding.reduce(UInt64(0)) { $0 + $1.proposal.amount }
        #expect(held <= Self.lifetime, comment)
        #expect(Int64(held) == balance.reserved + balance.spent, comment)
        // The journal says when each was reserved last.
        let journal = try await ledger.read { try $0.journal() }
        var reservedAt: [IntentID: Int64] = [:]
        for entry in journal where entry.after == .reserved {
            if let intent = entry.intent { reservedAt[intent] = entry.at }
        }
        // No window of this length, wherever it ends, holds more than its sum.
        for end in holding.compactMap({ reservedAt[$0.id] }) {
            let inside = holding.filter { record in
                guard let at = reservedAt[record.id] else { return false }
                return at <= end && at > end - Self.windowSeconds * 1_000
            }
            #expect(inside.reduce(UInt64(0)) { $0 + $1.proposal.amount } <= Self.windowSum, comment)
        }
        // One purchase is never paid twice, unless the first payment is a loss.
        let live = records.filter(\.isLive)
        #expect(Set(live.map(\.proposal.purchase)).count == live.count, comment)
    }

    @Test(arguments: 0..<24 as Range<UInt64>) func `limits hold and the books balance`(seed: UInt64)
        async throws
    {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            let clock = Clock()
            var generator = Seeded(seed)
            var ledger = try await Scene.ledger(path: path, clock: clock, money: 5_000, policy: self.policy())
            var truths: [IntentID: Truth] = [:]
            for step in 0..<60 {
                clock.advance(seconds: Int64.random(in: 0...20, using: &generator))
                switch Int.random(in: 0..<14, using: &generator) {
                case 0, 1, 2, 3:
                    let proposal = Scene.proposal(
                        UInt64.random(in: 1...200, using: &generator) / 50 * 50 + 1,
                        job: "job \(Int.random(in: 0..<12, using: &generator))",
                        payee: Bool.random(using: &generator) ? "chain:alpha" : "chain:beta")
                    let before = try await ledger.newest(proposal)
                    let isReserved = before?.state == .reserved && before?.proposal.terms == proposal.terms
                    let isStopped = try await ledger.read { try $0.hold() } != nil
                    guard case .authorized = try await ledger.answer(to: proposal) else { continue }
                    #expect(!isStopped, "seed \(seed), step \(step)")
                    let id = try #require(try await ledger.newest(proposal)).id
                    if !isReserved, proposal.amount > Self.approvedAbove {
                        let truth = truths[id]
                        #expect(
                            truth?.approvers.count == 2 && truth?.approved == proposal.terms,
                            "seed \(seed), step \(step)")
                        truths[id]?.approvers = []
                    }
                    // Some stay reserved, some are signed.
                    if Bool.random(using: &generator) {
                        truths[id, default: Truth()].payments.append(
                            try await ledger.pay(proposal, height: UInt64(step)))
                    }
                case 4: ledger = try Scene.open(path: path, clock: clock)
                case 5: try await self.order(.freeze(reason: "test"), by: 11, ledger, clock, step)
                case 6, 7: try await self.order(.unfreeze, by: 11, ledger, clock, step)
                case 8, 9:
                    let waiting = try await ledger.read { try $0.intents(in: [.waiting]) }
                    guard let record = waiting.randomElement(using: &generator) else { continue }
                    let approver: UInt8 = Bool.random(using: &generator) ? 11 : 12
                    try await self.order(
                        .approve(record.id, digest: record.proposal.digest), by: approver, ledger, clock, step
                    )
                    var truth = truths[record.id, default: Truth()]
                    if truth.approved != record.proposal.terms { truth.approvers = [] }
                    truth.approved = record.proposal.terms
                    truth.approvers.insert(approver)
                    truths[record.id] = truth
                default:
                    let ids = truths.keys.sorted { $0.description < $1.description }
                    guard let id = ids.randomElement(using: &generator),
                        let payment = truths[id]?.payments.last
                    else { continue }
                    try await self.happen(
                        Int.random(in: 0..<6, using: &generator), payment, ledger, &truths, seed)
                }
                try await self.check(ledger, clock, seed, step)
            }
            for (id, truth) in truths { #expect(truth.settled <= 1, "seed \(seed): \(id)") }
        }
    }

    /// A signed command of the owner or an approver; every step is later than the one before.
    private func order(
        _ operation: OwnerCommand.Operation, by issuer: UInt8, _ ledger: PaymentLedger, _ clock: Clock,
        _ step: Int
    ) async throws {
        let now = clock.now.milliseconds
        let signer = try key(issuer)
        let challenge = operation.permits ? await ledger.challenge(entropy: Counter()) : []
        _ = try await ledger.execute(
            OwnerCommand(
                wallet: base58(try key(2).publicKey), issuer: signer.publicKey, sequence: UInt64(step + 1),
                issuedAt: now, expiresAt: now + 10_000_000, challenge: challenge, operation: operation
            ).signed(with: signer))
    }

    /// One piece of news about a payment; what the state does not allow is refused and changes nothing.
    private func happen(
        _ news: Int, _ payment: JournalledPayment, _ ledger: PaymentLedger, _ truths: inout [IntentID: Truth],
        _ seed: UInt64
    ) async throws {
        let id = payment.intent
        let before = try await ledger.read { try $0.intent(id) }
        do {
            switch news {
            case 0: try await ledger.markSubmitted(payment)
            case 1:
                try await ledger.settle(
                    id, proof: SettlementProof(transaction: "tx \(payment.attempt)", place: "slot 1"))
                if before?.state != .settled { truths[id]?.settled += 1 }
            case 2: try await ledger.fail(id, transaction: "tx \(payment.attempt)", reason: "news")
            case 3: try await ledger.expire(id, at: "height \(payment.horizon.last + 1)")
            case 4: try await ledger.markUnknown(id, reason: "news")
            default: try await ledger.lose(id, reason: "lost", evidence: "news")
            }
        } catch is LedgerError {
            #expect(try await ledger.read { try $0.intent(id) } == before, "seed \(seed)")
        }
    }
}
