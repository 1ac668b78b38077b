extension FunctionCompiler {
    /// Operators that cost nothing: nop, drop, block, loop, unreachable, return, else, end.
    private static func isFree(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x00, 0x01, 0x02, 0x03, 0x05, 0x0b, 0x0f, 0x1a: true
        default: false
        }
    }

    mutating func compileOperator(_ byte: UInt8) throws(ModuleError) {
        if !Self.isFree(byte) { self.count() }
        switch byte {
        case 0x00:
            self.emit(.unreachable)
            self.leave()
        case 0x01: break
        case 0x02: try self.open(.block)
        case 0x03: try self.open(.loop)
        case 0x04: try self.open(.if)
        case 0x05: try self.openElse()
        case 0x0b: try self.closeBlock()
        case 0x0c: try self.compileBranch()
        case 0x0d: try self.compileBranchIf()
        case 0x0e: try self.compileBranchTable()
        case 0x0f: try self.compileReturn()
        case 0x10: try self.compileCall()
        case 0x11: try self.compileCallIndirect()
        case 0x1a:
            _ = try self.pop()
            self.producer = nil
        case 0x1b: try self.compileSelect()
        case 0x20...0x24: try self.compileVariable(byte)
        case 0x28...0x3e: try self.compileMemoryAccess(byte)
        case 0x3f, 0x40: try self.compileMemorySize(byte)
        case 0x41...0x44: try self.compileConstant(byte)
        case 0xfc: try self.compilePrefixed()
        default: try self.compileNumber(byte)
        }
    }

    private mutating func compileSelect() throws(ModuleError) {
        let condition = try self.pop(.i32)
        let second = try self.pop()
        let first = try self.pop()
        if let one = first.type, let other = second.type, one != other {
            throw self.invalid("select between \(one) and \(other)")
        }
        try self.emitResult(.select, of: first.type ?? second.type, a: first.place, b: second.place)
        let producer = self.producer
        self.emit(.selectCondition, a: condition)
        self.producer = producer
    }

    private mutating func compileConstant(_ byte: UInt8) throws(ModuleError) {
        let value: Value =
            switch byte {
            case 0x41: .i32(UInt32(truncatingIfNeeded: try self.cursor.signed(bits: 32)))
            case 0x42: .i64(UInt64(bitPattern: try self.cursor.signed(bits: 64)))
            case 0x43: .f32(UInt32(truncatingIfNeeded: try self.cursor.fixed(count: 4)))
            default: .f64(try self.cursor.fixed(count: 8))
            }
        if let place = self.constantPlace(value.bits) {
            try self.push(value.type, place: place)
        } else {
            let low = UInt32(truncatingIfNeeded: value.bits)
            try self.emitResult(
                .constant, of: value.type, a: low, b: UInt32(truncatingIfNeeded: value.bits >> 32))
        }
    }

    // MARK: Variables

    private mutating func compileVariable(_ byte: UInt8) throws(ModuleError) {
        let index = try self.cursor.index()
        guard byte < 0x23 else { return try self.compileGlobal(index, isSet: byte == 0x24) }
        guard index < self.locals.count else { throw self.invalid("unknown local \(index)") }
        let type = self.locals[index]
        let local = UInt32(index)
        guard byte != 0x20 else { return try self.push(type, place: local) }
        let place = try self.pop(type)
        self.settleLocals(local)
        if let producer = self.producer, self.isStackSlot(place), self.code[producer].d == place {
            self.code[producer].d = local
            self.producer = nil
        } else if place != local {
            self.emit(.copy, d: local, a: place)
        }
        if byte == 0x22 { try self.push(type, place: local) }
    }

    private mutating func compileGlobal(_ index: Int, isSet: Bool) throws(ModuleError) {
        guard index < self.context.globals.count else { throw self.invalid("unknown global \(index)") }
        let global = self.context.globals[index]
        guard isSet else { return try self.emitResult(.globalGet, of: global.type, a: UInt32(index)) }
        guard global.isMutable else { throw self.invalid("global \(index) is constant") }
        self.emit(.globalSet, d: UInt32(index), a: try self.pop(global.type))
    }

    // MARK: Memory

    private func requireMemory() throws(ModuleError) {
        guard self.context.hasMemory else { throw self.invalid("there is no memory") }
    }

    /// The index of a memory, which must be the only one.
    private mutating func memoryIndex() throws(ModuleError) {
        // In this version a zero byte, not a number that may be written longer.
        switch try self.cursor.byte() {
        case 0: return
        case 0x80...0xff: throw self.cursor.malformed("a zero byte stands for the memory")
        default: throw self.unsupported("second memory")
        }
    }

    private mutating func compileMemoryAccess(_ byte: UInt8) throws(ModuleError) {
        guard let access = MemoryAccess(byte: byte) else { throw self.invalid("unknown operator") }
        try self.requireMemory()
        let alignment = try self.cursor.u32()
        guard alignment & 0x40 == 0 else { throw self.unsupported("second memory") }
        guard alignment <= access.widthLog2 else { throw self.invalid("alignment above the natural one") }
        let offset = try self.cursor.u32()
        let value = access.isStore ? try self.pop(access.type) : nil
        let address = try self.pop(.i32)
        let fused = offset == 0 ? access.op.atSum : nil
        switch (value, fused.flatMap { op in self.takeSum(at: address).map { (op, $0) } }) {
        case (let value?, (let op, let sum)?): self.emit(op, d: sum.a, a: sum.b, b: value)
        case (let value?, nil): self.emit(access.op, d: offset, a: address, b: value)
        case (nil, (let op, let sum)?): try self.emitResult(op, of: access.type, a: sum.a, b: sum.b)
        case (nil, nil): try self.emitResult(access.op, of: access.type, a: address, b: offset)
        }
    }

    /// Takes back the addition just before, if `place` has its sum and nobody else will look there.
    private mutating func takeSum(at place: UInt32) -> Instruction? {
        guard self.isLive, let last = self.code.last, self.producer == self.code.count - 1,
            last.op == .i32Add,
            last.d == place, self.isStackSlot(place)
        else { return nil }
        self.code.removeLast()
        return last
    }

    private mutating func compileMemorySize(_ byte: UInt8) throws(ModuleError) {
        try self.memoryIndex()
        try self.requireMemory()
        if byte == 0x3f {
            try self.emitResult(.memorySize, of: .i32)
        } else {
            try self.emitResult(.memoryGrow, of: .i32, a: try self.pop(.i32))
        }
    }

    private mutating func compilePrefixed() throws(ModuleError) {
        let number = try self.cursor.u32()
        if let signature = Signature(saturating: number), let op = Operator(rawValue: 0xc5 + UInt8(number)) {
            return try self.emitResult(op, of: signature.result, a: try self.pop(signature.operand))
        }
        switch number {
        case 8, 9: try self.compileSegment(isDrop: number == 9)
        case 10, 11:
            try self.memoryIndex()
            if number == 10 { try self.memoryIndex() }
            try self.requireMemory()
            let count = try self.pop(.i32)
            let source = try self.pop(.i32)
            let target = try self.pop(.i32)
            self.emit(number == 10 ? .memoryCopy : .memoryFill, d: target, a: source, b: count)
        case 12, 13, 14: throw self.unsupported("bulk table operations")
        case 15, 16, 17: throw self.unsupported("reference types")
        case 19...22: throw self.unsupported("wide arithmetic")
        default: throw self.cursor.malformed("unknown operator 0xfc \(number)")
        }
    }

    private mutating func compileSegment(isDrop: Bool) throws(ModuleError) {
        let segment = try self.cursor.index()
        if !isDrop {
            try self.memoryIndex()
            try self.requireMemory()
        }
        guard let count = self.context.dataCount else { throw self.invalid("data count section is missing") }
        guard segment < count else { throw self.invalid("unknown data segment \(segment)") }
        guard !isDrop else { return self.emit(.dataDrop, a: UInt32(segment)) }
        // The instruction has no room for four operands: these three go to slots in a row.
        if self.isLive, self.stack.count >= 3 {
            for position in self.stack.count - 3..<self.stack.count { self.settle(position) }
        }
        try self.pop(.i32)
        try self.pop(.i32)
        self.emit(.memoryInit, d: try self.pop(.i32), a: UInt32(segment))
    }

    // MARK: Numbers

    private mutating func compileNumber(_ byte: UInt8) throws(ModuleError) {
        guard let signature = Signature(number: byte) else { throw self.refusal(of: byte) }
        let second = signature.count == 2 ? try self.pop(signature.operand) : 0
        let first = try self.pop(signature.operand)
        switch byte {
        case 0xad, 0xbc...0xbf:
            // Same bits, other type: the value stays where it is.
            let isNowhere = !self.isLive
            return try self.push(signature.result, place: isNowhere ? nil : first)
        case 0x45:
            // "Not less" is "greater or equal".
            if let producer = self.producer, producer == self.code.count - 1, self.code[producer].d == first,
                let inverse = self.code[producer].op.inverse
            {
                self.code[producer].op = inverse
                return try self.push(.i32)
            }
        default: break
        }
        guard let op = Operator(rawValue: byte) else { throw self.refusal(of: byte) }
        try self.emitResult(op, of: signature.result, a: first, b: second)
    }

    /// The name of the feature that a byte belongs to.
    private func refusal(of byte: UInt8) -> ModuleError {
        switch byte {
        case 0x06...0x0a, 0x18, 0x19, 0x1f: self.unsupported("exceptions")
        case 0x12, 0x13, 0x15: self.unsupported("tail calls")
        case 0x14, 0xd3...0xd6: self.unsupported("typed function references")
        case 0x1c, 0x25, 0x26, 0xd0...0xd2: self.unsupported("reference types")
        case 0xfb: self.unsupported("garbage collection")
        case 0xfd: self.unsupported("simd")
        case 0xfe: self.unsupported("threads")
        default:
            .malformed(offset: self.operatorOffset, reason: "unknown operator 0x\(String(byte, radix: 16))")
        }
    }
}
