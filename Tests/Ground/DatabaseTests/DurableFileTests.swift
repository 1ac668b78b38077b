import Database
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite struct DurableFileTests {
    @Test func `a file is replaced as a whole and stays private`() async throws {
        try await withFolder { folder in
            let path = folder.appending("key")
            try DurableFile.write([1, 2, 3], to: path)
            #expect(mode(of: path) == 0o600)
            try DurableFile.write([4], to: path)
            #expect(try DurableFile.read(path) == [4])
            #expect(try DurableFile.names(in: folder) == ["key"])
            try DurableFile.write([], to: path, mode: [.ownerRead])
            #expect(mode(of: path) == 0o400)
            #expect(try DurableFile.read(path).isEmpty)
        }
    }

    @Test func `a left-over of a crash is in nobody's way`() async throws {
        try await withFolder { folder in
            let path = folder.appending("key")
            try DurableFile.write([9, 9, 9], to: folder.appending("key.new"))
            try DurableFile.write([1], to: path)
            #expect(try DurableFile.read(path) == [1])
            #expect(try DurableFile.names(in: folder) == ["key"])
        }
    }

    /// Whoever may write into the folder could plant a link; the file is made anew and never written through
    /// it.
    @Test func `a planted link is not followed`() async throws {
        try await withFolder { folder in
            let victim = folder.appending("victim")
            try DurableFile.write([7], to: victim)
            #expect(symlink(victim.string, folder.appending("key.new").string) == 0)
            try DurableFile.write([1], to: folder.appending("key"))
            #expect(try DurableFile.read(victim) == [7])
        }
    }

    @Test func `a failed write leaves the old file`() async throws {
        try await withFolder { folder in
            let path = folder.appending("key")
            try DurableFile.write([1], to: path)
            #expect(mkdir(folder.appending("key.new").string, 0o700) == 0)
            #expect(throws: FileError.self) { try DurableFile.write([2], to: path) }
            #expect(try DurableFile.read(path) == [1])
            #expect(throws: FileError.self) { try DurableFile.write([2], to: folder.appending("no/where")) }
        }
    }

    @Test func `reading has a limit`() async throws {
        try await withFolder { folder in
            let path = folder.appending("key")
            try DurableFile.write(Array(repeating: 1, count: 100_000), to: path)
            #expect(try DurableFile.read(path, limit: 100_000).count == 100_000)
            #expect(throws: FileError.tooLarge(path: path.string, limit: 99_999)) {
                try DurableFile.read(path, limit: 99_999)
            }
            #expect(throws: FileError.tooLarge(path: "/dev/zero", limit: 10)) {
                try DurableFile.read("/dev/zero", limit: 10)
            }
            let missing = folder.appending("missing")
            #expect(throws: FileError.system(path: missing.string, .noSuchFileOrDirectory)) {
                try DurableFile.read(missing)
            }
            #expect(throws: FileError.self) { try DurableFile.read(folder) }
        }
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o620, 0o601] as [mode_t])
    func `a secret that others may touch is refused with the remedy`(mode: mode_t) async throws {
        try await withFolder { folder in
            let path = folder.appending("key")
            try DurableFile.write([1], to: path)
            try DurableFile.requirePrivate(path)
            chmod(path.string, mode)
            let error = #expect(throws: FileError.self) { try DurableFile.requirePrivate(path) }
            #expect(error?.description.contains("chmod 600 \(path)") == true)
            chmod(path.string, 0o400)
            try DurableFile.requirePrivate(path)
        }
    }

    @Test func `folders are private, made with their parents, and left alone when they exist`() async throws {
        try await withFolder { folder in
            let deep = folder.appending("a/b/c")
            for _ in 0..<2 { try DurableFile.createFolder(deep) }
            #expect(mode(of: deep) == 0o700 && mode(of: folder.appending("a")) == 0o700)
            try DurableFile.write([1], to: folder.appending("file"))
            #expect(throws: FileError.self) { try DurableFile.createFolder(folder.appending("file/below")) }
            #expect(throws: FileError.self) { try DurableFile.createFolder("") }
        }
    }
}
