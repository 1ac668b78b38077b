public import SystemPackage

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Files with secrets and with money: who may have put them there, and who may look into them.
extension DurableFile {
    /// Opens a secret's file for reading and looks at what was opened, not at what the name means a moment
    /// later: a plain file and no link, of a mode that lets nobody else in. It belongs to whoever runs this,
    /// to root, or to the owner of its folder, who could put any file there.
    /// - Parameter groupMayRead: where an access list of another user shows as the group's right.
    public static func openPrivate(
        _ path: FilePath, groupMayRead: Bool = false
    ) throws(FileError) -> FileDescriptor {
        let parent = path.removingLastComponent()
        do {
            // The folder first: its owner, and the file in this very folder.
            let folder = try FileDescriptor.open(
                parent.isEmpty ? "." : parent, .readOnly, options: [.directory, .closeOnExec])
            return try folder.closeAfter {
                // A pipe that nobody writes to must not hold us up.
                let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
                let descriptor = openat(folder.rawValue, path.lastComponent?.string ?? "", flags)
                guard descriptor >= 0 else {
                    guard errno == ELOOP else { throw Errno(rawValue: errno) }
                    throw FileError.noPlainFile(path: path.string)
                }
                let file = FileDescriptor(rawValue: descriptor)
                do {
                    let owner = try Self.status(of: folder).st_uid
                    try Self.check(file, path, folderOwner: owner, groupMayRead: groupMayRead)
                    return file
                } catch {
                    try? file.close()
                    throw error
                }
            }
        } catch let error {
            throw error as? FileError ?? .system(path: path.string, error as? Errno ?? .ioError)
        }
    }

    /// Refuses a file that ``openPrivate(_:groupMayRead:)`` refuses.
    public static func requirePrivate(_ path: FilePath, groupMayRead: Bool = false) throws(FileError) {
        let file = try self.openPrivate(path, groupMayRead: groupMayRead)
        try? file.close()
    }

    private static func check(
        _ file: FileDescriptor, _ path: FilePath, folderOwner: uid_t, groupMayRead: Bool
    ) throws {
        let status = try self.status(of: file)
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileError.noPlainFile(path: path.string) }
        guard [geteuid(), 0, folderOwner].contains(status.st_uid) else {
            throw FileError.ofAnother(path: path.string, owner: status.st_uid)
        }
        guard status.st_mode & (groupMayRead ? 0o037 : 0o077) == 0 else {
            throw FileError.openToOthers(path: path.string, mode: status.st_mode)
        }
    }

    private static func status(of file: FileDescriptor) throws -> stat {
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
        return status
    }

    /// Makes an empty file of its owner alone, whatever the process's umask says; where there is one, takes
    /// away what others may do with it.
    ///
    /// An existing one is not opened for that: closing any descriptor of a file gives up every lock that this
    /// process has on it, SQLite's among them.
    static func makePrivate(_ path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor < 0 else {
            close(descriptor)
            return
        }
        self.shutOthersOut(path)
    }

    static func shutOthersOut(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0
        else { return }
        // Not ours to change: then its owner decides.
        _ = chmod(path, status.st_mode & 0o700)
    }
}
