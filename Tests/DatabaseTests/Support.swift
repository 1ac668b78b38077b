import Glibc
import SystemPackage

/// A folder of its own for one test, removed afterwards.
func withFolder<Result>(_ body: (FilePath) async throws -> Result) async throws -> Result {
    var template = Array("/tmp/depai-database-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    let path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    defer { remove(tree: path) }
    return try await body(path)
}

private func remove(tree path: FilePath) {
    if let folder = opendir(path.string) {
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { remove(tree: path.appending(name)) }
        }
        closedir(folder)
        rmdir(path.string)
    } else {
        unlink(path.string)
    }
}

/// The permission bits of a file.
func mode(of path: FilePath) -> UInt32? {
    var status = stat()
    return stat(path.string, &status) == 0 ? UInt32(status.st_mode) & 0o777 : nil
}
