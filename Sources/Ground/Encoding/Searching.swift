/// Searching in text, byte by byte. The standard library's own searching belongs to its regular expressions,
/// which a program then holds in memory whole.
extension StringProtocol {
    /// Where `text` is for the first time; nil for nowhere, and for an empty `text`.
    package func firstPlace(of text: String) -> Range<Index>? {
        let (bytes, sought) = (self.utf8, text.utf8)
        guard let first = sought.first else { return nil }
        var start = bytes.startIndex
        while let place = bytes[start...].firstIndex(of: first) {
            if bytes[place...].starts(with: sought) {
                return place..<bytes.index(place, offsetBy: sought.count)
            }
            start = bytes.index(after: place)
        }
        return nil
    }

    package func holds(_ text: String) -> Bool { self.firstPlace(of: text) != nil }

    /// The text with `other` wherever `text` is.
    package func writing(_ other: String, for text: String) -> String {
        var (result, rest) = ("", self[...])
        while let place = rest.firstPlace(of: text) {
            result += rest[..<place.lowerBound] + other
            rest = rest[place.upperBound...]
        }
        return result + rest
    }
}
