import Encoding
import Ledger
import TestSupport
import Testing

/// Calendar windows, and what `limits` shows.
@Suite struct LimitTests {
    /// 2027-01-15T08:00:00Z, a Friday: the clock's beginning.
    private func ledger(_ clock: Clock, _ calendar: JSON) async throws -> PaymentLedger {
        try await Scene.ledger(
            clock: clock,
            policy: Scene.policy {
                $0["limits"] = [
                    ["id": "l", "asset": .string(Scene.dollar.id), "calendar": calendar, "sum": "100"]
                ]
            })
    }

    /// Seconds from the beginning to the end of the period, by GNU date.
    @Test(
        arguments: [
            (["unit": "day"], 57_600), (["unit": "day", "offset_minutes": 60], 54_000),
            (["unit": "day", "offset_minutes": -540], 3_600), (["unit": "week"], 230_400),
            (["unit": "month"], 1_440_000), (["unit": "month", "offset_minutes": 60], 1_436_400),
        ] as [(JSON, Int64)])
    func `a calendar window begins anew at its boundary`(calendar: JSON, seconds: Int64) async throws {
        let clock = Clock()
        let ledger = try await self.ledger(clock, calendar)
        try await ledger.settled(Scene.proposal(100))
        let policy = try #require(await ledger.policyInForce)
        let now = clock.now.milliseconds
        let usage = try await ledger.read { try $0.usage(of: policy, at: clock) }
        #expect(usage.map(\.used) == [100] && usage.map(\.left) == [0])
        #expect(usage[0].resetsAt == now + seconds * 1_000)
        clock.advance(seconds: seconds - 1)
        #expect(try await ledger.answer(to: Scene.proposal(1, job: "2")) == .denied("limit:l", allowedNow: 0))
        clock.advance(seconds: 1)
        try await ledger.settled(Scene.proposal(100, job: "2"))
        #expect(try await ledger.answer(to: Scene.proposal(1, job: "3")) == .denied("limit:l", allowedNow: 0))
    }

    @Test func `a month ends at its last day, in leap years, too`() async throws {
        // 2028-02-29T23:59:59Z and one second more.
        let clock = Clock()
        clock.advance(seconds: 1_835_481_599 - 1_800_000_000)
        let ledger = try await self.ledger(clock, ["unit": "month"])
        try await ledger.settled(Scene.proposal(100))
        #expect(try await ledger.answer(to: Scene.proposal(1, job: "2")) == .denied("limit:l", allowedNow: 0))
        clock.advance(seconds: 1)
        #expect(try await ledger.answer(to: Scene.proposal(1, job: "2")) == .authorized(attempt: 1))
    }

    @Test func `fees are limited apart`() async throws {
        let ledger = try await Scene.ledger(
            policy: Scene.policy {
                $0["limits"] = [
                    ["id": "all", "asset": .string(Scene.dollar.id), "lifetime": "100"],
                    ["id": "fees", "asset": .string(Scene.dollar.id), "purpose": "fee", "lifetime": "7"],
                ]
            })
        let fee = Scene.proposal(7, job: "f", payee: "network", purpose: .fee)
        #expect(try await ledger.answer(to: fee) == .authorized(attempt: 1))
        #expect(try await ledger.answer(to: Scene.proposal(100)) == .authorized(attempt: 1))
        let more = Scene.proposal(1, job: "g", payee: "network", purpose: .fee)
        #expect(try await ledger.answer(to: more) == .denied("limit:fees", allowedNow: 0))
    }

    @Test func `usage names every rule, what is used, and when some comes back`() async throws {
        let clock = Clock()
        let ledger = try await Scene.ledger(
            clock: clock,
            policy: Scene.policy {
                $0["limits"] = [
                    [
                        "id": "l", "asset": .string(Scene.dollar.id), "per_payment": "500",
                        "window_seconds": 60, "sum": "300", "count": 5, "lifetime": "9000",
                    ]
                ]
                $0["payees"] = [
                    ["id": "alpha", "account": "chain:alpha", "purposes": ["storage"], "cap": "1000"]
                ]
                $0["assets"] = [["asset": .string(Scene.dollar.id), "symbol": "USD", "decimals": 6]]
                $0["approval"] = [["asset": .string(Scene.dollar.id), "above": "400"]]
            })
        let begin = clock.now.milliseconds
        try await ledger.settled(Scene.proposal(100, job: "1"))
        clock.advance(seconds: 10)
        // An open reservation counts.
        _ = try await ledger.answer(to: Scene.proposal(50, job: "2"))
        let policy = try #require(await ledger.policyInForce)
        let usage = try await ledger.read { try $0.usage(of: policy, at: clock) }
        #expect(
            usage.map { "\($0.rule) \($0.measure.rawValue) \($0.used)/\($0.limit)" } == [
                "limit:l per_payment 0/500", "limit:l sum 150/300", "limit:l count 2/5",
                "limit:l lifetime 150/9000", "payee:alpha payee 150/1000", "approval approval 0/400",
            ])
        #expect(usage.map(\.resetsAt) == [nil, begin + 60_000, begin + 60_000, nil, nil, nil])
    }
}
