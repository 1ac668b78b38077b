internal import Database
public import Encoding
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
            self.rpc = try root["rpc"].elements().map { try $0.string() }
            guard !self.rpc.isEmpty else { throw root["rpc"].fault("some node has to be asked") }
        } else {
            self.rpc = [try root["rpc"].string()]
        }
        self.witnesses = try root["rpc_witnesses"].ifPresent?.elements().map { try $0.string() } ?? []
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
