import Encoding
import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The owner's program and the robot's, as processes of their own, with a broker between them.
@Suite(
    .serialized, .endsHangs,
    .enabled(if: Broker.isInstalled, "mosquitto is not installed"))
struct OwnerTests {
    private func withScene(_ body: @Sendable @escaping (OwnerScene) async throws -> Void) async throws {
        try await Broker.with { broker in
            try await withFolder { folder in try await body(try await OwnerScene(folder, broker)) }
        }
    }

    @Test func `anybody at the machine stops the wallet, and only the owner's signature lets it go on`()
        async throws
    {
        try await self.withScene { scene in
            try await scene.whileRobotRuns {
                let stopped = try await scene.wallet("freeze", "--reason", "smoke")
                #expect(stopped.code == 0, "\(stopped.talk)")
                #expect(try await scene.hold() == "smoke")
                let released = try await scene.owner("unfreeze")
                #expect(released.code == 0, "\(released.talk)")
                #expect(try await scene.hold() == nil)
            }
        }
    }

    @Test func `the owner's key at the machine lets the wallet go on, with and without a robot`() async throws
    {
        try await self.withScene { scene in
            func unfreeze(_ passphrase: String) async throws -> OwnerScene.Answer {
                try await scene.wallet(
                    "unfreeze", "--key-file", scene.folder.appending("owner.key").string,
                    "--passphrase-file", scene.folder.appending(passphrase).string)
            }
            #expect(try await scene.wallet("freeze").code == 0)
            #expect(try await unfreeze("passphrase").code == 3)
            #expect(try await scene.hold() != nil)
            let alone = try await unfreeze("owner-passphrase")
            #expect(alone.code == 0, "\(alone.talk)")
            #expect(try await scene.hold() == nil)
            try await scene.whileRobotRuns {
                #expect(try await scene.wallet("freeze").code == 0)
                let beside = try await unfreeze("owner-passphrase")
                #expect(beside.code == 0, "\(beside.talk)")
                #expect(try await scene.hold() == nil)
            }
        }
    }

    @Test func `a freeze that was sent while the robot was off is obeyed when it comes back`() async throws {
        try await self.withScene { scene in
            let sent = try await scene.owner("freeze", "--reason", "stolen")
            // Nothing says that the wallet stands still.
            #expect(sent.code == 7 && sent.talk.contains("keeps the command"), "\(sent.talk)")
            try await scene.whileRobotRuns {
                let reason = try await eventually("the freeze that the broker kept") {
                    try await scene.hold()
                }
                #expect(reason == "stolen")
                #expect(try await scene.owner("unfreeze").code == 0)
            }
            // The broker hands the same freeze out again; its number is used up.
            try await scene.whileRobotRuns {
                try await Task.sleep(for: .milliseconds(500))
                #expect(try await scene.hold() == nil)
            }
        }
    }

    @Test func `a command in a file needs this robot's fresh challenge and works once`() async throws {
        try await self.withScene { scene in
            let file = scene.folder.appending("command.json").string
            let blind = try await scene.owner("renew", "--out", file)
            #expect(blind.code == 2 && blind.talk.contains("challenge"))
            try await scene.whileRobotRuns {
                let challenge = try await scene.wallet("challenge").text
                #expect(try await scene.owner("renew", "--out", file, "--challenge", challenge).code == 0)
                #expect(try await scene.wallet("execute", file).code == 0)
                let again = try await scene.wallet("execute", file)
                #expect(again.code == 1 && again.talk.contains("used already"), "\(again.talk)")
                let invented = String(repeating: "ab", count: 32)
                #expect(try await scene.owner("renew", "--out", file, "--challenge", invented).code == 0)
                let refused = try await scene.wallet("execute", file)
                #expect(refused.code == 1 && refused.talk.contains("fresh challenge"), "\(refused.talk)")
            }
        }
    }

    @Test func `a robot without its passphrase starts locked, shows its address and can be stopped`()
        async throws
    {
        try await self.withScene { scene in
            try FileManager.default.removeItem(atPath: scene.folder.appending("passphrase").string)
            try await scene.whileRobotRuns {
                let shown = try await scene.wallet("address")
                #expect(shown.text == scene.wallet)
                #expect(try await scene.wallet("freeze").code == 0)
                #expect(try await scene.hold() == "stopped at the machine")
            }
        }
    }

    @Test func `a command to what is no wallet is not sent`() async throws {
        try await self.withScene { scene in
            // One letter less may be another key; two less is too short for one.
            for wallet in ["HAgk14Jp", "", scene.wallet + "11", String(scene.wallet.dropLast(2))] {
                let answer = try await OwnerScene.depai([
                    "owner", "freeze", "--wallet", wallet, "--broker", "127.0.0.1:1", "--key-file",
                    scene.folder.appending("owner.key").string, "--passphrase-file",
                    scene.folder.appending("owner-passphrase").string,
                ])
                #expect(answer.code == 2 && answer.talk.contains("--wallet"), "\(wallet): \(answer.talk)")
            }
        }
    }

    @Test func `the owner's tool signs nothing that nobody can mean`() async throws {
        try await self.withScene { scene in
            let owner = try String(
                contentsOfFile: scene.folder.appending("owner.pub").string, encoding: .utf8
            ).trimmingCharacters(in: .whitespacesAndNewlines)
            let asset = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1/token:\(scene.wallet)"
            let account = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1:\(scene.wallet)"
            let good: JSON = [
                "schema": "depai-policy/1", "wallet": .string(scene.wallet), "owner": .string(owner),
                "seq": 1,
                "issued_at": "2026-11-24T08:00:00Z", "mode": "active",
                "assets": [["asset": .string(asset), "symbol": "USD", "decimals": 6]],
                "payees": [["id": "p", "account": .string(account), "purposes": ["storage"]]],
                "limits": [["id": "each", "asset": .string(asset), "per_payment": "10"]],
            ]
            let file = scene.folder.appending("draft.json").string
            func sign(_ document: JSON) async throws -> OwnerScene.Answer {
                try Data(document.text.utf8).write(to: URL(filePath: file))
                return try await OwnerScene.depai([
                    "owner", "policy", file, "--key-file", scene.folder.appending("owner.key").string,
                    "--passphrase-file", scene.folder.appending("owner-passphrase").string,
                ])
            }
            let signed = try await sign(good)
            #expect(signed.code == 0, "\(signed.talk)")
            for (member, value, words) in [
                ("owner", .string(scene.wallet), "owner"), ("issued_at", "yesterday", "/issued_at"),
                ("limits", [], "/limits"),
                ("limits", [["id": "each", "asset": .string(asset)]], "/limits/0"),
                (
                    "payees", [["id": "p", "account": .string(scene.wallet), "purposes": ["storage"]]],
                    "/payees/0/account"
                ),
                (
                    "payees", [["id": "p", "account": "solana:x:2jqCc", "purposes": ["storage"]]],
                    "/payees/0/account"
                ),
                ("assets", [["asset": "token", "symbol": "USD", "decimals": 6]], "/assets/0/asset"),
            ] as [(String, JSON, String)] {
                var document = good
                document[member] = value
                let refused = try await sign(document)
                #expect(refused.code == 1 && refused.text.isEmpty, "\(member)")
                #expect(refused.talk.contains(words), "\(refused.talk)")
            }
        }
    }

    @Test func `without a terminal a change needs the digest of what is meant`() async throws {
        try await self.withScene { scene in
            let document = """
                {"schema": "depai-policy/1", "wallet": "\(scene.wallet)",
                 "owner": "\(try String(contentsOfFile: scene.folder.appending("owner.pub").string, encoding: .utf8))",
                 "seq": 1, "mode": "active", "assets": [{"asset": "chain:one/token:USD", "symbol": "USD", "decimals": 6}],
                 "payees": [{"id": "p", "account": "chain:one:payee", "purposes": ["storage"]}],
                 "limits": [{"id": "each", "asset": "chain:one/token:USD", "per_payment": "10"}]}
                """
            let path = scene.folder.appending("policy.json").string
            try Data(document.utf8).write(to: URL(filePath: path))
            let signed = try await OwnerScene.depai([
                "owner", "policy", path, "--key-file", scene.folder.appending("owner.key").string,
                "--passphrase-file", scene.folder.appending("owner-passphrase").string,
            ])
            #expect(signed.code == 0, "\(signed.talk)")
            try Data(signed.text.utf8).write(to: URL(filePath: path))
            let asked = try await scene.wallet("policy", "apply", path)
            #expect(asked.code == 2 && asked.talk.contains("--expect-digest"), "\(asked.talk)")
            let digest = try JSONField(
                try JSON.read(try await scene.wallet("policy", "verify", path, "--json").text))["digest"]
                .string()
            let wrong = String(repeating: "00", count: 32)
            #expect(
                try await scene.wallet("policy", "apply", path, "--yes", "--expect-digest", wrong).code == 2)
            let done = try await scene.wallet("policy", "apply", path, "--yes", "--expect-digest", digest)
            #expect(done.code == 0, "\(done.talk)")
            let limits = try await scene.wallet("limits", "--json")
            #expect(limits.text.contains("\"limit:each\""), "\(limits.talk)")
            #expect(try await scene.wallet("policy", "diff", path).text.isEmpty)
        }
    }
}
