extension FunctionCompiler {
    /// Opens `block`, `loop` or `if`. The operands below may be read after jumps that skip code, so none of
    /// them may stay in a local that this code could change.
    mutating func open(_ kind: Label.Kind) throws(ModuleError) {
        let result = try self.blockResult()
        let condition = kind == .if ? try self.pop(.i32) : 0
        guard self.labels.count <= self.limits.nesting else {
            throw .tooLarge(what: "nesting", limit: self.limits.nesting, actual: self.labels.count)
        }
        self.settleLocals()
        var elsePatch: Int?
        if kind == .if { elsePatch = self.emitJump(when: false, condition) }
        if kind != .block { self.closeCharge() }
        let start = kind == .loop ? self.hereAsTarget() : 0
        var label = Label(
            kind: kind, result: result, height: self.stack.count, start: start, isDead: !self.isLive)
        label.elsePatch = elsePatch
        self.labels.append(label)
    }

    private mutating func blockResult() throws(ModuleError) -> ValueType? {
        switch self.cursor.next {
        case 0x40:
            _ = try self.cursor.byte()
            return nil
        case .some(let byte) where byte & 0xc0 == 0x40: return try self.cursor.valueType()
        default:
            guard try self.cursor.signed(bits: 33) >= 0 else {
                throw self.cursor.malformed("unknown block type")
            }
            throw self.unsupported("multi-value")
        }
    }

    mutating func openElse() throws(ModuleError) {
        guard var label = self.labels.last, label.kind == .if else { throw self.invalid("else without if") }
        try self.closeBlockValue(label)
        if self.isLive {
            label.patches.append(self.code.count)
            self.emit(.jump)
        }
        self.closeCharge()
        if let patch = label.elsePatch { self.aim(patch, at: self.hereAsTarget()) }
        label.elsePatch = nil
        label.kind = .else
        label.isUnreachable = false
        self.labels[self.labels.count - 1] = label
    }

    mutating func closeBlock() throws(ModuleError) {
        guard let label = self.labels.last else { return }
        if label.kind == .if, label.result != nil { throw self.invalid("if with a result needs an else") }
        try self.closeBlockValue(label, isFunction: label.kind == .function)
        if !label.patches.isEmpty || !label.tablePatches.isEmpty || label.elsePatch != nil
            || label.kind == .function
        {
            self.closeCharge()
        }
        if let patch = label.elsePatch { self.aim(patch, at: self.hereAsTarget()) }
        for patch in label.patches { self.aim(patch, at: self.hereAsTarget()) }
        for patch in label.tablePatches { self.jumps[patch] = UInt32(self.hereAsTarget()) }
        self.labels.removeLast()
        if let result = label.result, label.kind != .function { try self.push(result) }
    }

    /// Checks what a block leaves behind and brings its value to where jumps to its end bring theirs.
    private mutating func closeBlockValue(_ label: Label, isFunction: Bool = false) throws(ModuleError) {
        let value = try label.result.map { (type) throws(ModuleError) in try self.pop(type) }
        guard self.stack.count == label.height else {
            throw self.invalid("operands left at the end of a block")
        }
        if isFunction {
            self.emitReturn(value)
        } else if let value {
            let slot = self.slot(label.height)
            if value != slot { self.emit(.copy, d: slot, a: value) }
        }
    }

    /// The rest of the block cannot be reached.
    mutating func leave() {
        self.closeCharge()
        guard let label = self.labels.last else { return }
        self.stack.removeLast(self.stack.count - label.height)
        self.labels[self.labels.count - 1].isUnreachable = true
    }

    mutating func emitReturn(_ value: UInt32?) {
        if let value { self.emit(.giveBack, a: value) } else { self.emit(.end) }
    }

    mutating func compileReturn() throws(ModuleError) {
        let value = try self.type.result.map { (type) throws(ModuleError) in try self.pop(type) }
        self.emitReturn(value)
        self.leave()
    }

    // MARK: Jumps

    /// The place in `labels` of the label named by the next operand.
    private mutating func target() throws(ModuleError) -> Int {
        let depth = try self.cursor.index()
        guard depth < self.labels.count else { throw self.invalid("unknown label \(depth)") }
        return self.labels.count - 1 - depth
    }

    mutating func compileBranch() throws(ModuleError) {
        let target = try self.target()
        let value = try self.labels[target].jumpType.map { (type) throws(ModuleError) in try self.pop(type) }
        self.emitLeap(to: target, with: value)
        self.leave()
    }

    mutating func compileBranchIf() throws(ModuleError) {
        let target = try self.target()
        let condition = try self.pop(.i32)
        let label = self.labels[target]
        var value: UInt32?
        if let type = label.jumpType {
            let place = try self.pop(type)
            try self.push(type, place: place)
            value = place
        }
        guard self.isLive else { return }
        if label.kind == .function || value.map({ $0 != self.slot(label.height) }) ?? false {
            let skip = self.emitJump(when: false, condition)
            self.emitLeap(to: target, with: value)
            self.closeCharge()
            if let skip { self.aim(skip, at: self.hereAsTarget()) }
        } else {
            let jump = self.emitJump(when: true, condition)
            self.closeCharge()
            if let jump { self.resolve(jump, to: target) }
        }
    }

    mutating func compileBranchTable() throws(ModuleError) {
        let index = try self.pop(.i32)
        let count = try self.cursor.index()
        guard count < self.cursor.end - self.cursor.offset else {
            throw self.cursor.malformed("table too long")
        }
        var targets: [Int] = []
        for _ in 0...count { targets.append(try self.target()) }
        let last = self.labels[targets[count]].jumpType
        let value = last == nil ? nil : try self.pop()
        for target in targets {
            let type = self.labels[target].jumpType
            guard (type == nil) == (last == nil) else { throw self.invalid("labels take different values") }
            if let found = value?.type, let type, found != type {
                throw self.invalid("expected \(type), found \(found)")
            }
        }
        if self.isLive { self.emitTable(of: targets, index: index, value: value?.place) }
        self.leave()
    }

    /// The jump table; a target that needs a value moved, or a return, gets a few instructions on the way.
    private mutating func emitTable(of targets: [Int], index: UInt32, value: UInt32?) {
        let first = self.jumps.count
        self.emit(.jumpTable, d: UInt32(self.jumpBase + first), a: index, b: UInt32(targets.count - 1))
        self.closeCharge()
        self.jumps += Array(repeating: 0, count: targets.count)
        var detours: [Int: UInt32] = [:]
        for (entry, target) in targets.enumerated() {
            let label = self.labels[target]
            if label.kind == .loop {
                self.jumps[first + entry] = UInt32(label.start)
            } else if label.kind != .function, value == nil {
                self.labels[target].tablePatches.append(first + entry)
            } else if let detour = detours[target] {
                self.jumps[first + entry] = detour
            } else {
                let detour = UInt32(self.hereAsTarget())
                detours[target] = detour
                self.jumps[first + entry] = detour
                self.emitLeap(to: target, with: value)
            }
        }
    }

    /// Moves the value and jumps, or returns.
    private mutating func emitLeap(to target: Int, with value: UInt32?) {
        let label = self.labels[target]
        guard label.kind != .function else { return self.emitReturn(value) }
        if let value, value != self.slot(label.height) {
            self.emit(.copy, d: self.slot(label.height), a: value)
        }
        guard self.isLive else { return }
        self.emit(.jump)
        self.resolve(self.code.count - 1, to: target)
    }

    /// Gives a jump its target: known for a loop, later for a block.
    private mutating func resolve(_ jump: Int, to target: Int) {
        if self.labels[target].kind == .loop {
            self.aim(jump, at: self.labels[target].start)
        } else {
            self.labels[target].patches.append(jump)
        }
    }

    /// Emits a jump that is taken if the condition is `when`, together with the comparison just before it.
    ///
    /// - Returns: the instruction to give a target, `nil` in dead code.
    private mutating func emitJump(when taken: Bool, _ condition: UInt32) -> Int? {
        guard self.isLive else { return nil }
        if let last = self.code.last, self.producer == self.code.count - 1, last.d == condition {
            let comparison = taken ? last.op : last.op.inverse ?? last.op
            if let jump = comparison.jump {
                self.code[self.code.count - 1].op = jump
                self.producer = nil
                return self.code.count - 1
            }
            if last.op == .i32Eqz {
                self.code.removeLast()
                self.emit(taken ? .jumpUnless : .jumpIf, a: last.a)
                return self.code.count - 1
            }
        }
        self.emit(taken ? .jumpIf : .jumpUnless, a: condition)
        return self.code.count - 1
    }

    // MARK: Calls

    mutating func compileCall() throws(ModuleError) {
        let index = try self.cursor.index()
        guard index < self.context.functions.count else { throw self.invalid("unknown function \(index)") }
        try self.emitCall(.call, UInt32(index), self.context.type(ofFunction: index))
    }

    mutating func compileCallIndirect() throws(ModuleError) {
        let type = try self.cursor.index()
        guard try self.cursor.index() == 0 else { throw self.unsupported("second table") }
        guard type < self.context.types.count else { throw self.invalid("unknown type \(type)") }
        guard self.context.hasTable else { throw self.invalid("there is no table") }
        let entry = try self.pop(.i32)
        try self.emitCall(.callIndirect, self.context.typeIDs[type], self.context.types[type], entry: entry)
    }

    /// The arguments are brought to their stack slots, which become the first locals of the callee's frame.
    private mutating func emitCall(
        _ op: Operator, _ callee: UInt32, _ type: FunctionType, entry: UInt32 = 0
    ) throws(ModuleError) {
        var places: [UInt32] = []
        for parameter in type.parameters.reversed() { places.append(try self.pop(parameter)) }
        let base = self.stack.count
        for (position, place) in places.reversed().enumerated() {
            let slot = self.slot(base + position)
            if place != slot { self.emit(.copy, d: slot, a: place) }
        }
        self.emit(op, d: callee, a: self.slot(base), b: entry)
        self.closeCharge()
        if let result = type.result { try self.push(result) }
    }
}
