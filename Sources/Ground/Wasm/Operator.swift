/// The operators of the machine. Loads, stores and number operators have the byte of the binary format as raw
/// value, so that decoding is a conversion; the others are our own and take bytes that the format leaves to
/// operators which never reach the machine. Loads that differ only in their type are one operator here:
/// slots hold 32-bit values extended with zeros.
///
/// `d`, `a` and `b` are the operands of `Instruction`: `slot = f(a, b)` unless a comment says otherwise.
enum Operator: UInt8 {
    // Control. Jumps have in d the signed distance from the instruction after them.
    case charge = 0x00  // a units, or stop
    case unreachable
    case copy  // d = a
    case constant  // d = the 64 bits of a and b
    case jump  // by d
    case jumpIf  // by d if a
    case jumpUnless  // by d unless a
    case jumpTable  // to jumps[d + min(a, b)]
    case call  // function d, frame at a
    case callIndirect  // type d, frame at a, table entry in b
    case giveBack  // end of the function, result in a
    case end  // end of the function, no result
    case select  // d = the condition in the following instruction ? a : b
    case selectCondition  // data of `select`: slot in a
    case globalGet  // d = global a
    case globalSet  // global d = a
    case memoryCopy  // from d (target), a (source), b (count)
    case memoryFill  // from d (target), a (byte), b (count)
    case memoryInit  // from slots d, d + 1, d + 2: target, source, count; segment a
    case dataDrop  // segment a

    // Memory: loads have the offset in b, stores in d with the address in a and the value in b.
    case i32Load = 0x28
    case i64Load = 0x29
    case i32Load8S = 0x2c
    case i32Load8U, i32Load16S, i32Load16U
    case i64Load8S = 0x30
    case i64Load16S = 0x32
    case i64Load32S = 0x34
    case i32Store = 0x36
    case i64Store = 0x37
    case i32Store8 = 0x3a
    case i32Store16 = 0x3b
    case memorySize = 0x3f
    case memoryGrow = 0x40

    // Comparisons.
    case i32Eqz = 0x45
    case i32Eq, i32Ne, i32LtS, i32LtU, i32GtS, i32GtU, i32LeS, i32LeU, i32GeS, i32GeU
    case i64Eqz
    case i64Eq, i64Ne, i64LtS, i64LtU, i64GtS, i64GtU, i64LeS, i64LeU, i64GeS, i64GeU
    case f32Eq, f32Ne, f32Lt, f32Gt, f32Le, f32Ge
    case f64Eq, f64Ne, f64Lt, f64Gt, f64Le, f64Ge

    // Integers.
    case i32Clz, i32Ctz, i32Popcnt
    case i32Add, i32Sub, i32Mul, i32DivS, i32DivU, i32RemS, i32RemU
    case i32And, i32Or, i32Xor, i32Shl, i32ShrS, i32ShrU, i32Rotl, i32Rotr
    case i64Clz, i64Ctz, i64Popcnt
    case i64Add, i64Sub, i64Mul, i64DivS, i64DivU, i64RemS, i64RemU
    case i64And, i64Or, i64Xor, i64Shl, i64ShrS, i64ShrU, i64Rotl, i64Rotr

    // Floats.
    case f32Abs, f32Neg, f32Ceil, f32Floor, f32Trunc, f32Nearest, f32Sqrt
    case f32Add, f32Sub, f32Mul, f32Div, f32Min, f32Max, f32Copysign
    case f64Abs, f64Neg, f64Ceil, f64Floor, f64Trunc, f64Nearest, f64Sqrt
    case f64Add, f64Sub, f64Mul, f64Div, f64Min, f64Max, f64Copysign

    // Conversions.
    case i32WrapI64
    case i32TruncF32S, i32TruncF32U, i32TruncF64S, i32TruncF64U
    case i64ExtendI32S
    case i64ExtendI32U  // compiled to nothing
    case i64TruncF32S, i64TruncF32U, i64TruncF64S, i64TruncF64U
    case f32ConvertI32S, f32ConvertI32U, f32ConvertI64S, f32ConvertI64U, f32DemoteF64
    case f64ConvertI32S, f64ConvertI32U, f64ConvertI64S, f64ConvertI64U, f64PromoteF32
    case i32Extend8S = 0xc0
    case i32Extend16S, i64Extend8S, i64Extend16S, i64Extend32S

    // Prefix 0xfc: the raw value is 0xc5 plus the number after the prefix.
    case i32TruncSatF32S, i32TruncSatF32U, i32TruncSatF64S, i32TruncSatF64U
    case i64TruncSatF32S, i64TruncSatF32U, i64TruncSatF64S, i64TruncSatF64U

    // A comparison and the conditional jump after it: by d if a compares to b. Same order as above.
    case jumpI32Eq = 0xd0
    case jumpI32Ne, jumpI32LtS, jumpI32LtU, jumpI32GtS, jumpI32GtU, jumpI32LeS, jumpI32LeU
    case jumpI32GeS, jumpI32GeU
    case jumpI64Eq, jumpI64Ne, jumpI64LtS, jumpI64LtU, jumpI64GtS, jumpI64GtU, jumpI64LeS, jumpI64LeU
    case jumpI64GeS, jumpI64GeU

    // The addition of an address and the access to it, without an offset: at a plus b; stores at d plus a.
    case i32LoadSum, i64LoadSum, i32Load8USum, i32StoreSum, i64StoreSum, i32Store8Sum
}

extension Operator {
    /// The integer comparison with the opposite answer, if `self` is an integer comparison of two operands.
    var inverse: Operator? {
        guard let (base, position) = self.comparison else { return nil }
        let opposite: [UInt8] = [1, 0, 8, 9, 6, 7, 4, 5, 2, 3]
        return Operator(rawValue: base.rawValue + opposite[Int(position)])
    }

    /// The jump that includes this integer comparison, if `self` is one of two operands.
    var jump: Operator? {
        guard let (base, position) = self.comparison else { return nil }
        let first: Operator = base == .i32Eq ? .jumpI32Eq : .jumpI64Eq
        return Operator(rawValue: first.rawValue + position)
    }

    /// The access that includes the addition of its address, if there is one.
    var atSum: Operator? {
        switch self {
        case .i32Load: .i32LoadSum
        case .i64Load: .i64LoadSum
        case .i32Load8U: .i32Load8USum
        case .i32Store: .i32StoreSum
        case .i64Store: .i64StoreSum
        case .i32Store8: .i32Store8Sum
        default: nil
        }
    }

    private var comparison: (base: Operator, position: UInt8)? {
        switch self.rawValue {
        case 0x46...0x4f: (.i32Eq, self.rawValue - 0x46)
        case 0x51...0x5a: (.i64Eq, self.rawValue - 0x51)
        default: nil
        }
    }
}

/// One instruction of the machine: 16 bytes. Slots are numbered from the start of the frame.
struct Instruction {
    var op: Operator
    /// Units of this block's charge that belong to operators after this one: not used if this one traps.
    var unspent: UInt16 = 0
    var d: UInt32 = 0
    var a: UInt32 = 0
    var b: UInt32 = 0
}
