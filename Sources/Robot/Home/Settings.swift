internal import Database
public import Encoding
package import Sodium
public import SystemPackage

/// Reads configuration files: YAML 1.1 as people write it, decoded with the same strict reader as everything
/// else.
public enum Settings {
    /// The file's content. Names that stand twice, anchors and tags are refused.
    /// - Throws: ``SettingsError`` with line and column, `FileError`.
    public static func read(_ path: FilePath) throws -> JSONField {
        let bytes = try DurableFile.read(path, limit: 1 << 20)
        do throws(YAMLReader.Fault) {
            return JSONField(try YAMLReader.json(bytes) ?? .object(JSON.Object()))
        } catch {
            throw SettingsError(
                path: path.string, reason: "line \(error.line), column \(error.column): \(error.reason)")
        }
    }
}

extension Settings {
    /// Reads the file as `decode` understands it.
    /// - Throws: ``SettingsError`` that names the file and the member that is wrong.
    public static func read<Value>(
        _ path: FilePath, as decode: (JSONField) throws -> Value
    ) throws -> Value {
        let root = try self.read(path)
        do {
            return try decode(root)
        } catch let error as JSONError {
            throw SettingsError(path: path.string, reason: "\(error)")
        }
    }
}

extension JSONField {
    /// A file's name; a relative one is below `folder`.
    package func path(in folder: FilePath) throws(JSONError) -> FilePath {
        let text = try self.string()
        guard !text.isEmpty, !text.utf8.contains(0) else { throw self.fault("no name of a file") }
        return folder.pushing(FilePath(text)).lexicallyNormalized()
    }

    /// A base58 Ed25519 key that can sign.
    package func publicKey() throws(JSONError) -> PublicKey {
        let text = try self.string()
        let key: PublicKey
        do {
            key = try PublicKey(try Base58.decode(text))
        } catch {
            throw self.fault("no base58 Ed25519 key: \(error)")
        }
        guard key.isSound else { throw self.fault("not a sound Ed25519 key") }
        return key
    }
}

/// A configuration file that is not one.
public struct SettingsError: Error, CustomStringConvertible {
    public let path: String
    public let reason: String
    public var description: String { "\(self.path): \(self.reason)" }
}
