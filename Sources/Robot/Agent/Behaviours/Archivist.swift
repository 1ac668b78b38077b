internal import Devices
internal import Encoding
internal import Market
internal import Sodium
internal import Storage
internal import Wallet
internal import World

/// The behaviour that keeps what the sensors say: batch, seal, name, store at a provider, challenge.
struct Archivist: Behaviour {
    static let name = "archive"

    let settings: AgentConfiguration.Archive

    /// How often it is looked whether a batch is full.
    static let interval: Duration = .milliseconds(250)
    /// Plain bytes of a batch, so that it fits one object when it is sealed.
    static let batchBytes = StoredObject.byteLimit - (16 << 10)

    func run(at bench: Workbench) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.keep(at: bench) }
            // A purchase that fails waits alone: readings are kept meanwhile.
            group.addTask {
                try await goOn(Self.name, bench.store, bench.timeline) { try await self.archive(at: bench) }
            }
            for try await _ in group {}
        }
    }

    /// Keeps what comes in, whatever becomes of the purchases meanwhile.
    private func keep(at bench: Workbench) async throws {
        for await reading in bench.readings where try await self.wanted(bench) {
            try await bench.store.keep(reading: reading.json)
        }
    }

    /// Makes batches of what was kept and stores them. Begun again, it goes on with the batch that is on its
    /// way.
    private func archive(at bench: Workbench) async throws {
        if let unfinished = try await bench.store.unfinished(kind: Self.name) {
            try await self.finish(unfinished, at: bench)
        }
        while try await self.wanted(bench) {
            if try await bench.store.waitingReadings() >= self.settings.readings {
                try await self.finish(try await self.batch(bench), at: bench)
            } else {
                try await bench.timeline.sleep(for: Self.interval)
            }
        }
    }

    private func wanted(_ bench: Workbench) async throws -> Bool {
        guard let batches = self.settings.batches else { return true }
        return try await bench.store.finished(kind: Self.name) < batches
    }

    /// Seals the oldest readings. What is sealed once is kept as it is: sealing again would give other bytes,
    /// another name, and another purchase.
    private func batch(_ bench: Workbench) async throws -> Project {
        let (lines, last) = try await bench.store.oldestReadings(
            self.settings.readings, byteLimit: Self.batchBytes)
        let plain = Array((lines.joined(separator: "\n") + "\n").utf8)
        let context = "batch/\(last)"
        let sealed = try await bench.wallet.seal(plain, context: context)
        let project = try await bench.store.open(
            kind: Self.name, bytes: sealed, context: context, consuming: last)
        let object = try StoredObject(sealed)
        try await bench.store.log(
            "batch", "\(lines.count) readings sealed into \(sealed.count) bytes",
            [
                "cid": .string(object.id.description), "root": .string(Hex.encode(object.root)),
                "size": JSON(sealed.count),
            ])
        return project
    }

    private func finish(_ project: Project, at bench: Workbench) async throws {
        var project = project
        let object = try StoredObject(project.bytes)
        let summary = ObjectSummary(object)
        let days = self.settings.days
        if project.state == .open {
            let want = Procurement.Want(
                what: "storage of \(object.id)", purchase: StorageClient.purchase(of: object),
                price: { $0.storage?.price(bytes: object.bytes.count, days: days) },
                order: { seller, ceiling in
                    StorageClient.order(
                        object, days: days, at: seller.provider, name: seller.name, ceiling: ceiling)
                },
                verify: { body, seller in
                    let receipt = try StorageClient.receipt(
                        body, for: summary, days: days, from: seller.provider)
                    // The receipt is only a word; the first challenge is asked before anything counts as
                    // delivered.
                    let proof = try await bench.storage.challenge(summary, at: seller.provider)
                    let record: JSON = [
                        "receipt": (try? JSON.read(body)) ?? .null, "provider": .string(seller.name),
                        "identity": .string(Base58.encode(seller.provider.identity.bytes)),
                        "proof": proof.json, "cid": .string(receipt.object.id.description),
                    ]
                    return (record.text, [])
                })
            _ = try await bench.procurement.buy(want, for: &project)
        }
        try await self.challenge(summary, project, at: bench)
        project.state = .done
        try await bench.store.save(project)
        try await bench.store.log(
            "done", "batch \(object.id) is stored and proved", ["kind": .string(Self.name)])
    }

    /// Asks for random leaves and reads one batch back whole. A failed proof is written down; it does not
    /// undo the purchase, whose first proof held.
    private func challenge(
        _ object: ObjectSummary, _ project: Project, at bench: Workbench
    ) async throws {
        guard let url = project.provider, let provider = bench.procurement.directory.provider(at: url) else {
            return
        }
        do {
            for _ in 0..<self.settings.challenges {
                let proof = try await bench.storage.challenge(object, at: provider)
                try await bench.store.log(
                    "proof",
                    "leaf \(proof.index) of \(object.id) is there: "
                        + "\(proof.leaf.count) bytes, \(proof.path.count) hashes",
                    ["cid": .string(object.id.description), "leaf": JSON(proof.index), "valid": true])
            }
            let sealed = try await bench.storage.fetch(object, at: provider)
            let plain = try await bench.wallet.open(sealed, context: project.context)
            try await bench.store.log("proof", "read back and opened: \(plain.count) bytes", ["valid": true])
        } catch {
            // A cancelled exchange says nothing about the node.
            try Task.checkCancellation()
            try await bench.store.log(
                "proof", "not proved: \(error)", ["cid": .string(object.id.description), "valid": false])
        }
    }
}
