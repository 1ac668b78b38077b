/// The four number types of WebAssembly. The raw value is the byte of the binary format.
public enum ValueType: UInt8, Sendable, Hashable {
    case i32 = 0x7f
    case i64 = 0x7e
    case f32 = 0x7d
    case f64 = 0x7c
}

/// Parameters and result of a function. One result at most: several are the multi-value feature, refused.
public struct FunctionType: Sendable, Hashable {
    /// Types of the parameters, in order.
    public let parameters: [ValueType]
    /// Type of the result, `nil` for none.
    public let result: ValueType?

    /// A type from its parts.
    public init(parameters: [ValueType], result: ValueType?) {
        self.parameters = parameters
        self.result = result
    }
}

/// An argument or a result. Floats travel as bits, so that a NaN or a signed zero is never lost on the way.
public enum Value: Sendable, Hashable {
    case i32(UInt32)
    case i64(UInt64)
    case f32(UInt32)
    case f64(UInt64)

    /// The type of this value.
    public var type: ValueType {
        switch self {
        case .i32: .i32
        case .i64: .i64
        case .f32: .f32
        case .f64: .f64
        }
    }

    /// The value as a frame slot holds it: 32-bit values are extended with zeros.
    var bits: UInt64 {
        switch self {
        case .i32(let bits), .f32(let bits): UInt64(bits)
        case .i64(let bits), .f64(let bits): bits
        }
    }

    init(type: ValueType, bits: UInt64) {
        switch type {
        case .i32: self = .i32(UInt32(truncatingIfNeeded: bits))
        case .i64: self = .i64(bits)
        case .f32: self = .f32(UInt32(truncatingIfNeeded: bits))
        case .f64: self = .f64(bits)
        }
    }
}
