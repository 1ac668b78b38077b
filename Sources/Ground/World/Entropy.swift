/// A source of random bytes: the kernel's on a robot, seeded in a simulation.
public protocol Entropy: Sendable {
    /// Fills the whole buffer. Writing into the caller's memory keeps secrets out of Swift arrays.
    func fill(_ buffer: UnsafeMutableRawBufferPointer)
}

extension Entropy {
    /// `count` random bytes that are not secret: nonces, salts, names.
    public func bytes(_ count: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        result.withUnsafeMutableBytes { self.fill($0) }
        return result
    }

    /// A number in `0..<bound`, without modulo bias. `bound` must be positive.
    public func number(below bound: UInt64) -> UInt64 {
        precondition(bound > 0, "a random number needs a positive bound")
        let limit = UInt64.max - UInt64.max % bound
        while true {
            let value = self.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            if value < limit { return value % bound }
        }
    }
}
