internal import Encoding
internal import World

/// Things whose profile is a stateful protocol.
extension DeviceHub {
    /// The most adapters over the life of a hub, those of descriptions that are gone included.
    static let adapterLimit = 1_024

    /// Makes the adapters that the descriptions want, wakes those that come back, and puts to rest those that
    /// nobody wants any more. One that cannot be made is told; its thing is only looked at.
    func adaptAll() {
        let wanted = self.present.compactMap { place, thing in thing.vda5050.map { (place, $0) } }
        let robots = Set(wanted.map(\.1))
        for (robot, adapter) in self.adapters { adapter.control.rest(!robots.contains(robot)) }
        for (place, robot) in wanted where self.adapters[robot] == nil {
            do {
                try self.adapt(robot, among: robots)
            } catch {
                self.note(
                    "\(error)", thing: place, affordance: "profile", filter: robot.topic(.state))
            }
        }
    }

    private func adapt(_ robot: VDA5050.Identity, among robots: Set<VDA5050.Identity>) throws {
        guard self.adapters.count < Self.adapterLimit else {
            throw DeviceError.tooManyThings(limit: Self.adapterLimit)
        }
        // Two books of one robot would number its messages twice.
        let name = VDA5050.ThingAdapter.fileName(robot)
        let isTaken = self.adapters.contains { other, adapter in
            adapter.fileName == name && robots.contains(other)
        }
        guard !isTaken else {
            throw DeviceError.noAdapter(
                thing: robot.serialNumber, reason: "another description has this robot in another version")
        }
        let adapter = try VDA5050.ThingAdapter(
            robot, bus: self.bus, folder: self.folder, timeline: self.timeline
        ) { [adapterFaultTeller] topic, reason in
            adapterFaultTeller.yield(AdapterFault(robot: robot, topic: topic, reason: reason))
        }
        self.adapters[robot] = adapter
        self.adapterStarter.yield(adapter)
    }

    /// What commands this robot.
    func adapter(
        of robot: VDA5050.Identity, _ thing: String
    ) throws(DeviceError) -> VDA5050.ThingAdapter {
        if self.adapters[robot] == nil { self.adaptAll() }
        guard let adapter = self.adapters[robot] else {
            let reason = self.faults().last { sameBytes($0.filter, robot.topic(.state)) }?.reason
            throw .noAdapter(thing: thing, reason: reason ?? "its profile has no adapter")
        }
        return adapter
    }

    /// Runs adapters as they come, until the task is cancelled.
    func runAdapters() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await self.noteAdapterFaults() }
            for await adapter in self.newAdapters {
                group.addTask {
                    do {
                        try await adapter.control.run()
                    } catch let error as BusError {
                        // One robot whose topics the bus does not want keeps no other from its work.
                        await self.drop(adapter, error)
                    }
                }
            }
            try Task.checkCancellation()
        }
    }

    private func drop(_ adapter: VDA5050.ThingAdapter, _ error: BusError) {
        let robot = adapter.control.identity
        self.adapters[robot] = nil
        self.note(AdapterFault(robot: robot, topic: .state, reason: "\(error)"))
    }

    private func noteAdapterFaults() async {
        for await fault in self.adapterFaults { self.note(fault) }
    }

    private func note(_ fault: AdapterFault) {
        guard let place = self.present.first(where: { $0.element.vda5050 == fault.robot })?.offset else {
            return
        }
        self.note(
            fault.reason, thing: place, affordance: fault.topic.rawValue,
            filter: fault.robot.topic(fault.topic))
    }
}

/// A message of a robot that its adapter cannot read.
struct AdapterFault: Sendable {
    let robot: VDA5050.Identity
    let topic: VDA5050.Topic
    let reason: String

    /// The most that wait to be noted; more are lost.
    static let room = 256
}
