import Database
import Foundation
import Home
import SystemPackage
import TestSupport
import Testing

/// A home that was copied is a second wallet with the same keys.
@Suite struct PlaceTests {
    @Test func `a copied home is noticed once, a moved one is not`() async throws {
        try await withFolder { folder in
            let home = Home(folder.appending("one"))
            try DurableFile.createFolder(home.path)
            for _ in 0..<2 { #expect(try home.noticeCopy() == nil) }
            // Moved: the same folder under another name.
            let moved = Home(folder.appending("two"))
            try DurableFile.move(home.path, to: moved.path)
            #expect(try moved.noticeCopy() == nil)
            let copy = Home(folder.appending("three"))
            try FileManager.default.copyItem(atPath: moved.path.string, toPath: copy.path.string)
            let said = try #require(try copy.noticeCopy())
            #expect(said.contains(moved.path.string) && said.contains("on this machine"))
            #expect(said.contains("stop it for good") && !said.contains("\n"))
            #expect(try copy.noticeCopy() == nil)
            #expect(try moved.noticeCopy() == nil)
        }
    }

    @Test func `a home on another machine is noticed`() async throws {
        try await withFolder { folder in
            let home = Home(folder.appending("one"))
            try DurableFile.createFolder(home.path)
            try DurableFile.write(Array("a".utf8), to: folder.appending("a"))
            try DurableFile.write(Array("b".utf8), to: folder.appending("b"))
            #expect(try home.noticeCopy(machine: [folder.appending("a")]) == nil)
            let said = try #require(try home.noticeCopy(machine: [folder.appending("b")]))
            #expect(said.contains("on another machine"))
            // A file that nobody can read is as good as none.
            try DurableFile.write(Array("{".utf8), to: home.path.appending("place.json"))
            #expect(try home.noticeCopy() == nil)
        }
    }
}
