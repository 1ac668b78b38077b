public import ChainNodes
import Encoding

extension RPCClient {
    /// The most ids in one ``signatureStatuses(of:)``.
    public static let statusLimit = 256

    /// `sendTransaction`. Sending the same bytes again is harmless; an error says nothing about whether they
    /// arrived, except a `server` refusal with code -32002 or -32003 for a transaction that was never sent
    /// before.
    /// - Returns: The id, which the caller compares with its own.
    public func send(
        _ transaction: [UInt8], skipPreflight: Bool = false, preflightCommitment: Commitment = .confirmed,
        maxRetries: Int? = nil, minimumContextSlot: UInt64? = nil
    ) async throws(ChainNodeError) -> String {
        var options: JSON = [
            "encoding": "base64", "skipPreflight": .bool(skipPreflight),
            "preflightCommitment": .string(preflightCommitment.rawValue),
        ]
        options["maxRetries"] = maxRetries.map { JSON($0) }
        options["minContextSlot"] = minimumContextSlot.map { JSON($0) }
        return try await self.nodes.call(
            "sendTransaction", [.string(Base64.standard.encode(transaction)), options]
        ) {
            result throws(JSONError) in try result.string()
        }
    }

    /// `simulateTransaction`. With `sigVerify` every signature must be there.
    public func simulate(
        _ transaction: [UInt8], sigVerify: Bool, replaceRecentBlockhash: Bool = false,
        _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> SimulationResult {
        let options = Self.options(
            commitment,
            [
                "encoding": "base64", "sigVerify": .bool(sigVerify),
                "replaceRecentBlockhash": .bool(replaceRecentBlockhash),
            ])
        return try await self.nodes.call(
            "simulateTransaction", [.string(Base64.standard.encode(transaction)), options]
        ) { result throws(JSONError) in
            let value = result["value"]
            var logs: [String] = []
            for line in try value["logs"].ifPresent?.elements() ?? [] { logs.append(try line.string()) }
            return SimulationResult(
                err: value["err"].ifPresent?.value, logs: logs,
                units: try value["unitsConsumed"].ifPresent?.integer() ?? 0)
        }
    }

    /// `getSignatureStatuses` with history, at most 256 ids. Nil: the node knows nothing of it, which proves
    /// nothing while the blockhash lives.
    public func signatureStatuses(of ids: [String]) async throws(ChainNodeError) -> [SignatureStatus?] {
        precondition(ids.count <= Self.statusLimit, "nodes take at most 256 ids in one question")
        return try await self.nodes.call(
            "getSignatureStatuses", [.array(ids.map { .string($0) }), ["searchTransactionHistory": true]]
        ) { result throws(JSONError) in
            let values = try result["value"].elements()
            guard values.count == ids.count else {
                throw result["value"].fault("\(values.count) answers to \(ids.count) questions")
            }
            var statuses: [SignatureStatus?] = []
            for value in values {
                guard value.exists else {
                    statuses.append(nil)
                    continue
                }
                statuses.append(
                    SignatureStatus(
                        slot: try value["slot"].integer(),
                        confirmations: try value["confirmations"].ifPresent?.integer(),
                        err: value["err"].ifPresent?.value,
                        // Old blocks come without the word; only final ones are that old.
                        confirmationStatus: try value["confirmationStatus"].ifPresent?.string() ?? "finalized"
                    ))
            }
            return statuses
        }
    }

    /// Seven bits, as the prefix of a message holds them.
    private static let highestVersion = 127

    /// `getTransaction`; nil when the node does not have it at this commitment.
    public func transaction(
        _ id: String, _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> ConfirmedTransaction? {
        // Versions that we do not read are asked for as well: their bytes show that they are somebody else's.
        let options = Self.options(
            commitment,
            ["encoding": "base64", "maxSupportedTransactionVersion": JSON(Self.highestVersion)])
        return try await self.nodes.call("getTransaction", [.string(id), options]) {
            result throws(JSONError) in
            guard result.exists else { return nil }
            return ConfirmedTransaction(
                slot: try result["slot"].integer(), blockTime: try result["blockTime"].ifPresent?.integer(),
                err: result["meta"]["err"].ifPresent?.value,
                fee: try result["meta"]["fee"].ifPresent?.integer(),
                bytes: try result["transaction"].encodedBytes())
        }
    }

    /// `getSignaturesForAddress`: newest first, at most `limit` (1 to 1,000). A sponsored payment's id is the
    /// sponsor's signature, which the payer learns only here.
    public func signatures(
        for address: Address, limit: Int = 100, before: String? = nil, until: String? = nil,
        _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> [AddressActivity] {
        var options = Self.options(commitment, ["limit": JSON(limit)])
        options["before"] = before.map { .string($0) }
        options["until"] = until.map { .string($0) }
        return try await self.nodes.call("getSignaturesForAddress", [.string(address.description), options]) {
            result throws(JSONError) in
            var lines: [AddressActivity] = []
            for line in try result.elements() {
                lines.append(
                    AddressActivity(
                        signature: try line["signature"].string(), slot: try line["slot"].integer(),
                        err: line["err"].ifPresent?.value, memo: try line["memo"].ifPresent?.string()))
            }
            return lines
        }
    }
}
