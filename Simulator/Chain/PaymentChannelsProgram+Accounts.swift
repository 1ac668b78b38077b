import Solana

extension PaymentChannelsProgram {
    func state(of account: Call.Account, _ execution: Execution) throws(InstructionFailure)
        -> ChannelAccount
    {
        let account = execution.state(of: account)
        guard account.owner == .paymentChannelsProgram,
            let state = try? ChannelAccount(decoding: account.data)
        else { throw .custom(Code.discriminator) }
        return state
    }

    func checkSigner(
        _ account: Call.Account, is address: Address, orElse code: UInt32
    ) throws(InstructionFailure) {
        guard account.isSigner else { throw .custom(Code.missingSignature) }
        guard account.address == address else { throw .custom(code) }
    }

    func checkEscrow(
        _ escrow: Call.Account, _ mint: Call.Account, _ tokenProgram: Call.Account,
        of channel: Call.Account, _ state: ChannelAccount
    ) throws(InstructionFailure) {
        guard mint.address == state.mint else { throw .custom(Code.mint) }
        try self.checkAccount(escrow, of: channel.address, mint, tokenProgram, orElse: Code.escrow)
    }

    func checkAccount(
        _ account: Call.Account, of owner: Address, _ mint: Call.Account, _ tokenProgram: Call.Account,
        orElse code: UInt32
    ) throws(InstructionFailure) {
        let derived = Address.associatedToken(
            owner: owner, mint: mint.address, tokenProgram: tokenProgram.address)
        guard account.address == derived else { throw .custom(code) }
    }

    func payOut(
        _ amount: UInt64, from escrow: Call.Account, to destination: Call.Account, mint: Call.Account,
        _ channel: Call.Account, _ state: ChannelAccount, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        guard amount > 0 else { return }
        try self.pay(
            amount, from: escrow, to: destination, mint: mint, authority: channel.address, call, &execution,
            seeds: [state.seeds.bytes + [[state.bump]]])
    }

    func pay(
        _ amount: UInt64, from source: Call.Account, to destination: Call.Account, mint: Call.Account,
        authority: Address, _ call: Call, _ execution: inout Execution, seeds: [[[UInt8]]] = []
    ) throws(InstructionFailure) {
        guard let decimals = (try? Mint(decoding: execution.state(of: mint).data))?.decimals else {
            throw .custom(Code.mint)
        }
        try execution.invoke(
            .transferChecked(
                TokenTransfer(
                    source: source.address, mint: mint.address, destination: destination.address,
                    authority: authority, amount: amount, decimals: decimals,
                    tokenProgram: execution.state(of: mint).owner)),
            from: call, seeds: seeds)
    }
}
