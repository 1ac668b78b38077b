internal import Database
internal import Encoding
public import Sodium
public import SystemPackage
public import World

/// Why a keystore file was not made or opened.
public enum KeystoreError: Error, CustomStringConvertible {
    /// There is a wallet already; it is never overwritten.
    case exists(String)
    case missing(String)
    case malformed(String)
    /// Wrong passphrase, or a changed file: the two cannot be told apart.
    case locked
    case emptyPassphrase

    public var description: String {
        switch self {
        case .exists(let path): "\(path) exists already and is never overwritten"
        case .missing(let path): "there is no wallet at \(path)"
        case .malformed(let reason): "the keystore is malformed: \(reason)"
        case .locked: "the keystore does not open: wrong passphrase, or the file was changed"
        case .emptyPassphrase: "the passphrase is empty"
        }
    }
}

/// What one of the wallet's keys is for.
public enum KeyRole: String, Sendable, Hashable, CaseIterable {
    /// Owns the money.
    case payment
    /// Pays network fees for others' transactions, if the wallet is a facilitator's.
    case sponsor
    /// Signs statements: receipts, offers, proofs. Never money.
    case identity
    /// Seals what is stored at others'. Signs nothing.
    case storage

    var path: DerivationPath {
        switch self {
        case .payment: .solana(account: 0)
        case .sponsor: .solana(account: 1)
        case .identity: .identity(uri: "depai://identity")
        case .storage: .identity(uri: "depai://storage")
        }
    }
}

/// A keystore file, `depai-keystore/1`: public keys in clear and authenticated, secret keys under a random
/// data key, the data key under one slot per way to unlock. Only leaf keys are stored; the mnemonic is not.
public struct Keystore: Sendable {
    public static let schema = "depai-keystore/1"

    /// The public keys, readable while locked.
    public let keys: [KeyRole: PublicKey]
    private let header: JSON
    private let slot: Slot
    private let box: Box

    private struct Box: Sendable {
        let nonce: [UInt8]
        let bytes: [UInt8]
    }

    /// One way to unlock: the data key under a passphrase's Argon2id key.
    private struct Slot: Sendable {
        let hash: PasswordHash
        let box: Box
    }

    /// Makes the keystore for a mnemonic and writes it.
    ///
    /// - Parameters:
    ///   - path: must not exist.
    ///   - hash: cost of the passphrase; the salt in it must be fresh.
    public static func create(
        at path: FilePath, mnemonic: borrowing Mnemonic, passphrase: borrowing SecretBytes,
        cost: PasswordCost,
        entropy: some Entropy
    ) throws -> Keystore {
        guard !DurableFile.exists(path) else { throw KeystoreError.exists(path.string) }
        let roles = KeyRole.allCases
        let secrets = try SecretBytes(count: 32 * roles.count)
        var list: [JSON] = []
        let seed = try mnemonic.seed()
        for (index, role) in roles.enumerated() {
            let leaf = try role.path.key(below: seed)
            leaf.withBytes { leaf in
                secrets.withMutableBytes {
                    UnsafeMutableRawBufferPointer(rebasing: $0[32 * index..<32 * index + 32]).copyMemory(
                        from: leaf)
                }
            }
            let key = try SigningKey(seed: leaf).publicKey
            list.append([
                "role": .string(role.rawValue), "path": .string(role.path.description),
                "public": .string(Base58.encode(key.bytes)),
            ])
        }
        let header: JSON = ["schema": .string(self.schema), "keys": .array(list)]
        let authenticated = try header.canonicalBytes()
        let dataKey = try SecretBytes(count: SealedBox.keyBytes) { entropy.fill($0) }
        let hash = PasswordHash(
            operations: cost.operations, memory: cost.memory, salt: entropy.bytes(PasswordHash.saltBytes))
        let passphraseKey = try hash.key(from: passphrase)
        var slot: JSON = [
            "kind": "passphrase", "kdf": "argon2id13", "operations": JSON(hash.operations),
            "memory": JSON(hash.memory), "salt": .string(Base64.standard.encode(hash.salt)),
        ]
        try self.seal(dataKey, into: &slot, key: passphraseKey, header: authenticated, entropy: entropy)
        var file: JSON = ["header": header, "slots": [slot]]
        try self.seal(secrets, into: &file, key: dataKey, header: authenticated, entropy: entropy)
        try DurableFile.write(Array((file.prettyText + "\n").utf8), to: path)
        return try Keystore(at: path)
    }

    /// Reads a keystore without unlocking it.
    public init(at path: FilePath) throws {
        guard DurableFile.exists(path) else { throw KeystoreError.missing(path.string) }
        do {
            let root = JSONField(try JSON.read(try DurableFile.read(path, limit: 64 << 10)))
            try root.only(["header", "slots", "nonce", "box"])
            guard let header = root["header"].value else { throw root["header"].fault("missing") }
            guard try root["header"]["schema"].string() == Self.schema else {
                throw root["header"]["schema"].fault("expected \(Self.schema)")
            }
            var keys: [KeyRole: PublicKey] = [:]
            for field in try root["header"]["keys"].elements() {
                guard let role = KeyRole(rawValue: try field["role"].string()) else {
                    throw field["role"].fault("unknown role")
                }
                keys[role] = try PublicKey(try Base58.decode(try field["public"].string()))
            }
            guard keys.count == KeyRole.allCases.count else {
                throw root["header"]["keys"].fault("keys are missing")
            }
            self.header = header
            self.keys = keys
            self.slot = try Self.slot(root["slots"][0])
            self.box = try Self.box(root)
        } catch let error as JSONError {
            throw KeystoreError.malformed("\(error)")
        } catch let error as Encoding.DecodingError {
            throw KeystoreError.malformed("\(error)")
        } catch let error as SodiumError {
            throw KeystoreError.malformed("\(error)")
        }
    }

    /// The base58 address of the payment key.
    public var address: String { self.keys[.payment].map { Base58.encode($0.bytes) } ?? "" }

    /// Opens the keystore.
    /// - Throws: `KeystoreError.locked` for a wrong passphrase or a changed file.
    public func unlock(passphrase: borrowing SecretBytes) throws -> UnlockedWallet {
        let authenticated = try self.header.canonicalBytes()
        do {
            let passphraseKey = try self.slot.hash.key(from: passphrase)
            let dataKey = try SealedBox.open(
                self.slot.box.bytes, key: passphraseKey, nonce: self.slot.box.nonce, header: authenticated)
            let secrets = try SealedBox.open(
                self.box.bytes, key: dataKey, nonce: self.box.nonce, header: authenticated)
            guard secrets.count == 32 * KeyRole.allCases.count else {
                throw KeystoreError.malformed("wrong key count")
            }
            let wallet = UnlockedWallet(
                payment: try SigningKey(seed: secrets.duplicated(from: 0, count: 32)),
                sponsor: try SigningKey(seed: secrets.duplicated(from: 32, count: 32)),
                identity: try SigningKey(seed: secrets.duplicated(from: 64, count: 32)),
                storage: try secrets.duplicated(from: 96, count: 32))
            for role in KeyRole.allCases where role != .storage && wallet.publicKey(role) != self.keys[role] {
                throw KeystoreError.malformed("the \(role.rawValue) key does not match its public half")
            }
            return wallet
        } catch SodiumError.forged {
            throw KeystoreError.locked
        }
    }

    /// Adds `nonce` and `box`: the secret sealed under a fresh nonce.
    private static func seal(
        _ secret: borrowing SecretBytes, into object: inout JSON, key: borrowing SecretBytes, header: [UInt8],
        entropy: some Entropy
    ) throws {
        let nonce = entropy.bytes(SealedBox.nonceBytes)
        let box = try SealedBox.seal(secret, key: key, nonce: nonce, header: header)
        object["nonce"] = .string(Base64.standard.encode(nonce))
        object["box"] = .string(Base64.standard.encode(box))
    }

    private static func slot(_ field: JSONField) throws -> Slot {
        guard try field["kind"].string() == "passphrase", try field["kdf"].string() == "argon2id13" else {
            throw field.fault("an unknown way to unlock")
        }
        let operations: UInt64 = try field["operations"].integer()
        let memory: Int = try field["memory"].integer()
        guard (PasswordHash.floor.operations...PasswordHash.ceiling.operations).contains(operations),
            (PasswordHash.floor.memory...PasswordHash.ceiling.memory).contains(memory)
        else { throw field.fault("Argon2id parameters out of bounds") }
        let salt = try Base64.standard.decode(try field["salt"].string())
        return Slot(
            hash: PasswordHash(operations: operations, memory: memory, salt: salt), box: try self.box(field))
    }

    private static func box(_ field: JSONField) throws -> Box {
        Box(
            nonce: try Base64.standard.decode(try field["nonce"].string()),
            bytes: try Base64.standard.decode(try field["box"].string()))
    }
}

/// What guessing a passphrase costs.
public struct PasswordCost: Sendable, Hashable {
    public let operations: UInt64
    /// Bytes.
    public let memory: Int

    /// RFC 9106's second choice for boards with 1 GiB or more: 3 passes over 64 MiB.
    public static let standard = PasswordCost(operations: 3, memory: 64 << 20)
    /// For tests and the simulator only.
    public static let least = PasswordCost(
        operations: PasswordHash.floor.operations, memory: PasswordHash.floor.memory)
}

/// A secret in a file of its own: a passphrase, a mnemonic.
public enum SecretFile {
    /// The longest secret, in bytes.
    static let limit = 4_096

    /// Reads a file into guarded memory, without the line end.
    /// - Throws: `FileError.openToOthers` when group or others may read it, `tooLarge` instead of cutting it.
    public static func read(_ path: FilePath) throws -> SecretBytes {
        try DurableFile.requirePrivate(path)
        let room = try SecretBytes(count: self.limit + 1)
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        var count = try file.closeAfter { try room.withMutableBytes { try file.read(into: $0) } }
        guard count <= self.limit else { throw FileError.tooLarge(path: path.string, limit: self.limit) }
        room.withBytes { bytes in
            while count > 0, bytes[count - 1] == 0x0a || bytes[count - 1] == 0x0d { count -= 1 }
        }
        guard count > 0 else { throw KeystoreError.emptyPassphrase }
        return try room.duplicated(count: count)
    }
}
