/// Decodes the sections in one pass; the bodies are compiled where they stand, as all they refer to comes
/// first.
struct ModuleDecoder {
    let limits: Limits
    var context = ModuleContext()
    var program = Program()
    var exports: [(name: String, function: Int)] = []
    var memory: MemoryType?
    var tableElements = 0
    var globalValues: [UInt64] = []
    var elements: [ElementSegment] = []
    var data: [DataSegment] = []
    var start: Int?
    private var cursor: Cursor

    init(_ bytes: [UInt8], limits: Limits) {
        self.limits = limits
        self.cursor = Cursor(bytes, from: 0, to: bytes.count)
    }

    mutating func decode() throws(ModuleError) {
        try self.decodeHeader()
        var previousRank = 0
        while !self.cursor.isAtEnd {
            let offset = self.cursor.offset
            let id = try self.cursor.byte()
            let size = try self.cursor.index()
            var section = try self.cursor.part(count: size)
            if id == 0 {
                _ = try section.name(limit: self.limits.nameBytes)
                continue
            }
            let rank = try self.rank(of: id, at: offset)
            guard rank > previousRank else {
                throw .malformed(offset: offset, reason: "section \(id) twice or out of order")
            }
            previousRank = rank
            try self.decode(section: id, from: &section)
            guard section.isAtEnd else {
                throw section.malformed("section \(id) is longer than its contents")
            }
        }
        guard self.program.functions.count == self.context.functions.count else {
            throw self.cursor.malformed("functions without bodies")
        }
        guard self.context.dataCount == nil || self.context.dataCount == self.data.count else {
            throw self.cursor.malformed("data count and data section differ")
        }
    }

    private mutating func decodeHeader() throws(ModuleError) {
        guard try self.cursor.fixed(count: 4) == 0x6d73_6100 else {
            throw .malformed(offset: 0, reason: "no WebAssembly magic")
        }
        let version = try self.cursor.fixed(count: 4)
        if version == 0x0001_000d { throw .unsupported(feature: "component model", offset: 4) }
        guard version == 1 else { throw .malformed(offset: 4, reason: "unknown version \(version)") }
    }

    /// The place of a section in the order of the format, which is not that of the numbers.
    private func rank(of id: UInt8, at offset: Int) throws(ModuleError) -> Int {
        switch id {
        case 1...5: return Int(id)
        case 6...9: return Int(id) + 1
        case 12: return 11
        case 10: return 12
        case 11: return 13
        case 13: throw .unsupported(feature: "exceptions", offset: offset)
        case 14: throw .unsupported(feature: "string references", offset: offset)
        default: throw .malformed(offset: offset, reason: "unknown section \(id)")
        }
    }

    private mutating func decode(section id: UInt8, from section: inout Cursor) throws(ModuleError) {
        switch id {
        case 1: try self.decodeTypes(&section)
        case 2: try self.refuseImports(&section)
        case 3: try self.decodeFunctions(&section)
        case 4: try self.decodeTable(&section)
        case 5: try self.decodeMemory(&section)
        case 6: try self.decodeGlobals(&section)
        case 7: try self.decodeExports(&section)
        case 8: try self.decodeStart(&section)
        case 9: try self.decodeElements(&section)
        case 10: try self.decodeBodies(&section)
        case 11: try self.decodeData(&section)
        default: self.context.dataCount = try section.count("segments", limit: self.limits.segments)
        }
    }

    private mutating func decodeBodies(_ section: inout Cursor) throws(ModuleError) {
        let count = try section.index()
        guard count == self.context.functions.count else {
            throw section.malformed("\(count) bodies for \(self.context.functions.count) functions")
        }
        for index in 0..<count {
            let size = try section.index()
            let body = try section.part(count: size)
            var compiler = FunctionCompiler(
                index: index, body: body, context: self.context, limits: self.limits,
                codeBase: self.program.code.count, jumpBase: self.program.jumps.count)
            try compiler.compile()
            compiler.append(to: &self.program)
        }
    }
}
