internal import Database

/// Looking through books of any length, a page at a time.
extension LedgerView {
    /// Intents that are read at once.
    package static var page: Int { 1_000 }

    /// Hands over the intents that were made from a moment on and before another one, newest first.
    /// - Parameter limit: how many at most.
    public borrowing func forEachIntent(
        from: Int64 = .min, to: Int64 = .max, limit: Int = .max, _ body: (IntentRecord) throws -> Void
    ) throws {
        var (place, left) = (Int64.max, limit)
        while left > 0 {
            let size = min(left, Self.page)
            let records = try self.records(
                """
                WHERE i.rowid < ? AND i.created_at >= ? AND i.created_at < ? ORDER BY i.rowid DESC LIMIT ?
                """, .integer(place), .integer(from), .integer(to), .integer(Int64(size)))  // bounded: a page
            for record in records { try body(record) }
            guard let last = records.last, records.count == size else { return }
            left -= size
            place =
                try self.database.query(
                    "SELECT rowid FROM intent WHERE id = ?", .text(last.id.description)
                ).first?.integer(0) ?? 0
        }
    }

    /// The intents whose name begins so; at most `limit`.
    /// - Parameter prefix: hex digits; anything else names nothing.
    public borrowing func intents(beginningWith prefix: String, limit: Int = 100) throws -> [IntentRecord] {
        guard prefix.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            return []
        }
        return try self.records(
            "WHERE i.id GLOB ? ORDER BY i.id LIMIT ?", .text(prefix + "*"),
            .integer(Int64(clamping: limit)))
    }
}
