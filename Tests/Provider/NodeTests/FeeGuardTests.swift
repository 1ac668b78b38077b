import Payments
import Testing

@testable import Node

/// What is lent to customers, and when it counts no more.
@Suite struct FeeGuardTests {
    private static let hour: Int64 = 3_600_000

    @Test func `a payer has no more than its bound at risk, until it comes back`() throws {
        var lent = FeeGuard(FeeBounds(payer: 10, strangers: 1_000))
        try lent.lend(6, to: "a", for: "first", at: 0)
        #expect(throws: X402Error.self) { try lent.lend(6, to: "a", for: "second", at: 1) }
        lent.earned("first")
        try lent.lend(6, to: "a", for: "second", at: 2)
        // What is not known brings nothing back.
        lent.earned("first")
        #expect(throws: X402Error.self) { try lent.lend(6, to: "a", for: "third", at: 3) }
        try lent.lend(6, to: "a", for: "third", at: Self.hour + 2)
    }

    @Test func `strangers share a bound, customers do not`() throws {
        var lent = FeeGuard(FeeBounds(payer: 10, strangers: 20))
        for payer in ["a", "b"] { try lent.lend(10, to: payer, for: payer, at: 0) }
        #expect(throws: X402Error.self) { try lent.lend(1, to: "c", for: "c", at: 0) }
        lent.earned("a")
        try lent.lend(10, to: "a", for: "again", at: 0)
        try lent.lend(10, to: "c", for: "c", at: 0)
        #expect(throws: X402Error.self) { try lent.lend(1, to: "d", for: "d", at: 0) }
    }

    @Test func `a loan that failed and is tried again comes back whole`() throws {
        var lent = FeeGuard(FeeBounds(payer: 10, strangers: 20))
        for _ in 0..<2 { try lent.lend(5, to: "a", for: "one", at: 0) }
        lent.earned("one")
        try lent.lend(10, to: "a", for: "two", at: 0)
    }

    @Test func `what costs nothing is not remembered`() throws {
        var lent = FeeGuard(FeeBounds(payer: 0, strangers: 0))
        for number in 0..<10 { try lent.lend(0, to: "a", for: "\(number)", at: 0) }
    }
}
