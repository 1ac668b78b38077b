import Foundation
import TestSupport
import Testing

/// Reads the source tree and fails where it has drifted away from the rules of the style guide.
@Suite struct TidyTests {
    /// Files that may be longer than 400 lines, each with its reason.
    static let longFiles: [String: String] = [:]

    static let lineLimit = 400
    static let columnLimit = 110
    static let worldLimit = 500

    static let root = Repository.root

    struct File: Sendable {
        /// Below the repository.
        let path: String
        /// Folder of the target: `Sources/Money/Ledger`, `Simulator/Chain`.
        let target: String
        let lines: [String]
    }

    static let files: [File] = (["Sources", "Devices", "Simulator"] as [String]).flatMap {
        (top: String) -> [File] in
        // Symbolic links are followed by hand: the enumerator does not enter a linked folder.
        let folder = Self.root.appending(path: top).resolvingSymlinksInPath()
        let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".swift") && !$0.contains(".build/") }.sorted().compactMap {
            name in
            // Jobs are guests: Embedded Swift for a machine of their own, built apart.
            guard !name.hasPrefix("Jobs/") else { return nil }
            guard let text = try? String(contentsOf: folder.appending(path: name), encoding: .utf8) else {
                return nil
            }
            let depth = top == "Sources" ? 2 : 1
            return File(
                path: "\(top)/\(name)",
                target: "\(top)/\(name.split(separator: "/").prefix(depth).joined(separator: "/"))",
                lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }
    }

    /// All findings in one message, so that one run shows everything.
    private func expectNone(_ findings: [String], _ rule: String) {
        #expect(findings.isEmpty, "\(rule):\n\(findings.joined(separator: "\n"))")
    }

    private func lines(where matches: (File, String) -> Bool) -> [String] {
        Self.files.flatMap { file in
            file.lines.enumerated().filter { matches(file, $0.element) }.map {
                "\(file.path):\($0.offset + 1): \($0.element.trimmed)"
            }
        }
    }

    @Test func `there is something to read`() {
        #expect(Self.files.count > 80)
        #expect(Self.files.contains { $0.path == "Sources/Money/Ledger/PaymentLedger.swift" })
    }

    @Test func `no file is longer than 400 lines`() {
        let long = Self.files.filter { $0.lines.count > Self.lineLimit + 1 && Self.longFiles[$0.path] == nil }
        self.expectNone(long.map { "\($0.path): \($0.lines.count - 1) lines" }, "too long")
        self.expectNone(
            Self.longFiles.keys.filter { path in
                !Self.files.contains { $0.path == path && $0.lines.count > Self.lineLimit + 1 }
            },
            "no exception needed any more")
    }

    @Test func `no line is wider than 110 columns`() {
        self.expectNone(self.lines { _, line in line.count > Self.columnLimit }, "too wide")
    }

    @Test(arguments: [
        "try!", "fatalError(", "Task.detached", "as!", "bufferingPolicy: .unbounded", "Date()",
    ])
    func `banned words are nowhere`(word: String) {
        self.expectNone(self.lines { _, line in line.code.contains(word) }, "banned: \(word)")
    }

    @Test func `only programs print`() {
        let programs = Set(Self.files.filter { $0.lines.contains { $0.contains("@main") } }.map(\.target))
        self.expectNone(
            self.lines { file, line in !programs.contains(file.target) && line.code.hasWord("print(") },
            "prints")
    }

    @Test func `World stays small`() {
        let count = Self.files.filter { $0.target == "Sources/Ground/World" }.reduce(0) {
            $0 + $1.lines.count - 1
        }
        #expect((1...Self.worldLimit).contains(count))
    }

    /// Who takes the compiler's word away gives his own.
    @Test(arguments: ["@unchecked Sendable", "nonisolated(unsafe)"])
    func `an unchecked promise says why it holds`(word: String) {
        let findings = Self.files.flatMap { file in
            file.lines.indices.filter { index in
                guard file.lines[index].code.contains(word) else { return false }
                return !file.lines[max(0, index - 5)...index].contains { $0.contains("//") }
            }.map { "\(file.path):\($0 + 1)" }
        }
        self.expectNone(findings, "\(word) without a reason")
    }

    // MARK: The rules themselves

    @Test func `the reader sees what it looks for`() {
        #expect("    let x = try! y // try! in words".code == "    let x = try! y ")
        #expect("let text = \"try! (\" + z".code == "let text = \"\" + z")
        #expect("// fatalError(".code.isEmpty)
        #expect("    print(1)".hasWord("print(") && !"    fingerprint(1)".hasWord("print("))
        let file = File(
            path: "", target: "",
            lines: [
                "public import A", "internal import B", "@testable import C", "import struct D.E", "import F",
                "// import G", "important",
            ])
        #expect(file.imports == ["A", "B", "C", "D", "F"])
    }
}

extension TidyTests.File {
    /// The modules that the file imports; what other languages import in a text is theirs.
    var imports: [String] {
        let kinds: Set = ["struct", "class", "enum", "protocol", "func", "let", "var", "typealias"]
        let before: Set = ["public", "package", "internal", "private", "@testable", "@preconcurrency"]
        var isText = false
        return self.lines.compactMap { line in
            if line.components(separatedBy: "\"\"\"").count.isMultiple(of: 2) { isText.toggle() }
            let words = line.code.split(separator: " ").map(String.init)
            guard !isText, let place = words.firstIndex(of: "import"),
                before.isSuperset(of: words[..<place])
            else { return nil }
            let name = words.dropFirst(place + 1).first { !kinds.contains($0) } ?? ""
            return name.split(separator: ".").first.map(String.init)
        }
    }
}

extension String {
    var trimmed: String { self.trimmingCharacters(in: .whitespaces) }

    /// The line without its comment and without what stands in quotes.
    var code: String {
        var result = ""
        var inString = false
        var escaped = false
        var previous: Character?
        for character in self {
            if inString {
                if character == "\"", !escaped {
                    inString = false
                    result.append(character)
                }
                escaped = character == "\\" && !escaped
            } else {
                if character == "/", previous == "/" { return String(result.dropLast()) }
                if character == "\"" { inString = true }
                result.append(character)
            }
            previous = character
        }
        return result
    }

    /// Whether `word` stands here and does not end a longer name.
    func hasWord(_ word: String) -> Bool {
        self.ranges(of: word).contains { range in
            range.lowerBound == self.startIndex
                || !(self[self.index(before: range.lowerBound)].isLetter
                    || self[self.index(before: range.lowerBound)] == ".")
        }
    }
}
