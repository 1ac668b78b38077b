internal import Encoding

/// Subjects as the books keep them, beside their purpose. What versions before this one wrote is read as what
/// it was.
extension Subject {
    private static let requestPrefix = "fetch:"
    private static let depositPrefix = "channel:"
    private static let closingPrefix = "close:"
    private static let questionPrefix = "ask:"
    private static let surplusPrefix = "sweep:"

    public var text: String {
        switch self {
        case .object(let id, 0, 0) where !id.utf8.contains(UInt8(ascii: "#")): id
        case .object(let id, let slot, let period): "\(id)#\(slot).\(period)"
        case .job(let id, 0) where !id.utf8.contains(UInt8(ascii: "#")): id
        case .job(let id, let slot): "\(id)#\(slot)"
        case .request(let digest): Self.requestPrefix + digest
        case .deposit(let channel): Self.depositPrefix + channel
        case .closing(let channel): Self.closingPrefix + channel
        case .question(let channel, let spent): "\(Self.questionPrefix)\(channel):\(spent)"
        case .surplus(let asset): Self.surplusPrefix + asset
        case .fee(let message): message
        case .other(_, let text): text
        }
    }

    init(_ purpose: Purpose, text: String) {
        let read: Subject? =
            switch purpose {
            case .storage: Self.object(reading: text)
            case .compute: Self.job(reading: text)
            case .service: Self.rest(of: text, after: Self.requestPrefix).map { .request($0) }
            case .channel: Self.channel(reading: text)
            case .sweep: Self.rest(of: text, after: Self.surplusPrefix).map { .surplus(asset: $0) }
            case .fee: .fee(message: text)
            }
        // Only what is written again as it was is what it seems to be.
        self = read.flatMap { sameBytes($0.text, text) ? $0 : nil } ?? .other(purpose, text)
    }

    private static func object(reading text: String) -> Subject? {
        guard let (id, place) = Self.cut(text, at: "#") else { return .object(text) }
        guard let (first, second) = Self.cut(place, at: ".") else { return nil }
        guard let slot = UInt32(first) else { return nil }
        guard let period = UInt32(second) else { return nil }
        return .object(id, slot: slot, period: period)
    }

    private static func job(reading text: String) -> Subject? {
        guard let (id, place) = Self.cut(text, at: "#") else { return .job(text) }
        guard let slot = UInt32(place) else { return nil }
        return .job(id, slot: slot)
    }

    private static func channel(reading text: String) -> Subject? {
        if let channel = Self.rest(of: text, after: Self.depositPrefix) { return .deposit(channel: channel) }
        if let channel = Self.rest(of: text, after: Self.closingPrefix) { return .closing(channel: channel) }
        guard let rest = Self.rest(of: text, after: Self.questionPrefix),
            let (channel, number) = Self.cut(rest, at: ":")
        else { return nil }
        guard let spent = UInt64(number) else { return nil }
        return .question(channel: channel, spent: spent)
    }

    private static func rest(of text: String, after prefix: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }

    /// What stands before and after the last `mark`.
    private static func cut(_ text: String, at mark: Character) -> (String, String)? {
        guard let place = text.lastIndex(of: mark) else { return nil }
        return (String(text[..<place]), String(text[text.index(after: place)...]))
    }
}
