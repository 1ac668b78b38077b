import Console
import Linux
import Logging

/// Where the robot's log goes: to the journal with priorities when it listens, else to standard error with
/// times.
enum RobotLog {
    static func logger() -> Logger {
        Logger(label: "depai") { label -> any LogHandler in
            guard Log.isJournal else { return StreamLogHandler.standardError(label: label) }
            return JournalLogHandler()
        }
    }
}

/// One line of the journal for each message.
struct JournalLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = self.metadata.merging(self.metadataProvider?.get() ?? [:]) { $1 }
        fields.merge(event.metadata ?? [:]) { $1 }
        if let error = event.error { fields["error"] = "\(error)" }
        let list = fields.sorted { $0.key < $1.key }.map { "  \($0.key)=\($0.value)" }.joined()
        Terminal.talk(String(Journal.line(event.level.priority, "\(event.message)\(list)").dropLast()))
    }
}

extension Logger.Level {
    fileprivate var priority: Journal.Priority {
        switch self {
        case .trace, .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error, .critical: .error
        }
    }
}
