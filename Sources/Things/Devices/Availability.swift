package import Encoding
internal import Messaging

/// `depai:availability`: where the device, or whoever speaks for it, says that it is there.
package struct AvailabilityForm: Sendable {
    /// How the words of several places become one.
    package enum Mode: String, Sendable, CaseIterable {
        /// There, if every place that can say so says so; gone, if one says so.
        case all
        /// There, if one place says so; gone, if every one says so.
        case any
        /// Whatever was said last, wherever.
        case latest
    }

    /// What one place said.
    package enum Word: Sendable, Equatable {
        case online
        case offline
        /// Nothing about this device: the place only tells when it is gone, and now it does not.
        case nothing
    }

    /// A topic and its words.
    package struct Place: Sendable, Equatable {
        package let topic: String
        package let pointer: Pointer
        /// A word, or a list of words that all mean it; nil where only the end is told.
        package let online: JSON?
        package let offline: JSON

        /// What the payload says; nil when it says neither.
        package func word(_ payload: [UInt8]) -> Word? {
            guard payload.count <= AvailabilityForm.payloadLimit,
                let text = String(validating: payload, as: UTF8.self)
            else { return nil }
            let document = try? JSON.read(
                text, limits: JSON.Limits(bytes: AvailabilityForm.payloadLimit, depth: 8))
            // Older versions of some conventions send the bare word where newer ones send an object.
            let inner = document.flatMap { self.pointer.value(in: $0) } ?? document
            func says(_ words: JSON) -> Bool {
                AvailabilityForm.list(words).contains { word in
                    sameBytes(word.plainText, text)
                        || inner.map { $0.isSameValue(as: word) || sameBytes($0.plainText, word.plainText) }
                            ?? false
                }
            }
            if let online = self.online, says(online) { return .online }
            if says(self.offline) { return .offline }
            return self.online == nil ? .nothing : nil
        }
    }

    /// Empty when only silence tells.
    package let places: [Place]
    package let mode: Mode
    /// Nothing heard for so long: silent.
    package let staleAfter: Duration?

    /// The longest payload that is a word.
    static let payloadLimit = 4_096
    /// The most places of one thing.
    package static let placeLimit = 16

    /// Where the device itself speaks.
    package var topic: String? { self.places.first?.topic }

    /// What the device itself says when it comes and when it goes.
    package func word(isOnline: Bool) -> JSON {
        guard let place = self.places.first else { return .null }
        let word = (isOnline ? place.online : place.offline).flatMap { Self.list($0).first } ?? .null
        var document: JSON = [:]
        place.pointer.set(word, in: &document)
        return document
    }

    fileprivate static func list(_ words: JSON) -> [JSON] {
        if case .array(let words) = words { words } else { [words] }
    }
}

extension AvailabilityForm {
    /// Reads `depai:availability`; nil where there is none.
    init?(_ field: JSONField) throws(JSONError) {
        guard field.exists else { return nil }
        var places: [Place] = []
        if let list = field["places"].ifPresent {
            try field.only(["places", "mode", "staleAfterMs"])
            let elements = try list.elements()
            guard (1...Self.placeLimit).contains(elements.count) else {
                throw list.fault("has 1 to \(Self.placeLimit) places")
            }
            for element in elements {
                try element.only(["topic", "pointer", "online", "offline"])
                places.append(try Place(element, needsOnline: false))
            }
        } else {
            try field.only(["topic", "pointer", "online", "offline", "staleAfterMs"])
            if field["topic"].exists {
                places = [try Place(field, needsOnline: true)]
            } else if !field["staleAfterMs"].exists {
                throw field.fault("needs a topic or staleAfterMs")
            }
        }
        let name = try field["mode"].ifPresent?.string() ?? Mode.latest.rawValue
        guard let mode = Mode(rawValue: name) else { throw field["mode"].fault("is all, any or latest") }
        let stale = try field["staleAfterMs"].ifPresent?.integer(Int.self)
        if let stale, !(1...Self.staleLimitMs).contains(stale) {
            throw field["staleAfterMs"].fault("must be 1 ms to one day")
        }
        self.init(places: places, mode: mode, staleAfter: stale.map { .milliseconds($0) })
    }

    /// The longest `staleAfterMs`.
    static let staleLimitMs = 86_400_000
}

extension AvailabilityForm.Place {
    fileprivate init(_ field: JSONField, needsOnline: Bool) throws(JSONError) {
        let topic = try field["topic"].string()
        guard TopicFilter.isTopic(topic) else { throw field["topic"].fault("not an MQTT topic") }
        guard !topic.holds("{{") else { throw field["topic"].fault("a placeholder is not filled") }
        guard field["offline"].exists else { throw field["offline"].fault("is missing") }
        guard field["online"].exists || !needsOnline else { throw field["online"].fault("is missing") }
        guard let pointer = Pointer(try field["pointer"].ifPresent?.string() ?? "") else {
            throw field["pointer"].fault("not an RFC 6901 pointer")
        }
        self.init(
            topic: topic, pointer: pointer, online: field["online"].ifPresent?.value,
            offline: field["offline"].value ?? .null)
    }
}

/// What is known of a device's presence: words in, one word out. No clock.
struct Presence: Sendable, Equatable {
    private let places: [AvailabilityForm.Place]
    private let mode: AvailabilityForm.Mode
    private let staleAfter: Duration?
    /// What each place said last.
    private var words: [Bool?]
    /// What was said last, wherever.
    private var latest: Bool?
    /// The device itself talked since it was last said to be gone.
    private var hasTalked = false
    /// Time since boot when anything fresh was heard.
    private var heardAt: Duration?

    init(_ form: AvailabilityForm?) {
        self.places = form?.places ?? []
        self.mode = form?.mode ?? .latest
        self.staleAfter = form?.staleAfter
        self.words = Array(repeating: nil, count: self.places.count)
    }

    /// The same device under another description: what its old places said counts if they are the new ones.
    func adopting(_ form: AvailabilityForm?) -> Presence {
        var new = Presence(form)
        new.heardAt = self.heardAt
        if new.places == self.places, new.mode == self.mode {
            (new.words, new.latest, new.hasTalked) = (self.words, self.latest, self.hasTalked)
        }
        return new
    }

    /// Something fresh came from the device: whoever talks is there, also after a word that it left.
    mutating func heard(at uptime: Duration) {
        self.heardAt = uptime
        (self.latest, self.hasTalked) = (true, true)
        for (index, place) in self.places.enumerated() {
            self.words[index] = place.online == nil ? nil : true
        }
    }

    /// A place spoke. A kept "online" counts: that is what it is kept for.
    /// - Returns: whether the device was not known to be there before, and now is.
    mutating func hear(_ word: AvailabilityForm.Word, place: Int, at uptime: Duration) -> Bool {
        guard self.words.indices.contains(place) else { return false }
        let before = self.said
        switch word {
        case .online: (self.words[place], self.latest, self.heardAt) = (true, true, uptime)
        case .offline: (self.words[place], self.latest, self.hasTalked) = (false, false, false)
        case .nothing:
            if self.words[place] == false { self.latest = nil }
            self.words[place] = nil
        }
        return self.said == true && before != true
    }

    private var said: Bool? {
        switch self.mode {
        case .latest: return self.latest
        case .all:
            if self.words.contains(false) { return false }
            let canSay = self.places.indices.filter { self.places[$0].online != nil }
            return self.hasTalked || !canSay.isEmpty && canSay.allSatisfy { self.words[$0] == true }
                ? true : nil
        case .any:
            if self.hasTalked || self.words.contains(true) { return true }
            return !self.words.isEmpty && self.words.allSatisfy { $0 == false } ? false : nil
        }
    }

    func availability(at uptime: Duration, isConnected: Bool) -> Availability {
        if self.said == false { return .offline }
        guard isConnected, self.said == true, let heardAt = self.heardAt else { return .silent }
        if let limit = self.staleAfter, uptime - heardAt > limit { return .silent }
        return .online
    }
}
