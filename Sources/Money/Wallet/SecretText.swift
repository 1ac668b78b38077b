internal import CUnistring
internal import Sodium

/// Unicode normalisation that leaves no copy in unguarded memory. `String` has no NFKD and would keep the
/// secret in a buffer that nobody wipes.
enum SecretText {
    /// The longest text, in bytes.
    static let limit = 1_024
    /// What one scalar's decomposition has at most (Unicode 15: U+FDFA has 18).
    private static let longestDecomposition = 32

    /// `text` in NFKD: decomposed, and every run of combining marks in the order of their classes.
    /// - Throws: `MnemonicError.passphrase` for anything but UTF-8 of at most ``limit`` bytes.
    static func compatibilityDecomposed(_ text: borrowing SecretBytes) throws -> SecretBytes {
        guard text.count <= self.limit else { throw MnemonicError.passphrase }
        let scalars = try SecretBytes(count: 4 * self.longestDecomposition * text.count)
        let output = try SecretBytes(count: 4 * self.longestDecomposition * text.count)
        let length = try text.withBytes { text in
            try scalars.withMutableBytes { scalars in
                try output.withMutableBytes { output in
                    let scalars = scalars.bindMemory(to: UInt32.self)
                    let count = try self.decompose(text, into: scalars)
                    self.order(scalars, count)
                    return self.encode(scalars, count, into: output)
                }
            }
        }
        return try output.duplicated(count: length)
    }

    private static func decompose(
        _ text: UnsafeRawBufferPointer, into scalars: UnsafeMutableBufferPointer<UInt32>
    ) throws -> Int {
        var decoder = Unicode.UTF8()
        var bytes = text.makeIterator()
        var count = 0
        while true {
            switch decoder.decode(&bytes) {
            case .emptyInput: return count
            case .error: throw MnemonicError.passphrase
            case .scalarValue(let scalar):
                var place = scalars.baseAddress.map { $0 + count }
                count += self.decompose(scalar.value, into: &place)
            }
        }
    }

    /// Decomposes until nothing is left to decompose. The tables hold one step at a time.
    private static func decompose(_ scalar: UInt32, into place: inout UnsafeMutablePointer<UInt32>?) -> Int {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: self.longestDecomposition) { parts in
            defer { parts.update(repeating: 0) }
            parts.initialize(repeating: 0)
            var tag: Int32 = 0
            let count = uc_decomposition(scalar, &tag, parts.baseAddress)
            guard count > 0 else {
                place?.pointee = scalar
                place = place.map { $0 + 1 }
                return 1
            }
            return (0..<Int(count)).reduce(0) { $0 + self.decompose(parts[$1], into: &place) }
        }
    }

    /// Unicode's canonical ordering: a stable sort of each run of marks.
    private static func order(_ scalars: UnsafeMutableBufferPointer<UInt32>, _ count: Int) {
        for index in 1..<max(1, count) {
            let kind = uc_combining_class(scalars[index])
            guard kind != 0 else { continue }
            var place = index
            while place > 0, uc_combining_class(scalars[place - 1]) > kind {
                scalars.swapAt(place, place - 1)
                place -= 1
            }
        }
    }

    private static func encode(
        _ scalars: UnsafeMutableBufferPointer<UInt32>, _ count: Int,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var length = 0
        for index in 0..<count {
            guard let scalar = Unicode.Scalar(scalars[index]) else { continue }
            guard let bytes = UTF8.encode(scalar) else { continue }
            for byte in bytes {
                output[length] = byte
                length += 1
            }
        }
        return length
    }
}
