import Encoding
import Stellar
package import World

/// A simulated Stellar node with the whole network behind it: JSON-RPC in, JSON-RPC out. Who listens on HTTP,
/// or hands requests over in memory, stands in front of ``respond(to:)``.
package actor StellarNode {
    /// The longest request, in bytes.
    private static let requestLimit = 256 << 10

    var ledger: StellarLedger
    /// Payments that a facilitator has sent and that are in no ledger yet, by what was signed.
    var settling: [[UInt8]: String] = [:]

    package init(_ ledger: StellarLedger = StellarLedger()) { self.ledger = ledger }

    /// Closes a ledger every five seconds until the task is cancelled.
    package func run(timeline: any Timeline) async throws {
        while true {
            try await timeline.sleep(for: .seconds(StellarLedger.closeSeconds))
            self.ledger.close()
        }
    }

    /// Closes so many ledgers at once.
    package func close(_ ledgers: Int = 1) {
        for _ in 0..<ledgers { self.ledger.close() }
    }

    /// Sets what goes wrong from now on.
    package func set(_ faults: StellarFaults) { self.ledger.faults = faults }

    /// Runs `body` on the state without anything in between.
    package func withLedger<Value: Sendable>(_ body: @Sendable (inout StellarLedger) -> Value) -> Value {
        body(&self.ledger)
    }

    /// Why a request is refused.
    struct Refusal: Error {
        let code: Int
        let message: String

        init(_ code: Int, _ message: String) {
            self.code = code
            self.message = message
        }
    }

    /// The answer to one JSON-RPC request. Every request gets one, whatever its bytes are.
    package func respond(to body: [UInt8]) async -> [UInt8] {
        var answer: JSON = ["jsonrpc": "2.0", "id": nil]
        do throws(Refusal) {
            let request: JSON
            do throws(JSONError) {
                request = try JSON.read(body, limits: JSON.Limits(bytes: Self.requestLimit, depth: 16))
            } catch {
                throw Refusal(-32700, "Parse error")
            }
            guard request["jsonrpc"] == "2.0", case .string(let method)? = request["method"],
                let id = request["id"]
            else { throw Refusal(-32600, "Invalid request") }
            switch id {
            case .string, .integer: answer["id"] = id
            default: throw Refusal(-32600, "Invalid request: no usable id")
            }
            if StellarFaults.happens(&self.ledger.faults.refuseNext) {
                throw Refusal(-32603, "internal error")
            }
            answer["result"] = try self.result(of: method, JSONField(request["params"] ?? .null))
        } catch {
            answer["error"] = ["code": JSON(error.code), "message": .string(error.message)]
        }
        return Array(answer.text.utf8)
    }

    private func result(of method: String, _ parameters: JSONField) throws(Refusal) -> JSON {
        switch method {
        case "getNetwork":
            return ["passphrase": .string(self.ledger.network.passphrase), "protocolVersion": 23]
        case "getHealth":
            return self.withHistory(["status": "healthy", "ledgerRetentionWindow": 120_960])
        case "getLatestLedger":
            let lie = self.ledger.faults.latestAheadOnce
            return [
                "id": .string(String(repeating: "0", count: 64)), "protocolVersion": 23,
                "sequence": JSON(self.latest + lie),
            ]
        case "getLedgerEntries": return try self.entries(parameters)
        case "getTransaction": return try self.transaction(parameters)
        case "getEvents": return try self.events(parameters)
        case "simulateTransaction": return try self.simulate(parameters)
        case "sendTransaction": return try self.send(parameters)
        default: throw Refusal(-32601, "method not found")
        }
    }

    /// The last closed ledger, as this node says.
    var latest: UInt32 { self.ledger.sequence + self.ledger.faults.latestAhead }

    /// The oldest one that it has.
    var oldest: UInt32 { max(self.ledger.first, self.ledger.faults.prunedBefore) }

    /// With the ledgers that the node has, as most answers say them.
    func withHistory(_ result: JSON) -> JSON {
        var result = result
        result["latestLedger"] = JSON(self.latest)
        result["latestLedgerCloseTime"] = .string(String(self.ledger.closeTime))
        result["oldestLedger"] = JSON(self.oldest)
        result["oldestLedgerCloseTime"] = "0"
        return result
    }
}
