internal import Database
public import Ledger

/// Something about the books that could not be cleared up, and was passed over: one payment, one channel, one
/// token. The others do not wait for it.
public struct BookFault: Sendable, Hashable, CustomStringConvertible {
    /// What it is about, named so that it can be said once.
    public let subject: String
    public let reason: String

    public var description: String { "\(self.subject): \(self.reason)" }

    /// Does `body`, and notes what goes wrong in it. Only a broken ledger and the wish to end go further:
    /// what a stranger can cause must not stop what has nothing to do with him.
    ///
    /// - Returns: whether all went well.
    package static func apart(
        _ subject: String, noting faults: inout [BookFault], _ body: () async throws -> Void
    ) async throws -> Bool {
        do {
            try await body()
            return true
        } catch let error as any ChainError where !error.isCancelled {
            faults.append(BookFault(subject: subject, reason: "\(error)"))
        } catch let error as LedgerError where !error.isOfTheFile {
            faults.append(BookFault(subject: subject, reason: "\(error)"))
        } catch
            where
            !(error is any ChainError || error is LedgerError || error is DatabaseError
            || error is CancellationError)
        {
            faults.append(BookFault(subject: subject, reason: "\(error)"))
        }
        return false
    }
}

/// What a look at the books found.
public struct BookReport: Sendable {
    /// What the chain has of each token, in atomic units.
    public let holdings: [(asset: Asset, amount: UInt64)]
    public let faults: [BookFault]
}

/// What the next start makes of what an earlier run left open.
extension Buyer {
    /// Follows payments whose outcome is open, and books what the chain shows besides.
    /// - Throws: `ChainError` when no chain can be asked at all; what is wrong with the ledger itself.
    public func lookAtBooks() async throws -> BookReport {
        var faults = try await self.reconcileOpenPayments()
        let holdings = try await self.bookDeposits(noting: &faults)
        return BookReport(holdings: holdings, faults: faults)
    }

    /// A deposit that was reserved and never signed belongs to a channel that nobody opens any more.
    private func dropUnsignedDeposits(noting faults: inout [BookFault]) async throws {
        let reserved = try await self.ledger.read { try $0.intents(in: [.reserved]) }
        for record in reserved {
            guard let channel = record.proposal.filledChannel,
                let rail = try? self.rail(of: record.proposal.asset), await !rail.isBusy(channel)
            else { continue }
            _ = try await BookFault.apart("channel \(channel)", noting: &faults) {
                try await self.ledger.dropUnsignedDeposit(into: channel)
            }
        }
    }

    /// Settles what an earlier run left open, as far as the chain proves it. For the start and after an
    /// outage. Of vouchers only the seller knows: one whose answer nobody waits for any more is unknown.
    ///
    /// - Returns: the payments that could not be followed now.
    /// - Throws: `ChainError` when no chain can be asked at all; what is wrong with the ledger itself.
    @discardableResult
    public func reconcileOpenPayments() async throws -> [BookFault] {
        var faults: [BookFault] = []
        try await self.dropUnsignedDeposits(noting: &faults)
        let open = try await self.ledger.read { view in
            try view.intents(in: [.signed, .submitted, .unknown]).compactMap { try view.payment($0) }
        }
        // Whether anybody answers is asked once, and not for each.
        let answering =
            open.contains { $0.channel == nil }
            ? try await self.answering(noting: &faults).map(\.network) : self.networks
        for payment in open {
            _ = try await BookFault.apart("payment \(payment.intent)", noting: &faults) {
                let rail = try self.rail(of: payment.proposal.asset)
                guard let channel = payment.channel else {
                    if answering.contains(rail.network) { try await rail.reconcile(payment) }
                    return
                }
                if await !rail.isBusy(channel) { try await self.doubt(payment) }
            }
        }
        return faults
    }

    /// The rails whose networks answer: the others do not hold them up.
    /// - Throws: ``ChainError`` when none does, or when another network than the wallet's answers.
    func answering(noting faults: inout [BookFault]) async throws -> [any Rail] {
        var answering: [any Rail] = []
        var silence: (any ChainError)?
        for rail in self.rails {
            do {
                try await rail.greet()
                answering.append(rail)
            } catch let error as any ChainError where !error.isCancelled && !error.isOtherNetwork {
                silence = error
                if self.rails.count > 1 {
                    faults.append(BookFault(subject: "network \(rail.network)", reason: "\(error)"))
                }
            }
        }
        if answering.isEmpty, let silence { throw silence }
        return answering
    }

    /// Nobody waits for the answer to this voucher any more.
    private func doubt(_ payment: JournalledPayment) async throws {
        // A deposit that turned out dead a moment ago took its voucher along.
        let state = try await self.ledger.read { try $0.intent(payment.intent)?.state }
        guard state == .submitted else { return }
        try await self.ledger.markUnknown(payment.intent, reason: "the answer never came")
    }
}
