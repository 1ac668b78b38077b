import Encoding
import Sodium
import Testing

@Suite struct MerkleTreeTests {
    /// Source: transparency-dev/merkle testonly constants (leaf inputs and roots of sizes 1 to 8).
    static let leaves = [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ]
    static let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    @Test(arguments: 1...8) func `roots are those of Certificate Transparency`(count: Int) throws {
        let tree = MerkleTree(leaves: try Self.leaves.prefix(count).map { try Hex.decode($0) })
        #expect(Hex.encode(tree.root) == Self.roots[count - 1])
        #expect(tree.leafCount == count)
    }

    /// Source: the same constants, as Go's x/mod/sumdb/tlog computes them.
    @Test(arguments: [
        (
            5, 8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        ),
        (
            6, 7,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        ),
        (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (4, 5, ["d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    ])
    func `paths are those of Certificate Transparency`(index: Int, count: Int, path: [String]) throws {
        let tree = MerkleTree(leaves: try Self.leaves.prefix(count).map { try Hex.decode($0) })
        #expect(tree.inclusionProof(for: index).map { Hex.encode($0) } == path)
    }

    /// RFC 6962 section 2.1 word for word: an independent way to the root.
    private func root(_ leaves: ArraySlice<[UInt8]>) -> [UInt8] {
        guard leaves.count > 1 else { return MerkleTree.leafHash(leaves.first ?? []) }
        var split = 1
        while split * 2 < leaves.count { split *= 2 }
        return MerkleTree.nodeHash(self.root(leaves.prefix(split)), self.root(leaves.dropFirst(split)))
    }

    @Test(arguments: 1...20) func `every leaf is proved, and only where it stands`(count: Int) {
        let leaves = (0..<count).map { [UInt8($0), 0x55] }
        let tree = MerkleTree(leaves: leaves)
        #expect(tree.root == self.root(leaves[...]))
        for index in 0..<count {
            let path = tree.inclusionProof(for: index)
            func verifies(
                _ path: [[UInt8]], leaf: [UInt8]? = nil, at place: Int? = nil, root: [UInt8]? = nil
            ) -> Bool {
                MerkleTree.verifies(
                    leaf: leaf ?? leaves[index], index: place ?? index, count: count, path: path,
                    root: root ?? tree.root)
            }
            #expect(verifies(path), "leaf \(index) of \(count)")
            for other in -1...count where other != index {
                #expect(!verifies(path, at: other), "\(index) as \(other)")
            }
            #expect(!verifies(path, leaf: leaves[index] + [0]))
            #expect(!verifies(path + [tree.root]))
            #expect(!verifies(path, root: MerkleTree.leafHash([1, 2, 3])))
            guard !path.isEmpty else { continue }
            #expect(!verifies(Array(path.dropLast())))
            #expect(!verifies(Array(path.dropFirst())))
            for place in path.indices {
                var changed = path
                changed[place][place % 32] ^= 1
                #expect(!verifies(changed))
                changed[place] = Array(path[place].dropLast())
                #expect(!verifies(changed))
            }
            if path.count > 1 { #expect(!verifies(path.reversed())) }
        }
    }

    @Test(arguments: [1, 3, 4, 5, 8, 9, 63])
    func `bytes cut into leaves have the tree of those leaves`(count: Int) {
        let bytes = (0..<count).map { UInt8($0) }
        let leaves = stride(from: 0, to: count, by: 4).map { Array(bytes[$0..<min($0 + 4, count)]) }
        let (cut, whole) = (MerkleTree(over: bytes, leafBytes: 4), MerkleTree(leaves: leaves))
        #expect(cut.root == whole.root)
        #expect(cut.leafCount == leaves.count)
        for index in leaves.indices {
            #expect(cut.inclusionProof(for: index) == whole.inclusionProof(for: index))
        }
    }

    /// A node of the tree is not accepted as a leaf: the two are hashed with different first bytes.
    @Test func `an inner node is no leaf`() {
        let leaves = (0..<4).map { [UInt8($0)] }
        let tree = MerkleTree(leaves: leaves)
        let left = MerkleTree.leafHash(leaves[0]) + MerkleTree.leafHash(leaves[1])
        let right = MerkleTree.nodeHash(MerkleTree.leafHash(leaves[2]), MerkleTree.leafHash(leaves[3]))
        #expect(!MerkleTree.verifies(leaf: left, index: 0, count: 2, path: [right], root: tree.root))
    }
}
