import Ledger
import Testing

@Suite struct HistoryTests {
    @Test func `books of any length are looked through newest first, and one is found by its first digits`()
        async throws
    {
        let clock = Clock()
        let ledger = try await Scene.ledger(clock: clock)
        let count = 2 * LedgerView.page + 7
        for number in 0..<count {
            clock.advance(seconds: 1)
            _ = try await ledger.authorize(Scene.proposal(999_999_999, job: "job \(number)"))
        }
        try await ledger.read { view in
            var jobs: [String] = []
            try view.forEachIntent { jobs.append($0.proposal.purchase.subject.text) }
            #expect(jobs == (0..<count).reversed().map { "job \($0)" })
            var some: [IntentRecord] = []
            try view.forEachIntent(limit: LedgerView.page + 1) { some.append($0) }
            #expect(some.count == LedgerView.page + 1)
            let (newest, oldest) = (try #require(some.first), try #require(some.last))
            var span: [IntentRecord] = []
            try view.forEachIntent(from: oldest.createdAt, to: newest.createdAt) { span.append($0) }
            #expect(span.count == LedgerView.page && span.first?.id == some[1].id)
            let name = oldest.id.description
            #expect(try view.intents(beginningWith: name).map(\.id) == [oldest.id])
            #expect(try view.intents(beginningWith: String(name.prefix(1))).count > 1)
            for odd in ["*", "g", "A", "%", "[0-9]"] {
                #expect(try view.intents(beginningWith: odd).isEmpty)
            }
        }
    }
}
