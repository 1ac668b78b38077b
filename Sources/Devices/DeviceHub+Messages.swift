internal import Encoding
internal import World

extension DeviceHub {
    /// Gives one message to everybody who listens to its filter. A bad one is counted and forgotten.
    func receive(_ arrival: Inbox.Arrival) {
        let source = self.sources[arrival.source]
        for route in source.routes {
            switch route {
            case .report(let thing, let property, let form):
                self.receive(arrival, source, thing: thing, property: property, form: form)
            case .event(let thing, let event, let form):
                self.receive(arrival, source, thing: thing, event: event, form: form)
            case .availability(let thing):
                if let isOnline = self.things[thing].availability?.isOnline(arrival.message.payload) {
                    self.twinStates[thing].availability(isOnline: isOnline, at: arrival.uptime)
                } else if !arrival.message.payload.isEmpty {
                    // An empty retained message only clears the topic.
                    self.note(
                        "neither online nor offline", thing: thing, affordance: "availability",
                        filter: source.filter)
                }
            case .answer(let thing, let affordance, let form):
                self.receiveAnswer(arrival, source, thing: thing, affordance: affordance, form: form)
            }
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
        case .availability(let thing): (thing, "availability")
        case .answer(let thing, let affordance, _): (thing, affordance)
        }
    }

    private func receive(_ arrival: Inbox.Arrival, _ source: Source, thing: Int, property: Int, form: Int) {
        let property = self.things[thing].properties[property]
        let message = arrival.message
        do {
            let report = try property.reports[form].report(message.payload, schema: property.schema)
            let value = try self.twinStates[thing].report(
                report, of: property, at: arrival.at, uptime: arrival.uptime, isOld: message.retained)
            guard let value, !message.retained else { return }
            self.send(value, of: property.name, unit: property.schema.unit, thing: thing, arrival)
            self.receiveEcho(value, of: property.name, thing: thing, arrival)
        } catch {
            self.note(error.description, thing: thing, affordance: property.name, filter: source.filter)
        }
    }

    private func receive(_ arrival: Inbox.Arrival, _ source: Source, thing: Int, event: Int, form: Int) {
        // An event happens once; a kept one happened before.
        guard !arrival.message.retained else { return }
        let event = self.things[thing].events[event]
        do {
            guard
                case .value(let value) = try event.reports[form].report(
                    arrival.message.payload, schema: event.data)
            else { return }
            self.twinStates[thing].heard(at: arrival.uptime)
            self.send(value, of: event.name, unit: event.data?.unit, thing: thing, arrival)
        } catch {
            self.note(error.description, thing: thing, affordance: event.name, filter: source.filter)
        }
    }

    /// The property reports a value: whoever waits for exactly that has it.
    private func receiveEcho(_ value: JSON, of property: String, thing: Int, _ arrival: Inbox.Arrival) {
        let id = self.waiting(thing: thing, affordance: property, since: arrival) { open in
            open.form.acknowledgement.kind == .echo && open.form.acknowledgement.filter == nil
                && open.command.content.input.isSameValue(as: value)
        }
        if let id { self.settle(id, .done(nil), thing, property, source: open[id]?.form.topic ?? "") }
    }

    private func receiveAnswer(
        _ arrival: Inbox.Arrival, _ source: Source, thing: Int, affordance: String, form: CommandForm
    ) {
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
            open.command.content.input.isSameValue(as: value)
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
