internal import Encoding
internal import Messaging
internal import World

extension DeviceHub {
    /// Gives one message to everybody who listens to its filter. A bad one is counted and forgotten.
    func receive(_ arrival: Inbox.Arrival) {
        let source = self.sources[arrival.source]
        // What the log read stands under the descriptions of then.
        let heard = (arrival.note as? ReadingLog.Heard).flatMap {
            $0.generation == self.generation ? $0.reports : nil
        }
        for (place, route) in source.routes.enumerated() {
            let heard = heard?.first { $0.route == place }
            switch route {
            case .report(let thing, let property, let form):
                self.receive(arrival, heard, source, thing: thing, property: property, form: form)
            case .event(let thing, let event, let form):
                self.receive(arrival, heard, source, thing: thing, event: event, form: form)
            case .availability(let thing, let place):
                self.receiveAvailability(arrival, source, thing: thing, place: place)
            case .answer(let thing, let affordance, let form):
                self.receiveAnswer(arrival, source, thing: thing, affordance: affordance, form: form)
            }
        }
    }

    private func receiveAvailability(_ arrival: Inbox.Arrival, _ source: Source, thing: Int, place: Int) {
        let payload = arrival.message.payload
        guard let places = self.things[thing].availability?.places, places.indices.contains(place) else {
            return
        }
        if let word = places[place].word(payload) {
            let cameBack = self.twinStates[thing].availability(word, place: place, at: arrival.uptime)
            if cameBack { self.wantValues(of: thing) }
        } else if !payload.isEmpty {
            // An empty message only clears the topic.
            self.note(
                "neither online nor offline", thing: thing, affordance: "availability", filter: source.filter)
        }
    }

    /// Notes messages that never came to be read.
    func noteLost(_ source: Int, _ count: UInt64, _ reason: String) {
        // Nobody listens to what a description that is gone asked for.
        guard let route = self.sources[source].routes.first else { return }
        let (thing, affordance) = self.place(of: route)
        self.note(
            reason, thing: thing, affordance: affordance, filter: self.sources[source].filter, count: count)
    }

    private func place(of route: Route) -> (thing: Int, affordance: String) {
        switch route {
        case .report(let thing, let property, _): (thing, self.things[thing].properties[property].name)
        case .event(let thing, let event, _): (thing, self.things[thing].events[event].name)
        case .availability(let thing, _): (thing, "availability")
        case .answer(let thing, let affordance, _): (thing, affordance)
        }
    }

    private func receive(
        _ arrival: Inbox.Arrival, _ heard: ReadingLog.Heard.Report?, _ source: Source, thing: Int,
        property: Int, form: Int
    ) {
        let property = self.things[thing].properties[property]
        let message = arrival.message
        do {
            let report = try Self.report(heard, property.reports[form], message, property.schema)
            if report == .gone {
                self.fallbacks[FallbackKey(thing: thing, property: property.name)] = nil
                // Who was told the empty text, and kept it, says nothing.
                if message.payload.isEmpty { self.receiveEcho("", of: property, form, thing: thing, arrival) }
            }
            let value = try self.twinStates[thing].report(
                report, of: property, at: arrival.at, uptime: arrival.uptime, isOld: message.retained)
            guard let value else { return }
            self.schedule(
                property.reports[form].fallback, value, of: property.name, thing: thing, arrival.uptime)
            guard !message.retained else { return }
            self.send(
                value, of: property.name, unit: property.schema.unit, thing: thing, at: arrival.at,
                uptime: arrival.uptime, .message(heard?.sequence))
            self.receiveEcho(value, of: property, form, thing: thing, arrival)
        } catch {
            self.note(error.description, thing: thing, affordance: property.name, filter: source.filter)
        }
    }

    private func receive(
        _ arrival: Inbox.Arrival, _ heard: ReadingLog.Heard.Report?, _ source: Source, thing: Int, event: Int,
        form: Int
    ) {
        // An event happens once; a kept one happened before.
        guard !arrival.message.retained else { return }
        let event = self.things[thing].events[event]
        do {
            let report = try Self.report(heard, event.reports[form], arrival.message, event.data)
            guard case .value(let value) = report else { return }
            self.twinStates[thing].heard(at: arrival.uptime)
            self.send(
                value, of: event.name, unit: event.data?.unit, thing: thing, at: arrival.at,
                uptime: arrival.uptime, .message(heard?.sequence), isEvent: true)
        } catch {
            self.note(error.description, thing: thing, affordance: event.name, filter: source.filter)
        }
    }

    /// What a message says, as the log read it when it did.
    private static func report(
        _ heard: ReadingLog.Heard.Report?, _ form: ReportForm, _ message: Message, _ schema: DataSchema?
    ) throws(PayloadError) -> ReportForm.Report {
        if let heard { return try heard.said.get() }
        return try form.report(message.payload, schema: schema)
    }

    /// The property reports a value: whoever waits for it has it. Also where the device announces what it
    /// will do on a topic of its own: not every device does.
    private func receiveEcho(
        _ value: JSON, of property: Thing.Property, _ form: Int, thing: Int, _ arrival: Inbox.Arrival
    ) {
        // We would hear ourselves and take it for the device.
        guard let write = property.write, property.reports.indices.contains(form),
            !TopicFilter.matches(write.topic, filter: property.reports[form].filter)
        else { return }
        let id = self.waiting(thing: thing, affordance: property.name, since: arrival) { open in
            open.form.acknowledgement.kind == .echo && value.isEcho(of: open.command.content.input)
        }
        if let id { self.settle(id, .done(nil), thing, property.name, source: open[id]?.form.topic ?? "") }
    }

    private func receiveAnswer(
        _ arrival: Inbox.Arrival, _ source: Source, thing: Int, affordance: String, form: CommandForm
    ) {
        // Nothing is how a kept topic is cleared.
        guard !arrival.message.payload.isEmpty else { return }
        do throws(PayloadError) {
            let document = try form.format.document(arrival.message.payload)
            if form.acknowledgement.kind == .echo {
                try self.receiveEcho(document, arrival, thing: thing, affordance: affordance, form: form)
                return
            }
            if !arrival.message.retained { self.twinStates[thing].heard(at: arrival.uptime) }
            let event: Command.Event
            switch form.acknowledgement.verdict(document) {
            case .progress: return
            case .done(let result): event = .done(result)
            case .failed(let error): event = .failed(error)
            }
            if let pointer = form.acknowledgement.idPointer {
                guard let id = pointer.value(in: document)?.plainText else { throw PayloadError.missing }
                self.receiveReply(event, to: id, arrival, thing: thing, affordance: affordance, source.filter)
            } else if let id = self.waiting(
                thing: thing, affordance: affordance, since: arrival, where: { _ in true })
            {
                self.settle(id, event, thing, affordance, source: source.filter)
            }
        } catch {
            self.note(error.description, thing: thing, affordance: affordance, filter: source.filter)
        }
    }

    /// An echo on a topic of its own.
    private func receiveEcho(
        _ document: JSON, _ arrival: Inbox.Arrival, thing: Int, affordance: String, form: CommandForm
    ) throws(PayloadError) {
        guard let wire = (form.acknowledgement.valuePointer ?? Pointer.whole).value(in: document) else {
            return
        }
        // A text says what it is only together with the property's type.
        let schema = self.things[thing].properties.first { $0.name == affordance }?.schema
        let value = try form.format.value(ofWire: wire, schema: schema)
        let id = self.waiting(thing: thing, affordance: affordance, since: arrival) { open in
            value.isEcho(of: open.command.content.input)
        }
        if let id { self.settle(id, .done(nil), thing, affordance, source: open[id]?.form.topic ?? "") }
    }

    /// A reply that names its command: also one that nobody waits for any more.
    private func receiveReply(
        _ event: Command.Event, to id: String, _ arrival: Inbox.Arrival, thing: Int, affordance: String,
        _ filter: String
    ) {
        let place = (self.things[thing].id, affordance)
        if let open = self.open[id] {
            guard (open.command.content.thing, open.command.content.affordance) == place else { return }
            // What the broker kept may be the answer to an earlier attempt, never to a command that is new.
            guard !arrival.message.retained || open.wasSentBefore else { return }
            self.settle(id, event, thing, affordance, source: filter)
            return
        }
        do {
            guard let entry = try self.journal.entry(id),
                (entry.content.thing, entry.content.affordance) == place
            else {
                return
            }
            var command = Command(
                id: id, content: entry.content, proof: .identified, isRepeatable: false, state: entry.state,
                result: entry.result)
            guard command.handle(event).contains(.save) else { return }
            try self.journal.save(id, command.state, command.result, at: self.timeline.now)
        } catch {
            self.note(
                "the journal does not work: \(error)", thing: thing, affordance: affordance, filter: filter)
        }
    }

    /// The command that waits for an anonymous answer from there, if the message came after it was sent.
    private func waiting(
        thing: Int, affordance: String, since arrival: Inbox.Arrival, where matches: (OpenCommand) -> Bool
    ) -> String? {
        guard !arrival.message.retained else { return nil }
        let id = self.things[thing].id
        // At most one: execute() lets no second anonymous command in.
        return self.open.first { _, open in
            guard open.command.proof == .anonymous, open.command.content.thing == id,
                open.command.content.affordance == affordance, let publishedAfter = open.publishedAfter
            else { return false }
            return arrival.number > publishedAfter && matches(open)
        }?.key
    }

    /// A journal that does not write is told once; the caller's own wait then fails on it.
    private func settle(
        _ id: String, _ event: Command.Event, _ thing: Int, _ affordance: String, source: String
    ) {
        do {
            _ = try self.step(id, event)
        } catch {
            self.note(
                "the journal does not work: \(error)", thing: thing, affordance: affordance, filter: source)
        }
    }
}
