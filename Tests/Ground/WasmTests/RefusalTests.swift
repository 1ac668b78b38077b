import TestSupport
import Testing
import Wasm

/// A module that is valid WebAssembly, and the feature for which we refuse it.
struct Refusal: Sendable, CustomTestStringConvertible {
    let feature: String
    let hex: String

    init(_ feature: String, _ hex: String) {
        self.feature = feature
        self.hex = hex
    }

    var testDescription: String { self.feature }

    static let table: [Refusal] = [
        Refusal("import env.print", "0061736d01000000010401600000020d0103656e76057072696e740000"),
        Refusal(
            "simd",
            "0061736d0100000001040160000003020100070501016600000a17011500fd0c000000000000000000000000000000"
                + "001a0b"),
        Refusal("simd", "0061736d01000000010401600000030201000a06010401017b0b"),
        Refusal("threads", "0061736d01000000050401030101"),
        Refusal("threads", "0061736d01000000010401600000030201000504010101010a0b0109004100fe1002001a0b"),
        Refusal("multi-value", "0061736d010000000106016000027f7f030201000a08010600410141020b"),
        Refusal("multi-value", "0061736d0100000001080260017f00600000030201010a0a010800410102001a0b0b"),
        Refusal("reference types", "0061736d01000000010401600000030201000a07010500d0701a0b"),
        Refusal("reference types", "0061736d010000000404016f0001"),
        Refusal(
            "reference types", "0061736d01000000010401600000030201000404017000010a09010700410025001a0b"),
        Refusal("second memory", "0061736d0100000005050200010001"),
        Refusal("second table", "0061736d01000000040702700001700001"),
        Refusal("memory64", "0061736d010000000503010401"),
        Refusal("tail calls", "0061736d01000000010401600000030201000a0601040012000b"),
        Refusal("exceptions", "0061736d0100000001050160017f000d03010000"),
        Refusal(
            "bulk table operations",
            "0061736d01000000010401600000030201000404017000010a0e010c00410041004100fc0e00000b"),
        Refusal(
            "passive element segments",
            "0061736d0100000001040160000003020100040401700001090501010001000a040102000b"),
        Refusal("component model", "0061736d0d000100"),
    ]
}

@Suite struct `Refusals` {
    @Test(arguments: Refusal.table)
    func `what we do not run is refused by its name`(refusal: Refusal) {
        do {
            _ = try Module(bytes(refusal.hex))
            Issue.record("accepted")
        } catch ModuleError.unsupported(let feature, let offset) {
            #expect(feature == refusal.feature)
            #expect(offset <= refusal.hex.count / 2)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func `a body that breaks a typing rule is refused with its place`() {
        #expect(throws: ModuleError.invalid(function: 0, offset: 33, reason: "expected i32, found i64")) {
            try Module(bytes("0061736d010000000105016000017f03020100070501016600000a0601040042010b"))
        }
    }

    @Test(arguments: [
        // i32.load without a memory; else without if; unknown label, local, global, function; align above 4.
        "0041002802001a0b", "00050b", "000c010b", "0020001a0b", "0023001a0b", "0010010b",
        "004100410028031a0b",
        // Empty stack; value left over; a block that does not give its result; if with a result and no else.
        "001a0b", "0041000b", "00027f0b1a0b", "004100047f41000b1a0b",
        // Operands of two types to select; local.set of another type; br_table with labels that differ.
        "00410042004100" + "1b1a0b", "01017f42002100" + "0b", "00027f410141000e0100010b1a0b",
    ])
    func `an invalid body is never accepted`(body: String) {
        let size = String(body.count / 2 + 0x100, radix: 16).dropFirst()
        let section = String(body.count / 2 + 2 + 0x100, radix: 16).dropFirst()
        let hex = "0061736d01000000010401600000030201000a" + section + "01" + size + body
        do {
            _ = try Module(bytes(hex))
            Issue.record("accepted")
        } catch ModuleError.invalid(let function, _, _) {
            #expect(function == 0)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func `limits are named`() throws {
        var limits = Limits()
        limits.moduleBytes = 10
        #expect(throws: ModuleError.tooLarge(what: "moduleBytes", limit: 10, actual: bytes(Sample.fib).count))
        {
            try Module(bytes(Sample.fib), limits: limits)
        }
        limits = Limits()
        limits.functions = 1
        #expect(throws: ModuleError.tooLarge(what: "functions", limit: 1, actual: 2)) {
            try Module(bytes(Sample.fib), limits: limits)
        }
        // 4,294,967,295 locals in one group.
        #expect(throws: ModuleError.tooLarge(what: "locals", limit: 1024, actual: 4_294_967_295)) {
            try Module(bytes("0061736d01000000010401600000030201000a0a010801ffffffff0f7f0b"))
        }
    }

    @Test func `exports are listed with their types`() throws {
        let module = try Module(bytes(Sample.grow))
        #expect(module.exports.map(\.name) == ["grow", "size"])
        #expect(module.type(of: "grow") == FunctionType(parameters: [.i32], result: .i32))
        #expect(module.type(of: "size") == FunctionType(parameters: [], result: .i32))
        #expect(module.type(of: "other") == nil)
    }
}

@Suite struct `Hostile bytes` {
    static let good = [
        Sample.grow, Sample.memory, Sample.deep, Sample.fib, Sample.indirect, Sample.integer, Sample.float,
    ]

    /// Runs every export with zeros, as far as the units reach.
    func tryEverything(_ bytes: [UInt8]) {
        guard let module = try? Module(bytes), let instance = try? Instance(module, unitLimit: 20_000) else {
            return
        }
        for export in module.exports {
            let arguments = export.type.parameters.map { type in
                switch type {
                case .i32: Value.i32(3)
                case .i64: Value.i64(3)
                case .f32: Value.f32(0x4040_0000)
                case .f64: Value.f64(0x4008_0000_0000_0000)
                }
            }
            _ = try? instance.call(export.name, arguments)
            #expect(instance.unitsUsed <= 20_000)
        }
    }

    /// Where a section ends: a cut there leaves a shorter module, which may be a good one.
    func sectionEnds(_ bytes: [UInt8]) -> Set<Int> {
        var ends: Set<Int> = [8]
        var offset = 8
        while offset + 1 < bytes.count {
            offset += 2 + Int(bytes[offset + 1])  // all lengths here are below 128
            ends.insert(offset)
        }
        return ends
    }

    @Test func `a truncated module is refused unless it ends with a section`() {
        for hex in Self.good {
            let whole = bytes(hex)
            let ends = self.sectionEnds(whole)
            #expect(ends.contains(whole.count))
            for count in 0..<whole.count {
                let part = Array(whole.prefix(count))
                self.tryEverything(part)
                if !ends.contains(count) {
                    #expect(throws: ModuleError.self, "\(count)") { try Module(part) }
                }
            }
        }
    }

    @Test func `2,000 changed bytes end in an error or a result`() {
        var random = Seeded(0x5eed)
        for round in 0..<2_000 {
            var changed = bytes(Self.good[round % Self.good.count])
            let place = Int.random(in: 8..<changed.count, using: &random)
            changed[place] = UInt8.random(in: 0...255, using: &random)
            self.tryEverything(changed)
        }
    }

    @Test func `the real job survives changed bytes`() throws {
        let whole = try #require(fileBytes("Simulator/Jobs/route/route.wasm"))
        var random = Seeded(77)
        for _ in 0..<200 {
            var changed = whole
            changed[Int.random(in: 8..<changed.count, using: &random)] = UInt8.random(
                in: 0...255, using: &random)
            self.tryEverything(changed)
        }
    }
}
