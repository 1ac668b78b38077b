import Encoding
import Foundation
import Glibc
import Home
import Ledger
import Linux
import SimulatedChain
import Simulation
import Sodium
import Solana
import Storage
import Subprocess
import SystemPackage
import TestSupport
import Testing
import Wallet

/// `depai pay` and `depai-node` with programs that none of us wrote: shop, facilitator and client of the PyPI
/// package x402.
@Suite(.serialized, .endsHangs)
struct PayTests {
    private struct Answer {
        let code: Int32
        let body: [UInt8]
        let talk: String

        func json() throws -> JSONField { JSONField(try JSON.read(self.body)) }
    }

    /// A world without its robot; its home is used by the command line instead.
    private struct Shop {
        let world: RunningWorld
        let url: String

        var folder: FilePath { self.world.workshop.folder }
        var home: String { self.world.workshop.robot.path.string }

        func depai(_ arguments: String..., input: [UInt8] = []) async throws -> Answer {
            let result = try await run(
                .path(Repository.program("depai")),
                arguments: Arguments(arguments + ["--home", self.home]), input: .array(input),
                output: .bytes(limit: 1 << 20), error: .string(limit: 1 << 20))
            let code: Int32 = if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
            return Answer(code: code, body: result.standardOutput, talk: result.standardError)
        }

        func tokens(of owner: Address) async throws -> UInt64 {
            let account = Address.associatedToken(owner: owner, mint: self.world.mint)
            return try await self.world.cluster.withBank { bank in
                try bank.accounts[account].map { try TokenAccount(decoding: $0.data).amount } ?? 0
            }
        }

        /// A key with lamports in a file as Solana's tools write it.
        func sponsor(_ byte: UInt8, rpc: String) async throws -> FilePath {
            let seed = try SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) }
            let path = self.folder.appending("sponsor.json")
            try KeyFile.solana.write(seed, to: path)
            _ = try await RPCClient(
                url: rpc, web: WebProcess(program: Repository.program("depai-web").string)
            ).requestAirdrop(
                to: Address(SigningKey(seed: seed).publicKey), lamports: 1_000_000_000)
            return path
        }
    }

    private static func payTo(_ world: RunningWorld) throws -> Address {
        Address(try #require(try world.workshop.node(0).keystore().keys[.payment]))
    }

    private static func rpc(_ world: RunningWorld) throws -> String {
        try Settings.read(world.workshop.robot.configurationPath)["rpc"].string()
    }

    /// Lends a world with the package's shop and facilitator in it; the first node's owner is paid.
    private func withShop(_ body: @Sendable @escaping (Shop) async throws -> Void) async throws {
        let python = try await Peer.python(with: "x402, uvicorn", from: "x402")
        let (simulation, folder) = try WorldTests.simulation(try WorldTests.scenario())
        defer { TemporaryFolder.remove(folder) }
        try await simulation.withWorld { world in
            let rpc = try Self.rpc(world)
            let sponsor = try await Shop(world: world, url: "").sponsor(0x55, rpc: rpc)
            let seller = Process()
            seller.executableURL = URL(filePath: python)
            seller.arguments = [
                Peer.script("x402_seller.py").path, rpc, "\(world.mint)", "\(try Self.payTo(world))", "1500",
                sponsor.string,
            ]
            let (input, output) = (Pipe(), Pipe())
            seller.standardInput = input
            seller.standardOutput = output
            try seller.run()
            // It ends with its input: a child of Foundation's Process may have SIGTERM blocked.
            defer {
                try? input.fileHandleForWriting.close()
                seller.waitUntilExit()
            }
            let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            let port = try #require(line.split(whereSeparator: \.isWhitespace).last, "\(line)")
            try await body(Shop(world: world, url: "http://127.0.0.1:\(port)"))
        }
    }

    @Test func `a foreign shop is paid once for each fetch, and what is free costs nothing`() async throws {
        try await self.withShop { shop in
            let payTo = try Self.payTo(shop.world)
            let before = try await shop.tokens(of: payTo)

            let free = try await shop.depai("pay", "\(shop.url)/free")
            #expect(free.code == 0 && String(decoding: free.body, as: UTF8.self) == #"{"price":"nothing"}"#)

            let preview = try await shop.depai("pay", "\(shop.url)/weather", "--dry-run", "--json")
            #expect(preview.code == 0, "\(preview.talk)")
            #expect(try preview.json()["wouldPay"]["atomic"].string() == "1500")

            let dear = try await shop.depai("pay", "\(shop.url)/weather", "--max", "0.001")
            #expect(dear.code == 1 && dear.talk.contains("0.001500 USDC asked"), "\(dear.talk)")
            #expect(try await shop.tokens(of: payTo) == before)

            let bought = try await shop.depai("pay", "\(shop.url)/weather", "--max", "0.0015", "--json")
            #expect(bought.code == 0, "\(bought.talk)")
            let json = try bought.json()
            #expect(try json["schema"].string() == "depai.pay/1" && json["status"].integer(Int.self) == 200)
            #expect(try json["body"].string() == #"{"weather":"sunny"}"#)
            #expect(try json["paid"]["amount"].string() == "0.001500")
            #expect(try json["paid"]["payTo"].string() == "\(payTo)")
            let transaction = try json["transaction"].string()
            #expect(try await shop.tokens(of: payTo) == before + 1_500)

            // Another fetch is another purchase, and a body goes through unchanged in both directions.
            let again = try await shop.depai("pay", "\(shop.url)/weather", "--json")
            #expect(again.code == 0, "\(again.talk)")
            #expect(try again.json()["transaction"].string() != transaction)
            let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
            let echo = try await shop.depai("pay", "\(shop.url)/echo", "--body", "-", input: bytes)
            #expect(echo.code == 0 && echo.body == bytes, "\(echo.talk)")
            #expect(echo.talk.contains("paid 0.001500 USDC to"))
            #expect(try await shop.tokens(of: payTo) == before + 4_500)

            let intents = try await shop.depai("wallet", "intents", "--json")
            #expect(!String(decoding: intents.body, as: UTF8.self).contains("unknown"))
        }
    }

    @Test func `while a robot runs, the robot pays`() async throws {
        try await self.withShop { shop in
            let payTo = try Self.payTo(shop.world)
            _ = try await shop.world.startRobot()
            let socket = shop.world.workshop.robot.controlPath.string
            _ = try await eventually("the socket") {
                FileManager.default.fileExists(atPath: socket) ? true : nil
            }
            let before = try await shop.tokens(of: payTo)
            let preview = try await shop.depai("pay", "\(shop.url)/weather", "--dry-run", "--json")
            #expect(preview.code == 0, "\(preview.talk)")
            #expect(try preview.json()["wouldPay"]["atomic"].string() == "1500")

            // Several at once, and each is bought and answered.
            try await withThrowingTaskGroup(of: Answer.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        try await shop.depai("pay", "\(shop.url)/weather?number=\(number)", "--json")
                    }
                }
                for try await bought in group {
                    #expect(bought.code == 0, "\(bought.talk)")
                    #expect(try bought.json()["body"].string() == #"{"weather":"sunny"}"#)
                    #expect(try bought.json()["paid"]["atomic"].string() == "1500")
                }
            }
            let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
            let echo = try await shop.depai("pay", "\(shop.url)/echo", "--body", "-", input: bytes)
            #expect(echo.code == 0 && echo.body == bytes, "\(echo.talk)")
            let dear = try await shop.depai("pay", "\(shop.url)/weather", "--max", "0.001")
            #expect(dear.code == 1 && dear.talk.contains("0.001500 USDC asked"), "\(dear.talk)")
            let other = try await shop.depai("pay", "\(shop.url)/weather", "--network", "mainnet")
            #expect(other.code == 1 && other.talk.contains("this wallet pays on"), "\(other.talk)")
            let unknown = try await shop.depai("channel", "close", "nobody")
            #expect(unknown.code == 2 && unknown.talk.contains("no channel nobody"), "\(unknown.talk)")
            _ = try await shop.depai("wallet", "freeze")
            let denied = try await shop.depai("pay", "\(shop.url)/weather")
            #expect(denied.code == 4 && denied.talk.contains("rule hold"), "\(denied.talk)")
            // The robot itself buys elsewhere meanwhile, and from this seller's owner as well.
            let services = try shop.world.workshop.robot.viewLedger().intents().filter {
                $0.proposal.purpose == .service && $0.state == .settled
            }
            #expect(services.count == 5 && services.allSatisfy { $0.delivery == .delivered })
            #expect(try await shop.tokens(of: payTo) >= before + 5 * 1_500)
        }
    }

    @Test func `killed at any moment, it pays once`() async throws {
        try await self.withShop { shop in
            let payTo = try Self.payTo(shop.world)
            let before = try await shop.tokens(of: payTo)
            var generator = Seeded(3)
            for round in 0..<3 {
                let victim = Process()
                victim.executableURL = URL(filePath: Repository.program("depai").string)
                victim.arguments = ["pay", "\(shop.url)/weather?round=\(round)", "--home", shop.home]
                victim.standardOutput = FileHandle.nullDevice
                victim.standardError = FileHandle.nullDevice
                try victim.run()
                try await Task.sleep(for: .milliseconds(Int.random(in: 150...1_500, using: &generator)))
                kill(victim.processIdentifier, SIGKILL)
                victim.waitUntilExit()
                // This shop knows no payment identifiers: an answer that the victim took with it is lost.
                let after = try await shop.depai("pay", "\(shop.url)/weather?round=\(round)")
                #expect([0, 9].contains(after.code), "round \(round): \(after.code) \(after.talk)")
            }
            let anew = try await shop.depai("pay", "\(shop.url)/weather?round=0", "--anew")
            #expect(anew.code == 0, "\(anew.talk)")
            let intents = try shop.world.workshop.robot.viewLedger().intents()
            #expect(intents.allSatisfy { $0.state == .settled })
            // A second payment for the same request exists only after the first one was answered or given up.
            for record in intents where record.proposal.purchase.series == 0 && record.delivery == .pending {
                #expect(
                    !intents.contains {
                        $0.proposal.purchase == record.proposal.purchase && $0.id != record.id
                    })
            }
            let paid = intents.reduce(UInt64(0)) { $0 + $1.proposal.amount }
            #expect(try await shop.tokens(of: payTo) == before + paid)
        }
    }

    @Test func `what the owner does not allow is refused with the rule and its exit code`() async throws {
        try await self.withShop { shop in
            let stopped = try await shop.depai("wallet", "freeze", "--reason", "test")
            #expect(stopped.code == 0, "\(stopped.talk)")
            let denied = try await shop.depai("pay", "\(shop.url)/weather")
            #expect(
                denied.code == 4 && denied.talk.contains("rule hold") && denied.body.isEmpty, "\(denied.talk)"
            )
            let silent = try await shop.depai("pay", "http://127.0.0.1:1/weather")
            #expect(silent.code == 9 && silent.talk.contains("nothing was paid"), "\(silent.talk)")
            let other = try await shop.depai("pay", "\(shop.url)/weather", "--network", "mainnet")
            #expect(other.code == 1 && other.talk.contains("is not a node of"), "\(other.talk)")
        }
    }

    @Test func `a node without an open port is paid through the broker, once for each fetch`() async throws {
        let (simulation, folder) = try WorldTests.simulation(try WorldTests.scenario(over: "mqtt"))
        defer { TemporaryFolder.remove(folder) }
        try await simulation.withWorld { world in
            let shop = Shop(world: world, url: "")
            let payTo = try Self.payTo(world)
            let node = try Settings.read(world.workshop.robot.configurationPath)["providers"][0]["url"]
                .string()
            #expect(node.hasPrefix("mqtt://"))
            let offer = try await shop.depai("pay", "\(node)/v1/offer")
            #expect(offer.code == 0 && String(decoding: offer.body, as: UTF8.self).contains("Aurora"))
            let object = try StoredObject(Array("a map of the yard".utf8))
            let url = "\(node)/v1/storage/\(object.id)?size=\(object.bytes.count)&days=2"
            var price: UInt64 = 0
            for round in 1...2 {
                let bought = try await shop.depai("pay", url, "-X", "PUT", "--body", "-", input: object.bytes)
                #expect(bought.code == 0, "\(bought.talk)")
                #expect(String(decoding: bought.body, as: UTF8.self).contains("\(object.id)"))
                let paid = try await shop.tokens(of: payTo)
                if round == 1 { price = paid }
                #expect(price > 0 && paid == UInt64(round) * price)
            }
        }
    }

    @Test func `the package's client buys storage from a node`() async throws {
        let python = try await Peer.python(with: "x402, uvicorn", from: "x402")
        let (simulation, folder) = try WorldTests.simulation(try WorldTests.scenario())
        defer { TemporaryFolder.remove(folder) }
        try await simulation.withWorld { world in
            let shop = Shop(world: world, url: "")
            let before = try await shop.tokens(of: try Self.payTo(world))
            let node = try Settings.read(world.workshop.robot.configurationPath)["providers"][0]["url"]
                .string()
            let key = world.workshop.folder.appending("robot.json").string
            let digest = Hex.encode(
                BLAKE2b.digest(of: try #require(try world.workshop.robot.keystore().keys[.payment]).bytes))
            let revealed = try await shop.depai(
                "wallet", "reveal", "--out", key, "--passphrase-file",
                world.workshop.passphraseFile.string, "--yes", "--expect-digest", digest)
            #expect(revealed.code == 0, "\(revealed.talk)")
            let content = FilePath(folder.string).appending("content")
            let object = try StoredObject(Array("a map of the yard".utf8))
            try Data(object.bytes).write(to: URL(filePath: content.string))
            let id = try await run(
                .path(FilePath(python)),
                arguments: [
                    Peer.script("x402_buyer.py").path, try Self.rpc(world), key, "PUT",
                    "\(node)/v1/storage/\(object.id)?size=\(object.bytes.count)&days=2", content.string,
                ], output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
            #expect(id.terminationStatus.isSuccess, "\(id.standardError)")
            let answer = JSONField(try JSON.read(id.standardOutput))
            #expect(try answer["status"].integer(Int.self) == 200, "\(id.standardOutput)")
            #expect(try answer["settled"]["success"].bool())
            #expect(try await shop.tokens(of: try Self.payTo(world)) > before)
        }
    }

    @Test func `a node writes no memory to a disk when it dies`() async throws {
        let (simulation, folder) = try WorldTests.simulation(try WorldTests.scenario())
        defer { TemporaryFolder.remove(folder) }
        try await simulation.withWorld { world in
            let home = world.workshop.node(0).path.string
            func read(_ file: String, of process: String) -> String {
                (try? String(contentsOfFile: "/proc/\(process)/\(file)", encoding: .utf8)) ?? ""
            }
            let nodes = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter {
                read("cmdline", of: $0).contains("depai-node\u{0}run\u{0}--home\u{0}\(home)\u{0}")
            }
            let node = try #require(nodes.first)
            let limit = try #require(
                read("limits", of: node).split(separator: "\n").first { $0.hasPrefix("Max core file size") })
            #expect(limit.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"], "\(limit)")
        }
    }
}
