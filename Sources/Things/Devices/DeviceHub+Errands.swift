internal import Encoding
internal import World

/// A property's place in a hub.
struct FallbackKey: Hashable, Sendable {
    let thing: Int
    let property: String
}

/// What a hub does by the clock: values that fall back by themselves, and questions to devices.
extension DeviceHub {
    /// Things are not asked again before so long has passed.
    private static let queryPause = Duration.seconds(10)

    /// The thing shall say its values: we begin to follow it, or it came back.
    func wantValues(of thing: Int) {
        guard self.hasQuestion(thing) else { return }
        self.unasked.insert(thing)
        self.errandStarter.yield()
    }

    /// Whether there is one that may be sent. A profile asks by itself, and is sent nothing raw.
    private func hasQuestion(_ place: Int) -> Bool {
        !self.retired.contains(place) && self.things[place].profile == nil
            && !self.things[place].queries.isEmpty
    }

    /// A report came that a form lets fall back, or one that ends it.
    func schedule(
        _ fallback: ReportForm.Fallback?, _ value: JSON, of property: String, thing: Int, _ uptime: Duration
    ) {
        guard let fallback else { return }
        let key = FallbackKey(thing: thing, property: property)
        let isThere = value.isSameValue(as: fallback.value)
        self.fallbacks[key] = isThere ? nil : uptime + fallback.after
        if !isThere { self.errandStarter.yield() }
    }

    /// Runs until the task is cancelled; sleeps without a clock while nothing is due.
    func runErrands() async throws {
        self.errandStarter.yield()
        for await _ in self.errands {
            while true {
                try Task.checkCancellation()
                self.fallBack()
                try await self.ask()
                guard let pause = self.pause else { break }
                // Whatever comes meanwhile is seen after a short while: the stream has one reader.
                try await self.timeline.sleep(for: min(pause, Self.errandInterval))
            }
        }
    }

    /// The longest sleep while something is due.
    private static let errandInterval = Duration.milliseconds(500)

    /// How long until something is due; nil for nothing.
    private var pause: Duration? {
        let now = self.timeline.uptime
        let due = self.fallbacks.values.min().map { max($0 - now, Self.busPause) }
        // Without a broker a question waits.
        let waits = self.unasked.contains(where: self.hasQuestion)
        return waits ? min(due ?? Self.errandInterval, Self.errandInterval) : due
    }

    private func fallBack() {
        let now = self.timeline.uptime
        for (key, _) in self.fallbacks.filter({ $0.value <= now }) {
            self.fallbacks[key] = nil
            guard !self.retired.contains(key.thing),
                let property = self.things[key.thing].properties.first(where: {
                    sameBytes($0.name, key.property)
                }), let fallback = property.reports.compactMap(\.fallback).first,
                let value = self.twinStates[key.thing].fallBack(
                    to: fallback.value, of: property.name, at: self.timeline.now)
            else { continue }
            self.send(
                value, of: property.name, unit: property.schema.unit, thing: key.thing,
                at: self.timeline.now, uptime: now, .clock)
        }
    }

    /// Asks the things that shall be asked, each within its owner's limits.
    private func ask() async throws {
        self.unasked = self.unasked.filter(self.hasQuestion)
        guard self.isListening, self.bus.isConnected else { return }
        for place in self.unasked.sorted() {
            let thing = self.things[place]
            self.unasked.remove(place)
            let now = self.timeline.now
            if let hours = thing.limits.hours, now.quality == .none || !hours.contains(now) { continue }
            let key = "\u{1f}query\u{1f}\(thing.id)"
            if let last = self.publications[key]?.last, self.timeline.uptime - last < Self.queryPause {
                continue
            }
            for query in thing.queries {
                guard self.mayAsk(thing) else { break }
                let payload = query.payload(identifier: "query-\(thing.name)", ownName: self.ownName)
                do throws(BusError) {
                    try await self.bus.publish(Message(topic: query.topic, payload: payload))
                } catch .refused(let words) {
                    self.note(
                        "the broker refuses the question for its values: \(words)", thing: place,
                        affordance: "query", filter: query.topic)
                } catch {
                    // The broker went away: with the next connection.
                    self.unasked.insert(place)
                    break
                }
            }
            self.publications[key] = [self.timeline.uptime]
        }
    }

    /// A question is a publication like any other.
    private func mayAsk(_ thing: Thing) -> Bool {
        guard let perMinute = thing.limits.perMinute else { return true }
        let now = self.timeline.uptime
        let key = Self.rateKey(thing.id, nil)
        let recent = (self.publications[key] ?? []).filter { now - $0 < .seconds(60) }
        self.publications[key] = recent.count < perMinute ? recent + [now] : recent
        return recent.count < perMinute
    }
}
