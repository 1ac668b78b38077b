internal import Database
internal import Encoding
public import Sodium
public import SystemPackage
public import World

/// The owner's key on the owner's own computer, `depai-owner/1`: an Ed25519 seed under a passphrase. Signs
/// policies and commands; owns no money.
///
///     {"schema": "depai-owner/1", "public": "<base58>", "slot": {"kind": "passphrase", …}}
public struct OwnerKeyFile: Sendable {
    public static let schema = "depai-owner/1"

    public let publicKey: PublicKey
    private let header: [UInt8]
    private let slot: KeystoreSlot

    /// Makes a new key and writes its file, which must not exist.
    @discardableResult
    public static func create(
        at path: FilePath, passphrase: borrowing SecretBytes, cost: PasswordCost = .standard,
        entropy: some Entropy
    ) throws -> OwnerKeyFile {
        guard !DurableFile.exists(path) else { throw KeystoreError.exists(path.string) }
        let seed = try SecretBytes(count: 32) { entropy.fill($0) }
        let key = try SigningKey(seed: seed).publicKey
        var file = self.head(key)
        file["slot"] = try KeystoreSlot.make(
            passphrase: passphrase, cost: cost, dataKey: seed, header: try self.head(key).canonicalBytes(),
            entropy: entropy)
        try DurableFile.write(Array((file.prettyText + "\n").utf8), to: path)
        return try OwnerKeyFile(at: path)
    }

    public init(at path: FilePath) throws {
        do {
            let root = JSONField(try JSON.read(try DurableFile.read(path, limit: 16 << 10)))
            try root.only(["schema", "public", "slot"])
            guard try root["schema"].string() == Self.schema else {
                throw root["schema"].fault("expected \(Self.schema)")
            }
            self.publicKey = try PublicKey(try Base58.decode(try root["public"].string()))
            self.header = try Self.head(self.publicKey).canonicalBytes()
            self.slot = try KeystoreSlot(root["slot"])
        } catch let error as FileError {
            throw error
        } catch {
            throw KeystoreError.malformed("\(path): \(error)")
        }
    }

    /// Opens the file.
    /// - Throws: `KeystoreError.locked` for a wrong passphrase or a changed file.
    public func unlock(passphrase: borrowing SecretBytes) throws -> SigningKey {
        guard case .passphrase(let hash, let box) = self.slot else {
            throw KeystoreError.noSlot("passphrase")
        }
        let key = try hash.key(from: passphrase)
        guard let seed = try box.open(key: key, header: self.header, kind: "passphrase") else {
            throw KeystoreError.locked
        }
        let pair = try SigningKey(seed: seed)
        guard pair.publicKey == self.publicKey else {
            throw KeystoreError.malformed("the secret half does not match the public one")
        }
        return pair
    }

    private static func head(_ key: PublicKey) -> JSON {
        ["schema": .string(self.schema), "public": .string(Base58.encode(key.bytes))]
    }
}
