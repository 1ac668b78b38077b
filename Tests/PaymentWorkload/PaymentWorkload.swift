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
///
/// Ends with 8 when the storage failed, with 1 for any other error.
@main
struct PaymentWorkload {
    static let dollar = Asset(id: "chain/token:dollar", symbol: "USD", decimals: 6)

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, ["run", "bench"].contains(arguments[1]), let count = Int(arguments[3]),
            let concurrency = Int(arguments[4]), count > 0, concurrency > 0
        else {
            self.say("usage: depai-payments run|bench FILE COUNT CONCURRENCY", to: .standardError)
            exit(2)
        }
        do {
            let teller = try await Teller(FilePath(arguments[2]))
            if arguments[1] == "run" {
                try await teller.each(of: count, concurrency) { try await teller.pay($0) }
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
                "payees": [["id": "alpha", "account": "chain:alpha", "purposes": ["storage"]]],
                "limits": [
                    [
                        "id": "all", "asset": .string(dollar.id), "per_payment": "1000",
                        "window_seconds": 3_600, "sum": "1000000",
                    ]
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

    /// Up to the signed bytes on disk. Nil for what is paid already.
    func sign(_ job: Int) async throws -> JournalledPayment? {
        let proposal = Proposal(
            purpose: .storage, job: "job-\(job)", payee: "chain:alpha", asset: PaymentWorkload.dollar,
            amount: 5, note: "a payment of the workload")
        switch try await self.ledger.authorize(proposal) {
        case .authorized(let authorization):
            let message = Array("the message of \(proposal.id)".utf8)
            let attempt = try authorization.signed(message, by: self.key.key)
            return try await self.ledger.journal(attempt, payload: [1] + message, lastValidBlockHeight: 9)
        case .inFlight(let payment): return payment
        case .settled: return nil
        case .denied(let denial): throw denial
        case .waiting(let denial): throw denial
        }
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
            payment.intent, proof: SettlementProof(transaction: "tx-\(job)", slot: UInt64(job)))
        acknowledge("settled")
    }
}

/// A key that many tasks sign with: signing changes nothing in it.
final class SigningKeyBox: Sendable {
    let key: SigningKey
    init(key: consuming SigningKey) { self.key = key }
}
