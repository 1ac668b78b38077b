internal import Devices
internal import Encoding
internal import Market
internal import Messaging
internal import Sodium
internal import Storage
internal import Wallet
internal import World

/// The behaviour that keeps what the sensors say: batch, seal, name, store at a provider, challenge.
struct Archivist: Behaviour {
    static let name = "archive"

    let settings: AgentConfiguration.Archive

    /// Plain bytes of a batch, so that it fits one object when it is sealed.
    static let batchBytes = StoredObject.byteLimit - (16 << 10)

    /// Makes batches of what was kept and stores them. Begun again, it goes on with the batch that is on its
    /// way.
    func run(at bench: Workbench) async throws {
        if let unfinished = try await bench.store.unfinished(kind: Self.name) {
            try await self.finish(unfinished, try StoredObject(unfinished.bytes), at: bench)
        }
        while try await self.wanted(bench) {
            let (project, object) = try await self.nextBatch(bench)
            try await self.finish(project, object, at: bench)
        }
        bench.readings.leave()
    }

    /// Waits until a batch is full. Each reading wakes it, so nothing is asked of the disk meanwhile: only a
    /// batch moves the mark.
    private func nextBatch(_ bench: Workbench) async throws -> (Project, StoredObject) {
        let mark = try await bench.readings.mark
        while true {
            // Before looking: what comes in between wakes us.
            let news = bench.readings.log.news()
            if let batch = try await self.batch(after: mark, bench) { return batch }
            try await bench.timeline.sleep(for: FollowedReadings.interval, or: news)
        }
    }

    private func wanted(_ bench: Workbench) async throws -> Bool {
        guard let batches = self.settings.batches else { return true }
        return try await bench.store.finished(kind: Self.name) < batches
    }

    /// Seals the oldest readings. What is sealed once is kept as it is: sealing again would give other bytes,
    /// another name, and another purchase.
    /// - Returns: nil while there are fewer readings than a batch has.
    private func batch(
        after mark: Int64, _ bench: Workbench
    ) async throws -> (Project, StoredObject)? {
        let log = bench.readings.log
        guard log.waiting(after: mark) >= self.settings.readings else { return nil }
        let entries = try log.entries(
            after: mark, limit: self.settings.readings, byteLimit: Self.batchBytes)
        guard let last = entries.last?.sequence else { return nil }
        // Numbers whose writing failed stand for no reading. What left others behind is full of bytes.
        let isWhole = entries.count >= self.settings.readings
        guard try isWhole || !log.entries(after: last, limit: 1).isEmpty else { return nil }
        let plain = Array((entries.map(\.text).joined(separator: "\n") + "\n").utf8)
        let context = "batch/\(last)"
        let sealed = try await bench.wallet.seal(plain, context: context)
        let object = try StoredObject(sealed)
        let event = Event.batch(
            readings: entries.count, cid: object.id.description, root: Hex.encode(object.root),
            size: sealed.count)
        let project = try await bench.store.open(
            kind: Self.name, bytes: sealed, context: context, mark: last, events: [event])
        bench.readings.taken(upTo: last)
        return (project, object)
    }

    private func finish(
        _ project: Project, _ object: StoredObject, at bench: Workbench
    ) async throws {
        var project = project
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
        try await bench.store.save(
            project, events: [.done("batch \(object.id) is stored and proved", kind: Self.name)])
    }

    /// Asks for random leaves and reads one batch back whole. A failed proof is written down; it does not
    /// undo the purchase, whose first proof held.
    private func challenge(
        _ object: ObjectSummary, _ project: Project, at bench: Workbench
    ) async throws {
        guard let url = project.provider, let provider = bench.procurement.directory.provider(at: url) else {
            return
        }
        let cid = object.id.description
        do {
            for _ in 0..<self.settings.challenges {
                let proof = try await bench.storage.challenge(object, at: provider)
                try await bench.store.log(
                    .proof(
                        .leaf(proof.index, cid: cid, bytes: proof.leaf.count, hashes: proof.path.count)))
            }
            let sealed = try await bench.storage.fetch(object, at: provider)
            let plain = try await bench.wallet.open(sealed, context: project.context)
            try await bench.store.log(.proof(.readBack(bytes: plain.count)))
        } catch {
            // A cancelled exchange says nothing about the node.
            try Task.checkCancellation()
            try await bench.store.log(.proof(.failed(cid: cid, reason: "\(error)")))
        }
    }
}
