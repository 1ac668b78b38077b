import Encoding
import Ledger
import Sodium
import TestSupport
import Testing

/// The owner is 11, further approvers 12 and 13, a guardian 14.
@Suite struct OwnerCommandTests {
    let dear = Scene.proposal(900)

    private func ledger(clock: Clock = Clock(), quorum: Int64 = 2) async throws -> PaymentLedger {
        let keys = try [11, 12, 13].map { JSON.string(base58(try key($0).publicKey)) }
        let guardian = JSON.string(base58(try key(14).publicKey))
        return try await Scene.ledger(
            clock: clock,
            policy: Scene.policy {
                $0["approvers"] = .array(keys)
                $0["guardians"] = [guardian]
                $0["approval"] = [
                    ["asset": .string(Scene.dollar.id), "above": "500", "quorum": .integer(quorum)]
                ]
            })
    }

    private func envelope(
        _ operation: OwnerCommand.Operation, from issuer: UInt8 = 11, sequence: UInt64 = 1,
        challenge: [UInt8] = [], expires: Int64 = 1_900_000_000_000, wallet: UInt8 = 2
    ) throws -> [UInt8] {
        let signer = try key(issuer)
        return try OwnerCommand(
            wallet: base58(try key(wallet).publicKey), issuer: signer.publicKey, sequence: sequence,
            issuedAt: 1_800_000_000_000, expiresAt: expires, challenge: challenge, operation: operation
        ).signed(with: signer)
    }

    private func refusal(_ envelope: [UInt8], by ledger: PaymentLedger) async -> CommandError? {
        do {
            _ = try await ledger.execute(envelope)
            return nil
        } catch {
            return error as? CommandError
        }
    }

    @Test func `a command survives its envelope, and one changed character breaks it`() throws {
        for operation: OwnerCommand.Operation in [
            .freeze(reason: "smoke"), .unfreeze, .renewLease, .applyPolicy(try Scene.policy()),
            .approve(self.dear.id, digest: self.dear.digest), .reject(self.dear.id, digest: self.dear.digest),
        ] {
            let bytes = try self.envelope(operation, challenge: [1, 2])
            let command = try OwnerCommand(signed: bytes)
            #expect(command.operation.name == operation.name && command.challenge == [1, 2])
            let text = String(decoding: bytes, as: UTF8.self)
            let changed = text.replacing("\"seq\":1", with: "\"seq\":2")
            #expect(changed != text)
            let issuer = base58(command.issuer)
            #expect(throws: CommandError.unsigned(.signature(of: issuer))) {
                try OwnerCommand(signed: Array(changed.utf8))
            }
        }
        for garbage in ["", "{}", "[]", "{\"command\":{},\"signature\":\"\"}"] {
            #expect(throws: CommandError.self) { try OwnerCommand(signed: Array(garbage.utf8)) }
        }
    }

    @Test func `a freeze needs no challenge and stops reservations that are out`() async throws {
        let ledger = try await self.ledger()
        let small = Scene.proposal(10)
        #expect(try await ledger.answer(to: small) == .authorized(attempt: 1))
        // From a guardian, a long time ago by its own clock.
        let freeze = try self.envelope(.freeze(reason: "smoke"), from: 14, expires: 1)
        _ = try await ledger.execute(freeze)
        #expect(try await ledger.answer(to: small) == .denied("hold", allowedNow: nil))
        #expect(
            try await ledger.answer(to: Scene.proposal(1, job: "other")) == .denied("hold", allowedNow: nil))
        #expect(try await ledger.read { try $0.hold() }?.by == base58(try key(14).publicKey))
        // The broker says it again after each reconnect.
        #expect(await self.refusal(freeze, by: ledger) == .stale(lastSeen: 1))
        // Only the owner lifts it, and only freshly.
        let guardian = try self.envelope(.unfreeze, from: 14, sequence: 9)
        guard case .notAllowed = await self.refusal(guardian, by: ledger) else {
            Issue.record("a guardian released the wallet")
            return
        }
        #expect(await self.refusal(try self.envelope(.unfreeze), by: ledger) == .noFreshChallenge)
        let challenge = await ledger.challenge(entropy: Counter())
        let unfreeze = try self.envelope(.unfreeze, challenge: challenge)
        _ = try await ledger.execute(unfreeze)
        #expect(try await ledger.answer(to: small) == .authorized(attempt: 1))
        // A permission is good once, the old freeze is not good again.
        #expect(await self.refusal(unfreeze, by: ledger) == .stale(lastSeen: 1))
        #expect(
            await self.refusal(try self.envelope(.unfreeze, sequence: 2, challenge: challenge), by: ledger)
                == .noFreshChallenge)
        #expect(await self.refusal(freeze, by: ledger) == .stale(lastSeen: 1))
        #expect(try await ledger.read { try $0.chainFaults() } == [])
    }

    @Test func `a challenge ends after ten minutes, a command at its time`() async throws {
        let clock = Clock()
        let ledger = try await self.ledger(clock: clock)
        let old = await ledger.challenge(entropy: Counter())
        clock.advance(seconds: 600)
        #expect(
            await self.refusal(try self.envelope(.renewLease, challenge: old), by: ledger)
                == .noFreshChallenge)
        let fresh = await ledger.challenge(entropy: Counter())
        let late = try self.envelope(.renewLease, challenge: fresh, expires: clock.now.milliseconds)
        #expect(await self.refusal(late, by: ledger) == .expired)
        let many = await ledger.challenge(entropy: Counter())
        // However many others are asked for.
        for _ in 0..<20_000 { _ = await ledger.challenge(entropy: Counter()) }
        var forged = many
        forged[0] ^= 1
        for wrong in [forged, Array(many.dropLast()), many + [0]] {
            #expect(
                await self.refusal(try self.envelope(.renewLease, challenge: wrong), by: ledger)
                    == .noFreshChallenge)
        }
        let renewal = try self.envelope(.renewLease, challenge: many)
        #expect(await self.refusal(renewal, by: ledger) == nil)
        // And none of them twice.
        let again = try self.envelope(.renewLease, sequence: 9, challenge: many)
        #expect(await self.refusal(again, by: ledger) == .noFreshChallenge)
    }

    @Test func `a command for another wallet or by a stranger does nothing`() async throws {
        let ledger = try await self.ledger()
        let other = try self.envelope(.freeze(reason: ""), wallet: 9)
        guard case .wrongWallet = await self.refusal(other, by: ledger) else {
            Issue.record("another wallet's command was taken")
            return
        }
        let stranger = try self.envelope(.freeze(reason: ""), from: 15)
        guard case .notAllowed = await self.refusal(stranger, by: ledger) else {
            Issue.record("a stranger froze the wallet")
            return
        }
        #expect(try await ledger.read { try $0.hold() } == nil)
    }

    @Test func `a dear payment waits for its quorum, and the approvals are good once`() async throws {
        let clock = Clock()
        let ledger = try await self.ledger(clock: clock)
        #expect(try await ledger.answer(to: self.dear) == .waiting("approval", allowedNow: 500))
        func approve(from issuer: UInt8, sequence: UInt64, digest: [UInt8]? = nil) async throws {
            let challenge = await ledger.challenge(entropy: Counter())
            _ = try await ledger.execute(
                try self.envelope(
                    .approve(self.dear.id, digest: digest ?? self.dear.digest), from: issuer,
                    sequence: sequence, challenge: challenge))
        }
        // The same approver twice is one approver; another content is another payment.
        try await approve(from: 12, sequence: 1)
        try await approve(from: 12, sequence: 2)
        #expect(try await ledger.answer(to: self.dear) == .waiting("approval", allowedNow: 500))
        await #expect(throws: CommandError.self) {
            try await approve(from: 13, sequence: 1, digest: Scene.proposal(901).digest)
        }
        try await approve(from: 13, sequence: 1)
        let payment = try await ledger.pay(self.dear)
        await #expect(throws: CommandError.self) { try await approve(from: 12, sequence: 3) }
        try await ledger.expire(self.dear.id, at: "height \(payment.horizon.last + 1)")
        // A dead payment needs a new decision.
        #expect(try await ledger.answer(to: self.dear) == .waiting("approval", allowedNow: 500))
    }

    @Test func `approvals expire, do not stretch other rules, and one rejection stands`() async throws {
        let clock = Clock()
        let ledger = try await self.ledger(clock: clock, quorum: 1)
        #expect(try await ledger.answer(to: self.dear) == .waiting("approval", allowedNow: 500))
        let challenge = await ledger.challenge(entropy: Counter())
        _ = try await ledger.execute(
            try self.envelope(
                .approve(self.dear.id, digest: self.dear.digest), challenge: challenge,
                expires: clock.now.milliseconds + 1_000))
        clock.advance(seconds: 1)
        #expect(try await ledger.answer(to: self.dear) == .waiting("approval", allowedNow: 500))
        // Above the limit of one payment no approval helps.
        let tooDear = Scene.proposal(1_001, job: "palace")
        #expect(try await ledger.answer(to: tooDear) == .denied("limit:dollars", allowedNow: 1_000))
        _ = try await ledger.execute(
            try self.envelope(.reject(self.dear.id, digest: self.dear.digest), from: 12))
        #expect(try await ledger.answer(to: self.dear) == .denied("approval", allowedNow: nil))
        let again = await ledger.challenge(entropy: Counter())
        _ = try await ledger.execute(
            try self.envelope(
                .approve(self.dear.id, digest: self.dear.digest), from: 12, sequence: 2, challenge: again))
        #expect(try await ledger.answer(to: self.dear) == .authorized(attempt: 1))
    }

    @Test func `an unknown payee may be asked for`() async throws {
        let ledger = try await Scene.ledger(policy: Scene.policy { $0["unknown_payees"] = "ask" })
        let stranger = Scene.proposal(5, payee: "chain:gamma")
        #expect(try await ledger.answer(to: stranger) == .waiting("approval", allowedNow: nil))
        let challenge = await ledger.challenge(entropy: Counter())
        _ = try await ledger.execute(
            try self.envelope(.approve(stranger.id, digest: stranger.digest), challenge: challenge))
        #expect(try await ledger.answer(to: stranger) == .authorized(attempt: 1))
    }

    @Test func `the lease runs out without the owner, and his commands renew it`() async throws {
        let clock = Clock()
        let ledger = try await Scene.ledger(
            clock: clock, policy: Scene.policy { $0["lease"] = ["max_offline_seconds": 100] })
        clock.advance(seconds: 99)
        #expect(try await ledger.answer(to: Scene.proposal(1)) == .authorized(attempt: 1))
        clock.advance(seconds: 1)
        #expect(try await ledger.answer(to: Scene.proposal(1)) == .denied("lease", allowedNow: nil))
        let challenge = await ledger.challenge(entropy: Counter())
        _ = try await ledger.execute(try self.envelope(.renewLease, challenge: challenge))
        clock.advance(seconds: 99)
        #expect(try await ledger.answer(to: Scene.proposal(1)) == .authorized(attempt: 1))
        clock.advance(seconds: 1)
        try await ledger.apply(policy: Scene.policy(sequence: 2) { $0["lease"] = ["max_offline_seconds": 9] })
        #expect(try await ledger.answer(to: Scene.proposal(1)) == .authorized(attempt: 1))
    }

    @Test func `a policy comes as a command, too`() async throws {
        let ledger = try await self.ledger()
        let file = try Scene.policy(sequence: 2) { $0["mode"] = "receive_only" }
        let challenge = await ledger.challenge(entropy: Counter())
        let receipt = try await ledger.execute(
            try self.envelope(.applyPolicy(file), challenge: challenge))
        #expect(await ledger.policyInForce?.sequence == 2)
        #expect(try await ledger.read { try $0.head() } == receipt.head)
        // An older one inside a good command is still older.
        let again = await ledger.challenge(entropy: Counter())
        let stale = try self.envelope(.applyPolicy(try Scene.policy()), sequence: 2, challenge: again)
        await #expect(throws: PolicyError.self) { _ = try await ledger.execute(stale) }
    }
}
