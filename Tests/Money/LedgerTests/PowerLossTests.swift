import Foundation
import Ledger
import Subprocess
import SystemPackage
import TestSupport
import Testing
import World

/// The power goes at every write of a payment workload, and the disk keeps what it likes of what was not
/// synced.
@Suite(
    .endsHangs,
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/strace"), "strace is not installed"))
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
            let trace = folder.appending("trace").string
            let program = FilePath(Bundle.main.bundlePath).appending("depai-payments")
            let result = try await run(
                .path("/usr/bin/strace"),
                arguments: [
                    "-f", "-xx", "-s", "1000000", "-o", trace, "-e",
                    "trace=openat,close,pwrite64,write,fdatasync,fsync,ftruncate,unlink", program.string,
                    "run",
                    live.appending("ledger.db").string, String(payments), String(concurrency),
                ], output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
            guard result.terminationStatus.isSuccess else {
                try Test.cancel("skipped: strace may not trace here: \(result.standardError)")
            }
            let events = SystemCallTrace(
                try String(contentsOfFile: trace, encoding: .utf8), folder: live.string
            ).events
            let seed = UInt64.random(in: 0...UInt64.max)
            var random = Seeded(seed)
            var disk = CrashingDisk()
            var acknowledged: [String: IntentState] = [:]
            var states = 0
            for event in events {
                disk.apply(event)
                if case .said(let text) = event { Self.note(text, in: &acknowledged) }
                guard case .write = event else { continue }
                for luck in CrashingDisk.Luck.allCases {
                    let target = folder.appending("state")
                    try FileManager.default.createDirectory(
                        atPath: target.string, withIntermediateDirectories: true)
                    for (name, bytes) in disk.files(luck, using: &random) {
                        try Data(bytes).write(to: URL(filePath: target.appending(name).string))
                    }
                    try await self.check(
                        target.appending("ledger.db"), acknowledged,
                        "state \(states), \(luck), seed \(seed)")
                    try FileManager.default.removeItem(atPath: target.string)
                    states += 1
                }
            }
            #expect(acknowledged.count == payments && acknowledged.values.allSatisfy { $0 == .settled })
            print(
                "power loss: \(states) states of \(payments) payments, \(concurrency) at a time, seed \(seed)"
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
