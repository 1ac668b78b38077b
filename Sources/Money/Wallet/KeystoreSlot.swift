internal import Encoding
internal import Glibc
public import Sodium
public import World

/// One way to unlock a keystore.
public enum KeystoreSlot: Sendable {
    /// The data key under an Argon2id key of the owner's passphrase.
    case passphrase(PasswordHash, SlotBox)
    /// The data key under 32 bytes that the service manager delivers at start.
    case credential(SlotBox)
    /// The data key sealed to the owner's public key.
    case owner(PublicKey, sealed: [UInt8])

    /// As it stands in the file.
    public var kind: String {
        switch self {
        case .passphrase: "passphrase"
        case .credential: "credential"
        case .owner: "owner"
        }
    }

    init(_ field: JSONField) throws {
        switch try field["kind"].string() {
        case "passphrase":
            try field.only(["kind", "kdf", "operations", "memory", "salt", "nonce", "box"])
            guard try field["kdf"].string() == "argon2id13" else { throw field["kdf"].fault("unknown") }
            let operations: UInt64 = try field["operations"].integer()
            let memory: Int = try field["memory"].integer()
            guard (PasswordHash.floor.operations...PasswordHash.ceiling.operations).contains(operations),
                (PasswordHash.floor.memory...PasswordHash.ceiling.memory).contains(memory)
            else { throw field.fault("Argon2id parameters out of bounds") }
            let salt = try Base64.standard.decode(try field["salt"].string())
            self = .passphrase(
                PasswordHash(operations: operations, memory: memory, salt: salt), try SlotBox(field))
        case "credential":
            try field.only(["kind", "nonce", "box"])
            self = .credential(try SlotBox(field))
        case "owner":
            try field.only(["kind", "public", "box"])
            self = .owner(
                try PublicKey(try Base58.decode(try field["public"].string())),
                sealed: try Base64.standard.decode(try field["box"].string()))
        default: throw field["kind"].fault("an unknown way to unlock")
        }
    }

    /// A passphrase slot for the file.
    static func make(
        passphrase: borrowing SecretBytes, cost: PasswordCost, dataKey: borrowing SecretBytes,
        header: [UInt8],
        entropy: some Entropy
    ) throws -> JSON {
        let hash = PasswordHash(
            operations: cost.operations, memory: cost.memory, salt: entropy.bytes(PasswordHash.saltBytes))
        let box = try SlotBox.seal(
            dataKey, key: try hash.key(from: passphrase), header: SlotBox.header(header, kind: "passphrase"),
            entropy: entropy)
        var slot: JSON = [
            "kind": "passphrase", "kdf": "argon2id13", "operations": JSON(hash.operations),
            "memory": JSON(hash.memory), "salt": .string(Base64.standard.encode(hash.salt)),
        ]
        box.write(into: &slot)
        return slot
    }
}

/// Sealed bytes with their nonce.
public struct SlotBox: Sendable {
    let nonce: [UInt8]
    let bytes: [UInt8]

    private init(nonce: [UInt8], bytes: [UInt8]) {
        self.nonce = nonce
        self.bytes = bytes
    }

    init(_ field: JSONField) throws {
        self.nonce = try Base64.standard.decode(try field["nonce"].string())
        self.bytes = try Base64.standard.decode(try field["box"].string())
    }

    /// What a slot's box is bound to: the keystore's header and the way to unlock.
    static func header(_ header: [UInt8], kind: String) -> [UInt8] {
        Array("depai/slot/\(kind)\n".utf8) + header
    }

    static func seal(
        _ secret: borrowing SecretBytes, key: borrowing SecretBytes, header: [UInt8], entropy: some Entropy
    ) throws -> SlotBox {
        let nonce = entropy.bytes(SealedBox.nonceBytes)
        return SlotBox(
            nonce: nonce, bytes: try SealedBox.seal(secret, key: key, nonce: nonce, header: header))
    }

    /// The data key in it; nil for another key or a changed file.
    func open(key: borrowing SecretBytes, header: [UInt8], kind: String) throws -> SecretBytes? {
        do throws(any Error) {
            return try SealedBox.open(
                self.bytes, key: key, nonce: self.nonce, header: Self.header(header, kind: kind))
        } catch SodiumError.forged {
            return nil
        }
    }

    func write(into object: inout JSON) {
        object["nonce"] = .string(Base64.standard.encode(self.nonce))
        object["box"] = .string(Base64.standard.encode(self.bytes))
    }
}

/// What guessing a passphrase costs.
public struct PasswordCost: Sendable, Hashable {
    public let operations: UInt64
    /// Bytes.
    public let memory: Int

    /// RFC 9106's second choice for boards with 1 GiB or more: 3 passes over 64 MiB.
    public static let standard = PasswordCost(operations: 3, memory: 64 << 20)
    /// As many passes as this machine does in `duration`, at least ``standard``'s; over less memory where
    /// the machine has less than 1 GiB.
    public static func calibrated(to duration: Duration, timeline: some Timeline) throws -> PasswordCost {
        let installed = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        let memory = installed < 1 << 30 ? PasswordHash.floor.memory : self.standard.memory
        let trial = PasswordHash(
            operations: PasswordHash.floor.operations, memory: memory,
            salt: [UInt8](repeating: 0, count: PasswordHash.saltBytes))
        let start = timeline.uptime
        _ = try trial.key(from: SecretBytes(count: 32))
        let pass = (timeline.uptime - start) / Int(trial.operations)
        let passes = pass > .zero ? UInt64(min(duration / pass, 1_000)) : PasswordHash.ceiling.operations
        return PasswordCost(
            operations: min(max(passes, self.standard.operations), PasswordHash.ceiling.operations),
            memory: memory)
    }

    /// For tests and the simulator only.
    public static let least = PasswordCost(
        operations: PasswordHash.floor.operations, memory: PasswordHash.floor.memory)
}
