internal import Database
internal import Ledger
internal import SystemPackage
internal import World

/// What was paid for some days is kept for those days and a little longer, and then no more.
extension Shop {
    /// How much longer: who pays again in time finds everything as it was.
    static let grace = Duration.seconds(3 * 86_400)
    /// Objects that leave in one go; the next look takes the next ones.
    private static let portion = 100

    /// Deletes objects whose paid time is over. The file goes first: a crash in between only repeats it.
    func expire() async throws {
        // By the ledger's time, which no daemon leads far astray: a wall clock that jumps would delete
        // everything that was paid for.
        let now = await self.ledger.now
        guard now.quality != .none else { return }
        try self.expire(at: now.milliseconds)
    }

    func expire(at now: Int64) throws {
        try self.sales.forgetUnpaid(
            before: Timestamp(milliseconds: now).adding(seconds: -86_400).milliseconds)
        let end = Timestamp(milliseconds: now).adding(seconds: -Self.grace.components.seconds).milliseconds
        for cid in try self.sales.expired(before: end, limit: Self.portion) {
            try DurableFile.remove(self.blobs.appending(cid))
            try self.sales.forget(object: cid)
        }
    }

    /// Deletes files that nobody paid for, or nobody's payment was written down for: what a crash left.
    func deleteStrays() throws {
        let known = try self.sales.objects()
        for name in try DurableFile.names(in: self.blobs) where !known.contains(name) {
            try DurableFile.remove(self.blobs.appending(name))
        }
    }
}

extension SalesBook {
    private static var day: Int64 { 86_400_000 }

    /// Objects whose last paid day ended before `moment`, in milliseconds since 1970.
    borrowing func expired(before moment: Int64, limit: Int) throws -> [String] {
        try self.database.query(
            """
            SELECT cid FROM object GROUP BY cid HAVING MAX(stored_at + days * ?) < ? ORDER BY cid LIMIT ?
            """, .integer(Self.day), .integer(moment), .integer(Int64(clamping: limit))
        ).map { $0.text(0) }
    }

    borrowing func forget(object cid: String) throws {
        try self.database.run("DELETE FROM object WHERE cid = ?", .text(cid))
    }

    /// The names of all objects that are kept.
    borrowing func objects() throws -> Set<String> {
        var (names, last): (Set<String>, String) = ([], "")
        while true {
            let page = try self.database.query(
                "SELECT DISTINCT cid FROM object WHERE cid > ? ORDER BY cid LIMIT 10000", .text(last)
            ).map { $0.text(0) }
            guard let end = page.last else { return names }
            names.formUnion(page)
            last = end
        }
    }
}
