internal import Encoding
internal import Ledger
internal import World

/// How something that fails is waited for: said once, and tried again ever less often.
struct Outage: Sendable {
    static let first = Duration.seconds(2)
    static let longest = Duration.seconds(60)

    private(set) var pause = Self.first
    private var told = ""

    /// - Parameter words: why it fails.
    /// - Returns: how long to wait now, and whether it is news.
    mutating func failed(_ words: String) -> (isNews: Bool, pause: Duration) {
        defer { self.pause = min(self.pause * 2, Self.longest) }
        guard self.told != words else { return (false, self.pause) }
        self.told = words
        return (true, self.pause)
    }

    /// It works again; the next failure is another outage.
    mutating func over() { self = Outage() }
}

/// Does a piece of work that goes on from where it was: what fails in it is said once and tried again later,
/// and ends nothing else.
func goOn(
    _ name: String, _ store: AgentStore, _ timeline: any Timeline, _ work: () async throws -> Void
) async throws {
    var outage = Outage()
    while true {
        let begun = timeline.uptime
        do {
            return try await work()
        } catch  where endsTheProgram(error) {
            throw error
        } catch {
            if timeline.uptime - begun > Outage.longest { outage.over() }
            let (isNews, pause) = outage.failed("\(error)")
            if isNews { try await store.log(.fault(.waits(name, reason: "\(error)"))) }
            try await timeline.sleep(for: pause)
        }
    }
}

/// What was said last of each kind, by one piece of work: twice the same is once.
struct Said: Sendable {
    private var words: [String: String] = [:]

    mutating func isNews(_ kind: String, _ text: String) -> Bool {
        self.words.updateValue(text, forKey: kind) != text
    }
}

/// Whether the books have been compared with the chain since the start: before that nothing new is bought.
actor BooksGate {
    private(set) var isOpen = false

    func open() { self.isOpen = true }

    /// Returns when they have.
    func wait(_ timeline: any Timeline) async throws {
        while !self.isOpen { try await timeline.sleep(for: .milliseconds(250)) }
    }
}
