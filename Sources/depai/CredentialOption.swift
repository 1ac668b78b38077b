import ArgumentParser
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
                + "write the result here: \(Self.usualPlace).", valueName: "file"))
    var credentialSealed: String?

    @Option(
        help: ArgumentHelp(
            "Make 32 random bytes that open the keystore, and write them here in clear (mode 0600).",
            valueName: "file"))
    var credentialOut: String?

    /// The credential's name in the unit.
    static let name = "depai.key"
    /// Where the unit looks for it.
    static let usualPlace = "/etc/credstore.encrypted/depai.key"

    var isWanted: Bool { self.credentialOut != nil || self.credentialSealed != nil }

    func validate() throws {
        guard self.credentialOut == nil || self.credentialSealed == nil else {
            throw ValidationError("give one of --credential-sealed and --credential-out")
        }
    }

    /// Looks before anything is made.
    func check() throws {
        for file in [self.credentialOut, self.credentialSealed].compactMap({ $0 })
        where DurableFile.exists(FilePath(file)) {
            throw Failure(1, "\(file) exists already and is never overwritten", hint: "name another file")
        }
        if self.credentialSealed != nil, !CredentialSealer.isInstalled {
            throw Failure(
                1, "\(CredentialSealer.Fault.notInstalled)",
                hint: "install systemd, or give --credential-out FILE and seal the file elsewhere")
        }
    }

    /// Adds the slot, and leaves the key where it was asked for. The file gets its name last: what has the
    /// name opens the keystore.
    func add(to keystore: Keystore, passphrase: borrowing SecretBytes) throws -> Keystore {
        guard let file = (self.credentialSealed ?? self.credentialOut).map({ FilePath($0) }) else {
            return keystore
        }
        try self.check()
        let key = try SecretBytes(count: 32) { SystemEntropy().fill($0) }
        let unfinished = FilePath(file.string + ".new")
        defer { try? DurableFile.remove(unfinished) }
        if file.removingLastComponent().string != "" { try DurableFile.createFolder(file.removingLastComponent()) }
        if self.credentialSealed != nil {
            try key.withBytes { bytes throws in
                try CredentialSealer.seal(bytes, name: Self.name, to: unfinished.string)
            }
        } else {
            try DurableFile.remove(unfinished)
            let output = try FileDescriptor.open(
                unfinished, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite])
            _ = try output.closeAfter { try key.withBytes { try output.writeAll($0) } }
        }
        try DurableFile.synchronize(unfinished)
        let opened = try keystore.adding(credential: key, passphrase: passphrase, entropy: SystemEntropy())
        try DurableFile.move(unfinished, to: file)
        return opened
    }

    /// What to do with the file now.
    var hint: String? {
        if let file = self.credentialSealed {
            return file == Self.usualPlace
                ? nil : "tell the unit: LoadCredentialEncrypted=\(Self.name):\(file)"
        }
        return self.credentialOut.map {
            "seal it and remove the clear one: systemd-creds encrypt --name=\(Self.name) \($0) "
                + "\(Self.usualPlace) && shred -u \($0)"
        }
    }
}
