/// What one of the wallet's keys is for.
public enum KeyRole: String, Sendable, Hashable, CaseIterable {
    /// Owns the money.
    case payment
    /// Pays network fees for others' transactions, if the wallet is a facilitator's.
    case sponsor
    /// Signs the vouchers of payment channels: never more than their deposits.
    case voucher
    /// Signs statements: receipts, offers, proofs. Never money.
    case identity
    /// Seals what is stored at others'. Signs nothing.
    case storage
    /// Accounts on chains with a path of their own: they receive, and sign nothing yet.
    case near
    case stellar
    case sui

    var path: DerivationPath {
        switch self {
        case .payment: DerivationPath(steps: [44, 501, 0, 0])
        case .sponsor: DerivationPath(steps: [44, 501, 1, 0])
        case .voucher: DerivationPath(steps: [44, 501, 2, 0])
        case .identity: .identity(uri: "depai://identity")
        case .storage: .identity(uri: "depai://storage")
        case .near: DerivationPath(steps: [44, 397, 0])
        case .stellar: DerivationPath(steps: [44, 148, 0])
        case .sui: DerivationPath(steps: [44, 784, 0, 0, 0])
        }
    }
}
