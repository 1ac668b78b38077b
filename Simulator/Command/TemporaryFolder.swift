import ArgumentParser
import Database
import Glibc
import SystemPackage

/// Folders that end with the run.
enum TemporaryFolder {
    /// - Parameter parent: `$TMPDIR` or /tmp by default.
    static func make(in parent: String? = nil) throws -> FilePath {
        let parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/depai-sim-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else {
            throw ValidationError("no temporary folder can be made in \(parent)")
        }
        return FilePath(String(cString: path))
    }

    static func remove(_ folder: FilePath) throws {
        for name in try DurableFile.names(in: folder) {
            let path = folder.appending(name)
            if unlink(path.string) != 0 { try self.remove(path) }
        }
        rmdir(folder.string)
    }
}
