import Encoding
package import Sodium
package import Solana

/// How a simulated chain begins and how its time runs.
package struct Genesis: Sendable {
    /// The network whose genesis hash it answers with. Clients know only the public ids, so a simulation
    /// presents itself as devnet.
    package var network: Network
    /// The faucet's key and every blockhash come from this number.
    package var seed: UInt64
    /// The first slot. Not 0, so that a slot is never mistaken for a block height, which begins at 0.
    package var slot: UInt64
    /// Seconds since 1970 at the first slot.
    package var unixSeconds: Int64
    /// How long a slot lasts on the timeline.
    package var slotDuration: Duration
    /// Lamports that can be given away.
    package var faucetLamports: UInt64
    /// Slots until a transaction is confirmed.
    package var confirmedLag: UInt64
    /// Slots until a transaction is final.
    package var finalizedLag: UInt64
    /// Programs by address; more can be added to those of ``Programs/builtIn``.
    package var programs: [Address: any Program]

    package init(
        network: Network = .devnet, seed: UInt64 = 1, slot: UInt64 = 1_000,
        unixSeconds: Int64 = 1_800_000_000,
        slotDuration: Duration = .milliseconds(400), faucetLamports: UInt64 = 500_000_000_000_000_000,
        confirmedLag: UInt64 = 1, finalizedLag: UInt64 = 31,
        programs: [Address: any Program] = Programs.builtIn
    ) {
        self.network = network
        self.seed = seed
        self.slot = slot
        self.unixSeconds = unixSeconds
        self.slotDuration = slotDuration
        self.faucetLamports = faucetLamports
        self.confirmedLag = confirmedLag
        self.finalizedLag = finalizedLag
        self.programs = programs
    }

    /// The key of the faucet account. Everybody who knows the seed has it.
    package func faucetKey() throws(SodiumError) -> SigningKey {
        var seed = self.hash("faucet", 0)
        let secret = try SecretBytes(count: seed.count) { $0.copyBytes(from: seed) }
        seed.removeAll()
        return try SigningKey(seed: secret)
    }

    /// The hash of the block at `slot`.
    func blockhash(at slot: UInt64) -> Blockhash {
        Blockhash(exactly: self.hash("block", slot))
    }

    /// 32 bytes that belong to this chain, a purpose and a number.
    func hash(_ purpose: String, _ number: UInt64) -> [UInt8] {
        var numbers: [UInt8] = []
        numbers.append(little: self.seed)
        numbers.append(little: number)
        return SHA256.digest(of: Array("depai simulated chain \(purpose)".utf8), numbers)
    }
}

/// What goes wrong on purpose. Numbers count down as faults happen.
package struct Faults: Sendable, Equatable {
    /// So many transactions are taken and answered with an id, but never land.
    package var dropNext = 0
    /// Transactions land so many slots later than they could.
    package var delaySlots: UInt64 = 0
    /// So many preflights and simulations see no error: the state changes before the transaction lands, which
    /// is then included and reported as confirmed with an error.
    package var blindPreflightNext = 0
    /// So many transactions are taken, but the answer says internal error.
    package var loseAnswerNext = 0
    /// So many requests of any kind are answered with "node is unhealthy".
    package var refuseNext = 0
    /// The node has forgotten everything before this slot; the chain has not.
    package var prunedBefore: UInt64 = 0

    package init() {}

    /// Counts one fault down; false when there was none left.
    static func happens(_ count: inout Int) -> Bool {
        guard count > 0 else { return false }
        count -= 1
        return true
    }
}
