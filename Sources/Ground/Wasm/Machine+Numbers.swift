/// Operators that are rarer or longer than the loop of the machine should hold.
extension Instance {
    /// Bulk memory: one unit for each byte, on top of the one for the operator. Nothing moves before the
    /// addresses are known to be inside and the bytes are paid for.
    func bulk(_ at: UnsafePointer<Instruction>, _ r: UnsafeMutablePointer<UInt64>) -> Fault? {
        let i = at.pointee
        let target = Int(r[u32: i.d])
        switch i.op {
        case .memoryCopy:
            let source = Int(r[u32: i.a])
            let count = Int(r[u32: i.b])
            guard self.memory.contains(target, count), self.memory.contains(source, count) else {
                return .memoryOutOfBounds
            }
            if let found = self.pay(UInt64(count)) { return found }
            self.memory.copy(to: target, from: source, count: count)
        case .memoryFill:
            let count = Int(r[u32: i.b])
            guard self.memory.contains(target, count) else { return .memoryOutOfBounds }
            if let found = self.pay(UInt64(count)) { return found }
            self.memory.fill(target, with: UInt8(truncatingIfNeeded: r[u32: i.a]), count: count)
        default:
            let source = Int(r[u32: i.d + 1])
            let count = Int(r[u32: i.d + 2])
            let length = self.isDropped[Int(i.a)] ? 0 : self.module.data[Int(i.a)].bytes.count
            guard source <= length, count <= length - source, self.memory.contains(target, count) else {
                return .memoryOutOfBounds
            }
            guard count > 0 else { return nil }
            if let found = self.pay(UInt64(count)) { return found }
            self.memory.write(self.module.data[Int(i.a)].bytes[source..<source + count], to: target)
        }
        return nil
    }

    /// One unit for each page that is added, on top of the one for the operator; what is refused costs
    /// nothing more.
    func grow(_ at: UnsafePointer<Instruction>, _ r: UnsafeMutablePointer<UInt64>) -> Fault? {
        let i = at.pointee
        let pages = r[u32: i.a]
        guard self.memory.canGrow(by: pages) else {
            r[u32: i.d] = .max
            return nil
        }
        if let found = self.pay(UInt64(pages)) { return found }
        r[u32: i.d] = self.memory.grow(by: pages)
        return nil
    }

    static func divide32(_ at: UnsafePointer<Instruction>, _ r: UnsafeMutablePointer<UInt64>) -> Fault? {
        let i = at.pointee
        guard r[u32: i.b] != 0 else { return .divideByZero }
        switch i.op {
        case .i32DivU: r[u32: i.d] = r[u32: i.a] / r[u32: i.b]
        case .i32RemU: r[u32: i.d] = r[u32: i.a] % r[u32: i.b]
        case .i32DivS:
            let (quotient, isTooLarge) = r[s32: i.a].dividedReportingOverflow(by: r[s32: i.b])
            if isTooLarge { return .integerOverflow }
            r[s32: i.d] = quotient
        default: r[s32: i.d] = r[s32: i.a].remainderReportingOverflow(dividingBy: r[s32: i.b]).partialValue
        }
        return nil
    }

    static func divide64(_ at: UnsafePointer<Instruction>, _ r: UnsafeMutablePointer<UInt64>) -> Fault? {
        let i = at.pointee
        guard r[u64: i.b] != 0 else { return .divideByZero }
        switch i.op {
        case .i64DivU: r[u64: i.d] = r[u64: i.a] / r[u64: i.b]
        case .i64RemU: r[u64: i.d] = r[u64: i.a] % r[u64: i.b]
        case .i64DivS:
            let (quotient, isTooLarge) = r[s64: i.a].dividedReportingOverflow(by: r[s64: i.b])
            if isTooLarge { return .integerOverflow }
            r[s64: i.d] = quotient
        default: r[s64: i.d] = r[s64: i.a].remainderReportingOverflow(dividingBy: r[s64: i.b]).partialValue
        }
        return nil
    }

    /// Floats and conversions.
    static func number(_ at: UnsafePointer<Instruction>, _ r: UnsafeMutablePointer<UInt64>) -> Fault? {
        let i = at.pointee
        switch i.op {
        case .f64Eq: r[bool: i.d] = r[f64: i.a] == r[f64: i.b]
        case .f64Ne: r[bool: i.d] = r[f64: i.a] != r[f64: i.b]
        case .f64Lt: r[bool: i.d] = r[f64: i.a] < r[f64: i.b]
        case .f64Gt: r[bool: i.d] = r[f64: i.a] > r[f64: i.b]
        case .f64Le: r[bool: i.d] = r[f64: i.a] <= r[f64: i.b]
        case .f64Ge: r[bool: i.d] = r[f64: i.a] >= r[f64: i.b]
        case .f64Abs: r[u64: i.d] = r[u64: i.a] & ~(1 << 63)
        case .f64Neg: r[u64: i.d] = r[u64: i.a] ^ (1 << 63)
        case .f64Copysign: r[u64: i.d] = r[u64: i.a] & ~(1 << 63) | r[u64: i.b] & (1 << 63)
        case .f64Ceil: r[f64: i.d] = r[f64: i.a].rounded(.up)
        case .f64Floor: r[f64: i.d] = r[f64: i.a].rounded(.down)
        case .f64Trunc: r[f64: i.d] = r[f64: i.a].rounded(.towardZero)
        case .f64Nearest: r[f64: i.d] = r[f64: i.a].rounded(.toNearestOrEven)
        case .f64Sqrt: r[f64: i.d] = r[f64: i.a].squareRoot()
        case .f64Min: r[f64: i.d] = Self.smaller(r[f64: i.a], r[f64: i.b])
        case .f64Max: r[f64: i.d] = -Self.smaller(-r[f64: i.a], -r[f64: i.b])
        case .f64ConvertI32S: r[f64: i.d] = Double(r[s32: i.a])
        case .f64ConvertI32U: r[f64: i.d] = Double(r[u32: i.a])
        case .f64ConvertI64S: r[f64: i.d] = Double(r[s64: i.a])
        case .f64ConvertI64U: r[f64: i.d] = Double(r[u64: i.a])
        case .f64PromoteF32: r[f64: i.d] = Double(r[f32: i.a])
        case .i32Extend8S: r[s32: i.d] = Int32(Int8(truncatingIfNeeded: r[u32: i.a]))
        case .i32Extend16S: r[s32: i.d] = Int32(Int16(truncatingIfNeeded: r[u32: i.a]))
        case .i64Extend8S: r[s64: i.d] = Int64(Int8(truncatingIfNeeded: r[u64: i.a]))
        case .i64Extend16S: r[s64: i.d] = Int64(Int16(truncatingIfNeeded: r[u64: i.a]))
        case .i64Extend32S: r[s64: i.d] = Int64(Int32(truncatingIfNeeded: r[u64: i.a]))
        case .i32TruncSatF32S, .i32TruncSatF32U, .i64TruncSatF32S, .i64TruncSatF32U:
            self.saturate(i.op, Double(r[f32: i.a]), to: i.d, r)
        case .i32TruncSatF64S, .i32TruncSatF64U, .i64TruncSatF64S, .i64TruncSatF64U:
            self.saturate(i.op, r[f64: i.a], to: i.d, r)
        case .i32TruncF32S, .i32TruncF32U, .i64TruncF32S, .i64TruncF32U:
            return self.truncate(i.op, Double(r[f32: i.a]), to: i.d, r)
        case .i32TruncF64S, .i32TruncF64U, .i64TruncF64S, .i64TruncF64U:
            return self.truncate(i.op, r[f64: i.a], to: i.d, r)
        default: return self.single(i, r)
        }
        return nil
    }

    /// Operators with a 32-bit float as result or operand.
    private static func single(_ i: Instruction, _ r: UnsafeMutablePointer<UInt64>) -> Fault? {
        switch i.op {
        case .f32Eq: r[bool: i.d] = r[f32: i.a] == r[f32: i.b]
        case .f32Ne: r[bool: i.d] = r[f32: i.a] != r[f32: i.b]
        case .f32Lt: r[bool: i.d] = r[f32: i.a] < r[f32: i.b]
        case .f32Gt: r[bool: i.d] = r[f32: i.a] > r[f32: i.b]
        case .f32Le: r[bool: i.d] = r[f32: i.a] <= r[f32: i.b]
        case .f32Ge: r[bool: i.d] = r[f32: i.a] >= r[f32: i.b]
        case .f32Abs: r[u32: i.d] = r[u32: i.a] & ~(1 << 31)
        case .f32Neg: r[u32: i.d] = r[u32: i.a] ^ (1 << 31)
        case .f32Copysign: r[u32: i.d] = r[u32: i.a] & ~(1 << 31) | r[u32: i.b] & (1 << 31)
        case .f32Ceil: r[f32: i.d] = r[f32: i.a].rounded(.up)
        case .f32Floor: r[f32: i.d] = r[f32: i.a].rounded(.down)
        case .f32Trunc: r[f32: i.d] = r[f32: i.a].rounded(.towardZero)
        case .f32Nearest: r[f32: i.d] = r[f32: i.a].rounded(.toNearestOrEven)
        case .f32Sqrt: r[f32: i.d] = r[f32: i.a].squareRoot()
        case .f32Add: r[f32: i.d] = r[f32: i.a] + r[f32: i.b]
        case .f32Sub: r[f32: i.d] = r[f32: i.a] - r[f32: i.b]
        case .f32Mul: r[f32: i.d] = r[f32: i.a] * r[f32: i.b]
        case .f32Div: r[f32: i.d] = r[f32: i.a] / r[f32: i.b]
        case .f32Min: r[f32: i.d] = Self.smaller(r[f32: i.a], r[f32: i.b])
        case .f32Max: r[f32: i.d] = -Self.smaller(-r[f32: i.a], -r[f32: i.b])
        case .f32ConvertI32S: r[f32: i.d] = Float(r[s32: i.a])
        case .f32ConvertI32U: r[f32: i.d] = Float(r[u32: i.a])
        case .f32ConvertI64S: r[f32: i.d] = Float(r[s64: i.a])
        case .f32ConvertI64U: r[f32: i.d] = Float(r[u64: i.a])
        case .f32DemoteF64: r[f32: i.d] = Float(r[f64: i.a])
        default: return .unreachable  // the compiler emits no other operator
        }
        return nil
    }

    /// The smaller value; NaN if one is NaN; -0 is smaller than +0.
    @inline(__always)
    private static func smaller<F: BinaryFloatingPoint>(_ a: F, _ b: F) -> F {
        if a.isNaN || b.isNaN { return .nan }
        if a == b { return a.sign == .minus ? a : b }
        return a < b ? a : b
    }

    /// The integer part, or a fault. Every `Float` is exact as a `Double`, so four ranges serve both.
    private static func truncate(
        _ op: Operator, _ value: Double, to slot: UInt32, _ r: UnsafeMutablePointer<UInt64>
    ) -> Fault? {
        if value.isNaN { return .invalidConversion }
        switch op {
        case .i32TruncF32S, .i32TruncF64S:
            guard value > -0x1.00000002p31, value < 0x1p31 else { return .integerOverflow }
            r[s32: slot] = Int32(value)
        case .i32TruncF32U, .i32TruncF64U:
            guard value > -1, value < 0x1p32 else { return .integerOverflow }
            r[u32: slot] = UInt32(value)
        case .i64TruncF32S, .i64TruncF64S:
            guard value >= -0x1p63, value < 0x1p63 else { return .integerOverflow }
            r[s64: slot] = Int64(value)
        default:
            guard value > -1, value < 0x1p64 else { return .integerOverflow }
            r[u64: slot] = UInt64(value)
        }
        return nil
    }

    /// The integer part, the nearest end of the range if it does not fit, zero for NaN.
    private static func saturate(
        _ op: Operator, _ value: Double, to slot: UInt32, _ r: UnsafeMutablePointer<UInt64>
    ) {
        let value = value.isNaN ? 0 : value
        switch op {
        case .i32TruncSatF32S, .i32TruncSatF64S:
            r[s32: slot] = value <= -0x1p31 ? .min : value >= 0x1p31 ? .max : Int32(value)
        case .i32TruncSatF32U, .i32TruncSatF64U:
            r[u32: slot] = value <= -1 ? 0 : value >= 0x1p32 ? .max : UInt32(value)
        case .i64TruncSatF32S, .i64TruncSatF64S:
            r[s64: slot] = value <= -0x1p63 ? .min : value >= 0x1p63 ? .max : Int64(value)
        default: r[u64: slot] = value <= -1 ? 0 : value >= 0x1p64 ? .max : UInt64(value)
        }
    }
}
