internal import ChainNodes
internal import Encoding
package import Ledger
package import Payments
internal import Solana

/// Channels that ended without us: a seller may close one, and a sponsor one that nobody uses.
extension SolanaRail {
    /// Books the ends that the chain shows of the wallet's channels in `asset`. What came back is then no
    /// deposit of the owner's. A channel whose look fails is noted and passed over.
    ///
    /// - Returns: what may have come back from channels that could not be looked at, in atomic units: so much
    ///   is no deposit yet.
    func bookEndedChannels(in asset: Asset, noting faults: inout [BookFault]) async throws -> UInt64 {
        var unclear: UInt64 = 0
        let records = try await self.ledger.read { try $0.channels() }
        for record in records
        where record.asset.id == asset.id && (record.state == .open || record.state == .closing) {
            // Who works with it sees for himself.
            guard await !self.locks.isTaken(record.id) else { continue }
            let isClear = try await BookFault.apart("channel \(record.id)", noting: &faults) {
                try await self.locks.alone(record.id) {
                    guard let current = try await self.ledger.read({ try $0.channel(record.id) }),
                        current.state != .closed
                    else { return }
                    if try await self.ended(current, redeemed: nil) == nil,
                        try await self.account(Address(record.id), ChannelTerms(bytes: record.terms)) == nil
                    {
                        // Whatever it ended with, nothing more is spent from it.
                        try await self.ledger.beginClosing(record.id)
                        throw X402Error.malformed(
                            "its account is gone, and the history does not tell what it ended with")
                    }
                }
            }
            if !isClear { unclear = unclear.saturating(plus: UInt64(clamping: record.deposit)) }
        }
        return unclear
    }

    /// What became of a voucher whose seller says that its channel is closing. The chain decides.
    package func endSeen(under payment: JournalledPayment) async throws -> Purchasing.Event {
        guard let id = payment.channel, let record = try await self.ledger.read({ try $0.channel(id) })
        else { return .channelGoesOn }
        do {
            if try await self.ended(record, redeemed: nil) == nil {
                let account = try await self.account(Address(id), ChannelTerms(bytes: record.terms))
                if account?.status != .open { try await self.ledger.beginClosing(id) }
                return .channelGoesOn
            }
        } catch is ChainNodeError {
            return .channelGoesOn
        } catch is X402Error {
            return .channelGoesOn
        }
        let state = try await self.ledger.read { try $0.intent(payment.intent)?.state }
        return .channelEnded(isPaid: state == .settled)
    }

    /// How many pages of a channel's history are read for its last voucher: whoever names a closed channel
    /// in transactions of his own only makes the search longer.
    private static let endPages = 50

    /// What a channel ended with whose account is gone: the last voucher that the chain was shown, and the
    /// transaction that ended it. Nil where the node's history does not tell.
    ///
    /// Anybody can name the channel in a transaction: what does not end it, and what cannot be read, is
    /// passed over.
    func end(of channel: Address) async throws -> (settled: UInt64, transaction: String)? {
        try await self.rpc.withOneNode { node async throws(ChainNodeError) in
            var history = AddressHistory(account: channel, rpc: node, pageSize: PaymentSearch.pageSize)
            var last: String?
            for _ in 0..<Self.endPages where !history.isAtEnd {
                for activity in try await history.next() where activity.err == nil {
                    guard let message = try await Self.message(activity.signature, at: node) else { continue }
                    if last == nil, Self.ends(message, channel) { last = activity.signature }
                    guard let last else { continue }
                    if let settled = Self.settled(by: message, channel) { return (settled, last) }
                }
            }
            return nil
        }
    }

    /// A transaction's message; nil for one that is not to be had or not to be read.
    private static func message(_ id: String, at node: RPCClient) async throws(ChainNodeError)
        -> TransactionMessage?
    {
        do throws(ChainNodeError) {
            return try await node.transaction(id)?.transaction?.message
        } catch {
            if case .server = error.reason { return nil }
            throw error
        }
    }

    /// What stands as settled after a transaction: the voucher that it showed, or nothing for the opening.
    private static func settled(by message: TransactionMessage, _ channel: Address) -> UInt64? {
        var shown: UInt64?
        for instruction in message.instructions where message.program(of: instruction) == .ed25519Program {
            guard let voucher = ChannelVoucher.read(proof: instruction.data)?.voucher,
                voucher.channel == channel
            else { continue }
            shown = max(shown ?? 0, voucher.cumulative)
        }
        // The proof alone moves nothing: somebody's transaction may show an old voucher to nobody.
        if let shown, Self.calls(message, channel, where: { $0 == [2] || $0 == [4, 1] }) { return shown }
        for case .openChannel(let opening) in InstructionContent.contents(of: message)
        where opening.channel == channel {
            return 0
        }
        return nil
    }

    /// Calls after which a channel's account may be gone: distribute and reclaim.
    private static func ends(_ message: TransactionMessage, _ channel: Address) -> Bool {
        Self.calls(message, channel) { $0.first == 7 || $0 == [9] }
    }

    /// Whether a call of the channels' program with such a number names the channel. An account that stands
    /// in an address table is not looked up.
    private static func calls(
        _ message: TransactionMessage, _ channel: Address, where fits: ([UInt8]) -> Bool
    ) -> Bool {
        message.instructions.contains { instruction in
            message.program(of: instruction) == .paymentChannelsProgram
                && fits(instruction.data)
                && message.staticAccounts(of: instruction).contains(channel)
        }
    }
}
