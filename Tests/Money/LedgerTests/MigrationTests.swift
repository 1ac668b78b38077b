import Database
import Encoding
import Foundation
import Sodium
import SystemPackage
import TestSupport
import Testing

@testable import Ledger

/// Ledgers of real robots, as depai wrote them before purchases had names without a price (tables of version
/// 3). Each was copied in the middle of a payment.
@Suite(.endsHangs) struct MigrationTests {
    /// A robot that paid a node which delivered nothing, and had just sent the next payment for the same job.
    static let lost = "lost-and-submitted.schema3.db"
    /// A robot that buys from two payment channels; deposit and voucher of the second are on their way.
    static let channels = "channels.schema3.db"

    private static func copy(_ name: String, to folder: FilePath) throws -> FilePath {
        let path = folder.appending("ledger.db")
        try FileManager.default.copyItem(
            atPath: Repository.root.appending(path: "Tests/Money/Homes/\(name)").path, toPath: path.string)
        return path
    }

    private static func open(_ path: FilePath) throws -> PaymentLedger {
        try PaymentLedger(
            path: path,
            wallet: PublicKey(Base58.decode("FGbBXeruFugbEQ4KHCiiWKVTwKiHmGMbNWEbaFo1xp9x")),
            owner: PublicKey(Base58.decode("4sQrj1on24T4WMpiFTGD5ossXfQtZXqEs6CihnRUgDqD")), timeline: Clock()
        )
    }

    /// What the old program had written: every column that it knew.
    private static func rows(_ path: FilePath) throws -> [String] {
        let columns = """
            id, purpose, job, payee, asset, amount, series, note, state, reason, reserved_at, created_at,
            delivery, receipt, chain_transaction, attempts, last_step, signed_in, channel
            """.split(separator: ",").map { "quote(\($0.trimmingCharacters(in: .whitespacesAndNewlines)))" }
        let connection = try Connection(path: path.string, access: .read)
        return try connection.query(
            "SELECT \(columns.joined(separator: " || '|' || ")) FROM intent ORDER BY id"
        ).map { $0.text(0) }
    }

    @Test(arguments: [Self.lost, Self.channels])
    func `nothing that was written is lost, and every payment is what it was`(name: String) async throws {
        try await withFolder { folder in
            let path = try Self.copy(name, to: folder)
            let before = try Self.rows(path)
            let ledger = try Self.open(path)
            #expect(try Self.rows(path) == before && before.count >= 2)
            #expect(try Schema.version(of: path) == PaymentLedger.schema.version)
            #expect(try Self.rows(FilePath(path.string + ".schema-3")) == before)
            let (faults, records) = try await ledger.read { (try $0.faults(), try $0.intents()) }
            #expect(faults.isEmpty)
            for record in records where record.state == .submitted {
                // The same purchase is the payment that is on its way, on whatever terms it is asked for.
                let answer = try await ledger.authorize(record.proposal, from: record.channel)
                guard case .inFlight(let payment) = answer else {
                    Issue.record("\(record.proposal.purchase) would be signed anew")
                    continue
                }
                #expect(payment.intent == record.id && !payment.message.isEmpty)
                let cheaper = Terms(
                    payee: "solana:somebody", asset: record.proposal.asset, amount: record.proposal.amount - 1
                )
                let other = Proposal(record.proposal.purchase, cheaper, note: "")
                guard case .differs(let live) = try await ledger.authorize(other) else {
                    Issue.record("\(record.proposal.purchase) would be paid twice")
                    continue
                }
                #expect(live.id == record.id)
            }
            #expect(try await ledger.read { try $0.intents().count } == before.count)
        }
    }

    @Test func `a job whose first payment was lost goes on with the second one, and then with a third`()
        async throws
    {
        try await withFolder { folder in
            let ledger = try Self.open(try Self.copy(Self.lost, to: folder))
            let job = Purchase(.job("0c9135da316dd98c801d112a3f0abb1448bfeebc454d594b9e652091f93e0368"))
            let record = try #require(try await ledger.read { try $0.intent(of: job) })
            #expect(record.state == .submitted && record.round == 1 && record.proposal.amount == 24_000)
            try await ledger.expire(record.id, at: "height 1")
            let next = try await ledger.read { try $0.nextIntent(of: job) }
            #expect(next == job.intent(round: 2))
            guard case .authorized(let authorization) = try await ledger.authorize(record.proposal) else {
                Issue.record("the job cannot be bought any more")
                return
            }
            #expect(authorization.intent == next)
            try await ledger.suspend(authorization)
        }
    }

    @Test func `the subjects of channels are read as what they are`() async throws {
        try await withFolder { folder in
            let ledger = try Self.open(try Self.copy(Self.channels, to: folder))
            let (records, channels) = try await ledger.read { (try $0.intents(), try $0.channels()) }
            let promises = Dictionary(
                uniqueKeysWithValues: records.filter { $0.channel != nil }.map {
                    ($0.proposal.amount, $0.promise)
                })
            #expect(promises == [18_000: 18_000, 9_000: 9_000])
            let deposits = Set(records.compactMap(\.proposal.filledChannel))
            #expect(deposits == Set(channels.map(\.id)) && deposits.count == 2)
            #expect(
                try await ledger.read { view in
                    try channels.allSatisfy { try view.intent(of: Purchase(.deposit(channel: $0.id))) != nil }
                })
        }
    }

    /// Prices that moved left rows of one purchase beside one another.
    @Test func `of many rows for one purchase the live one is the newest round`() async throws {
        try await withFolder { folder in
            let path = try Self.copy(Self.lost, to: folder)
            do {
                let connection = try Connection(path: path.string)
                for (number, state) in ["submitted", "waiting", "denied", "denied", "failed"].enumerated() {
                    try connection.run(
                        """
                        INSERT INTO intent (id, purpose, job, payee, asset, amount, series, note, state,
                            created_at, updated_at)
                        SELECT ?1, 'storage', 'many', payee, asset, ?2, 0, '', ?3, 1, 1 FROM intent LIMIT 1
                        """, .text("row \(number)"), .integer(Int64(number)), .text(state))
                }
            }
            _ = try Connection.open(path, PaymentLedger.schema)
            let record = try LedgerView(path: path).intent(of: Purchase(.object("many")))
            #expect(record?.state == .submitted && record?.round == 4)
        }
    }

    @Test(
        .enabled(if: PowerCut.isPossible, "strace is not installed"),
        arguments: [Self.lost, Self.channels])
    func `the power may go at every write`(name: String) async throws {
        try await withFolder { folder in
            let live = folder.appending("live")
            try FileManager.default.createDirectory(atPath: live.string, withIntermediateDirectories: true)
            let path = try Self.copy(name, to: live)
            let before = try Self.rows(path)
            let start = CrashingDisk(["ledger.db": Array(try Data(contentsOf: URL(filePath: path.string)))])
            let cut = try await PowerCut(
                "depai-payments", ["upgrade", path.string, "1", "1"], writing: live, in: folder)
            let states = try await cut.each(from: start) { target, comment in
                let ledger = try Self.open(target.appending("ledger.db"))
                #expect(try await ledger.read { try $0.faults() }.isEmpty, comment)
                #expect(try Self.rows(target.appending("ledger.db")) == before, comment)
            }
            #expect(states >= 20, "\(states)")
        }
    }
}
