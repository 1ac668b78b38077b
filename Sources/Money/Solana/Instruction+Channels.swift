import Encoding

/// The calls of the payment-channels program that we build (solana-foundation/payment-channels: accounts and
/// data as in its interface description).
extension Instruction {
    /// Moves `deposit` into the escrow of a new channel. Payer and rent payer sign.
    /// - Parameter grace: seconds that the payee has for its last voucher after the payer asked to close.
    public static func openChannel(
        _ channel: Address, _ seeds: ChannelSeeds, deposit: UInt64, grace: UInt32, shares: [ChannelShare],
        rentPayer: Address, tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        var data: [UInt8] = [1]
        data.append(little: seeds.salt)
        data.append(little: deposit)
        data.append(little: grace)
        data.append(little: seeds.openSlot)
        return Instruction(
            program: .paymentChannelsProgram,
            accounts: [
                AccountMeta(seeds.payer, signer: true, writable: true),
                AccountMeta(rentPayer, signer: true, writable: true), AccountMeta(seeds.payee),
                AccountMeta(seeds.mint), AccountMeta(seeds.voucherSigner),
                AccountMeta(channel, writable: true),
                AccountMeta(self.account(seeds.payer, seeds.mint, tokenProgram), writable: true),
                AccountMeta(self.account(channel, seeds.mint, tokenProgram), writable: true),
                AccountMeta(tokenProgram), AccountMeta(.systemProgram), AccountMeta(.rentSysvar),
                AccountMeta(.associatedTokenProgram), AccountMeta(.paymentChannelsEventAuthority),
                AccountMeta(.paymentChannelsProgram),
            ],
            data: data + ChannelShare.bytes(shares))
    }

    /// Adds to the escrow of an open channel. The payer signs.
    public static func topUpChannel(
        _ channel: Address, payer: Address, mint: Address, amount: UInt64,
        tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        var data: [UInt8] = [3]
        data.append(little: amount)
        return Instruction(
            program: .paymentChannelsProgram,
            accounts: [
                AccountMeta(payer, signer: true, writable: true), AccountMeta(channel, writable: true),
                AccountMeta(self.account(payer, mint, tokenProgram), writable: true),
                AccountMeta(self.account(channel, mint, tokenProgram), writable: true), AccountMeta(mint),
                AccountMeta(tokenProgram),
            ],
            data: data)
    }

    /// Notes the voucher of the instruction before as what the payee has earned.
    public static func settleChannel(_ channel: Address) -> Instruction {
        self.channelCall(
            2, [AccountMeta(channel, writable: true), AccountMeta(.instructionsSysvar)])
    }

    /// Ends a channel for good. The payee signs.
    /// - Parameter withVoucher: whether the instruction before shows a last voucher.
    public static func settleAndSealChannel(
        _ channel: Address, payee: Address, withVoucher: Bool
    ) -> Instruction {
        self.channelCall(
            4,
            [
                AccountMeta(payee, signer: true), AccountMeta(channel, writable: true),
                AccountMeta(.instructionsSysvar),
            ], [withVoucher ? 1 : 0])
    }

    /// Begins the grace period after which the payer gets back what is not settled. The payer signs.
    public static func requestCloseOfChannel(_ channel: Address, payer: Address) -> Instruction {
        self.channelCall(5, [AccountMeta(payer, signer: true), AccountMeta(channel, writable: true)])
    }

    /// Ends a channel whose grace period is over.
    public static func sealChannel(_ channel: Address) -> Instruction {
        self.channelCall(6, [AccountMeta(channel, writable: true)])
    }

    /// Pays out what is settled; of a sealed channel the rest as well, to the payer.
    public static func distributeChannel(
        _ channel: Address, _ seeds: ChannelSeeds, shares: [ChannelShare], rentPayer: Address,
        tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        let accounts = [
            self.account(channel, seeds.mint, tokenProgram),
            self.account(seeds.payer, seeds.mint, tokenProgram),
            self.account(seeds.payee, seeds.mint, tokenProgram),
            self.account(.paymentChannelsTreasury, seeds.mint, tokenProgram),
        ]
        let recipients = shares.map { self.account($0.recipient, seeds.mint, tokenProgram) }
        return Instruction(
            program: .paymentChannelsProgram,
            accounts: [channel, seeds.payer, rentPayer].map { AccountMeta($0, writable: true) }
                + accounts.map { AccountMeta($0, writable: true) }
                + [
                    AccountMeta(seeds.mint), AccountMeta(tokenProgram),
                    AccountMeta(.paymentChannelsEventAuthority), AccountMeta(.paymentChannelsProgram),
                ] + recipients.map { AccountMeta($0, writable: true) },
            data: [7] + ChannelShare.bytes(shares))
    }

    /// Takes the payer's rest out of a sealed channel. The payer signs.
    public static func withdrawFromChannel(
        _ channel: Address, payer: Address, mint: Address, tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        self.channelCall(
            8,
            [
                AccountMeta(payer, signer: true), AccountMeta(channel, writable: true),
                AccountMeta(self.account(channel, mint, tokenProgram), writable: true),
                AccountMeta(self.account(payer, mint, tokenProgram), writable: true), AccountMeta(mint),
                AccountMeta(tokenProgram),
            ])
    }

    /// Gives the rent of a distributed channel back.
    public static func reclaimChannel(_ channel: Address, rentPayer: Address) -> Instruction {
        self.channelCall(
            9, [AccountMeta(channel, writable: true), AccountMeta(rentPayer, writable: true)])
    }

    private static func channelCall(
        _ discriminator: UInt8, _ accounts: [AccountMeta], _ data: [UInt8] = []
    ) -> Instruction {
        Instruction(program: .paymentChannelsProgram, accounts: accounts, data: [discriminator] + data)
    }

    private static func account(_ owner: Address, _ mint: Address, _ tokenProgram: Address) -> Address {
        .associatedToken(owner: owner, mint: mint, tokenProgram: tokenProgram)
    }
}
