import ArgumentParser
import Console
import Control
import Encoding
import Home
import Ledger

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What the robot is doing, from its files.")

    @OptionGroup var home: HomeOption
    @OptionGroup var output: OutputOption

    @Option(help: "How many of the last events are shown.")
    var events = 10

    func run() async throws {
        let home = self.home.home
        let view = try AgentView(path: home.agentPath)
        let events = try view.lastEvents(max(0, self.events))
        let open = try home.viewLedger().intents(in: [.reserved, .signed, .submitted, .unknown])
        guard !self.output.json else {
            return Terminal.out([
                "schema": "depai.status/1", "batches": JSON(try view.finished(kind: "archive")),
                "errands": JSON(try view.finished(kind: "errand")),
                "readingsWaiting": JSON(try home.waitingReadings()),
                "openPayments": .array(open.map(\.json)),
                "events": .array(
                    events.map {
                        ["at": .string(rfc3339($0.at)), "kind": .string($0.kind), "text": .string($0.text)]
                    }),
            ])
        }
        var table = Table(.left, .left)
        table.add(("batches stored", .dim), ("\(try view.finished(kind: "archive"))", nil))
        table.add(("errands driven", .dim), ("\(try view.finished(kind: "errand"))", nil))
        table.add(("readings waiting", .dim), ("\(try home.waitingReadings())", nil))
        table.add(("open payments", .dim), ("\(open.count)", open.isEmpty ? nil : .yellow))
        Terminal.out(table.text)
        var log = Table(.left, .left, .left)
        for event in events { log.add((rfc3339(event.at), .dim), (event.kind, .bold), (event.text, nil)) }
        Terminal.out("\n" + log.text)
    }
}
