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
    var unitsLeft: UInt64

    /// Units used so far: one for each function entered and each operator executed (`depai-units/1`). An
    /// operator that trapped counts; a block for which the units did not suffice does not.
    public var unitsUsed: UInt64 { self.unitLimit - self.unitsLeft }

    /// Creates memory, globals and table, writes the segments and runs the start function.
    public convenience init(_ module: Module, unitLimit: UInt64) throws(Trap) {
        self.init(prepared: module, unitLimit: unitLimit)
        try self.initialize()
    }

    /// An instance before its segments are written, so that the units of a failing start can still be read.
    init(prepared module: Module, unitLimit: UInt64) {
        self.module = module
        self.unitLimit = unitLimit
        self.unitsLeft = unitLimit
        self.memory = LinearMemory(module.memory)
        self.table = .allocate(capacity: max(1, module.tableElements))
        self.table.initialize(repeating: Self.emptyEntry, count: module.tableElements)
        self.isDropped = module.data.map { $0.offset != nil }
        self.globals = .allocate(capacity: max(1, module.globals.count))
        for (index, value) in module.globals.enumerated() { self.globals[index] = value }
        let words = max(1, module.limits.stackWords)
        self.stackRoom = PageRoom(count: words * MemoryLayout<UInt64>.stride)
        precondition(self.stackRoom.open(words * MemoryLayout<UInt64>.stride), "no memory for the stack")
        self.stack = self.stackRoom.base.bindMemory(to: UInt64.self, capacity: words)
        self.frames = .allocate(capacity: max(1, module.limits.callDepth))
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
        guard let index = self.module.functionIndexes[name], let type = self.module.type(of: name) else {
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
        }
    }
}

/// A trap as the machine knows it: one byte, without payload.
enum Fault: UInt8 {
    case unreachable, divideByZero, integerOverflow, invalidConversion, memoryOutOfBounds
    case unitsExhausted, callStackExhausted, indirectCallMismatch, undefinedElement
}

/// What a call needs to return: the next instruction and the frame of the caller.
struct Frame {
    let next: UnsafePointer<Instruction>
    let slots: UnsafeMutablePointer<UInt64>
}
