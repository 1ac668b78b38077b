public import SystemPackage

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Why a small file was not read or written.
public enum FileError: Error, Equatable, CustomStringConvertible {
    case system(path: String, Errno)
    /// More bytes than anyone needs there.
    case tooLarge(path: String, limit: Int)
    /// Others may read or write the file; mode in octal.
    case openToOthers(path: String, mode: UInt32)
    /// A secret's file is a link, a pipe or a folder.
    case noPlainFile(path: String)
    /// A secret's file belongs to somebody else; owner as a user's number.
    case ofAnother(path: String, owner: UInt32)

    public var description: String {
        switch self {
        case .system(let path, let errno): "\(path): \(errno)"
        case .tooLarge(let path, let limit): "\(path): larger than \(limit) bytes"
        case .openToOthers(let path, let mode):
            "\(path): mode \(String(mode & 0o777, radix: 8)) lets others in; run: chmod 600 \(path)"
        case .noPlainFile(let path):
            "\(path) is no plain file (a link, a pipe, a folder); secrets come from one"
        case .ofAnother(let path, let owner):
            "\(path) belongs to user \(owner), not to you or its folder's owner; chown $(id -u) \(path)"
        }
    }
}

/// Small files that are whole or not there at all, also after a power cut.
public enum DurableFile {
    /// Replaces the file: temporary file in the same folder, write, fsync, rename, fsync of the folder.
    public static func write(_ bytes: [UInt8], to path: FilePath, mode: FilePermissions = [.ownerReadWrite])
        throws(FileError)
    {
        let temporary = FilePath("\(path).new")
        do {
            try? Self.remove(temporary)
            let file = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: mode)
            try file.closeAfter {
                try file.writeAll(bytes)
                guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
            }
            guard rename(temporary.string, path.string) == 0 else { throw Errno(rawValue: errno) }
            try Self.synchronizeFolder(of: path)
        } catch let error {
            throw .system(path: path.string, error as? Errno ?? .ioError)
        }
    }

    /// Returns when a file that something else wrote is on the disk, and its name, too.
    public static func synchronize(_ path: FilePath) throws(FileError) {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
            try file.closeAfter { guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) } }
            try Self.synchronizeFolder(of: path)
        } catch let error {
            throw .system(path: path.string, error as? Errno ?? .ioError)
        }
    }

    /// Copies a file of any size into one of its owner alone; on the disk when it returns.
    public static func copy(_ path: FilePath, to other: FilePath) throws(FileError) {
        do {
            let source = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
            try source.closeAfter {
                let target = try FileDescriptor.open(
                    other, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                    permissions: [.ownerReadWrite])
                try target.closeAfter {
                    var chunk = [UInt8](repeating: 0, count: 256 << 10)
                    while case let count = try chunk.withUnsafeMutableBytes({ try source.read(into: $0) }),
                        count > 0
                    {
                        try target.writeAll(chunk[..<count])
                    }
                    guard fsync(target.rawValue) == 0 else { throw Errno(rawValue: errno) }
                }
            }
            try Self.synchronizeFolder(of: other)
        } catch let error {
            throw .system(path: other.string, error as? Errno ?? .ioError)
        }
    }

    /// Gives a file another name in the same file system, replacing what has it; on the disk when it returns.
    public static func move(_ path: FilePath, to other: FilePath) throws(FileError) {
        do {
            guard rename(path.string, other.string) == 0 else { throw Errno(rawValue: errno) }
            try Self.synchronizeFolder(of: other)
        } catch let error {
            throw .system(path: path.string, error as? Errno ?? .ioError)
        }
    }

    /// Removes a file; it is no error if there is none.
    public static func remove(_ path: FilePath) throws(FileError) {
        guard unlink(path.string) == 0 || errno == ENOENT else {
            throw .system(path: path.string, Errno(rawValue: errno))
        }
    }

    /// The whole file.
    /// - Parameter limit: the most bytes that are taken, in bytes.
    public static func read(_ path: FilePath, limit: Int = 16 << 20) throws(FileError) -> [UInt8] {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            try file.closeAfter {
                while case let count = try chunk.withUnsafeMutableBytes({ try file.read(into: $0) }),
                    count > 0
                {
                    bytes.append(contentsOf: chunk[0..<count])
                    if bytes.count > limit { throw Errno.fileTooLarge }
                }
            }
            return bytes
        } catch let error {
            let code = error as? Errno ?? .ioError
            if code == .fileTooLarge { throw .tooLarge(path: path.string, limit: limit) }
            throw .system(path: path.string, code)
        }
    }

    /// Makes a folder that only its owner enters, and its parents; an existing one is left as it is.
    public static func createFolder(_ path: FilePath) throws(FileError) {
        guard !path.isEmpty else { throw .system(path: "", .noSuchFileOrDirectory) }
        guard mkdir(path.string, 0o700) != 0 else { return }
        switch errno {
        case EEXIST: return
        case ENOENT:
            try self.createFolder(path.removingLastComponent())
            guard mkdir(path.string, 0o700) == 0 || errno == EEXIST else {
                throw .system(path: path.string, Errno(rawValue: errno))
            }
        default: throw .system(path: path.string, Errno(rawValue: errno))
        }
    }

    /// The names in a folder, in no order.
    public static func names(in path: FilePath) throws(FileError) -> [String] {
        guard let folder = opendir(path.string) else {
            throw .system(path: path.string, Errno(rawValue: errno))
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    public static func exists(_ path: FilePath) -> Bool { access(path.string, F_OK) == 0 }

    private static func synchronizeFolder(of path: FilePath) throws {
        let parent = path.removingLastComponent()
        let folder = try FileDescriptor.open(
            parent.isEmpty ? "." : parent, .readOnly, options: [.directory, .closeOnExec])
        try folder.closeAfter {
            guard fsync(folder.rawValue) == 0 else { throw Errno(rawValue: errno) }
        }
    }
}

/// What tells one state of a file from another without reading it.
public struct FileSignature: Sendable, Hashable {
    private let inode: UInt64
    /// Bytes.
    public let size: Int64
    private let seconds: Int64
    private let nanoseconds: Int64

    /// Nil when there is no such file.
    public init?(of path: FilePath) {
        var status = stat()
        guard stat(path.string, &status) == 0 else { return nil }
        self.inode = UInt64(status.st_ino)
        self.size = Int64(status.st_size)
        self.seconds = Int64(status.st_mtim.tv_sec)
        self.nanoseconds = Int64(status.st_mtim.tv_nsec)
    }
}
