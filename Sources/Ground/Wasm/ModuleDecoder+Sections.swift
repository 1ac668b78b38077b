extension ModuleDecoder {
    mutating func decodeTypes(_ section: inout Cursor) throws(ModuleError) {
        var firstEqual: [FunctionType: UInt32] = [:]
        for index in 0..<(try section.count("types", limit: self.limits.types)) {
            switch try section.byte() {
            case 0x60: break
            case 0x4e, 0x4f, 0x50, 0x5e, 0x5f: throw section.unsupported("garbage collection")
            case let form: throw section.malformed("unknown type form 0x\(String(form, radix: 16))")
            }
            var parameters: [ValueType] = []
            for _ in 0..<(try section.count("locals", limit: self.limits.locals)) {
                parameters.append(try section.valueType())
            }
            let results = try section.index()
            guard results <= 1 else { throw section.unsupported("multi-value") }
            let result = results == 1 ? try section.valueType() : nil
            let type = FunctionType(parameters: parameters, result: result)
            let id = firstEqual[type] ?? UInt32(index)
            firstEqual[type] = id
            self.context.types.append(type)
            self.context.typeIDs.append(id)
        }
    }

    func refuseImports(_ section: inout Cursor) throws(ModuleError) {
        guard try section.index() > 0 else { return }
        let offset = section.offset
        let module = try section.name(limit: self.limits.nameBytes)
        let name = try section.name(limit: self.limits.nameBytes)
        throw .unsupported(feature: "import \(module).\(name)", offset: offset)
    }

    mutating func decodeFunctions(_ section: inout Cursor) throws(ModuleError) {
        for _ in 0..<(try section.count("functions", limit: self.limits.functions)) {
            let type = try section.index()
            guard type < self.context.types.count else { throw section.malformed("unknown type \(type)") }
            self.context.functions.append(type)
        }
    }

    mutating func decodeTable(_ section: inout Cursor) throws(ModuleError) {
        let count = try section.index()
        guard count <= 1 else { throw section.unsupported("second table") }
        guard count == 1 else { return }
        guard try section.byte() == 0x70 else { throw section.unsupported("reference types") }
        let bounds = try self.bounds(&section)
        guard bounds.initial <= self.limits.tableElements else {
            throw .tooLarge(what: "tableElements", limit: self.limits.tableElements, actual: bounds.initial)
        }
        self.tableElements = bounds.initial
        self.context.hasTable = true
    }

    mutating func decodeMemory(_ section: inout Cursor) throws(ModuleError) {
        let count = try section.index()
        guard count <= 1 else { throw section.unsupported("second memory") }
        guard count == 1 else { return }
        let bounds = try self.bounds(&section)
        guard bounds.initial <= 1 << 16, bounds.maximum ?? 0 <= 1 << 16 else {
            throw section.malformed("memory beyond 4 GiB")
        }
        guard bounds.initial <= self.limits.memoryPages else {
            throw .tooLarge(what: "memoryPages", limit: self.limits.memoryPages, actual: bounds.initial)
        }
        let maximum = min(bounds.maximum ?? 1 << 16, self.limits.memoryPages)
        self.memory = MemoryType(initial: bounds.initial, maximum: maximum)
        self.context.hasMemory = true
    }

    private func bounds(_ section: inout Cursor) throws(ModuleError) -> (initial: Int, maximum: Int?) {
        let flags = try section.byte()
        switch flags {
        case 0, 1: break
        case 2, 3: throw section.unsupported("threads")
        case 4...7: throw section.unsupported("memory64")
        case 8...15: throw section.unsupported("custom page sizes")
        default: throw section.malformed("unknown limits flags \(flags)")
        }
        let initial = try section.index()
        guard flags == 1 else { return (initial, nil) }
        let maximum = try section.index()
        guard initial <= maximum else { throw section.malformed("maximum below the initial size") }
        return (initial, maximum)
    }

    mutating func decodeGlobals(_ section: inout Cursor) throws(ModuleError) {
        for _ in 0..<(try section.count("globals", limit: self.limits.globals)) {
            let type = try section.valueType()
            let mutability = try section.byte()
            guard mutability <= 1 else { throw section.malformed("unknown mutability \(mutability)") }
            self.globalValues.append(try self.constant(of: type, from: &section))
            self.context.globals.append(.init(type: type, isMutable: mutability == 1))
        }
    }

    /// A constant expression: one constant and `end`. Version 1.0 lets it name an imported global, too, and
    /// there are none; later versions any earlier one.
    private func constant(of type: ValueType, from section: inout Cursor) throws(ModuleError) -> UInt64 {
        let offset = section.offset
        let value: Value
        switch try section.byte() {
        case 0x41: value = .i32(UInt32(truncatingIfNeeded: try section.signed(bits: 32)))
        case 0x42: value = .i64(UInt64(bitPattern: try section.signed(bits: 64)))
        case 0x43: value = .f32(UInt32(truncatingIfNeeded: try section.fixed(count: 4)))
        case 0x44: value = .f64(try section.fixed(count: 8))
        case 0x23:
            let index = try section.index()
            guard index < self.context.globals.count else {
                throw .malformed(offset: offset, reason: "constant expression names unknown global \(index)")
            }
            throw .unsupported(feature: "extended constant expressions", offset: offset)
        case 0xd0, 0xd2: throw .unsupported(feature: "reference types", offset: offset)
        case 0xfd: throw .unsupported(feature: "simd", offset: offset)
        default: throw .malformed(offset: offset, reason: "not a constant expression")
        }
        guard value.type == type else {
            throw .malformed(offset: offset, reason: "constant is \(value.type), not \(type)")
        }
        switch try section.byte() {
        case 0x0b: return value.bits
        case 0x23, 0x41, 0x42: throw section.unsupported("extended constant expressions")
        default: throw section.malformed("constant expression without end")
        }
    }

    mutating func decodeExports(_ section: inout Cursor) throws(ModuleError) {
        var names: Set<[UInt8]> = []
        for _ in 0..<(try section.count("exports", limit: self.limits.exports)) {
            let offset = section.offset
            let name = try section.name(limit: self.limits.nameBytes)
            guard names.insert(Array(name.utf8)).inserted else {
                throw .malformed(offset: offset, reason: "two exports named \(name)")
            }
            let kind = try section.byte()
            let index = try section.index()
            let bound: Int
            switch kind {
            case 0: bound = self.context.functions.count
            case 1: bound = self.context.hasTable ? 1 : 0
            case 2: bound = self.context.hasMemory ? 1 : 0
            case 3: bound = self.context.globals.count
            case 4: throw .unsupported(feature: "exceptions", offset: offset)
            default: throw .malformed(offset: offset, reason: "unknown export kind \(kind)")
            }
            guard index < bound else { throw section.malformed("export of unknown index \(index)") }
            if kind == 0 { self.exports.append((name, index)) }
        }
    }

    mutating func decodeStart(_ section: inout Cursor) throws(ModuleError) {
        let index = try section.index()
        guard index < self.context.functions.count else {
            throw section.malformed("unknown function \(index)")
        }
        guard self.context.type(ofFunction: index) == FunctionType(parameters: [], result: nil) else {
            throw section.malformed("start function with parameters or result")
        }
        self.start = index
    }

    mutating func decodeElements(_ section: inout Cursor) throws(ModuleError) {
        for _ in 0..<(try section.count("segments", limit: self.limits.segments)) {
            let flags = try section.index()
            guard flags <= 7 else { throw section.malformed("unknown element flags \(flags)") }
            guard flags == 0 || flags == 2 else {
                throw section.unsupported(flags & 5 == 1 ? "passive element segments" : "reference types")
            }
            if flags == 2, try section.index() != 0 { throw section.unsupported("second table") }
            guard self.context.hasTable else { throw section.malformed("element segment without table") }
            let offset = try self.constant(of: .i32, from: &section)
            if flags == 2, try section.byte() != 0 { throw section.unsupported("reference types") }
            var functions: [UInt32] = []
            for _ in 0..<(try section.count("tableElements", limit: self.limits.tableElements)) {
                let index = try section.index()
                guard index < self.context.functions.count else {
                    throw section.malformed("unknown function \(index)")
                }
                functions.append(UInt32(index))
            }
            self.elements.append(ElementSegment(offset: Int(offset), functions: functions))
        }
    }

    mutating func decodeData(_ section: inout Cursor) throws(ModuleError) {
        for _ in 0..<(try section.count("segments", limit: self.limits.segments)) {
            let flags = try section.index()
            guard flags <= 2 else { throw section.malformed("unknown data flags \(flags)") }
            if flags == 2, try section.index() != 0 { throw section.unsupported("second memory") }
            guard flags == 1 || self.context.hasMemory else {
                throw section.malformed("data segment without memory")
            }
            let offset = flags == 1 ? nil : Int(try self.constant(of: .i32, from: &section))
            let count = try section.index()
            let part = try section.part(count: count)
            self.data.append(DataSegment(offset: offset, bytes: Array(part.bytes[part.offset..<part.end])))
        }
    }
}
