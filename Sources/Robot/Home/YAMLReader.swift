internal import CYAML
internal import Encoding

/// YAML 1.1 as people write it, as JSON: libyaml's events, and of YAML's words only those that JSON has.
///
/// Refused are names that stand twice, anchors, aliases, tags, a second document, and what is not UTF-8.
struct YAMLReader: ~Copyable {
    /// The deepest nesting.
    static let depthLimit = 64

    /// Where what cannot be read stands, and why not.
    struct Fault: Error {
        let line: Int
        let column: Int
        let reason: String
    }

    private enum Event {
        case scalar(String, isPlain: Bool)
        case mapping, sequence, end, alias
        case streamStart, streamEnd, documentStart, documentEnd
        /// What this reader does not take.
        case refused(String)
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    /// Where the event before stood.
    private var mark = yaml_mark_t()

    /// - Returns: nil for a text without content.
    static func json(_ bytes: [UInt8]) throws(Fault) -> JSON? {
        try bytes.withUnsafeBufferPointer { input throws(Fault) in
            var reader = YAMLReader(input)
            return try reader.document()
        }
    }

    private init(_ input: UnsafeBufferPointer<UInt8>) {
        self.parser = .allocate(capacity: 1)
        // It fails for want of memory only; then parsing says so.
        yaml_parser_initialize(self.parser)
        yaml_parser_set_encoding(self.parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(self.parser, input.baseAddress, input.count)
    }

    deinit {
        yaml_parser_delete(self.parser)
        self.parser.deallocate()
    }

    private mutating func document() throws(Fault) -> JSON? {
        guard case .streamStart = try self.next() else { throw self.fault("no stream") }
        guard case .documentStart = try self.next() else { return nil }
        let json = try self.value(try self.next(), depth: 0)
        guard case .documentEnd = try self.next(), case .streamEnd = try self.next() else {
            throw self.fault("a second document")
        }
        return json
    }

    private mutating func value(_ event: Event, depth: Int) throws(Fault) -> JSON {
        guard depth < Self.depthLimit else {
            throw self.fault("nested deeper than \(Self.depthLimit) levels")
        }
        switch event {
        case .scalar(let text, let isPlain): return isPlain ? Self.plain(text) : .string(text)
        case .sequence:
            var elements: [JSON] = []
            while true {
                let event = try self.next()
                if case .end = event { return .array(elements) }
                elements.append(try self.value(event, depth: depth + 1))
            }
        case .mapping:
            var object = JSON.Object()
            while true {
                let event = try self.next()
                if case .end = event { return .object(object) }
                guard case .scalar(let name, _) = event else { throw self.fault("a name is not a text") }
                guard object[name] == nil else { throw self.fault("the name \"\(name)\" stands twice") }
                object[name] = try self.value(try self.next(), depth: depth + 1)
            }
        case .alias: throw self.fault("aliases are not used here")
        case .refused(let what): throw self.fault("\(what) are not used here")
        case .end, .streamStart, .streamEnd, .documentStart, .documentEnd:
            throw self.fault("a value is missing")
        }
    }

    /// Quoted text stays text; only plain scalars are looked at as numbers and words.
    private static func plain(_ text: String) -> JSON {
        if let integer = Int64(text) { return .integer(integer) }
        if ["true", "false"].contains(text) { return .bool(text == "true") }
        if ["null", "~", ""].contains(text) { return .null }
        if text.first.map({ $0.isNumber || $0 == "-" || $0 == "." }) == true, let number = Double(text) {
            return .number(number)
        }
        return .string(text)
    }

    private mutating func next() throws(Fault) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(self.parser, &event) == 1 else {
            self.mark = self.parser.pointee.problem_mark
            throw self.fault(self.parser.pointee.problem.map { String(cString: $0) } ?? "no memory")
        }
        defer { yaml_event_delete(&event) }
        self.mark = event.start_mark
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            if let refusal = Self.refusal(anchor: scalar.anchor, tag: scalar.tag) { return refusal }
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return .scalar(
                String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return Self.refusal(anchor: start.anchor, tag: start.tag) ?? .mapping
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return Self.refusal(anchor: start.anchor, tag: start.tag) ?? .sequence
        case YAML_MAPPING_END_EVENT, YAML_SEQUENCE_END_EVENT: return .end
        case YAML_ALIAS_EVENT: return .alias
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        default: return .streamEnd
        }
    }

    private static func refusal(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?
    ) -> Event? {
        if anchor != nil { return .refused("anchors") }
        return tag == nil ? nil : .refused("tags")
    }

    private func fault(_ reason: String) -> Fault {
        Fault(line: Int(self.mark.line) + 1, column: Int(self.mark.column) + 1, reason: reason)
    }
}
