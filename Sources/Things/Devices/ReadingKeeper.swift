internal import Encoding
internal import Synchronization
internal import World

/// Readings that must not be lost: each is handed on while the broker still waits for its acknowledgement. If
/// what takes it writes it to disk, a crash at any moment loses none: the broker sends it again.
///
/// What is kept is the message as it came: of an object that is reported in parts, the part.
public final class ReadingKeeper: Sendable {
    /// A form that reports something wanted.
    private struct Kept: Sendable {
        let thing: String
        let affordance: String
        let unit: String?
        let schema: DataSchema?
        let form: ReportForm
    }

    private let names: Set<String>
    private let keep: @Sendable (Reading) -> Void
    /// What is wanted, by the filter through which it comes, and how many were kept.
    private let state = Mutex<(forms: [ExactText: [Kept]], count: UInt64)>(([:], 0))

    /// - Parameters:
    ///   - names: what is wanted, `THING/PROPERTY` or `THING/EVENT`, a thing by its name or id.
    ///   - keep: called on the bus's thread; the message is acknowledged when it has returned.
    public init(names: Set<String>, keep: @escaping @Sendable (Reading) -> Void) {
        self.names = names
        self.keep = keep
    }

    /// Takes other descriptions.
    func adopt(_ things: [Thing], _ sources: [Source]) {
        let forms = sources.reduce(into: [ExactText: [Kept]]()) { forms, source in
            let wanted = source.routes.compactMap { route -> Kept? in
                switch route {
                case .report(let thing, let index, let form):
                    let property = things[thing].properties[index]
                    guard self.wants(property.name, of: things[thing]) else { return nil }
                    return Kept(
                        thing: things[thing].id, affordance: property.name, unit: property.schema.unit,
                        schema: property.schema, form: property.reports[form])
                case .event(let thing, let index, let form):
                    let event = things[thing].events[index]
                    guard self.wants(event.name, of: things[thing]) else { return nil }
                    return Kept(
                        thing: things[thing].id, affordance: event.name, unit: event.data?.unit,
                        schema: event.data, form: event.reports[form])
                case .availability, .answer: return nil
                }
            }
            if !wanted.isEmpty { forms[ExactText(source.filter)] = wanted }
        }
        self.state.withLock { $0.forms = forms }
    }

    /// Called on the bus's thread.
    func hear(_ message: Message, through filter: String, _ timeline: any Timeline, boot: String) {
        // A retained value is no reading: it may be old.
        guard !message.retained, message.payload.count <= WireFormat.payloadLimit else { return }
        for kept in self.state.withLock({ $0.forms[ExactText(filter)] }) ?? [] {
            let value: JSON
            switch try? kept.form.report(message.payload, schema: kept.schema) {
            case .value(let whole)?: value = whole
            case .changes(let part)?: value = part
            case .gone?, .nothing?, nil: continue
            }
            let number = self.state.withLock { state in
                state.count += 1
                return state.count
            }
            self.keep(
                Reading(
                    thing: kept.thing, property: kept.affordance, value: value, unit: kept.unit,
                    at: timeline.now, uptime: timeline.uptime, boot: boot, sequence: number))
        }
    }

    private func wants(_ affordance: String, of thing: Thing) -> Bool {
        self.names.contains("\(thing.name)/\(affordance)") || self.names.contains("\(thing.id)/\(affordance)")
    }
}
