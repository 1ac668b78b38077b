import ArgumentParser
import Console
import Encoding
import Glibc
import Home
import Sodium
import SystemPackage
import Wallet

/// A passphrase from a private file, or typed at the terminal. Never an argument or a variable.
struct PassphraseOption: ParsableArguments {
    @Option(help: "File with the passphrase (mode 0600); without one the terminal asks.")
    var passphraseFile: String?

    /// The same, or where no file is given the configured one.
    /// - Parameter settings: the home's; nil where there are none.
    func orConfigured(_ settings: JSONField?, of home: Home) throws -> PassphraseOption {
        var option = self
        if option.passphraseFile == nil {
            option.passphraseFile = try settings?["passphrase_file"].ifPresent?.path(in: home.path).string
        }
        return option
    }

    /// - Parameters:
    ///   - lock: what it opens, for the question.
    ///   - isNew: asked twice, since a slip would lock the owner out.
    func read(for lock: String, isNew: Bool = false) throws -> SecretBytes {
        if let file = self.passphraseFile { return try SecretFile.read(FilePath(file)) }
        let passphrase = try Self.ask("passphrase of \(lock): ")
        guard isNew else { return passphrase }
        let again = try Self.ask("the same again: ")
        let isSame = passphrase.withBytes { first in
            again.withBytes { first.elementsEqual($0) }
        }
        guard isSame else { throw Failure(2, "the two are not the same", hint: "try again") }
        return passphrase
    }

    /// Asks the person at the terminal, wherever input and output go, and shows nothing of the answer.
    static func ask(_ question: String) throws -> SecretBytes {
        let terminal: FileDescriptor
        do {
            terminal = try FileDescriptor.open("/dev/tty", .readWrite, options: [.closeOnExec])
        } catch {
            throw Failure(
                3, "a passphrase is needed, and there is no terminal", hint: "give --passphrase-file")
        }
        defer { try? terminal.close() }
        var shown = termios()
        guard tcgetattr(terminal.rawValue, &shown) == 0 else { throw Errno(rawValue: errno) }
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        hidden.c_lflag |= tcflag_t(ICANON | ECHONL)
        _ = try terminal.writeAll(question.utf8)
        tcsetattr(terminal.rawValue, TCSAFLUSH, &hidden)
        defer { tcsetattr(terminal.rawValue, TCSAFLUSH, &shown) }
        return try SecretFile.read(from: terminal, named: "the passphrase")
    }
}
