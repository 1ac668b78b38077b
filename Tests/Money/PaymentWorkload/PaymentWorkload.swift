import Database
import Encoding
import Glibc
import Ledger
import Linux
import Sodium
import SystemPackage

/// Payments on a ledger, without chain and seller, for tests that pull the plug and for the benchmark:
///
///     depai-payments run FILE COUNT CONCURRENCY     pays job-0 … and acknowledges every durable step
///     depai-payments bench FILE COUNT CONCURRENCY   authorises, signs and journals, and prints the rate
///     depai-payments vouchers FILE COUNT CHANNELS   the same with vouchers, each accepted before the next;
///                                                   prints the rate and the 99th percentile in microseconds
///     depai-payments migrate FILE STEPS ROWS        brings tables of its own to a version
///     depai-payments upgrade FILE 1 1               brings a ledger's tables to the newest version
///
/// Ends with 8 when the storage failed, with 1 for any other error.
@main
struct PaymentWorkload {
    static let dollar = Asset(id: "chain/token:dollar", symbol: "USD", decimals: 6)

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5,
            ["run", "bench", "vouchers", "migrate", "upgrade"].contains(arguments[1]),
            let count = Int(arguments[3]), let concurrency = Int(arguments[4]), count > 0, concurrency > 0
        else {
            self.say(
                "usage: depai-payments run|bench|vouchers|migrate|upgrade FILE COUNT CONCURRENCY",
                to: .standardError)
            exit(2)
        }
        do {
            guard arguments[1] != "migrate" else {
                _ = try Connection.open(FilePath(arguments[2]), self.schema(steps: count, rows: concurrency))
                return
            }
            guard arguments[1] != "upgrade" else {
                _ = try Connection.open(FilePath(arguments[2]), PaymentLedger.schema)
                return
            }
            let teller = try await Teller(FilePath(arguments[2]))
            if arguments[1] == "run" {
                try await teller.each(of: count, concurrency) { try await teller.pay($0) }
            } else if arguments[1] == "vouchers" {
                let channels = try await teller.openChannels(concurrency)
                let start = ContinuousClock.now
                let latencies = try await teller.spend(count, channels)
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                let slow = latencies.sorted()[latencies.count * 99 / 100] / .microseconds(1)
                self.say("\(Int(Double(count) / seconds)) \(Int(slow))", to: .standardOutput)
            } else {
                let start = ContinuousClock.now
                try await teller.each(of: count, concurrency) { _ = try await teller.sign($0) }
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                self.say("\(Int(Double(count) / seconds))", to: .standardOutput)
            }
        } catch let error as DatabaseError where error.isStorageFault {
            self.say("storage: \(error)", to: .standardError)
            exit(8)
        } catch LedgerError.storageFault {
            self.say("storage: \(LedgerError.storageFault)", to: .standardError)
            exit(8)
        } catch {
            self.say("\(error)", to: .standardError)
            exit(1)
        }
    }

    /// A file with rows 1 to `rows`, of which each further step makes each greater by one.
    private static func schema(steps: Int, rows: Int) -> Schema {
        let first = """
            CREATE TABLE row (x INTEGER NOT NULL) STRICT;
            WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < \(rows))
            INSERT INTO row SELECT x FROM n
            """
        return Schema([first] + Array(repeating: "UPDATE row SET x = x + 1", count: steps - 1))
    }

    /// One system call, nothing buffered: what was said was said.
    static func say(_ text: String, to file: FileDescriptor) { _ = try? file.writeAll((text + "\n").utf8) }
}

/// The ledger of wallet 2 under owner 11, as in the ledger's own tests.
struct Teller: Sendable {
    private let ledger: PaymentLedger
    private let key: SigningKeyBox

    init(_ path: FilePath) async throws {
        func key(_ byte: UInt8) throws -> SigningKey {
            try SigningKey(
                seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
        }
        let wallet = try key(2)
        let owner = try key(11)
        self.ledger = try PaymentLedger(
            path: path, wallet: wallet.publicKey, owner: owner.publicKey, timeline: SystemTimeline())
        if await self.ledger.policyInForce == nil {
            let dollar = PaymentWorkload.dollar
            let document: JSON = [
                "schema": "depai-policy/1", "wallet": .string(Base58.encode(wallet.publicKey.bytes)),
                "owner": .string(Base58.encode(owner.publicKey.bytes)), "seq": 1, "mode": "active",
                "assets": [["asset": .string(dollar.id), "symbol": "USD", "decimals": 6]],
                "payees": [["id": "alpha", "account": "chain:alpha", "purposes": ["storage", "channel"]]],
                "limits": [
                    [
                        "id": "all", "asset": .string(dollar.id), "per_payment": "1000",
                        "window_seconds": 3_600, "sum": "1000000",
                    ],
                    [
                        "id": "escrow", "purpose": "channel", "asset": .string(dollar.id),
                        "per_payment": "5000000",
                    ],
                ],
            ]
            try await self.ledger.apply(policy: Policy.sign(document, with: owner))
        }
        try await self.ledger.deposit(1_000_000_000, asset: PaymentWorkload.dollar, reference: "first")
        self.key = SigningKeyBox(key: wallet)
    }

    /// Runs `body` for job 0 to `count` - 1, `concurrency` of them at a time. The first error ends all.
    func each(
        of count: Int, _ concurrency: Int, _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<concurrency {
                group.addTask {
                    for job in stride(from: lane, to: count, by: concurrency) { try await body(job) }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func terms(_ amount: UInt64) -> Terms {
        Terms(payee: "chain:alpha", asset: PaymentWorkload.dollar, amount: amount)
    }

    /// Up to the signed bytes on disk. Nil for what is paid already.
    func sign(_ job: Int) async throws -> JournalledPayment? {
        let proposal = Proposal(
            Purchase(.object("job-\(job)")), Self.terms(5), note: "a payment of the workload")
        switch try await self.ledger.authorize(proposal) {
        case .authorized(let authorization):
            let message = Array("the message of \(authorization.intent)".utf8)
            let attempt = try authorization.signed(message, by: self.key.key)
            return try await self.ledger.journal(attempt, payload: [1] + message, horizon: Horizon(last: 9))
        case .inFlight(let payment): return payment
        case .settled: return nil
        case .denied(let denial): throw denial
        case .waiting(_, let denial): throw denial
        case .differs(let record): throw record.difference
        }
    }

    /// Channels whose deposits are on the chain, as far as the ledger knows.
    func openChannels(_ count: Int) async throws -> [String] {
        var channels: [String] = []
        for number in 0..<count {
            let id = Base58.encode([UInt8](repeating: 7, count: 31) + [UInt8(number)])
            channels.append(id)
            try await self.ledger.prepareChannel(
                id, payee: "chain:alpha", asset: PaymentWorkload.dollar, terms: [])
            let proposal = Proposal(
                Purchase(.deposit(channel: id)), Self.terms(5_000_000), note: "escrow")
            guard case .authorized(let authorization) = try await self.ledger.authorize(proposal) else {
                throw Denial(rule: "benchmark", reason: "no deposit is allowed")
            }
            let attempt = try authorization.signed(Array(id.utf8), by: self.key.key)
            let payment = try await self.ledger.journal(attempt, payload: [1], horizon: Horizon(last: 9))
            try await self.ledger.settle(payment.intent, proof: .init(transaction: id, place: "slot 1"))
        }
        return channels
    }

    /// Spends from all channels at once, in each one voucher after the other.
    /// - Returns: how long each voucher took from the wish to the bytes on disk.
    func spend(_ count: Int, _ channels: [String]) async throws -> [Duration] {
        try await withThrowingTaskGroup(of: [Duration].self) { group in
            for (lane, channel) in channels.enumerated() {
                group.addTask {
                    var latencies: [Duration] = []
                    for job in stride(from: lane, to: count, by: channels.count) {
                        let start = ContinuousClock.now
                        let payment = try await self.voucher(job, channel)
                        latencies.append(ContinuousClock.now - start)
                        try await self.ledger.accept(payment.intent, commitment: "voucher \(job)")
                    }
                    return latencies
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func voucher(_ job: Int, _ channel: String) async throws -> JournalledPayment {
        let proposal = Proposal(
            Purchase(.object("voucher-\(job)")), Self.terms(5), note: "a voucher of the workload")
        guard case .authorized(let authorization) = try await self.ledger.authorize(proposal, from: channel),
            let voucher = authorization.voucher
        else { throw Denial(rule: "benchmark", reason: "no voucher is allowed") }
        var message: [UInt8] = [0x56, 0x01] + (try Base58.decode(voucher.channel))
        message.append(little: voucher.cumulative)
        message.append(little: UInt64(0))
        let attempt = try authorization.signed(message, by: self.key.key)
        return try await self.ledger.journal(attempt, payload: [1] + message, horizon: .never)
    }

    func pay(_ job: Int) async throws {
        guard let payment = try await self.sign(job) else { return }
        func acknowledge(_ step: String) {
            PaymentWorkload.say("ACK job-\(job) \(step)", to: .standardOutput)
        }
        acknowledge("signed")
        try await self.ledger.markSubmitted(payment)
        acknowledge("submitted")
        try await self.ledger.settle(
            payment.intent, proof: SettlementProof(transaction: "tx-\(job)", place: "slot \(job)"))
        acknowledge("settled")
    }
}

/// A key that many tasks sign with: signing changes nothing in it.
final class SigningKeyBox: Sendable {
    let key: SigningKey
    init(key: consuming SigningKey) { self.key = key }
}
