internal import Database
internal import Encoding
internal import Ledger
public import Sodium
internal import Statements
internal import SystemPackage
public import Wallet
public import World

extension Backup {
    /// Makes `home` from this backup, all of it or nothing. What is there already is never touched.
    ///
    /// Nothing in it is believed that the wallet did not sign for, and nothing that was not looked at: what
    /// is copied is compared with the signed digests.
    ///
    /// The copy may be older than the last payment, so the wallet stands still until its owner lifts that;
    /// what it left open is followed to its end by the next start.
    /// - Parameters:
    ///   - wallet: opened from ``keystore``.
    ///   - owner: whom the person who restores it expects the wallet to obey.
    public func restore(
        to home: Home, wallet: UnlockedWallet, owner: PublicKey, timeline: some Timeline
    ) async throws {
        try self.check(signedBy: wallet)
        let found = try self.owner
        guard found == owner else {
            throw BackupError.owner(expected: Base58.encode(owner.bytes), found: Base58.encode(found.bytes))
        }
        try DurableFile.createFolder(home.path)
        let lock = try home.lock()
        defer { lock.release() }
        // What an earlier try had finished but for the moves.
        _ = try HomeDraft.complete(home)
        let (files, databases) = (self.manifest.files, self.manifest.databases)
        let ledgerEntry = Manifest.Entry(name: Self.ledgerName, digest: self.manifest.ledger)
        for name in (files + databases).map(\.name) + [Self.ledgerName]
        where DurableFile.exists(home.path.appending(name)) {
            throw BackupError.exists(home.path.appending(name).string)
        }
        let keystore = try self.keystore
        guard keystore.address == self.wallet else {
            throw BackupError.damaged("\(Self.keystoreName) is another wallet's")
        }
        let making = try HomeDraft(for: home)
        let draft = making.draft
        for entry in files {
            let name = entry.name
            let path = draft.path.appending(name)
            try DurableFile.createFolder(path.removingLastComponent())
            let bytes = try DurableFile.read(self.folder.appending(name))
            guard BLAKE2b.digest(of: bytes) == entry.digest else {
                throw BackupError.damaged("\(name) was changed")
            }
            try DurableFile.write(bytes, to: path)
        }
        // Byte by byte, without whatever lies beside them for SQLite to play back.
        for entry in databases + [ledgerEntry] {
            let path = draft.path.appending(entry.name)
            try DurableFile.copy(self.folder.appending(entry.name), to: path)
            guard try Self.digest(of: path) == entry.digest else {
                throw BackupError.damaged("\(entry.name) was changed")
            }
        }
        let ledger = try draft.openLedger(keystore, timeline: timeline)
        try await ledger.read { try self.check($0) }
        try await ledger.freeze(
            reason: "restored from a backup at journal row \(self.journal), which may be old", by: "restore")
        try making.commit()
    }
}
