import Database
import Encoding
import Foundation
import Home
import Ledger
import Node
import SimulatedChain
import Simulation
import Solana
import Storage
import Subprocess
import SystemPackage
import TestSupport
import Testing
import Wallet

/// `depai channel` and `depai pay --deposit` against a node: two programs, real HTTP, a simulated chain.
@Suite(.serialized, .endsHangs)
struct ChannelCommandTests {
    private struct Answer {
        let code: Int32
        let body: String
        let talk: String
        func json() throws -> JSONField { JSONField(try JSON.read(Array(self.body.utf8))) }
    }

    private struct Scene {
        let world: RunningWorld
        let node: String

        init(_ world: RunningWorld) throws {
            self.world = world
            self.node = try Settings.read(world.workshop.robot.configurationPath)["providers"][0]["url"]
                .string()
        }

        func depai(_ arguments: [String]) async throws -> Answer {
            let result = try await run(
                .path(Repository.program("depai")),
                arguments: Arguments(arguments + ["--home", self.world.workshop.robot.path.string]),
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
            let code: Int32 = if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
            return Answer(code: code, body: result.standardOutput, talk: result.standardError)
        }

        /// The same, its output to a disk that is full.
        func full(_ arguments: [String]) async throws -> Answer {
            let program = Repository.program("depai").string
            let result = try await run(
                .name("sh"),
                arguments: Arguments(
                    ["-c", "exec \"$@\" > /dev/full", "sh", program] + arguments
                        + ["--home", self.world.workshop.robot.path.string]),
                output: .string(limit: 1 << 10), error: .string(limit: 1 << 20))
            let code: Int32 = if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
            return Answer(code: code, body: result.standardOutput, talk: result.standardError)
        }

        /// Arguments that keep one object at the node for two days.
        func purchase(_ text: String) throws -> [String] {
            let object = try StoredObject(Array(text.utf8))
            let url = "\(self.node)/v1/storage/\(object.id)?size=\(object.bytes.count)&days=2"
            return [url, "-X", "PUT", "--data", text]
        }

        /// What the chain shows of an owner.
        func tokens(of home: Home) async throws -> UInt64 {
            let owner = Address(try #require(try home.keystore().keys[.payment]))
            let account = Address.associatedToken(owner: owner, mint: self.world.mint)
            return try await self.world.cluster.withBank { bank in
                try bank.accounts[account].map { try TokenAccount(decoding: $0.data).amount } ?? 0
            }
        }
    }

    private func withWorld(_ body: @Sendable @escaping (Scene) async throws -> Void) async throws {
        let (simulation, folder) = try WorldTests.simulation(try WorldTests.scenario())
        defer { TemporaryFolder.remove(folder) }
        try await simulation.withWorld { world in try await body(try Scene(world)) }
    }

    @Test func `a channel is opened, drawn on, listed and closed`() async throws {
        try await self.withWorld { scene in
            let before = try await scene.tokens(of: scene.world.workshop.robot)
            let seller = try await scene.tokens(of: scene.world.workshop.node(0))
            let without = try await scene.depai(["channel", "open"] + scene.purchase("one"))
            #expect(without.code == 2 && without.talk.contains("--deposit"), "\(without.talk)")
            let opened = try await scene.depai(
                ["channel", "open"] + scene.purchase("one") + ["--deposit", "0.05", "--json"])
            #expect(opened.code == 0, "\(opened.talk)")
            let price = try #require(UInt64(try opened.json()["paid"]["atomic"].string()))
            for text in ["two", "three"] {
                let paid = try await scene.depai(["pay"] + scene.purchase(text) + ["--json"])
                #expect(paid.code == 0, "\(paid.talk)")
            }
            let list = try await scene.depai(["channel", "list", "--json"])
            let channel = try list.json()["channels"][0]
            #expect(try channel["state"].string() == "open", "\(list.body)")
            #expect(try channel["spent"].string() == String(3 * price))
            #expect(try await scene.tokens(of: scene.world.workshop.robot) == before - 50_000)
            let table = try await scene.depai(["channel"])
            #expect(table.code == 0 && table.body.contains("0.050000"), "\(table.body)")
            let id = try channel["channel"].string()
            let closed = try await scene.depai(["channel", "close", id, "--json"])
            #expect(closed.code == 0, "\(closed.talk)")
            #expect(try closed.json()["redeemed"].string() == String(3 * price))
            #expect(try await scene.tokens(of: scene.world.workshop.robot) == before - 3 * price)
            #expect(try await scene.tokens(of: scene.world.workshop.node(0)) == seller + 3 * price)
            let again = try await scene.depai(["channel", "close", id])
            #expect(again.code == 9 && again.talk.contains("closed already"), "\(again.talk)")
            let unknown = try await scene.depai(["channel", "close", "nobody"])
            #expect(unknown.code == 2, "\(unknown.talk)")
            let export = try await scene.depai(["wallet", "export", "--format", "csv"])
            #expect(export.code == 0 && export.body.contains(id), "\(export.talk)")
        }
    }

    @Test func `an answer that could not be written is no answer, and comes again for nothing`() async throws
    {
        try await self.withWorld { scene in
            let robot = scene.world.workshop.robot
            let before = try await scene.tokens(of: robot)
            let purchase = try ["pay"] + scene.purchase("a receipt to keep")
            let lost = try await scene.full(purchase)
            #expect(lost.code == 1 && lost.talk.contains("could not be written"), "\(lost.talk)")
            let paid = try await scene.tokens(of: robot)
            #expect(paid < before)
            let kept = try await scene.depai(purchase)
            #expect(kept.code == 0 && kept.body.contains("receipt"), "\(kept.talk)")
            #expect(try await scene.tokens(of: robot) == paid)
            // After an answer that arrived the same command buys anew.
            #expect(try await scene.depai(purchase).code == 0)
            #expect(try await scene.tokens(of: robot) < paid)
            for arguments in [
                ["wallet", "export"], ["wallet", "history", "--json"], ["wallet", "policy", "show"],
                ["channel"],
            ] {
                let silent = try await scene.full(arguments)
                #expect(silent.code == 1, "\(arguments): \(silent.talk)")
            }
        }
    }

    @Test func `killed at any moment, both sides' books agree`() async throws {
        try await self.withWorld { scene in
            let robot = scene.world.workshop.robot
            let before = try await scene.tokens(of: robot)
            var generator = Seeded(5)
            for round in 0..<6 {
                let arguments = try ["pay"] + scene.purchase("round \(round)") + ["--deposit", "0.05"]
                let victim = Process()
                victim.executableURL = URL(filePath: Repository.program("depai").string)
                victim.arguments = arguments + ["--home", robot.path.string]
                victim.standardOutput = FileHandle.nullDevice
                victim.standardError = FileHandle.nullDevice
                try victim.run()
                try await Task.sleep(for: .milliseconds(Int.random(in: 100...900, using: &generator)))
                kill(victim.processIdentifier, SIGKILL)
                victim.waitUntilExit()
                let after = try await scene.depai(arguments)
                #expect(after.code == 0, "round \(round): \(after.code) \(after.talk)")
            }
            let view = try robot.viewLedger()
            let charged = try NodeView(scene.world.workshop.node(0)).charged
            for channel in try view.channels() {
                #expect(channel.spent == charged[channel.id] ?? 0)
                guard channel.state == .open else { continue }
                let closed = try await scene.depai(["channel", "close", channel.id])
                #expect(closed.code == 0, "\(closed.talk)")
            }
            let balance = try #require(try robot.viewLedger().balances().first)
            #expect(balance.escrowed == 0)
            let onChain = try await scene.tokens(of: robot)
            #expect(Int64(onChain) == balance.available + balance.reserved)
            #expect(Int64(before - onChain) == balance.spent + balance.reserved)
            #expect(try robot.viewLedger().faults() == [])
        }
    }

    @Test func `what is in a channel comes back to a robot whose ledger is lost`() async throws {
        try await self.withWorld { scene in
            let robot = scene.world.workshop.robot
            let before = try await scene.tokens(of: robot)
            let seller = try await scene.tokens(of: scene.world.workshop.node(0))
            let opened = try await scene.depai(
                ["channel", "open"] + scene.purchase("one") + ["--deposit", "0.05", "--json"])
            #expect(opened.code == 0, "\(opened.talk)")
            let price = try #require(UInt64(try opened.json()["paid"]["atomic"].string()))
            let paid = try await scene.depai(["pay"] + scene.purchase("two"))
            #expect(paid.code == 0, "\(paid.talk)")
            let policy = robot.path.appending("policy.json")
            try DurableFile.write(try #require(try robot.viewLedger().policyFile()), to: policy)
            for end in ["", "-wal", "-shm", ".head"] { unlink(robot.ledgerPath.string + end) }
            let verified = try await scene.depai(["wallet", "policy", "verify", policy.string, "--json"])
            let digest = try verified.json()["digest"].string()
            let applied = try await scene.depai(
                ["wallet", "policy", "apply", policy.string, "--yes", "--expect-digest", digest])
            #expect(applied.code == 0, "\(applied.talk)")
            let found = try await scene.depai(["channel", "recover", "--json"])
            #expect(found.code == 0, "\(found.talk)")
            let channel = try found.json()["channels"][0]
            #expect(try channel["deposit"].string() == "50000" && channel["spent"].string() == "0")
            let id = try channel["channel"].string()
            let again = try await scene.depai(["channel", "recover"])
            #expect(again.code == 0 && again.body.contains("known"), "\(again.body)")
            let lost = try await scene.depai(["channel", "close", id])
            #expect(lost.code == 9 && lost.talk.contains("lost with the ledger"), "\(lost.talk)")
            let closed = try await scene.depai(["channel", "close", id, "--at", scene.node, "--json"])
            #expect(closed.code == 0, "\(closed.talk)")
            #expect(try closed.json()["redeemed"].string() == String(2 * price))
            #expect(try await scene.tokens(of: robot) == before - 2 * price)
            #expect(try await scene.tokens(of: scene.world.workshop.node(0)) == seller + 2 * price)
            let balance = try #require(try robot.viewLedger().balances().first)
            #expect(balance.escrowed == 0 && balance.spent == Int64(2 * price))
            #expect(Int64(before) == balance.deposited && Int64(before - 2 * price) == balance.available)
            #expect(try robot.viewLedger().faults() == [])
        }
    }
}
