internal import Encoding
public import Sodium

/// A SLIP-0010 path for Ed25519: hardened steps only.
public struct DerivationPath: Sendable, Hashable, CustomStringConvertible {
    /// Without the hardening bit.
    public let steps: [UInt32]

    /// Why a text is not a path for Ed25519.
    public enum Fault: Error, Equatable, CustomStringConvertible {
        case malformed(String)
        /// Ed25519 has no soft derivation; hardening it silently would give another wallet than the one
        /// meant.
        case notHardened(String)

        public var description: String {
            switch self {
            case .malformed(let text): "\"\(text)\" is not a derivation path such as m/44'/501'/0'/0'"
            case .notHardened(let step): "step \"\(step)\" is not hardened; Ed25519 needs \(step)'"
            }
        }
    }

    /// Reads `m/44'/501'/0'/0'`.
    public init(_ text: String) throws(Fault) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.first == "m", parts.count <= 16 else { throw .malformed(text) }
        var steps: [UInt32] = []
        for part in parts.dropFirst() {
            guard part.hasSuffix("'") else { throw .notHardened(String(part)) }
            guard let step = UInt32(part.dropLast()), step < 1 << 31, String(step) == part.dropLast() else {
                throw .malformed(text)
            }
            steps.append(step)
        }
        self.steps = steps
    }

    init(steps: [UInt32]) { self.steps = steps }

    /// The path of an identity that belongs to no coin (SLIP-0013): m/13'/A'/B'/C'/D', the numbers being the
    /// first 128 bits of SHA-256(index, little endian, then the URI).
    public static func identity(uri: String, index: UInt32 = 0) -> DerivationPath {
        var input: [UInt8] = []
        input.append(little: index)
        input.append(contentsOf: uri.utf8)
        let digest = SHA256.digest(of: input)
        var steps: [UInt32] = [13]
        for number in 0..<4 {
            var step: UInt32 = 0
            for byte in digest[number * 4..<number * 4 + 4].reversed() { step = step << 8 | UInt32(byte) }
            steps.append(step & 0x7fff_ffff)
        }
        return DerivationPath(steps: steps)
    }

    public var description: String { (["m"] + self.steps.map { "\($0)'" }).joined(separator: "/") }

    /// The 32-byte Ed25519 seed at this path below a BIP-39 seed.
    public func key(below seed: borrowing SecretBytes) throws(SodiumError) -> SecretBytes {
        let node = try SecretBytes(count: 64)
        let next = try SecretBytes(count: 64)
        let master = Array("ed25519 seed".utf8)
        seed.withBytes { seed in
            master.withUnsafeBytes { key in
                node.withMutableBytes { HMACSHA512.authenticate([seed], key: key, into: $0) }
            }
        }
        for step in self.steps {
            let index = step | 1 << 31
            let number = (0..<4).map { UInt8(truncatingIfNeeded: index >> UInt32(24 - 8 * $0)) }
            node.withMutableBytes { node in
                next.withMutableBytes { next in
                    let parent = UnsafeRawBufferPointer(node)
                    [UInt8(0)].withUnsafeBytes { zero in
                        number.withUnsafeBytes { number in
                            HMACSHA512.authenticate(
                                [zero, UnsafeRawBufferPointer(rebasing: parent[0..<32]), number],
                                key: UnsafeRawBufferPointer(rebasing: parent[32..<64]), into: next)
                        }
                    }
                    node.copyMemory(from: UnsafeRawBufferPointer(next))
                }
            }
        }
        return try node.duplicated(count: 32)
    }
}
