internal import Control
internal import Devices
internal import Encoding
internal import Sodium
internal import World

/// Answers questions about the devices, with an object that has a `schema`, or `{"refusal": …, "rule": …}`.
struct DeviceDesk: Sendable {
    let hub: DeviceHub

    /// A signed one, from outside: the same, while it lives. Afterwards the outcome can still be asked for.
    func answer(_ order: DeviceOrder, at now: Timestamp) async -> JSON {
        let request = order.request.named(by: Base58.encode(order.issuer.bytes))
        do {
            do throws(DeviceOrderError) {
                try order.check(at: now)
            } catch {
                guard case .expired = error, let known = try await self.outcome(of: request) else {
                    throw error
                }
                return known
            }
            return try await self.perform(request)
        } catch {
            return DeviceAnswer.refusal(error)
        }
    }

    func perform(_ request: DeviceRequest) async throws -> JSON {
        switch request {
        case .list:
            let twins = await self.hub.twins()
            return DeviceAnswer.list(await self.things(twins))
        case .show(let name):
            let twin = try await self.hub.knownTwin(name)
            guard let (thing, _) = await self.things([twin]).first else { return .null }
            let faults = await self.hub.faults().filter { $0.thing == twin.id }
            return DeviceAnswer.show(thing, twin, faults)
        case .readings(let mark):
            return DeviceAnswer.readings(await self.hub.news(after: mark), await self.hub.twins())
        case .write(let value, let property, let thing, let id):
            return DeviceAnswer.command(try await self.hub.write(value, to: property, of: thing, id: id))
        case .invoke(let action, let thing, let input, let id):
            return DeviceAnswer.command(try await self.hub.invoke(action, of: thing, input: input, id: id))
        }
    }

    /// How a command ended, if it is known here, has ended, and is this one.
    private func outcome(of request: DeviceRequest) async throws -> JSON? {
        let (affordance, input, id): (String, JSON, String)
        switch request {
        case .list, .show, .readings: return nil
        case .write(let value, let property, _, let name): (affordance, input, id) = (property, value, name)
        case .invoke(let action, _, let value, let name): (affordance, input, id) = (action, value, name)
        }
        guard let record = try await self.hub.record(id), record.state.isFinal,
            record.affordance == affordance, record.input == input
        else { return nil }
        return DeviceAnswer.command(record)
    }

    private func things(_ twins: [Twin]) async -> [(Thing, Twin)] {
        let descriptions = await self.hub.descriptions
        return twins.compactMap { twin in
            descriptions.first { $0.id == twin.id }.map { ($0, twin) }
        }
    }
}
