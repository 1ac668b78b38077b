package import Encoding
internal import Messaging

/// Why a payload says nothing that the description allows.
package enum PayloadError: Error, Equatable, CustomStringConvertible {
    /// Longer than the reader's limit, in bytes.
    case tooLarge(limit: Int)
    case notJSON(String)
    case notText
    /// Nothing stands where the value should be.
    case missing
    /// `depai:map` does not know the word.
    case unknownWord(String)
    /// A scale needs a number.
    case notANumber
    /// Against the data schema.
    case schema(String)

    package var description: String {
        switch self {
        case .tooLarge(let limit): "longer than \(limit) bytes"
        case .notJSON(let reason): reason
        case .notText: "not UTF-8"
        case .missing: "nothing stands where the value should be"
        case .unknownWord(let word): "unknown word \"\(word.prefix(40))\""
        case .notANumber: "not a number"
        case .schema(let reason): reason
        }
    }
}

/// How one form writes values: the terms that work in both directions.
package struct WireFormat: Sendable {
    /// The payload is a text, not JSON.
    package let isText: Bool
    /// `depai:map` in its order; the first word of a value is the one that is sent.
    package let map: [(word: String, value: JSON)]
    /// value = wire * scale + offset.
    package let scale: Double?
    package let offset: Double?
    /// `depai:rendered`: what stands there counts as the text that a template would make of it.
    package let isRendered: Bool
    /// `depai:empty`: what stands for the empty text, which some conventions cannot send.
    package let empty: String?

    /// The longest payload that is read or written, in bytes.
    package static let payloadLimit = Inbox.payloadLimit
    /// The deepest payload.
    package static let depthLimit = 32

    /// The payload as JSON; words that are not JSON become strings when a map waits for them.
    package func document(_ payload: [UInt8]) throws(PayloadError) -> JSON {
        guard payload.count <= Self.payloadLimit else { throw .tooLarge(limit: Self.payloadLimit) }
        if self.isText { return .string(try Self.text(payload)) }
        do {
            return try JSON.read(
                payload, limits: JSON.Limits(bytes: Self.payloadLimit, depth: Self.depthLimit))
        } catch {
            guard !self.map.isEmpty else { throw .notJSON(error.description) }
            return .string(try Self.text(payload))
        }
    }

    private static func text(_ payload: [UInt8]) throws(PayloadError) -> String {
        guard let text = String(validating: payload, as: UTF8.self) else { throw .notText }
        return text
    }

    /// What the device means.
    package func value(ofWire wire: JSON, schema: DataSchema?) throws(PayloadError) -> JSON {
        var value = self.isRendered ? .string(Self.rendered(wire)) : wire
        if let empty = self.empty, case .string(let text) = value, sameBytes(text, empty) { value = "" }
        if !self.map.isEmpty {
            let word = value.plainText
            guard let known = self.map.first(where: { sameBytes($0.word, word) }) else {
                throw .unknownWord(word)
            }
            value = known.value
        } else if self.isText || self.isRendered, case .string(let text) = value {
            value = try Self.typed(text, schema)
        }
        if self.scale != nil || self.offset != nil {
            guard let number = value.double else { throw .notANumber }
            value = Self.number(
                number * (self.scale ?? 1) + (self.offset ?? 0), whole: schema?.kind == .integer)
        }
        if let fault = schema?.fault(in: value) { throw .schema(fault) }
        return value
    }

    /// What the device is told.
    package func wire(of value: JSON) throws(PayloadError) -> JSON {
        var wire = value
        if self.scale != nil || self.offset != nil {
            guard let number = value.double else { throw .notANumber }
            let raw = (number - (self.offset ?? 0)) / (self.scale ?? 1)
            wire = Self.number(raw, whole: (raw - raw.rounded()).magnitude < 1e-9)
        }
        if let empty = self.empty, case .string(let text) = wire, text.isEmpty { return .string(empty) }
        guard !self.map.isEmpty else { return wire }
        guard let known = self.map.first(where: { $0.value.isSameValue(as: wire) }) else {
            throw .unknownWord(wire.plainText)
        }
        return .string(known.word)
    }

    /// The bytes of a wire value that stands alone.
    package func payload(_ wire: JSON) -> [UInt8] {
        Array((self.isText || !self.map.isEmpty ? wire.plainText : wire.text).utf8)
    }

    /// A text as the schema's type wants it.
    private static func typed(_ text: String, _ schema: DataSchema?) throws(PayloadError) -> JSON {
        guard let schema, schema.kind != .string else { return .string(text) }
        guard let kind = schema.kind else {
            // Values of several types: the text itself comes first.
            guard schema.fault(in: .string(text)) != nil else { return .string(text) }
            return (try? JSON.read(text, limits: JSON.Limits(bytes: 1_024, depth: 8))) ?? .string(text)
        }
        let bare =
            text.utf8.first.map { $0 <= 0x20 } ?? false || text.utf8.last.map { $0 <= 0x20 } ?? false
            ? text.filter { !$0.isWhitespace } : text
        if let read = try? JSON.read(bare, limits: JSON.Limits(bytes: 1_024, depth: 8)) { return read }
        // Devices write +5, .5 and 007, which JSON does not.
        if kind == .number || kind == .integer, bare.utf8.count <= 64,
            bare.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }),
            let number = Double(bare), number.isFinite
        {
            return .number(number)
        }
        throw .notJSON("not a value of type \(kind.rawValue)")
    }

    /// As a template of Home Assistant writes it.
    private static func rendered(_ wire: JSON) -> String {
        switch wire {
        case .null: "None"
        case .bool(let flag): flag ? "True" : "False"
        default: wire.plainText
        }
    }

    /// Whether a rendered value says that there is none.
    func saysNothing(_ wire: JSON, schema: DataSchema?) -> Bool {
        if case .null = wire { return true }
        guard case .string(let text) = wire, sameBytes(text, "None"),
            !self.map.contains(where: { sameBytes($0.word, text) })
        else { return false }
        return schema?.fault(in: wire) != nil || schema?.kind == .string && !(schema?.isClosed ?? false)
    }

    private static func number(_ number: Double, whole: Bool) -> JSON {
        if whole, let integer = Int64(exactly: number.rounded()) { return .integer(integer) }
        return .number(number)
    }
}
