internal import Encoding
public import Sodium

/// An Ed25519 key as a decentralised identifier that needs no look-up: `did:key:z` and the Base58 of the
/// multicodec 0xed01 and the key.
/// Source: W3C CCG, the did:key method, sections 3 and 4.
public enum DIDKey {
    private static let prefix = "did:key:z"
    private static let multicodec: [UInt8] = [0xed, 0x01]

    public static func text(of key: PublicKey) -> String {
        self.prefix + Base58.encode(self.multicodec + key.bytes)
    }

    /// The URL of the key within its own document, as signatures name it: the identifier, `#`, and its last
    /// part again.
    public static func url(of key: PublicKey) -> String {
        let text = self.text(of: key)
        return "\(text)#\(text.dropFirst("did:key:".count))"
    }

    /// Reads an identifier or the URL of its key; nil for other methods, other curves, keys that are no sound
    /// point, and any second way to write the same key.
    public static func key(_ text: String) -> PublicKey? {
        let parts = text.prefix(256).split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard text.utf8.count <= 256, let first = parts.first, first.hasPrefix(self.prefix),
            let bytes = try? Base58.decode(String(first.dropFirst(self.prefix.count)), maximumLength: 64),
            bytes.starts(with: self.multicodec),
            let key = try? PublicKey(Array(bytes.dropFirst(self.multicodec.count))), key.isSound,
            text == self.text(of: key) || text == self.url(of: key)
        else { return nil }
        return key
    }
}
