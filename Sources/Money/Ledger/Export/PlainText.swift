internal import Encoding
internal import Sodium

// Letter by letter in the sense of Unicode scalars, as other programs read: a quote with an accent over it is
// another `Character`, and still ends their string.
extension String {
    /// On one line and without characters that steer a terminal or an editor: what was said by strangers.
    var onOneLine: String {
        let words = self.unicodeScalars.split { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .privateUse,
                .unassigned:
                true
            default: false
            }
        }
        return words.map { String($0) }.joined(separator: " ")
    }

    /// The text with each scalar in `replacements` written as the text beside it.
    func writing(_ replacements: [Unicode.Scalar: String]) -> String {
        var text = String.UnicodeScalarView()
        for scalar in self.unicodeScalars {
            if let replacement = replacements[scalar] {
                text.append(contentsOf: replacement.unicodeScalars)
            } else {
                text.append(scalar)
            }
        }
        return String(text)
    }
}

/// The names of assets in plain-text accounting, where a name is all that tells two apart: unique, and legal
/// in hledger (in quotes) and in Beancount.
///
/// The asset that came first keeps its bare symbol; a later one with the same gets digits of the BLAKE2b hash
/// of its id. Another asset's arrival never renames one.
struct CommodityNames {
    /// Beancount allows 24 letters.
    private static let length = 24
    private static let bareLength = 15

    private var names: [String: String] = [:]

    init(_ assets: [Asset]) {
        // Beancount reads these as values.
        var taken: Set = ["TRUE", "FALSE", "NULL"]
        for asset in assets {
            let name = Self.candidates(for: asset).first { !taken.contains($0) }
            taken.insert(name ?? "")
            self.names[asset.id] = name
        }
    }

    subscript(asset: Asset) -> String { self.names[asset.id] ?? "" }

    /// From the nicest to one that no other asset has.
    private static func candidates(for asset: Asset) -> [String] {
        let letters = asset.symbol.uppercased().filter {
            $0.isASCII && ($0.isLetter || $0.isNumber)
        }
        let bare = String(letters.drop { $0.isNumber }.prefix(Self.bareLength))
        let digits = Hex.encode(BLAKE2b.digest(of: Array(asset.id.utf8))).uppercased()
        let stem = bare.isEmpty ? "ASSET" : bare
        return (bare.count > 1 ? [bare] : [])
            + [8, 12, 16, 20].map { "\(stem.prefix(Self.length - 1 - $0))-\(digits.prefix($0))" }
    }
}
