/// The machine: one loop over instructions of 16 bytes, with an explicit stack of frames.
///
/// Why the unsafe pointers are in bounds: slots, constants, jump targets, function, global and segment
/// indexes in instructions come from `FunctionCompiler`, which checked them; a frame is entered only after
/// `frameWords` and the depth were compared with the stack; each address is compared with the size of the
/// memory before use.
extension Instance {
    /// Runs a function whose arguments are in the first slots of the stack; its result comes to slot 0.
    func execute(function index: Int) -> Fault? {
        let program = self.module.program
        return program.code.withUnsafeBufferPointer { code in
            program.functions.withUnsafeBufferPointer { functions in
                program.constants.withUnsafeBufferPointer { constants in
                    program.jumps.withUnsafeBufferPointer { jumps in
                        guard let code = code.baseAddress, let functions = functions.baseAddress else {
                            return .unreachable
                        }
                        let image = Image(
                            code: code, functions: functions, constants: constants, jumps: jumps)
                        return self.execute(function: index, in: image)
                    }
                }
            }
        }
    }

    /// The flat arrays of the program while a run lasts. Empty arrays may have no address.
    private struct Image {
        let code: UnsafePointer<Instruction>
        let functions: UnsafePointer<Program.Function>
        let constants: UnsafeBufferPointer<UInt64>
        let jumps: UnsafeBufferPointer<UInt32>
    }

    /// Prepares a frame: the stack holds it, the locals are zero, the constants in their slots.
    ///
    /// - Returns: the first instruction, `nil` if there is no room.
    @inline(__always)
    private func enter(
        _ function: UnsafePointer<Program.Function>, at slots: UnsafeMutablePointer<UInt64>, in image: Image
    ) -> UnsafePointer<Instruction>? {
        let used = slots - self.stack
        guard function.pointee.frameWords <= self.module.limits.stackWords - used else { return nil }
        let parameters = function.pointee.parameters
        let locals = function.pointee.locals
        var slot = parameters
        while slot < locals {
            slots[slot] = 0
            slot += 1
        }
        let first = function.pointee.firstConstant
        var position = 0
        while position < function.pointee.constants {
            slots[locals &+ position] = image.constants[first &+ position]
            position &+= 1
        }
        return image.code + function.pointee.entry
    }

    /// Goes on at the target or behind the jump. What comes there is nearly always a charge.
    @inline(__always)
    private static func jump(
        _ i: Instruction, if taken: Bool, _ next: inout UnsafePointer<Instruction>, _ left: inout UInt64
    ) {
        // A predicted branch: chosen by arithmetic, the next instruction would wait for the comparison.
        if _fastPath(taken) { next += Int(Int32(bitPattern: i.d)) }
        self.charge(&next, &left)
    }

    /// Does the charge that comes next, if one does and the units suffice, without a turn of the loop.
    @inline(__always)
    private static func charge(_ next: inout UnsafePointer<Instruction>, _ left: inout UInt64) {
        guard next.pointee.op == .charge, left >= UInt64(next.pointee.a) else { return }
        left &-= UInt64(next.pointee.a)
        next += 1
    }

    private func execute(function index: Int, in image: Image) -> Fault? {
        let bottom = self.frames
        let top = bottom + (self.module.limits.callDepth - 1)
        var frame = bottom
        var r = self.stack
        guard var next = self.enter(image.functions + index, at: r, in: image) else {
            return .callStackExhausted
        }
        let memory = self.memory.base
        var size = self.memory.count
        var left = self.unitsLeft
        // What an instruction ends the run with, unless it says otherwise.
        var fault = Fault.memoryOutOfBounds

        run: while true {
            let i = next.pointee
            next += 1
            switch i.op {
            case .charge:
                if _fastPath(left >= UInt64(i.a)) {
                    left &-= UInt64(i.a)
                } else {
                    self.unitsLeft = left
                    let found = self.pay(UInt64(i.a))
                    left = self.unitsLeft
                    if let found {
                        fault = found
                        break run
                    }
                }
            // The compiler emits no `selectCondition` without `select`, and no `i64ExtendI32U`.
            case .unreachable, .selectCondition, .i64ExtendI32U:
                fault = .unreachable
                break run
            case .copy: r[u64: i.d] = r[u64: i.a]
            case .constant: r[u64: i.d] = UInt64(i.a) | UInt64(i.b) << 32
            case .jump: Self.jump(i, if: true, &next, &left)
            case .jumpIf: Self.jump(i, if: r[bool: i.a], &next, &left)
            case .jumpUnless: Self.jump(i, if: !r[bool: i.a], &next, &left)
            case .jumpTable:
                let entry = min(Int(r[u32: i.a]), Int(i.b))
                next = image.code + Int(image.jumps[Int(i.d) &+ entry])
            case .call:
                let callee = image.functions + Int(i.d)
                guard frame < top, let entry = self.enter(callee, at: r + Int(i.a), in: image) else {
                    fault = .callStackExhausted
                    break run
                }
                frame.initialize(to: Frame(next: next, slots: r))
                frame += 1
                r += Int(i.a)
                next = entry
                Self.charge(&next, &left)
            case .callIndirect:
                let entry = Int(r[u32: i.b])
                guard entry < self.module.tableElements, self.table[entry] != Self.emptyEntry else {
                    fault = .undefinedElement
                    break run
                }
                let callee = image.functions + Int(self.table[entry])
                guard callee.pointee.typeID == i.d else {
                    fault = .indirectCallMismatch
                    break run
                }
                guard frame < top, let entry = self.enter(callee, at: r + Int(i.a), in: image) else {
                    fault = .callStackExhausted
                    break run
                }
                frame.initialize(to: Frame(next: next, slots: r))
                frame += 1
                r += Int(i.a)
                next = entry
                Self.charge(&next, &left)
            case .giveBack, .end:
                if i.op == .giveBack { r[0] = r[u64: i.a] }
                guard frame > bottom else {
                    self.unitsLeft = left
                    return nil
                }
                frame -= 1
                next = frame.pointee.next
                r = frame.pointee.slots
                Self.charge(&next, &left)
            case .select:
                r[u64: i.d] = r[bool: next.pointee.a] ? r[u64: i.a] : r[u64: i.b]
                next += 1
            case .globalGet: r[u64: i.d] = self.globals[Int(i.a)]
            case .globalSet: self.globals[Int(i.d)] = r[u64: i.a]
            case .memorySize: r[u32: i.d] = self.memory.pages
            case .memoryGrow:
                self.unitsLeft = left
                let found = self.grow(next - 1, r)
                left = self.unitsLeft
                size = self.memory.count
                if let found {
                    fault = found
                    break run
                }
            case .dataDrop: self.isDropped[Int(i.a)] = true
            case .memoryCopy, .memoryFill, .memoryInit:
                self.unitsLeft = left
                let found = self.bulk(next - 1, r)
                left = self.unitsLeft
                if let found {
                    fault = found
                    break run
                }

            // Memory: little endian, as all hosts of Swift are.
            case .i32Load:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 4 <= size else { break run }
                r[u32: i.d] = memory.loadUnaligned(fromByteOffset: at, as: UInt32.self)
            case .i64Load:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 8 <= size else { break run }
                r[u64: i.d] = memory.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            case .i32Load8S:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 1 <= size else { break run }
                r[s32: i.d] = Int32(memory.loadUnaligned(fromByteOffset: at, as: Int8.self))
            case .i32Load8U:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 1 <= size else { break run }
                r[u32: i.d] = UInt32(memory.loadUnaligned(fromByteOffset: at, as: UInt8.self))
            case .i32Load16S:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 2 <= size else { break run }
                r[s32: i.d] = Int32(memory.loadUnaligned(fromByteOffset: at, as: Int16.self))
            case .i32Load16U:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 2 <= size else { break run }
                r[u32: i.d] = UInt32(memory.loadUnaligned(fromByteOffset: at, as: UInt16.self))
            case .i64Load8S:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 1 <= size else { break run }
                r[s64: i.d] = Int64(memory.loadUnaligned(fromByteOffset: at, as: Int8.self))
            case .i64Load16S:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 2 <= size else { break run }
                r[s64: i.d] = Int64(memory.loadUnaligned(fromByteOffset: at, as: Int16.self))
            case .i64Load32S:
                let at = Int(r[u32: i.a]) &+ Int(i.b)
                guard at &+ 4 <= size else { break run }
                r[s64: i.d] = Int64(memory.loadUnaligned(fromByteOffset: at, as: Int32.self))
            case .i32Store:
                let at = Int(r[u32: i.a]) &+ Int(i.d)
                guard at &+ 4 <= size else { break run }
                memory.storeBytes(of: r[u32: i.b], toByteOffset: at, as: UInt32.self)
            case .i64Store:
                let at = Int(r[u32: i.a]) &+ Int(i.d)
                guard at &+ 8 <= size else { break run }
                memory.storeBytes(of: r[u64: i.b], toByteOffset: at, as: UInt64.self)
            case .i32Store8:
                let at = Int(r[u32: i.a]) &+ Int(i.d)
                guard at &+ 1 <= size else { break run }
                memory.storeBytes(
                    of: UInt8(truncatingIfNeeded: r[u32: i.b]), toByteOffset: at, as: UInt8.self)
            case .i32Store16:
                let at = Int(r[u32: i.a]) &+ Int(i.d)
                guard at &+ 2 <= size else { break run }
                memory.storeBytes(
                    of: UInt16(truncatingIfNeeded: r[u32: i.b]), toByteOffset: at, as: UInt16.self)

            case .i32LoadSum:
                let at = Int(r[u32: i.a] &+ r[u32: i.b])
                guard at &+ 4 <= size else { break run }
                r[u32: i.d] = memory.loadUnaligned(fromByteOffset: at, as: UInt32.self)
            case .i64LoadSum:
                let at = Int(r[u32: i.a] &+ r[u32: i.b])
                guard at &+ 8 <= size else { break run }
                r[u64: i.d] = memory.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            case .i32Load8USum:
                let at = Int(r[u32: i.a] &+ r[u32: i.b])
                guard at &+ 1 <= size else { break run }
                r[u32: i.d] = UInt32(memory.loadUnaligned(fromByteOffset: at, as: UInt8.self))
            case .i32StoreSum:
                let at = Int(r[u32: i.d] &+ r[u32: i.a])
                guard at &+ 4 <= size else { break run }
                memory.storeBytes(of: r[u32: i.b], toByteOffset: at, as: UInt32.self)
            case .i64StoreSum:
                let at = Int(r[u32: i.d] &+ r[u32: i.a])
                guard at &+ 8 <= size else { break run }
                memory.storeBytes(of: r[u64: i.b], toByteOffset: at, as: UInt64.self)
            case .i32Store8Sum:
                let at = Int(r[u32: i.d] &+ r[u32: i.a])
                guard at &+ 1 <= size else { break run }
                memory.storeBytes(
                    of: UInt8(truncatingIfNeeded: r[u32: i.b]), toByteOffset: at, as: UInt8.self)

            // i32.
            case .i32Eqz: r[bool: i.d] = r[u32: i.a] == 0
            case .i32Eq: r[bool: i.d] = r[u32: i.a] == r[u32: i.b]
            case .i32Ne: r[bool: i.d] = r[u32: i.a] != r[u32: i.b]
            case .i32LtS: r[bool: i.d] = r[s32: i.a] < r[s32: i.b]
            case .i32LtU: r[bool: i.d] = r[u32: i.a] < r[u32: i.b]
            case .i32GtS: r[bool: i.d] = r[s32: i.a] > r[s32: i.b]
            case .i32GtU: r[bool: i.d] = r[u32: i.a] > r[u32: i.b]
            case .i32LeS: r[bool: i.d] = r[s32: i.a] <= r[s32: i.b]
            case .i32LeU: r[bool: i.d] = r[u32: i.a] <= r[u32: i.b]
            case .i32GeS: r[bool: i.d] = r[s32: i.a] >= r[s32: i.b]
            case .i32GeU: r[bool: i.d] = r[u32: i.a] >= r[u32: i.b]
            case .jumpI32Eq: Self.jump(i, if: r[u32: i.a] == r[u32: i.b], &next, &left)
            case .jumpI32Ne: Self.jump(i, if: r[u32: i.a] != r[u32: i.b], &next, &left)
            case .jumpI32LtS: Self.jump(i, if: r[s32: i.a] < r[s32: i.b], &next, &left)
            case .jumpI32LtU: Self.jump(i, if: r[u32: i.a] < r[u32: i.b], &next, &left)
            case .jumpI32GtS: Self.jump(i, if: r[s32: i.a] > r[s32: i.b], &next, &left)
            case .jumpI32GtU: Self.jump(i, if: r[u32: i.a] > r[u32: i.b], &next, &left)
            case .jumpI32LeS: Self.jump(i, if: r[s32: i.a] <= r[s32: i.b], &next, &left)
            case .jumpI32LeU: Self.jump(i, if: r[u32: i.a] <= r[u32: i.b], &next, &left)
            case .jumpI32GeS: Self.jump(i, if: r[s32: i.a] >= r[s32: i.b], &next, &left)
            case .jumpI32GeU: Self.jump(i, if: r[u32: i.a] >= r[u32: i.b], &next, &left)
            case .i32Clz: r[u32: i.d] = UInt32(truncatingIfNeeded: r[u32: i.a].leadingZeroBitCount)
            case .i32Ctz: r[u32: i.d] = UInt32(truncatingIfNeeded: r[u32: i.a].trailingZeroBitCount)
            case .i32Popcnt: r[u32: i.d] = UInt32(truncatingIfNeeded: r[u32: i.a].nonzeroBitCount)
            case .i32Add: r[u32: i.d] = r[u32: i.a] &+ r[u32: i.b]
            case .i32Sub: r[u32: i.d] = r[u32: i.a] &- r[u32: i.b]
            case .i32Mul: r[u32: i.d] = r[u32: i.a] &* r[u32: i.b]
            case .i32And: r[u32: i.d] = r[u32: i.a] & r[u32: i.b]
            case .i32Or: r[u32: i.d] = r[u32: i.a] | r[u32: i.b]
            case .i32Xor: r[u32: i.d] = r[u32: i.a] ^ r[u32: i.b]
            case .i32Shl: r[u32: i.d] = r[u32: i.a] &<< r[u32: i.b]
            case .i32ShrU: r[u32: i.d] = r[u32: i.a] &>> r[u32: i.b]
            case .i32ShrS: r[s32: i.d] = r[s32: i.a] &>> r[s32: i.b]
            case .i32Rotl:
                let value = r[u32: i.a]
                r[u32: i.d] = value &<< r[u32: i.b] | value &>> (0 &- r[u32: i.b])
            case .i32Rotr:
                let value = r[u32: i.a]
                r[u32: i.d] = value &>> r[u32: i.b] | value &<< (0 &- r[u32: i.b])
            case .i32DivS, .i32DivU, .i32RemS, .i32RemU:
                if let found = Self.divide32(next - 1, r) {
                    fault = found
                    break run
                }

            // i64.
            case .i64Eqz: r[bool: i.d] = r[u64: i.a] == 0
            case .i64Eq: r[bool: i.d] = r[u64: i.a] == r[u64: i.b]
            case .i64Ne: r[bool: i.d] = r[u64: i.a] != r[u64: i.b]
            case .i64LtS: r[bool: i.d] = r[s64: i.a] < r[s64: i.b]
            case .i64LtU: r[bool: i.d] = r[u64: i.a] < r[u64: i.b]
            case .i64GtS: r[bool: i.d] = r[s64: i.a] > r[s64: i.b]
            case .i64GtU: r[bool: i.d] = r[u64: i.a] > r[u64: i.b]
            case .i64LeS: r[bool: i.d] = r[s64: i.a] <= r[s64: i.b]
            case .i64LeU: r[bool: i.d] = r[u64: i.a] <= r[u64: i.b]
            case .i64GeS: r[bool: i.d] = r[s64: i.a] >= r[s64: i.b]
            case .i64GeU: r[bool: i.d] = r[u64: i.a] >= r[u64: i.b]
            case .jumpI64Eq: Self.jump(i, if: r[u64: i.a] == r[u64: i.b], &next, &left)
            case .jumpI64Ne: Self.jump(i, if: r[u64: i.a] != r[u64: i.b], &next, &left)
            case .jumpI64LtS: Self.jump(i, if: r[s64: i.a] < r[s64: i.b], &next, &left)
            case .jumpI64LtU: Self.jump(i, if: r[u64: i.a] < r[u64: i.b], &next, &left)
            case .jumpI64GtS: Self.jump(i, if: r[s64: i.a] > r[s64: i.b], &next, &left)
            case .jumpI64GtU: Self.jump(i, if: r[u64: i.a] > r[u64: i.b], &next, &left)
            case .jumpI64LeS: Self.jump(i, if: r[s64: i.a] <= r[s64: i.b], &next, &left)
            case .jumpI64LeU: Self.jump(i, if: r[u64: i.a] <= r[u64: i.b], &next, &left)
            case .jumpI64GeS: Self.jump(i, if: r[s64: i.a] >= r[s64: i.b], &next, &left)
            case .jumpI64GeU: Self.jump(i, if: r[u64: i.a] >= r[u64: i.b], &next, &left)
            case .i64Clz: r[u64: i.d] = UInt64(truncatingIfNeeded: r[u64: i.a].leadingZeroBitCount)
            case .i64Ctz: r[u64: i.d] = UInt64(truncatingIfNeeded: r[u64: i.a].trailingZeroBitCount)
            case .i64Popcnt: r[u64: i.d] = UInt64(truncatingIfNeeded: r[u64: i.a].nonzeroBitCount)
            case .i64Add: r[u64: i.d] = r[u64: i.a] &+ r[u64: i.b]
            case .i64Sub: r[u64: i.d] = r[u64: i.a] &- r[u64: i.b]
            case .i64Mul: r[u64: i.d] = r[u64: i.a] &* r[u64: i.b]
            case .i64And: r[u64: i.d] = r[u64: i.a] & r[u64: i.b]
            case .i64Or: r[u64: i.d] = r[u64: i.a] | r[u64: i.b]
            case .i64Xor: r[u64: i.d] = r[u64: i.a] ^ r[u64: i.b]
            case .i64Shl: r[u64: i.d] = r[u64: i.a] &<< r[u64: i.b]
            case .i64ShrU: r[u64: i.d] = r[u64: i.a] &>> r[u64: i.b]
            case .i64ShrS: r[s64: i.d] = r[s64: i.a] &>> r[s64: i.b]
            case .i64Rotl:
                let value = r[u64: i.a]
                r[u64: i.d] = value &<< r[u64: i.b] | value &>> (0 &- r[u64: i.b])
            case .i64Rotr:
                let value = r[u64: i.a]
                r[u64: i.d] = value &>> r[u64: i.b] | value &<< (0 &- r[u64: i.b])
            case .i64DivS, .i64DivU, .i64RemS, .i64RemU:
                if let found = Self.divide64(next - 1, r) {
                    fault = found
                    break run
                }

            case .i32WrapI64: r[u32: i.d] = r[u32: i.a]
            case .i64ExtendI32S: r[s64: i.d] = Int64(r[s32: i.a])

            // The commonest float operators; the others are in Machine+Numbers.
            case .f64Add: r[f64: i.d] = r[f64: i.a] + r[f64: i.b]
            case .f64Sub: r[f64: i.d] = r[f64: i.a] - r[f64: i.b]
            case .f64Mul: r[f64: i.d] = r[f64: i.a] * r[f64: i.b]
            case .f64Div: r[f64: i.d] = r[f64: i.a] / r[f64: i.b]
            case .f64Eq, .f64Ne, .f64Lt, .f64Gt, .f64Le, .f64Ge, .f64Abs, .f64Neg, .f64Copysign,
                .f64Ceil, .f64Floor, .f64Trunc, .f64Nearest, .f64Sqrt, .f64Min, .f64Max,
                .f64ConvertI32S, .f64ConvertI32U, .f64ConvertI64S, .f64ConvertI64U, .f64PromoteF32,
                .i32Extend8S, .i32Extend16S, .i64Extend8S, .i64Extend16S,
                .i64Extend32S, .i32TruncSatF32S, .i32TruncSatF32U, .i64TruncSatF32S, .i64TruncSatF32U,
                .i32TruncSatF64S, .i32TruncSatF64U, .i64TruncSatF64S, .i64TruncSatF64U, .i32TruncF32S,
                .i32TruncF32U, .i64TruncF32S, .i64TruncF32U, .i32TruncF64S, .i32TruncF64U,
                .i64TruncF64S, .i64TruncF64U, .f32Eq, .f32Ne, .f32Lt, .f32Gt, .f32Le, .f32Ge, .f32Abs,
                .f32Neg, .f32Copysign, .f32Ceil, .f32Floor, .f32Trunc, .f32Nearest, .f32Sqrt, .f32Add,
                .f32Sub, .f32Mul, .f32Div, .f32Min, .f32Max, .f32ConvertI32S, .f32ConvertI32U,
                .f32ConvertI64S, .f32ConvertI64U, .f32DemoteF64:
                if let found = Self.number(next - 1, r) {
                    fault = found
                    break run
                }
            }
        }
        // What the block paid for operators that were not reached is given back.
        self.unitsLeft = left &+ UInt64((next - 1).pointee.unspent)
        return fault
    }
}
