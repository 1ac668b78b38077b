extension JSONField {
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
}
