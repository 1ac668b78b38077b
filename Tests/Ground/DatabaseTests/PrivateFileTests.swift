import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Database

@Suite struct PrivateFileTests {
    @Test func `a secret comes from a plain file, never through a link, a pipe or a folder`() async throws {
        try await withFolder { folder in
            let path = folder.appending("key")
            try DurableFile.write([7], to: path)
            let file = try DurableFile.openPrivate(path)
            var byte: [UInt8] = [0]
            #expect(try byte.withUnsafeMutableBytes { try file.read(into: $0) } == 1 && byte == [7])
            try file.close()
            let (link, pipe) = (folder.appending("link"), folder.appending("pipe"))
            #expect(symlink(path.string, link.string) == 0 && mkfifo(pipe.string, 0o600) == 0)
            try DurableFile.createFolder(folder.appending("below"))
            for other in [link, pipe, folder.appending("below")] {
                #expect(throws: FileError.noPlainFile(path: other.string)) {
                    try DurableFile.requirePrivate(other)
                }
            }
            let missing = folder.appending("missing")
            #expect(throws: FileError.system(path: missing.string, .noSuchFileOrDirectory)) {
                try DurableFile.requirePrivate(missing)
            }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func `a stranger's file is no secret of ours, and one of the folder's owner is`() async throws {
        try await withFolder { folder in
            let path = folder.appending("key")
            try DurableFile.write([7], to: path)
            #expect(chown(path.string, 65_534, 65_534) == 0)
            #expect(throws: FileError.ofAnother(path: path.string, owner: 65_534)) {
                try DurableFile.requirePrivate(path)
            }
            // A home that belongs to the service's user, looked into by root.
            let home = folder.appending("home")
            try DurableFile.createFolder(home)
            try DurableFile.write([7], to: home.appending("key"))
            #expect(chown(home.string, 65_534, 65_534) == 0)
            #expect(chown(home.appending("key").string, 65_534, 65_534) == 0)
            try DurableFile.requirePrivate(home.appending("key"))
        }
    }

    /// The umask belongs to the process, so each runs in one of its own.
    @Test func `a database is its owner's alone, whatever the umask`() async throws {
        await #expect(processExitsWith: .success) {
            umask(0)
            try await withFolder { folder in
                let path = folder.appending("a.db")
                let database = try Connection(path: path.string)
                try database.execute("CREATE TABLE t (i INTEGER) STRICT; INSERT INTO t VALUES (1)")
                try database.copy(to: folder.appending("copy.db"))
                for name in ["a.db", "a.db-wal", "a.db-shm", "copy.db"] {
                    let found = mode(of: folder.appending(name))
                    precondition(found == 0o600, "\(name): \(String(found ?? 0, radix: 8))")
                }
            }
        }
    }

    @Test func `a database that others could read is shut at the next start`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.db").string
            do {
                let database = try Connection(path: path)
                try database.execute("CREATE TABLE t (i INTEGER) STRICT")
            }
            #expect(chmod(path, 0o644) == 0)
            let database = try Connection(path: path)
            #expect(mode(of: folder.appending("a.db")) == 0o600)
            try database.execute("INSERT INTO t VALUES (1)")
            #expect(mode(of: folder.appending("a.db-wal")) == 0o600)
        }
    }
}
