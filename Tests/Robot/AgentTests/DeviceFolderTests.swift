import Encoding
import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import Agent

/// The folder of descriptions: one bad or doubled file refuses itself and no other.
@Suite struct DeviceFolderTests {
    private static func write(_ id: String, name: String, to file: FilePath) throws {
        let thing: JSON = [
            "@context": "https://www.w3.org/2022/wot/td/v1.1", "id": .string(id), "title": "one",
            "depai:name": .string(name), "securityDefinitions": ["nosec_sc": ["scheme": "nosec"]],
            "security": ["nosec_sc"],
            "properties": ["p": ["type": "boolean", "forms": [["href": "mqtt://b/t"]]]],
        ]
        try thing.text.write(toFile: file.string, atomically: true, encoding: .utf8)
    }

    @Test func `a file that doubles another one is refused alone, with both names`() async throws {
        try await withFolder { path in
            try Self.write("urn:a", name: "shade", to: path.appending("shade.td.json"))
            try Self.write("urn:a", name: "shade2", to: path.appending("shade2.td.json"))
            try Self.write("urn:b", name: "shade", to: path.appending("x.td.json"))
            try Self.write("urn:c", name: "lamp", to: path.appending("y.td.json"))
            try "{".write(toFile: path.appending("z.td.json").string, atomically: true, encoding: .utf8)
            var folder = DeviceFolder(path)
            let found = try folder.read()
            #expect(found.things.map(\.id) == ["urn:a", "urn:c"])
            #expect(found.faults.count == 3, "\(found.faults)")
            let doubled = found.faults.filter { $0.contains("shade.td.json, which stays") }
            #expect(doubled.contains { $0.contains("shade2.td.json: its id \"urn:a\"") }, "\(found.faults)")
            #expect(doubled.contains { $0.contains("x.td.json: its name \"shade\"") })
        }
    }

    @Test func `who is in use stays, whatever comes before it, and who was refused comes when it is free`()
        async throws
    {
        try await withFolder { path in
            try Self.write("urn:a", name: "one", to: path.appending("m.td.json"))
            var folder = DeviceFolder(path)
            #expect(try folder.read().things.map(\.name) == ["one"])
            try Self.write("urn:a", name: "other", to: path.appending("a.td.json"))
            let found = try folder.read()
            #expect(found.things.map(\.name) == ["one"] && found.faults.count == 1, "\(found)")
            // Told once.
            try Self.write("urn:c", name: "c", to: path.appending("c.td.json"))
            let again = try folder.read()
            #expect(again.faults == [] && again.things.map(\.name) == ["c", "one"])
            try Self.write("urn:d", name: "d", to: path.appending("m.td.json"))
            #expect(try folder.read().things.map(\.name) == ["other", "c", "d"])
        }
    }
}
