/// Every bound of the decoder, the validator and the machine. A module beyond one of them is refused with
/// `ModuleError.tooLarge`, which says the name used here; a run beyond one of them traps.
public struct Limits: Sendable, Hashable {
    /// Bytes of the module.
    public var moduleBytes = 1 << 20
    /// Pages of 64 KiB that the linear memory may have, at the start and after `memory.grow`.
    public var memoryPages = 256
    /// Calls that may be open at once.
    public var callDepth = 512
    /// Words of 8 bytes for the frames of all open calls.
    public var stackWords = 1 << 17
    /// Function types.
    public var types = 10_000
    /// Functions.
    public var functions = 10_000
    /// Parameters and local variables of one function. They are cleared at each call.
    public var locals = 1_024
    /// Operands that one function may have on its stack.
    public var operands = 1_024
    /// Blocks, loops and ifs inside one another.
    public var nesting = 4_096
    /// Global variables.
    public var globals = 1_000
    /// Entries of the table for indirect calls.
    public var tableElements = 100_000
    /// Exports of any kind.
    public var exports = 1_000
    /// Data segments and, counted apart, element segments.
    public var segments = 10_000
    /// Bytes of one name.
    public var nameBytes = 1_000

    /// The default limits: what a small board can bear.
    public init() {}
}
