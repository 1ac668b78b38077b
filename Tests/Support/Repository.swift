public import Foundation
public import SystemPackage

/// The checkout that the tests were built from.
public enum Repository {
    public static let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    public static var path: FilePath { FilePath(Self.root.path) }

    /// A folder of known answers beside the checkout, or beside the folder of several; nil where it is not.
    public static func vectors(_ name: String) -> URL? {
        ["../shared/vectors", "../../shared/vectors"].map {
            Self.root.appending(path: "\($0)/\(name)").standardizedFileURL
        }.first { FileManager.default.fileExists(atPath: $0.path) }
    }
}
