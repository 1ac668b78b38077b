import Foundation
import Ledger
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// Disks that answer with errors, by libfiu, and disks that are full.
@Suite(.serialized, .endsHangs)
struct StorageFaultTests {
    private static let payments = 60
    private static let rounds = 5

    /// Runs the workload; the launcher breaks something underneath.
    private func pay(_ launcher: [String], _ path: FilePath) async throws -> (
        code: Int32, said: String, talk: String
    ) {
        let program = Repository.program("depai-payments").string
        let result = try await run(
            .name("env"),
            arguments: Arguments(launcher + [program, "run", path.string, String(Self.payments), "2"]),
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        let code: Int32 = if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
        return (code, result.standardOutput, result.standardError)
    }

    private func steps(_ text: String) -> Set<[Substring]> {
        Set(text.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.first == "ACK" })
    }

    /// What was acknowledged before the fault is there, the fault was told, and a healthy disk ends the work.
    private func expectHonesty(_ launcher: [String], _ name: String) async throws {
        try await withFolder { folder in
            var faults = 0
            for round in 0..<Self.rounds {
                let path = folder.appending("ledger-\(round).db")
                let broken = try await self.pay(launcher, path)
                if broken.code != 0 {
                    faults += 1
                    #expect(broken.code == 8 && broken.talk.contains("storage:"), "\(name): \(broken.talk)")
                }
                let order: [IntentState] = [.signed, .submitted, .settled]
                do {
                    let ledger = try Scene.open(path: path)
                    let records = try await ledger.read { try $0.intents() }
                    for step in self.steps(broken.said) {
                        let state = records.first { $0.proposal.purchase.subject.text == step[1] }?.state
                        let least = try #require(IntentState(rawValue: String(step[2])))
                        #expect(
                            try #require(state.flatMap { order.firstIndex(of: $0) })
                                >= #require(order.firstIndex(of: least)), "\(name): \(step)")
                    }
                }
                let healed = try await self.pay([], path)
                #expect(healed.code == 0, "\(name): \(healed.talk)")
                let ledger = try Scene.open(path: path)
                let (records, faultsFound) = try await ledger.read { (try $0.intents(), try $0.faults()) }
                #expect(records.count == Self.payments && records.allSatisfy { $0.state == .settled })
                #expect(faultsFound.isEmpty && records.reduce(0) { $0 + $1.proposal.amount } == 300)
            }
            #expect(faults > 0, "\(name) broke nothing")
            print("storage faults: \(name) broke \(faults) of \(Self.rounds) runs")
        }
    }

    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: "/usr/bin/fiu-run"), "fiu-utils is not installed"
        ),
        arguments: [
            ("posix/io/sync/fdatasync", 5, 0.03), ("posix/io/rw/pwrite", 5, 0.01),
            ("posix/io/rw/pwrite", 28, 0.01),
        ])
    func `an error of the disk stops the spending, nothing lies, and a restart heals`(
        call: String, errno: Int, probability: Double
    ) async throws {
        let command = "enable_random name=\(call),failinfo=\(errno),probability=\(probability)"
        try await self.expectHonesty(["fiu-run", "-x", "-c", command], "\(call) with errno \(errno)")
    }

    @Test func `a full disk stops the spending, nothing lies, and room heals`() async throws {
        // The shell ignores SIGXFSZ, so that the limit shows as an error of the write.
        try await self.expectHonesty(
            ["bash", "-c", "trap '' XFSZ; ulimit -f 256; exec \"$@\"", "bash"], "a limit of the file size")
    }
}
