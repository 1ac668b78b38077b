internal import Foundation
import Subprocess
public import SystemPackage
public import Testing

/// What a program wrote, and each state in which a power cut could have left its files.
public struct PowerCut: Sendable {
    private let events: [SystemCallTrace.Event]
    /// Where the states are laid out, one after the other.
    private let target: FilePath
    /// Repeats what the disk kept by chance.
    public let seed = UInt64.random(in: 0...UInt64.max)

    /// Whether programs can be watched here.
    public static var isPossible: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/strace") }

    /// Runs a program that lies beside the tests, and watches it. Where nobody may watch, the test is skipped.
    ///
    /// - Parameters:
    ///   - live: the folder whose files count.
    ///   - folder: for what this needs itself.
    public init(
        _ program: String, _ arguments: [String], writing live: FilePath, in folder: FilePath
    ) async throws {
        let trace = folder.appending("trace").string
        let path = Repository.program(program).string
        let result = try await run(
            .path("/usr/bin/strace"),
            arguments: Arguments(
                [
                    "-f", "-xx", "-s", "1000000", "-o", trace, "-e",
                    "trace=openat,close,pwrite64,write,fdatasync,fsync,ftruncate,unlink,rename", path,
                ] + arguments), output: .discarded, error: .string(limit: 1 << 20))
        guard result.terminationStatus.isSuccess else {
            try Test.cancel("skipped: strace may not trace here: \(result.standardError)")
        }
        self.events =
            SystemCallTrace(
                try String(contentsOfFile: trace, encoding: .utf8), folder: live.string
            ).events
        self.target = folder.appending("state")
    }

    /// Lays out the files as a cut after each event may leave them, for each luck of the disk.
    ///
    /// - Parameters:
    ///   - start: what was on the disk before.
    ///   - onlyAfterWrites: whether syncs, removals and renames make no state of their own.
    ///   - said: told what the program says, in between.
    /// - Returns: how many states there were.
    @discardableResult
    public func each(
        from start: CrashingDisk = CrashingDisk(), onlyAfterWrites: Bool = true,
        said: (String) -> Void = { _ in }, _ check: (FilePath, Comment) async throws -> Void
    ) async throws -> Int {
        var (disk, random, states) = (start, Seeded(self.seed), 0)
        for event in self.events {
            disk.apply(event)
            if case .said(let text) = event { said(text) }
            if onlyAfterWrites { guard case .write = event else { continue } }
            for luck in CrashingDisk.Luck.allCases {
                try FileManager.default.createDirectory(
                    atPath: self.target.string, withIntermediateDirectories: true)
                for (name, bytes) in disk.files(luck, using: &random) {
                    try Data(bytes).write(to: URL(filePath: self.target.appending(name).string))
                }
                try await check(self.target, "state \(states), \(luck), seed \(self.seed)")
                try FileManager.default.removeItem(atPath: self.target.string)
                states += 1
            }
        }
        return states
    }
}
