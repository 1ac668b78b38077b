import ArgumentParser
import Console
import Encoding
import Glibc
import Home
import SystemPackage
import Wallet

/// Where the state is: `--home`, else `$DEPAI_HOME`, else `/var/lib/depai`.
struct HomeOption: ParsableArguments {
    @Option(
        name: .customLong("home"),
        help: "Folder that holds all state; $DEPAI_HOME or /var/lib/depai by default.")
    var path: String?

    var home: Home { Home(given: self.path) }
}

struct OutputOption: ParsableArguments {
    @Flag(help: "Print one JSON object.")
    var json = false
}

/// Words from a file, for commands that need them.
struct WordsOption: ParsableArguments {
    @Option(help: "Use the words in this file (mode 0600).")
    var mnemonicFile: String?

    @Option(help: "File with the words' own passphrase, if they have one (mode 0600).")
    var wordsPassphraseFile: String?

    func mnemonic() throws -> Mnemonic {
        guard let file = self.mnemonicFile else { throw ValidationError("--mnemonic-file is missing") }
        return try Mnemonic(reading: try SecretFile.read(FilePath(file)))
    }

    func seed(of mnemonic: borrowing Mnemonic) throws -> WalletSeed {
        guard let file = self.wordsPassphraseFile else { return try WalletSeed(words: mnemonic) }
        return try WalletSeed(words: mnemonic, passphrase: try SecretFile.read(FilePath(file)))
    }
}

/// A span of time.
struct SpanOption: ParsableArguments {
    @Option(help: "From this UTC time on: 2026-11-24 or 2026-11-24T08:00:00Z.")
    var from: String?

    @Option(help: "Before this UTC time.")
    var to: String?

    /// Milliseconds since 1970; the end is not part of it.
    func range() throws -> (from: Int64, to: Int64) {
        (try self.from.map(Self.parse) ?? .min, try self.to.map(Self.parse) ?? .max)
    }

    static func parse(_ text: String) throws -> Int64 {
        let numbers = text.split { !$0.isNumber }.map { Int32($0) ?? -1 }
        let full = text.count == 10 ? "\(text)T00:00:00Z" : text
        guard numbers.count == 3 || numbers.count == 6 else { throw Self.fault(text) }
        var parts = tm()
        parts.tm_year = numbers[0] - 1_900
        parts.tm_mon = numbers[1] - 1
        parts.tm_mday = numbers[2]
        if numbers.count == 6 {
            (parts.tm_hour, parts.tm_min, parts.tm_sec) = (numbers[3], numbers[4], numbers[5])
        }
        let milliseconds = Int64(timegm(&parts)) * 1_000
        // Whatever is not written as we write it is not a time: 2026-02-30 would pass as the second of March.
        guard rfc3339(milliseconds) == full else { throw Self.fault(text) }
        return milliseconds
    }

    private static func fault(_ text: String) -> ValidationError {
        ValidationError("\"\(text)\" is no time such as 2026-11-24 or 2026-11-24T08:00:00Z")
    }
}

/// Consent to a change: a question on a terminal, else `--yes` with the digest of what is meant.
struct ConfirmationOption: ParsableArguments {
    @Flag(help: "Ask nothing; needs --expect-digest.")
    var yes = false

    @Option(help: "Hex digest of what shall be done; anything else is refused.")
    var expectDigest: String?

    func confirm(_ question: String, digest: [UInt8]) throws {
        let found = Hex.encode(digest)
        if let expected = self.expectDigest, expected.lowercased() != found {
            throw Failure(2, "the digest is \(found), not the expected one", hint: "look at it again")
        }
        if self.yes {
            guard self.expectDigest != nil else {
                throw Failure(2, "--yes needs --expect-digest", hint: "the digest here is \(found)")
            }
            return
        }
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure(
                2, "nobody can be asked here", hint: "give --yes --expect-digest \(found) if that is meant")
        }
        Terminal.talk("\(question) [yes/no]")
        guard readLine() == "yes" else { throw Failure(1, "nothing was done") }
    }
}
