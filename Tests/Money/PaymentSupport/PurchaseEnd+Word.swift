import Ledger
package import Payments
import World

extension PurchaseEnd {
    /// How it ended, for comparing.
    package var word: String {
        switch self {
        case .answered(_, let response): "answered \(response.status)"
        case .unanswered: "unanswered"
        case .unpaid: "unpaid"
        case .unpriced(let response): "unpriced \(response.status)"
        case .unreachable: "unreachable"
        case .denied(let denial), .waiting(_, let denial): "denied \(denial.rule)"
        case .open: "open"
        }
    }
}
