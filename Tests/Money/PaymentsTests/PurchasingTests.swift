import TestSupport
import Testing
import World

@testable import Payments

/// Payments as values: no clock, no socket, no chain.
@Suite struct PurchasingTests {
    private typealias Step = (event: Purchasing.Event, action: Purchasing.Action)

    private static let good = Purchasing.Event.replied(Purchasing.Reply(isGood: true, hint: "tx"))
    private static let bad = Purchasing.Event.replied(Purchasing.Reply(isGood: false, reason: "status 500"))
    private static let pause = Purchasing.Action.rest(.seconds(1))

    private func expect(
        _ course: Purchasing.Course, within patience: Purchasing.Patience = .tries(2),
        looksFirst: Bool = false, _ steps: [Step]
    ) {
        var machine = Purchasing(patience)
        #expect(machine.handle(.begun, at: .zero) == .prepare)
        for (number, step) in steps.enumerated() {
            // It goes on when the bytes are on disk.
            let event = step.event == .begun ? .prepared(course, looksFirst: looksFirst) : step.event
            #expect(machine.handle(event, at: .zero) == step.action, "step \(number)")
        }
    }

    @Test func `what is refused before it is signed ends without a byte`() {
        var machine = Purchasing(.tries(5))
        #expect(machine.handle(.begun, at: .zero) == .prepare)
        #expect(machine.handle(.stopped, at: .zero) == .stop)
    }

    @Test func `a transfer ends with the seller's answer once the chain shows it`() {
        self.expect(
            .transfer,
            [
                (.begun, .send), (Self.good, .look(hint: "tx")), (.found(.settled), .end(.answered)),
            ])
        self.expect(
            .transfer,
            [
                (.begun, .send), (Self.bad, .look(hint: nil)), (.found(.settled), Self.pause),
                (.rested, .send),
                // What the chain showed once is not asked again.
                (Self.good, .end(.answered)),
            ])
        self.expect(
            .transfer,
            [
                (.begun, .send), (.silent("timed out"), .look(hint: nil)), (.found(.settled), Self.pause),
                (.rested, .send), (.silent("timed out"), .end(.paid(reason: "timed out"))),
            ])
    }

    @Test func `nothing frees a transfer but the chain's proof`() {
        let opens: [Purchasing.Finding] = [.open, .absent, .silent("nobody")]
        for finding in opens {
            for reply in [Self.good, Self.bad, .silent("timed out")] {
                var machine = Purchasing(.tries(1))
                _ = machine.handle(.prepared(.transfer), at: .zero)
                _ = machine.handle(reply, at: .zero)
                guard case .end(.open) = machine.handle(.found(finding), at: .zero) else {
                    Issue.record("\(finding) after \(reply) ended a payment")
                    continue
                }
            }
        }
        self.expect(
            .transfer,
            [
                (.begun, .send), (Self.bad, .look(hint: nil)),
                (.found(.failed("no funds")), .end(.unpaid(reason: "no funds"))),
            ])
        self.expect(
            .transfer,
            [
                (.begun, .send), (Self.bad, .look(hint: nil)),
                (.found(.dead), .end(.unpaid(reason: "the payment expired unexecuted: status 500"))),
            ])
    }

    @Test func `a voucher is its payee's to accept`() {
        let course = Purchasing.Course.voucher(hasDeposit: false)
        self.expect(course, [(.begun, .send), (Self.good, .accept), (.accepted, .end(.answered))])
        self.expect(
            course,
            [
                (.begun, .send), (.silent("timed out"), Self.pause), (.rested, .send),
                (.silent("timed out"), .end(.open(reason: "timed out"))),
            ])
    }

    /// The seller showed a voucher that it took in silence: that one is paid, and only its answer is missing.
    @Test func `what is paid already is asked for, and not paid or judged again`() {
        for course in [Purchasing.Course.voucher(hasDeposit: false), .transfer] {
            var machine = Purchasing(.tries(2))
            #expect(machine.handle(.prepared(course, isPaid: true), at: .zero) == .send)
            #expect(machine.handle(Self.bad, at: .zero) == Self.pause)
            #expect(machine.handle(.rested, at: .zero) == .send)
            #expect(machine.handle(Self.good, at: .zero) == .end(.answered))
            machine = Purchasing(.tries(1))
            _ = machine.handle(.prepared(course, isPaid: true), at: .zero)
            #expect(machine.handle(Self.bad, at: .zero) == .end(.paid(reason: "status 500")))
        }
    }

    @Test func `of a voucher with a deposit the chain is asked first`() {
        let course = Purchasing.Course.voucher(hasDeposit: true)
        self.expect(
            course,
            [
                (.begun, .send), (Self.good, .look(hint: "tx")), (.found(.open), Self.pause),
                (.rested, .send),
                (Self.good, .look(hint: "tx")), (.found(.settled), .accept), (.accepted, .end(.answered)),
            ])
        // A seller's good answer is worth nothing while the deposit under it may never arrive.
        self.expect(
            course, within: .tries(1),
            [
                (.begun, .send), (Self.good, .look(hint: "tx")),
                (.found(.absent), .end(.open(reason: "the deposit is not on the chain yet"))),
            ])
        self.expect(
            course,
            [
                (.begun, .send), (Self.good, .look(hint: "tx")),
                (.found(.dead), .end(.unpaid(reason: "the payment expired unexecuted"))),
            ])
    }

    @Test func `a voucher is signed anew once, above what its payee had accepted`() {
        let course = Purchasing.Course.voucher(hasDeposit: false)
        self.expect(
            course, within: .tries(4),
            [
                (.begun, .send), (Self.bad, .agree), (.renewed, Self.pause), (.rested, .send),
                (Self.bad, .rest(.seconds(2))), (.rested, .send), (Self.good, .accept),
            ])
        self.expect(
            course,
            [
                (.begun, .send), (Self.bad, .agree),
                (.disbelieved("no proof"), .end(.open(reason: "no proof"))),
            ])
    }

    @Test func `the end of a channel is the chain's to tell`() {
        let closing = Purchasing.Event.replied(
            Purchasing.Reply(isGood: false, reason: "closing", isClosing: true))
        let course = Purchasing.Course.voucher(hasDeposit: false)
        self.expect(
            course,
            [
                (.begun, .send), (closing, .seeEnd),
                (
                    .channelEnded(isPaid: false),
                    .end(.unpaid(reason: "its seller closed the channel, and the rest is back"))
                ),
            ])
        self.expect(
            course,
            [(.begun, .send), (closing, .seeEnd), (.channelGoesOn, .agree), (.nothingNew, Self.pause)])
    }

    @Test func `a channel is closed when the chain shows it, after both sides have counted the same`() {
        self.expect(
            .closing,
            [
                (.begun, .send), (Self.good, .look(hint: "tx")),
                (.found(.settled), .end(.paid(reason: ""))),
            ])
        self.expect(
            .closing, within: .tries(3),
            [
                (.begun, .send), (Self.bad, .look(hint: nil)), (.found(.open), .agree),
                (.renewed, Self.pause), (.rested, .send), (.silent("gone"), .look(hint: nil)),
                (.found(.open), .rest(.seconds(2))), (.rested, .send), (Self.bad, .look(hint: nil)),
                (.found(.open), .agree),
                (.disbelieved("no voucher"), .end(.open(reason: "no voucher"))),
            ])
        // What it says counts for nothing: it may have closed.
        self.expect(
            .closing,
            [
                (.begun, .send), (Self.bad, .look(hint: nil)),
                (.found(.settled), .end(.paid(reason: "status 500"))),
            ])
    }

    @Test func `what may be on the chain already is looked for before it is sent`() {
        let patience = Purchasing.Patience.until(.seconds(20), every: .milliseconds(200))
        let rest = Purchasing.Action.rest(.milliseconds(200))
        let refusal = Purchasing.Event.replied(
            Purchasing.Reply(isGood: false, reason: "no such account", isRefusal: true))
        self.expect(
            .plain, within: patience, looksFirst: true,
            [(.begun, .look(hint: nil)), (.found(.settled), .end(.paid(reason: "")))])
        self.expect(
            .plain, within: patience, looksFirst: true,
            [
                (.begun, .look(hint: nil)), (.found(.absent), .send), (Self.good, .look(hint: "tx")),
                (.found(.absent), rest), (.rested, .send), (Self.good, .look(hint: "tx")),
                (.found(.open), rest), (.rested, .send), (Self.good, .look(hint: "tx")),
                (.found(.settled), .end(.paid(reason: ""))),
            ])
        self.expect(
            .plain, within: patience, looksFirst: true,
            [
                (.begun, .look(hint: nil)), (.found(.absent), .send), (refusal, .look(hint: nil)),
                (.found(.absent), .end(.unpaid(reason: "no such account"))),
            ])
        // A preflight refuses what has just landed, too.
        self.expect(
            .plain, within: patience, looksFirst: true,
            [
                (.begun, .look(hint: nil)), (.found(.absent), .send), (refusal, .look(hint: nil)),
                (.found(.open), rest),
            ])
    }

    /// Whatever comes in whatever order: it ends, and never as unpaid without a proof.
    @Test(arguments: 0..<2_000 as Range<UInt64>) func `every course ends, and frees money on a proof only`(
        seed: UInt64
    ) {
        var random = Seeded(seed)
        let courses: [Purchasing.Course] = [
            .transfer, .plain, .closing, .voucher(hasDeposit: true), .voucher(hasDeposit: false),
        ]
        let course = courses.randomElement(using: &random) ?? .plain
        var machine = Purchasing(.tries(Int.random(in: 1...6, using: &random)))
        var event = Purchasing.Event.begun
        var (isProved, isPrepared) = (false, false)
        for _ in 0..<100 {
            switch machine.handle(event, at: .zero) {
            case .end(.unpaid): return #expect(isProved, "seed \(seed)")
            case .end: return #expect(isPrepared, "seed \(seed)")
            case .stop: return #expect(!isPrepared, "seed \(seed)")
            case .rest: event = .rested
            case .prepare:
                #expect(!isPrepared, "seed \(seed)")
                isPrepared = Int.random(in: 0..<10, using: &random) > 0
                event =
                    isPrepared ? .prepared(course, looksFirst: .random(using: &random)) : .stopped
            case .send:
                #expect(isPrepared, "seed \(seed)")
                event =
                    [
                        Self.good, Self.bad, .silent("no"),
                        .replied(Purchasing.Reply(isGood: false, reason: "closing", isClosing: true)),
                    ].randomElement(using: &random) ?? .rested
            case .look:
                let finding: Purchasing.Finding =
                    [.settled, .failed("x"), .dead, .open, .absent, .silent("y")].randomElement(
                        using: &random)
                    ?? .open
                if finding == .dead || finding == .failed("x") { isProved = true }
                event = .found(finding)
            case .accept: event = .accepted
            case .seeEnd:
                let isOver = Bool.random(using: &random)
                if isOver { isProved = true }
                event = isOver ? .channelEnded(isPaid: Bool.random(using: &random)) : .channelGoesOn
            case .agree:
                event =
                    [.renewed, .disbelieved("z"), .nothingNew].randomElement(using: &random) ?? .nothingNew
            }
        }
        Issue.record("seed \(seed) never ends")
    }
}
