internal import Database
internal import Encoding
internal import Ledger
public import Sodium
public import SystemPackage
public import Wallet
public import World

/// A copy of a home in a folder, `depai.backup/2`: keystore, pinned owner, configuration, descriptions of
/// devices, and a snapshot of each database, with a manifest that is written last, signed by the wallet's
/// identity. Whoever holds the copy can read what is in clear and change nothing of it unnoticed: the
/// signature is checked with the key that the passphrase opened.
///
///     {"schema": "depai.backup/2", "wallet": "<base58>", "made_ms": …, "journal": 42, "hash": "<hex>",
///      "files": [{"name": "keystore.json", "digest": "<BLAKE2b-256, hex>"}, …],
///      "ledger": "<SHA-256, hex>", "databases": [{"name": "agent.db", "digest": "<SHA-256, hex>"}, …],
///      "signature": "<base64>"}
///
/// Left out: a passphrase file, since copy and key do not belong together, and a credential that systemd
/// sealed, since it opens on its machine alone.
public struct Backup: Sendable {
    static let schema = "depai.backup/2"
    /// Without a signature.
    private static let oldSchema = "depai.backup/1"
    static let manifestName = "backup.json"
    static let ledgerName = "ledger.db"
    static let keystoreName = "keystore.json"
    static let ownerName = "owner.pub"
    private static let devicesName = "devices"

    /// Base58 address of the payment key.
    public let wallet: String
    /// Milliseconds since 1970.
    public let made: Int64
    /// Number of the journal's last row in the snapshot.
    public let journal: Int64
    let hash: [UInt8]
    let files: [(name: String, digest: [UInt8])]
    /// Those beside the ledger.
    let databases: [(name: String, digest: [UInt8])]
    /// Of the ledger's file.
    let ledger: [UInt8]
    let folder: FilePath
    /// What is signed.
    private let manifest: [UInt8]
    private let signature: Signature

    /// Copies a home into `folder`, which must not exist. The robot may run meanwhile.
    /// - Parameters:
    ///   - databases: those in the home beside the ledger, which is always copied.
    ///   - wallet: the home's, opened: it signs for what is in the copy.
    @discardableResult
    public static func make(
        of home: Home, in folder: FilePath, databases: [FilePath] = [], signing wallet: UnlockedWallet,
        timeline: some Timeline
    ) async throws -> Backup {
        guard !DurableFile.exists(folder) else { throw BackupError.exists(folder.string) }
        let keystore = try home.keystore()
        guard keystore.keys[.identity] == wallet.publicKey(.identity) else {
            throw BackupError.stranger(keystore.address)
        }
        // Nobody shall get a good signature under another owner.
        _ = try home.owner(of: keystore)
        // Before anything is made: a ledger of a newer program is not ours to copy.
        let ledger = DurableFile.exists(home.ledgerPath) ? try home.viewLedger() : nil
        guard let ledger else { throw HomeError.nothingYet(home.ledgerPath.string) }
        try DurableFile.createFolder(folder)
        var manifest = try self.copy(home, keystore, ledger, databases, to: folder, timeline)
        let signature = try await wallet.sign(Statement(.backup, body: try manifest.canonicalBytes()))
        manifest["signature"] = .string(Base64.standard.encode(signature.bytes))
        try DurableFile.write(
            Array((manifest.prettyText + "\n").utf8), to: folder.appending(self.manifestName))
        return try Backup(folder)
    }

    private static func copy(
        _ home: Home, _ keystore: Keystore, _ ledger: borrowing LedgerView, _ databases: [FilePath],
        to folder: FilePath, _ timeline: some Timeline
    ) throws -> JSON {
        var files: [JSON] = []
        for name in [self.keystoreName, self.ownerName, "depai.yaml"] + self.descriptions(of: home) {
            let path = home.path.appending(name)
            guard DurableFile.exists(path) else { continue }
            let bytes = try DurableFile.read(path)
            let copy = folder.appending(name)
            try DurableFile.createFolder(copy.removingLastComponent())
            try DurableFile.write(bytes, to: copy)
            files.append([
                "name": .string(name), "digest": .string(Hex.encode(BLAKE2b.digest(of: bytes))),
            ])
        }
        var others: [JSON] = []
        for path in databases where path != home.ledgerPath {
            let name = path.lastComponent?.string ?? ""
            let copy = folder.appending(name)
            try Connection(path: path.string, access: .read).copy(to: copy)
            others.append([
                "name": .string(name), "digest": .string(Hex.encode(try self.digest(of: copy))),
            ])
        }
        // The ledger last: what the others say was paid is in it, as after a crash.
        let copy = folder.appending(self.ledgerName)
        try ledger.copy(to: copy)
        try DurableFile.synchronize(copy)
        let head = try LedgerView(path: copy).head()
        return [
            "schema": .string(self.schema), "wallet": .string(keystore.address),
            "made_ms": .integer(timeline.now.milliseconds), "journal": .integer(head.sequence),
            "hash": .string(Hex.encode(head.hash)), "files": .array(files),
            "ledger": .string(Hex.encode(try self.digest(of: copy))), "databases": .array(others),
        ]
    }

    private static func descriptions(of home: Home) -> [String] {
        let names = (try? DurableFile.names(in: home.path.appending(self.devicesName))) ?? []
        return names.filter { $0.hasSuffix(".td.json") }.sorted().map { "\(self.devicesName)/\($0)" }
    }

    /// Of a file of any size.
    static func digest(of path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        return try file.closeAfter {
            var hash = SHA256()
            var chunk = [UInt8](repeating: 0, count: 256 << 10)
            while case let count = try chunk.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
                chunk.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            }
            return hash.digest()
        }
    }

    /// Reads a backup and checks all of it.
    /// - Throws: `BackupError.damaged` that names the file.
    public init(_ folder: FilePath) throws {
        let path = folder.appending(Self.manifestName)
        guard DurableFile.exists(path) else { throw BackupError.damaged("\(path) is missing") }
        do {
            var json = try JSON.read(try DurableFile.read(path, limit: 1 << 20))
            let root = JSONField(json)
            try root.only([
                "schema", "wallet", "made_ms", "journal", "hash", "files", "ledger", "databases", "signature",
            ])
            let schema = try root["schema"].string()
            guard schema != Self.oldSchema else { throw BackupError.unsigned }
            guard schema == Self.schema else { throw root["schema"].fault("expected \(Self.schema)") }
            func list(_ field: JSONField) throws -> [(name: String, digest: [UInt8])] {
                try field.elements().map {
                    (name: try $0["name"].string(), digest: try Hex.decode(try $0["digest"].string()))
                }
            }
            self.wallet = try root["wallet"].string()
            self.made = try root["made_ms"].integer()
            self.journal = try root["journal"].integer()
            self.hash = try Hex.decode(try root["hash"].string())
            self.files = try list(root["files"])
            self.databases = try root["databases"].ifPresent.map { try list($0) } ?? []
            self.ledger = try Hex.decode(try root["ledger"].string())
            self.signature = try Signature(try Base64.standard.decode(try root["signature"].string()))
            json["signature"] = nil
            self.manifest = try json.canonicalBytes()
        } catch BackupError.unsigned {
            throw BackupError.unsigned
        } catch {
            throw BackupError.damaged("\(path): \(error)")
        }
        self.folder = folder
        try self.check()
    }

    /// The keystore in the backup, locked.
    public var keystore: Keystore {
        get throws { try Keystore(at: self.folder.appending(Self.keystoreName)) }
    }

    /// Whom the wallet will obey.
    public var owner: PublicKey {
        get throws {
            let path = self.folder.appending(Self.ownerName)
            // Read as it was checked, and as it is copied.
            let digest = self.files.first { $0.name == Self.ownerName }?.digest
            guard BLAKE2b.digest(of: try DurableFile.read(path)) == digest else {
                throw BackupError.damaged("\(Self.ownerName) was changed")
            }
            return try Home.readKey(path)
        }
    }

    /// Whether the wallet itself signed for all of it.
    /// - Parameter wallet: opened from ``keystore``: then its keys are those of whoever knows the passphrase.
    public func check(signedBy wallet: UnlockedWallet) throws(BackupError) {
        let statement = Statement(.backup, body: self.manifest)
        guard statement.isSigned(by: wallet.publicKey(.identity), self.signature) else {
            throw .forged
        }
    }

    private func check() throws {
        let names = self.files.map(\.name) + self.databases.map(\.name)
        guard Set(names.map { ExactText($0) }).count == names.count else {
            throw BackupError.damaged("a file stands twice in the list")
        }
        for (name, digest) in self.files {
            // A name from outside leads nowhere else.
            guard Self.isFile(name) else { throw BackupError.damaged("\(name.plain()) is no file of ours") }
            guard BLAKE2b.digest(of: try DurableFile.read(self.folder.appending(name))) == digest else {
                throw BackupError.damaged("\(name) was changed")
            }
        }
        for (name, digest) in self.databases {
            guard Self.isDatabase(name) else {
                throw BackupError.damaged("\(name.plain()) is no file of ours")
            }
            guard try Self.digest(of: self.folder.appending(name)) == digest else {
                throw BackupError.damaged("\(name) was changed")
            }
        }
        guard Set(names).isSuperset(of: [Self.keystoreName, Self.ownerName]) else {
            throw BackupError.damaged("keystore or owner is missing")
        }
        let ledger = self.folder.appending(Self.ledgerName)
        guard DurableFile.exists(ledger) else { throw BackupError.damaged("\(Self.ledgerName) is missing") }
        guard try Self.digest(of: ledger) == self.ledger else {
            throw BackupError.damaged("\(Self.ledgerName) was changed")
        }
        // One of an older program is looked at when its copy was brought up to date.
        let found = try Schema.version(of: ledger)
        guard found > 0 else { throw BackupError.damaged("\(Self.ledgerName) is missing") }
        guard found >= PaymentLedger.schema.version else { return }
        try self.check(LedgerView(path: ledger))
    }

    /// Whether a ledger is whole, and the one that was copied.
    func check(_ view: borrowing LedgerView) throws {
        let faults = try view.faults() + view.chainFaults()
        guard faults.isEmpty else {
            throw BackupError.damaged("the ledger: \(faults.joined(separator: "; "))")
        }
        guard try view.head().sequence == self.journal, try view.hash(at: self.journal) == self.hash else {
            throw BackupError.damaged("the ledger is another one than the manifest says")
        }
    }

    private static func isFile(_ name: String) -> Bool {
        if [self.keystoreName, self.ownerName, "depai.yaml"].contains(name) { return true }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0] == self.devicesName && parts[1].hasSuffix(".td.json")
            && parts[1].first != "."
    }

    private static func isDatabase(_ name: String) -> Bool {
        name.hasSuffix(".db") && !name.contains("/") && name.first != "." && name != self.ledgerName
    }
}

/// Why a backup was not made or used.
public enum BackupError: Error, CustomStringConvertible {
    case exists(String)
    case damaged(String)
    /// An older program made it, and signed nothing: whoever had it in his hands may have changed it.
    case unsigned
    /// The wallet in it did not sign for what is in it.
    case forged
    /// The opened wallet is not the home's.
    case stranger(String)
    /// The wallet would obey somebody else than expected.
    case owner(expected: String, found: String)

    public var description: String {
        switch self {
        case .exists(let path): "\(path) exists already and is never overwritten"
        case .damaged(let reason): "the backup is not whole: \(reason)"
        case .unsigned:
            "the backup is of an older depai and not signed: its keystore can be used, nothing else is "
                + "known to be true"
        case .forged: "the wallet did not sign for this backup: somebody changed it"
        case .stranger(let wallet): "the opened wallet is not \(wallet)"
        case .owner(let expected, let found):
            "the wallet in it obeys \(found), not \(expected)"
        }
    }
}
