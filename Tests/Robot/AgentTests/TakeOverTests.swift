import Control
import Database
import Devices
import Foundation
import Linux
import Subprocess
import SystemPackage
import TestSupport
import Testing

@testable import Agent

/// A home of the version before, whose readings move to a file of their own while the power goes.
@Suite(
    .endsHangs,
    .enabled(if: PowerCut.isPossible, "strace is not installed"))
struct TakeOverTests {
    private static let numbers = Array(Int64(11)...1_300)

    private static func oldHome(_ path: FilePath) throws {
        let old = try Connection.open(path, Schema(Array(AgentView.schema.steps.prefix(2))))
        try old.transaction {
            for number in self.numbers {
                try old.run("INSERT INTO reading (seq, at, text) VALUES (?, 0, 'r')", .integer(number))
            }
        }
    }

    private static func run(_ folder: FilePath) async throws -> TerminationStatus {
        let program = Repository.program("depai-crashing")
        return try await Subprocess.run(
            .path(program), arguments: ["take-over", folder.string], output: .discarded, error: .discarded
        ).terminationStatus
    }

    @Test func `a power cut on the way loses no reading and doubles none`() async throws {
        try await withFolder { folder in
            let live = folder.appending("live")
            try DurableFile.createFolder(live)
            try Self.oldHome(live.appending("agent.db"))
            let start = try DurableFile.read(live.appending("agent.db"), limit: 10 << 20)
            let cut = try await PowerCut(
                "depai-crashing", ["take-over", live.string], writing: live, in: folder)
            var (count, old) = (0, 0)
            let states = try await cut.each(
                from: CrashingDisk(["agent.db": start]), onlyAfterWrites: false
            ) { target, comment in
                defer { count += 1 }
                let found = try Schema.version(of: target.appending("agent.db"))
                #expect([2, AgentView.schema.version].contains(found), comment)
                if found == 2 { old += 1 } else { try Self.check(target, comment) }
                guard count % 4 == 0 else { return }
                // The next start ends it.
                #expect(try await Self.run(target).isSuccess, comment)
                try Self.check(target, comment)
            }
            print("take-over: \(states) states after a power cut, \(old) of them old, seed \(cut.seed)")
            #expect(old > 0 && old < states && states > 60)
        }
    }

    private static func check(_ folder: FilePath, _ comment: Comment) throws {
        let log = try ReadingLog(path: folder.appending("readings.db"), timeline: SystemTimeline())
        #expect(try log.entries(after: 0, limit: 9_999).map(\.sequence) == self.numbers, comment)
        #expect(try AgentView(path: folder.appending("agent.db")).mark("archive") == 10, comment)
    }
}
