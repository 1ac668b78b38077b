internal import Foundation
public import SystemPackage

/// Runs `body` with a folder of its own, which is removed afterwards with all that is in it.
public func withFolder<Result>(_ body: (FilePath) async throws -> Result) async throws -> Result {
    let folder = try TemporaryFolder.make()
    defer { TemporaryFolder.remove(folder) }
    return try await body(folder)
}

/// The two halves of ``withFolder(_:)``, for callers that cannot wait.
public enum TemporaryFolder {
    public static func make() throws -> FilePath {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "depai-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return FilePath(folder.path)
    }

    public static func remove(_ folder: FilePath) {
        try? FileManager.default.removeItem(atPath: folder.string)
    }
}
