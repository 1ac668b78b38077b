import Encoding
import Foundation
import Ledger
import Testing

/// What was exported, read again.
extension ExportTests {
    /// The names that Beancount's metadata give for the assets' ids.
    func names(_ ledger: PaymentLedger) async throws -> [String: String] {
        var names: [String: String] = [:]
        var name = ""
        for line in try await self.export(ledger, .beancount).split(separator: "\n") {
            if let range = line.range(of: " commodity ") { name = String(line[range.upperBound...]) }
            guard line.hasPrefix("  asset: \"") else { continue }
            let id = line.dropFirst(10).dropLast().replacingOccurrences(of: "\\\"", with: "\"")
            names[id] = name
        }
        #expect(Set(names.values).count == names.count && names[Scene.dollar.id] == "USD")
        return names
    }

    /// RFC 4180, by scalars.
    func records(_ text: String) -> [[String]] {
        var records: [[String]] = []
        var record: [String] = []
        var cell = String.UnicodeScalarView()
        var isQuoted = false
        var afterQuote = false
        for scalar in text.unicodeScalars where scalar != "\r" || isQuoted {
            if isQuoted, scalar == "\"" {
                isQuoted = false
                afterQuote = true
                continue
            }
            switch scalar {
            case "\"" where !isQuoted:
                if afterQuote { cell.append(scalar) }
                isQuoted = true
            case "," where !isQuoted, "\n" where !isQuoted:
                record.append(String(cell))
                cell = .init()
                if scalar == "\n" {
                    records.append(record)
                    record = []
                }
            default: cell.append(scalar)
            }
            afterQuote = false
        }
        #expect(!isQuoted && record.isEmpty)
        return records
    }

    func checkZero(_ records: [[String]]) throws {
        var sums: [String: Int64] = [:]
        for record in records { sums[record[8], default: 0] += try #require(Int64(record[6])) }
        #expect(sums.values.allSatisfy { $0 == 0 })
    }

    func atomic(_ decimal: String) -> Int64 { Int64(decimal.replacingOccurrences(of: ".", with: "")) ?? .min }

    func lines(of text: String) -> [(Int, String)] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }.enumerated()
            .map { ($0, $1) }
    }

    /// The words of a line that are amounts.
    func numbers(in line: String) -> [Int] {
        line.split(separator: " ", omittingEmptySubsequences: false).enumerated().filter {
            !$1.isEmpty && $1.allSatisfy { $0.isNumber || $0 == "." || $0 == "-" }
                && !$1.dropFirst().contains("-")
        }.map(\.offset)
    }

    /// The text with one more or less in the last place of one amount.
    func change(_ text: String, line: Int, part: Int) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        var words = lines[line].split(separator: " ", omittingEmptySubsequences: false).map { String($0) }
        let digit = words[part].removeLast()
        words[part].append(digit == "9" ? "8" : String((digit.wholeNumberValue ?? 0) + 1))
        lines[line] = words.joined(separator: " ")
        return lines.joined(separator: "\n")
    }
}
