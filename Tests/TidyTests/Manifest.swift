import Foundation
import Subprocess
import TestSupport

/// What Package.swift says, as the package manager reads it: the only table of who may import whom.
struct Manifest: Decodable {
    struct Target: Decodable {
        let name: String
        /// `regular`, `executable`, `test`, `system`.
        let type: String
        let path: String?
        let dependencies: [Dependency]
        /// The files that belong to it; nil for all of its folder.
        let sources: [String]?

        /// Its folder below the repository.
        var folder: String { self.path ?? "Tests/\(self.name)" }
    }

    /// A target of ours by name, or a product of another package.
    struct Dependency: Decodable {
        let name: String
        let isProduct: Bool

        private enum CodingKeys: String, CodingKey { case byName, product, target }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            let key = values.allKeys.first ?? .byName
            var parts = try values.nestedUnkeyedContainer(forKey: key)
            self.name = try parts.decode(String.self)
            self.isProduct = key == .product
        }
    }

    let targets: [Target]

    /// Modules of a product that carries more than the one of its name.
    static let modules: [String: Set<String>] = [
        "Hummingbird": ["Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOCore", "NIOHTTPTypes", "NIOPosix"]
    ]

    /// As it was when the first test asked.
    static func read() async throws -> Manifest { try await self.only.value }

    private static let only = Task { try await Self.dump() }

    private static func dump() async throws -> Manifest {
        // A folder of its own: the tests may be running in the package's.
        let scratch = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(scratch) }
        let result = try await run(
            .name("swift"),
            arguments: [
                "package", "--package-path", Repository.root.path, "--scratch-path", scratch.string,
                "dump-package",
            ], output: .data(limit: 4 << 20), error: .string(limit: 1 << 16))
        return try JSONDecoder().decode(Manifest.self, from: result.standardOutput)
    }
}
