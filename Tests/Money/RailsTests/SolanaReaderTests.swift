import Encoding
import Ledger
import PaymentSupport
import Sodium
import Solana
import Testing
import Wallet

@testable import Rails

/// What the wallet signs on Solana: just what was authorized.
@Suite struct SolanaReaderTests {
    private let reader = SolanaReader(network: .devnet)

    private static let chain = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"

    /// The addresses of a payment: all but the wallet's own are anybody's.
    private struct Names {
        let mint: Address
        let payee: Address
        let stranger: Address
        let payer: Address
        let sponsor: Address

        init(_ wallet: UnlockedWallet) throws {
            (self.mint, self.payee) = (Address(try key(0xc1).publicKey), Address(try key(0xc2).publicKey))
            self.stranger = Address(try key(0xc3).publicKey)
            self.payer = Address(wallet.publicKey(.payment))
            self.sponsor = Address(wallet.publicKey(.sponsor))
        }

        var asset: Asset { Asset(id: "\(chain)/token:\(self.mint)", symbol: "USD", decimals: 6) }
        var account: String { "\(chain):\(self.payee)" }
    }

    /// Policy that allows anything, and money.
    private func ledger(_ market: TestMarket, _ names: Names) async throws -> PaymentLedger {
        let owner = try key(11)
        let keystore = market.robot
        let payment = try #require(keystore.keys[.payment])
        let sponsor = try #require(keystore.keys[.sponsor])
        let ledger = try PaymentLedger(
            path: nil, wallet: payment, signers: [sponsor], owner: owner.publicKey, timeline: market.timeline)
        let token = JSON.string(names.asset.id)
        let document: JSON = [
            "schema": "depai-policy/1", "wallet": .string(keystore.address),
            "owner": .string(Base58.encode(owner.publicKey.bytes)), "seq": 1, "mode": "active",
            "assets": [["asset": token, "symbol": "USD", "decimals": 6]],
            "payees": [
                [
                    "id": "p", "account": .string(names.account),
                    "purposes": ["storage", "compute", "channel"],
                ], ["id": "n", "account": "network", "purposes": ["fee"]],
            ],
            "limits": [
                ["id": "each", "asset": token, "per_payment": "10"],
                ["id": "fees", "asset": token, "purpose": "fee", "per_payment": "20000"],
                ["id": "escrow", "asset": token, "purpose": "channel", "per_payment": "10"],
            ],
        ]
        try await ledger.apply(policy: Policy.sign(document, with: owner))
        try await ledger.deposit(1_000_000, asset: names.asset, reference: "d")
        return ledger
    }

    /// A sponsored transfer, right unless something is changed.
    private func message(
        _ names: Names, amount: UInt64 = 5, to payee: Address? = nil, mint: Address? = nil,
        decimals: UInt8 = 6, feePayer: Address? = nil, more: [Instruction] = []
    ) throws -> [UInt8] {
        try TransactionMessage.build(
            version: .zero, feePayer: feePayer ?? names.stranger,
            instructions: [
                .setComputeUnitLimit(60_000), .setComputeUnitPrice(microLamports: 1),
                .transferChecked(
                    TokenTransfer(
                        from: names.payer, to: payee ?? names.payee, mint: mint ?? names.mint, amount: amount,
                        decimals: decimals)), .memo("order"),
            ] + more, recentBlockhash: Blockhash(bytes: [UInt8](repeating: 3, count: 32))
        ).bytes
    }

    private func proposal(_ names: Names, _ purpose: Purpose, job: String = "job", payee: String? = nil)
        -> Proposal
    {
        let subject: Subject =
            switch purpose {
            case .fee: .fee(message: job)
            case .compute: .job(job)
            default: .object(job)
            }
        return Proposal(
            Purchase(subject),
            Terms(
                payee: payee ?? names.account, asset: names.asset, amount: purpose == .fee ? 10_001 : 5),
            note: "")
    }

    @Test func `fees are signed by the sponsor's key and everything else by the payment key`() async throws {
        try await TestMarket.with { market in
            let wallet = market.robotWallet
            let names = try Names(wallet)
            let ledger = try await self.ledger(market, names)
            let transfer = try self.message(names)
            let sponsored = try self.message(names, feePayer: names.sponsor)
            let job = Hex.encode(SHA256.digest(of: sponsored))
            for (proposal, role, message) in [
                (self.proposal(names, .fee, job: job, payee: "network"), KeyRole.sponsor, sponsored),
                (self.proposal(names, .storage), .payment, transfer),
                (self.proposal(names, .compute), .payment, transfer),
            ] {
                guard case .authorized(let authorization) = try await ledger.authorize(proposal) else {
                    Issue.record("\(proposal.purpose) was not authorized")
                    continue
                }
                let attempt = try await wallet.sign(
                    CheckedMessage(message, for: authorization, of: wallet, by: self.reader))
                #expect(attempt.key == wallet.publicKey(role))
                #expect(attempt.key.verifies(attempt.signature, over: message))
                let payment = try await ledger.journal(attempt, payload: [9], horizon: Horizon(last: 7))
                #expect(payment.state == .signed && payment.payload == [9] && payment.message == message)
            }
        }
    }

    /// Why the wallet does not sign `message` for an authorized proposal.
    private func refusal(
        _ proposal: Proposal, of message: [UInt8], _ ledger: PaymentLedger, _ wallet: UnlockedWallet
    ) async throws -> String {
        guard case .authorized(let authorization) = try await ledger.authorize(proposal) else {
            return "not authorized"
        }
        do {
            _ = try CheckedMessage(message, for: authorization, of: wallet, by: self.reader)
            return "signed"
        } catch {
            return "\(error)"
        }
    }

    /// Whoever built the message: what is authorized is 5 units to the payee.
    @Test func `only the payment that was authorized is signed`() async throws {
        try await TestMarket.with { market in
            let wallet = market.robotWallet
            let names = try Names(wallet)
            let ledger = try await self.ledger(market, names)
            let rob = Instruction.transferChecked(
                TokenTransfer(from: names.payer, to: names.stranger, mint: names.mint, amount: 1, decimals: 6)
            )
            let wrong: [(String, [UInt8])] = [
                ("amount", try self.message(names, amount: 6)),
                ("payee", try self.message(names, to: names.stranger)),
                ("token", try self.message(names, mint: names.stranger)),
                ("decimals", try self.message(names, decimals: 5)),
                ("2 things", try self.message(names, more: [rob])),
                ("pays its fee", try self.message(names, feePayer: names.payer)),
                ("no message", [1, 2, 3]), ("no message", []),
                (
                    "2 things",
                    try self.message(
                        names,
                        more: [.transfer(from: names.payer, to: names.stranger, lamports: 1)])
                ),
                (
                    "no transfer",
                    try TransactionMessage.build(
                        version: .zero, feePayer: names.stranger,
                        instructions: [
                            .requestCloseOfChannel(names.stranger, payer: names.payer)
                        ], recentBlockhash: Blockhash(bytes: [UInt8](repeating: 3, count: 32))
                    ).bytes
                ),
            ]
            for (number, (what, message)) in wrong.enumerated() {
                let refusal = try await self.refusal(
                    self.proposal(names, .storage, job: "job \(number)"), of: message, ledger,
                    wallet)
                #expect(refusal.contains(what), "\(what): \(refusal)")
            }
        }
    }

    @Test func `a fee is signed for its own message, at its own price, and moves nothing of the sponsor's`()
        async throws
    {
        try await TestMarket.with { market in
            let wallet = market.robotWallet
            let names = try Names(wallet)
            let ledger = try await self.ledger(market, names)
            let good = try self.message(names, feePayer: names.sponsor)
            var wrong: [(String, [UInt8], [UInt8])] = [
                ("another message", good, try self.message(names, amount: 6, feePayer: names.sponsor)),
                ("does not pay its fee", try self.message(names), try self.message(names)),
            ]
            let additions: [(String, Instruction)] = [
                ("sponsor owns", .transfer(from: names.sponsor, to: names.stranger, lamports: 1)),
                ("higher fee", .setComputeUnitPrice(microLamports: 5_000_000)),
                (
                    "handed the sponsor",
                    .createAssociatedTokenIdempotent(
                        payer: names.sponsor, owner: names.stranger, mint: names.mint)
                ),
            ]
            for (what, addition) in additions {
                let message = try self.message(names, feePayer: names.sponsor, more: [addition])
                wrong.append((what, message, message))
            }
            for (what, booked, message) in wrong {
                let job = Hex.encode(SHA256.digest(of: booked))
                let refusal = try await self.refusal(
                    self.proposal(names, .fee, job: job, payee: "network"), of: message, ledger, wallet)
                #expect(refusal.contains(what), "\(what): \(refusal)")
            }
        }
    }
}
