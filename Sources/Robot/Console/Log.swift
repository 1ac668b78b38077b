internal import Encoding
package import Linux

/// Where a program's own words go: to the journal with priorities when it listens, else to standard error.
package enum Log {
    package static let isJournal = Journal.hearsStandardError
    /// The longest line, in characters.
    package static let limit = 2_000

    /// Says what ended the program or how to help it, to a person or to the journal.
    package static func talk(_ priority: Journal.Priority, _ text: String) {
        let line = text.plain(limit: self.limit)
        guard self.isJournal else { return Terminal.talk(line) }
        Terminal.talk(String(Journal.line(priority, line).dropLast()))
    }
}

extension Failure {
    /// Says it, after the program's name.
    package func tell(as program: String = "depai") {
        Log.talk(.error, "\(program): error: \(self.reason)")
        if let hint = self.hint { Log.talk(.notice, "\(program): hint: \(hint)") }
    }
}
