public import Home
public import Ledger
internal import SystemPackage

/// What a node has sold, from its files: while it runs and after it stopped.
public struct NodeView: Sendable {
    /// Sales that were paid, worked for and answered.
    public let salesDone: Int
    /// Payments that are on their way or half worked for.
    public let salesOpen: Int
    public let objects: Int
    public let storedBytes: Int
    public let balances: [Balance]
    /// What customers' channels were charged in all, by address, in atomic units.
    public let charged: [String: UInt64]

    public init(_ home: Home) throws {
        let book = try SalesBook(reading: home.path.appending("sales.db"))
        let totals = try book.totals()
        self.charged = try book.charged()
        self.salesDone = totals.done
        self.salesOpen = totals.open
        self.objects = totals.objects
        self.storedBytes = totals.bytes
        self.balances = try home.viewLedger().balances()
    }
}
