internal import Devices
internal import Encoding
internal import Market
internal import Sodium
internal import Storage
internal import Wallet
internal import World

/// The behaviour that keeps what the sensors say: batch, seal, name, store at a provider, challenge.
struct Archivist: Sendable {
    let settings: AgentConfiguration.Archive
    let readings: AsyncStream<Reading>
    let storage: StorageClient
    let procurement: Procurement
    let wallet: UnlockedWallet
    let store: AgentStore

    let timeline: any Timeline

    /// How often it is looked whether a batch is full.
    static let interval: Duration = .milliseconds(250)
    /// Plain bytes of a batch, so that it fits one object when it is sealed.
    static let batchBytes = StoredObject.byteLimit - (16 << 10)

    /// Keeps what comes in, whatever becomes of the purchases meanwhile.
    func keep() async throws {
        for await reading in self.readings where try await self.wanted() {
            try await self.store.keep(reading: reading.json)
        }
    }

    /// Makes batches of what was kept and stores them. Begun again, it goes on with the batch that is on its
    /// way.
    func archive() async throws {
        if let unfinished = try await self.store.unfinished(kind: "archive") {
            try await self.finish(unfinished)
        }
        while try await self.wanted() {
            if try await self.store.waitingReadings() >= self.settings.readings {
                try await self.finish(try await self.batch())
            } else {
                try await self.timeline.sleep(for: Self.interval)
            }
        }
    }

    private func wanted() async throws -> Bool {
        guard let batches = self.settings.batches else { return true }
        return try await self.store.finished(kind: "archive") < batches
    }

    /// Seals the oldest readings. What is sealed once is kept as it is: sealing again would give other bytes,
    /// another name, and another purchase.
    private func batch() async throws -> Project {
        let (lines, last) = try await self.store.oldestReadings(
            self.settings.readings, byteLimit: Self.batchBytes)
        let plain = Array((lines.joined(separator: "\n") + "\n").utf8)
        let context = "batch/\(last)"
        let sealed = try await self.wallet.seal(plain, context: context)
        let project = try await self.store.open(
            kind: "archive", bytes: sealed, context: context, consuming: last)
        let object = try StoredObject(sealed)
        try await self.store.log(
            "batch", "\(lines.count) readings sealed into \(sealed.count) bytes",
            [
                "cid": .string(object.id.description), "root": .string(Hex.encode(object.root)),
                "size": JSON(sealed.count),
            ])
        return project
    }

    private func finish(_ project: Project) async throws {
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
                    let proof = try await self.storage.challenge(summary, at: seller.provider)
                    let record: JSON = [
                        "receipt": (try? JSON.read(body)) ?? .null, "provider": .string(seller.name),
                        "identity": .string(Base58.encode(seller.provider.identity.bytes)),
                        "proof": proof.json, "cid": .string(receipt.object.id.description),
                    ]
                    return (record.text, [])
                })
            _ = try await self.procurement.buy(want, for: &project)
        }
        try await self.challenge(summary, project)
        project.state = .done
        try await self.store.save(project)
        try await self.store.log("done", "batch \(object.id) is stored and proved", ["kind": "archive"])
    }

    /// Asks for random leaves and reads one batch back whole. A failed proof is written down; it does not
    /// undo the purchase, whose first proof held.
    private func challenge(_ object: ObjectSummary, _ project: Project) async throws {
        guard let url = project.provider, let provider = self.procurement.directory.provider(at: url) else {
            return
        }
        do {
            for _ in 0..<self.settings.challenges {
                let proof = try await self.storage.challenge(object, at: provider)
                try await self.store.log(
                    "proof",
                    "leaf \(proof.index) of \(object.id) is there: "
                        + "\(proof.leaf.count) bytes, \(proof.path.count) hashes",
                    ["cid": .string(object.id.description), "leaf": JSON(proof.index), "valid": true])
            }
            let sealed = try await self.storage.fetch(object, at: provider)
            let plain = try await self.wallet.open(sealed, context: project.context)
            try await self.store.log("proof", "read back and opened: \(plain.count) bytes", ["valid": true])
        } catch {
            // A cancelled exchange says nothing about the node.
            try Task.checkCancellation()
            try await self.store.log(
                "proof", "not proved: \(error)", ["cid": .string(object.id.description), "valid": false])
        }
    }
}
