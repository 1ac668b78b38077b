import Encoding
import Solana

/// The methods about transactions.
extension Cluster {
    func send(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let transaction = try request.transaction()
        let skipPreflight = try self.flag("skipPreflight", request)
        if !skipPreflight { try self.preflight(transaction) }
        // A node that skips the preflight takes what will never land; without a first signature there is no
        // id at all.
        guard let id = transaction.id else {
            throw RPCRefusal(-32003, "Transaction signature verification failure")
        }
        guard self.bank.submit(transaction, isVerified: !skipPreflight) else {
            throw RPCRefusal(-32005, "Node is behind: too many transactions")
        }
        if Faults.happens(&self.bank.faults.loseAnswerNext) { throw RPCRefusal(-32603, "Internal error") }
        return .string(id)
    }

    private func preflight(_ transaction: Transaction) throws(RPCRefusal) {
        let outcome = self.bank.simulate(transaction, verifying: true)
        guard let failure = outcome.failure else { return }
        if failure == .signatureFailure {
            throw RPCRefusal(-32003, "Transaction signature verification failure")
        }
        if Faults.happens(&self.bank.faults.blindPreflightNext) { return }
        throw RPCRefusal(
            -32002, "Transaction simulation failed: \(failure.text)", data: Self.value(of: outcome))
    }

    func simulate(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let transaction = try request.transaction()
        let verifying = try self.flag("sigVerify", request)
        let replacing = try self.flag("replaceRecentBlockhash", request)
        guard !verifying || !replacing else {
            throw RPCRefusal(-32602, "sigVerify may not be used with replaceRecentBlockhash")
        }
        let commitment = try request.commitment(at: 1)
        let outcome = self.bank.simulate(transaction, verifying: verifying, replacingBlockhash: replacing)
        if outcome.failure == .signatureFailure {
            throw RPCRefusal(-32003, "Transaction signature verification failure")
        }
        var value = Self.value(of: outcome)
        if outcome.failure != nil, Faults.happens(&self.bank.faults.blindPreflightNext) {
            value["err"] = .null
        }
        return self.inContext(value, commitment)
    }

    private static func value(of outcome: Bank.Outcome) -> JSON {
        [
            "err": outcome.failure?.json ?? .null, "logs": .array(outcome.logs.map { .string($0) }),
            "unitsConsumed": JSON(outcome.units), "returnData": nil, "accounts": nil,
            "innerInstructions": nil,
        ]
    }

    func signatureStatuses(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let ids = try reading { () throws(JSONError) in
            var ids: [String] = []
            for field in try request.parameters[0].elements() { ids.append(try field.string()) }
            return ids
        }
        guard ids.count <= RPCClient.statusLimit else {
            throw RPCRefusal(-32602, "Too many inputs provided; max \(RPCClient.statusLimit)")
        }
        return self.inContext(.array(ids.map(self.status)), .processed)
    }

    private func status(of id: String) -> JSON {
        guard let entry = self.bank.entry(id) else { return .null }
        let commitment = self.bank.commitment(of: entry)
        let err = entry.failure?.json ?? .null
        return [
            "slot": JSON(entry.slot),
            "confirmations": commitment == .finalized ? .null : JSON(self.bank.slot - entry.slot),
            "err": err, "status": Self.status(err), "confirmationStatus": .string(commitment.rawValue),
        ]
    }

    /// The older form of the same news, which clients must not rely on.
    private static func status(_ err: JSON) -> JSON { err == .null ? ["Ok": .null] : ["Err": err] }

    func transaction(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let id = try reading(request.parameters[0].string)
        let commitment = try request.commitment(at: 1)
        guard commitment != .processed else { throw Self.tooEarly }
        guard let entry = self.bank.entry(id), self.bank.commitment(of: entry) >= commitment,
            entry.slot >= self.bank.faults.prunedBefore,
            case .transaction(let bytes) = entry.kind, let transaction = try? Transaction(decoding: bytes)
        else { return .null }
        let encoding = try reading { () throws(JSONError) in
            try request.parameters[1]["encoding"].ifPresent?.string() ?? "json"
        }
        guard encoding == "base64" else { throw RPCRefusal(-32602, "only the encoding base64 is served") }
        let highest = try reading { () throws(JSONError) in
            try request.parameters[1]["maxSupportedTransactionVersion"].ifPresent?.integer(Int.self)
        }
        guard transaction.message.version == .legacy || highest != nil else {
            throw RPCRefusal(
                -32015,
                "Transaction version (0) is not supported by the requesting client. Please try the "
                    + "request again with the following configuration parameter: "
                    + "\"maxSupportedTransactionVersion\": 0"
            )
        }
        let err = entry.failure?.json ?? .null
        return [
            "slot": JSON(entry.slot), "blockTime": JSON(self.bank.unixSeconds(at: entry.slot)),
            "transaction": [.string(Base64.standard.encode(bytes)), "base64"],
            "version": transaction.message.version == .legacy ? "legacy" : 0,
            "meta": [
                "err": err, "status": Self.status(err), "fee": JSON(entry.fee),
                "preBalances": .array(entry.balances.before.map { JSON($0) }),
                "postBalances": .array(entry.balances.after.map { JSON($0) }),
                "logMessages": .array(entry.logs.map { .string($0) }),
                "computeUnitsConsumed": JSON(entry.units),
                "innerInstructions": nil, "loadedAddresses": ["writable": [], "readonly": []],
            ],
        ]
    }

    func signatures(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let address = try request.address(at: 0)
        let commitment = try request.commitment(at: 1)
        guard commitment != .processed else { throw Self.tooEarly }
        let options = request.parameters[1]
        let (limit, before, until) = try reading { () throws(JSONError) in
            (
                try options["limit"].ifPresent?.integer(Int.self) ?? 1_000,
                try options["before"].ifPresent?.string(),
                try options["until"].ifPresent?.string()
            )
        }
        guard (1...1_000).contains(limit) else { throw RPCRefusal(-32602, "Invalid limit; max 1000") }
        var entries = self.bank.history(of: address)[...]
        if let before { entries = entries.drop { $0.id != before }.dropFirst() }
        if let until { entries = entries.prefix { $0.id != until } }
        let lines = entries.lazy.filter {
            self.bank.commitment(of: $0) >= commitment && $0.slot >= self.bank.faults.prunedBefore
        }.prefix(limit).map(
            self.activity)
        return .array(Array(lines))
    }

    private func activity(_ entry: Bank.Entry) -> JSON {
        [
            "signature": .string(entry.id), "slot": JSON(entry.slot), "err": entry.failure?.json ?? .null,
            "memo": JSON(Self.memo(of: entry)), "blockTime": JSON(self.bank.unixSeconds(at: entry.slot)),
            "confirmationStatus": .string(self.bank.commitment(of: entry).rawValue),
        ]
    }

    /// All memos as nodes join them: `[5] hello; [2] hi`.
    private static func memo(of entry: Bank.Entry) -> String? {
        guard case .transaction(let bytes) = entry.kind, let transaction = try? Transaction(decoding: bytes)
        else {
            return nil
        }
        let memos = transaction.message.instructions.compactMap { instruction -> String? in
            guard transaction.message.keys[Int(instruction.program)] == .memoProgram else { return nil }
            return String(validating: instruction.data, as: UTF8.self).map {
                "[\(instruction.data.count)] \($0)"
            }
        }
        return memos.isEmpty ? nil : memos.joined(separator: "; ")
    }

    private static let tooEarly = RPCRefusal(-32602, "Method does not support commitment below `confirmed`")

    private func flag(_ name: String, _ request: RPCRequest) throws(RPCRefusal) -> Bool {
        try reading { () throws(JSONError) in try request.parameters[1][name].ifPresent?.bool() ?? false }
    }
}
