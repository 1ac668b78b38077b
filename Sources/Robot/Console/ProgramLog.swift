internal import Encoding
internal import Linux
package import Logging

/// Where a service's log goes: to the journal with priorities when it listens, else to standard error with
/// times. Strangers' words are in it, so each message is one line of bounded length that steers nothing.
package enum ProgramLog {
    package static func logger(_ label: String) -> Logger {
        Logger(label: label) { label -> any LogHandler in
            guard Log.isJournal else {
                return PlainLogHandler(StreamLogHandler.standardError(label: label))
            }
            return JournalLogHandler()
        }
    }
}

/// Hands on what is logged without what steers a terminal.
struct PlainLogHandler: LogHandler {
    private var handler: any LogHandler

    init(_ handler: any LogHandler) { self.handler = handler }

    var logLevel: Logger.Level {
        get { self.handler.logLevel }
        set { self.handler.logLevel = newValue }
    }
    var metadata: Logger.Metadata {
        get { self.handler.metadata }
        set { self.handler.metadata = newValue }
    }
    var metadataProvider: Logger.MetadataProvider? {
        get { self.handler.metadataProvider }
        set { self.handler.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.handler[metadataKey: key] }
        set { self.handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        var event = event
        event.message = "\("\(event.message)".plain(limit: Log.limit))"
        // An error's words are as foreign as any.
        if let error = event.error {
            event.metadata = (event.metadata ?? [:]).merging(["error": "\(error)"]) { $1 }
        }
        event.error = nil
        event.metadata = event.metadata.map { metadata in
            var plain = Logger.Metadata()
            for (name, value) in metadata { plain[name.plain()] = "\("\(value)".plain(limit: Log.limit))" }
            return plain
        }
        self.handler.log(event: event)
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
        let line = "\(event.message)\(list)".plain(limit: Log.limit)
        Terminal.talk(String(Journal.line(event.level.priority, line).dropLast()))
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
