import Ledger
import Payments
import Wallet
import World

/// A network with a robot that has money, a seller that asks 1,000 units for an answer, and a node between
/// them and the network. What a rail promises is tested on each of these.
protocol RailScene: Sendable {
    /// What the robot has at first, in atomic units.
    static var money: UInt64 { get }

    var wallet: UnlockedWallet { get }
    var reader: any MessageReader { get }
    var rail: (PaymentLedger) -> any Rail { get }
    /// Reaches the seller.
    var web: any Web { get }
    var timeline: any Timeline { get }

    /// The robot's ledger with a policy and its money; the same name is the same ledger after a restart.
    func ledger() async throws -> PaymentLedger
    func order(tries: Int) throws -> Order

    /// What robot and seller have, as the network has it.
    func holdings() async throws -> [UInt64]
    /// Transfers out of the robot's account that the network executed.
    func transfers() async -> Int
    /// What was sent to the seller as payment, in order.
    var payments: [String] { get }

    // MARK: Trouble

    /// The network's node answers nothing.
    func silence(_ isSilent: Bool)
    /// So many paid requests do their work, and the answer gets lost.
    func loseAnswers(_ count: Int)
    /// The seller keeps what it is paid with, does nothing and says so.
    func keepPayments(_ keeps: Bool)
    /// Time passes in which a payment that was just made could still happen.
    func passALittle() async throws
    /// Time passes until no payment that was made before can happen any more.
    func passHorizon() async throws
    /// The node forgets everything that was before now.
    func forgetHistory() async
}

extension RailScene {
    func buyer(_ ledger: PaymentLedger) -> Buyer {
        Buyer(ledger: ledger, rails: [self.rail(ledger)], web: self.web, timeline: self.timeline)
    }
}

/// The networks that are paid on.
enum TestedRail: CaseIterable, Sendable {
    case solana
    case stellar

    func with(_ body: (any RailScene) async throws -> Void) async throws {
        switch self {
        case .solana: try await SolanaScene.with(body)
        case .stellar: try await StellarScene.with(body)
        }
    }
}
