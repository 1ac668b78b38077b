internal import CSodium

/// Why a cryptographic operation was refused.
public enum SodiumError: Error, Equatable, CustomStringConvertible {
    /// The kernel refused guarded memory of this many bytes.
    case memoryRefused(Int)
    /// A key, seed, signature or salt has the wrong length, in bytes.
    case length(what: String, expected: Int, actual: Int)
    /// The bytes were changed, cut, reordered, or sealed under another key.
    case forged
    /// Not enough memory for the password hash; its parameters ask for this many bytes.
    case passwordHashMemory(Int)
    /// A freshly made signature does not verify: the hardware miscalculated, nothing may leave.
    case signatureFault

    public var description: String {
        switch self {
        case .memoryRefused(let count): "the kernel refused \(count) bytes of guarded memory"
        case .length(let what, let expected, let actual): "\(what) has \(actual) bytes instead of \(expected)"
        case .forged: "the sealed bytes are damaged or belong to another key"
        case .passwordHashMemory(let bytes): "the password hash needs \(bytes >> 20) MiB of memory"
        case .signatureFault: "a signature made just now does not verify; the hardware cannot be trusted"
        }
    }
}

/// Starts libsodium once; every entry of this module goes through it.
enum Library {
    /// True once `sodium_init` succeeded. It fails only where the kernel has no random source at all.
    static let ready: Bool = sodium_init() >= 0

    static func start() { precondition(self.ready, "libsodium found no random source in this kernel") }
}

/// Secret bytes in guarded memory: locked, kept out of core dumps, between guard pages, wiped when they end.
///
/// Not copyable and without a `description`: a secret cannot reach a log or an array by accident.
public struct SecretBytes: ~Copyable, Sendable {
    // Sendable: the memory has one owner, which moves; nothing else holds the address.
    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer
    public let count: Int

    /// `count` zero bytes, at least one.
    public init(count: Int) throws(SodiumError) {
        Library.start()
        precondition(count > 0, "a secret has at least one byte")
        guard let memory = sodium_malloc(count) else { throw .memoryRefused(count) }
        sodium_memzero(memory, count)
        self.memory = memory
        self.count = count
    }

    /// The bytes as C wants them; only valid while the secret lives.
    var pointer: UnsafeMutablePointer<UInt8> { self.memory.assumingMemoryBound(to: UInt8.self) }

    /// Takes over `bytes` and wipes them.
    public init(wiping bytes: UnsafeMutableRawBufferPointer) throws(SodiumError) {
        defer { sodium_memzero(bytes.baseAddress, bytes.count) }
        try self.init(count: bytes.count)
        self.withMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(bytes)) }
    }

    /// Lets `fill` write the secret where it will stay.
    public init(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) throws(SodiumError) {
        try self.init(count: count)
        fill(UnsafeMutableRawBufferPointer(start: self.memory, count: count))
    }

    deinit { sodium_free(self.memory) }

    /// Lends the bytes. They must not be copied into a Swift array.
    public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: self.memory, count: self.count))
    }

    /// Lends the bytes for writing.
    public borrowing func withMutableBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeMutableRawBufferPointer(start: self.memory, count: self.count))
    }

    /// A second copy in guarded memory of its own. The name is ugly on purpose.
    public borrowing func duplicated(from start: Int = 0, count: Int? = nil) throws(SodiumError)
        -> SecretBytes
    {
        let count = count ?? self.count - start
        precondition(start >= 0 && count > 0 && start + count <= self.count, "a part of the secret")
        let copy = try SecretBytes(count: count)
        copy.memory.copyMemory(from: self.memory + start, byteCount: count)
        return copy
    }
}
