public import SystemPackage

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The room of a file system.
public struct DiskSpace: Sendable {
    /// What this user may still write, in bytes.
    public let free: UInt64
    public let size: UInt64

    public init(of path: FilePath) throws(FileError) {
        var status = statvfs()
        guard statvfs(path.string, &status) == 0 else {
            throw .system(path: path.string, Errno(rawValue: errno))
        }
        self.free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        self.size = UInt64(status.f_blocks) * UInt64(status.f_frsize)
    }
}
