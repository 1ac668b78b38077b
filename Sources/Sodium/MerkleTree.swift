/// The Merkle tree of RFC 6962 section 2.1 over SHA-256: leaf = H(00 | data), node = H(01 | left | right),
/// split at the largest power of two below the number of leaves.
public struct MerkleTree: Sendable {
    /// Leaf hashes first, then each level above; the last level holds the root.
    private let levels: [[[UInt8]]]

    /// A tree over `leaves`, at least one.
    public init(leaves: [[UInt8]]) {
        precondition(!leaves.isEmpty, "a tree over nothing has no leaf to prove")
        var level = leaves.map(Self.leafHash)
        var levels = [level]
        while level.count > 1 {
            // Joining neighbours and carrying an odd last node up gives RFC 6962's split.
            level = stride(from: 0, to: level.count, by: 2).map { index in
                index + 1 < level.count ? Self.nodeHash(level[index], level[index + 1]) : level[index]
            }
            levels.append(level)
        }
        self.levels = levels
    }

    /// 32 bytes.
    public var root: [UInt8] { self.levels[self.levels.count - 1][0] }

    public var leafCount: Int { self.levels[0].count }

    /// The sibling hashes from leaf `index` (0-based) up to the root, at most one a level.
    public func inclusionProof(for index: Int) -> [[UInt8]] {
        precondition((0..<self.leafCount).contains(index), "a leaf of this tree")
        var path: [[UInt8]] = []
        var index = index
        for level in self.levels.dropLast() {
            let sibling = index ^ 1
            if sibling < level.count { path.append(level[sibling]) }
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

    public static func leafHash(_ data: [UInt8]) -> [UInt8] { SHA256.digest(of: [0x00], data) }

    public static func nodeHash(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        SHA256.digest(of: [0x01], left, right)
    }
}
