internal import Database
public import World

extension PaymentLedger {
    /// The ledger's time, see ``LedgerClock``.
    func clock() -> Timestamp { self.time.read(self.timeline) }

    /// The ledger's time, for who counts days as the limits do.
    public var now: Timestamp { self.clock() }

    /// Sets the time by the owner's word. Windows that were summed up by the other time are summed up anew.
    func setClock(to moment: Int64) {
        self.time.set(to: moment)
        self.windows.forget()
    }

    /// Writes the time down, so that what passes while nobody runs counts.
    public func keepTime() async throws {
        _ = self.clock()
        try self.write { try self.noteTime(atLeast: Self.timeInterval) }
        try await self.durable()
    }

    /// How often the time is written for its own sake, and beside other writes, in milliseconds.
    private static let timeInterval: Int64 = 60_000
    private static let timeBeside: Int64 = 10_000

    /// Writes the time down where it was last written `interval` milliseconds ago. Must run inside a
    /// transaction.
    func noteTime(atLeast interval: Int64 = timeBeside) throws(DatabaseError) {
        let mark = self.time.mark
        guard self.keptTime == 0 || mark.at < self.keptTime || mark.at - self.keptTime >= interval else {
            return
        }
        try self.database.setMeta(.clock, mark.text)
        self.keptTime = mark.at
    }
}
