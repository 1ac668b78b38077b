import Foundation
import SimulatedChain
import Solana
import TestSupport
import Testing

/// Our chain against the real runtime: LiteSVM of the PyPI package solders executes the same bytes.
///
/// `DEPAI_PEERS` names a virtual environment that has it; else `python3` of the path is asked.
@Suite struct ReplayTests {
    @Test(
        arguments: [11, 12, 20_261_107] as [UInt64], [Address.tokenProgram, .token2022Program])
    func `the real runtime agrees with every transaction, fee and balance`(
        seed: UInt64, program: Address
    ) async throws {
        let python = try await Peer.python(with: "solders.litesvm", from: "solders")
        var session = try RandomSession(seed: seed, tokenProgram: program)
        for _ in 0..<400 { try await session.step() }
        let bank = session.scene.bank
        let (accepted, output) = try await self.replay(
            bank.transcript() + bank.finalBalances(), name: "agreement-\(seed)-\(program)", with: python)
        let count = bank.history.count { if case .transaction = $0.kind { true } else { false } }
        #expect(accepted, "seed \(seed)\n\(output)")
        let summary = "\(count) transactions accepted, 0 differences\n"
        #expect(output.hasSuffix(summary), "seed \(seed)\n\(output)")
    }

    @Test func `the replay notices a lamport, a token and an error that are wrong`() async throws {
        let python = try await Peer.python(with: "solders.litesvm", from: "solders")
        var scene = try Scene()
        try scene.run(scene.payment(5), signers: [Scene.sponsor, Scene.robot])
        let lines = scene.bank.transcript() + scene.bank.finalBalances()
        let changes = [
            (#""fee":10300"#, #""fee":10301"#), (#""tokenAmount":"5""#, #""tokenAmount":"6""#),
            (#""err":null"#, #""err":"AccountNotFound""#), (#""lamports":2039280"#, #""lamports":2039281"#),
        ]
        for (right, wrong) in changes {
            let changed = lines.map { $0.replacing(right, with: wrong) }
            #expect(changed != lines)
            let (accepted, output) = try await self.replay(changed, name: "difference", with: python)
            #expect(!accepted && !output.hasSuffix(" 0 differences\n"), "\(wrong)\n\(output)")
        }
        let fewer = try lines.filter { !$0.contains(try scene.tokens(Scene.node).description) }
        #expect(fewer.count == lines.count - 1)
        let (accepted, _) = try await self.replay(fewer, name: "missing", with: python)
        #expect(!accepted, "a token account that the transcript leaves out")
    }

    /// Writes the transcript, lets the peer execute it, and keeps the file only when the peer disagrees.
    private func replay(
        _ lines: [String], name: String, with python: String
    ) async throws -> (accepted: Bool, output: String) {
        let file = FileManager.default.temporaryDirectory.appending(path: "depai-transcript-\(name).jsonl")
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file)
        let (agrees, output) = try await Peer.replay(transcript: file, with: python)
        if agrees { try FileManager.default.removeItem(at: file) }
        return (agrees, output)
    }
}
