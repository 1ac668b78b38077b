import Encoding
package import Sodium
import Solana
package import World

/// A simulated Solana node with the whole cluster behind it: JSON-RPC in, JSON-RPC out. Who listens on HTTP,
/// or hands requests over in memory, stands in front of ``respond(to:)``.
package actor Cluster {
    /// The longest request, in bytes.
    package static let requestLimit = 128 << 10

    var bank: Bank

    package init(_ genesis: Genesis = Genesis()) throws(SodiumError) { self.bank = try Bank(genesis) }

    /// Lets a slot pass every `slotDuration` until the task is cancelled.
    package func run(timeline: any Timeline) async throws {
        while true {
            try await timeline.sleep(for: self.bank.genesis.slotDuration)
            self.bank.tick()
        }
    }

    /// Lets `slots` slots pass at once.
    package func tick(_ slots: Int = 1) {
        for _ in 0..<slots { self.bank.tick() }
    }

    /// Sets what goes wrong from now on.
    package func set(_ faults: Faults) { self.bank.faults = faults }

    /// Runs `body` on the state without anything in between.
    package func withBank<Value: Sendable, Failure: Error>(
        _ body: @Sendable (inout Bank) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try body(&self.bank)
    }

    /// The history as JSON Lines, see ``Bank/transcript()``; with the final balances it is what a peer
    /// replays.
    package func transcript() -> [String] { self.bank.transcript() + self.bank.finalBalances() }

    /// The answer to one JSON-RPC request. Every request gets one, whatever its bytes are.
    package func respond(to body: [UInt8]) async -> [UInt8] {
        var id = JSON.null
        var answer: JSON = ["jsonrpc": "2.0"]
        do throws(RPCRefusal) {
            let request = try RPCRequest(body, limit: Self.requestLimit)
            id = request.id
            if Faults.happens(&self.bank.faults.refuseNext) { throw RPCRefusal(-32005, "Node is unhealthy") }
            answer["result"] = try self.result(of: request)
        } catch {
            var fault: JSON = ["code": JSON(error.code), "message": .string(error.message)]
            fault["data"] = error.data
            answer["error"] = fault
        }
        answer["id"] = id
        return Array(answer.text.utf8)
    }

    private func result(of request: RPCRequest) throws(RPCRefusal) -> JSON {
        switch request.method {
        case "getHealth": "ok"
        case "getVersion": ["solana-core": "3.0.0", "feature-set": 0]
        case "getGenesisHash": .string(self.bank.genesis.network.genesisHash)
        case "getSlot": JSON(self.bank.slot(at: try request.commitment(at: 0)))
        case "getBlockHeight":
            JSON(self.bank.slot(at: try request.commitment(at: 0)) - self.bank.genesis.slot)
        case "getFirstAvailableBlock": JSON(self.bank.firstAvailable)
        case "getLatestBlockhash": try self.latestBlockhash(request)
        case "isBlockhashValid": try self.isBlockhashValid(request)
        case "getMinimumBalanceForRentExemption": try self.minimumBalance(request)
        case "getBalance": try self.balance(request)
        case "getAccountInfo": try self.accountInfo(request)
        case "getProgramAccounts": try self.programAccounts(request)
        case "getTokenAccountBalance": try self.tokenAccountBalance(request)
        case "requestAirdrop": try self.airdrop(request)
        case "sendTransaction": try self.send(request)
        case "simulateTransaction": try self.simulate(request)
        case "getSignatureStatuses": try self.signatureStatuses(request)
        case "getTransaction": try self.transaction(request)
        case "getSignaturesForAddress": try self.signatures(request)
        default: throw RPCRefusal(-32601, "Method not found")
        }
    }

    /// A value with the slot that it was read at, as most methods answer.
    func inContext(_ value: JSON, _ commitment: Commitment) -> JSON {
        ["context": ["slot": JSON(self.bank.slot(at: commitment)), "apiVersion": "3.0.0"], "value": value]
    }
}
