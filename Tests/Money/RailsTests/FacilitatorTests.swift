import Encoding
import Ledger
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Testing

@Suite struct FacilitatorTests {
    private static let code = "invalid_exact_svm_payload"

    /// Why a draft is refused; nothing may have moved, and nothing may have been reserved.
    private func refusal(
        of draft: Draft, _ market: TestMarket, against requirements: PaymentRequirements? = nil
    ) async throws -> String? {
        let ledger = try await market.nodeLedger()
        let facilitator = market.facilitator(ledger)
        let payload = try await draft.payload(market)
        let terms = requirements ?? Draft.requirements(market)
        var codes: [String] = []
        do {
            _ = try await facilitator.verify(payload, against: terms)
        } catch let error as X402Error {
            codes.append(error.code)
        }
        do {
            let response = try await facilitator.settle(payload, against: terms)
            #expect(!response.success)
            if let reason = response.errorReason { codes.append(reason) }
        } catch let error as X402Error {
            codes.append(error.code)
        }
        #expect(try await market.tokens(of: market.payTo) == 0)
        #expect(codes.count == 2 && codes.first == codes.last, "\(codes)")
        return codes.first
    }

    private func expect(
        _ code: String, of draft: Draft, _ market: TestMarket,
        against requirements: PaymentRequirements? = nil,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await self.refusal(of: draft, market, against: requirements)
        #expect(found == code, sourceLocation: location)
    }

    @Test func `a right payment is verified, settled once, and settled again to the same transaction`()
        async throws
    {
        try await TestMarket.with { market in
            let ledger = try await market.nodeLedger()
            let facilitator = market.facilitator(ledger)
            let payload = try await Draft(market).payload(market)
            let terms = Draft.requirements(market)
            let payment = try await facilitator.verify(payload, against: terms)
            #expect(
                payment.payer == market.payer && payment.transfer.amount == 1_000 && payment.memo == "memo 1")
            #expect(try await market.tokens(of: market.payTo) == 0)
            let first = try await facilitator.settle(payload, against: terms)
            #expect(
                first.success && first.payer == market.payer.description
                    && first.network == market.network.chainID)
            let again = try await facilitator.settle(payload, against: terms)
            #expect(again == first)
            #expect(try await market.tokens(of: market.payTo) == 1_000)
            #expect(await market.transfers().map(\.id) == [first.transaction])
            let spent = try await ledger.read { try $0.balances().first { $0.asset.id == market.sol.id } }
            // Two signatures at 5,000 lamports, and 60,000 compute units at a millionth of one, rounded up.
            #expect(spent?.spent == 10_001 && spent?.reserved == 0)
        }
    }

    @Test(arguments: [999, 1_001, 0, UInt64.max]) func `another amount is refused`(amount: UInt64)
        async throws
    {
        try await TestMarket.with { market in
            try await self.expect("\(Self.code)_amount_mismatch", of: Draft(market, amount: amount), market)
        }
    }

    @Test func `another recipient, mint, fee payer or memo is refused`() async throws {
        try await TestMarket.with { market in
            let stranger = Address(try key(9).publicKey)
            var draft = Draft(market)
            draft.instructions[2] = .transferChecked(
                TokenTransfer(from: market.payer, to: stranger, mint: market.mint, amount: 1_000, decimals: 6)
            )
            try await self.expect("\(Self.code)_recipient_mismatch", of: draft, market)
            draft.instructions[2] = .transferChecked(
                TokenTransfer(
                    from: market.payer, to: market.payTo, mint: stranger, amount: 1_000, decimals: 6))
            try await self.expect("\(Self.code)_mint_mismatch", of: draft, market)
            draft = Draft(market)
            draft.feePayer = stranger
            try await self.expect("\(Self.code)_fee_payer_mismatch", of: draft, market)
            draft = Draft(market)
            draft.accepted = Draft.requirements(market, memo: "order 7")
            let terms = Draft.requirements(market, memo: "order 7")
            try await self.expect("\(Self.code)_memo_mismatch", of: draft, market, against: terms)
        }
    }

    @Test func `what would cost the sponsor more than the transfer is refused`() async throws {
        try await TestMarket.with { market in
            let prefix = "\(Self.code)_transaction"
            var draft = Draft(market)
            draft.instructions[1] = .setComputeUnitPrice(microLamports: 5_000_001)
            try await self.expect(
                "\(prefix)_instructions_compute_price_instruction_too_high", of: draft, market)
            draft = Draft(market)
            draft.instructions.append(.transfer(from: market.payer, to: market.payTo, lamports: 1))
            try await self.expect("\(prefix)_instructions", of: draft, market)
            draft = Draft(market)
            draft.instructions.append(
                .createAssociatedTokenIdempotent(
                    payer: market.payer, owner: Address(try key(9).publicKey), mint: market.mint))
            try await self.expect("\(prefix)_instructions", of: draft, market)
            draft = Draft(market)
            draft.instructions.insert(Self.advanceNonce(market), at: 0)
            try await self.expect("\(prefix)_instructions_compute_limit_instruction", of: draft, market)
            draft = Draft(market)
            draft.instructions += (0..<3).map { .memo("note \($0)") }
            try await self.expect("\(prefix)_instructions_length", of: draft, market)
            draft = Draft(market)
            draft.instructions.append(.memo("a second one"))
            try await self.expect("\(prefix)_instructions", of: draft, market)
            draft = Draft(market)
            draft.instructions[3] = .memo("the sponsor signs this", signers: [market.sponsor])
            try await self.expect("\(prefix)_fee_payer_transferring_funds", of: draft, market)
            draft = Draft(market)
            draft.instructions[3] = .memo("a third signer", signers: [Address(try key(9).publicKey)])
            try await self.expect("\(prefix)_signers", of: draft, market)
            draft = Draft(market)
            draft.instructions[3] = .memo(String(repeating: "m", count: 257))
            try await self.expect("\(prefix)_memo", of: draft, market)
            draft = Draft(market)
            draft.instructions.removeLast(2)
            try await self.expect("\(prefix)_instructions_length", of: draft, market)
            draft = Draft(market)
            draft.instructions.swapAt(0, 1)
            try await self.expect("\(prefix)_instructions_compute_limit_instruction", of: draft, market)
            draft = Draft(market)
            draft.instructions.swapAt(1, 2)
            try await self.expect("\(prefix)_instructions_compute_price_instruction", of: draft, market)
            draft = Draft(market)
            draft.instructions.swapAt(2, 3)
            try await self.expect("\(prefix)_instructions_transfer", of: draft, market)
        }
    }

    /// A transaction with a durable nonce would be good for ever.
    private static func advanceNonce(_ market: TestMarket) -> Instruction {
        Instruction(
            program: .systemProgram,
            accounts: [
                AccountMeta(market.payTo, writable: true), AccountMeta(.recentBlockhashesSysvar),
                AccountMeta(market.payer, signer: true),
            ], data: [4, 0, 0, 0])
    }

    /// The sponsor pays the tokens of somebody else? Only from the account of who signs.
    @Test func `tokens come from the payer's own account`() async throws {
        try await TestMarket.with { market in
            var draft = Draft(market)
            let other = Address.associatedToken(owner: Address(try key(9).publicKey), mint: market.mint)
            draft.instructions[2] = .transferChecked(
                TokenTransfer(
                    source: other, mint: market.mint,
                    destination: .associatedToken(owner: market.payTo, mint: market.mint),
                    authority: market.payer, amount: 1_000,
                    decimals: 6))
            try await self.expect("\(Self.code)_transaction_source", of: draft, market)
        }
    }

    @Test func `altered terms are refused, however small the change`() async throws {
        try await TestMarket.with { market in
            var draft = Draft(market)
            for accepted in [
                Draft.requirements(market, amount: 999), Draft.requirements(market, memo: "x"),
                PaymentRequirements(
                    network: market.network.chainID, amount: 1_000, asset: market.mint.description,
                    payTo: market.payTo.description, maxTimeoutSeconds: 61,
                    feePayer: market.sponsor.description, memo: nil,
                    paymentFlow: "upfront"),
            ] {
                draft.accepted = accepted
                try await self.expect("invalid_payment_requirements", of: draft, market)
            }
            let mainnet = PaymentRequirements(
                network: Network.mainnet.chainID, amount: 1_000, asset: market.mint.description,
                payTo: market.payTo.description, maxTimeoutSeconds: 60, feePayer: market.sponsor.description,
                memo: nil,
                paymentFlow: "upfront")
            draft.accepted = mainnet
            try await self.expect("invalid_network", of: draft, market, against: mainnet)
        }
    }

    @Test func `without the payer's signature nothing is sponsored`() async throws {
        try await TestMarket.with { market in
            var draft = Draft(market)
            draft.signs = false
            try await self.expect("\(Self.code)_transaction_signature", of: draft, market)
            // A signature over another message.
            let (one, two) = (
                try await Draft(market, memo: "1").payload(market),
                try await Draft(market, memo: "2").payload(market)
            )
            let forged = PaymentPayload(
                resource: "", accepted: two.accepted,
                transaction: Array(one.transaction.prefix(129)) + two.transaction.dropFirst(129),
                identifier: nil)
            let facilitator = market.facilitator(try await market.nodeLedger())
            let error = await #expect(throws: X402Error.self) {
                try await facilitator.settle(forged, against: Draft.requirements(market))
            }
            #expect(error?.code == "\(Self.code)_transaction_signature")
        }
    }

    /// The scheme does not demand version 0; a legacy message says the same.
    @Test func `a legacy message is as good`() async throws {
        try await TestMarket.with { market in
            var draft = Draft(market)
            draft.version = .legacy
            let facilitator = market.facilitator(try await market.nodeLedger())
            let payload = try await draft.payload(market)
            #expect(try await facilitator.settle(payload, against: Draft.requirements(market)).success)
            #expect(try await market.tokens(of: market.payTo) == 1_000)
        }
    }

    @Test func `a payment that the chain would refuse is refused before it costs a fee`() async throws {
        try await TestMarket.with { market in
            var draft = Draft(market)
            draft.blockhash = try await market.rpc.latestBlockhash().blockhash
            try await market.timeline.pass(slots: 200)
            try await self.expect("invalid_transaction_state", of: draft, market)
            let lamports = await market.cluster.withBank { $0.accounts[market.sponsor]?.lamports }
            #expect(lamports == TestMarket.lamports)
            // With decimals that are not the mint's.
            var scaled = Draft(market)
            scaled.instructions[2] = .transferChecked(
                TokenTransfer(
                    from: market.payer, to: market.payTo, mint: market.mint, amount: 1_000, decimals: 5))
            try await self.expect("invalid_transaction_state", of: scaled, market)
            // More than there is.
            var rich = Draft(market, amount: 2_000_000)
            rich.accepted = Draft.requirements(market, amount: 2_000_000)
            try await self.expect("invalid_transaction_state", of: rich, market, against: rich.accepted)
        }
    }

    @Test func `executed with an error is never a success, and the fee is booked`() async throws {
        try await TestMarket.with { market in
            let ledger = try await market.nodeLedger()
            let facilitator = market.facilitator(ledger)
            var draft = Draft(market, amount: 2_000_000)
            draft.accepted = Draft.requirements(market, amount: 2_000_000)
            let payload = try await draft.payload(market)
            var faults = Faults()
            faults.blindPreflightNext = 2
            await market.cluster.set(faults)
            _ = try await facilitator.verify(payload, against: draft.accepted)
            for _ in 0..<2 {
                let response = try await facilitator.settle(payload, against: draft.accepted)
                #expect(!response.success && response.errorReason == "invalid_transaction_state")
            }
            #expect(try await market.tokens(of: market.payTo) == 0)
            #expect(await market.transfers().count == 1)
            let balance = try await ledger.read { try $0.balances().first { $0.asset.id == market.sol.id } }
            #expect(balance?.spent == 10_001 && balance?.reserved == 0)
        }
    }

    @Test(arguments: 0..<4)
    func `a settlement is a success as soon as it is one, whatever the phase of the slot`(phase: Int)
        async throws
    {
        try await TestMarket.with { market in
            try await market.timeline.sleep(for: .milliseconds(100 * phase))
            let facilitator = market.facilitator(try await market.nodeLedger())
            let payload = try await Draft(market).payload(market)
            let response = try await facilitator.settle(payload, against: Draft.requirements(market))
            #expect(response.success, "\(response.errorMessage ?? "")")
        }
    }

    @Test func `the fee of a payment that never lands is given back after its time`() async throws {
        try await TestMarket.with { market in
            let ledger = try await market.nodeLedger()
            let facilitator = market.facilitator(ledger)
            let payload = try await Draft(market).payload(market)
            var faults = Faults()
            faults.dropNext = .max
            await market.cluster.set(faults)
            let response = try await facilitator.settle(payload, against: Draft.requirements(market))
            #expect(response.errorReason == "settlement_pending")
            func fees() async throws -> Balance? {
                try await ledger.read { try $0.balances().first { $0.asset.id == market.sol.id } }
            }
            try await facilitator.sweep()
            #expect(try await fees()?.reserved == 10_001, "it may still land")
            try await market.timeline.pass(slots: 200)
            try await facilitator.sweep()
            let balance = try await fees()
            #expect(balance?.reserved == 0 && balance?.spent == 0)
        }
    }

    @Test func `a dropped transaction is sent again with the same bytes`() async throws {
        try await TestMarket.with { market in
            var faults = Faults()
            faults.dropNext = 3
            faults.loseAnswerNext = 1
            await market.cluster.set(faults)
            let facilitator = market.facilitator(try await market.nodeLedger())
            let payload = try await Draft(market).payload(market)
            #expect(try await facilitator.settle(payload, against: Draft.requirements(market)).success)
            #expect(await market.transfers().count == 1)
        }
    }

    @Test func `a sponsor without money or permission does not sponsor`() async throws {
        try await TestMarket.with { market in
            let ledger = try PaymentLedger(
                path: nil, wallet: market.nodeWallet.publicKey(.payment),
                signers: [market.nodeWallet.publicKey(.sponsor)],
                owner: key(11).publicKey, timeline: market.timeline)
            let response = try await market.facilitator(ledger).settle(
                Draft(market).payload(market), against: Draft.requirements(market))
            #expect(!response.success && response.errorReason == "unexpected_settle_error")
            #expect(await market.transfers().isEmpty)
        }
    }
}
