internal import Encoding
internal import Ledger
internal import Sodium
internal import Solana
internal import Wallet

/// Solana's decoder for the wallet: each message is decoded once more, and must do just what the ledger
/// authorized.
struct SolanaReader: MessageReader {
    let network: Network

    var payer: PayingKey { .payment }

    func check(
        _ message: [UInt8], does effect: MessageEffect, signedBy key: PublicKey
    ) throws(SigningRefusal) {
        let signer = Address(key)
        if case .promise(let channel, let cumulative) = effect {
            guard let voucher = try? ChannelVoucher(decoding: message), voucher.cumulative == cumulative,
                voucher.channel.description == channel, voucher.expiresAt == 0
            else { throw .otherPayment("it is not the authorized voucher of channel \(channel)") }
            return
        }
        let read: TransactionMessage
        do throws(WireError) {
            read = try TransactionMessage(decoding: message)
        } catch {
            throw .otherPayment("it is no message: \(error)")
        }
        guard read.lookups.isEmpty else { throw .otherPayment("address tables hide accounts") }
        switch effect {
        case .promise: break
        case .sponsor(let digest, let limit): try self.checkFee(read, digest, limit, of: signer)
        case .pay(let terms):
            try self.checkTransfer(try self.mover(of: read, signer), terms, of: signer)
        case .fill(let channel, let terms):
            try self.checkFilling(try self.mover(of: read, signer), channel, terms, of: signer)
        case .leave(let channel):
            guard case .requestCloseOfChannel(signer, let left) = try self.mover(of: read, signer),
                left.description == channel
            else { throw .otherPayment("another channel is closed") }
        }
    }

    /// The one call of a message that moves something; budget and memos beside it move nothing.
    private func mover(
        of message: TransactionMessage, _ payer: Address
    ) throws(SigningRefusal) -> InstructionContent {
        guard message.requiredSigners.contains(payer), message.feePayer != payer else {
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
        _ mover: InstructionContent, _ terms: Terms, of payer: Address
    ) throws(SigningRefusal) {
        guard case .transferChecked(let transfer) = mover else {
            throw .otherPayment("it is no transfer of tokens")
        }
        let (mint, payee) = try self.names(in: terms)
        let account = { (owner: Address) in
            Address.associatedToken(owner: owner, mint: mint, tokenProgram: transfer.tokenProgram)
        }
        try Self.compare([
            ("token", transfer.mint == mint), ("payer", transfer.authority == payer),
            ("source", transfer.source == account(payer)),
            ("payee", transfer.destination == account(payee)), ("amount", transfer.amount == terms.amount),
            ("number of decimals", transfer.decimals == terms.asset.decimals),
        ])
    }

    private func checkFilling(
        _ mover: InstructionContent, _ id: String, _ terms: Terms, of payer: Address
    ) throws(SigningRefusal) {
        let (mint, payee) = try self.names(in: terms)
        switch mover {
        case .openChannel(let opening):
            try Self.compare([
                ("channel", opening.channel.description == id),
                ("channel address", opening.seeds.derived?.address == opening.channel),
                ("payer", opening.seeds.payer == payer && opening.rentPayer != payer),
                ("token", opening.seeds.mint == mint), ("amount", opening.deposit == terms.amount),
                ("payee", opening.shares == ChannelShare.all(to: payee)),
            ])
        case .topUpChannel(let filler, let channel, _, _, let asset, _, let amount):
            guard filler == payer, channel.description == id, asset == mint, amount == terms.amount else {
                throw .otherPayment("another deposit")
            }
        default: throw .otherPayment("it is no deposit into a channel")
        }
    }

    private static func compare(_ rules: [(what: String, holds: Bool)]) throws(SigningRefusal) {
        if let broken = rules.first(where: { !$0.holds }) { throw .otherPayment("another \(broken.what)") }
    }

    /// A fee's message is others' business, within bounds: it must be the one that was booked, cost no more
    /// than that, and leave what the sponsor owns alone.
    private func checkFee(
        _ message: TransactionMessage, _ digest: String, _ limit: UInt64, of sponsor: Address
    ) throws(SigningRefusal) {
        guard message.feePayer == sponsor, message.requiredSignatures <= 2 else {
            throw .otherPayment("the sponsor does not pay its fee")
        }
        guard digest == Hex.encode(SHA256.digest(of: message.bytes)) else {
            throw .otherPayment("another message than the one that the fee was set aside for")
        }
        var (units, price): (UInt32, UInt64) = (200_000, 0)
        for content in InstructionContent.contents(of: message) {
            switch content {
            case .setComputeUnitLimit(let limit): units = limit
            case .setComputeUnitPrice(let microLamports): price = microLamports
            case .transferChecked(let transfer) where transfer.authority == sponsor:
                throw .otherPayment("it moves what the sponsor owns")
            case .transfer(sponsor, _, _), .createAccount(sponsor, _, _, _, _):
                throw .otherPayment("it moves what the sponsor owns")
            default: break
            }
        }
        let (priced, overflow) = price.multipliedReportingOverflow(by: UInt64(units))  // bounded: 32 bits
        let cost = 5_000 * UInt64(clamping: message.requiredSignatures) + priced / 1_000_000
        guard !overflow, cost <= limit else { throw .otherPayment("a higher fee") }
        // The channels' program lends rent and pays out; nobody else is handed the sponsor's account.
        let handed = message.instructions.contains { instruction in
            message.program(of: instruction) != .paymentChannelsProgram
                && message.staticAccounts(of: instruction).contains(sponsor)
        }
        guard !handed else { throw .otherPayment("a program is handed the sponsor's account") }
    }

    /// Token and payee out of their CAIP names, which have to be of this network.
    private func names(in terms: Terms) throws(SigningRefusal) -> (mint: Address, payee: Address) {
        guard let mint = SolanaNames.mint(of: terms.asset, on: self.network),
            let payee = SolanaNames.owner(of: terms.payee, on: self.network)
        else { throw .otherPayment("asset and payee are not both of \(self.network.chainID)") }
        return (mint, payee)
    }
}
