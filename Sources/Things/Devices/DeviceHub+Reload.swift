internal import Encoding
internal import Messaging
internal import World

extension DeviceHub {
    /// The most subscriptions over the life of a hub, those of descriptions that are gone included.
    static let sourceLimit = 16_384

    /// Takes these descriptions instead of those before, while it runs. What is known of a thing that stays
    /// is kept; a command that is on its way goes on under its old description.
    /// - Throws: `DeviceError` when they cannot stand together, `BusError` for a filter that the bus refuses;
    ///   then nothing has changed.
    public func replace(things: [Thing]) throws {
        var places: [(offset: Int, element: Thing)] = []
        var next = self.things.count
        for thing in things {
            let known = self.things.firstIndex { sameBytes($0.id, thing.id) }
            places.append((known ?? next, thing))
            if known == nil { next += 1 }
        }
        guard next <= Self.thingLimit else { throw DeviceError.tooManyThings(limit: Self.thingLimit) }
        let indices = try Self.places(of: places)
        let wanted = Source.all(places, ownName: self.ownName)
        let known = Set(self.sources.map { ExactText($0.filter) })
        let new = wanted.filter { source in !known.contains(ExactText(source.filter)) }
        guard self.sources.count + new.count <= Self.sourceLimit else {
            throw DeviceError.tooManyThings(limit: Self.thingLimit)
        }
        // Nothing comes through to them before their routes are known.
        let first = self.sources.count
        self.sources += new.map { Source(filter: $0.filter, quality: $0.quality, routes: []) }
        if self.isListening { for index in first..<self.sources.count { try self.listen(to: index) } }
        let (before, gone) = (self.things, self.retired)
        self.retired = Set(self.things.indices)
        for (place, thing) in places {
            self.retired.remove(place)
            if place < self.things.count {
                self.things[place] = thing
                self.twinStates[place].adopt(thing)
                self.fallbacks = self.fallbacks.filter { $0.key.thing != place }
            } else {
                self.things.append(thing)
                self.twinStates.append(TwinState(thing))
            }
        }
        self.indices = indices
        let routes = Dictionary(wanted.map { (ExactText($0.filter), $0.routes) }) { first, _ in first }
        for index in self.sources.indices {
            self.sources[index].routes = routes[ExactText(self.sources[index].filter)] ?? []
        }
        self.generation += 1
        self.log?.adopt(self.things, self.sources, generation: self.generation)
        self.adaptAll()
        for (place, thing) in places
        where !before.indices.contains(place) || gone.contains(place)
            || before[place].queries != thing.queries
        {
            self.wantValues(of: place)
        }
    }

    func listen(to index: Int) throws(BusError) {
        let source = self.sources[index]
        try self.bus.subscribe(to: source.filter, quality: source.quality) {
            [inbox, log, timeline] message in
            let stamp = (at: timeline.now, uptime: timeline.uptime)
            let heard = log?.hear(message, from: index, at: stamp)
            inbox.put(message, source: index, note: heard, stamp: stamp)
        }
    }

    /// Places by name and by id.
    static func places(of things: [(offset: Int, element: Thing)]) throws(DeviceError) -> [ExactText: Int] {
        guard things.count <= Self.thingLimit else { throw .tooManyThings(limit: Self.thingLimit) }
        var indices: [ExactText: Int] = [:]
        for (index, thing) in things {
            for name in Set([ExactText(thing.id), ExactText(thing.name)]).sorted(by: { $0.text < $1.text }) {
                guard indices.updateValue(index, forKey: name) == nil else { throw .ambiguous(name.text) }
            }
        }
        return indices
    }
}
