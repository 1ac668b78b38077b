import Testing
import Wasm

@Suite struct `Traps` {
    @Test func `integer division traps as the standard says`() throws {
        let instance = try instance(Sample.integer)
        #expect(try instance.call("div", [.i32(7), .i32(0xffff_fffe)]) == .i32(0xffff_fffd))
        #expect(throws: Trap.divideByZero) { try instance.call("div", [.i32(1), .i32(0)]) }
        #expect(throws: Trap.integerOverflow) { try instance.call("div", [.i32(1 << 31), .i32(.max)]) }
        #expect(try instance.call("rem", [.i64(1 << 63), .i64(.max)]) == .i64(0))
        #expect(throws: Trap.divideByZero) { try instance.call("rem", [.i64(1), .i64(0)]) }
    }

    @Test func `conversions trap or saturate`() throws {
        let instance = try instance(Sample.integer)
        func trunc(_ value: Double) throws -> Value? { try instance.call("trunc", [.f64(value.bitPattern)]) }
        func saturate(_ value: Float) throws -> Value? { try instance.call("sat", [.f32(value.bitPattern)]) }
        #expect(try trunc(-2_147_483_648.9) == .i32(1 << 31))
        #expect(throws: Trap.integerOverflow) { try trunc(-2_147_483_649) }
        #expect(throws: Trap.integerOverflow) { try trunc(2_147_483_648) }
        #expect(throws: Trap.invalidConversion) { try trunc(.nan) }
        #expect(try saturate(-5) == .i64(0))
        #expect(try saturate(.infinity) == .i64(.max))
        #expect(try saturate(.nan) == .i64(0))
    }

    @Test func `indirect calls check entry and type`() throws {
        let instance = try instance(Sample.indirect)
        #expect(try instance.call("f", [.i32(1)]) == .i32(11))
        #expect(throws: Trap.indirectCallMismatch) { try instance.call("f", [.i32(2)]) }
        #expect(throws: Trap.undefinedElement) { try instance.call("f", [.i32(3)]) }
        #expect(throws: Trap.undefinedElement) { try instance.call("f", [.i32(4)]) }
        #expect(throws: Trap.undefinedElement) { try instance.call("f", [.i32(.max)]) }
    }

    @Test func `the call depth is bounded`() throws {
        let instance = try instance(Sample.deep)
        #expect(try instance.call("f", [.i32(511)]) == .i32(511))
        #expect(throws: Trap.callStackExhausted) { try instance.call("f", [.i32(512)]) }
        #expect(try instance.call("f", [.i32(3)]) == .i32(3))
    }

    @Test func `the words of all frames are bounded`() throws {
        var limits = Limits()
        limits.stackWords = 1000
        let instance = try instance(Sample.deep, limits: limits)
        #expect(try instance.call("f", [.i32(3)]) == .i32(3))
        #expect(throws: Trap.callStackExhausted) { try instance.call("f", [.i32(100)]) }
    }

    @Test func `a call must name an export and fit its type`() throws {
        let instance = try instance(Sample.deep)
        #expect(throws: Trap.noSuchExport("g")) { try instance.call("g", []) }
        #expect(throws: Trap.argumentMismatch(expected: [.i32], actual: [])) { try instance.call("f", []) }
        #expect(throws: Trap.argumentMismatch(expected: [.i32], actual: [.i64])) {
            try instance.call("f", [.i64(1)])
        }
    }

    @Test func `segments outside their target trap at the start`() throws {
        #expect(throws: Trap.memoryOutOfBounds) {
            try instance("0061736d0100000005030100010b0a010041ffff030b026162")
        }
        #expect(throws: Trap.tableOutOfBounds) {
            try instance("0061736d01000000010401600000030201000404017000010907010041010b01000a040102000b")
        }
    }

    @Test func `a start function runs before anything else`() throws {
        let started = try instance(
            "0061736d010000000108026000006000017f03030200010503010001070501016600010801000a13020900410041"
                + "2a3602000b070041002802000b")
        #expect(started.unitsUsed == 4)
        #expect(try started.call("f", []) == .i32(42))
        #expect(throws: Trap.unreachable) {
            try instance("0061736d01000000010401600000030201000801000a05010300000b")
        }
    }
}

@Suite struct `Memory` {
    @Test func `loads and stores stay inside`() throws {
        let instance = try instance(Sample.memory)
        #expect(try instance.call("load", [.i32(0)]) == .i32(0x0483_0201))
        #expect(try instance.call("load", [.i32(65_528)]) == .i32(0))
        #expect(throws: Trap.memoryOutOfBounds) { try instance.call("load", [.i32(65_529)]) }
        #expect(throws: Trap.memoryOutOfBounds) { try instance.call("load", [.i32(.max)]) }
        // Address and offset together do not wrap around.
        #expect(throws: Trap.memoryOutOfBounds) { try instance.call("store", [.i32(8), .i64(1)]) }
        #expect(throws: Trap.memoryOutOfBounds) { try instance.call("fill", [.i32(65_000), .i32(537)]) }
        #expect(throws: Trap.memoryOutOfBounds) { try instance.call("fill", [.i32(.max), .i32(.max)]) }
    }

    @Test func `the host reads and writes inside only`() throws {
        let instance = try instance(Sample.memory)
        try instance.write([9, 8], at: 65_534)
        #expect(try instance.read(at: 65_533, count: 3) == [0, 9, 8])
        #expect(throws: Trap.memoryOutOfBounds) { try instance.write([1, 2], at: 65_535) }
        #expect(throws: Trap.memoryOutOfBounds) { try instance.read(at: 1, count: -1) }
        #expect(throws: Trap.memoryOutOfBounds) { try instance.read(at: .max, count: 1) }
        #expect(throws: Trap.memoryOutOfBounds) { try instance.read(at: 0, count: .max) }
        #expect(instance.memoryBytes.count == 65_536)
    }

    @Test func `memory grows to its maximum and no further`() throws {
        let instance = try instance(Sample.grow)
        #expect(try instance.call("grow", [.i32(0)]) == .i32(1))
        #expect(try instance.call("grow", [.i32(3)]) == .i32(.max))
        #expect(try instance.call("grow", [.i32(.max)]) == .i32(.max))
        #expect(try instance.call("grow", [.i32(1)]) == .i32(1))
        #expect(try instance.call("size", []) == .i32(2))
        #expect(instance.memoryBytes == [UInt8](repeating: 0, count: 2 << 16))
    }

    @Test func `our own limit holds below the maximum of the module`() throws {
        var limits = Limits()
        limits.memoryPages = 2
        let grown = try instance(Sample.grow, limits: limits)
        #expect(try grown.call("grow", [.i32(2)]) == .i32(.max))
        #expect(try grown.call("grow", [.i32(1)]) == .i32(1))
        limits.memoryPages = 0
        #expect(throws: ModuleError.tooLarge(what: "memoryPages", limit: 0, actual: 1)) {
            try instance(Sample.grow, limits: limits)
        }
    }

    @Test func `a passive segment is empty after it was dropped`() throws {
        let instance = try instance(
            "0061736d01000000010a0260037f7f7f0060000003030200010503010001070f0204696e697400000464726f7000010c"
                + "01010a14020c00200020012002fc0800000b0500fc09000b0b09010106616263646566")
        _ = try instance.call("init", [.i32(10), .i32(2), .i32(3)])
        #expect(try instance.read(at: 9, count: 5) == [0, 0x63, 0x64, 0x65, 0])
        #expect(instance.unitsUsed == 5 + 3)
        #expect(throws: Trap.memoryOutOfBounds) { try instance.call("init", [.i32(0), .i32(4), .i32(3)]) }
        _ = try instance.call("drop", [])
        _ = try instance.call("init", [.i32(0), .i32(0), .i32(0)])
        #expect(throws: Trap.memoryOutOfBounds) { try instance.call("init", [.i32(0), .i32(0), .i32(1)]) }
    }
}

@Suite struct `Floats` {
    @Test func `a computed NaN is always the same NaN`() throws {
        let instance = try instance(Sample.float)
        let nan64 = Value.f64(0x7ff8_0000_0000_0000)
        let odd = Value.f64(0xfff4_0000_0000_0001)
        let one = Value.f64(0x3ff0_0000_0000_0000)
        #expect(try instance.call("div32", [.f32(0), .f32(0x8000_0000)]) == .f32(0x7fc0_0000))
        #expect(try instance.call("add64", [odd, one]) == nan64)
        #expect(try instance.call("min64", [one, odd]) == nan64)
        #expect(try instance.call("demote", [odd]) == .f32(0x7fc0_0000))
    }

    @Test func `bits that are only passed on stay as they are`() throws {
        let instance = try instance(Sample.float)
        #expect(try instance.call("neg64", [.f64(0xfff4_0000_0000_0001)]) == .f64(0x7ff4_0000_0000_0001))
        #expect(try instance.call("same32", [.f32(0xffa0_0001)]) == .f32(0xffa0_0001))
        #expect(try instance.call("min64", [.f64(0), .f64(1 << 63)]) == .f64(1 << 63))
    }
}
