import Testing
import Wasm

/// A function `f` without parameters, and what it costs. Source: wasmtime 50.0.1 fuel, default operator
/// costs.
struct Fuel: Sendable, CustomTestStringConvertible {
    let name: String
    let units: UInt64
    let trap: Trap?
    let hex: String

    init(_ name: String, _ units: UInt64, _ trap: Trap?, _ hex: String) {
        self.name = name
        self.units = units
        self.trap = trap
        self.hex = hex
    }

    var testDescription: String { self.name }

    static let table: [Fuel] = [
        Fuel(
            "empty", 1, nil,
            "0061736d0100000001040160000003020100070501016600000a040102000b"),
        Fuel(
            "const_drop", 2, nil,
            "0061736d0100000001040160000003020100070501016600000a0701050041001a0b"),
        Fuel(
            "block", 1, nil,
            "0061736d0100000001040160000003020100070501016600000a0701050002400b0b"),
        Fuel(
            "unreachable", 1, .unreachable,
            "0061736d0100000001040160000003020100070501016600000a05010300000b"),
        Fuel(
            "six_const_unreachable", 7, .unreachable,
            "0061736d0100000001040160000003020100070501016600000a11010f00410041004100410041004100"
                + "000b"),
        Fuel(
            "return_dead", 1, nil,
            "0061736d0100000001040160000003020100070501016600000a0a0108000f41004100000b"),
        Fuel(
            "if_not_taken", 3, nil,
            "0061736d0100000001040160000003020100070501016600000a0b0109004100044010000b0b"),
        Fuel(
            "if_taken", 4, nil,
            "0061736d0100000001040160000003020100070501016600000a0c010a004101044041001a0b0b"),
        Fuel(
            "if_else_else", 4, nil,
            "0061736d0100000001040160000003020100070501016600000a0f010d004100044010000541001a0b0b"),
        Fuel(
            "br_if_taken", 3, nil,
            "0061736d0100000001040160000003020100070501016600000a0e010c00024041010d0041001a0b0b"),
        Fuel(
            "br_if_not", 4, nil,
            "0061736d0100000001040160000003020100070501016600000a0e010c00024041000d0041001a0b0b"),
        Fuel(
            "call", 4, nil,
            "0061736d010000000104016000000303020000070501016600000a0c02040010010b050041011a0b"),
        Fuel(
            "loop10", 53, nil,
            "0061736d0100000001040160000003020100070501016600000a16011401017f410a2100034020004101"
                + "6b22000d000b0b"),
        Fuel(
            "br_table", 4, nil,
            "0061736d0100000001040160000003020100070501016600000a1a01180002400240024041010e020001"
                + "020b41071a0b41091a0b0b"),
        Fuel(
            "nop", 1, nil,
            "0061736d0100000001040160000003020100070501016600000a070105000101010b"),
        Fuel(
            "memory_fill_100", 105, nil,
            "0061736d01000000010401600000030201000503010001070501016600000a0e010c004100410041e400"
                + "fc0b000b"),
        Fuel(
            "memory_copy_100", 105, nil,
            "0061736d01000000010401600000030201000503010001070501016600000a10010e00410041c80141e4"
                + "00fc0a00000b"),
        Fuel(
            "load_store", 5, nil,
            "0061736d01000000010401600000030201000503010001070501016600000a0e010c0041084108280200"
                + "3602000b"),
        Fuel(
            "call_indirect", 4, nil,
            "0061736d010000000104016000000303020000040401700001070501016600000907010041000b01010a"
                + "0d02070041001100000b0300010b000b046e616d65040401000174"),
        Fuel(
            "select", 5, nil,
            "0061736d0100000001040160000003020100070501016600000a0c010a004101410241001b1a0b"),
        Fuel(
            "fib20", 218909, nil,
            "0061736d0100000001090260000060017f017f0303020001070501016600000a26020700411410011a0b"
                + "1c002000410248047f200005200041016b1001200041026b10016a0b0b"),
    ]
}

@Suite struct `Units` {
    @Test(arguments: Fuel.table)
    func `a run costs what wasmtime charges`(fuel: Fuel) throws {
        let instance = try instance(fuel.hex)
        #expect(instance.unitsUsed == 0)
        var trap: Trap?
        do { _ = try instance.call("f", []) } catch { trap = error }
        #expect(trap == fuel.trap)
        #expect(instance.unitsUsed == fuel.units)
    }

    @Test func `units of several calls add up against one limit`() throws {
        let instance = try instance(Sample.fib, units: 3 * 218_909 - 1)
        _ = try instance.call("f", [])
        _ = try instance.call("f", [])
        #expect(instance.unitsUsed == 2 * 218_909)
        #expect(throws: Trap.unitsExhausted(limit: 3 * 218_909 - 1)) { try instance.call("f", []) }
        #expect(instance.unitsUsed <= 3 * 218_909 - 1)
    }

    @Test func `the exact number of units suffices and one less does not`() throws {
        for fuel in Fuel.table where fuel.trap == nil {
            let enough = try instance(fuel.hex, units: fuel.units)
            _ = try enough.call("f", [])
            #expect(enough.unitsUsed == fuel.units)
            let short = try instance(fuel.hex, units: fuel.units - 1)
            #expect(throws: Trap.unitsExhausted(limit: fuel.units - 1), "\(fuel.name)") {
                try short.call("f", [])
            }
            #expect(short.unitsUsed < fuel.units)
        }
    }

    @Test func `a block that cannot be paid has no effect`() throws {
        let instance = try instance(Sample.storesThenDivision, units: 11)
        #expect(throws: Trap.unitsExhausted(limit: 11)) { try instance.call("f", [.i32(8)]) }
        #expect(try instance.read(at: 0, count: 8) == [UInt8](repeating: 0, count: 8))
        #expect(instance.unitsUsed == 0)
    }

    @Test func `a trap is charged up to and including the operator that trapped`() throws {
        let instance = try instance(Sample.storesThenDivision)
        #expect(throws: Trap.divideByZero) { try instance.call("f", [.i32(0)]) }
        // Entry, two stores of three operators, three operands and the division.
        #expect(instance.unitsUsed == 1 + 6 + 4)
        #expect(try instance.read(at: 0, count: 8) == [1, 0, 0, 0, 1, 0, 0, 0])
    }

    @Test func `filling charges one unit per byte before it writes`() throws {
        let instance = try instance(Sample.memory, units: 104)
        #expect(throws: Trap.unitsExhausted(limit: 104)) {
            try instance.call("fill", [.i32(100), .i32(100)])
        }
        #expect(instance.unitsUsed == 5)
        #expect(try instance.read(at: 100, count: 1) == [0])
        _ = try instance.call("fill", [.i32(100), .i32(94)])
        #expect(instance.unitsUsed == 104)
        #expect(try instance.read(at: 193, count: 2) == [7, 0])
    }

    @Test func `a loop without end stops at the limit`() throws {
        let instance = try instance(Sample.spin, units: 1000)
        #expect(throws: Trap.unitsExhausted(limit: 1000)) { try instance.call("f", []) }
        #expect(instance.unitsUsed == 1000)
    }
}
