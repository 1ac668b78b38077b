public import ChainNodes
internal import Encoding

extension StellarRPC {
    /// `getLatestLedger`: the last ledger that the node saw closed. Expirations are reckoned from it.
    public func latestLedger() async throws(ChainNodeError) -> UInt32 {
        try await self.nodes.height("getLatestLedger", .null) { result throws(JSONError) in
            try result["sequence"].integer()
        }
    }

    /// `getHealth`: which ledgers the node has.
    public func history() async throws(ChainNodeError) -> StellarHistory {
        try await self.nodes.call("getHealth", .null) { result throws(JSONError) in
            try StellarHistory(result)
        }
    }

    /// Instructions that are added to what a simulation counted: the state may change before it is executed.
    private static let leeway: UInt32 = 200_000

    /// `simulateTransaction` before anybody signs: what the transfer needs. With it, payload and signature
    /// follow from each other without a further question.
    /// - Throws: `ChainNodeError.simulation` when it would fail now.
    public func simulate(_ transfer: StellarTransfer) async throws(ChainNodeError) -> StellarSimulation {
        try await self.simulate(StellarEnvelope.probe(transfer)) { resources throws(StellarError) in
            try resources.using(transfer.nonce, of: transfer.from)
        }
    }

    /// `simulateTransaction` with the signed entry, which the node checks.
    /// - Throws: `ChainNodeError.simulation` when it would fail now.
    public func simulate(_ envelope: StellarEnvelope) async throws(ChainNodeError) -> StellarSimulation {
        try await self.simulate(envelope.bytes) { resources in resources }
    }

    private func simulate(
        _ transaction: [UInt8], _ use: (StellarResources) throws(StellarError) -> StellarResources
    ) async throws(ChainNodeError) -> StellarSimulation {
        let parameters: JSON = [
            "transaction": .string(Base64.standard.encode(transaction)),
            "resourceConfig": ["instructionLeeway": JSON(Self.leeway)],
        ]
        let outcome = try await self.nodes.call("simulateTransaction", parameters) {
            result throws(JSONError) -> (StellarSimulation?, String) in
            if let error = try result["error"].ifPresent?.string() { return (nil, error) }
            // What has to be restored first costs somebody a transaction of its own.
            if result["restorePreamble"].exists { return (nil, "an entry has to be restored first") }
            let resources = try result["transactionData"].xdr { bytes throws(StellarError) in
                try use(try StellarResources(decoding: bytes))
            }
            let fee = try result["minResourceFee"].decimal()
            return (StellarSimulation(resources: resources, minimumFee: fee), "")
        }
        guard let simulation = outcome.0 else { throw .simulation(outcome.1.plain()) }
        return simulation
    }

    /// `sendTransaction`: hands a signed transaction on.
    /// - Returns: the id that the node gave it, which the caller compares with its own.
    public func send(_ transaction: [UInt8]) async throws(ChainNodeError) -> (
        status: StellarSending, id: String
    ) {
        let text = Base64.standard.encode(transaction)
        return try await self.nodes.call("sendTransaction", ["transaction": .string(text)]) {
            result throws(JSONError) in
            guard let status = StellarSending(rawValue: try result["status"].string()) else {
                throw result["status"].fault("an unknown status")
            }
            return (status, try result["hash"].string())
        }
    }

    /// `getTransaction`; nil when the node does not have it.
    public func transaction(_ id: String) async throws(ChainNodeError) -> StellarLanded? {
        try await self.nodes.call("getTransaction", ["hash": .string(id)]) { result throws(JSONError) in
            let succeeded: Bool
            switch try result["status"].string() {
            case "NOT_FOUND": return nil
            case "SUCCESS": succeeded = true
            case "FAILED": succeeded = false
            default: throw result["status"].fault("an unknown status")
            }
            let bytes = try result["envelopeXdr"].xdr()
            return StellarLanded(
                ledger: try result["ledger"].integer(), succeeded: succeeded, bytes: bytes,
                transaction: try? StellarTransaction(decoding: bytes))
        }
    }

    /// An account's lumens and sequence number (`getLedgerEntries`); nil when there is no such account.
    public func account(_ address: StellarAddress) async throws(ChainNodeError) -> StellarAccount? {
        try await self.entry(.account(address)) { bytes throws(StellarError) in
            try StellarAccount(decoding: bytes, of: address)
        }
    }

    /// What an account holds of an asset (`getLedgerEntries`); nil when it does not trust it.
    public func trustline(
        of address: StellarAddress, _ asset: StellarAsset
    ) async throws(ChainNodeError) -> StellarTrustline? {
        try await self.entry(.trustline(address, asset)) { bytes throws(StellarError) in
            try StellarTrustline(decoding: bytes, of: address, asset)
        }
    }

    /// Whether an account's authorization with this nonce happened (`getLedgerEntries`). The ledger keeps
    /// that until the authorization's last ledger.
    public func isUsed(nonce: Int64, of address: StellarAddress) async throws(ChainNodeError) -> Bool {
        try await self.entry(.nonce(address, nonce)).entry != nil
    }

    private func entry<Value>(
        _ key: StellarLedgerKey, _ read: ([UInt8]) throws(StellarError) -> Value
    ) async throws(ChainNodeError) -> Value? {
        try await self.withOneNode { (node) async throws(ChainNodeError) -> Value? in
            guard let entry = try await node.entry(key).entry else { return nil }
            do throws(StellarError) { return try read(entry.xdr) } catch {
                throw .malformed(.value(pointer: "/entries/0/xdr", reason: error.description))
            }
        }
    }

    /// The entry at a place, and the ledger that the node answered for.
    func entry(_ key: StellarLedgerKey) async throws(ChainNodeError) -> (entry: LedgerEntry?, latest: UInt32)
    {
        let text = Base64.standard.encode(key.xdr)
        return try await self.nodes.call("getLedgerEntries", ["keys": [.string(text)]]) {
            result throws(JSONError) in
            let latest = try result["latestLedger"].integer(UInt32.self)
            // "None" is an empty list; nothing at all says nothing.
            var found: LedgerEntry?
            if result["entries"].value != .null {
                for field in try result["entries"].elements() {
                    let entry = LedgerEntry(
                        key: try field["key"].xdr(), xdr: try field["xdr"].xdr(),
                        liveUntil: try field["liveUntilLedgerSeq"].ifPresent?.integer(UInt32.self))
                    guard entry.key == key.xdr else { throw field["key"].fault("another entry") }
                    found = entry
                }
            }
            return (found, latest)
        }
    }

    /// Where a list of events begins.
    enum EventStart {
        case ledgers(ClosedRange<UInt32>)
        case cursor(String)
    }

    /// The most events in one answer.
    static let eventLimit = 100

    /// `getEvents`: what the token reports about transfers from `payment`'s payer to its payee.
    func transfers(like payment: StellarPayment, from start: EventStart) async throws(ChainNodeError)
        -> EventPage
    {
        let names: [SorobanValue] = [.symbol("transfer"), .address(payment.from), .address(payment.to)]
        let topics = names.map { JSON.string(Base64.standard.encode($0.xdr)) }
        var parameters: JSON = [
            "filters": [
                [
                    "type": "contract", "contractIds": [.string(payment.token.description)],
                    // With and without the asset's name behind.
                    "topics": [.array(topics), .array(topics + ["*"])],
                ]
            ]
        ]
        var pagination: JSON = ["limit": JSON(Self.eventLimit)]
        switch start {
        case .ledgers(let range):
            parameters["startLedger"] = JSON(range.lowerBound)
            // Exclusive.
            parameters["endLedger"] = JSON(UInt64(range.upperBound) + 1)  // bounded: 32 bits
        case .cursor(let cursor): pagination["cursor"] = .string(cursor)
        }
        parameters["pagination"] = pagination
        return try await self.nodes.call("getEvents", parameters) { result throws(JSONError) in
            var events: [TransferEvent] = []
            for field in try result["events"].elements() {
                events.append(
                    TransferEvent(
                        ledger: try field["ledger"].integer(), transaction: try field["txHash"].string(),
                        amount: Self.amount(in: try? field["value"].xdr())))
            }
            return EventPage(
                events: events, cursor: try result["cursor"].string(), history: try StellarHistory(result))
        }
    }

    /// A report's amount: the number itself, or the one of that name beside a number of the payee's own.
    private static func amount(in bytes: [UInt8]?) -> Int128? {
        guard let bytes, let value = try? SorobanValue(decoding: bytes) else { return nil }
        switch value {
        case .i128(let amount): return amount
        case .map(let pairs):
            guard case .i128(let amount)? = pairs.first(where: { $0.key == .symbol("amount") })?.value else {
                return nil
            }
            return amount
        default: return nil
        }
    }
}

extension StellarHistory {
    init(_ result: JSONField) throws(JSONError) {
        self.oldest = try result["oldestLedger"].integer()
        self.latest = try result["latestLedger"].integer()
    }
}
