extension JSON {
    /// Limits of the reader; what is beyond them is refused, never cut.
    public struct Limits: Sendable {
        public var bytes: Int
        public var depth: Int

        public init(bytes: Int = 4 << 20, depth: Int = 64) {
            self.bytes = bytes
            self.depth = depth
        }
    }

    /// Reads one JSON text. Stricter than most: duplicate names, lone surrogates, invalid UTF-8, numbers
    /// beyond a double and anything after the end are errors.
    public static func read(_ bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) -> JSON {
        guard bytes.count <= limits.bytes else { throw .tooLarge(limit: limits.bytes) }
        var reader = Reader(bytes: bytes, depthLimit: limits.depth)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.offset == bytes.count else { throw reader.fault("something follows the value") }
        return value
    }

    public static func read(_ text: String, limits: Limits = Limits()) throws(JSONError) -> JSON {
        try self.read(Array(text.utf8), limits: limits)
    }

    private struct Reader {
        let bytes: [UInt8]
        let depthLimit: Int
        var offset = 0

        func fault(_ reason: String) -> JSONError { .syntax(offset: self.offset, reason: reason) }

        var next: UInt8? { self.offset < self.bytes.count ? self.bytes[self.offset] : nil }

        mutating func skipSpace() {
            while let byte = self.next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
                self.offset += 1
            }
        }

        mutating func accept(_ byte: UInt8) -> Bool {
            guard self.next == byte else { return false }
            self.offset += 1
            return true
        }

        mutating func value(depth: Int) throws(JSONError) -> JSON {
            guard depth < self.depthLimit else { throw self.fault("nested deeper than \(self.depthLimit)") }
            self.skipSpace()
            switch self.next {
            case UInt8(ascii: "{"): return .object(try self.object(depth: depth))
            case UInt8(ascii: "["): return .array(try self.array(depth: depth))
            case UInt8(ascii: "\""): return .string(try self.string())
            case UInt8(ascii: "t"): return try self.word("true", .bool(true))
            case UInt8(ascii: "f"): return try self.word("false", .bool(false))
            case UInt8(ascii: "n"): return try self.word("null", .null)
            case UInt8(ascii: "-"): return try self.number()
            case let byte? where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
                return try self.number()
            case nil: throw self.fault("the text ends")
            default: throw self.fault("no value starts here")
            }
        }

        mutating func word(_ text: String, _ value: JSON) throws(JSONError) -> JSON {
            guard self.bytes[self.offset...].starts(with: text.utf8) else {
                throw self.fault("no value starts here")
            }
            self.offset += text.utf8.count
            return value
        }

        mutating func object(depth: Int) throws(JSONError) -> Object {
            self.offset += 1
            var object = Object()
            var names = Set<ExactText>()
            self.skipSpace()
            if self.accept(UInt8(ascii: "}")) { return object }
            repeat {
                self.skipSpace()
                guard self.next == UInt8(ascii: "\"") else { throw self.fault("a member name is missing") }
                let name = try self.string()
                guard names.insert(ExactText(name)).inserted else {
                    throw self.fault("the name \"\(name.plain())\" stands twice")
                }
                self.skipSpace()
                guard self.accept(UInt8(ascii: ":")) else { throw self.fault("a colon is missing") }
                object.append(unchecked: name, try self.value(depth: depth + 1))
                self.skipSpace()
            } while self.accept(UInt8(ascii: ","))
            guard self.accept(UInt8(ascii: "}")) else { throw self.fault("the object is not closed") }
            return object
        }

        mutating func array(depth: Int) throws(JSONError) -> [JSON] {
            self.offset += 1
            var elements: [JSON] = []
            self.skipSpace()
            if self.accept(UInt8(ascii: "]")) { return elements }
            repeat {
                elements.append(try self.value(depth: depth + 1))
                self.skipSpace()
            } while self.accept(UInt8(ascii: ","))
            guard self.accept(UInt8(ascii: "]")) else { throw self.fault("the array is not closed") }
            return elements
        }

        mutating func number() throws(JSONError) -> JSON {
            let start = self.offset
            _ = self.accept(UInt8(ascii: "-"))
            if !self.accept(UInt8(ascii: "0")) { try self.digits() }
            var whole = true
            if self.accept(UInt8(ascii: ".")) {
                whole = false
                try self.digits()
            }
            if self.next == UInt8(ascii: "e") || self.next == UInt8(ascii: "E") {
                whole = false
                self.offset += 1
                if self.next == UInt8(ascii: "+") || self.next == UInt8(ascii: "-") { self.offset += 1 }
                try self.digits()
            }
            let text = String(decoding: self.bytes[start..<self.offset], as: UTF8.self)
            if whole, text != "-0", let integer = Int64(text) { return .integer(integer) }
            guard let number = Double(text), number.isFinite else {
                throw self.fault("the number is too large")
            }
            return .number(number)
        }

        mutating func digits() throws(JSONError) {
            let start = self.offset
            while let byte = self.next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                self.offset += 1
            }
            guard self.offset > start else { throw self.fault("a digit is missing") }
        }

        mutating func string() throws(JSONError) -> String {
            self.offset += 1
            // Most strings are one run without an escape: they are read where they stand.
            var units: [UInt8] = []
            while true {
                let run = self.run()
                switch self.next {
                case UInt8(ascii: "\""):
                    self.offset += 1
                    let text =
                        units.isEmpty
                        ? String(validating: run, as: UTF8.self)
                        : String(validating: units + run, as: UTF8.self)
                    guard let text else { throw self.fault("not UTF-8") }
                    return text
                case UInt8(ascii: "\\"):
                    units += run
                    self.offset += 1
                    try self.escape(into: &units)
                case nil: throw self.fault("the string is not closed")
                default: throw self.fault("a control character must be escaped")
                }
            }
        }

        /// What stands for itself in a string.
        private mutating func run() -> ArraySlice<UInt8> {
            let start = self.offset
            while let byte = self.next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
                self.offset += 1
            }
            return self.bytes[start..<self.offset]
        }

        mutating func escape(into units: inout [UInt8]) throws(JSONError) {
            guard let byte = self.next else { throw self.fault("the string is not closed") }
            self.offset += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(byte)
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0c)
            case UInt8(ascii: "n"): units.append(0x0a)
            case UInt8(ascii: "r"): units.append(0x0d)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"):
                var value = try self.unit()
                if (0xd800..<0xdc00).contains(value) {
                    guard self.accept(UInt8(ascii: "\\")), self.accept(UInt8(ascii: "u")) else {
                        throw self.fault("half a surrogate pair")
                    }
                    let low = try self.unit()
                    guard (0xdc00..<0xe000).contains(low) else { throw self.fault("half a surrogate pair") }
                    value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
                }
                guard let scalar = Unicode.Scalar(value) else { throw self.fault("half a surrogate pair") }
                units.append(contentsOf: String(Character(scalar)).utf8)
            default: throw self.fault("no such escape")
            }
        }

        mutating func unit() throws(JSONError) -> UInt32 {
            guard self.offset + 4 <= self.bytes.count else { throw self.fault("the string is not closed") }
            var value: UInt32 = 0
            for byte in self.bytes[self.offset..<self.offset + 4] {
                guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                    throw self.fault("four hex digits follow \\u")
                }
                value = value << 4 | UInt32(digit)
            }
            self.offset += 4
            return value
        }
    }
}
