import Database
import Encoding
import SystemPackage
import TestSupport
import Testing
import World

@testable import Devices

/// The power goes at every write of a reading log, and the disk keeps what it likes of what was not synced.
@Suite(
    .endsHangs,
    .enabled(if: PowerCut.isPossible, "strace is not installed"))
struct ReadingPowerLossTests {
    @Test func `what was acknowledged is there after a power cut, each once and in order`() async throws {
        try await withFolder { folder in
            let live = folder.appending("live")
            try DurableFile.createFolder(live)
            let cut = try await PowerCut(
                "depai-readings", ["say", "8", "400", live.appending("readings.db").string], writing: live,
                in: folder)
            var (kept, most): (Int64, Int64) = (0, 0)
            let states = try await cut.each { text in
                if let number = text.split(separator: " ").last.flatMap({ Int64($0.filter(\.isNumber)) }),
                    text.hasPrefix("kept")
                {
                    kept = number
                }
            } _: { target, comment in
                let path = target.appending("readings.db")
                guard kept > 0 else { return }
                let log = try ReadingLog(path: path, timeline: SystemClock())
                let numbers = try log.entries(after: 0, limit: 1_000).map(\.sequence)
                let last = numbers.last ?? 0
                #expect(last >= kept, comment)
                // Whole groups only, and what left was taken by the one who follows.
                #expect(last.isMultiple(of: 8), comment)
                #expect(numbers == Array((numbers.first ?? 1)...last), comment)
                most = max(most, last)
            }
            print("readings: \(states) states after a power cut, \(most) kept, seed \(cut.seed)")
            #expect(states > 100 && most == 400)
        }
    }

    private struct SystemClock: Timeline {
        var now: Timestamp { Timestamp(milliseconds: 0) }
        var uptime: Duration { .zero }
        func sleep(for duration: Duration) async throws {}
    }
}
