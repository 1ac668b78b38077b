import Encoding
package import Sodium
package import Solana

/// The state of a simulated chain: accounts, recent blocks, and everything that was executed.
///
/// A value without clock or randomness: the same calls give the same state. It has one fork, so the newest
/// state is the state at every commitment; only blockhashes, heights and statuses lag behind.
package struct Bank: Sendable {
    /// The most transactions that wait for a slot.
    package static let pendingLimit = 10_000

    /// How it began.
    package let genesis: Genesis
    /// All accounts that exist.
    package internal(set) var accounts: [Address: Account] = [:]
    /// The current slot; what is executed now belongs to it.
    package private(set) var slot: UInt64
    /// Everything that was executed, oldest first. The chain's history is kept whole.
    package internal(set) var history: [Entry] = []
    /// Lamports that fees destroyed.
    package internal(set) var burntFees: UInt64 = 0
    /// What goes wrong from now on.
    package var faults = Faults()
    /// Holds the lamports that are not given away yet.
    package let faucet: Address

    var positions: [String: Int] = [:]
    /// Places in the history by the addresses that a transaction names.
    var activity: [Address: [Int]] = [:]
    private var waiting: Set<Transaction> = []
    private var pending: [(landing: UInt64, transaction: Transaction, isVerified: Bool)] = []
    /// Heights of the blocks whose hashes are still valid.
    private var heights: [Blockhash: UInt64] = [:]
    private var airdrops: UInt64 = 0

    /// One executed transaction or airdrop.
    package struct Entry: Sendable {
        /// What was executed.
        package enum Kind: Sendable {
            /// The wire bytes.
            case transaction([UInt8])
            /// Lamports from the faucet.
            case airdrop(to: Address, lamports: UInt64)
        }

        /// The fee payer's signature in Base58; for an airdrop a made-up one.
        package let id: String
        /// Where it landed.
        package let slot: UInt64
        /// What it was.
        package let kind: Kind
        /// Why it failed. It paid its fee all the same.
        package let failure: TransactionFailure?
        /// Lamports that it destroyed.
        package let fee: UInt64
        /// Compute units that it used.
        package let units: UInt64
        /// What programs said.
        package let logs: [String]
        /// Lamports of its accounts before and after, in the order of its keys.
        package let balances: (before: [UInt64], after: [UInt64])
    }

    package init(_ genesis: Genesis = Genesis()) throws(SodiumError) {
        self.genesis = genesis
        self.slot = genesis.slot
        let faucetKey = try genesis.faucetKey()
        self.faucet = Address(faucetKey.publicKey)
        self.accounts[self.faucet] = Account(lamports: genesis.faucetLamports)
        for program in genesis.programs.keys {
            self.accounts[program] = Account(
                lamports: Rent.minimumBalance(space: 36),
                owner: Programs.native.contains(program) ? .nativeLoader : .bpfLoader, executable: true)
        }
        for sysvar in Programs.sysvars {
            self.accounts[sysvar] = Account(lamports: Rent.minimumBalance(space: 64), owner: .sysvarOwner)
        }
        self.heights[genesis.blockhash(at: self.slot)] = 0
    }

    // MARK: Time

    /// Blocks since the first one.
    package var blockHeight: UInt64 { self.slot - self.genesis.slot }

    /// The newest slot that reached `commitment`.
    package func slot(at commitment: Commitment) -> UInt64 {
        self.slot - min(self.lag(commitment), self.blockHeight)
    }

    /// The oldest slot that a node of this chain still has.
    package var firstAvailable: UInt64 { max(self.genesis.slot, self.faults.prunedBefore) }

    private func lag(_ commitment: Commitment) -> UInt64 {
        switch commitment {
        case .processed: 0
        case .confirmed: self.genesis.confirmedLag
        case .finalized: self.genesis.finalizedLag
        }
    }

    /// Seconds since 1970 at `slot`.
    package func unixSeconds(at slot: UInt64) -> Int64 {
        let slots = Int64(clamping: slot) - Int64(clamping: self.genesis.slot)
        let (seconds, attoseconds) = self.genesis.slotDuration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        return self.genesis.unixSeconds + slots * milliseconds / 1_000
    }

    /// The newest blockhash at `commitment`, and the last block height at which it serves.
    package func latestBlockhash(_ commitment: Commitment) -> LatestBlockhash {
        let slot = self.slot(at: commitment)
        return LatestBlockhash(
            blockhash: self.genesis.blockhash(at: slot),
            lastValidBlockHeight: slot - self.genesis.slot + Blockhash.lifetimeBlocks, slot: slot)
    }

    /// Whether a transaction with this blockhash could land in the current block.
    package func isValid(_ blockhash: Blockhash) -> Bool {
        guard let height = self.heights[blockhash] else { return false }
        return self.blockHeight <= height + Blockhash.lifetimeBlocks
    }

    /// One slot passes: a new block, and the transactions that were waiting for it, in the order of their
    /// arrival.
    package mutating func tick() {
        self.slot += 1
        self.heights[self.genesis.blockhash(at: self.slot)] = self.blockHeight
        if self.blockHeight > Blockhash.lifetimeBlocks {
            self.heights[self.genesis.blockhash(at: self.slot - Blockhash.lifetimeBlocks - 1)] = nil
        }
        let due = self.pending.filter { $0.landing <= self.slot }
        self.pending.removeAll { $0.landing <= self.slot }
        for entry in due { self.waiting.remove(entry.transaction) }
        // Who is refused here vanishes without a trace, as on the real chain.
        for entry in due { _ = try? self.execute(entry.transaction, verifying: !entry.isVerified) }
    }

    // MARK: Transactions

    /// Takes a transaction that will be executed in the next slot. Nothing but its shape is checked: see
    /// ``simulate(_:verifying:replacingBlockhash:)`` for what a node does before it takes one.
    /// - Parameter isVerified: whether its signatures are known to be right: then they are not checked again.
    /// - Returns: False when too many are waiting.
    package mutating func submit(_ transaction: Transaction, isVerified: Bool = false) -> Bool {
        guard !self.waiting.contains(transaction) else { return true }
        guard self.pending.count < Self.pendingLimit else { return false }
        guard !Faults.happens(&self.faults.dropNext) else { return true }
        self.waiting.insert(transaction)
        let (landing, never) = self.slot.addingReportingOverflow(self.faults.delaySlots)
        self.pending.append((never || landing == .max ? .max : landing + 1, transaction, isVerified))
        return true
    }

    /// The executed transaction or airdrop with this id.
    package func entry(_ id: String) -> Entry? { self.positions[id].map { self.history[$0] } }

    /// How sure an entry is by now.
    package func commitment(of entry: Entry) -> Commitment {
        Commitment.allCases.last { self.slot - entry.slot >= self.lag($0) } ?? .processed
    }

    /// The history of an address, newest first.
    package func history(of address: Address) -> [Entry] {
        (self.activity[address] ?? []).reversed().map { self.history[$0] }
    }

    /// Moves lamports from the faucet at once, without a fee.
    /// - Returns: The id; nil when the faucet is empty or the account would be too poor to exist.
    package mutating func airdrop(_ lamports: UInt64, to address: Address) -> String? {
        var giver = self.accounts[self.faucet] ?? Account()
        var taker = self.accounts[address] ?? Account()
        let (sum, overflow) = taker.lamports.addingReportingOverflow(lamports)
        guard address != self.faucet, giver.lamports >= lamports, !overflow else { return nil }
        let before = [giver.lamports, taker.lamports]
        giver.lamports -= lamports
        taker.lamports = sum
        guard Rent.allows(giver), Rent.allows(taker), !taker.executable else { return nil }
        self.accounts[self.faucet] = giver
        self.accounts[address] = taker
        self.airdrops += 1
        let id = Base58.encode(
            self.genesis.hash("airdrop", self.airdrops) + self.genesis.hash("airdrop id", self.airdrops))
        self.record(
            Entry(
                id: id, slot: self.slot, kind: .airdrop(to: address, lamports: lamports), failure: nil,
                fee: 0,
                units: 0, logs: [], balances: (before, [giver.lamports, taker.lamports])),
            naming: [self.faucet, address])
        return id
    }

    mutating func record(_ entry: Entry, naming addresses: [Address]) {
        self.positions[entry.id] = self.history.count
        for address in addresses { self.activity[address, default: []].append(self.history.count) }
        self.history.append(entry)
    }

    /// Fills the history of `address` with transactions that only name it, as anybody can for a fee. They
    /// change nothing, and nobody signed them.
    /// - Parameter memo: of all of them.
    package mutating func clutter(_ address: Address, with count: Int, memo: String? = nil) throws {
        for _ in 0..<count {
            self.airdrops += 1
            let seed = self.genesis.hash("clutter", self.airdrops)
            let sender = try Address(bytes: seed)
            let message = try TransactionMessage.build(
                version: .zero, feePayer: sender,
                instructions: [.transfer(from: sender, to: address, lamports: 1)]
                    + (memo.map { [.memo($0)] } ?? []),
                recentBlockhash: self.latestBlockhash(.processed).blockhash)
            let id = seed + self.genesis.hash("clutter id", self.airdrops)
            let bytes = [1] + id + message.bytes
            self.record(
                Entry(
                    id: Base58.encode(id), slot: self.slot, kind: .transaction(bytes), failure: nil, fee: 0,
                    units: 0, logs: [], balances: ([], [])), naming: [address])
        }
    }

    /// Puts a transaction into the history of `address` that no program executed: whatever its bytes are.
    package mutating func clutter(_ address: Address, with transaction: [UInt8]) {
        self.airdrops += 1
        let id = self.genesis.hash("clutter", self.airdrops) + self.genesis.hash("clutter id", self.airdrops)
        self.record(
            Entry(
                id: Base58.encode(id), slot: self.slot, kind: .transaction(transaction), failure: nil, fee: 0,
                units: 0, logs: [], balances: ([], [])), naming: [address])
    }

    /// Takes an account away, and puts another program's in its place if anybody sends lamports.
    package mutating func replace(_ address: Address, by account: Account?) {
        self.accounts[address] = account
    }

    // MARK: What must never change

    /// All lamports and those that fees destroyed: constant from the first slot on.
    package var totalLamports: UInt64 { self.accounts.values.reduce(self.burntFees) { $0 + $1.lamports } }

    /// Every mint's supply and the sum of its token accounts, which are equal.
    package var tokenSupplies: [Address: (supply: UInt64, held: UInt64)] {
        var supplies: [Address: (supply: UInt64, held: UInt64)] = [:]
        for (address, account) in self.accounts {
            if let token = try? TokenMint(decoding: account.data, owner: account.owner) {
                supplies[address, default: (0, 0)].supply = token.mint.supply
            } else if let token = try? TokenAccount(decoding: account.data, owner: account.owner) {
                supplies[token.mint, default: (0, 0)].held += token.amount
            }
        }
        return supplies
    }
}
