import Encoding
import Foundation
import Home
import SystemPackage
import TestSupport
import Testing

/// Configuration files as people write them.
struct SettingsTests {
    private func read(_ text: String) async throws -> JSON? {
        try await withFolder { folder in
            let path = folder.appending("a.yaml")
            try Data(text.utf8).write(to: URL(filePath: path.string))
            return try Settings.read(path).value
        }
    }

    @Test func `plain words are numbers and truths, quoted ones are texts`() async throws {
        let text = """
            # A comment.
            a: 1
            b: {c: [true, "true", 'x', ~, null, -0.5, .5, 1e3, -, 0x1f, "1"]}
            d: |
              two
              lines
            e: 12:30
            f: http://127.0.0.1:9
            g:
            """
        let expected: JSON = [
            "a": 1,
            "b": [
                "c": [
                    true, "true", "x", nil, nil, .number(-0.5), .number(0.5), .number(1_000), "-",
                    .number(31), "1",
                ]
            ],
            "d": "two\nlines\n", "e": "12:30", "f": "http://127.0.0.1:9", "g": nil,
        ]
        #expect(try await self.read(text) == expected)
        #expect(try await self.read("# nothing\n") == [:])
        #expect(try await self.read("[1, 2]") == [1, 2])
    }

    @Test(arguments: [
        ("a: 1\na: 2", "line 2, column 1: the name \"a\" stands twice"),
        ("a: &x 1\nb: *x", "line 1, column 4: anchors are not used here"),
        ("a: !!int 1", "line 1, column 4: tags are not used here"),
        ("? [1]\n: 2", "a name is not a text"), ("a: 1\n---\nb: 2", "a second document"),
        ("a: [1, 2", "line 2, column 1: did not find expected"),
        ("a: \"\u{1}\"", "control characters are not allowed"),
        (String(repeating: "[", count: 100_000), "nested deeper than 64 levels"),
    ])
    func `what is not plain data is refused with its place`(text: String, reason: String) async throws {
        let error = await #expect(throws: SettingsError.self) { try await self.read(text) }
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test func `what is no text is refused`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.yaml")
            try Data([0x61, 0x3a, 0x20, 0xff, 0xfe, 0xc0]).write(to: URL(filePath: path.string))
            let error = #expect(throws: SettingsError.self) { try Settings.read(path) }
            #expect(error?.reason.contains("UTF-8") == true, "\(error?.reason ?? "")")
        }
    }
}
