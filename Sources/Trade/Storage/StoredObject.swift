public import Encoding
internal import Sodium
public import Statements

/// Bytes as they are given away: sealed, named by their content, cut into leaves that can be challenged one
/// by one.
public struct StoredObject: Sendable {
    /// One leaf, in bytes; the last one may be shorter.
    public static let leafBytes = 1 << 10
    /// The most that one object holds: up to here a raw block and a UnixFS file of one chunk have the same
    /// CID.
    public static let byteLimit = 256 << 10

    public let bytes: [UInt8]
    /// CIDv1, raw, SHA2-256: what `ipfs add --cid-version=1 --raw-leaves` gives for one chunk.
    public let id: ContentID
    private let tree: MerkleTree

    /// - Throws: `StorageError.size` for nothing or more than the limit.
    public init(_ bytes: [UInt8]) throws(StorageError) {
        guard (1...Self.byteLimit).contains(bytes.count) else {
            throw .size(bytes.count, limit: Self.byteLimit)
        }
        self.bytes = bytes
        self.id = Self.id(of: bytes)
        self.tree = MerkleTree(over: bytes, leafBytes: Self.leafBytes)
    }

    /// The name alone, without the leaves.
    public static func id(of bytes: [UInt8]) -> ContentID {
        ContentID(codec: .raw, sha256: SHA256.digest(of: bytes))
    }

    /// RFC 6962 root over the leaves, 32 bytes: all that has to be kept for challenging.
    public var root: [UInt8] { self.tree.root }
    public var leafCount: Int { self.tree.leafCount }

    /// The leaf and its path to the root; nil beyond the end.
    public func leaf(_ index: Int) -> (data: [UInt8], path: [[UInt8]])? {
        guard (0..<self.leafCount).contains(index) else { return nil }
        let start = index * Self.leafBytes
        return (
            Array(self.bytes[start..<min(start + Self.leafBytes, self.bytes.count)]),
            self.tree.inclusionProof(for: index)
        )
    }

    static func leafCount(bytes: Int) -> Int { (bytes + Self.leafBytes - 1) / Self.leafBytes }
}

/// Why something is not stored, or not proved to be.
public enum StorageError: Error, Equatable, CustomStringConvertible {
    case size(Int, limit: Int)
    /// A receipt or proof says something else than what was bought.
    case mismatch(what: String, expected: String, found: String)
    /// The leaf does not lead to the root.
    case notPossessed(leaf: Int)
    /// The node gave no proof.
    case noProof(status: Int)

    public var description: String {
        switch self {
        case .size(let size, let limit): "\(size) bytes; an object has 1 to \(limit)"
        case .mismatch(let what, let expected, let found): "\(what) is \(found) instead of \(expected)"
        case .notPossessed(let leaf): "leaf \(leaf) does not lead to the root: the bytes are not there"
        case .noProof(let status): "no proof of possession: status \(status)"
        }
    }
}

/// What is kept of a stored object to be able to check on it.
public struct ObjectSummary: Sendable, Hashable {
    public let id: ContentID
    public let root: [UInt8]
    public let size: Int

    public init(id: ContentID, root: [UInt8], size: Int) {
        self.id = id
        self.root = root
        self.size = size
    }

    public init(_ object: StoredObject) {
        self.init(id: object.id, root: object.root, size: object.bytes.count)
    }
}

/// The seller's word that it took the object, `depai.storage-receipt/1`.
public struct StorageReceipt: Sendable, Equatable {
    public static let schema = "depai.storage-receipt/1"
    public let object: ObjectSummary
    public let days: Int
    /// The payment's transaction.
    public let transaction: String
    /// Milliseconds since 1970.
    public let issuedAt: Int64

    public init(object: ObjectSummary, days: Int, transaction: String, issuedAt: Int64) {
        self.object = object
        self.days = days
        self.transaction = transaction
        self.issuedAt = issuedAt
    }
}

extension StorageReceipt: Signable {
    public static let kind = Statement.Kind.receipt
    public static let limits = JSON.Limits(bytes: 16 << 10, depth: 4)

    public var json: JSON {
        [
            "schema": .string(Self.schema), "cid": .string(self.object.id.description),
            "root": .string(Hex.encode(self.object.root)), "size": JSON(self.object.size),
            "days": JSON(self.days),
            "transaction": .string(self.transaction), "issuedAt": JSON(self.issuedAt),
        ]
    }

    public init(_ field: JSONField) throws {
        guard try field["schema"].string() == Self.schema else {
            throw field["schema"].fault("expected \(Self.schema)")
        }
        self.init(
            object: ObjectSummary(
                id: try ContentID(try field["cid"].string()),
                root: try Hex.decode(try field["root"].string()),
                size: try field["size"].integer()),
            days: try field["days"].integer(), transaction: try field["transaction"].string(),
            issuedAt: try field["issuedAt"].integer())
    }
}

/// A node's answer to a challenge, `depai.possession/1`: leaf data, its path, and the nonce that was asked
/// for.
public struct PossessionProof: Sendable, Equatable {
    public static let schema = "depai.possession/1"
    public let id: ContentID
    public let index: Int
    public let leaf: [UInt8]
    public let path: [[UInt8]]
    /// Hex, chosen by the challenger.
    public let nonce: String

    public init(id: ContentID, index: Int, leaf: [UInt8], path: [[UInt8]], nonce: String) {
        self.id = id
        self.index = index
        self.leaf = leaf
        self.path = path
        self.nonce = nonce
    }
}

extension PossessionProof: Signable {
    public static let kind = Statement.Kind.possession
    /// A leaf and its path.
    public static let limits = JSON.Limits(bytes: 64 << 10, depth: 4)

    public var json: JSON {
        [
            "schema": .string(Self.schema), "cid": .string(self.id.description), "index": JSON(self.index),
            "leaf": .string(Base64.standard.encode(self.leaf)),
            "path": .array(self.path.map { .string(Hex.encode($0)) }), "nonce": .string(self.nonce),
        ]
    }

    public init(_ field: JSONField) throws {
        guard try field["schema"].string() == Self.schema else {
            throw field["schema"].fault("expected \(Self.schema)")
        }
        var path: [[UInt8]] = []
        for hash in try field["path"].elements() { path.append(try Hex.decode(try hash.string())) }
        self.init(
            id: try ContentID(try field["cid"].string()), index: try field["index"].integer(),
            leaf: try Base64.standard.decode(try field["leaf"].string()), path: path,
            nonce: try field["nonce"].string())
    }

    /// Checks that the node holds the challenged leaf of `object`.
    public func check(_ object: ObjectSummary, index: Int, nonce: String) throws(StorageError) {
        guard self.id == object.id else {
            throw .mismatch(what: "the object", expected: object.id.description, found: self.id.description)
        }
        guard self.index == index else {
            throw .mismatch(what: "the leaf", expected: "\(index)", found: "\(self.index)")
        }
        guard self.nonce == nonce else {
            throw .mismatch(what: "the nonce", expected: nonce, found: self.nonce)
        }
        let count = StoredObject.leafCount(bytes: object.size)
        guard
            MerkleTree.verifies(
                leaf: self.leaf, index: index, count: count, path: self.path, root: object.root)
        else {
            throw .notPossessed(leaf: index)
        }
    }
}
