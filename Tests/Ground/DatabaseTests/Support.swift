import Glibc
import SystemPackage

/// The permission bits of a file.
func mode(of path: FilePath) -> UInt32? {
    var status = stat()
    return stat(path.string, &status) == 0 ? UInt32(status.st_mode) & 0o777 : nil
}
