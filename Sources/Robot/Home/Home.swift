internal import Database
internal import Encoding
internal import Glibc
public import Ledger
public import Sodium
public import SystemPackage
public import Wallet
public import World

/// The folder that holds all state of one machine: keystore, ledger, pinned owner, configuration.
public struct Home: Sendable, Hashable {
    public let path: FilePath

    public init(_ path: FilePath) { self.path = path }

    /// The folder that a command line names, else `$DEPAI_HOME`, else `/var/lib/depai`.
    package init(given path: String?) {
        let environment = getenv("DEPAI_HOME").map { String(cString: $0) }
        self.path = FilePath(path ?? environment ?? "/var/lib/depai")
    }

    public var keystorePath: FilePath { self.path.appending("keystore.json") }
    public var ledgerPath: FilePath { self.path.appending("ledger.db") }
    public var configurationPath: FilePath { self.path.appending("depai.yaml") }
    /// A robot's readings, purchases on the way, events.
    public var agentPath: FilePath { self.path.appending("agent.db") }
    /// A robot's commands to devices.
    public var devicesPath: FilePath { self.path.appending("devices.db") }
    /// Orders of the fleet that a robot belongs to.
    public var fleetPath: FilePath { self.path.appending("vda5050.db") }
    /// What waits for the broker.
    public var outboxPath: FilePath { self.path.appending("outbox.db") }
    /// What devices said, until everybody who follows it has it.
    public var readingsPath: FilePath { self.path.appending("readings.db") }
    /// Where a running robot is asked.
    public var controlPath: FilePath { self.path.appending("control.sock") }
    var ownerPath: FilePath { self.path.appending("owner.pub") }
    private var lockPath: FilePath { self.path.appending("lock") }

    /// Makes the home: keystore, pinned owner, first policy. An existing wallet is never touched.
    ///
    /// - Parameters:
    ///   - policy: the owner's signed first policy, if there is one already; without it nothing can be spent.
    ///   - completing: puts more into the home before it counts, in the folder where it is prepared; what
    ///     it throws undoes everything.
    public func create(
        seed: borrowing WalletSeed, passphrase: borrowing SecretBytes, owner: PublicKey, policy: [UInt8]?,
        cost: PasswordCost = .standard, timeline: some Timeline, entropy: some Entropy,
        completing: (_ draft: Home) throws -> Void = { _ in }
    ) async throws -> Keystore {
        guard owner.isSound else { throw HomeError.unsoundOwner }
        try DurableFile.createFolder(self.path)
        let lock = try self.lock()
        defer { lock.release() }
        let draft = try HomeDraft(for: self)
        let home = draft.draft
        try DurableFile.write(Array((Base58.encode(owner.bytes) + "\n").utf8), to: home.ownerPath)
        let keystore = try Keystore.create(
            at: home.keystorePath, seed: seed, passphrase: passphrase, owner: owner, cost: cost,
            entropy: entropy)
        if let policy {
            let ledger = try home.openLedger(keystore, timeline: timeline)
            try await ledger.apply(policy: policy)
        }
        try completing(home)
        try draft.commit()
        return try self.keystore()
    }

    /// Ends what a process that died while it made this home had finished.
    /// - Returns: whether there was something.
    public func completeCreation() throws -> Bool {
        guard DurableFile.exists(self.path) else { return false }
        let lock = try self.lock()
        defer { lock.release() }
        return try HomeDraft.complete(self)
    }

    /// The keystore, locked.
    public func keystore() throws -> Keystore { try Keystore(at: self.keystorePath) }

    /// The key that signs policies for this machine, pinned when it was set up.
    public func owner() throws -> PublicKey { try Self.readKey(self.ownerPath) }

    /// The same, and the one that the keystore was made for.
    /// - Throws: ``HomeError/otherOwner(path:pinned:found:)``: somebody put another key in its place.
    public func owner(of keystore: Keystore) throws -> PublicKey {
        let found = try self.owner()
        guard let pinned = keystore.owner, pinned != found else { return found }
        throw HomeError.otherOwner(
            path: self.ownerPath.string, pinned: Base58.encode(pinned.bytes),
            found: Base58.encode(found.bytes))
    }

    /// Unlocks with a passphrase from a private file.
    public func unlock(passphraseFile: FilePath) throws -> UnlockedWallet {
        try self.keystore().unlock(passphrase: try SecretFile.read(passphraseFile))
    }

    /// Opens the money file for writing. The caller holds the lock.
    public func openLedger(
        _ keystore: Keystore, timeline: any Timeline,
        observer: @escaping @Sendable (JournalEntry) -> Void = { _ in }
    ) throws -> PaymentLedger {
        guard let payment = keystore.keys[.payment], let sponsor = keystore.keys[.sponsor],
            let voucher = keystore.keys[.voucher], let stellar = keystore.keys[.stellar]
        else {
            throw KeystoreError.malformed("keys are missing")
        }
        return try PaymentLedger(
            path: self.ledgerPath, wallet: payment, signers: [sponsor, voucher, stellar],
            owner: try self.owner(of: keystore),
            timeline: timeline,
            observer: observer)
    }

    /// Opens the money file for reading, whether a robot runs on it or not.
    public func viewLedger() throws -> LedgerView {
        guard DurableFile.exists(self.ledgerPath) else { throw HomeError.nothingYet(self.ledgerPath.string) }
        return try LedgerView(path: self.ledgerPath)
    }

    /// Takes the home for one writing process; the kernel gives it back when the process ends, however it
    /// ends.
    /// - Throws: `HomeError.inUse` when another process has it.
    public func lock() throws -> HomeLock {
        let file = try FileDescriptor.open(
            self.lockPath, .readWrite, options: [.create, .closeOnExec], permissions: [.ownerReadWrite])
        guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            try file.close()
            throw HomeError.inUse(self.path.string)
        }
        return HomeLock(file: file)
    }

    /// Reads a base58 public key from a file.
    public static func readKey(_ path: FilePath) throws -> PublicKey {
        let text = String(decoding: try DurableFile.read(path, limit: 1_024), as: UTF8.self)
        let line = text.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
        do {
            return try self.key(line)
        } catch {
            throw HomeError.badKey(path.string, "\(error)")
        }
    }

    /// Reads a base58 public key.
    public static func key(_ text: String) throws -> PublicKey { try PublicKey(try Base58.decode(text)) }
}

/// Keeps other writing processes away from a home until it is released or the process ends.
public struct HomeLock: Sendable {
    fileprivate let file: FileDescriptor

    public func release() { try? self.file.close() }
}

/// Why a home cannot be used.
public enum HomeError: Error, CustomStringConvertible {
    case inUse(String)
    case nothingYet(String)
    case badKey(String, String)
    case unsoundOwner
    /// A ledger whose keystore is gone; making another wallet beside it would hide the loss.
    case bereft(String)
    /// The pinned owner is another than the keystore says.
    case otherOwner(path: String, pinned: String, found: String)

    public var description: String {
        switch self {
        case .inUse(let path): "another process works in \(path)"
        case .nothingYet(let path): "there is no ledger at \(path) yet"
        case .badKey(let path, let reason): "\(path) holds no base58 Ed25519 key: \(reason)"
        case .bereft(let path): "there is a ledger without its keystore: \(path)"
        case .otherOwner(let path, let pinned, let found):
            "\(path) names \(found) as the owner, the keystore was made for \(pinned)"
        case .unsoundOwner: "the owner's key is not a sound Ed25519 key"
        }
    }
}
