/// Operand and result types of the operators whose typing is a table row: `operands` equal operands, one
/// result.
struct Signature {
    let operand: ValueType
    let count: Int
    let result: ValueType

    private init(_ operand: ValueType, _ count: Int, _ result: ValueType) {
        self.operand = operand
        self.count = count
        self.result = result
    }

    /// The signature of a one-byte number operator, `nil` if the byte is none.
    init?(number byte: UInt8) {
        switch byte {
        case 0x45: self.init(.i32, 1, .i32)
        case 0x46...0x4f: self.init(.i32, 2, .i32)
        case 0x50: self.init(.i64, 1, .i32)
        case 0x51...0x5a: self.init(.i64, 2, .i32)
        case 0x5b...0x60: self.init(.f32, 2, .i32)
        case 0x61...0x66: self.init(.f64, 2, .i32)
        case 0x67...0x69, 0xc0, 0xc1: self.init(.i32, 1, .i32)
        case 0x6a...0x78: self.init(.i32, 2, .i32)
        case 0x79...0x7b, 0xc2...0xc4: self.init(.i64, 1, .i64)
        case 0x7c...0x8a: self.init(.i64, 2, .i64)
        case 0x8b...0x91: self.init(.f32, 1, .f32)
        case 0x92...0x98: self.init(.f32, 2, .f32)
        case 0x99...0x9f: self.init(.f64, 1, .f64)
        case 0xa0...0xa6: self.init(.f64, 2, .f64)
        default: self.init(conversion: byte)
        }
    }

    private init?(conversion byte: UInt8) {
        switch byte {
        case 0xa7: self.init(.i64, 1, .i32)
        case 0xa8, 0xa9, 0xbc: self.init(.f32, 1, .i32)
        case 0xaa, 0xab: self.init(.f64, 1, .i32)
        case 0xac, 0xad: self.init(.i32, 1, .i64)
        case 0xae, 0xaf: self.init(.f32, 1, .i64)
        case 0xb0, 0xb1, 0xbd: self.init(.f64, 1, .i64)
        case 0xb2, 0xb3, 0xbe: self.init(.i32, 1, .f32)
        case 0xb4, 0xb5: self.init(.i64, 1, .f32)
        case 0xb6: self.init(.f64, 1, .f32)
        case 0xb7, 0xb8: self.init(.i32, 1, .f64)
        case 0xb9, 0xba, 0xbf: self.init(.i64, 1, .f64)
        case 0xbb: self.init(.f32, 1, .f64)
        default: return nil
        }
    }

    /// The signature of a saturating float-to-int conversion: prefix 0xfc, numbers 0 to 7.
    init?(saturating number: UInt32) {
        guard number < 8 else { return nil }
        self.init(number & 2 == 0 ? .f32 : .f64, 1, number < 4 ? .i32 : .i64)
    }
}

/// A load or store: the type of its value, the logarithm of its width and the machine's operator.
struct MemoryAccess {
    let type: ValueType
    let widthLog2: UInt32
    let op: Operator
    let isStore: Bool

    private init(_ type: ValueType, _ widthLog2: UInt32, _ op: Operator, isStore: Bool = false) {
        self.type = type
        self.widthLog2 = widthLog2
        self.op = op
        self.isStore = isStore
    }

    init?(byte: UInt8) {
        switch byte {
        case 0x28: self.init(.i32, 2, .i32Load)
        case 0x29: self.init(.i64, 3, .i64Load)
        case 0x2a: self.init(.f32, 2, .i32Load)
        case 0x2b: self.init(.f64, 3, .i64Load)
        case 0x2c: self.init(.i32, 0, .i32Load8S)
        case 0x2d: self.init(.i32, 0, .i32Load8U)
        case 0x2e: self.init(.i32, 1, .i32Load16S)
        case 0x2f: self.init(.i32, 1, .i32Load16U)
        case 0x30: self.init(.i64, 0, .i64Load8S)
        case 0x31: self.init(.i64, 0, .i32Load8U)
        case 0x32: self.init(.i64, 1, .i64Load16S)
        case 0x33: self.init(.i64, 1, .i32Load16U)
        case 0x34: self.init(.i64, 2, .i64Load32S)
        case 0x35: self.init(.i64, 2, .i32Load)
        default: self.init(store: byte)
        }
    }

    private init?(store byte: UInt8) {
        switch byte {
        case 0x36: self.init(.i32, 2, .i32Store, isStore: true)
        case 0x37: self.init(.i64, 3, .i64Store, isStore: true)
        case 0x38: self.init(.f32, 2, .i32Store, isStore: true)
        case 0x39: self.init(.f64, 3, .i64Store, isStore: true)
        case 0x3a: self.init(.i32, 0, .i32Store8, isStore: true)
        case 0x3b: self.init(.i32, 1, .i32Store16, isStore: true)
        case 0x3c: self.init(.i64, 0, .i32Store8, isStore: true)
        case 0x3d: self.init(.i64, 1, .i32Store16, isStore: true)
        case 0x3e: self.init(.i64, 2, .i32Store, isStore: true)
        default: return nil
        }
    }
}
