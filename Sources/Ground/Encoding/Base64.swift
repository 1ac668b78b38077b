/// Base64 in both alphabets of RFC 4648. x402 headers use the padded standard one, JWS the URL one without
/// padding.
public enum Base64: Sendable {
    case standard
    case url

    private var alphabet: [UInt8] {
        let common = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return common
            + (self == .standard
                ? [UInt8(ascii: "+"), UInt8(ascii: "/")] : [UInt8(ascii: "-"), UInt8(ascii: "_")])
    }

    /// The text of `bytes`: padded in the standard alphabet, without padding in the URL one.
    public func encode(_ bytes: some Sequence<UInt8>) -> String {
        let alphabet = self.alphabet
        var text: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[Int(buffer >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << UInt32(6 - bits) & 63)]) }
        if self == .standard { while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) } }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of `text`.
    /// - Throws: `DecodingError` for a character outside the alphabet, wrong padding, or bits that encoding
    ///   would not have made: one byte string has one text.
    public func decode(_ text: String) throws(DecodingError) -> [UInt8] {
        var characters = Array(text.utf8)
        if self == .standard {
            guard characters.count % 4 == 0 else { throw .length(characters.count) }
            var padding = 0
            while padding < 2, characters.last == UInt8(ascii: "=") {
                characters.removeLast()
                padding += 1
            }
        }
        guard characters.count % 4 != 1 else { throw .length(characters.count) }
        let alphabet = self.alphabet
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count * 3 / 4)
        var buffer: UInt32 = 0
        var bits = 0
        for (offset, character) in characters.enumerated() {
            let value = values[Int(character)]
            guard value != 255 else { throw .character(offset: offset) }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        guard buffer & (1 << UInt32(bits) - 1) == 0 else { throw .notCanonical }
        return bytes
    }
}
