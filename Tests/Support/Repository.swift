public import Foundation
public import SystemPackage

/// The checkout that the tests were built from.
public enum Repository {
    public static let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    public static var path: FilePath { FilePath(Self.root.path) }

    /// A program that was built with the tests: it lies beside their bundle.
    public static func program(_ name: String) -> FilePath {
        FilePath(Bundle.main.bundlePath).appending(name)
    }

    /// A folder of known answers beside the checkout, or beside the folder of several; nil where it is not.
    public static func vectors(_ name: String) -> URL? {
        ["../shared/vectors", "../../shared/vectors"].map {
            Self.root.appending(path: "\($0)/\(name)").standardizedFileURL
        }.first { FileManager.default.fileExists(atPath: $0.path) }
    }
}
