internal import Database
public import Encoding
package import Sodium
public import Solana
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

    /// A URL with one of the schemes and a host.
    package func url(_ schemes: [String] = ["https", "http"]) throws(JSONError) -> String {
        let text = try self.string()
        let scheme = schemes.first { text.lowercased().hasPrefix("\($0)://") }
        guard let scheme, text.isPlain(limit: 2_048), !text.utf8.contains(0x20),
            case let rest = text.dropFirst(scheme.count + 3), let first = rest.first, !"/:?#".contains(first)
        else {
            let examples = schemes.map { "\($0)://HOST" }.joined(separator: ", ")
            throw self.fault("\"\(text.plain(limit: 80))\" is no URL such as \(examples)")
        }
        return text
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

/// Which chain and which of its nodes: `network`, `rpc` and `rpc_witnesses` of every configuration.
public struct ChainSettings: Sendable {
    public let network: Network
    /// URLs of nodes, in the order of preference: who does not answer is left for the next.
    public let rpc: [String]
    /// URLs of further nodes of the network, whose word it takes before a payment counts as dead.
    public let witnesses: [String]

    public init(_ root: JSONField) throws {
        guard let network = Self.networks[try root["network"].string()] else {
            throw root["network"].fault("one of mainnet, devnet, testnet")
        }
        self.network = network
        if case .array? = root["rpc"].value {
            self.rpc = try root["rpc"].elements().map { try $0.url() }
            guard !self.rpc.isEmpty else { throw root["rpc"].fault("some node has to be asked") }
        } else {
            self.rpc = [try root["rpc"].url()]
        }
        self.witnesses = try root["rpc_witnesses"].ifPresent?.elements().map { try $0.url() } ?? []
    }

    /// By a network's short name, `solana-devnet`, or CAIP-2 name; nil for another one.
    public init?(network: String, rpc: [String], witnesses: [String] = []) {
        guard let network = Self.network(named: network), !rpc.isEmpty else { return nil }
        self.network = network
        self.rpc = rpc
        self.witnesses = witnesses
    }

    /// By a short name, `solana-devnet`, or CAIP-2 name; nil for another one.
    public static func network(named name: String) -> Network? {
        let short = name.hasPrefix("solana-") ? String(name.dropFirst(7)) : name
        return self.networks[short] ?? Network(chainID: name)
    }

    private static let networks = ["mainnet": Network.mainnet, "devnet": .devnet, "testnet": .testnet]
}
