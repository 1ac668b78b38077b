internal import Encoding
internal import Ledger
internal import Sodium
internal import Solana

/// The wallet's own look at what it is asked to sign: the message is decoded here once more, and must pay
/// just what the ledger authorized. Whoever built it, and whatever it was told by a seller, nothing else is
/// signed.
struct MessageCheck {
    let payer: Address
    let sponsor: Address

    /// - Throws: `SigningRefusal.otherPayment` naming the difference.
    func check(_ bytes: [UInt8], pays proposal: Proposal) throws(SigningRefusal) {
        let message: TransactionMessage
        do throws(WireError) {
            message = try TransactionMessage(decoding: bytes)
        } catch {
            throw .otherPayment("it is no message: \(error)")
        }
        guard message.lookups.isEmpty else { throw .otherPayment("address tables hide accounts") }
        switch proposal.purpose {
        case .fee: try self.checkFee(message, proposal)
        case .storage, .compute, .service, .sweep: try self.checkTransfer(message, proposal)
        case .channel: try self.checkChannel(message, proposal)
        }
    }

    /// The one call of a message that moves something; budget and memos beside it move nothing.
    private func mover(of message: TransactionMessage) throws(SigningRefusal) -> InstructionContent {
        guard message.requiredSigners.contains(self.payer), message.feePayer != self.payer else {
            throw .otherPayment("the payment key does not sign it, or pays its fee")
        }
        let movers = InstructionContent.contents(of: message).filter { content in
            switch content {
            case .setComputeUnitLimit, .setComputeUnitPrice: false
            case .memo(_, let signers): !signers.isEmpty
            default: true
            }
        }
        guard movers.count == 1, let mover = movers.first else {
            throw .otherPayment("it does \(movers.count) things instead of one")
        }
        return mover
    }

    private func checkTransfer(
        _ message: TransactionMessage, _ proposal: Proposal
    ) throws(SigningRefusal) {
        guard case .transferChecked(let transfer) = try self.mover(of: message) else {
            throw .otherPayment("it is no transfer of tokens")
        }
        let (mint, payee) = try self.names(in: proposal)
        let destination = Address.associatedToken(
            owner: payee, mint: mint, tokenProgram: transfer.tokenProgram)
        let rules: [(what: String, holds: Bool)] = [
            ("token", transfer.mint == mint), ("payer", transfer.authority == self.payer),
            (
                "source",
                transfer.source
                    == .associatedToken(owner: self.payer, mint: mint, tokenProgram: transfer.tokenProgram)
            ),
            ("payee", transfer.destination == destination), ("amount", transfer.amount == proposal.amount),
            ("number of decimals", transfer.decimals == proposal.asset.decimals),
        ]
        if let broken = rules.first(where: { !$0.holds }) { throw .otherPayment("another \(broken.what)") }
    }

    private func checkChannel(
        _ message: TransactionMessage, _ proposal: Proposal
    ) throws(SigningRefusal) {
        let (mint, payee) = try self.names(in: proposal)
        switch try self.mover(of: message) {
        case .openChannel(let opening):
            let rules: [(what: String, holds: Bool)] = [
                ("channel", proposal.filledChannel == opening.channel.description),
                ("channel address", opening.seeds.derived?.address == opening.channel),
                ("payer", opening.seeds.payer == self.payer && opening.rentPayer != self.payer),
                ("token", opening.seeds.mint == mint), ("amount", opening.deposit == proposal.amount),
                ("payee", opening.shares == ChannelShare.all(to: payee)),
            ]
            if let broken = rules.first(where: { !$0.holds }) {
                throw .otherPayment("another \(broken.what)")
            }
        case .topUpChannel(let payer, let channel, _, _, let asset, _, let amount):
            guard payer == self.payer, proposal.filledChannel == channel.description, asset == mint,
                amount == proposal.amount
            else { throw .otherPayment("another deposit") }
        case .requestCloseOfChannel(let payer, let channel):
            guard payer == self.payer, proposal.amount == 0,
                proposal.purchase.subject == .closing(channel: channel.description)
            else {
                throw .otherPayment("another channel is closed")
            }
        default: throw .otherPayment("it is no deposit into a channel")
        }
    }

    /// A fee's message is others' business, within bounds: it must be the one that was booked, cost no more
    /// than that, and leave what the sponsor owns alone.
    private func checkFee(
        _ message: TransactionMessage, _ proposal: Proposal
    ) throws(SigningRefusal) {
        guard message.feePayer == self.sponsor, message.requiredSignatures <= 2 else {
            throw .otherPayment("the sponsor does not pay its fee")
        }
        guard proposal.purchase.subject == .fee(message: Hex.encode(SHA256.digest(of: message.bytes))) else {
            throw .otherPayment("another message than the one that the fee was set aside for")
        }
        var (units, price): (UInt32, UInt64) = (200_000, 0)
        for content in InstructionContent.contents(of: message) {
            switch content {
            case .setComputeUnitLimit(let limit): units = limit
            case .setComputeUnitPrice(let microLamports): price = microLamports
            case .transferChecked(let transfer) where transfer.authority == self.sponsor:
                throw .otherPayment("it moves what the sponsor owns")
            case .transfer(self.sponsor, _, _), .createAccount(self.sponsor, _, _, _, _):
                throw .otherPayment("it moves what the sponsor owns")
            default: break
            }
        }
        let (priced, overflow) = price.multipliedReportingOverflow(by: UInt64(units))  // bounded: 32 bits
        let cost = 5_000 * UInt64(clamping: message.requiredSignatures) + priced / 1_000_000
        guard !overflow, cost <= proposal.amount else { throw .otherPayment("a higher fee") }
        // The channels' program lends rent and pays out; nobody else is handed the sponsor's account.
        let handed = message.instructions.contains { instruction in
            message.program(of: instruction) != .paymentChannelsProgram
                && message.staticAccounts(of: instruction).contains(self.sponsor)
        }
        guard !handed else { throw .otherPayment("a program is handed the sponsor's account") }
    }

    /// Token and payee out of their CAIP names, which have to be of one chain.
    private func names(in proposal: Proposal) throws(SigningRefusal) -> (mint: Address, payee: Address) {
        func tail(_ text: String, after separator: Character) -> (chain: Substring, name: Address)? {
            guard let place = text.lastIndex(of: separator) else { return nil }
            return (try? Address(String(text[text.index(after: place)...]))).map { (text[..<place], $0) }
        }
        guard let token = tail(proposal.asset.id, after: ":"), token.chain.hasSuffix("/token"),
            let payee = tail(proposal.payee, after: ":"), token.chain.dropLast(6) == payee.chain
        else { throw .otherPayment("asset and payee are not of one chain that this wallet signs for") }
        return (token.name, payee.name)
    }
}
