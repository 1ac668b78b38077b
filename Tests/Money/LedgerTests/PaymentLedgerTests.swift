import Database
import Encoding
import Ledger
import Sodium
import Synchronization
import TestSupport
import Testing

@Suite struct PaymentLedgerTests {
    let proposal = Scene.proposal(100)

    @Test func `the same proposal twice is one payment`() async throws {
        let ledger = try await Scene.ledger()
        for _ in 0..<3 { #expect(try await ledger.answer(to: self.proposal) == .authorized(attempt: 1)) }
        #expect(try await ledger.balance()?.reserved == 100)
        let payment = try await ledger.pay(self.proposal)
        #expect(try await ledger.answer(to: self.proposal) == .inFlight(.signed, attempt: 1))
        try await ledger.markSubmitted(payment)
        #expect(try await ledger.answer(to: self.proposal) == .inFlight(.submitted, attempt: 1))
        try await ledger.settle(self.proposal.id, proof: SettlementProof(transaction: "tx", place: "slot 1"))
        #expect(try await ledger.answer(to: self.proposal) == .settled)
        let balance = try #require(try await ledger.balance())
        #expect(
            balance.spent == 100 && balance.reserved == 0 && balance.available == 9_900
                && balance.deposited == 10_000)
    }

    @Test func `what makes a purchase another one, and what does not`() {
        let same = [
            Scene.proposal(101), Scene.proposal(100, payee: "chain:beta"),
            Scene.proposal(100, asset: Scene.coin),
            Proposal(self.proposal.purchase, self.proposal.terms, note: "said differently"),
        ]
        #expect(Set(same.map(\.id)) == [self.proposal.id])
        let others = [
            Scene.proposal(100, job: "job2"), Scene.proposal(100, purpose: .compute),
            Scene.proposal(100, series: 1),
            // Lengths are part of the name: no field can lend letters to its neighbour.
            Scene.proposal(100, job: "estorag", purpose: .service),
        ]
        let slots: [Subject] = [
            .object("job", slot: 1), .object("job", period: 1), .object("job", slot: 1, period: 1),
            .job("job", slot: 1), .object("job#1.0"), .job("job#1"),
        ]
        let names = others.map(\.id) + slots.map { Purchase($0).intent(round: 0) }
        let rounds = (0..<3).map { self.proposal.purchase.intent(round: $0) }
        #expect(Set(names + rounds).count == 13)
        #expect(IntentID(text: self.proposal.id.description) == self.proposal.id)
        #expect(IntentID(text: self.proposal.id.description.uppercased()) == nil)
        #expect(IntentID(text: "") == nil && IntentID(text: self.proposal.id.description + "00") == nil)
    }

    @Test func `terms change until something is signed, and then not while it may be paid`() async throws {
        let ledger = try await Scene.ledger()
        let rivals = [Scene.proposal(100, payee: "chain:beta"), Scene.proposal(90)]
        func refused(_ comment: Comment) async throws {
            for rival in rivals {
                let state = try #require(try await ledger.state(self.proposal))
                #expect(try await ledger.answer(to: rival) == .differs(state), comment)
                guard case .denied(let denial) = try await ledger.foresee(rival) else {
                    Issue.record("another purchase was foreseen")
                    return
                }
                #expect(denial.rule == "purchase")
            }
        }
        for proposal in rivals + [self.proposal] {
            #expect(try await ledger.answer(to: proposal) == .authorized(attempt: 1))
            let record = try #require(try await ledger.newest(proposal))
            #expect(record.proposal == proposal && record.id == self.proposal.id && record.round == 0)
            #expect(try await ledger.balance()?.reserved == Int64(proposal.amount))
        }
        let payment = try await ledger.pay(self.proposal)
        try await refused("signed")
        try await ledger.markSubmitted(payment)
        try await refused("submitted")
        try await ledger.markUnknown(self.proposal.id, reason: "silence")
        try await refused("unknown")
        try await ledger.settle(self.proposal.id, proof: SettlementProof(transaction: "tx", place: "slot 1"))
        try await refused("settled")
        #expect(
            try await ledger.answer(to: Scene.proposal(100, payee: "chain:beta", series: 1))
                == .authorized(attempt: 1))
        // Paid and lost: it may be bought elsewhere.
        try await ledger.lose(self.proposal.id, reason: "lost", evidence: "no answer")
        #expect(try await ledger.answer(to: rivals[0]) == .authorized(attempt: 1))
        #expect(try await ledger.newest(self.proposal)?.round == 1)
        #expect(try await ledger.read { try $0.intent(self.proposal.id)?.delivery } == .lost)
    }

    /// What the ledger decides is what the file allows: a fault of ours could not pay twice either.
    @Test func `the file itself holds no two live payments of one purchase`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            let ledger = try await Scene.ledger(path: path)
            try await ledger.settled(self.proposal)
            let connection = try Connection(path: path.string)
            let copy = """
                INSERT INTO intent (id, purpose, job, payee, asset, amount, series, round, note, state,
                    created_at, updated_at, delivery)
                SELECT 'other', purpose, job, 'chain:beta', asset, 1, series, 1, '', ?, 0, 0, ? FROM intent
                """
            for state in ["reserved", "signed", "submitted", "unknown", "settled"] {
                #expect(throws: DatabaseError.self, "\(state)") {
                    try connection.run(copy, .text(state), .text("pending"))
                }
            }
            try connection.run(copy, .text("denied"), .text("pending"))
            #expect(throws: DatabaseError.self) {
                try connection.run("UPDATE intent SET state = 'reserved' WHERE id = 'other'")
            }
        }
    }

    @Test func `terms that change for ever are refused a few times and leave no rows`() async throws {
        for (policy, rule) in try [
            (
                Scene.policy { $0["approval"] = [["asset": .string(Scene.dollar.id), "above": "1"]] },
                "approval"
            ),
            (Scene.policy { $0["payees"] = [] }, "payee"),
        ] {
            let ledger = try await Scene.ledger(policy: policy)
            for price in 100..<200 {
                let payee = price.isMultiple(of: 2) ? "chain:alpha" : "chain:x\(price)"
                _ = try await ledger.answer(to: Scene.proposal(UInt64(price), payee: payee))
            }
            #expect(try await ledger.read { try $0.intents().count } == 1, "\(rule)")
            #expect(try await ledger.read { try $0.head().sequence } < 20, "\(rule)")
        }
    }

    @Test func `an approval is for the terms that were shown`() async throws {
        let owner = base58(try key(11).publicKey)
        let ledger = try await Scene.ledger(
            policy: Scene.policy {
                $0["approvers"] = [.string(owner)]
                $0["approval"] = [["asset": .string(Scene.dollar.id), "above": "1"]]
            })
        func approve(_ proposal: Proposal, _ number: UInt64) async throws {
            let signer = try key(11)
            _ = try await ledger.execute(
                OwnerCommand(
                    wallet: base58(try key(2).publicKey), issuer: signer.publicKey, sequence: number,
                    issuedAt: 0, expiresAt: 1 << 50, challenge: await ledger.challenge(entropy: Counter()),
                    operation: .approve(proposal.id, digest: proposal.digest)
                ).signed(with: signer))
        }
        let dearer = Scene.proposal(101)
        _ = try await ledger.answer(to: self.proposal)
        try await approve(self.proposal, 1)
        #expect(try await ledger.answer(to: dearer) == .waiting("approval", allowedNow: 1))
        await #expect(throws: CommandError.self) { try await approve(self.proposal, 2) }
        #expect(try await ledger.answer(to: self.proposal) == .waiting("approval", allowedNow: 1))
        try await approve(self.proposal, 3)
        #expect(try await ledger.answer(to: self.proposal) == .authorized(attempt: 1))
    }

    @Test func `a permission in use is not given twice`() async throws {
        let ledger = try await Scene.ledger()
        guard case .authorized(let authorization) = try await ledger.authorize(self.proposal) else {
            Issue.record("not authorized")
            return
        }
        await #expect(throws: LedgerError.self) { _ = try await ledger.answer(to: self.proposal) }
        try await ledger.suspend(authorization)
        #expect(try await ledger.state(self.proposal) == .reserved)
        #expect(try await ledger.answer(to: self.proposal) == .authorized(attempt: 1))
    }

    @Test func `a released permission gives the money back`() async throws {
        let ledger = try await Scene.ledger()
        guard case .authorized(let authorization) = try await ledger.authorize(self.proposal) else {
            Issue.record("not authorized")
            return
        }
        try await ledger.release(authorization, reason: "the quote changed")
        #expect(try await ledger.state(self.proposal) == .failed)
        #expect(try await ledger.balance()?.reserved == 0)
        #expect(try await ledger.balance()?.available == 10_000)
        #expect(try await ledger.answer(to: self.proposal) == .authorized(attempt: 1))
    }

    /// A reservation is older than the order to stop.
    @Test func `a wallet that was frozen meanwhile hands out no reservation`() async throws {
        for change: (inout JSON) -> Void in [{ $0["mode"] = "frozen" }, { $0["lease"] = ["until_ms": 1] }] {
            let ledger = try await Scene.ledger()
            #expect(try await ledger.answer(to: self.proposal) == .authorized(attempt: 1))
            try await ledger.apply(policy: Scene.policy(sequence: 2, change))
            guard case .denied(_, nil) = try await ledger.answer(to: self.proposal) else {
                Issue.record("a frozen wallet authorized")
                return
            }
            #expect(try await ledger.state(self.proposal) == .reserved)
            try await ledger.apply(policy: Scene.policy(sequence: 3))
            #expect(try await ledger.answer(to: self.proposal) == .authorized(attempt: 1))
        }
    }

    @Test func `only a signature by one of the wallet's keys is journalled`() async throws {
        let ledger = try await Scene.ledger()
        guard case .authorized(let authorization) = try await ledger.authorize(self.proposal) else {
            Issue.record("not authorized")
            return
        }
        let attempt = try authorization.signed(Array("message".utf8), by: try key(9))
        do {
            _ = try await ledger.journal(attempt, payload: [], horizon: Horizon(last: 1))
            Issue.record("a foreign signature was journalled")
        } catch LedgerError.foreignSignature {}
        #expect(try await ledger.state(self.proposal) == .reserved)
    }

    @Test func `unknown counts as spent and only the same bytes come back`() async throws {
        let ledger = try await Scene.ledger(
            policy: Scene.policy {
                $0["limits"] = [["id": "life", "asset": .string(Scene.dollar.id), "lifetime": "150"]]
            })
        let payment = try await ledger.pay(self.proposal)
        await #expect(throws: LedgerError.self) {
            try await ledger.markUnknown(self.proposal.id, reason: "too early")
        }
        try await ledger.markSubmitted(payment)
        for _ in 0..<2 { try await ledger.markUnknown(self.proposal.id, reason: "silence") }
        #expect(try await ledger.balance()?.available == 9_900)
        let more = try await ledger.answer(to: Scene.proposal(51, job: "more"))
        #expect(more == .denied("limit:life", allowedNow: 50))
        guard case .inFlight(let again) = try await ledger.authorize(self.proposal) else {
            Issue.record("an unknown payment was not in flight")
            return
        }
        #expect(
            again.payload == payment.payload && again.message == payment.message && again.state == .unknown)
        #expect(again.signature == payment.signature && again.horizon.last == 100)
    }

    @Test(arguments: [true, false])
    func `failed and expired payments give the money back and may be tried again`(failed: Bool) async throws {
        let ledger = try await Scene.ledger()
        try await ledger.markSubmitted(try await ledger.pay(self.proposal))
        if failed {
            try await ledger.fail(self.proposal.id, transaction: "tx", reason: "the chain refused")
        } else {
            try await ledger.expire(self.proposal.id, at: "height 101")
        }
        #expect(try await ledger.state(self.proposal) == (failed ? .failed : .expired))
        #expect(try await ledger.balance()?.available == 10_000)
        let first = self.proposal.id
        #expect(try await ledger.answer(to: self.proposal) == .authorized(attempt: 1))
        let second = try await ledger.pay(self.proposal)
        #expect(second.intent == self.proposal.purchase.intent(round: 1) && second.payload != [])
        #expect(try await ledger.read { try $0.intent(first)?.state } == (failed ? .failed : .expired))
    }

    @Test func `a loss is booked once, and the payee keeps the money`() async throws {
        let ledger = try await Scene.ledger()
        await #expect(throws: LedgerError.self) {
            try await ledger.lose(self.proposal.id, reason: "lost", evidence: "x")
        }
        try await ledger.markSubmitted(try await ledger.pay(self.proposal))
        await #expect(throws: LedgerError.self) {
            try await ledger.lose(self.proposal.id, reason: "lost", evidence: "x")
        }
        try await ledger.settle(self.proposal.id, proof: SettlementProof(transaction: "tx", place: "slot 1"))
        for _ in 0..<2 { try await ledger.lose(self.proposal.id, reason: "lost", evidence: "no answer") }
        let balance = try #require(try await ledger.balance())
        #expect(balance.lost == 100 && balance.spent == 100 && balance.available == 9_900)
        let record = try #require(try await ledger.read { try $0.intent(self.proposal.id) })
        #expect(record.delivery == .lost && record.receipt == "no answer" && record.transaction == "tx")
        try await ledger.deliver(self.proposal.id, receipt: "late")
        #expect(try await ledger.read { try $0.intent(self.proposal.id)?.delivery } == .lost)
    }

    @Test func `money that comes in is booked once per reference`() async throws {
        let ledger = try await Scene.ledger(money: 0)
        for _ in 0..<2 {
            try await ledger.deposit(5, asset: Scene.dollar, reference: "tx 1")
            try await ledger.earn(7, asset: Scene.dollar, purpose: .storage, reference: "tx 1")
        }
        let balance = try #require(try await ledger.balance())
        #expect(balance.deposited == 5 && balance.earned == 7 && balance.available == 12)
        await #expect(throws: LedgerError.self) {
            try await ledger.deposit(.max, asset: Scene.dollar, reference: "tx 2")
        }
    }

    /// Which step leads from where, by everything that can happen to a payment.
    @Test(arguments: IntentState.allCases) func `only the allowed moves are made`(from: IntentState)
        async throws
    {
        enum Step: String, CaseIterable { case submit, settle, fail, expire, unknown, lose }
        let allowed: [IntentState: Set<Step>] = [
            .signed: [.submit, .settle, .fail, .expire],
            .submitted: [.submit, .settle, .fail, .expire, .unknown],
            .unknown: [.submit, .settle, .fail, .expire, .unknown], .settled: [.submit, .settle, .lose],
            // To send the bytes of a finished payment again is no step and changes nothing, as news that
            // come twice.
            .failed: [.submit, .fail], .expired: [.submit, .expire], .reserved: [], .denied: [], .waiting: [],
        ]
        for step in Step.allCases {
            let ledger = try await Scene.ledger(
                policy: Scene.policy {
                    if from == .denied { $0["mode"] = "frozen" }
                    if from == .waiting {
                        $0["approval"] = [["asset": .string(Scene.dollar.id), "above": "1"]]
                    }
                })
            var payment: JournalledPayment?
            if [.denied, .waiting, .reserved].contains(from) {
                _ = try await ledger.answer(to: self.proposal)
            } else {
                payment = try await ledger.pay(self.proposal)
                if let payment, from != .signed { try await ledger.markSubmitted(payment) }
                switch from {
                case .settled:
                    try await ledger.settle(
                        self.proposal.id, proof: SettlementProof(transaction: "tx", place: "slot 1"))
                case .failed: try await ledger.fail(self.proposal.id, transaction: "tx", reason: "")
                case .expired: try await ledger.expire(self.proposal.id, at: "height 101")
                case .unknown: try await ledger.markUnknown(self.proposal.id, reason: "")
                default: break
                }
            }
            #expect(try await ledger.state(self.proposal) == from)
            let id = self.proposal.id
            let made = payment
            func perform() async throws {
                switch step {
                case .submit:
                    guard let made else { throw LedgerError.unknownIntent(id) }
                    try await ledger.markSubmitted(made)
                case .settle:
                    try await ledger.settle(id, proof: SettlementProof(transaction: "tx", place: "slot 1"))
                case .fail: try await ledger.fail(id, transaction: "tx", reason: "")
                case .expire: try await ledger.expire(id, at: "height 101")
                case .unknown: try await ledger.markUnknown(id, reason: "")
                case .lose: try await ledger.lose(id, reason: "lost", evidence: "")
                }
            }
            let comment: Comment = "\(step) from \(from)"
            if allowed[from]?.contains(step) == true {
                await #expect(throws: Never.self, comment) { try await perform() }
            } else {
                await #expect(throws: LedgerError.self, comment) { try await perform() }
                #expect(try await ledger.state(self.proposal) == from, comment)
            }
            if step == .submit, from != .signed {
                #expect(try await ledger.state(self.proposal) == from, comment)
            }
            #expect(try await ledger.read { try $0.faults() }.isEmpty, comment)
        }
    }

    @Test func `every step is in the journal and told to the observer once`() async throws {
        let seen = Mutex<[JournalEntry]>([])
        let ledger = try await Scene.ledger(observer: { entry in seen.withLock { $0.append(entry) } })
        try await ledger.settled(self.proposal)
        _ = try await ledger.answer(to: Scene.proposal(5_000, job: "dear"))
        // A refusal repeated is one refusal.
        _ = try await ledger.answer(to: Scene.proposal(5_000, job: "dear"))
        let journal = try await ledger.read { try $0.journal() }
        #expect(journal == seen.withLock { $0 })
        #expect(journal.map(\.kind) == [.policy, .receipt] + Array(repeating: .payment, count: 5))
        #expect(journal.map(\.after) == [nil, nil, .reserved, .signed, .submitted, .settled, .denied])
        #expect(journal.map(\.before) == [nil, nil, nil, .reserved, .signed, .submitted, nil])
        #expect(try await ledger.read { try $0.chainFaults() } == [])
    }

    @Test func `the file refuses to be rewritten, and a changed line is found`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            do { try await Scene.ledger(path: path).settled(self.proposal) }
            let database = try Connection(path: path.string)
            for sql in [
                "UPDATE entry SET amount = 0", "DELETE FROM entry", "UPDATE journal SET detail = ''",
                "DELETE FROM journal",
                "UPDATE attempt SET payload = x''", "DELETE FROM attempt",
            ] {
                #expect(throws: DatabaseError.self, "\(sql)") { try database.execute(sql) }
            }
            try database.execute(
                "DROP TRIGGER entry_keep; UPDATE entry SET amount = amount + 1 WHERE id = 32")
            let error = #expect(throws: LedgerError.self) { try Scene.open(path: path) }
            #expect(error?.description.contains("posting 2 is off by 1") == true)
            #expect(error?.description.contains("row 2 was changed") == true)
        }
    }

    @Test func `amounts are written exactly`() {
        #expect(Scene.dollar.decimal(1_500) == "0.001500")
        #expect(Scene.dollar.decimal(-1_500_000) == "-1.500000")
        #expect(Scene.dollar.text(UInt64.max) == "18446744073709.551615 USD")
        #expect(Asset(id: "", symbol: "", decimals: 0).decimal(7) == "7")
    }
}
