/// The Merkle tree of RFC 6962 section 2.1 over SHA-256: leaf = H(00 | data), node = H(01 | left | right),
/// split at the largest power of two below the number of leaves.
public struct MerkleTree: Sendable {
    /// Leaf hashes first, then each level above; the last level holds the root. A level is its hashes one
    /// after the other.
    private let levels: [[UInt8]]

    /// A tree over `leaves`, at least one.
    public init(leaves: [[UInt8]]) {
        var hashes: [UInt8] = []
        for leaf in leaves { Self.appendLeafHash(of: leaf.span.bytes, to: &hashes) }
        self.init(leafHashes: hashes)
    }

    /// A tree over `bytes`, at least one, cut into leaves of `leafBytes`; the last one may be shorter.
    public init(over bytes: [UInt8], leafBytes: Int) {
        let whole = bytes.span.bytes
        var hashes: [UInt8] = []
        hashes.reserveCapacity((bytes.count + leafBytes - 1) / leafBytes * SHA256.byteCount)
        for start in stride(from: 0, to: bytes.count, by: leafBytes) {
            let leaf = whole.extracting(start..<min(start + leafBytes, bytes.count))
            Self.appendLeafHash(of: leaf, to: &hashes)
        }
        self.init(leafHashes: hashes)
    }

    private init(leafHashes: [UInt8]) {
        precondition(!leafHashes.isEmpty, "a tree over nothing has no leaf to prove")
        var levels = [leafHashes]
        var level = leafHashes
        while level.count > SHA256.byteCount {
            level = Self.level(above: level)
            levels.append(level)
        }
        self.levels = levels
    }

    /// Joining neighbours and carrying an odd last node up gives RFC 6962's split.
    private static func level(above level: [UInt8]) -> [UInt8] {
        let pair = 2 * SHA256.byteCount
        var above: [UInt8] = []
        above.reserveCapacity(level.count / 2 + SHA256.byteCount)
        for start in stride(from: 0, to: level.count - SHA256.byteCount, by: pair) {
            var hash = SHA256()
            hash.update(self.nodeTag)
            hash.update(level.span.bytes.extracting(start..<start + pair))
            hash.append(to: &above)
        }
        if level.count % pair != 0 { above += level.suffix(SHA256.byteCount) }
        return above
    }

    /// 32 bytes.
    public var root: [UInt8] { self.levels[self.levels.count - 1] }

    public var leafCount: Int { self.levels[0].count / SHA256.byteCount }

    /// The sibling hashes from leaf `index` (0-based) up to the root, at most one a level.
    public func inclusionProof(for index: Int) -> [[UInt8]] {
        precondition((0..<self.leafCount).contains(index), "a leaf of this tree")
        var path: [[UInt8]] = []
        var index = index
        for level in self.levels.dropLast() {
            let sibling = (index ^ 1) * SHA256.byteCount
            if sibling < level.count { path.append(Array(level[sibling..<sibling + SHA256.byteCount])) }
            index /= 2
        }
        return path
    }

    /// Checks that `leaf` is number `index` of `count` leaves below `root` (RFC 9162 section 2.1.3.2).
    public static func verifies(leaf: [UInt8], index: Int, count: Int, path: [[UInt8]], root: [UInt8]) -> Bool
    {
        guard index >= 0, index < count, path.count <= 64, path.allSatisfy({ $0.count == 32 }) else {
            return false
        }
        var node = index
        var last = count - 1
        var hash = self.leafHash(leaf)
        for sibling in path {
            guard last > 0 else { return false }
            if node & 1 == 1 || node == last {
                hash = self.nodeHash(sibling, hash)
                while node & 1 == 0, node != 0 {
                    node >>= 1
                    last >>= 1
                }
            } else {
                hash = self.nodeHash(hash, sibling)
            }
            node >>= 1
            last >>= 1
        }
        return last == 0 && hash == root
    }

    /// Leaves and nodes are hashed with different first bytes, so that neither passes for the other.
    private static let leafTag: [UInt8] = [0x00]
    private static let nodeTag: [UInt8] = [0x01]

    private static func appendLeafHash(of data: RawSpan, to hashes: inout [UInt8]) {
        var hash = SHA256()
        hash.update(self.leafTag)
        hash.update(data)
        hash.append(to: &hashes)
    }

    public static func leafHash(_ data: [UInt8]) -> [UInt8] { SHA256.digest(of: self.leafTag, data) }

    public static func nodeHash(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        SHA256.digest(of: self.nodeTag, left, right)
    }
}
