import ArgumentParser
import Console
import Database
import Encoding
import Linux
import Sodium
import SystemPackage
import Wallet
import World

/// A key that opens the keystore without a person: made here, delivered by the service manager at each start.
struct CredentialOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Make 32 random bytes that open the keystore, seal them to this machine with systemd-creds, and "
                + "write the result here: \(NewCredential.usualPlace).", valueName: "file"))
    var credentialSealed: String?

    @Option(
        help: ArgumentHelp(
            "Make 32 random bytes that open the keystore, and write them here in clear (mode 0600).",
            valueName: "file"))
    var credentialOut: String?

    func validate() throws {
        guard self.credentialOut == nil || self.credentialSealed == nil else {
            throw ValidationError("give one of --credential-sealed and --credential-out")
        }
    }

    /// Nil when none is wanted.
    var credential: NewCredential? {
        self.credentialSealed.map { NewCredential(file: FilePath($0), isSealed: true) }
            ?? self.credentialOut.map { NewCredential(file: FilePath($0), isSealed: false) }
    }
}

/// Where a new credential goes.
struct NewCredential {
    let file: FilePath
    /// By systemd-creds, so that it opens on this machine alone.
    let isSealed: Bool

    /// The credential's name in the unit.
    static let name = "depai.key"
    /// Where the unit looks for it.
    static let usualPlace = "/etc/credstore.encrypted/depai.key"

    /// Looks before anything is made.
    func check() throws {
        guard !DurableFile.exists(self.file) else {
            throw Failure(
                1, "\(self.file) exists already and is never overwritten", hint: "name another file")
        }
        if self.isSealed, !CredentialSealer.isInstalled {
            throw Failure(
                1, "\(CredentialSealer.Fault.notInstalled)",
                hint: "install systemd, or give --credential-out FILE and seal the file elsewhere")
        }
    }

    private var unfinished: FilePath { FilePath(self.file.string + ".new") }

    /// Adds the slot and writes the key beside its place. Nothing of it counts before ``finish()``.
    func prepare(for keystore: Keystore, passphrase: borrowing SecretBytes) throws -> Keystore {
        let key = try SecretBytes(count: 32) { SystemEntropy().fill($0) }
        let folder = self.file.removingLastComponent()
        if !folder.isEmpty { try DurableFile.createFolder(folder) }
        try DurableFile.remove(self.unfinished)
        if self.isSealed {
            try key.withBytes { try CredentialSealer.seal($0, name: Self.name, to: self.unfinished.string) }
        } else {
            let output = try FileDescriptor.open(
                self.unfinished, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite])
            _ = try output.closeAfter { try key.withBytes { try output.writeAll($0) } }
        }
        try DurableFile.synchronize(self.unfinished)
        return try keystore.adding(credential: key, passphrase: passphrase, entropy: SystemEntropy())
    }

    /// Gives the file its name: what has the name opens the keystore.
    func finish() throws { try DurableFile.move(self.unfinished, to: self.file) }

    /// Forgets what ``prepare(for:passphrase:)`` wrote.
    func giveUp() { try? DurableFile.remove(self.unfinished) }

    /// What to do with the file now.
    var hint: String? {
        guard self.isSealed else {
            return "seal it and remove the clear one: systemd-creds encrypt --name=\(Self.name) \(self.file) "
                + "\(Self.usualPlace) && shred -u \(self.file)"
        }
        return self.file.string == Self.usualPlace
            ? nil : "tell the unit: LoadCredentialEncrypted=\(Self.name):\(self.file)"
    }
}
