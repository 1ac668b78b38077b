/// A validated module. It is a value: share it and instantiate it as often as you like.
///
/// Scope: WebAssembly 1.0 with sign extension, non-trapping conversions, bulk memory on the linear memory and
/// mutable globals. Everything else is refused by name, and so is every import: a job sees its input only.
public struct Module: Sendable {
    /// An exported function.
    public struct Export: Sendable, Hashable {
        /// The name to call it by.
        public let name: String
        /// What it takes and gives.
        public let type: FunctionType

        public static func == (left: Self, right: Self) -> Bool {
            left.name.utf8.elementsEqual(right.name.utf8) && left.type == right.type
        }

        public func hash(into hasher: inout Hasher) {
            hasher.combine(Array(self.name.utf8))
            hasher.combine(self.type)
        }
    }

    /// The exported functions, in the order of the module.
    public let exports: [Export]
    let limits: Limits
    let program: Program
    /// By the bytes of their names, as the format compares them.
    let functionIndexes: [[UInt8]: Int]
    let memory: MemoryType?
    let tableElements: Int
    let globals: [UInt64]
    let elements: [ElementSegment]
    let data: [DataSegment]
    let start: Int?

    /// Decodes and validates: sections, types, operand stack, indexes, presence of memory and table.
    ///
    /// - Throws: `ModuleError`, with the offset of the first fault found.
    public init(_ bytes: [UInt8], limits: Limits = Limits()) throws(ModuleError) {
        guard bytes.count <= limits.moduleBytes else {
            throw .tooLarge(what: "moduleBytes", limit: limits.moduleBytes, actual: bytes.count)
        }
        // Compiled code has about 40 bytes for each byte of the module, and arrays grow by doubling.
        do throws(HostOutOfMemory) { try HostOutOfMemory.check(96 * bytes.count + 1 << 20) } catch {
            throw .hostOutOfMemory
        }
        var decoder = ModuleDecoder(bytes, limits: limits)
        try decoder.decode()
        self.exports = decoder.exports.map { export in
            Export(name: export.name, type: decoder.context.type(ofFunction: export.function))
        }
        var indexes: [[UInt8]: Int] = [:]
        for export in decoder.exports { indexes[Array(export.name.utf8)] = export.function }
        self.functionIndexes = indexes
        self.limits = limits
        self.program = decoder.program
        self.memory = decoder.memory
        self.tableElements = decoder.tableElements
        self.globals = decoder.globalValues
        self.elements = decoder.elements
        self.data = decoder.data
        self.start = decoder.start
    }

    /// The type of an exported function.
    public func type(of name: String) -> FunctionType? {
        self.exports.first { $0.name.utf8.elementsEqual(name.utf8) }?.type
    }
}

/// Pages of 64 KiB; `maximum` is the smaller of the module's own and `Limits.memoryPages`.
struct MemoryType: Sendable {
    let initial: Int
    let maximum: Int
}

/// Function indexes for the table, written at instantiation.
struct ElementSegment: Sendable {
    let offset: Int
    let functions: [UInt32]
}

/// Bytes for the linear memory: written at instantiation, or by `memory.init` if there is no offset.
struct DataSegment: Sendable {
    let offset: Int?
    let bytes: [UInt8]
}

/// The compiled functions of a module in flat arrays, as the machine reads them.
struct Program: Sendable {
    var code: [Instruction] = []
    var functions: [Function] = []
    var constants: [UInt64] = []
    /// Targets of the jump tables.
    var jumps: [UInt32] = []

    /// A frame has `parameters`, then the other locals, `FunctionCompiler.constantSlots` constants, operands.
    struct Function: Sendable {
        let entry: Int
        let parameters: Int
        let locals: Int
        let firstConstant: Int
        let constants: Int
        let frameWords: Int
        let typeID: UInt32
    }
}

/// What a function body may refer to.
struct ModuleContext {
    struct Global {
        let type: ValueType
        let isMutable: Bool
    }

    var types: [FunctionType] = []
    /// For each type the first equal one, so that indirect calls compare one number.
    var typeIDs: [UInt32] = []
    /// For each function the index of its type.
    var functions: [Int] = []
    var globals: [Global] = []
    var hasMemory = false
    var hasTable = false
    /// Known before the bodies only if the module says it; `memory.init` needs it.
    var dataCount: Int?

    /// Only for an index below `functions.count`.
    func type(ofFunction index: Int) -> FunctionType { self.types[self.functions[index]] }
}
