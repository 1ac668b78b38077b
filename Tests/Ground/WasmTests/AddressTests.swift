import Testing
import Wasm

/// Accesses whose address is a sum. The machine does sum and access at once where nobody else wants the sum; it
/// must not show.
@Suite struct `Sums as addresses` {
    /// A load or store with natural alignment 0 and no offset, and its value's type in the binary format.
    struct Access: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let op: UInt8
        let type: UInt8
        let bytes: Int
        var isStore: Bool { self.op >= 0x36 }

        static let i32: UInt8 = 0x7f
        static let i64: UInt8 = 0x7e
        static let all = [
            Access(testDescription: "i32.load", op: 0x28, type: i32, bytes: 4),
            Access(testDescription: "i64.load", op: 0x29, type: i64, bytes: 8),
            Access(testDescription: "i32.load8_u", op: 0x2d, type: i32, bytes: 1),
            Access(testDescription: "i32.store", op: 0x36, type: i32, bytes: 4),
            Access(testDescription: "i64.store", op: 0x37, type: i64, bytes: 8),
            Access(testDescription: "i32.store8", op: 0x3a, type: i32, bytes: 1),
        ]

        /// `f(a, b)` or `f(a, b, value)` on a memory of one page, at a + b. With `keepsSum` the sum goes to a
        /// local on its way, which costs one unit.
        func module(keepsSum: Bool) -> [UInt8] {
            let type =
                self.isStore ? [0x60, 3, 0x7f, 0x7f, self.type, 0] : [0x60, 2, 0x7f, 0x7f, 1, self.type]
            let code: [UInt8] =
                [0, 0x20, 0, 0x20, 1, 0x6a] + (keepsSum ? [0x22, 0] : [])
                + (self.isStore ? [0x20, 2] : []) + [self.op, 0, 0, 0x0b]
            func section(_ id: UInt8, _ body: [UInt8]) -> [UInt8] { [id, UInt8(body.count)] + body }
            return [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0] + section(1, [1] + type) + section(3, [1, 0])
                + section(5, [1, 0, 1]) + section(7, [1, 1, 0x66, 0, 0])
                + section(10, [1, UInt8(code.count)] + code)
        }
    }

    @Test(arguments: Access.all)
    func `do what an address in a local does`(access: Access) throws {
        let last = UInt32(65_536 - access.bytes)
        let places: [(UInt32, UInt32)] = [
            (0, 0), (3, 5), (1, 65_000), (last, 0), (last, 1), (last - 7, 7), (65_536, 0), (.max, 1),
            (.max, 9),
            (.max, .max), (1 << 31, 1 << 31), (1 << 31, 0),
        ]
        for (a, b) in places {
            let outcomes = try [false, true].map { keepsSum -> (Value?, Trap?, [UInt8], UInt64) in
                let module = try Module(access.module(keepsSum: keepsSum))
                let instance = try Instance(module, unitLimit: 1_000)
                try instance.write((0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }, at: 0)
                let bits: UInt64 = 0x8182_8384_8586_8788
                let value: Value =
                    access.type == Access.i64 ? .i64(bits) : .i32(UInt32(truncatingIfNeeded: bits))
                let arguments = [.i32(a), .i32(b)] + (access.isStore ? [value] : [])
                do {
                    let result = try instance.call("f", arguments)
                    return (result, nil, instance.memoryBytes, instance.unitsUsed + (keepsSum ? 0 : 1))
                } catch let trap as Trap {
                    return (nil, trap, instance.memoryBytes, instance.unitsUsed + (keepsSum ? 0 : 1))
                }
            }
            #expect(outcomes[0] == outcomes[1], "\(a) + \(b)")
            let end = Int(a &+ b) + access.bytes
            #expect(outcomes[0].1 == (end <= 65_536 ? nil : .memoryOutOfBounds), "\(a) + \(b)")
        }
    }
}
