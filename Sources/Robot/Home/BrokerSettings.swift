public import Encoding
public import SystemPackage
public import World

/// The section `broker` of every configuration.
extension BrokerAddress {
    /// Reads it; whoever has no `client_id` is refused.
    /// - Parameter folder: where files are that are named without one.
    public init(settings root: JSONField, in folder: FilePath) throws {
        try root.only([
            "host", "port", "client_id", "username", "password_file", "tls", "birth", "will",
            "session_seconds",
        ])
        let tls = try root["tls"].ifPresent.map { try TLS(settings: $0, in: folder) }
        let host = try root["host"].string()
        guard !host.isEmpty, host.isPlain(limit: 255), !host.contains(where: { " /@".contains($0) }) else {
            throw root["host"].fault("no host")
        }
        self.init(
            host: host,
            port: try root["port"].ifPresent?.integer(in: 1...65_535) ?? (tls == nil ? 1_883 : 8_883),
            clientID: try root["client_id"].string(), username: try root["username"].ifPresent?.string(),
            passwordFile: try root["password_file"].ifPresent?.path(in: folder).string,
            will: try root["will"].ifPresent.map { try Message(settings: $0) },
            birth: try root["birth"].ifPresent.map { try Message(settings: $0) }, tls: tls,
            sessionSeconds: try root["session_seconds"].ifPresent?.integer() ?? 86_400)
    }
}

extension BrokerAddress.TLS {
    fileprivate init(settings root: JSONField, in folder: FilePath) throws {
        try root.only(["ca_file", "certificate_file", "key_file"])
        self.init(
            caFile: try root["ca_file"].ifPresent?.path(in: folder).string,
            certificateFile: try root["certificate_file"].ifPresent?.path(in: folder).string,
            keyFile: try root["key_file"].ifPresent?.path(in: folder).string)
        guard (self.certificateFile == nil) == (self.keyFile == nil) else {
            throw root["key_file"].fault("certificate_file and key_file come together")
        }
    }
}

extension Message {
    /// `topic`, `payload` and, if it shall be found later, `retain`; at least once.
    fileprivate init(settings root: JSONField) throws {
        try root.only(["topic", "payload", "retain"])
        let topic = try root["topic"].string()
        guard !topic.isEmpty, !topic.contains(where: { "+#\0".contains($0) }) else {
            throw root["topic"].fault("not a topic")
        }
        self.init(
            topic: topic, payload: Array(try root["payload"].string().utf8),
            retained: try root["retain"].ifPresent?.bool() ?? false)
    }
}
