/// What a payment is made in: a CAIP-19 asset and how its atomic units are shown.
public struct Asset: Sendable, Hashable {
    /// CAIP-19, for example `solana:<genesis>/token:<mint>` or `solana:<genesis>/slip44:501`.
    public let id: String
    /// For people only; never compared.
    public let symbol: String
    /// How many decimal places an atomic unit is below one unit; 0 to 18.
    public let decimals: Int

    public init(id: String, symbol: String, decimals: Int) {
        precondition((0...18).contains(decimals), "an asset has 0 to 18 decimals")
        self.id = id
        self.symbol = symbol
        self.decimals = decimals
    }

    /// An amount of atomic units as an exact decimal string: 1500 at 6 decimals is "0.001500".
    public func decimal(_ atomic: some BinaryInteger) -> String {
        let digits = String(atomic.magnitude)
        let padded = String(repeating: "0", count: max(0, self.decimals + 1 - digits.count)) + digits
        let sign = atomic < 0 ? "-" : ""
        guard self.decimals > 0 else { return sign + padded }
        return "\(sign)\(padded.dropLast(self.decimals)).\(padded.suffix(self.decimals))"
    }

    /// The atomic units of an exact decimal string: "0.0015" at 6 decimals is 1500. Nil for anything that is
    /// not digits with at most one point, has more places than the asset, or does not fit.
    public func atomic(_ decimal: String) -> UInt64? {
        let parts = decimal.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }),
            parts.joined().utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        let places = parts.count == 2 ? parts[1].count : 0
        guard places <= self.decimals else { return nil }
        return UInt64(parts.joined() + String(repeating: "0", count: self.decimals - places))
    }

    /// The amount with its symbol, for people.
    public func text(_ atomic: some BinaryInteger) -> String { "\(self.decimal(atomic)) \(self.symbol)" }
}

extension UInt64 {
    /// As many whole units of an asset with other decimals, in its atomic units, rounded up; nil when that is
    /// more than a ledger can hold.
    package func rescaled(from: Int, to: Int) -> UInt64? {
        var amount = self
        for _ in 0..<abs(to - from) {
            if to > from {
                let (product, overflow) = amount.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
                amount = product
            } else {
                amount = amount / 10 + (amount % 10 == 0 ? 0 : 1)
            }
        }
        return Int64(exactly: amount) == nil ? nil : amount
    }
}
