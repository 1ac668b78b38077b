internal import Encoding

/// The templates of Home Assistant that say nothing but where a value stands, in which unit, and which text
/// is sent. All others are programs, and programs of strangers are not run.
struct HomeAssistantTemplate: Equatable {
    /// RFC 6901; empty for the whole payload.
    var pointer = ""
    /// value = what stands there * scale + offset.
    var scale = 1.0
    var offset = 0.0
    /// A filter or a calculation makes a number of it.
    var isNumber = false

    /// The longest template that is looked at, in bytes.
    static let byteLimit = 1_024
    fileprivate static let depthLimit = 8

    init() {}

    /// Reads `{{ value }}`, `{{ value_json.a['b'][0] | float(0) / 10 }}`, `{{- value_json.get('a') |
    /// is_defined -}}` and their like; no template is the whole payload.
    /// - Returns: nil for a program.
    init?(_ template: String?) {
        guard let template else { return }
        guard template.utf8.count <= Self.byteLimit else { return nil }
        guard let inner = Self.inner(Substring(template)) else { return nil }
        var parser = TemplateParser(inner)
        guard let read = parser.expression(depth: 0) else { return nil }
        guard parser.isAtEnd || parser.isGapFilled(of: read) else { return nil }
        self = read
    }

    /// What stands between the braces of a text that is one expression.
    private static func inner(_ text: Substring) -> Substring? {
        var text = Self.trimmed(text)
        guard text.utf8.count >= 4, text.hasPrefix("{{"), text.hasSuffix("}}") else { return nil }
        text = text.dropFirst(2).dropLast(2)
        guard !text.contains("{"), !text.contains("}") else { return nil }
        if text.hasPrefix("-") { text = text.dropFirst() }
        if text.hasSuffix("-") { text = text.dropLast() }
        return Self.trimmed(text)
    }

    fileprivate static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    /// The text of a command template with the hole `$value` wherever one of the `variables` is written.
    /// - Returns: nil for a program.
    static func body(_ template: String, variables: Set<String>) -> String? {
        guard template.utf8.count <= Self.byteLimit, !template.contains("$"), !template.holds("{%") else {
            return nil
        }
        var body = ""
        var rest = Substring(template)
        while let start = rest.firstPlace(of: "{{") {
            guard let end = rest[start.upperBound...].firstPlace(of: "}}") else { return nil }
            var literal = rest[..<start.lowerBound]
            var inner = rest[start.upperBound..<end.lowerBound]
            rest = rest[end.upperBound...]
            if inner.hasPrefix("-") {
                inner = inner.dropFirst()
                while literal.last?.isWhitespace == true { literal.removeLast() }
            }
            if inner.hasSuffix("-") {
                inner = inner.dropLast()
                while rest.first?.isWhitespace == true { rest.removeFirst() }
            }
            let parts = inner.split(separator: "|", omittingEmptySubsequences: false).map(Self.trimmed)
            guard let name = parts.first, variables.contains(String(name)),
                parts.dropFirst().allSatisfy(Self.isHarmless)
            else { return nil }
            body += literal + "$value"
        }
        return body + rest
    }

    /// Filters that send the same value.
    private static func isHarmless(_ filter: Substring) -> Bool {
        let name = filter.prefix { $0 != "(" }
        return ["int", "float", "string", "round", "tojson", "to_json", "default", "trim"].contains(name)
    }
}

/// One expression of Jinja, as far as it is a place and a sum.
private struct TemplateParser {
    private var rest: Substring

    init(_ text: Substring) { self.rest = text }

    var isAtEnd: Bool { self.rest.allSatisfy(\.isWhitespace) }

    /// A place with filters, then `* 10`, `/ 1000`, `+ 1`, `- 1`.
    mutating func expression(depth: Int) -> HomeAssistantTemplate? {
        guard depth < HomeAssistantTemplate.depthLimit, var read = self.atom(depth: depth) else { return nil }
        var hasSum = false
        while let sign = self.taken(oneOf: "*/+-") {
            guard let number = self.number(), number.isFinite else { return nil }
            switch sign {
            // What binds tighter would bind the number of the sum before it.
            case "*" where !hasSum: (read.scale, read.offset) = (read.scale * number, read.offset * number)
            case "/" where !hasSum && number != 0:
                (read.scale, read.offset) = (read.scale / number, read.offset / number)
            case "+": (read.offset, hasSum) = (read.offset + number, true)
            case "-": (read.offset, hasSum) = (read.offset - number, true)
            default: return nil
            }
            read.isNumber = true
        }
        let isSane = read.scale.isFinite && read.offset.isFinite && read.scale != 0
        return isSane ? read : nil
    }

    /// `… if value_json.a is defined else …`: what fills a gap is left a gap.
    mutating func isGapFilled(of read: HomeAssistantTemplate) -> Bool {
        guard self.name() == "if", self.name() == "value_json", let pointer = self.path(), !pointer.isEmpty
        else { return false }
        let isAbove = read.pointer == pointer || read.pointer.hasPrefix(pointer + "/")
        guard isAbove, self.name() == "is", self.name() == "defined", self.name() == "else" else {
            return false
        }
        // A value of another place would be one that is never heard.
        return !self.rest.holds("value")
    }

    private mutating func atom(depth: Int) -> HomeAssistantTemplate? {
        var read: HomeAssistantTemplate
        if self.takes("(") {
            guard let inner = self.expression(depth: depth + 1), self.takes(")") else { return nil }
            read = inner
        } else {
            let name = self.name()
            switch name {
            case "value": read = HomeAssistantTemplate()
            case "value_json":
                guard let pointer = self.path() else { return nil }
                read = HomeAssistantTemplate()
                read.pointer = pointer
            case "float", "int", "round", "string":
                guard self.takes("("), let inner = self.expression(depth: depth + 1) else { return nil }
                read = inner
                read.isNumber = read.isNumber || name != "string"
                guard self.takes(")") || self.takes(",") && self.arguments() != nil else { return nil }
            default: return nil
            }
        }
        while self.takes("|") { guard self.filter(&read) else { return nil } }
        return read
    }

    /// These change the type, which the schema says, fill a gap, which is left a gap, or scale.
    private mutating func filter(_ read: inout HomeAssistantTemplate) -> Bool {
        let name = self.name()
        let arguments = self.takes("(") ? self.arguments() : ""
        guard let arguments else { return false }
        switch name {
        case "float", "int", "round": read.isNumber = true
        case "string", "default", "d", "is_defined", "trim": break
        case "multiply", "add":
            guard let number = Double(arguments), number.isFinite else { return false }
            read.isNumber = true
            if name == "add" {
                read.offset += number
            } else {
                (read.scale, read.offset) = (read.scale * number, read.offset * number)
            }
        default: return false
        }
        return true
    }

    /// `.a`, `['a']`, `[0]`, `.get('a', 0)` as an RFC 6901 pointer.
    private mutating func path() -> String? {
        var pointer = ""
        while true {
            var token: String?
            if self.rest.hasPrefix(".") {
                self.rest.removeFirst()
                let name = self.name()
                if name == "get", self.takes("(") {
                    token = self.quoted()
                    guard self.takes(")") || self.takes(",") && self.arguments() != nil else { return nil }
                } else {
                    token = name
                }
            } else if self.rest.hasPrefix("[") {
                self.rest.removeFirst()
                token = self.quoted() ?? self.index()
                guard self.takes("]") else { return nil }
            } else {
                return pointer
            }
            guard let token, !token.isEmpty else { return nil }
            pointer += "/" + token.writing("~0", for: "~").writing("~1", for: "/")
        }
    }

    // MARK: words

    private mutating func skip() { while self.rest.first?.isWhitespace == true { self.rest.removeFirst() } }

    private mutating func takes(_ sign: Character) -> Bool { self.taken(oneOf: String(sign)) != nil }

    private mutating func taken(oneOf signs: String) -> Character? {
        self.skip()
        guard let first = self.rest.first, signs.contains(first) else { return nil }
        return self.rest.removeFirst()
    }

    private mutating func name() -> String {
        self.skip()
        let name = self.rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        self.rest = self.rest.dropFirst(name.count)
        return String(name)
    }

    private mutating func index() -> String? {
        self.skip()
        let digits = self.rest.prefix { $0.isASCII && $0.isNumber }
        self.rest = self.rest.dropFirst(digits.count)
        return digits.isEmpty ? nil : String(digits)
    }

    private mutating func number() -> Double? {
        self.skip()
        if self.takes("(") {
            let number = self.number()
            return self.takes(")") ? number : nil
        }
        let isNegative = self.takes("-")
        self.skip()
        let digits = self.rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        self.rest = self.rest.dropFirst(digits.count)
        guard let size = Double(digits) else { return nil }
        let number = isNegative ? -size : size
        // `x / 10 | round(1)` rounds the ten.
        while self.takes("|") {
            var ignored = HomeAssistantTemplate()
            guard self.filter(&ignored), ignored.scale == 1, ignored.offset == 0 else { return nil }
        }
        return number
    }

    private mutating func quoted() -> String? {
        self.skip()
        guard let quote = self.rest.first, quote == "'" || quote == "\"" else { return nil }
        let inner = self.rest.dropFirst()
        guard let end = inner.firstIndex(of: quote) else { return nil }
        self.rest = inner[inner.index(after: end)...]
        let text = inner[..<end]
        return text.contains("\\") ? nil : String(text)
    }

    /// What stands up to the closing parenthesis; nil when there is none.
    private mutating func arguments() -> String? {
        var text = ""
        var depth = 0
        while !self.rest.isEmpty {
            if self.rest.first == "'" || self.rest.first == "\"" {
                guard let quoted = self.quoted() else { return nil }
                text += quoted
                continue
            }
            let sign = self.rest.removeFirst()
            if sign == ")" {
                if depth == 0 { return String(HomeAssistantTemplate.trimmed(Substring(text))) }
                depth -= 1
            } else if sign == "(" {
                depth += 1
            }
            text.append(sign)
        }
        return nil
    }
}
