internal import Database
public import Sodium
public import SystemPackage

/// A secret in a file of its own: a passphrase, a mnemonic.
public enum SecretFile {
    /// The longest secret, in bytes.
    static let limit = 4_096

    /// Reads exactly 32 bytes.
    /// - Parameter isDelivered: by the service manager, which gives the file to the service's user by an
    ///   access list, in a folder that only this user enters. The list's mask shows as a right of the group.
    /// - Throws: `FileError.openToOthers`, `KeystoreError.malformed` for another length.
    public static func readKey(_ path: FilePath, isDelivered: Bool = false) throws -> SecretBytes {
        let room = try SecretBytes(count: SealedBox.keyBytes + 1)
        let file = try DurableFile.openPrivate(path, groupMayRead: isDelivered)
        let count = try file.closeAfter { try room.withMutableBytes { try file.read(into: $0) } }
        guard count == SealedBox.keyBytes else {
            throw KeystoreError.malformed("\(path) does not hold \(SealedBox.keyBytes) bytes")
        }
        return try room.duplicated(count: count)
    }

    /// Reads a file into guarded memory, without the line end.
    /// - Throws: `FileError.openToOthers` and its kin when others may have read or made it, `tooLarge`
    ///   instead of cutting it.
    public static func read(_ path: FilePath) throws -> SecretBytes {
        let file = try DurableFile.openPrivate(path)
        defer { try? file.close() }
        return try self.read(from: file, named: path.string)
    }

    /// Reads what one call gives, a small file or a line of a terminal, into guarded memory, without the line
    /// end.
    public static func read(from file: FileDescriptor, named name: String) throws -> SecretBytes {
        let room = try SecretBytes(count: self.limit + 1)
        var count = try room.withMutableBytes { try file.read(into: $0) }
        guard count <= self.limit else { throw FileError.tooLarge(path: name, limit: self.limit) }
        room.withBytes { bytes in
            while count > 0, bytes[count - 1] == 0x0a || bytes[count - 1] == 0x0d { count -= 1 }
        }
        guard count > 0 else { throw KeystoreError.emptyPassphrase }
        return try room.duplicated(count: count)
    }
}
