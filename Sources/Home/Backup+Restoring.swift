internal import Database
internal import Ledger
internal import SystemPackage
internal import Wallet
public import World

extension Backup {
    /// Makes `home` from this backup, all of it or nothing. What is there already is never touched.
    ///
    /// The copy may be older than the last payment, so the wallet stands still until its owner lifts that;
    /// what it left open is followed to its end by the next start.
    public func restore(to home: Home, timeline: some Timeline) async throws {
        try DurableFile.createFolder(home.path)
        let lock = try home.lock()
        defer { lock.release() }
        // What an earlier try had finished but for the moves.
        _ = try HomeDraft.complete(home)
        for name in (self.files + self.databases).map(\.name) + [Self.ledgerName]
        where DurableFile.exists(home.path.appending(name)) {
            throw BackupError.exists(home.path.appending(name).string)
        }
        let keystore = try Keystore(at: self.folder.appending(Self.keystoreName))
        guard keystore.address == self.wallet else {
            throw BackupError.damaged("\(Self.keystoreName) is another wallet's")
        }
        let making = try HomeDraft(for: home)
        let draft = making.draft
        for (name, _) in self.files {
            let path = draft.path.appending(name)
            try DurableFile.createFolder(path.removingLastComponent())
            try DurableFile.write(try DurableFile.read(self.folder.appending(name)), to: path)
        }
        for name in self.databases.map(\.name) + [Self.ledgerName] {
            let path = draft.path.appending(name)
            try Connection(path: self.folder.appending(name).string, access: .read).copy(to: path)
            try DurableFile.synchronize(path)
        }
        let ledger = try draft.openLedger(keystore, timeline: timeline)
        try await ledger.read { try self.check($0) }
        try await ledger.freeze(
            reason: "restored from a backup at journal row \(self.journal), which may be old", by: "restore")
        try making.commit()
    }
}
