import Encoding
import Stellar

/// A wrong parameter is the client's fault.
private func reading<Value>(_ read: () throws(JSONError) -> Value) throws(StellarNode.Refusal) -> Value {
    do throws(JSONError) { return try read() } catch {
        throw StellarNode.Refusal(-32602, "invalid parameters: \(error)")
    }
}

extension StellarNode {
    /// Base64 of a parameter.
    private func bytes(_ field: JSONField) throws(Refusal) -> [UInt8] {
        let text = try reading(field.string)
        do throws(DecodingError) { return try Base64.standard.decode(text) } catch {
            throw Refusal(-32602, "cannot unmarshal \(field.pointer)")
        }
    }

    // MARK: Transactions

    func send(_ parameters: JSONField) throws(Refusal) -> JSON {
        let bytes = try self.bytes(parameters["transaction"])
        guard let transaction = try? StellarTransaction(decoding: bytes) else {
            throw Refusal(-32602, "invalid_xdr")
        }
        let id = Hex.encode(transaction.hash(on: self.ledger.network))
        let refusal = self.ledger.submit(bytes)
        if StellarFaults.happens(&self.ledger.faults.loseAnswerNext) {
            throw Refusal(-32603, "internal error")
        }
        return self.withHistory(["status": refusal == nil ? "PENDING" : "ERROR", "hash": .string(id)])
    }

    func simulate(_ parameters: JSONField) throws(Refusal) -> JSON {
        let bytes = try self.bytes(parameters["transaction"])
        guard let transaction = try? StellarTransaction(decoding: bytes) else {
            throw Refusal(-32602, "could not unmarshal transaction")
        }
        var result: JSON = ["latestLedger": JSON(self.latest)]
        do throws(StellarLedger.Refusal) {
            // Where nobody signed, the node makes up whom it would need, and a nonce.
            let recorded = transaction.unauthorized(
                nonce: 0x5eed, expiration: .max, on: self.ledger.network)
            var payments = recorded.map { [$0] } ?? []
            if recorded == nil { payments = try self.ledger.calls(of: transaction) }
            for payment in payments {
                if let reason = self.ledger.refusal(of: payment, in: self.ledger.sequence + 1) {
                    throw StellarLedger.Refusal(reason: reason)
                }
            }
            let resources = payments.first.map { self.resources(for: $0) }
            result["transactionData"] = .string(Base64.standard.encode(resources?.bytes ?? []))
            result["minResourceFee"] = .string(String(StellarLedger.resourceFee))
            result["results"] = [["auth": [], "xdr": .string(Base64.standard.encode(SorobanValue.void.xdr))]]
        } catch {
            result["error"] = .string("host invocation failed: \(error.reason)")
        }
        return result
    }

    /// What a transfer touches.
    private func resources(for payment: StellarPayment) -> StellarResources {
        let asset = self.ledger.tokens[payment.token]?.asset
        let holdings = [payment.from, payment.to].map { owner -> StellarLedgerKey in
            guard let asset, owner.kind == .account else { return .balance(of: owner, token: payment.token) }
            return .trustline(owner, asset)
        }
        return StellarResources(
            readOnly: [.account(payment.from), .instance(payment.token)],
            readWrite: holdings + [.nonce(payment.from, payment.nonce)],
            instructions: 1_000_000, fee: StellarLedger.resourceFee)
    }

    func transaction(_ parameters: JSONField) throws(Refusal) -> JSON {
        let id = try reading(parameters["hash"].string)
        let isVisible = !self.ledger.faults.hidesTransactions
        guard let entry = self.ledger.history.last(where: { $0.id == id }), entry.ledger >= self.oldest,
            isVisible
        else { return self.withHistory(["status": "NOT_FOUND", "txHash": .string(id)]) }
        return self.withHistory([
            "status": entry.failure == nil ? "SUCCESS" : "FAILED", "txHash": .string(id),
            "ledger": JSON(entry.ledger), "createdAt": .string(String(self.ledger.closeTime)),
            "applicationOrder": 1, "feeBump": false,
            "envelopeXdr": .string(Base64.standard.encode(entry.bytes)),
        ])
    }

    // MARK: Events

    /// A place in the order of all events: ledger, then number in it.
    private static func place(_ ledger: UInt32, _ number: UInt64) -> UInt64 {
        UInt64(ledger) << 32 | number << 12
    }

    private static func cursor(_ place: UInt64) -> String {
        let digits = String(place)
        return String(repeating: "0", count: max(0, 19 - digits.count)) + digits + "-0000000000"
    }

    private static let defaultLimit = 100

    func events(_ parameters: JSONField) throws(Refusal) -> JSON {
        let (start, end, cursor, limit) = try reading { () throws(JSONError) in
            (
                try parameters["startLedger"].ifPresent?.integer(UInt32.self),
                try parameters["endLedger"].ifPresent?.integer(UInt32.self),
                try parameters["pagination"]["cursor"].ifPresent?.string(),
                try parameters["pagination"]["limit"].ifPresent?.integer(in: 1...10_000) ?? Self.defaultLimit
            )
        }
        var first = Self.place(start ?? 0, 0)
        if let cursor {
            guard start == nil, end == nil else {
                throw Refusal(-32602, "ledger ranges and cursor cannot both be set")
            }
            guard let place = UInt64(cursor.prefix { $0 != "-" }) else {
                throw Refusal(-32602, "invalid cursor")
            }
            first = place + 1
        } else if (start ?? 0) < self.oldest || (start ?? 0) > self.latest {
            throw Refusal(
                -32600, "startLedger must be within the ledger range: \(self.oldest) - \(self.latest)")
        }
        let last = min(end ?? .max, self.latest &+ 1)
        var found: [JSON] = []
        var place = Self.place(last - 1, 1 << 20 - 1)
        for (number, entry) in self.ledger.history.enumerated() where !self.ledger.faults.hidesEvents {
            let here = Self.place(entry.ledger, UInt64(clamping: number) & (1 << 20 - 1))
            guard here >= first, entry.ledger < last, entry.ledger >= self.oldest else { continue }
            for payment in entry.transfers where try self.matches(payment, parameters["filters"]) {
                guard found.count < limit else { break }
                found.append(self.event(payment, of: entry, at: here))
                if found.count == limit { place = here }
            }
        }
        return self.withHistory(["events": .array(found), "cursor": .string(Self.cursor(place))])
    }

    /// What the token's contract reports about a transfer: its name, who, to whom, and the asset's name.
    private func topics(of payment: StellarPayment) -> [SorobanValue] {
        var topics: [SorobanValue] = [.symbol("transfer"), .address(payment.from), .address(payment.to)]
        if let asset = self.ledger.tokens[payment.token]?.asset {
            topics.append(.string(Array(asset.description.utf8)))
        }
        return topics
    }

    private func event(_ payment: StellarPayment, of entry: StellarLedger.Entry, at place: UInt64) -> JSON {
        [
            "type": "contract", "ledger": JSON(entry.ledger), "ledgerClosedAt": "2027-01-15T08:00:00Z",
            "contractId": .string(payment.token.description), "id": .string(Self.cursor(place)),
            "operationIndex": 0, "transactionIndex": 1, "txHash": .string(entry.id),
            "topic": .array(self.topics(of: payment).map { .string(Base64.standard.encode($0.xdr)) }),
            "value": .string(Base64.standard.encode(SorobanValue.i128(Int128(payment.amount)).xdr)),
        ]
    }

    private func matches(_ payment: StellarPayment, _ filters: JSONField) throws(Refusal) -> Bool {
        let topics = self.topics(of: payment).map { Base64.standard.encode($0.xdr) }
        return try reading { () throws(JSONError) in
            for filter in try filters.elements() {
                var isContract = false
                for id in try filter["contractIds"].elements() {
                    let name = try id.string()
                    isContract = isContract || name == payment.token.description
                }
                for topic in try filter["topics"].elements() where isContract {
                    let segments = try topic.elements()
                    var fits = segments.count == topics.count
                    for (segment, name) in zip(segments, topics) {
                        let wanted = try segment.string()
                        fits = fits && (wanted == "*" || wanted == name)
                    }
                    if fits { return true }
                }
            }
            return false
        }
    }

    // MARK: State

    func entries(_ parameters: JSONField) throws(Refusal) -> JSON {
        var found: [JSON] = []
        for field in try reading(parameters["keys"].elements) {
            let key = try self.bytes(field)
            guard let (xdr, liveUntil) = self.state(at: key) else { continue }
            var entry: JSON = [
                "key": .string(Base64.standard.encode(key)), "xdr": .string(Base64.standard.encode(xdr)),
                "lastModifiedLedgerSeq": JSON(self.ledger.sequence),
            ]
            entry["liveUntilLedgerSeq"] = liveUntil.map { JSON($0) }
            found.append(entry)
        }
        return ["entries": .array(found), "latestLedger": JSON(self.latest)]
    }

    /// What stands at a place: the key's own bytes, and behind them what only a ledger knows.
    private func state(at key: [UInt8]) -> (xdr: [UInt8], liveUntil: UInt32?)? {
        func long(_ value: Int64) -> [UInt8] {
            (0..<8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        for (address, account) in self.ledger.accounts where StellarLedgerKey.account(address).xdr == key {
            // No entries below, no inflation, no flags, no domain, a threshold of one, no signers.
            let rest: [UInt8] =
                [UInt8](repeating: 0, count: 16) + [1, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
            return (key + long(account.lumens) + long(account.sequence) + rest, nil)
        }
        for token in self.ledger.tokens.values {
            guard let asset = token.asset else { continue }
            for (owner, amount) in token.holdings
            where owner.kind == .account && StellarLedgerKey.trustline(owner, asset).xdr == key {
                let balance = Int64(clamping: amount)
                return (key + long(balance) + long(.max) + [0, 0, 0, 1, 0, 0, 0, 0], nil)
            }
        }
        for (nonce, liveUntil) in self.ledger.nonces
        where StellarLedgerKey.nonce(nonce.account, nonce.value).xdr == key {
            // An extension in front, nothing as the value.
            return (Array(key[..<4]) + [0, 0, 0, 0] + key[4...] + [0, 0, 0, 1], liveUntil)
        }
        return nil
    }
}
