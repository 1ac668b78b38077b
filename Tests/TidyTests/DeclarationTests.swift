import Foundation
import TestSupport
import Testing

/// What is declared: functions that one can read at once, and nothing that nobody uses.
@Suite struct DeclarationTests {
    static let functionLimit = 60
    /// Functions that are longer, by file and line of code; the numbers may only fall, and each has its reason.
    static let longFunctions: [String: Int] = [
        // The interpreter's loop: one switch over all operators, which the optimizer makes one jump table of.
        "Sources/Ground/Wasm/Machine.swift execute": 311
    ]

    /// Names that only others call: the compiler, a library, a person's program.
    static let called: Set<String> = [
        // SwiftNIO's channel handlers.
        "InboundIn", "OutboundIn", "OutboundOut", "handlerAdded", "handlerRemoved", "channelActive",
        "channelInactive", "channelRead",
        // What other programs pay with.
        "mainnetUSDC",
        // The executor of virtual time.
        "enqueue", "asUnownedSerialExecutor",
    ]

    /// The functions of a file that are longer than the limit. Formatted code closes a body in the column
    /// where its declaration begins.
    static func longFunctions(_ lines: [String]) -> [(line: Int, name: String, length: Int)] {
        var found: [(Int, String, Int)] = []
        for (start, line) in lines.enumerated() {
            let code = line.code.trimmed
            guard let name = self.function(code) else { continue }
            let indent = line.prefix { $0 == " " }
            guard let end = lines[start...].firstIndex(where: { $0 == indent + "}" }) else { continue }
            // A declaration without a body ends before the next one begins.
            let isNested = lines[(start + 1)..<end].contains { other in
                other.prefix { $0 == " " } == indent && self.function(other.code.trimmed) != nil
            }
            if !isNested, end - start + 1 > self.functionLimit {
                found.append((start + 1, name, end - start + 1))
            }
        }
        return found
    }

    private static func function(_ code: String) -> String? {
        let words = code.split(whereSeparator: { " (<".contains($0) }).map(String.init)
        guard let place = words.firstIndex(where: { $0 == "func" || $0 == "init" || $0 == "init?" }),
            words[..<place].allSatisfy({ $0.allSatisfy { $0.isLetter || $0 == "@" || $0 == ":" } })
        else { return nil }
        return words[place] == "func" ? words.dropFirst(place + 1).first : words[place]
    }

    @Test func `no function is longer than 60 lines`() {
        var findings: [String] = []
        var needed: Set<String> = []
        for file in TidyTests.files {
            for (line, name, length) in Self.longFunctions(file.lines) {
                let key = "\(file.path) \(name)"
                needed.insert(key)
                if length > Self.longFunctions[key, default: 0] {
                    findings.append("\(file.path):\(line): \(name), \(length) lines")
                }
            }
        }
        #expect(findings.isEmpty, "too long:\n\(findings.joined(separator: "\n"))")
        let over = Self.longFunctions.keys.filter { !needed.contains($0) }.sorted()
        #expect(over.isEmpty, "no exception needed any more: \(over)")
    }

    /// How often each name stands in the code of all files.
    private static func uses() -> [String: Int] {
        var counts: [String: Int] = [:]
        for top in ["Sources", "Simulator", "Tests", "Package.swift"] {
            let root = Repository.root.appending(path: top)
            let names = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
            for name in top.hasSuffix(".swift") ? [""] : names.filter({ $0.hasSuffix(".swift") }) {
                guard let text = try? String(contentsOf: root.appending(path: name), encoding: .utf8) else {
                    continue
                }
                for line in text.split(separator: "\n") {
                    // What a comment says is no use; what stands in a text may be interpolated.
                    let code = line.range(of: "//").map { line[..<$0.lowerBound] } ?? line
                    for word in self.words(code) { counts[word, default: 0] += 1 }
                }
            }
        }
        return counts
    }

    private static func words(_ code: Substring) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        for byte in code.utf8 {
            if byte == UInt8(ascii: "_") || 0x30...0x39 ~= byte || 0x41...0x5a ~= byte || 0x61...0x7a ~= byte
            {
                word.append(byte)
            } else if !word.isEmpty {
                words.append(String(decoding: word, as: UTF8.self))
                word = []
            }
        }
        if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }

    @Test func `nothing is declared that nobody uses`() {
        let uses = Self.uses()
        let kinds: Set = [
            "func", "var", "let", "struct", "class", "enum", "protocol", "actor", "typealias",
        ]
        var findings: [String] = []
        for file in TidyTests.files where !file.lines.contains("@main") {
            for (number, line) in file.lines.enumerated() {
                let words = line.code.trimmed.split(separator: " ").map(String.init)
                guard let place = words.firstIndex(where: { kinds.contains($0) }), place < 5,
                    let declared = words.dropFirst(place + 1).first
                else { continue }
                let name = String(declared.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
                guard name.count > 2, uses[name] == 1, !Self.called.contains(name) else { continue }
                findings.append("\(file.path):\(number + 1): \(name)")
            }
        }
        #expect(findings.isEmpty, "dead:\n\(findings.joined(separator: "\n"))")
    }
}
