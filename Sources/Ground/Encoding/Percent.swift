/// Percent-encoding (RFC 3986): what an address cannot hold as it is.
package enum Percent {
    /// - Parameter keeps: the bytes that stay as they are; all others are written as `%` and two digits.
    package static func encode(_ text: String, keeping keeps: (UInt8) -> Bool) -> String {
        text.utf8.reduce(into: "") { result, byte in
            if keeps(byte), byte < 0x80 {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + Hex.encode([byte]).uppercased()
            }
        }
    }

    /// - Returns: nil where a `%` has no two digits behind it, or the bytes are no UTF-8.
    package static func decode(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self).lowercased()
            guard let value = try? Hex.decode(digits).first, rest.count >= 2 else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
