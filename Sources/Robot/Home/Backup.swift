internal import Database
internal import Encoding
internal import Ledger
public import Sodium
internal import Statements
public import SystemPackage
public import Wallet
public import World

/// A copy of a home in a folder, `depai.backup/2`: keystore, pinned owner, configuration, descriptions of
/// devices, and a snapshot of each database, with a ``Manifest`` that is written last, signed by the wallet's
/// identity. Whoever holds the copy can read what is in clear and change nothing of it unnoticed: the
/// signature is checked with the key that the passphrase opened.
///
/// Left out: a passphrase file, since copy and key do not belong together, and a credential that systemd
/// sealed, since it opens on its machine alone.
public struct Backup: Sendable {
    static let manifestName = "backup.json"
    static let ledgerName = "ledger.db"
    static let keystoreName = "keystore.json"
    static let ownerName = "owner.pub"
    private static let devicesName = "devices"

    let manifest: Manifest
    /// Who signed it.
    private let signer: PublicKey
    let folder: FilePath

    /// Base58 address of the payment key.
    public var wallet: String { self.manifest.wallet }
    /// Milliseconds since 1970.
    public var made: Int64 { self.manifest.made }
    /// Number of the journal's last row in the snapshot.
    public var journal: Int64 { self.manifest.journal }

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
        let manifest = try self.copy(home, keystore, ledger, databases, to: folder, timeline)
        let signed = try await wallet.sign(manifest)
        try DurableFile.write(
            Array((signed.json.prettyText + "\n").utf8), to: folder.appending(self.manifestName))
        return try Backup(folder)
    }

    private static func copy(
        _ home: Home, _ keystore: Keystore, _ ledger: borrowing LedgerView, _ databases: [FilePath],
        to folder: FilePath, _ timeline: some Timeline
    ) throws -> Manifest {
        var files: [Manifest.Entry] = []
        for name in [self.keystoreName, self.ownerName, "depai.yaml"] + self.descriptions(of: home) {
            let path = home.path.appending(name)
            guard DurableFile.exists(path) else { continue }
            let bytes = try DurableFile.read(path)
            let copy = folder.appending(name)
            try DurableFile.createFolder(copy.removingLastComponent())
            try DurableFile.write(bytes, to: copy)
            files.append(Manifest.Entry(name: name, digest: BLAKE2b.digest(of: bytes)))
        }
        var others: [Manifest.Entry] = []
        for path in databases where path != home.ledgerPath {
            let name = path.lastComponent?.string ?? ""
            let copy = folder.appending(name)
            try Connection(path: path.string, access: .read).copy(to: copy)
            others.append(Manifest.Entry(name: name, digest: try self.digest(of: copy)))
        }
        // The ledger last: what the others say was paid is in it, as after a crash.
        let copy = folder.appending(self.ledgerName)
        try ledger.copy(to: copy)
        try DurableFile.synchronize(copy)
        let head = try LedgerView(path: copy).head()
        return Manifest(
            wallet: keystore.address, made: timeline.now.milliseconds, journal: head.sequence,
            hash: head.hash, files: files, ledger: try self.digest(of: copy), databases: others)
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
        for name in [Self.manifestName, Self.keystoreName] {
            let path = folder.appending(name)
            guard DurableFile.exists(path) else { throw BackupError.damaged("\(path) is missing") }
        }
        self.folder = folder
        let path = folder.appending(Self.manifestName)
        do {
            // Whose keystore that is shows the passphrase: ``check(signedBy:)``.
            let keystore = try Keystore(at: folder.appending(Self.keystoreName))
            let bytes = try DurableFile.read(path, limit: Manifest.limits.bytes)
            guard try !Manifest.isUnsigned(bytes) else { throw BackupError.unsigned }
            let signed = try Signed<Manifest>(kept: bytes, from: keystore.keys[.identity])
            (self.manifest, self.signer) = (signed.body, signed.signer)
        } catch let error as StatementError {
            switch error {
            case .form, .members, .algorithm, .kind: throw BackupError.damaged("\(path): \(error)")
            case .key, .signer, .signature: throw BackupError.forged
            }
        } catch let error as BackupError {
            throw error
        } catch {
            throw BackupError.damaged("\(path): \(error)")
        }
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
            let digest = self.manifest.files.first { $0.name == Self.ownerName }?.digest
            guard BLAKE2b.digest(of: try DurableFile.read(path)) == digest else {
                throw BackupError.damaged("\(Self.ownerName) was changed")
            }
            return try Home.readKey(path)
        }
    }

    /// Whether the wallet itself signed for all of it.
    /// - Parameter wallet: opened from ``keystore``: then its keys are those of whoever knows the passphrase.
    public func check(signedBy wallet: UnlockedWallet) throws(BackupError) {
        guard self.signer == wallet.publicKey(.identity) else { throw .forged }
    }

    private func check() throws {
        let (files, databases) = (self.manifest.files, self.manifest.databases)
        let names = files.map(\.name) + databases.map(\.name)
        guard Set(names.map { ExactText($0) }).count == names.count else {
            throw BackupError.damaged("a file stands twice in the list")
        }
        for (name, digest) in files.map({ ($0.name, $0.digest) }) {
            // A name from outside leads nowhere else.
            guard Self.isFile(name) else { throw BackupError.damaged("\(name.plain()) is no file of ours") }
            guard BLAKE2b.digest(of: try DurableFile.read(self.folder.appending(name))) == digest else {
                throw BackupError.damaged("\(name) was changed")
            }
        }
        for (name, digest) in databases.map({ ($0.name, $0.digest) }) {
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
        guard try Self.digest(of: ledger) == self.manifest.ledger else {
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
        guard try view.head().sequence == self.journal, try view.hash(at: self.journal) == self.manifest.hash
        else {
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
