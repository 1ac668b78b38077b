internal import Encoding
internal import Ledger
internal import Solana

/// Channels that ended without us: a seller may close one, and a sponsor one that nobody uses.
extension Buyer {
    /// Books the ends that the chain shows of the wallet's channels in `asset`. What came back is then no
    /// deposit of the owner's.
    func bookEndedChannels(in asset: Asset) async throws {
        let records = try await self.ledger.read { try $0.channels() }
        for record in records
        where record.asset.id == asset.id && (record.state == .open || record.state == .closing) {
            // Who works with it sees for himself.
            guard await !self.locks.isTaken(record.id) else { continue }
            _ = try await self.locks.alone(record.id) {
                guard let current = try await self.ledger.read({ try $0.channel(record.id) }),
                    current.state != .closed
                else { return }
                _ = try await self.ended(current, redeemed: nil)
            }
        }
    }

    /// What became of a voucher whose seller says that its channel is closing. The chain decides.
    /// - Returns: nil where the channel goes on, or is only on its way to its end.
    func endSeen(under payment: JournalledPayment) async throws -> Purchase? {
        guard let id = payment.channel, let record = try await self.ledger.read({ try $0.channel(id) })
        else { return nil }
        do {
            if try await self.ended(record, redeemed: nil) == nil {
                let account = try await self.rpc.channel(try Address(id))
                if let account, account.status != .open { try await self.ledger.beginClosing(id) }
                return nil
            }
        } catch is RPCError {
            return nil
        }
        let state = try await self.ledger.read { try $0.intent(payment.intent)?.state }
        return state == .settled
            ? .unanswered(payment.intent, reason: "redeemed at the end of its channel")
            : .unpaid(reason: "its seller closed the channel, and the rest is back")
    }

    /// How many of a channel's newest transactions are looked at for its last voucher.
    private static let endDepth = 200

    /// What a channel ended with whose account is gone: the last voucher that the chain was shown, and the
    /// transaction that ended it. Nil where the node's history does not tell.
    func end(of channel: Address) async throws -> (settled: UInt64, transaction: String)? {
        var last: String?
        for activity in try await self.rpc.signatures(for: channel, limit: Self.endDepth)
        where activity.err == nil {
            guard let message = try await self.rpc.transaction(activity.signature)?.transaction?.message
            else { return nil }
            if last == nil {
                guard Self.ends(message, channel) else { return nil }
                last = activity.signature
            }
            guard let last else { return nil }
            for instruction in message.instructions
            where message.keys[Int(instruction.program)] == .ed25519Program {
                if let shown = ChannelVoucher.read(proof: instruction.data)?.voucher, shown.channel == channel
                {
                    return (shown.cumulative, last)
                }
            }
            for case .openChannel(let opening) in InstructionContent.contents(of: message)
            where opening.channel == channel {
                return (0, last)
            }
        }
        return nil
    }

    /// Calls after which a channel's account may be gone: distribute and reclaim.
    private static func ends(_ message: TransactionMessage, _ channel: Address) -> Bool {
        message.instructions.contains { instruction in
            message.keys[Int(instruction.program)] == .paymentChannelsProgram
                && (instruction.data.first == 7 || instruction.data == [9])
                && instruction.accounts.contains { message.keys[Int($0)] == channel }
        }
    }
}
