import Encoding
import Glibc
import Ledger
import Sodium
import Synchronization
import SystemPackage
import World

/// The key whose seed is `byte` 32 times.
func key(_ byte: UInt8) throws -> SigningKey {
    try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
}

func base58(_ key: PublicKey) -> String { Base58.encode(key.bytes) }

/// A clock that moves when it is told to.
final class Clock: Timeline {
    private let milliseconds: Mutex<Int64>

    init(at start: Int64 = 1_800_000_000_000) { self.milliseconds = Mutex(start) }

    var now: Timestamp { Timestamp(milliseconds: self.milliseconds.withLock { $0 }, quality: .virtual) }
    var uptime: Duration { .milliseconds(self.milliseconds.withLock { $0 }) }
    func sleep(for duration: Duration) async throws {}
    func advance(seconds: Int64) { self.milliseconds.withLock { $0 += seconds * 1_000 } }
}

/// Bytes that rise with every call.
struct Counter: Entropy {
    private static let count = Atomic<UInt8>(0)

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        let value = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
        for index in buffer.indices { buffer[index] = value }
    }
}

/// The owner (11), the wallet (2) and its sponsor (3), a dollar and a coin, and two payees.
enum Scene {
    static let dollar = Asset(id: "chain/token:dollar", symbol: "USD", decimals: 6)
    static let coin = Asset(id: "chain/slip44:501", symbol: "SOL", decimals: 9)

    static func proposal(
        _ amount: UInt64, job: String = "job", payee: String = "chain:alpha", asset: Asset = dollar,
        purpose: Purpose = .storage, series: UInt32 = 0
    ) -> Proposal {
        Proposal(
            Purchase(self.subject(purpose, job), series: series),
            Terms(payee: payee, asset: asset, amount: amount), note: "a test")
    }

    static func subject(_ purpose: Purpose, _ name: String) -> Subject {
        switch purpose {
        case .storage: .object(name)
        case .compute: .job(name)
        case .service: .request(name)
        case .fee: .fee(message: name)
        case .channel: .deposit(channel: name)
        case .sweep: .surplus(asset: name)
        }
    }

    /// A policy with one wide limit; `change` makes it what a test needs.
    static func document(sequence: Int64 = 1, _ change: (inout JSON) -> Void = { _ in }) throws -> JSON {
        var document: JSON = [
            "schema": "depai-policy/1", "wallet": .string(base58(try key(2).publicKey)),
            "owner": .string(base58(try key(11).publicKey)), "seq": .integer(sequence), "mode": "active",
            "assets": [
                ["asset": .string(dollar.id), "symbol": "USD", "decimals": 6],
                ["asset": .string(coin.id), "symbol": "SOL", "decimals": 9],
            ],
            "payees": [
                ["id": "alpha", "account": "chain:alpha", "purposes": ["storage", "compute"]],
                ["id": "beta", "account": "chain:beta", "purposes": ["storage"]],
                ["id": "network", "account": "network", "purposes": ["fee"]],
            ],
            "limits": [
                ["id": "dollars", "asset": .string(dollar.id), "per_payment": "1000"],
                ["id": "coins", "asset": .string(coin.id), "purpose": "fee", "per_payment": "1000"],
            ],
        ]
        change(&document)
        return document
    }

    static func policy(sequence: Int64 = 1, _ change: (inout JSON) -> Void = { _ in }) throws -> [UInt8] {
        try Policy.sign(try self.document(sequence: sequence, change), with: key(11))
    }

    /// A ledger under a policy with 10,000 dollar units; `path` nil keeps it in memory.
    static func ledger(
        path: FilePath? = nil, clock: Clock = Clock(), money: UInt64 = 10_000, policy: [UInt8]? = nil,
        observer: @escaping @Sendable (JournalEntry) -> Void = { _ in }
    ) async throws -> PaymentLedger {
        let ledger = try self.open(path: path, clock: clock, observer: observer)
        try await ledger.apply(policy: policy ?? self.policy())
        if money > 0 { try await ledger.deposit(money, asset: self.dollar, reference: "first") }
        return ledger
    }

    static func open(
        path: FilePath?, clock: Clock = Clock(),
        observer: @escaping @Sendable (JournalEntry) -> Void = { _ in }
    ) throws -> PaymentLedger {
        try PaymentLedger(
            path: path, wallet: key(2).publicKey, signers: [key(3).publicKey], owner: key(11).publicKey,
            timeline: clock,
            observer: observer)
    }
}

/// A ``Decision`` that can be copied and compared.
enum Answer: Equatable {
    case authorized(attempt: Int)
    case denied(String, allowedNow: UInt64?)
    case waiting(String, allowedNow: UInt64?)
    case inFlight(IntentState, attempt: Int)
    case settled
    case differs(IntentState)
}

extension Proposal {
    /// The name of the first round of its purchase.
    var id: IntentID { self.purchase.intent(round: 0) }
}

extension PaymentLedger {
    /// Asks, and gives the permission back for the next time.
    func answer(to proposal: Proposal) async throws -> Answer {
        switch try await self.authorize(proposal) {
        case .authorized(let authorization):
            let attempt = authorization.attempt
            try await self.suspend(authorization)
            return .authorized(attempt: attempt)
        case .denied(let denial): return .denied(denial.rule, allowedNow: denial.allowedNow)
        case .waiting(_, let denial): return .waiting(denial.rule, allowedNow: denial.allowedNow)
        case .inFlight(let payment): return .inFlight(payment.state, attempt: payment.attempt)
        case .settled: return .settled
        case .differs(let record): return .differs(record.state)
        }
    }

    /// Reserves, signs and journals with the wallet's key.
    @discardableResult
    func pay(_ proposal: Proposal, height: UInt64 = 100) async throws -> JournalledPayment {
        guard case .authorized(let authorization) = try await self.authorize(proposal) else {
            throw LedgerError.unknownIntent(proposal.id)
        }
        let message = Array("message \(authorization.intent) \(authorization.attempt)".utf8)
        let signer = try key(proposal.purpose == .fee ? 3 : 2)
        let attempt = try authorization.signed(message, by: signer)
        return try await self.journal(attempt, payload: [1] + message, horizon: Horizon(last: height))
    }

    func settled(_ proposal: Proposal) async throws {
        let payment = try await self.pay(proposal)
        try await self.markSubmitted(payment)
        let name = "tx \(payment.intent)"
        try await self.settle(payment.intent, proof: SettlementProof(transaction: name, place: "slot 5"))
    }

    func newest(_ proposal: Proposal) async throws -> IntentRecord? {
        try await self.read { try $0.intent(of: proposal.purchase) }
    }

    func state(_ proposal: Proposal) async throws -> IntentState? { try await self.newest(proposal)?.state }

    func balance(_ asset: Asset = Scene.dollar) async throws -> Balance? {
        try await self.read { try $0.balances().first { $0.asset.id == asset.id } }
    }
}
