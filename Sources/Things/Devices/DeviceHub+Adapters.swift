internal import Encoding
internal import World

/// The adapter of one machine, and the profile that made it.
struct AdaptedMachine: Sendable {
    let profile: any Profile
    let adapter: any ProfileAdapter
}

/// Things whose profile is a stateful protocol.
extension DeviceHub {
    /// The most adapters over the life of a hub, those of descriptions that are gone included.
    static let adapterLimit = 1_024

    /// Makes the adapters that the descriptions want, wakes those that come back, and puts to rest those that
    /// nobody wants any more. One that cannot be made is told; its thing is only looked at.
    func adaptAll() {
        let wanted = self.present.compactMap { place, thing in thing.profile.map { (place, $0) } }
        let machines = Set(wanted.map { ExactText($0.1.source) })
        for (machine, adapted) in self.adapters { adapted.adapter.rest(!machines.contains(machine)) }
        for (place, profile) in wanted where self.adapters[ExactText(profile.source)] == nil {
            do {
                try self.adapt(profile, among: machines)
            } catch {
                self.note("\(error)", thing: place, affordance: "profile", filter: profile.source)
            }
        }
    }

    private func adapt(_ profile: any Profile, among machines: Set<ExactText>) throws {
        guard self.adapters.count < Self.adapterLimit else {
            throw DeviceError.tooManyThings(limit: Self.adapterLimit)
        }
        // Two books of one robot would number its messages twice.
        let isTaken = self.adapters.contains { other, adapted in
            adapted.profile.journal == profile.journal && machines.contains(other)
        }
        guard !isTaken else {
            throw DeviceError.noAdapter(
                thing: profile.machine, reason: "another description has this robot in another version")
        }
        let machine = ExactText(profile.source)
        let adapter = try profile.adapter(bus: self.bus, folder: self.folder, timeline: self.timeline) {
            [adapterFaultTeller] fault in
            adapterFaultTeller.yield(AdapterFault(machine: machine, fault: fault))
        }
        let adapted = AdaptedMachine(profile: profile, adapter: adapter)
        self.adapters[machine] = adapted
        self.adapterStarter.yield(adapted)
    }

    /// What commands this machine.
    func adapter(of profile: any Profile, _ thing: String) throws(DeviceError) -> any ProfileAdapter {
        let machine = ExactText(profile.source)
        if self.adapters[machine] == nil { self.adaptAll() }
        guard let adapted = self.adapters[machine] else {
            let reason = self.faults().last { sameBytes($0.filter, profile.source) }?.reason
            throw .noAdapter(thing: thing, reason: reason ?? "its profile has no adapter")
        }
        return adapted.adapter
    }

    /// Runs adapters as they come, until the task is cancelled.
    func runAdapters() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await self.noteAdapterFaults() }
            for await adapted in self.newAdapters {
                group.addTask {
                    do {
                        try await adapted.adapter.run()
                    } catch let error as BusError {
                        // One robot whose topics the bus does not want keeps no other from its work.
                        await self.drop(adapted.profile, error)
                    }
                }
            }
            try Task.checkCancellation()
        }
    }

    private func drop(_ profile: any Profile, _ error: BusError) {
        let machine = ExactText(profile.source)
        self.adapters[machine] = nil
        let fault = ProfileFault(affordance: "state", filter: profile.source, reason: "\(error)")
        self.note(AdapterFault(machine: machine, fault: fault))
    }

    private func noteAdapterFaults() async {
        for await fault in self.adapterFaults { self.note(fault) }
    }

    private func note(_ said: AdapterFault) {
        let place = self.present.first { $0.element.profile.map { ExactText($0.source) } == said.machine }?
            .offset
        guard let place else { return }
        self.note(
            said.fault.reason, thing: place, affordance: said.fault.affordance, filter: said.fault.filter)
    }
}

/// What an adapter could not read, and of which machine.
struct AdapterFault: Sendable {
    let machine: ExactText
    let fault: ProfileFault

    /// The most that wait to be noted; more are lost.
    static let room = 256
}
