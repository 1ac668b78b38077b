/// One running instance of a module: linear memory, globals, table and the exact count of units.
///
/// It belongs to one task. Calls may follow one another; their units add up against one limit. After a trap
/// the memory is as the trap left it, and further calls are possible.
public final class Instance {
    static let emptyEntry = UInt32.max

    /// The most that all calls together may use.
    public let unitLimit: UInt64
    let module: Module
    let memory: LinearMemory
    let globals: UnsafeMutablePointer<UInt64>
    private let stackRoom: PageRoom
    let stack: UnsafeMutablePointer<UInt64>
    let frames: UnsafeMutablePointer<Frame>
    /// Function indexes, as many as `Module.tableElements`; `emptyEntry` for none.
    let table: UnsafeMutablePointer<UInt32>
    /// Segments that `memory.init` finds empty: dropped ones, and those written at instantiation.
    var isDropped: [Bool]
    /// What the machine may use before it comes back to ask ``pay(_:)``.
    var unitsLeft: UInt64
    /// What is left beside ``unitsLeft``.
    private var unitsKept: UInt64
    /// Asked every ``slice`` units; a run that shall stop ends with ``Trap/interrupted``.
    private let shallStop: (@Sendable () -> Bool)?

    /// Units between two looks whether to stop: some milliseconds of an optimised build.
    static let slice: UInt64 = 1 << 22

    /// Units used so far, by the rule ``unitRule``. An operator that trapped counts; a block for which the
    /// units did not suffice does not.
    public var unitsUsed: UInt64 { self.unitLimit - self.unitsLeft - self.unitsKept }

    /// The name of the rule by which units are counted here.
    public static let unitRule = "depai-units/2"

    /// Creates memory, globals and table, writes the segments and runs the start function.
    /// - Parameter shallStop: asked while the module runs, on the thread that runs it.
    public convenience init(
        _ module: Module, unitLimit: UInt64, shallStop: (@Sendable () -> Bool)? = nil
    ) throws(Trap) {
        try self.init(prepared: module, unitLimit: unitLimit, shallStop: shallStop)
        try self.initialize()
    }

    /// An instance before its segments are written, so that the units of a failing start can still be read.
    init(
        prepared module: Module, unitLimit: UInt64, shallStop: (@Sendable () -> Bool)? = nil
    ) throws(Trap) {
        // What the kernel may refuse comes first.
        let words = max(1, module.limits.stackWords)
        do {
            self.memory = try LinearMemory(module.memory)
            self.stackRoom = try PageRoom(count: words * MemoryLayout<UInt64>.stride)
            try HostOutOfMemory.check(Self.smallBytes(of: module))
        } catch {
            throw .hostOutOfMemory
        }
        self.module = module
        self.unitLimit = unitLimit
        self.shallStop = shallStop
        let unitsLeft = min(unitLimit, shallStop == nil ? .max : Self.slice)
        (self.unitsLeft, self.unitsKept) = (unitsLeft, unitLimit - unitsLeft)
        self.table = .allocate(capacity: max(1, module.tableElements))
        self.table.initialize(repeating: Self.emptyEntry, count: module.tableElements)
        self.isDropped = module.data.map { $0.offset != nil }
        self.globals = .allocate(capacity: max(1, module.globals.count))
        for (index, value) in module.globals.enumerated() { self.globals[index] = value }
        self.stack = self.stackRoom.base.bindMemory(to: UInt64.self, capacity: words)
        self.frames = .allocate(capacity: max(1, module.limits.callDepth))
    }

    /// Bytes of table, globals and frames, with something to spare.
    private static func smallBytes(of module: Module) -> Int {
        module.tableElements * 4 + module.globals.count * 8 + module.data.count
            + module.limits.callDepth * MemoryLayout<Frame>.stride + 1 << 20
    }

    deinit {
        self.table.deallocate()
        self.globals.deallocate()
        self.frames.deallocate()
    }

    /// Calls an exported function.
    ///
    /// - Returns: its result, `nil` if it has none.
    /// - Throws: `Trap`; `unitsUsed` then says what was used.
    public func call(_ name: String, _ arguments: [Value]) throws(Trap) -> Value? {
        guard let index = self.module.functionIndexes[Array(name.utf8)], let type = self.module.type(of: name)
        else {
            throw .noSuchExport(name)
        }
        guard arguments.map(\.type) == type.parameters else {
            throw .argumentMismatch(expected: type.parameters, actual: arguments.map(\.type))
        }
        try self.run(function: index, arguments: arguments)
        return type.result.map { Value(type: $0, bits: self.stack[0]) }
    }

    /// Copies bytes out of the linear memory.
    public func read(at address: UInt32, count: Int) throws(Trap) -> [UInt8] {
        guard let bytes = self.memory.read(at: Int(address), count: count) else { throw .memoryOutOfBounds }
        return bytes
    }

    /// Copies bytes into the linear memory.
    public func write(_ bytes: [UInt8], at address: UInt32) throws(Trap) {
        guard self.memory.contains(Int(address), bytes.count) else { throw .memoryOutOfBounds }
        self.memory.write(bytes[...], to: Int(address))
    }

    /// A copy of the whole linear memory, for hashing.
    public var memoryBytes: [UInt8] { self.memory.read(at: 0, count: self.memory.count) ?? [] }

    /// Writes the segments and runs the start function.
    func initialize() throws(Trap) {
        for segment in self.module.elements {
            let end = segment.offset + segment.functions.count
            guard end <= self.module.tableElements else { throw .tableOutOfBounds }
            for (entry, function) in segment.functions.enumerated() {
                self.table[segment.offset + entry] = function
            }
        }
        for segment in self.module.data {
            guard let offset = segment.offset else { continue }
            guard self.memory.contains(offset, segment.bytes.count) else { throw .memoryOutOfBounds }
            self.memory.write(segment.bytes[...], to: offset)
        }
        if let start = self.module.start { try self.run(function: start, arguments: []) }
    }

    /// Pays for something that the machine's own share does not suffice for, or that is no block.
    /// - Returns: why it is not paid; nil when it is.
    func pay(_ units: UInt64) -> Fault? {
        if self.unitsLeft < units {
            guard units - self.unitsLeft <= self.unitsKept else { return .unitsExhausted }
            if self.shallStop?() == true { return .interrupted }
            let share = min(self.unitsKept, max(Self.slice, units - self.unitsLeft))
            self.unitsKept -= share
            self.unitsLeft += share
        }
        self.unitsLeft -= units
        return nil
    }

    private func run(function index: Int, arguments: [Value]) throws(Trap) {
        guard self.module.limits.callDepth > 0, arguments.count <= self.module.limits.stackWords else {
            throw .callStackExhausted
        }
        for (position, argument) in arguments.enumerated() { self.stack[position] = argument.bits }
        if let fault = self.execute(function: index) { throw self.trap(for: fault) }
    }

    private func trap(for fault: Fault) -> Trap {
        switch fault {
        case .unreachable: .unreachable
        case .divideByZero: .divideByZero
        case .integerOverflow: .integerOverflow
        case .invalidConversion: .invalidConversion
        case .memoryOutOfBounds: .memoryOutOfBounds
        case .unitsExhausted: .unitsExhausted(limit: self.unitLimit)
        case .callStackExhausted: .callStackExhausted
        case .indirectCallMismatch: .indirectCallMismatch
        case .undefinedElement: .undefinedElement
        case .interrupted: .interrupted
        }
    }
}

/// A trap as the machine knows it: one byte, without payload.
enum Fault: UInt8 {
    case unreachable, divideByZero, integerOverflow, invalidConversion, memoryOutOfBounds
    case unitsExhausted, callStackExhausted, indirectCallMismatch, undefinedElement, interrupted
}

/// What a call needs to return: the next instruction and the frame of the caller.
struct Frame {
    let next: UnsafePointer<Instruction>
    let slots: UnsafeMutablePointer<UInt64>
}
