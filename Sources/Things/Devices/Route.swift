internal import Encoding
internal import World

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
        var places: [ExactText: Int] = [:]
        func add(_ filter: String, _ quality: DeliveryQuality, _ route: Route) {
            if let place = places[ExactText(filter)] {
                sources[place].routes.append(route)
                if quality == .atLeastOnce { sources[place].quality = quality }
            } else {
                places[ExactText(filter)] = sources.count
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
