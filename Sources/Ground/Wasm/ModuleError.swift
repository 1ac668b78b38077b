/// Why bytes are not a module that we run. Offsets count from the start of the bytes.
public enum ModuleError: Error, Equatable {
    /// The bytes do not follow the binary format, or the sections contradict one another.
    case malformed(offset: Int, reason: String)
    /// A feature that we refuse, by its name: `simd`, `threads`, `import env.print`, ...
    case unsupported(feature: String, offset: Int)
    /// A function body breaks a typing rule. `function` counts from 0 in the order of the module.
    case invalid(function: Int, offset: Int, reason: String)
    /// One of `Limits` is exceeded; `what` is the property's name.
    case tooLarge(what: String, limit: Int, actual: Int)
    /// This machine has no memory to read the module: no verdict about it.
    case hostOutOfMemory
}

/// Why a run ended without a result. The instance still answers `unitsUsed` afterwards.
public enum Trap: Error, Equatable {
    /// The operator `unreachable`: the job itself gave up.
    case unreachable
    /// An integer was divided by zero.
    case divideByZero
    /// The quotient, or the integer part of a float, does not fit.
    case integerOverflow
    /// NaN has no integer value.
    case invalidConversion
    /// A load, store, bulk operation or data segment outside the linear memory, or there is no memory.
    case memoryOutOfBounds
    /// An element segment outside the table.
    case tableOutOfBounds
    /// The next block would exceed the limit; nothing of it was executed.
    case unitsExhausted(limit: UInt64)
    /// More open calls or more frame words than `Limits` allow.
    case callStackExhausted
    /// An indirect call of a function of another type.
    case indirectCallMismatch
    /// An indirect call outside the table or of an empty entry.
    case undefinedElement
    /// This machine has no memory for the run. No verdict about the job: nothing of it was executed.
    case hostOutOfMemory
    /// Whoever runs it wanted it to end. No verdict about the job either.
    case interrupted
    /// No function is exported under this name.
    case noSuchExport(String)
    /// The arguments are not those of the exported function.
    case argumentMismatch(expected: [ValueType], actual: [ValueType])
}
