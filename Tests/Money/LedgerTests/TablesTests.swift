import Database
import Ledger
import SystemPackage
import TestSupport
import Testing

/// What SQLite makes of the ledger's tables.
@Suite struct TablesTests {
    /// What SQLite would do, in its own words.
    private func explained(_ sql: String, _ column: Int, _ connection: Connection) throws -> [String] {
        try connection.query(sql).map { $0.text(column) }
    }

    /// Half of a voucher's time once went into a table that SQLite built for each check of a list.
    @Test func `a step of a payment builds no table on its way`() throws {
        let connection = try Connection.open(nil, PaymentLedger.schema)
        let steps = try self.explained(
            "EXPLAIN UPDATE intent SET state = ?, last_step = ? WHERE id = ?", 1, connection)
        #expect(steps.contains("OpenWrite"))
        #expect(!steps.contains("OpenEphemeral"))
    }

    @Test(arguments: ["channel = 'c' AND", ""])
    func `open payments are found without the others`(clause: String) throws {
        let connection = try Connection.open(nil, PaymentLedger.schema)
        let index = try connection.query("SELECT sql FROM sqlite_schema WHERE name = 'intent_open'")
        let open = try #require(index.first?.text(0).split(separator: "WHERE").last)
        let plan = try self.explained(
            "EXPLAIN QUERY PLAN SELECT note FROM intent WHERE \(clause) \(open) AND state IN ('unknown')", 3,
            connection)
        #expect(plan.allSatisfy { $0.contains("USING INDEX intent_open") }, "\(plan)")
    }

    @Test func `a ledger of the first tables is brought forward`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            let first = Schema(PaymentLedger.schema.steps[0])
            do {
                let connection = try Connection.open(path, first)
                try connection.run("INSERT INTO asset VALUES ('a', 'A', 0)")
                for state in ["settled", "unknown", "waiting"] {
                    try connection.run(
                        """
                        INSERT INTO intent (id, purpose, job, payee, asset, amount, series, note, state,
                            created_at, updated_at)
                        VALUES (?1, 'storage', ?1, 'p', 'a', 1, 0, '', ?1, 1, 1)
                        """, .text(state))
                }
            }
            _ = try Connection.open(path, PaymentLedger.schema)
            #expect(try Schema.version(of: path) == PaymentLedger.schema.version)
            let found = try LedgerView(path: path).intents(in: [.unknown, .waiting, .submitted])
            #expect(found.map(\.state) == [.unknown, .waiting])
        }
    }
}
