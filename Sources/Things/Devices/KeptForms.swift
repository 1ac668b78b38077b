internal import Encoding
internal import World

/// The forms whose readings are kept, by the source through which they come.
struct KeptForms: Sendable {
    /// A form that reports something that may be wanted.
    struct Kept: Sendable {
        /// Place of the route in its source.
        let route: Int
        let thing: String
        let affordance: String
        /// `THING/PROPERTY` or `THING/EVENT`, the thing by its name.
        let subject: String
        let unit: String?
        let schema: DataSchema?
        let form: ReportForm
        /// Whether who wants everything wants this, by the description's word.
        let isKept: Bool
        /// What stands in ``Reading/json`` before the value, between it and the time, and at the end: always
        /// the same.
        private let head: String
        private let middle: String
        private let tail: String

        fileprivate init(
            route: Int, thing: Thing, affordance: String, unit: String?, schema: DataSchema?,
            form: ReportForm, isKept: Bool, boot: String
        ) {
            self.route = route
            self.thing = thing.id
            self.affordance = affordance
            self.subject = "\(thing.name)/\(affordance)"
            self.unit = unit
            self.schema = schema
            self.form = form
            self.isKept = isKept
            let (id, name) = (JSON.string(thing.id).text, JSON.string(affordance).text)
            self.head = #"{"thing":\#(id),"property":\#(name),"value":"#
            self.middle = unit.map { #","unit":\#(JSON.string($0).text),"at":"# } ?? #","at":"#
            self.tail = #","boot":\#(JSON.string(boot).text),"seq":"#
        }

        /// ``Reading/json`` as text, of a reading of this start.
        func text(of reading: Reading, as sequence: Int64) -> String {
            let value = reading.value.text
            var text = ""
            text.reserveCapacity(
                self.head.utf8.count + value.utf8.count + self.middle.utf8.count + self.tail.utf8.count + 96)
            text += self.head
            text += value
            text += self.middle
            text += String(reading.at.milliseconds)
            text += #","clock":""#
            text += reading.at.quality.rawValue
            text += #"","uptimeMs":"#
            text += String(reading.uptime.milliseconds)
            text += self.tail
            text += String(sequence)
            text += "}"
            return text
        }
    }

    /// All of them, and those that somebody wants.
    var all: [Int: [Kept]] = [:] { didSet { self.choose() } }
    private(set) var wanted: [Int: [Kept]] = [:]
    /// Of the descriptions that they are of.
    var generation: UInt64 = 0
    /// What each follower wants; nil is everything that is kept.
    var wishes: [String: Set<String>?] { didSet { self.choose() } }

    init(wishes: [String: Set<String>?]) { self.wishes = wishes }

    private mutating func choose() {
        self.wanted = self.all.mapValues { $0.filter(self.wants) }.filter { !$0.value.isEmpty }
    }

    private func wants(_ kept: Kept) -> Bool {
        self.wishes.values.contains { names in
            guard let names else { return kept.isKept }
            return names.contains(kept.subject) || names.contains("\(kept.thing)/\(kept.affordance)")
        }
    }

    /// How a reading is kept; nil when nobody wants it.
    func form(of reading: Reading) -> Kept? {
        self.wanted.values.joined().first {
            sameBytes($0.thing, reading.thing) && sameBytes($0.affordance, reading.property)
        }
    }

    static func all(_ things: [Thing], _ sources: [Source], boot: String) -> [Int: [Kept]] {
        var forms: [Int: [Kept]] = [:]
        for (place, source) in sources.enumerated() {
            let kept = source.routes.enumerated().compactMap { Self.kept($1, at: $0, things, boot) }
            if !kept.isEmpty { forms[place] = kept }
        }
        return forms
    }

    private static func kept(
        _ route: Route, at place: Int, _ things: [Thing], _ boot: String
    ) -> Kept? {
        switch route {
        case .report(let index, let property, let form):
            let (thing, property) = (things[index], things[index].properties[property])
            return Kept(
                route: place, thing: thing, affordance: property.name, unit: property.schema.unit,
                schema: property.schema, form: property.reports[form], isKept: property.isKept,
                boot: boot)
        case .event(let index, let event, let form):
            let (thing, event) = (things[index], things[index].events[event])
            return Kept(
                route: place, thing: thing, affordance: event.name, unit: event.data?.unit,
                schema: event.data, form: event.reports[form], isKept: event.isKept, boot: boot)
        case .availability, .answer: return nil
        }
    }
}
