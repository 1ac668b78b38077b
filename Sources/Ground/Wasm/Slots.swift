/// The slots of a frame, read and written as the type that an operator wants. A 32-bit value is written with
/// zeros above it. A float is written with the one NaN that every machine writes: operators that pass bits on
/// (load, neg, abs, copysign, reinterpret) do not use the float subscripts.
extension UnsafeMutablePointer<UInt64> {
    static var canonicalNaN32: UInt32 { 0x7fc0_0000 }
    static var canonicalNaN64: UInt64 { 0x7ff8_0000_0000_0000 }

    @inline(__always)
    subscript(u64 slot: UInt32) -> UInt64 {
        get { self[Int(slot)] }
        nonmutating set { self[Int(slot)] = newValue }
    }

    @inline(__always)
    subscript(s64 slot: UInt32) -> Int64 {
        get { Int64(bitPattern: self[Int(slot)]) }
        nonmutating set { self[Int(slot)] = UInt64(bitPattern: newValue) }
    }

    @inline(__always)
    subscript(u32 slot: UInt32) -> UInt32 {
        get { UInt32(truncatingIfNeeded: self[Int(slot)]) }
        nonmutating set { self[Int(slot)] = UInt64(newValue) }
    }

    @inline(__always)
    subscript(s32 slot: UInt32) -> Int32 {
        get { Int32(truncatingIfNeeded: self[Int(slot)]) }
        nonmutating set { self[Int(slot)] = UInt64(UInt32(bitPattern: newValue)) }
    }

    @inline(__always)
    subscript(f64 slot: UInt32) -> Double {
        get { Double(bitPattern: self[Int(slot)]) }
        nonmutating set { self[Int(slot)] = newValue.isNaN ? Self.canonicalNaN64 : newValue.bitPattern }
    }

    @inline(__always)
    subscript(f32 slot: UInt32) -> Float {
        get { Float(bitPattern: self[u32: slot]) }
        nonmutating set { self[u32: slot] = newValue.isNaN ? Self.canonicalNaN32 : newValue.bitPattern }
    }

    @inline(__always)
    subscript(bool slot: UInt32) -> Bool {
        get { self[u32: slot] != 0 }
        nonmutating set { self[Int(slot)] = newValue ? 1 : 0 }
    }
}
