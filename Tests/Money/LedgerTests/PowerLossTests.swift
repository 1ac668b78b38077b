import Foundation
import Ledger
import SystemPackage
import TestSupport
import Testing
import World

/// The power goes at every write of a payment workload, and the disk keeps what it likes of what was not
/// synced.
@Suite(
    .endsHangs,
    .enabled(if: PowerCut.isPossible, "strace is not installed"))
struct PowerLossTests {
    /// How far along an acknowledged step is.
    private static let order: [IntentState] = [.signed, .submitted, .settled]

    @Test(arguments: [(payments: 8, concurrency: 1), (payments: 14, concurrency: 4)])
    func `no state after a power cut is corrupt, loses an acknowledged step or pays twice`(
        payments: Int, concurrency: Int
    ) async throws {
        try await withFolder { folder in
            let live = folder.appending("live")
            try FileManager.default.createDirectory(atPath: live.string, withIntermediateDirectories: true)
            let cut = try await PowerCut(
                "depai-payments",
                ["run", live.appending("ledger.db").string, String(payments), String(concurrency)],
                writing: live, in: folder)
            var acknowledged: [String: IntentState] = [:]
            let states = try await cut.each(said: { Self.note($0, in: &acknowledged) }) { target, comment in
                try await self.check(target.appending("ledger.db"), acknowledged, comment)
            }
            #expect(acknowledged.count == payments && acknowledged.values.allSatisfy { $0 == .settled })
            print(
                "power loss: \(states) states of \(payments) payments, \(concurrency) at a time, seed \(cut.seed)"
            )
            #expect(states >= 500)
        }
    }

    private static func note(_ text: String, in acknowledged: inout [String: IntentState]) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 3, words[0] == "ACK", let state = IntentState(rawValue: String(words[2]))
            else {
                continue
            }
            acknowledged[String(words[1])] = state
        }
    }

    private func check(
        _ path: FilePath, _ acknowledged: [String: IntentState], _ comment: Comment
    ) async throws {
        let ledger = try Scene.open(path: path)
        let (faults, hold, records) = try await ledger.read {
            (try $0.faults(), try $0.hold(), try $0.intents())
        }
        #expect(faults.isEmpty, comment)
        // An honest disk never makes the ledger believe that it lost its tail.
        #expect(hold == nil, comment)
        for (job, least) in acknowledged {
            let found = records.first { $0.proposal.purchase.subject.text == job }
            let state = found.flatMap { Self.order.firstIndex(of: $0.state) } ?? -1
            #expect(try state >= #require(Self.order.firstIndex(of: least)), "\(job): \(comment)")
            // What is signed is never signed again.
            guard let proposal = found?.proposal else { continue }
            if case .authorized = try await ledger.answer(to: proposal) {
                Issue.record("\(job) would be signed twice: \(comment)")
            }
        }
    }
}
