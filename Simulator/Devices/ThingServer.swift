internal import Devices
internal import Encoding
internal import Messaging
internal import World

/// The other side of a description: publishes what it observes, listens to what it writes and invokes.
struct ThingServer: Sendable {
    private let thing: Thing

    init(_ thing: Thing) throws(SimulationError) {
        self.thing = thing
        let filters =
            thing.properties.flatMap {
                $0.reports.map(\.filter) + [$0.write?.acknowledgement.filter].compactMap { $0 }
            }
            + thing.actions.compactMap { $0.invoke?.acknowledgement.filter }
        for filter in filters where !TopicFilter.isTopic(filter) {
            throw .description("nobody can publish under \"\(filter)\"")
        }
    }

    /// What it listens to: topic, name of the property or action, its form.
    var commands: [(name: String, form: CommandForm)] {
        self.thing.properties.compactMap { property in property.write.map { (property.name, $0) } }
            + self.thing.actions.compactMap { action in action.invoke.map { (action.name, $0) } }
    }

    func availability(isOnline: Bool) -> Message? {
        guard let form = self.thing.availability, let topic = form.topic else { return nil }
        let payload = Array(form.word(isOnline: isOnline).plainText.utf8)
        return Message(topic: topic, payload: payload, retained: true)
    }

    /// The messages that report these values; properties that share a topic share a message.
    func reports(_ values: [(name: String, value: JSON)]) -> [Message] {
        var messages: [(topic: String, document: JSON, isText: Bool, retain: Bool)] = []
        for (name, value) in values {
            guard let property = self.thing.properties.first(where: { $0.name == name }) else { continue }
            // What is only said in answer to a question stands elsewhere.
            for form in property.reports where !form.filter.hasPrefix("$self/") {
                // A value that the wire has no word for is not said.
                guard let wire = try? form.format.wire(of: value) else { continue }
                let isText = form.format.isText || (form.pointer.tokens.isEmpty && !form.format.map.isEmpty)
                let place = messages.firstIndex { $0.topic == form.filter }
                var document = place.map { messages[$0].document } ?? [:]
                form.pointer.set(wire, in: &document)
                for condition in form.when { condition.pointer.set(condition.equals, in: &document) }
                if let place {
                    messages[place].document = document
                } else {
                    messages.append((form.filter, document, isText, form.retain))
                }
            }
            if let write = property.write, write.acknowledgement.kind == .echo,
                let topic = write.acknowledgement.filter,
                let wire = try? write.format.wire(of: value)
            {
                var document: JSON = [:]
                (write.acknowledgement.valuePointer ?? Pointer.whole).set(wire, in: &document)
                messages.append((topic, document, write.format.isText, false))
            }
        }
        return messages.map { message in
            let text = message.isText ? message.document.plainText : message.document.text
            return Message(topic: message.topic, payload: Array(text.utf8), retained: message.retain)
        }
    }

    /// What a payload asks for; nil when it is not what the description says.
    func command(_ payload: [UInt8], name: String, form: CommandForm) -> ModelCommand? {
        guard let document = try? form.format.document(payload) else { return nil }
        var filling = BodyTemplate.Filling(value: form.body == nil ? document : .null)
        if let body = form.body, !body.read(document, into: &filling) { return nil }
        guard let input = try? form.format.value(ofWire: filling.value, schema: nil) else { return nil }
        return ModelCommand(name: name, input: input, id: filling.identifier, caller: filling.ownName)
    }

    /// The message that carries a reply; nil where the description knows no replies.
    func reply(_ reply: ModelReply) -> Message? {
        guard let form = self.commands.first(where: { $0.name == reply.command.name })?.form,
            form.acknowledgement.kind == .reply, let filter = form.acknowledgement.filter
        else { return nil }
        var document = reply.fields
        form.acknowledgement.idPointer?.set(.string(reply.command.id), in: &document)
        switch reply.verdict {
        case .progress: break
        case .done:
            for condition in form.acknowledgement.okWhen {
                condition.pointer.set(condition.equals, in: &document)
            }
        case .failed(let reason): form.acknowledgement.errorPointer?.set(.string(reason), in: &document)
        }
        let topic = filter.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0 == "$self" ? reply.command.caller : String($0) }.joined(separator: "/")
        return Message(topic: topic, payload: Array(document.text.utf8))
    }
}
