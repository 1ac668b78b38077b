/// Base58 with the Bitcoin alphabet, no checksum: Solana addresses, signatures and did:key.
public enum Base58 {
    private static let alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)

    public static func encode(_ bytes: [UInt8]) -> String {
        var digits: [UInt8] = []  // base 58, least significant first
        for byte in bytes {
            var carry = Int(byte)
            for index in digits.indices {
                carry += Int(digits[index]) << 8
                digits[index] = UInt8(carry % 58)
                carry /= 58
            }
            while carry > 0 {
                digits.append(UInt8(carry % 58))
                carry /= 58
            }
        }
        let zeros = bytes.prefix { $0 == 0 }.map { _ in self.alphabet[0] }
        return String(decoding: zeros + digits.reversed().map { self.alphabet[Int($0)] }, as: UTF8.self)
    }

    /// The bytes of `text`. The work grows with the square of the length, so callers with foreign text bound
    /// it first by `maximumLength` characters.
    public static func decode(_ text: String, maximumLength: Int = 128) throws(DecodingError) -> [UInt8] {
        let characters = Array(text.utf8)
        guard characters.count <= maximumLength else { throw .length(characters.count) }
        var bytes: [UInt8] = []  // least significant first
        for (offset, character) in characters.enumerated() {
            guard let value = self.alphabet.firstIndex(of: character) else {
                throw .character(offset: offset)
            }
            var carry = value
            for index in bytes.indices {
                carry += Int(bytes[index]) * 58
                bytes[index] = UInt8(carry & 255)
                carry >>= 8
            }
            while carry > 0 {
                bytes.append(UInt8(carry & 255))
                carry >>= 8
            }
        }
        let zeros = characters.prefix { $0 == self.alphabet[0] }.map { _ in UInt8(0) }
        return zeros + bytes.reversed()
    }
}
