internal import Compute
internal import Database
internal import Devices
internal import Encoding
internal import Market
internal import Sodium
internal import SystemPackage
internal import World

/// The behaviour that goes somewhere: buys a route, checks it, drives it, and switches the plug at its end;
/// then to the next place.
struct ErrandRunner: Behaviour {
    static let name = "errand"
    static let hearsReadings = false

    let settings: AgentConfiguration.Errand
    /// Re-execution is seconds of work: on a thread of its own.
    let runner = JobRunner(width: 1, room: 1)

    func run(at bench: Workbench) async throws {
        let goals = self.settings.goals
        let done = try await bench.store.finished(kind: Self.name)
        for (number, goal) in goals.enumerated().dropFirst(done) {
            if number > done { try await bench.timeline.sleep(for: self.settings.pause) }
            try await self.go(to: goal, bench)
        }
    }

    private func go(to goal: AgentConfiguration.Errand.Goal, _ bench: Workbench) async throws {
        var project: Project
        if let unfinished = try await bench.store.unfinished(kind: Self.name) {
            project = unfinished
        } else {
            project = try await self.plan(goal, bench)
        }
        let module = try DurableFile.read(self.settings.module, limit: Job.byteLimit)
        let job = Job(module: module, input: project.bytes, unitLimit: self.settings.units)
        if project.state == .open { try await self.buy(job, for: &project, at: bench) }
        let route = try Route(project.result)
        // The names of the commands follow from the errand: after a crash they are the same commands.
        try await self.command(
            "drive \(route.cells.count) cells to \(goal.x),\(goal.y)",
            id: "errand-\(project.id)-drive", at: bench
        ) { id in
            try await bench.devices.invoke(
                "follow", of: self.settings.base, input: ["path": route.json], id: id)
        }
        try await self.command("switch \(self.settings.plug) on", id: "errand-\(project.id)-plug", at: bench)
        { id in
            try await bench.devices.write(true, to: "power", of: self.settings.plug, id: id)
        }
        project.state = .done
        try await bench.store.save(project, events: [.done("the errand is done", kind: Self.name)])
    }

    /// The job's input: the map, where the base stands, where it shall go, what its battery has.
    private func plan(_ goal: AgentConfiguration.Errand.Goal, _ bench: Workbench) async throws -> Project {
        let map = try GridMap(try DurableFile.read(self.settings.map, limit: 1 << 20))
        while true {
            if let twin = await bench.devices.twin(self.settings.base),
                let pose = twin.reported["pose"]?.value,
                let battery = twin.reported["battery"]?.value
            {
                let place = JSONField(pose)
                // A device may say anything; a number that fits no integer would end the program.
                let percent = min(max(try JSONField(battery).number(), 0), 100)
                let input = try map.routeInput(
                    fromX: try place["x"].integer(), fromY: try place["y"].integer(),
                    toX: goal.x, toY: goal.y, batteryPermille: Int(percent * 10))  // bounded: 0 to 1000
                return try await bench.store.open(
                    kind: Self.name, bytes: input, context: self.settings.map.string)
            }
            try await bench.timeline.sleep(for: .milliseconds(250))
        }
    }

    private func buy(_ job: Job, for project: inout Project, at bench: Workbench) async throws {
        let want = Procurement.Want(
            what: "a route of at most \(job.unitLimit) units", purchase: ComputeClient.purchase(of: job),
            price: { offer in
                guard let compute = offer.compute, compute.unitRule == Job.unitRule else { return nil }
                return compute.price(units: job.unitLimit)
            },
            order: { seller, ceiling in
                ComputeClient.order(job, at: seller.provider, name: seller.name, ceiling: ceiling)
            },
            verify: { body, seller in
                let (receipt, output) = try await ComputeClient.verify(
                    body, of: job, from: seller.provider, on: self.runner, timeline: bench.timeline)
                _ = try Route(output)
                let record: JSON = [
                    "receipt": JSONField(try JSON.read(body))["receipt"].value ?? .null,
                    "provider": .string(seller.name),
                    "identity": .string(Base58.encode(seller.provider.identity.bytes)),
                    "reexecuted": [
                        "output": .string(receipt.outputDigest), "units": .string(String(receipt.units)),
                        "equal": true,
                    ],
                ]
                return (record.text, output)
            },
            tells: { output, seller in
                (try? Route(output)).map { route in
                    .proof(
                        .reexecuted(
                            job: job.id, cells: route.cells.count, cost: route.cost, seller: seller.name))
                }
            })
        _ = try await bench.procurement.buy(want, for: &project)
    }

    /// Repeats one command until its outcome is known; the same id never acts twice.
    private func command(
        _ what: String, id: String, at bench: Workbench, _ perform: (String) async throws -> CommandRecord
    ) async throws {
        while true {
            try Task.checkCancellation()
            do {
                let record = try await perform(id)
                if record.state == .done {
                    try await bench.store.log(.command(what, id: id, outcome: .state(.done)))
                    return
                }
                try await bench.store.log(.command(what, id: id, outcome: .state(record.state)))
            } catch let error as CancellationError {
                throw error
            } catch {
                try await bench.store.log(.command(what, id: id, outcome: .error("\(error)")))
            }
            try await bench.timeline.sleep(for: .seconds(1))
        }
    }
}
