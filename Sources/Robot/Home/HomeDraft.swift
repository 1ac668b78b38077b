internal import Database
internal import Glibc
internal import SystemPackage
internal import Wallet

/// A home in the making: everything is prepared in a folder of its own inside the home, and moved into its
/// place at the end, the keystore last.
///
/// A process that dies before the mark is set leaves nothing that counts: the next try begins anew. One that
/// dies after it leaves a finished home that only has to be moved, and the next try does that.
struct HomeDraft {
    private let home: Home
    /// Where it is prepared.
    let draft: Home

    private static let folderName = ".init"
    private static let markName = "complete"
    private static let keystoreName = "keystore.json"
    private static let lockName = "lock"

    /// Begins anew. The caller holds the home's lock.
    /// - Throws: `KeystoreError.exists`, `HomeError.bereft`; then nothing was changed.
    init(for home: Home) throws {
        self.home = home
        self.draft = Home(home.path.appending(Self.folderName))
        guard !DurableFile.exists(self.mark) else { throw KeystoreError.exists(home.keystorePath.string) }
        guard !DurableFile.exists(home.keystorePath) else {
            throw KeystoreError.exists(home.keystorePath.string)
        }
        guard !DurableFile.exists(home.ledgerPath) else { throw HomeError.bereft(home.ledgerPath.string) }
        try Self.empty(self.draft.path)
        try DurableFile.createFolder(self.draft.path)
    }

    /// Ends what an earlier process had finished but for the moves. The caller holds the home's lock.
    /// - Returns: whether there was something.
    static func complete(_ home: Home) throws -> Bool {
        let folder = home.path.appending(self.folderName)
        guard DurableFile.exists(folder.appending(self.markName)) else { return false }
        try self.move(folder, to: home.path)
        return true
    }

    /// From here on the home is made, whatever happens.
    func commit() throws {
        try DurableFile.write([], to: self.mark)
        try Self.move(self.draft.path, to: self.home.path)
    }

    private var mark: FilePath { self.draft.path.appending(Self.markName) }

    /// Moves what is there; what is not there was moved before.
    private static func move(_ folder: FilePath, to home: FilePath) throws {
        let kept: Set = [self.markName, self.keystoreName, self.lockName]
        for name in try DurableFile.names(in: folder).sorted() where !kept.contains(name) {
            let path = folder.appending(name)
            if let names = try? DurableFile.names(in: path) {
                try DurableFile.createFolder(home.appending(name))
                for inner in names.sorted() {
                    try DurableFile.move(path.appending(inner), to: home.appending(name).appending(inner))
                }
            } else if !name.hasSuffix("-shm") {
                try DurableFile.move(path, to: home.appending(name))
            }
        }
        // With the keystore a home is a wallet.
        let keystore = folder.appending(self.keystoreName)
        if DurableFile.exists(keystore) {
            try DurableFile.move(keystore, to: home.appending(self.keystoreName))
        }
        try self.empty(folder)
    }

    /// Removes a folder with what is in it, two floors at most: it is ours, and nothing deeper is made there.
    private static func empty(_ folder: FilePath) throws {
        guard DurableFile.exists(folder) else { return }
        // The mark last: without it what is left would count as begun.
        let names = try DurableFile.names(in: folder).sorted { $1 == self.markName && $0 != $1 }
        for name in names {
            let path = folder.appending(name)
            if let inner = try? DurableFile.names(in: path) {
                for file in inner { try DurableFile.remove(path.appending(file)) }
                rmdir(path.string)
            } else {
                try DurableFile.remove(path)
            }
        }
        guard rmdir(folder.string) == 0 else {
            throw FileError.system(path: folder.string, Errno(rawValue: errno))
        }
    }
}
