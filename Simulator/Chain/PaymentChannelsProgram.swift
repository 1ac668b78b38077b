import Encoding
import Solana

/// The payment-channels program by its published interface (solana-foundation/payment-channels): nine calls,
/// the order of the voucher's checks, and the numbers of its errors. No peer that we could run has it, so
/// rules that its interface does not tell (which error of two comes first) are ours.
struct PaymentChannelsProgram: Program {
    enum Code {
        static let missingSignature: UInt32 = 1
        static let status: UInt32 = 2
        static let discriminator: UInt32 = 3
        static let payer: UInt32 = 5
        static let payee: UInt32 = 6
        static let mint: UInt32 = 7
        static let eventAuthority: UInt32 = 8
        static let rentPayer: UInt32 = 10
        static let escrow: UInt32 = 51
        static let payerAccount: UInt32 = 57
        static let payeeAccount: UInt32 = 60
        static let deposit: UInt32 = 200
        static let grace: UInt32 = 201
        static let missingProof: UInt32 = 230
        static let malformedProof: UInt32 = 231
        static let otherChannel: UInt32 = 232
        static let expired: UInt32 = 233
        static let notRising: UInt32 = 234
        static let overDeposit: UInt32 = 235
        static let otherSigner: UInt32 = 237
        static let shares: UInt32 = 261
        static let repeatedRecipient: UInt32 = 263
        static let address: UInt32 = 2000
        static let payerIsPayee: UInt32 = 2001
        static let signer: UInt32 = 2002
        static let openSlot: UInt32 = 2003
        static let overflow: UInt32 = 2100
        static let graceRuns: UInt32 = 2201
        static let withdrawn: UInt32 = 2300
    }

    private enum Request {
        case open(Opening)
        case settle
        case topUp(amount: UInt64)
        case settleAndSeal(hasVoucher: Bool)
        case requestClose
        case seal
        case distribute([ChannelShare])
        case withdraw
        case reclaim

        init(_ data: [UInt8]) throws(DecodingError) {
            var reader = ByteReader(data)
            switch try reader.byte() {
            case 1: self = .open(try Opening(&reader))
            case 2: self = .settle
            case 3: self = .topUp(amount: try reader.little())
            case 4: self = .settleAndSeal(hasVoucher: try reader.byte() == 1)
            case 5: self = .requestClose
            case 6: self = .seal
            case 7: self = .distribute(try Opening.shares(&reader))
            case 8: self = .withdraw
            case 9: self = .reclaim
            default: throw .notCanonical
            }
            try reader.end()
        }
    }

    /// What `open` carries besides its accounts.
    private struct Opening {
        let salt: UInt64
        let deposit: UInt64
        let grace: UInt32
        let openSlot: UInt64
        let shares: [ChannelShare]

        init(_ reader: inout ByteReader) throws(DecodingError) {
            self.salt = try reader.little()
            self.deposit = try reader.little()
            self.grace = try reader.little()
            self.openSlot = try reader.little()
            self.shares = try Self.shares(&reader)
        }

        static func shares(_ reader: inout ByteReader) throws(DecodingError) -> [ChannelShare] {
            let count = try reader.little(UInt32.self)
            guard count <= 32 else { throw .notCanonical }
            var shares: [ChannelShare] = []
            for _ in 0..<count {
                let recipient = try Address(bytes: reader.take(Address.byteCount))
                shares.append(ChannelShare(recipient: recipient, basisPoints: try reader.little()))
            }
            return shares
        }
    }

    func run(_ call: Call, in execution: inout Execution) throws(InstructionFailure) {
        // A rough figure: the program reads an account and moves tokens.
        try execution.consume(8_000)
        let request: Request
        do throws(DecodingError) { request = try Request(call.data) } catch {
            throw .named(.invalidInstructionData)
        }
        switch request {
        case .open(let opening): try self.open(opening, call, &execution)
        case .settle: try self.settle(call, &execution)
        case .topUp(let amount): try self.topUp(amount, call, &execution)
        case .settleAndSeal(let hasVoucher): try self.settleAndSeal(hasVoucher, call, &execution)
        case .requestClose: try self.requestClose(call, &execution)
        case .seal: try self.seal(call, &execution)
        case .distribute(let shares): try self.distribute(shares, call, &execution)
        case .withdraw: try self.withdraw(call, &execution)
        case .reclaim: try self.reclaim(call, &execution)
        }
    }

    // MARK: In

    private func open(
        _ opening: Opening, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        execution.log("Program log: Instruction: Open")
        let accounts = try call.accounts(14)
        let (payer, rentPayer, payee, mint, signer, channel) = (
            accounts[0], accounts[1], accounts[2], accounts[3], accounts[4], accounts[5]
        )
        guard payer.isSigner, rentPayer.isSigner else { throw .custom(Code.missingSignature) }
        guard payer.address != payee.address else { throw .custom(Code.payerIsPayee) }
        guard signer.address.publicKey != nil else { throw .custom(Code.signer) }
        guard opening.deposit > 0 else { throw .custom(Code.deposit) }
        guard opening.grace > 0 else { throw .custom(Code.grace) }
        let window = ChannelSeeds.openSlotWindow
        guard opening.openSlot <= execution.slot, execution.slot - opening.openSlot <= window else {
            throw .custom(Code.openSlot)
        }
        try self.check(opening.shares)
        guard accounts[12].address == .paymentChannelsEventAuthority else {
            throw .custom(Code.eventAuthority)
        }
        let seeds = ChannelSeeds(
            payer: payer.address, payee: payee.address, mint: mint.address, voucherSigner: signer.address,
            salt: opening.salt, openSlot: opening.openSlot)
        guard let derived = seeds.derived, derived.address == channel.address else {
            throw .custom(Code.address)
        }
        try execution.invoke(
            .createAccount(
                payer: rentPayer.address, account: channel.address,
                lamports: Rent.minimumBalance(space: ChannelAccount.byteCount),
                space: UInt64(ChannelAccount.byteCount), owner: call.program),
            from: call, seeds: [seeds.bytes + [[derived.bump]]])
        try execution.invoke(
            .createAssociatedTokenIdempotent(
                payer: rentPayer.address, owner: channel.address, mint: mint.address,
                tokenProgram: accounts[8].address), from: call)
        try self.pay(
            opening.deposit, from: accounts[6], to: accounts[7], mint: mint, authority: payer.address, call,
            &execution)
        let state = ChannelAccount(
            seeds: seeds, bump: derived.bump, deposit: opening.deposit, grace: opening.grace,
            shares: opening.shares, rentPayer: rentPayer.address)
        try execution.write(state.bytes, to: channel, by: call)
    }

    private func check(_ shares: [ChannelShare]) throws(InstructionFailure) {
        guard shares.allSatisfy({ $0.basisPoints > 0 }),
            shares.reduce(0, { $0 + Int($1.basisPoints) }) <= 10_000
        else { throw .custom(Code.shares) }
        guard Set(shares.map(\.recipient)).count == shares.count else {
            throw .custom(Code.repeatedRecipient)
        }
    }

    private func topUp(_ amount: UInt64, _ call: Call, _ execution: inout Execution)
        throws(InstructionFailure)
    {
        execution.log("Program log: Instruction: TopUp")
        let accounts = try call.accounts(6)
        var state = try self.state(of: accounts[1], execution)
        try self.checkSigner(accounts[0], is: state.payer, orElse: Code.payer)
        guard state.status == .open else { throw .custom(Code.status) }
        guard amount > 0 else { throw .custom(Code.deposit) }
        try self.checkEscrow(accounts[3], accounts[4], accounts[5], of: accounts[1], state)
        try self.pay(
            amount, from: accounts[2], to: accounts[3], mint: accounts[4], authority: accounts[0].address,
            call, &execution)
        let (sum, overflow) = state.deposit.addingReportingOverflow(amount)
        guard !overflow else { throw .custom(Code.overflow) }
        state.deposit = sum
        try execution.write(state.bytes, to: accounts[1], by: call)
    }

    // MARK: Watermark

    private func settle(_ call: Call, _ execution: inout Execution) throws(InstructionFailure) {
        execution.log("Program log: Instruction: Settle")
        let accounts = try call.accounts(2)
        var state = try self.state(of: accounts[0], execution)
        guard state.status == .open else { throw .custom(Code.status) }
        state.settled = try self.voucher(for: accounts[0].address, state, call, execution)
        try execution.write(state.bytes, to: accounts[0], by: call)
    }

    private func settleAndSeal(
        _ hasVoucher: Bool, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        execution.log("Program log: Instruction: SettleAndSeal")
        let accounts = try call.accounts(3)
        var state = try self.state(of: accounts[1], execution)
        try self.checkSigner(accounts[0], is: state.payee, orElse: Code.payee)
        let inGrace = state.status == .closing && execution.unixSeconds < state.closesAt
        guard state.status == .open || inGrace else { throw .custom(Code.status) }
        if hasVoucher {
            state.settled = try self.voucher(for: accounts[1].address, state, call, execution)
        }
        state.status = .sealed
        try execution.write(state.bytes, to: accounts[1], by: call)
    }

    private func requestClose(_ call: Call, _ execution: inout Execution) throws(InstructionFailure) {
        execution.log("Program log: Instruction: RequestClose")
        let accounts = try call.accounts(2)
        var state = try self.state(of: accounts[1], execution)
        try self.checkSigner(accounts[0], is: state.payer, orElse: Code.payer)
        guard state.status == .open else { throw .custom(Code.status) }
        state.status = .closing
        state.closingSince = execution.unixSeconds
        try execution.write(state.bytes, to: accounts[1], by: call)
    }

    private func seal(_ call: Call, _ execution: inout Execution) throws(InstructionFailure) {
        execution.log("Program log: Instruction: Seal")
        let accounts = try call.accounts(1)
        var state = try self.state(of: accounts[0], execution)
        guard state.status == .closing else { throw .custom(Code.status) }
        guard execution.unixSeconds >= state.closesAt else { throw .custom(Code.graceRuns) }
        state.status = .sealed
        try execution.write(state.bytes, to: accounts[0], by: call)
    }

    /// The amount of the voucher that the instruction before shows.
    private func voucher(
        for channel: Address, _ state: ChannelAccount, _ call: Call, _ execution: Execution
    ) throws(InstructionFailure) -> UInt64 {
        guard call.instruction > 0 else { throw .custom(Code.missingProof) }
        let before = execution.message.instructions[call.instruction - 1]
        guard execution.message.keys[Int(before.program)] == .ed25519Program else {
            throw .custom(Code.missingProof)
        }
        guard let (voucher, signer, _) = ChannelVoucher.read(proof: before.data) else {
            throw .custom(Code.malformedProof)
        }
        guard voucher.channel == channel else { throw .custom(Code.otherChannel) }
        guard voucher.expiresAt == 0 || execution.unixSeconds < voucher.expiresAt else {
            throw .custom(Code.expired)
        }
        guard voucher.cumulative <= state.deposit else { throw .custom(Code.overDeposit) }
        guard voucher.cumulative > state.settled else { throw .custom(Code.notRising) }
        guard Address(signer) == state.voucherSigner else { throw .custom(Code.otherSigner) }
        return voucher.cumulative
    }

    // MARK: Out

    private func distribute(
        _ shares: [ChannelShare], _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        execution.log("Program log: Instruction: Distribute")
        let accounts = try call.accounts(11 + shares.count)
        let (channel, payer, rentPayer, escrow, mint) = (
            accounts[0], accounts[1], accounts[2], accounts[3], accounts[7]
        )
        var state = try self.state(of: channel, execution)
        guard state.status == .open || state.status == .sealed else { throw .custom(Code.status) }
        guard ChannelShare.hash(shares) == state.distributionHash else { throw .custom(Code.shares) }
        guard payer.address == state.payer else { throw .custom(Code.payer) }
        guard rentPayer.address == state.rentPayer else { throw .custom(Code.rentPayer) }
        try self.checkEscrow(escrow, mint, accounts[8], of: channel, state)
        try self.checkAccount(accounts[4], of: state.payer, mint, accounts[8], orElse: Code.payerAccount)
        try self.checkAccount(accounts[5], of: state.payee, mint, accounts[8], orElse: Code.payeeAccount)
        let due = state.settled - state.paidOut
        var rest = due
        for (place, share) in shares.enumerated() {
            let account = accounts[11 + place]
            try self.checkAccount(account, of: share.recipient, mint, accounts[8], orElse: Code.shares)
            let (high, low) = due.multipliedFullWidth(by: UInt64(share.basisPoints))
            let part = UInt64(10_000).dividingFullWidth((high, low)).quotient
            rest -= part
            // A recipient without an account forfeits to the treasury.
            let to = execution.state(of: account).data.isEmpty ? accounts[6] : account
            try self.payOut(part, from: escrow, to: to, mint: mint, channel, state, call, &execution)
        }
        try self.payOut(rest, from: escrow, to: accounts[5], mint: mint, channel, state, call, &execution)
        state.paidOut = state.settled
        guard state.status == .sealed else {
            return try execution.write(state.bytes, to: channel, by: call)
        }
        if state.withdrawnAt == 0 {
            try self.payOut(
                state.deposit - state.settled, from: escrow, to: accounts[4], mint: mint, channel, state,
                call, &execution)
        }
        try execution.invoke(
            .closeTokenAccount(
                escrow.address, destination: rentPayer.address, owner: channel.address,
                tokenProgram: accounts[8].address), from: call,
            seeds: [state.seeds.bytes + [[state.bump]]])
        state.status = .distributed
        guard execution.slot > state.openSlot + ChannelSeeds.openSlotWindow else {
            return try execution.write(state.bytes, to: channel, by: call)
        }
        try self.remove(channel, rentPayer, call, &execution)
    }

    private func withdraw(_ call: Call, _ execution: inout Execution) throws(InstructionFailure) {
        execution.log("Program log: Instruction: WithdrawPayer")
        let accounts = try call.accounts(6)
        var state = try self.state(of: accounts[1], execution)
        try self.checkSigner(accounts[0], is: state.payer, orElse: Code.payer)
        guard state.status == .sealed else { throw .custom(Code.status) }
        guard state.withdrawnAt == 0 else { throw .custom(Code.withdrawn) }
        try self.checkEscrow(accounts[2], accounts[4], accounts[5], of: accounts[1], state)
        try self.checkAccount(
            accounts[3], of: state.payer, accounts[4], accounts[5], orElse: Code.payerAccount)
        try self.payOut(
            state.deposit - state.settled, from: accounts[2], to: accounts[3], mint: accounts[4],
            accounts[1], state, call, &execution)
        state.withdrawnAt = execution.unixSeconds
        try execution.write(state.bytes, to: accounts[1], by: call)
    }

    private func reclaim(_ call: Call, _ execution: inout Execution) throws(InstructionFailure) {
        execution.log("Program log: Instruction: Reclaim")
        let accounts = try call.accounts(2)
        let state = try self.state(of: accounts[0], execution)
        guard state.status == .distributed else { throw .custom(Code.status) }
        guard accounts[1].address == state.rentPayer else { throw .custom(Code.rentPayer) }
        guard execution.slot > state.openSlot + ChannelSeeds.openSlotWindow else {
            throw .custom(Code.openSlot)
        }
        try self.remove(accounts[0], accounts[1], call, &execution)
    }

    /// The rent goes back, and the account is gone.
    private func remove(
        _ channel: Call.Account, _ rentPayer: Call.Account, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        let rent = execution.state(of: channel).lamports
        try execution.debit(rent, from: channel, by: call)
        try execution.credit(rent, to: rentPayer)
        try execution.write([], to: channel, by: call)
    }
}
