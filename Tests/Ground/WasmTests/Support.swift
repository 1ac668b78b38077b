import Foundation
import TestSupport
import Wasm

/// Bytes written as hex digits.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// An instance of a module given in hex.
func instance(_ hex: String, units: UInt64 = 1_000_000, limits: Limits = Limits()) throws -> Instance {
    try Instance(try Module(bytes(hex), limits: limits), unitLimit: units)
}

/// A file below the repository, or beside it with a path that starts with "..".
func fileBytes(_ path: String) -> [UInt8]? {
    (try? Data(contentsOf: Repository.root.appending(path: path))).map { [UInt8]($0) }
}

/// Modules that several tests use, in hex.
enum Sample {
    /// `grow(pages)` and `size()` on a memory of 1 to 3 pages.
    static let grow =
        "0061736d01000000010a0260017f017f6000017f0303020001050401010103070f020467726f7700000473697a650001"
        + "0a0d020600200040000b04003f000b"
    /// Loads with offset 4, stores with offset 0xfffffff8, fills with 7; data 01 02 83 04 at 4.
    static let memory =
        "0061736d0100000001100360017f017f60027f7e0060027f7f000304030001020503010001071703046c6f6164000005"
        + "73746f726500010466696c6c00020a2303070020002802040b0d00200020013703f8ffffff0f0b0b00200041072001fc0b"
        + "000b0b0a010041040b0401028304"
    /// A loop without an end.
    static let spin = "0061736d0100000001040160000003020100070501016600000a0901070003400c000b0b"
    /// `f(n)` calls itself n times and returns n.
    static let deep =
        "0061736d0100000001060160017f017f03020100070501016600000a17011500200045047f410005200041016b1000"
        + "41016a0b0b"
    /// fib(20) by two recursive calls.
    static let fib =
        "0061736d0100000001090260000060017f017f0303020001070501016600000a26020700411410011a0b1c0020004102"
        + "48047f200005200041016b1001200041026b10016a0b0b"
    /// Table of 4: empty, a function () -> 11, a function (x) -> x, empty; `f(i)` calls entry i as () -> i32.
    static let indirect =
        "0061736d01000000010a026000017f60017f017f030403000101040401700004070501016600020908010041010b0200"
        + "010a13030400410b0b040020000b070020001100000b"
    /// Division, remainder, conversion, saturating conversion.
    static let integer =
        "0061736d0100000001170460027f7f017f60027e7e017e60017c017f60017d017e03050400010203071b040364697600"
        + "000372656d0001057472756e6300020373617400030a1e040700200020016d0b070020002001810b05002000aa0b0600"
        + "2000fc050b"
    /// f32.div, f64.min, f64.add, f64.neg, f32.demote_f64, and an f32 handed back as it came.
    static let float =
        "0061736d01000000011c0560027d7d017d60027c7c017c60017c017c60017c017d60017d017d03070600010102030407"
        + "33060564697633320000056d696e363400010561646436340002056e6567363400030664656d6f746500040673616d65"
        + "333200050a2a06070020002001950b070020002001a40b070020002001a00b050020009a0b05002000b60b040020000b"
    /// `f(n)`: two stores, then a store of 1 / n at n, all one block: it traps for 0, after the first stores.
    static let storesThenDivision =
        "0061736d0100000001050160017f00030201000503010001070501016600000a1c011a00410041013602004104410136"
        + "02002000410120006e3602000b"
}
