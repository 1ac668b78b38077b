internal import Database
internal import Encoding
internal import Ledger
internal import Sodium
public import SystemPackage
internal import Wallet
public import World

/// A copy of a home's wallet in a folder, `depai.backup/1`: keystore, pinned owner, configuration and a
/// snapshot of the ledger, with a manifest that is written last. It opens with the home's passphrase.
///
///     {"schema": "depai.backup/1", "wallet": "<base58>", "made_ms": …, "journal": 42, "hash": "<hex>",
///      "files": [{"name": "keystore.json", "digest": "<BLAKE2b-256, hex>"}, …]}
public struct Backup: Sendable {
    static let schema = "depai.backup/1"
    static let manifestName = "backup.json"
    private static let ledgerName = "ledger.db"

    /// Base58 address of the payment key.
    public let wallet: String
    /// Milliseconds since 1970.
    public let made: Int64
    /// Number of the journal's last row in the snapshot.
    public let journal: Int64
    private let hash: [UInt8]
    private let files: [(name: String, digest: [UInt8])]
    private let folder: FilePath

    /// Copies a home into `folder`, which must not exist. The robot may run meanwhile.
    @discardableResult
    public static func make(
        of home: Home, in folder: FilePath, timeline: some Timeline
    ) throws -> Backup {
        guard !DurableFile.exists(folder) else { throw BackupError.exists(folder.string) }
        let keystore = try home.keystore()
        try DurableFile.createFolder(folder)
        var files: [JSON] = []
        for path in [home.keystorePath, home.ownerPath, home.configurationPath] where DurableFile.exists(path)
        {
            let bytes = try DurableFile.read(path)
            let name = path.lastComponent?.string ?? ""
            try DurableFile.write(bytes, to: folder.appending(name))
            files.append([
                "name": .string(name), "digest": .string(Hex.encode(BLAKE2b.digest(of: bytes))),
            ])
        }
        let copy = folder.appending(self.ledgerName)
        try home.viewLedger().copy(to: copy)
        try DurableFile.synchronize(copy)
        let head = try LedgerView(path: copy).head()
        let manifest: JSON = [
            "schema": .string(self.schema), "wallet": .string(keystore.address),
            "made_ms": .integer(timeline.now.milliseconds), "journal": .integer(head.sequence),
            "hash": .string(Hex.encode(head.hash)), "files": .array(files),
        ]
        try DurableFile.write(
            Array((manifest.prettyText + "\n").utf8), to: folder.appending(self.manifestName))
        return try Backup(folder)
    }

    /// Reads a backup and checks all of it.
    /// - Throws: `BackupError.damaged` that names the file.
    public init(_ folder: FilePath) throws {
        let path = folder.appending(Self.manifestName)
        guard DurableFile.exists(path) else { throw BackupError.damaged("\(path) is missing") }
        do {
            let root = JSONField(try JSON.read(try DurableFile.read(path, limit: 64 << 10)))
            try root.only(["schema", "wallet", "made_ms", "journal", "hash", "files"])
            guard try root["schema"].string() == Self.schema else {
                throw root["schema"].fault("expected \(Self.schema)")
            }
            self.wallet = try root["wallet"].string()
            self.made = try root["made_ms"].integer()
            self.journal = try root["journal"].integer()
            self.hash = try Hex.decode(try root["hash"].string())
            self.files = try root["files"].elements().map {
                (name: try $0["name"].string(), digest: try Hex.decode(try $0["digest"].string()))
            }
        } catch {
            throw BackupError.damaged("\(path): \(error)")
        }
        self.folder = folder
        try self.check()
    }

    private func check() throws {
        let known: Set = ["keystore.json", "owner.pub", "depai.yaml"]
        for file in self.files {
            // A name from outside leads nowhere else.
            guard known.contains(file.name) else {
                throw BackupError.damaged("\(file.name) is no file of ours")
            }
            let bytes = try DurableFile.read(self.folder.appending(file.name))
            guard BLAKE2b.digest(of: bytes) == file.digest else {
                throw BackupError.damaged("\(file.name) was changed")
            }
        }
        let names = Set(self.files.map(\.name))
        guard names.isSuperset(of: ["keystore.json", "owner.pub"]) else {
            throw BackupError.damaged("keystore or owner is missing")
        }
        let view = try LedgerView(path: self.folder.appending(Self.ledgerName))
        let faults = try view.faults() + view.chainFaults()
        guard faults.isEmpty else {
            throw BackupError.damaged("the ledger: \(faults.joined(separator: "; "))")
        }
        guard try view.head().sequence == self.journal, try view.hash(at: self.journal) == self.hash else {
            throw BackupError.damaged("the ledger is another one than the manifest says")
        }
    }

    /// Makes `home` from this backup. An existing wallet is never touched.
    ///
    /// The copy may be older than the last payment, so the wallet stands still until its owner lifts that;
    /// what it left open is followed to its end by the next start.
    public func restore(to home: Home, timeline: some Timeline) async throws {
        try DurableFile.createFolder(home.path)
        let lock = try home.lock()
        defer { lock.release() }
        for path in [home.keystorePath, home.ledgerPath] where DurableFile.exists(path) {
            throw BackupError.exists(path.string)
        }
        let keystore = try Keystore(at: self.folder.appending("keystore.json"))
        guard keystore.address == self.wallet else {
            throw BackupError.damaged("keystore.json is another wallet's")
        }
        // The keystore last: with it a home is a wallet.
        for file in self.files.sorted(by: { $0.name > $1.name }) where file.name != "keystore.json" {
            let bytes = try DurableFile.read(self.folder.appending(file.name))
            try DurableFile.write(bytes, to: home.path.appending(file.name))
        }
        try LedgerView(path: self.folder.appending(Self.ledgerName)).copy(to: home.ledgerPath)
        try DurableFile.synchronize(home.ledgerPath)
        let ledger = try home.openLedger(keystore, timeline: timeline)
        try await ledger.freeze(
            reason: "restored from a backup at journal row \(self.journal), which may be old", by: "restore")
        try DurableFile.write(
            try DurableFile.read(self.folder.appending("keystore.json")), to: home.keystorePath)
    }
}

/// Why a backup was not made or used.
public enum BackupError: Error, CustomStringConvertible {
    case exists(String)
    case damaged(String)

    public var description: String {
        switch self {
        case .exists(let path): "\(path) exists already and is never overwritten"
        case .damaged(let reason): "the backup is not whole: \(reason)"
        }
    }
}
