internal import Encoding
internal import World

/// A text that is compared byte for byte, as MQTT compares topics: Swift's own `==` would take "é" for "e" +
/// accent.
struct ByteText: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ByteText, right: ByteText) -> Bool { sameBytes(left.text, right.text) }

    func hash(into hasher: inout Hasher) { for byte in self.text.utf8 { hasher.combine(byte) } }
}

/// What is done with the messages of one subscription.
enum Route: Sendable {
    /// Index of the thing, of the property, of its form.
    case report(thing: Int, property: Int, form: Int)
    case event(thing: Int, event: Int, form: Int)
    /// A place of `depai:availability`.
    case availability(thing: Int, place: Int)
    /// The answer to commands of one affordance.
    case answer(thing: Int, affordance: String, form: CommandForm)
}

/// One subscription and everybody who listens to it.
struct Source: Sendable {
    let filter: String
    var quality: DeliveryQuality
    var routes: [Route]

    /// All subscriptions of the things, each filter once, in the order of the descriptions.
    static func all(_ things: [(offset: Int, element: Thing)], ownName: String) -> [Source] {
        var sources: [Source] = []
        var places: [ByteText: Int] = [:]
        func add(_ filter: String, _ quality: DeliveryQuality, _ route: Route) {
            if let place = places[ByteText(filter)] {
                sources[place].routes.append(route)
                if quality == .atLeastOnce { sources[place].quality = quality }
            } else {
                places[ByteText(filter)] = sources.count
                sources.append(Source(filter: filter, quality: quality, routes: [route]))
            }
        }
        func addAnswer(_ command: CommandForm?, _ thing: Int, _ affordance: String) {
            guard let command, let filter = command.acknowledgement.filter else { return }
            add(
                Self.named(filter, ownName), .atLeastOnce,
                .answer(thing: thing, affordance: affordance, form: command))
        }
        for (index, thing) in things {
            for (place, form) in (thing.availability?.places ?? []).enumerated() {
                add(form.topic, .atLeastOnce, .availability(thing: index, place: place))
            }
            for (number, property) in thing.properties.enumerated() {
                for (place, form) in property.reports.enumerated() {
                    add(
                        Self.named(form.filter, ownName), form.quality,
                        .report(thing: index, property: number, form: place))
                }
                addAnswer(property.write, index, property.name)
            }
            for action in thing.actions { addAnswer(action.invoke, index, action.name) }
            for (number, event) in thing.events.enumerated() {
                for (place, form) in event.reports.enumerated() {
                    add(
                        Self.named(form.filter, ownName), form.quality,
                        .event(thing: index, event: number, form: place))
                }
            }
        }
        return sources
    }

    /// The filter with our own name at the level `$self`.
    private static func named(_ filter: String, _ ownName: String) -> String {
        filter.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0 == "$self" ? ownName : String($0) }.joined(separator: "/")
    }
}
