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
        self.free = Self.product(status.f_bavail, status.f_frsize)
        self.size = Self.product(status.f_blocks, status.f_frsize)
    }

    /// A file system may say anything of itself.
    private static func product(_ blocks: some BinaryInteger, _ bytes: some BinaryInteger) -> UInt64 {
        let (product, overflow) = UInt64(clamping: blocks).multipliedReportingOverflow(
            by: UInt64(clamping: bytes))
        return overflow ? .max : product
    }
}
