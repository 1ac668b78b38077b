import Glibc
import Synchronization
import Testing

@testable import Wasm

/// What the machine below may refuse, and what it has to ask for.
@Suite struct HostTests {
    /// `grow(pages)` and `size()` on a memory of 1 to 256 pages.
    static let wide =
        "0061736d01000000010a0260017f017f6000017f03030200010505010101800207"
        + "0f020467726f7700000473697a6500010a0d020600200040000b04003f000b"

    /// The limits belong to the process, so each runs in one of its own.
    @Test func `a kernel without memory refuses a run and never ends the program`() async {
        await #expect(processExitsWith: .success) { try HostTests.runOutOfMemory() }
    }

    private static func runOutOfMemory() throws {
        for resource in [__rlimit_resource_t(RLIMIT_AS.rawValue), __rlimit_resource_t(RLIMIT_DATA.rawValue)] {
            let module = try Module(bytes(Self.wide))
            var before = rlimit()
            getrlimit(resource, &before)
            // Less than the 16 MiB that the memory may become.
            var tight = rlimit(rlim_cur: Self.used(resource) + 8 << 20, rlim_max: before.rlim_max)
            precondition(setrlimit(resource, &tight) == 0)
            let refused = Self.error { _ = try Instance(module, unitLimit: 1_000) }
            precondition(refused as? Trap == .hostOutOfMemory, "\(String(describing: refused))")
            let job = Self.error { _ = try StepJob.run(module, input: [], unitLimit: 1_000) }
            precondition(job as? JobError == .trapped(.hostOutOfMemory, units: 0))
            precondition((job as? JobError)?.isVerdict == false)
            let large = Self.error { _ = try Module([UInt8](repeating: 0, count: 1 << 20)) }
            precondition(large as? ModuleError == .hostOutOfMemory, "\(String(describing: large))")
            precondition(setrlimit(resource, &before) == 0)
            // With room it runs, to the last page: what was promised at the start is there.
            let instance = try Instance(module, unitLimit: 1_000_000)
            let pages = try instance.call("grow", [.i32(255)])
            precondition(pages == .i32(1) && instance.memoryBytes.count == 256 << 16)
        }
    }

    private static func error(_ body: () throws -> Void) -> (any Error)? {
        do { try body() } catch { return error }
        return nil
    }

    @Test func `a run that began is not refused a page`() async {
        await #expect(processExitsWith: .success) { try HostTests.growWithoutMemory() }
    }

    private static func growWithoutMemory() throws {
        let instance = try Instance(try Module(bytes(Self.wide)), unitLimit: 1_000_000)
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        precondition(setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &none) == 0)
        let pages = try instance.call("grow", [.i32(255)])
        precondition(pages == .i32(1))
        try instance.write([1], at: (256 << 16) - 1)
    }

    /// Bytes that count against a limit now. Source: proc(5), statm: size, …, data + stack, in pages.
    static func used(_ resource: __rlimit_resource_t) -> rlim_t {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, 256, file) != nil else { return 0 }
        let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split { $0 == " " || $0 == "\n" }.map { rlim_t($0) ?? 0 }
        return (resource == RLIMIT_AS.rawValue ? words[0] : words[5]) * rlim_t(sysconf(Int32(_SC_PAGESIZE)))
    }

    @Test func `a run ends when its caller wants it, and says that it is no verdict`() throws {
        let asked = Atomic<Int>(0)
        let instance = try Instance(try Module(bytes(Sample.spin)), unitLimit: .max) {
            asked.add(1, ordering: .relaxed).newValue == 3
        }
        #expect(throws: Trap.interrupted) { try instance.call("f", []) }
        #expect(instance.unitsUsed >= 3 * Instance.slice && instance.unitsUsed < 4 * Instance.slice)
        #expect(!JobError.trapped(.interrupted, units: 1).isVerdict)
        #expect(JobError.trapped(.unitsExhausted(limit: 1), units: 1).isVerdict)
    }

    @Test func `looking whether to stop changes neither the answer nor the units`() throws {
        let module = try Module(bytes(Sample.fib))
        for limit in [218_909, 218_908, 100_000, 5 << 20] as [UInt64] {
            let (plain, asked) = (
                try Instance(module, unitLimit: limit), try Instance(module, unitLimit: limit) { false }
            )
            #expect(self.trap(of: plain) == self.trap(of: asked))
            #expect(plain.unitsUsed == asked.unitsUsed)
        }
        let spin = try Instance(try Module(bytes(Sample.spin)), unitLimit: 9_999_999) { false }
        #expect(throws: Trap.unitsExhausted(limit: 9_999_999)) { try spin.call("f", []) }
        #expect(spin.unitsUsed == 9_999_999)
    }

    private func trap(of instance: Instance) -> Trap? {
        do { _ = try instance.call("f", []) } catch { return error }
        return nil
    }
}

/// Charges that follow the cost where wasmtime's do not.
@Suite struct CostTests {
    @Test func `growing costs a unit for each page, and growing by nothing or in vain none`() throws {
        let instance = try instance(HostTests.wide)
        #expect(try instance.call("grow", [.i32(0)]) == .i32(1))
        #expect(instance.unitsUsed == 3)
        #expect(try instance.call("grow", [.i32(2)]) == .i32(1))
        #expect(instance.unitsUsed == 6 + 2)
        #expect(try instance.call("grow", [.i32(254)]) == .i32(.max))
        #expect(instance.unitsUsed == 9 + 2)
        let poor = try Instance(try Module(bytes(HostTests.wide)), unitLimit: 3)
        #expect(throws: Trap.unitsExhausted(limit: 3)) { try poor.call("grow", [.i32(1)]) }
        #expect(poor.memoryBytes.count == 1 << 16)
    }

    /// A function with so many i32 as locals and nothing else.
    @Test(arguments: [(0, 1), (31, 1), (32, 2), (63, 2), (64, 3), (1_024, 33)] as [(Int, UInt64)])
    func `entering a function costs a unit for each 32 locals that are cleared`(locals: Int, units: UInt64)
        throws
    {
        let count = locals < 128 ? [UInt8(locals)] : [UInt8(locals & 0x7f | 0x80), UInt8(locals >> 7)]
        let body: [UInt8] = locals == 0 ? [0, 0x0b] : [1] + count + [0x7f, 0x0b]
        let code: [UInt8] = [1, UInt8(body.count)] + body
        let module =
            bytes("0061736d0100000001040160000003020100070501016600 00") + [0x0a, UInt8(code.count)] + code
        let instance = try Instance(try Module(module), unitLimit: 100)
        _ = try instance.call("f", [])
        #expect(instance.unitsUsed == units)
    }

    @Test func `exports are named by bytes`() throws {
        // U+00C5, U+212B and "f", each a function of its own.
        let module = try Module(
            bytes(
                "0061736d010000000104016000000302010007100302c385000003e284ab0000016600000a040102000b"))
        #expect(module.exports.count == 3 && Set(module.exports).count == 3)
        let instance = try Instance(module, unitLimit: 10)
        for name in ["\u{c5}", "\u{212b}", "f"] { _ = try instance.call(name, []) }
        #expect(throws: Trap.noSuchExport("A\u{30a}")) { try instance.call("A\u{30a}", []) }
        #expect(module.type(of: "A\u{30a}") == nil)
        let twice = "0061736d0100000001040160000003020100070b0202c385000002c38500000a040102000b"
        #expect(throws: ModuleError.self) { try Module(bytes(twice)) }
    }

    @Test func `a memory is named by a zero byte, and an earlier global is a later version's`() {
        let long = Sample.grow.replacing("200040000b", with: "20004080000b").replacing(
            "0a0d0206", with: "0a0e0207")
        #expect { try Module(bytes(long)) } throws: { error in
            if case ModuleError.malformed? = error as? ModuleError { true } else { false }
        }
        // Two globals, the second is `global.get 0`; then one that names itself.
        for (index, isKnown) in [("00", true), ("01", false)] {
            let module = "0061736d01000000060b027f0041010b7f0023\(index)0b"
            #expect { try Module(bytes(module)) } throws: { error in
                switch error as? ModuleError {
                case .unsupported("extended constant expressions", _)?: isKnown
                case .malformed?: !isKnown
                default: false
                }
            }
        }
    }
}
