import Database
import Encoding
import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// `depai run` as a service manager starts it.
@Suite(.serialized, .endsHangs, .enabled(if: Broker.isInstalled, "mosquitto is not installed"))
struct ServiceTests {
    @Test(arguments: [false, true])
    func `the manager hears when the robot works, how it stands, that it lives and that it ends`(
        isAbstract: Bool
    ) async throws {
        try await withFolder { folder in
            try await Broker.with { broker in
                let robot = try await LoneRobot.make(in: folder, broker: broker.port)
                let name = isAbstract ? "@depai-\(UUID().uuidString)" : folder.appending("notify").string
                let manager = try Notifications(name)
                try await robot.whileRunning(["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "400000"]) { life in
                    try await manager.wait(for: "READY=1")
                    // Ready means that whoever asks is answered.
                    let answer = try await robot.depai("device", "list", "--json")
                    #expect(answer.code == 0, "\(answer.talk)")
                    try await manager.wait(for: "STATUS=wallet open, 0 of 0 devices online, broker connected")
                    _ = try await eventually("signs of life") {
                        manager.texts.count { $0 == "WATCHDOG=1" } > 5 ? true : nil
                    }
                    try await broker.halt()
                    try await manager.wait(for: "STATUS=wallet open, 0 of 0 devices online, broker away")
                    life.signal(SIGTERM)
                    try await manager.wait(for: "STOPPING=1")
                    _ = try await eventually("the end") { life.exitCode }
                    #expect(life.exitCode == 0, "\(life.said)")
                }
                let texts = manager.texts
                // Nothing but the four words of the protocol, ready once, and no status twice in a row.
                #expect(texts.filter { $0 == "READY=1" }.count == 1)
                #expect(
                    texts.allSatisfy { text in
                        ["READY=1", "WATCHDOG=1", "STATUS=", "STOPPING=1"].contains { text.hasPrefix($0) }
                    })
            }
        }
    }

    @Test func `a watchdog of another process is not fed, and none is needed`() async throws {
        try await withFolder { folder in
            let robot = try await LoneRobot.make(in: folder, broker: try Broker.freePort())
            let name = folder.appending("notify").string
            let manager = try Notifications(name)
            let variables = ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"]
            try await robot.whileRunning(variables) { life in
                // No broker, no chain: the robot works all the same.
                try await manager.wait(for: "READY=1")
                try await manager.wait(for: "broker away")
                try await Task.sleep(for: .milliseconds(600))
                // A sign that nobody waits for does no harm; it comes at our own pace.
                #expect(manager.texts.count { $0 == "WATCHDOG=1" } <= 1)
                #expect(life.exitCode == nil)
            }
        }
    }

    @Test func `a robot whose ledger is stuck gives no sign of life, and gives it again afterwards`()
        async throws
    {
        try await withFolder { folder in
            let robot = try await LoneRobot.make(in: folder, broker: try Broker.freePort())
            let name = folder.appending("notify").string
            let manager = try Notifications(name)
            try await robot.whileRunning(["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "400000"]) { life in
                try await manager.wait(for: "READY=1")
                _ = try await eventually("signs of life") {
                    manager.texts.count { $0 == "WATCHDOG=1" } > 2 ? true : nil
                }
                // Whoever holds the file's lock lets the ledger wait in the middle of a write.
                let thief = try Connection(path: robot.home.ledgerPath.string)
                try thief.begin()
                async let freeze = robot.depai("wallet", "freeze")
                // It stands once what came before is picked up and no more arrives.
                _ = try await eventually("silence") { () -> Bool? in
                    guard let last = manager.all.last else { return nil }
                    return ContinuousClock.now - last.at > .milliseconds(1_500) ? true : nil
                }
                // The rest of the program runs: it is one part that is stuck, not the process.
                let list = try await robot.depai("device", "list", "--json")
                #expect(list.code == 0, "\(list.talk)")
                let before = manager.texts.count
                thief.rollback()
                let answer = try await freeze
                #expect(answer.code == 0, "\(answer.talk)")
                try await manager.wait(for: "STATUS=wallet open but stopped")
                _ = try await eventually("signs of life") { manager.texts.count > before + 3 ? true : nil }
                #expect(life.exitCode == nil, "\(life.said)")
            }
        }
    }

    @Test func `a log that the journal hears has priorities and no times; another one has times`()
        async throws
    {
        try await withFolder { folder in
            let robot = try await LoneRobot.make(in: folder, broker: try Broker.freePort())
            func log(_ variables: [String: String]) async throws -> [Substring] {
                let said = folder.appending("said-\(variables.count)")
                try DurableFile.write([], to: said)
                var status = stat()
                stat(said.string, &status)
                let stream = "\(status.st_dev):\(status.st_ino)"
                let result = try await run(
                    .path("/bin/sh"),
                    arguments: [
                        "-c", "timeout 3 \"$0\" run --home \"$1\" 2>>\"$2\"", LoneRobot.program.string,
                        robot.home.path.string, said.string,
                    ],
                    environment: LoneRobot.environment(variables.mapValues { $0 == "ours" ? stream : $0 }),
                    input: .none, output: .discarded, error: .discarded)
                _ = result
                return try String(contentsOfFile: said.string, encoding: .utf8).split(separator: "\n")
            }
            let journal = try await log(["JOURNAL_STREAM": "ours"])
            #expect(journal.count > 2)
            #expect(journal.allSatisfy { $0.wholeMatch(of: /<[3-7]>[^\d<].*/) != nil }, "\(journal)")
            #expect(journal.contains { $0.hasPrefix("<4>broker: not connected") }, "\(journal)")
            #expect(journal.contains { $0.hasPrefix("<6>start: wallet ") }, "\(journal)")
            #expect(!journal.joined().contains(LoneRobot.passphrase))
            // The variable alone says nothing: it is inherited by whoever writes elsewhere.
            let other = try await log(["JOURNAL_STREAM": "1:1", "LANG": "C"])
            #expect(other.allSatisfy { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT.*/) != nil }, "\(other)")
        }
    }

    @Test func `an error reaches the journal as an error`() async throws {
        try await withFolder { folder in
            let said = folder.appending("said")
            try DurableFile.write([], to: said)
            var status = stat()
            stat(said.string, &status)
            _ = try await run(
                .path("/bin/sh"),
                arguments: [
                    "-c", "\"$0\" run --home \"$1\" --config /dev/null 2>>\"$2\"", LoneRobot.program.string,
                    folder.string, said.string,
                ],
                environment: LoneRobot.environment(["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"]),
                input: .none, output: .discarded, error: .discarded)
            let text = try String(contentsOfFile: said.string, encoding: .utf8)
            #expect(text.hasPrefix("<3>depai: error: "), "\(text)")
        }
    }
}
