import Encoding
import Ledger
import Sodium
import Statements
import TestSupport
import Testing
import World

@Suite struct PolicyTests {
    private func refusal(_ file: [UInt8]) throws -> PolicyError? {
        #expect(throws: PolicyError.self) {
            try Policy(signed: file, owner: key(11).publicKey, wallet: base58(key(2).publicKey))
        }
    }

    @Test func `a signed policy is read as it was meant`() throws {
        let file = try Scene.policy { document in
            document["lease"] = ["until_ms": 5]
            document["approval"] = [["asset": .string(Scene.dollar.id), "above": "500"]]
            document["notes"] = "for people"
        }
        let policy = try Policy(signed: file, owner: key(11).publicKey, wallet: base58(key(2).publicKey))
        #expect(policy.sequence == 1 && policy.mode == .active && policy.lease?.until == 5)
        #expect(policy.approvals.mapValues { [Int($0.above), $0.quorum] } == [Scene.dollar.id: [500, 1]])
        #expect(
            policy.approvers == [policy.owner] && policy.guardians.isEmpty && policy.unknownPayees == .deny)
        #expect(policy.payees.map(\.id) == ["alpha", "beta", "network"])
        #expect(policy.payees[0].purposes == [.storage, .compute] && policy.payees[0].cap == nil)
        #expect(policy.limits.map(\.perPayment) == [1_000, 1_000])
        #expect(policy.assets == [Scene.dollar, Scene.coin])
    }

    @Test func `only the pinned owner's signature counts`() throws {
        // Signed by a stranger, who also names himself as the owner.
        let stranger = try Policy.sign(
            try Scene.document { $0["owner"] = .string(base58((try? key(12).publicKey)!)) }, with: key(12))
        let (owner, other) = (base58(try key(11).publicKey), base58(try key(12).publicKey))
        #expect(try self.refusal(stranger) == .unsigned(.signer(expected: owner, found: other)))
        // Nor under the owner's name.
        let claimed = String(decoding: stranger, as: UTF8.self).replacing(
            "\"signer\": \"\(other)\"", with: "\"signer\": \"\(owner)\"")
        #expect(try self.refusal(Array(claimed.utf8)) == .unsigned(.signature(of: owner)))
        // Signed by the owner, but naming another one.
        #expect(throws: StatementError.signer(expected: other, found: owner)) {
            try Policy.sign(try Scene.document { $0["owner"] = .string(other) }, with: key(11))
        }
    }

    @Test func `a policy for another wallet does not fit`() throws {
        let stranger = base58(try key(9).publicKey)
        let file = try Scene.policy { $0["wallet"] = .string(stranger) }
        #expect(
            try self.refusal(file) == .wrongWallet(expected: base58(try key(2).publicKey), found: stranger))
    }

    @Test func `one changed character breaks the signature`() throws {
        let text = String(decoding: try Scene.policy(), as: UTF8.self)
        for (old, new) in [
            ("\"1000\"", "\"9000\""), ("\"active\"", "\"frozen\""), ("chain:alpha", "chain:alphb"),
            ("\"seq\": 1", "\"seq\": 2"),
        ] {
            let changed = text.replacing(old, with: new)
            #expect(changed != text)
            #expect(
                try self.refusal(Array(changed.utf8))
                    == .unsigned(.signature(of: base58(try key(11).publicKey))))
        }
        // How it is laid out does not matter.
        let compact = Array(try JSON.read(text).text.utf8)
        _ = try Policy(signed: compact, owner: key(11).publicKey, wallet: base58(key(2).publicKey))
    }

    /// A policy that could be misread is refused when it is signed and when it is read.
    @Test(
        arguments: [
            ("schema", "depai-policy/2"), ("seq", -1), ("seq", "1"), ("mode", "paused"), ("limit", []),
            ("assets", 1), ("wallet", nil),
            ("owner", "l"), ("lease", [:]), ("lease", ["until_ms": 1, "until": 2]),
            ("lease", ["max_offline_seconds": 0]), ("approval", [["asset": "x"]]), ("approvers", []),
            ("approvers", ["1111111111111111111111111111111111111111111"]), ("unknown_payees", "maybe"),
            ("approval", [["asset": "chain/token:dollar", "above": "1", "quorum": 2]]),
            ("approval", [["asset": "chain/token:dollar", "above": "1", "quorum": 0]]),
            (
                "limits",
                [["id": "l", "asset": "chain/token:dollar", "calendar": ["unit": "year"], "sum": "1"]]
            ),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "calendar": ["unit": "day"]]]),
            (
                "limits",
                [
                    [
                        "id": "l", "asset": "chain/token:dollar", "calendar": ["unit": "day"],
                        "window_seconds": 5, "sum": "1",
                    ]
                ]
            ),
            ("assets", [["asset": "a", "symbol": "A", "decimals": 19]]),
            (
                "assets",
                [
                    ["asset": "a", "symbol": "A", "decimals": 6],
                    ["asset": "a", "symbol": "A", "decimals": 9],
                ]
            ),
            ("payees", [["id": "p", "account": "x", "purposes": ["gifts"]]]),
            ("payees", [["id": "p", "account": "x", "purposes": [], "cap": 5]]),
            (
                "payees",
                [["id": "p", "account": "x", "purposes": []], ["id": "p", "account": "y", "purposes": []]]
            ),
            (
                "payees",
                [["id": "p", "account": "x", "purposes": []], ["id": "q", "account": "x", "purposes": []]]
            ),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "per_payment": 10]]),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "per_payment": "1.5"]]),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "per_payments": "1"]]),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "sum": "10"]]),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "window_seconds": 10]]),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "window_seconds": 0, "sum": "10"]]),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "window_seconds": -60, "sum": "10"]]),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "window_seconds": 60, "count": -1]]),
            ("limits", [["id": "l", "asset": "chain/token:dolar", "per_payment": "1"]]),
            ("limits", [["id": "l", "asset": "chain/token:dollar", "payee": "alfa", "per_payment": "1"]]),
            (
                "limits",
                [
                    ["id": "l", "asset": "chain/token:dollar", "per_payment": "1"],
                    ["id": "l", "asset": "chain/token:dollar", "per_payment": "2"],
                ]
            ),
            ("approval", [["asset": "chain/token:dolar", "above": "5"]]),
            (
                "approval",
                [
                    ["asset": "chain/token:dollar", "above": "5"],
                    ["asset": "chain/token:dollar", "above": "9"],
                ]
            ),
        ] as [(String, JSON)])
    func `what could be misread is refused`(name: String, value: JSON) throws {
        let document = try Scene.document { $0[name] = value }
        #expect(throws: (any Error).self) { try Policy.sign(document, with: key(11)) }
    }

    @Test func `an old policy is not applied again, nor after a restart`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            do {
                let ledger = try await Scene.ledger(path: path, policy: Scene.policy(sequence: 5))
                for sequence in [5, 4, 1] as [Int64] {
                    let error = await #expect(throws: PolicyError.self) {
                        try await ledger.apply(policy: Scene.policy(sequence: sequence))
                    }
                    #expect(error == .staleSequence(inForce: 5, found: UInt64(sequence)))
                }
                try await ledger.apply(policy: Scene.policy(sequence: 6) { $0["mode"] = "frozen" })
            }
            let ledger = try Scene.open(path: path)
            #expect(await ledger.policyInForce?.sequence == 6)
            await #expect(throws: PolicyError.self) {
                try await ledger.apply(policy: Scene.policy(sequence: 5))
            }
            #expect(try await ledger.answer(to: Scene.proposal(1)) == .denied("mode", allowedNow: nil))
        }
    }

    @Test func `a ledger of another wallet is not opened`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            _ = try await Scene.ledger(path: path)
            #expect(throws: LedgerError.self) {
                try PaymentLedger(
                    path: path, wallet: key(4).publicKey, owner: key(11).publicKey, timeline: Clock())
            }
            // Nor under another owner: the stored policy is not his.
            #expect(throws: PolicyError.self) {
                try PaymentLedger(
                    path: path, wallet: key(2).publicKey, owner: key(12).publicKey, timeline: Clock())
            }
        }
    }
}

@Suite struct EvaluationTests {
    private func answer(
        _ proposal: Proposal = Scene.proposal(100), clock: Clock = Clock(), after paid: [Proposal] = [],
        under change: (inout JSON) -> Void
    ) async throws -> Answer {
        let ledger = try await Scene.ledger(clock: clock, policy: Scene.policy(change))
        for proposal in paid { try await ledger.settled(proposal) }
        return try await ledger.answer(to: proposal)
    }

    private func limits(_ limits: JSON...) -> (inout JSON) -> Void {
        { document in
            document["limits"] = .array(
                limits.enumerated().map { index, limit in
                    var limit = limit
                    limit["id"] = .string("l\(index)")
                    limit["asset"] = .string(Scene.dollar.id)
                    return limit
                })
        }
    }

    @Test func `without a policy nothing is spent`() async throws {
        let ledger = try Scene.open(path: nil)
        #expect(try await ledger.answer(to: Scene.proposal(1)) == .denied("policy", allowedNow: nil))
    }

    @Test func `rule lease: it ends at its millisecond`() async throws {
        let clock = Clock()
        let now = clock.now.milliseconds
        #expect(
            try await self.answer(clock: clock) { $0["lease"] = ["until_ms": .integer(now)] }
                == .denied("lease", allowedNow: nil))
        #expect(
            try await self.answer(clock: clock) { $0["lease"] = ["until_ms": .integer(now + 1)] }
                == .authorized(attempt: 1))
    }

    @Test(arguments: ["receive_only", "frozen"]) func `rule mode`(mode: String) async throws {
        #expect(try await self.answer { $0["mode"] = .string(mode) } == .denied("mode", allowedNow: nil))
    }

    @Test func `rule asset: unknown, or with other decimals`() async throws {
        let ledger = try await Scene.ledger()
        let strange = Asset(id: "chain/token:other", symbol: "USD", decimals: 6)
        let shifted = Asset(id: Scene.dollar.id, symbol: "USD", decimals: 9)
        for asset in [strange, shifted] {
            #expect(
                try await ledger.answer(to: Scene.proposal(1, asset: asset))
                    == .denied("asset", allowedNow: nil))
        }
    }

    @Test func `rule payee: unknown, for another purpose, beyond the cap`() async throws {
        let ledger = try await Scene.ledger()
        #expect(
            try await ledger.answer(to: Scene.proposal(1, payee: "chain:gamma"))
                == .denied("payee", allowedNow: nil))
        #expect(
            try await ledger.answer(to: Scene.proposal(1, payee: "chain:beta", purpose: .compute))
                == .denied("payee:beta", allowedNow: nil))
        let capped = try await self.answer(Scene.proposal(101), after: [Scene.proposal(400, job: "before")]) {
            $0["payees"] = [["id": "alpha", "account": "chain:alpha", "purposes": ["storage"], "cap": "500"]]
        }
        #expect(capped == .denied("payee:alpha", allowedNow: 100))
    }

    @Test func `rule limit: what no limit covers is not allowed by silence`() async throws {
        let ledger = try await Scene.ledger()
        try await ledger.deposit(500, asset: Scene.coin, reference: "coins")
        let fee = Scene.proposal(1, payee: "network", asset: Scene.dollar, purpose: .fee)
        #expect(
            try await self.answer(fee, under: self.limits(["purpose": "storage", "per_payment": "5"]))
                == .denied("limit", allowedNow: nil))
        #expect(try await self.answer(under: self.limits()) == .denied("limit", allowedNow: nil))
        #expect(
            try await self.answer(under: self.limits(["payee": "beta", "per_payment": "500"]))
                == .denied("limit", allowedNow: nil))
    }

    @Test func `rule limit: one payment`() async throws {
        #expect(
            try await self.answer(under: self.limits(["per_payment": "99"]))
                == .denied("limit:l0", allowedNow: 99))
        #expect(try await self.answer(under: self.limits(["per_payment": "100"])) == .authorized(attempt: 1))
    }

    @Test func `rule limit: the sum of a rolling window, which passes`() async throws {
        let change = self.limits(["window_seconds": 3_600, "sum": "250"])
        let clock = Clock()
        let ledger = try await Scene.ledger(clock: clock, policy: Scene.policy(change))
        try await ledger.settled(Scene.proposal(100, job: "1"))
        clock.advance(seconds: 1_800)
        try await ledger.settled(Scene.proposal(100, job: "2"))
        #expect(try await ledger.answer(to: Scene.proposal(51)) == .denied("limit:l0", allowedNow: 50))
        clock.advance(seconds: 1_799)
        #expect(try await ledger.answer(to: Scene.proposal(51)) == .denied("limit:l0", allowedNow: 50))
        clock.advance(seconds: 1)
        #expect(try await ledger.answer(to: Scene.proposal(151)) == .denied("limit:l0", allowedNow: 150))
        #expect(try await ledger.answer(to: Scene.proposal(150)) == .authorized(attempt: 1))
    }

    @Test func `rule limit: the number of payments in a window`() async throws {
        let change = self.limits(["window_seconds": 60, "count": 2])
        let paid = [Scene.proposal(1, job: "1"), Scene.proposal(1, job: "2")]
        #expect(try await self.answer(after: paid, under: change) == .denied("limit:l0", allowedNow: 0))
        #expect(try await self.answer(after: [paid[0]], under: change) == .authorized(attempt: 1))
    }

    @Test func `rule limit: a lifetime never passes`() async throws {
        let clock = Clock()
        let change = self.limits(["lifetime": "150", "per_payment": "120"])
        let ledger = try await Scene.ledger(clock: clock, policy: Scene.policy(change))
        try await ledger.settled(Scene.proposal(100, job: "1"))
        clock.advance(seconds: 1_000_000_000)
        #expect(try await ledger.answer(to: Scene.proposal(51)) == .denied("limit:l0", allowedNow: 50))
        #expect(try await ledger.answer(to: Scene.proposal(121)) == .denied("limit:l0", allowedNow: 120))
    }

    @Test func `every limit that matches must hold, and others do not count`() async throws {
        let change = self.limits(
            ["per_payment": "500"], ["purpose": "storage", "window_seconds": 60, "sum": "150"],
            ["payee": "beta", "per_payment": "10"], ["purpose": "compute", "per_payment": "20"])
        let before = [Scene.proposal(10, job: "c", purpose: .compute), Scene.proposal(40, job: "s")]
        #expect(
            try await self.answer(Scene.proposal(111), after: before, under: change)
                == .denied("limit:l1", allowedNow: 110))
        #expect(
            try await self.answer(Scene.proposal(110), after: before, under: change)
                == .authorized(attempt: 1))
        #expect(
            try await self.answer(Scene.proposal(11, payee: "chain:beta"), after: before, under: change)
                == .denied("limit:l2", allowedNow: 10))
        #expect(
            try await self.answer(Scene.proposal(21, purpose: .compute), after: before, under: change)
                == .denied("limit:l3", allowedNow: 20))
    }

    @Test func `rule funds: no more than there is, whatever is allowed`() async throws {
        let ledger = try await Scene.ledger(money: 100)
        #expect(try await ledger.answer(to: Scene.proposal(101)) == .denied("funds", allowedNow: 100))
        #expect(try await ledger.answer(to: Scene.proposal(60, job: "1")) == .authorized(attempt: 1))
        #expect(try await ledger.answer(to: Scene.proposal(41, job: "2")) == .denied("funds", allowedNow: 40))
    }

    @Test func `rule approval: above the threshold the owner decides`() async throws {
        let change: (inout JSON) -> Void = {
            $0["approval"] = [["asset": .string(Scene.dollar.id), "above": "99"]]
        }
        #expect(try await self.answer(under: change) == .waiting("approval", allowedNow: 99))
        #expect(try await self.answer(Scene.proposal(99), under: change) == .authorized(attempt: 1))
    }

    /// The order is fixed, so that the same refusal always has the same name.
    @Test func `the first rule that refuses names itself`() async throws {
        let all: (inout JSON) -> Void = { document in
            document["lease"] = ["until_ms": 1]
            document["mode"] = "frozen"
        }
        let bad = Scene.proposal(.max / 4, payee: "nobody")
        #expect(try await self.answer(bad, under: all) == .denied("lease", allowedNow: nil))
        #expect(try await self.answer(bad) { $0["mode"] = "frozen" } == .denied("mode", allowedNow: nil))
        #expect(try await self.answer(bad) { _ in } == .denied("payee", allowedNow: nil))
    }

    @Test func `the clock set back does not open a window again`() async throws {
        let clock = Clock()
        let ledger = try await Scene.ledger(
            clock: clock, policy: Scene.policy(self.limits(["window_seconds": 60, "sum": "100"])))
        try await ledger.settled(Scene.proposal(100, job: "1"))
        clock.advance(seconds: -1_000_000)
        #expect(try await ledger.answer(to: Scene.proposal(1)) == .denied("limit:l0", allowedNow: 0))
    }

    @Test func `sums near the end of the number range do not wrap`() async throws {
        let ledger = try await Scene.ledger(
            money: 0, policy: Scene.policy(self.limits(["lifetime": "18446744073709551615"])))
        try await ledger.deposit(UInt64(Int64.max), asset: Scene.dollar, reference: "all")
        #expect(
            try await ledger.answer(to: Scene.proposal(UInt64(Int64.max) - 1, job: "1"))
                == .authorized(attempt: 1))
        #expect(try await ledger.answer(to: Scene.proposal(2, job: "2")) == .denied("funds", allowedNow: 1))
        await #expect(throws: LedgerError.self) {
            try await ledger.answer(to: Scene.proposal(UInt64(Int64.max) + 1, job: "3"))
        }
    }
}
