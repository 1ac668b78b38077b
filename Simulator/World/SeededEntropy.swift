import Encoding
package import Sodium
import Synchronization
import World

/// Random bytes that a seed and a purpose decide: SHA-256 in counter mode. Each purpose is a stream of its
/// own, so that one more device does not shift the others.
package final class SeededEntropy: Entropy {
    private let prefix: [UInt8]
    private let counter = Atomic<UInt64>(0)

    package init(seed: UInt64, purpose: String) {
        var prefix = Array("depai simulator \(purpose)\n".utf8)
        prefix.append(little: seed)
        self.prefix = prefix
    }

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        var start = 0
        while start < buffer.count {
            var block = self.prefix
            block.append(little: self.counter.add(1, ordering: .relaxed).oldValue)
            for byte in SHA256.digest(of: block).prefix(buffer.count - start) {
                buffer[start] = byte
                start += 1
            }
        }
    }

    /// The next key of this stream. A simulation's keys are no secret: they follow from its seed.
    package func signingKey() throws -> SigningKey {
        try SigningKey(seed: try SecretBytes(count: 32) { self.fill($0) })
    }
}
