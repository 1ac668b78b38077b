/// Validates one function body and compiles it for the machine, in one pass.
///
/// The operand stack of WebAssembly is resolved here: each operand has a *place*, which is the number of a
/// slot in the frame. A local or a constant stays where it is until somebody needs it elsewhere; a computed
/// value is in the slot of its stack position. So `local.get 0, i32.const 1, i32.add, local.set 0` is one
/// instruction.
///
/// Invariant that the machine relies on: each slot, target and index in an emitted instruction was checked or
/// computed here, so the machine checks only what depends on values: addresses, table entries, depth, units.
struct FunctionCompiler {
    /// A value on the operand stack. The type is unknown only in code that cannot be reached.
    struct Operand {
        let type: ValueType?
        let place: UInt32
    }

    /// An open block.
    struct Label {
        enum Kind { case function, block, loop, `if`, `else` }

        var kind: Kind
        let result: ValueType?
        /// Operands below the block.
        let height: Int
        /// Where a jump to a loop goes.
        let start: Int
        /// The block itself stands in code that cannot be reached: nothing is emitted for it.
        let isDead: Bool
        /// The rest of the block cannot be reached: operands may come from nowhere.
        var isUnreachable = false
        /// Instructions and jump table entries that wait for the end of the block.
        var patches: [Int] = []
        var tablePatches: [Int] = []
        /// The jump over the first part of an `if`.
        var elsePatch: Int?

        /// The type that a jump here takes along. A loop takes none: it has no parameters.
        var jumpType: ValueType? { self.kind == .loop ? nil : self.result }
    }

    /// Constants kept in the frame. A function with more of them writes the others where they are used, so
    /// that the price of one unit for a call does not buy the copying of thousands of constants.
    static let constantSlots = 64
    /// Locals that are cleared for one unit when a function is entered.
    static let localsPerUnit = 32
    /// Longest charge, so that `Instruction.unspent` never overflows.
    private static let longestCharge = 60_000

    let index: Int
    let context: ModuleContext
    let limits: Limits
    let codeBase: Int
    let type: FunctionType
    var cursor: Cursor
    /// Start of the operator being compiled, for messages.
    var operatorOffset: Int
    var locals: [ValueType]
    var stack: [Operand] = []
    var labels: [Label] = []
    var code: [Instruction] = []
    var jumps: [UInt32] = []
    let jumpBase: Int
    /// The instruction that computed the value on top, if nothing was emitted and no jump arrives since.
    var producer: Int?
    private(set) var constants: [UInt64] = []
    private var constantPlaces: [UInt64: UInt32] = [:]
    private var highestStack = 0
    /// The instruction that charges for the current block, and its units so far.
    private var charge: Int?
    private var units = 0

    init(index: Int, body: Cursor, context: ModuleContext, limits: Limits, codeBase: Int, jumpBase: Int) {
        self.index = index
        self.cursor = body
        self.context = context
        self.limits = limits
        self.codeBase = codeBase
        self.jumpBase = jumpBase
        self.operatorOffset = body.offset
        self.type = context.type(ofFunction: index)
        self.locals = self.type.parameters
    }

    /// Whether code at this place can be executed.
    var isLive: Bool {
        guard let label = self.labels.last else { return false }
        return !label.isDead && !label.isUnreachable
    }

    mutating func compile() throws(ModuleError) {
        try self.decodeLocals()
        self.labels.append(
            Label(kind: .function, result: self.type.result, height: 0, start: 0, isDead: false))
        self.count()
        self.count(more: (self.locals.count - self.type.parameters.count) / Self.localsPerUnit)
        while !self.labels.isEmpty {
            self.operatorOffset = self.cursor.offset
            try self.compileOperator(try self.cursor.byte())
        }
        guard self.cursor.isAtEnd else { throw self.cursor.malformed("bytes after the end of a body") }
    }

    /// Adds the compiled body to the module's.
    func append(to program: inout Program) {
        program.functions.append(
            Program.Function(
                entry: self.codeBase, parameters: self.type.parameters.count, locals: self.locals.count,
                firstConstant: program.constants.count, constants: self.constants.count,
                frameWords: self.locals.count + Self.constantSlots + self.highestStack + 1,
                typeID: self.context.typeIDs[self.context.functions[self.index]]))
        program.code += self.code
        program.constants += self.constants
        program.jumps += self.jumps.map { $0 + UInt32(self.codeBase) }
    }

    private mutating func decodeLocals() throws(ModuleError) {
        for _ in 0..<(try self.cursor.index()) {
            let count = try self.cursor.index()
            let type = try self.cursor.valueType()
            let total = self.locals.count + count
            guard total <= self.limits.locals else {
                throw .tooLarge(what: "locals", limit: self.limits.locals, actual: total)
            }
            self.locals += Array(repeating: type, count: count)
        }
    }

    func invalid(_ reason: String) -> ModuleError {
        .invalid(function: self.index, offset: self.operatorOffset, reason: reason)
    }

    func unsupported(_ feature: String) -> ModuleError {
        .unsupported(feature: feature, offset: self.operatorOffset)
    }
}

// MARK: Places

extension FunctionCompiler {
    private var stackBase: UInt32 { UInt32(self.locals.count + Self.constantSlots) }

    /// The slot of a stack position.
    mutating func slot(_ position: Int) -> UInt32 {
        self.highestStack = max(self.highestStack, position + 1)
        return self.stackBase + UInt32(position)
    }

    func isStackSlot(_ place: UInt32) -> Bool { place >= self.stackBase }

    /// The place of a constant, or `nil` if the frame has no room for it.
    mutating func constantPlace(_ bits: UInt64) -> UInt32? {
        if let place = self.constantPlaces[bits] { return place }
        guard self.isLive, self.constants.count < Self.constantSlots else { return nil }
        let place = UInt32(self.locals.count + self.constants.count)
        self.constants.append(bits)
        self.constantPlaces[bits] = place
        return place
    }

    /// Moves the operand at a stack position into the slot of that position.
    mutating func settle(_ position: Int) {
        let slot = self.slot(position)
        let operand = self.stack[position]
        guard operand.place != slot else { return }
        self.emit(.copy, d: slot, a: operand.place)
        self.stack[position] = Operand(type: operand.type, place: slot)
    }

    /// Moves operands that are still in a local (in this one, or in any) away, before it may change.
    mutating func settleLocals(_ local: UInt32? = nil) {
        for position in self.stack.indices {
            let place = self.stack[position].place
            if local == nil ? place < UInt32(self.locals.count) : place == local { self.settle(position) }
        }
    }
}

// MARK: Instructions and units

extension FunctionCompiler {
    /// Adds an instruction, in live code only.
    mutating func emit(_ op: Operator, d: UInt32 = 0, a: UInt32 = 0, b: UInt32 = 0) {
        guard self.isLive else { return }
        self.producer = nil
        self.code.append(Instruction(op: op, unspent: UInt16(self.units), d: d, a: a, b: b))
    }

    /// The target of a jump to the next instruction. What was computed before is no longer known to be on
    /// top.
    mutating func hereAsTarget() -> Int {
        self.producer = nil
        return self.code.count
    }

    /// Gives the jump at `position` its target, as a distance from the instruction after it.
    mutating func aim(_ position: Int, at target: Int) {
        self.code[position].d = UInt32(bitPattern: Int32(target - position - 1))
    }

    /// Counts more units for the same.
    private mutating func count(more units: Int) {
        for _ in 0..<units { self.count() }
    }

    /// Counts one unit for the operator being compiled: `depai-units/2`.
    mutating func count() {
        guard self.isLive else { return }
        if self.units == Self.longestCharge { self.closeCharge() }
        if self.charge == nil {
            self.emit(.charge)
            self.charge = self.code.count - 1
        }
        self.units += 1
    }

    /// Ends the block that is charged at once: at each target of a jump and after each operator that may
    /// leave.
    mutating func closeCharge() {
        guard let charge = self.charge else { return }
        self.code[charge].a = UInt32(self.units)
        for position in charge + 1..<self.code.count {
            self.code[position].unspent = UInt16(self.units) - self.code[position].unspent
        }
        self.charge = nil
        self.units = 0
    }
}

// MARK: Operand stack

extension FunctionCompiler {
    /// Pushes a value that is in `place`, or in the slot of its position.
    mutating func push(_ type: ValueType?, place: UInt32? = nil) throws(ModuleError) {
        guard self.stack.count < self.limits.operands else {
            throw .tooLarge(what: "operands", limit: self.limits.operands, actual: self.stack.count + 1)
        }
        let slot = self.slot(self.stack.count)
        self.stack.append(Operand(type: type, place: place ?? slot))
    }

    mutating func pop() throws(ModuleError) -> Operand {
        guard let label = self.labels.last, let operand = self.stack.last, self.stack.count > label.height
        else {
            guard self.labels.last?.isUnreachable == true else {
                throw self.invalid("operand stack is empty")
            }
            return Operand(type: nil, place: 0)
        }
        self.stack.removeLast()
        return operand
    }

    @discardableResult
    mutating func pop(_ type: ValueType) throws(ModuleError) -> UInt32 {
        let operand = try self.pop()
        if let found = operand.type, found != type { throw self.invalid("expected \(type), found \(found)") }
        return operand.place
    }

    /// Emits an instruction whose result goes to the slot of the next stack position.
    mutating func emitResult(
        _ op: Operator, of type: ValueType?, a: UInt32 = 0, b: UInt32 = 0
    ) throws(ModuleError) {
        try self.push(type)
        self.emit(op, d: self.slot(self.stack.count - 1), a: a, b: b)
        if self.isLive { self.producer = self.code.count - 1 }
    }
}
