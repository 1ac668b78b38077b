import Agent
import Control
import Database
import Home
import Ledger
import SystemPackage
import World

/// Follows a robot through its files, as anybody with a shell could, and tells what it does.
package struct Watcher: ~Copyable {
    private let home: Home
    private let start: Duration
    private let timeline: any Timeline
    private let say: @Sendable (String) -> Void
    private var events: Int64 = 0
    private var steps: Int64 = 0

    init(home: Home, timeline: any Timeline, say: @escaping @Sendable (String) -> Void) {
        self.home = home
        self.timeline = timeline
        self.start = timeline.uptime
        self.say = say
    }

    /// Says what is new since the last call.
    mutating func look() throws {
        var news: [(at: Int64, kind: String, text: String)] = []
        if DurableFile.exists(self.home.ledgerPath), let view = try? self.home.viewLedger() {
            for step in try view.journal(after: self.steps) {
                self.steps = step.sequence
                guard let intent = step.intent, let record = try view.intent(intent),
                    let after = step.after
                else {
                    news.append((step.at, step.kind.rawValue, step.detail))
                    continue
                }
                let amount = record.proposal.asset.text(record.proposal.amount)
                let id = intent.description.prefix(8)
                let state = Self.pad(after.rawValue, 9)
                news.append(
                    (
                        step.at, "payment",
                        "\(id) \(state) \(amount) for \(record.proposal.purpose.rawValue): \(step.detail)"
                    ))
            }
        }
        if DurableFile.exists(self.home.agentPath), let view = try? AgentView(path: self.home.agentPath) {
            for event in try view.events(after: self.events) {
                self.events = event.sequence
                news.append((event.at, event.kind, event.text))
            }
        }
        // Two files, one story: in the order of their times, money first where these are equal.
        for item in news.enumerated().sorted(by: { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) })
        {
            self.tell(item.element.kind, item.element.text)
        }
    }

    private func tell(_ kind: String, _ text: String) {
        let tenths =
            (self.timeline.uptime - self.start).components.seconds * 10
            + (self.timeline.uptime - self.start).components.attoseconds / 100_000_000_000_000_000
        let time = "\(tenths / 10).\(tenths % 10)"
        self.say(
            "\(String(repeating: " ", count: max(0, 6 - time.count)))\(time) s  \(Self.pad(kind, 9)) \(text)")
    }

    /// One line of what stands now.
    var summary: String {
        var parts: [String] = ["\((self.timeline.uptime - self.start).components.seconds) s"]
        if DurableFile.exists(self.home.ledgerPath), let view = try? self.home.viewLedger() {
            for balance in (try? view.balances()) ?? [] {
                let asset = balance.asset
                parts.append("\(asset.text(balance.available)) free, \(asset.decimal(balance.spent)) spent")
            }
            let open = try? view.intents(in: [.reserved, .signed, .submitted, .unknown])
            parts.append("\(open?.count ?? 0) payments open")
        }
        if let waiting = try? self.home.waitingReadings() { parts.append("\(waiting) readings waiting") }
        return parts.joined(separator: "  ·  ")
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// How many projects of a kind the robot has finished.
    func finished(_ kind: String) -> Int {
        guard DurableFile.exists(self.home.agentPath), let view = try? AgentView(path: self.home.agentPath)
        else { return 0 }
        return (try? view.finished(kind: kind)) ?? 0
    }
}
