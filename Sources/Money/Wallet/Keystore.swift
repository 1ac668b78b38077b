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
    /// The file has no slot of this kind.
    case noSlot(String)

    public var description: String {
        switch self {
        case .exists(let path): "\(path) exists already and is never overwritten"
        case .missing(let path): "there is no wallet at \(path)"
        case .malformed(let reason): "the keystore is malformed: \(reason)"
        case .locked: "the keystore does not open: wrong passphrase, or the file was changed"
        case .emptyPassphrase: "the passphrase is empty"
        case .noSlot(let kind): "the keystore was never given a slot of the kind \"\(kind)\""
        }
    }
}

/// A keystore file, `depai-keystore/1`: public keys in clear and authenticated, secret keys under a random
/// data key, the data key under one slot per way to unlock. Only leaf keys are stored; the mnemonic is not.
///
///     {"header": {"schema": "depai-keystore/1", "keys": [{"role", "path", "public"}, …], "owner": …},
///      "slots": [{"kind": "passphrase", "kdf": "argon2id13", "operations", "memory", "salt", "nonce",
///      "box"},
///                {"kind": "credential", "nonce", "box"}, {"kind": "owner", "public", "box"}],
///      "nonce": …, "box": …}
public struct Keystore: Sendable {
    public static let schema = "depai-keystore/1"
    /// More ways to unlock than anyone needs.
    static let slotLimit = 8

    /// The public keys, readable while locked.
    public let keys: [KeyRole: PublicKey]
    /// Whom the wallet obeys, since it was made; nil in a file of an older program. As authentic as the keys:
    /// a file in which it was changed does not open.
    public let owner: PublicKey?
    /// The ways to unlock, in the file's order.
    public let slots: [KeystoreSlot]
    let path: FilePath
    private let file: JSON
    private let header: JSON
    private let box: SlotBox

    /// Makes the keystore of a wallet and writes it.
    ///
    /// - Parameters:
    ///   - path: must not exist.
    ///   - passphrase: locks the file.
    ///   - owner: whom the wallet obeys.
    ///   - cost: of guessing that passphrase.
    public static func create(
        at path: FilePath, seed: borrowing WalletSeed, passphrase: borrowing SecretBytes,
        owner: PublicKey? = nil, cost: PasswordCost, entropy: some Entropy
    ) throws -> Keystore {
        guard !DurableFile.exists(path) else { throw KeystoreError.exists(path.string) }
        let roles = KeyRole.allCases
        let secrets = try SecretBytes(count: 32 * roles.count)
        var list: [JSON] = []
        for (index, role) in roles.enumerated() {
            let leaf = try seed.key(role)
            leaf.withBytes { leaf in
                secrets.withMutableBytes {
                    UnsafeMutableRawBufferPointer(rebasing: $0[32 * index..<32 * index + 32]).copyMemory(
                        from: leaf)
                }
            }
            let key = try SigningKey(seed: leaf).publicKey
            list.append([
                "role": .string(role.rawValue), "path": .string(seed.path(role)),
                "public": .string(Base58.encode(key.bytes)),
            ])
        }
        var header: JSON = ["schema": .string(self.schema), "keys": .array(list)]
        header["owner"] = owner.map { .string(Base58.encode($0.bytes)) }
        let authenticated = try header.canonicalBytes()
        let dataKey = try SecretBytes(count: SealedBox.keyBytes) { entropy.fill($0) }
        let slot = try KeystoreSlot.make(
            passphrase: passphrase, cost: cost, dataKey: dataKey, header: authenticated, entropy: entropy)
        var file: JSON = ["header": header, "slots": [slot]]
        let box = try SlotBox.seal(secrets, key: dataKey, header: authenticated, entropy: entropy)
        box.write(into: &file)
        try DurableFile.write(Array((file.prettyText + "\n").utf8), to: path)
        return try Keystore(at: path)
    }

    /// Reads a keystore without unlocking it.
    public init(at path: FilePath) throws {
        guard DurableFile.exists(path) else { throw KeystoreError.missing(path.string) }
        do {
            let file = try JSON.read(try DurableFile.read(path, limit: 64 << 10))
            let root = JSONField(file)
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
            let slots = try root["slots"].elements()
            guard (1...Self.slotLimit).contains(slots.count) else {
                throw root["slots"].fault("1 to \(Self.slotLimit) ways to unlock")
            }
            self.path = path
            self.file = file
            self.header = header
            self.keys = keys
            self.owner = try root["header"]["owner"].ifPresent.map {
                try PublicKey(try Base58.decode(try $0.string()))
            }
            self.slots = try slots.map { try KeystoreSlot($0) }
            self.box = try SlotBox(root)
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

    /// Opens the keystore with its passphrase. Takes as long as the slot's Argon2id asks, and blocks its
    /// thread.
    /// - Throws: `KeystoreError.locked` for a wrong passphrase or a changed file.
    public func unlock(passphrase: borrowing SecretBytes) throws -> UnlockedWallet {
        try self.wallet(try self.dataKey(passphrase: passphrase))
    }

    /// Opens the keystore with the 32 bytes that the service manager delivered.
    /// - Throws: `KeystoreError.locked`, or `.noSlot` when no credential was ever added.
    public func unlock(credential: borrowing SecretBytes) throws -> UnlockedWallet {
        let header = try self.header.canonicalBytes()
        for case .credential(let box) in self.slots {
            guard let key = try box.open(key: credential, header: header, kind: "credential") else {
                continue
            }
            return try self.wallet(key)
        }
        throw self.refusal(kind: "credential")
    }

    /// Opens the keystore with the owner's key: how an owner recovers a machine whose passphrase is lost.
    /// - Throws: `KeystoreError.locked`, or `.noSlot` when the owner was never added.
    public func unlock(owner: borrowing SigningKey) throws -> UnlockedWallet {
        for case .owner(let key, let sealed) in self.slots where key == owner.publicKey {
            do {
                return try self.wallet(try owner.open(sealed))
            } catch SodiumError.forged {
                throw KeystoreError.locked
            }
        }
        throw self.refusal(kind: "owner")
    }

    /// The payment key's 32-byte seed, for use in other tools. Whoever sees it owns the money.
    public func paymentKey(passphrase: borrowing SecretBytes) throws -> SecretBytes {
        let secrets = try self.secrets(try self.dataKey(passphrase: passphrase))
        return try Self.seed(.payment, in: secrets)
    }

    /// Adds the machine's credential as a way to unlock and writes the file; the previous one is kept beside
    /// it as `*.previous`.
    /// - Parameter credential: 32 random bytes, as the service manager will deliver them.
    public func adding(
        credential: borrowing SecretBytes, passphrase: borrowing SecretBytes, entropy: some Entropy
    ) throws -> Keystore {
        let box = try SlotBox.seal(
            try self.dataKey(passphrase: passphrase), key: credential,
            header: SlotBox.header(try self.header.canonicalBytes(), kind: "credential"), entropy: entropy)
        var slot: JSON = ["kind": "credential"]
        box.write(into: &slot)
        return try self.adding(slot)
    }

    /// Adds the owner's public key as a way to unlock and writes the file, as
    /// ``adding(credential:passphrase:entropy:)`` does.
    public func adding(owner: PublicKey, passphrase: borrowing SecretBytes) throws -> Keystore {
        let sealed = try owner.seal(try self.dataKey(passphrase: passphrase))
        return try self.adding([
            "kind": "owner", "public": .string(Base58.encode(owner.bytes)),
            "box": .string(Base64.standard.encode(sealed)),
        ])
    }

    private func adding(_ slot: JSON) throws -> Keystore {
        guard self.slots.count < Self.slotLimit else {
            throw KeystoreError.malformed("there are \(Self.slotLimit) ways to unlock already")
        }
        var file = self.file
        file["slots"] = .array(try JSONField(self.file)["slots"].elements().compactMap(\.value) + [slot])
        try DurableFile.write(
            try DurableFile.read(self.path, limit: 64 << 10), to: FilePath(self.path.string + ".previous"))
        try DurableFile.write(Array((file.prettyText + "\n").utf8), to: self.path)
        return try Keystore(at: self.path)
    }

    private func dataKey(passphrase: borrowing SecretBytes) throws -> SecretBytes {
        let header = try self.header.canonicalBytes()
        for case .passphrase(let hash, let box) in self.slots {
            let key = try hash.key(from: passphrase)
            if let dataKey = try box.open(key: key, header: header, kind: "passphrase") { return dataKey }
        }
        throw self.refusal(kind: "passphrase")
    }

    private func refusal(kind: String) -> KeystoreError {
        self.slots.contains { $0.kind == kind } ? .locked : .noSlot(kind)
    }

    private func wallet(_ dataKey: consuming SecretBytes) throws -> UnlockedWallet {
        let secrets = try self.secrets(dataKey)
        func key(_ role: KeyRole) throws -> SigningKey {
            try SigningKey(seed: try Self.seed(role, in: secrets))
        }
        return UnlockedWallet(
            payment: try key(.payment), sponsor: try key(.sponsor), voucher: try key(.voucher),
            stellar: try key(.stellar), identity: try key(.identity),
            storage: try Self.seed(.storage, in: secrets))
    }

    /// All seeds, one after the other, each checked against its public half.
    private func secrets(_ dataKey: borrowing SecretBytes) throws -> SecretBytes {
        do {
            let secrets = try SealedBox.open(
                self.box.bytes, key: dataKey, nonce: self.box.nonce, header: try self.header.canonicalBytes())
            guard secrets.count == 32 * KeyRole.allCases.count else {
                throw KeystoreError.malformed("wrong key count")
            }
            for role in KeyRole.allCases
            where try SigningKey(seed: try Self.seed(role, in: secrets)).publicKey != self.keys[role] {
                throw KeystoreError.malformed("the \(role.rawValue) key does not match its public half")
            }
            return secrets
        } catch SodiumError.forged {
            throw KeystoreError.locked
        }
    }

    private static func seed(_ role: KeyRole, in secrets: borrowing SecretBytes) throws -> SecretBytes {
        try secrets.duplicated(from: 32 * (KeyRole.allCases.firstIndex(of: role) ?? 0), count: 32)
    }
}
