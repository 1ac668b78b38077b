import Encoding
import Ledger
import Sodium
import Synchronization
import SystemPackage
import TestSupport
import Testing
import World

/// Limits are counted by the ledger's time: who moves the machine's clock moves nothing.
@Suite struct ClockTests {
    /// A machine: its wall clock, what keeps it right, and since when it is awake.
    private final class Machine: Timeline {
        struct State: Sendable {
            var wall: Int64 = 1_800_000_000_000
            var uptime: Int64 = 50_000
            var boot = "first"
            var quality = ClockQuality.ntp
        }
        let state = Mutex(State())

        var now: Timestamp {
            self.state.withLock { Timestamp(milliseconds: $0.wall, quality: $0.quality) }
        }
        var uptime: Duration { .milliseconds(self.state.withLock { $0.uptime }) }
        var boot: String { self.state.withLock { $0.boot } }
        func sleep(for duration: Duration) async throws {}

        /// Time passes while the machine is on.
        func pass(seconds: Int64) {
            self.state.withLock {
                $0.wall += seconds * 1_000
                $0.uptime += seconds * 1_000
            }
        }

        /// Somebody sets the clock.
        func jump(seconds: Int64) { self.state.withLock { $0.wall += seconds * 1_000 } }

        /// The machine is off for a while; then it has been on for a second.
        func restart(off seconds: Int64, _ name: String) {
            self.state.withLock {
                $0.wall += (seconds + 1) * 1_000
                $0.uptime = 1_000
                $0.boot = name
            }
        }
    }

    private static let hour: JSON = [
        ["id": "hour", "asset": .string(Scene.dollar.id), "window_seconds": 3_600, "sum": "100"]
    ]

    /// A ledger whose hour is used up.
    private func spent(_ folder: FilePath, _ machine: Machine) async throws -> PaymentLedger {
        let ledger = try self.open(folder, machine)
        try await ledger.apply(policy: Scene.policy { $0["limits"] = Self.hour })
        try await ledger.deposit(1_000, asset: Scene.dollar, reference: "first")
        try await ledger.settled(Scene.proposal(100))
        try await ledger.keepTime()
        return ledger
    }

    private func open(_ folder: FilePath, _ machine: Machine) throws -> PaymentLedger {
        try PaymentLedger(
            path: folder.appending("ledger.db"), wallet: key(2).publicKey, owner: key(11).publicKey,
            timeline: machine)
    }

    private func isOpen(_ ledger: PaymentLedger) async throws -> Bool {
        try await ledger.answer(to: Scene.proposal(1, job: "next")) == .authorized(attempt: 1)
    }

    @Test func `a clock that jumps while the machine runs refills nothing, and stops nothing`() async throws {
        try await withFolder { folder in
            let machine = Machine()
            let ledger = try await self.spent(folder, machine)
            // One packet to the year 2099, and back.
            for jump: Int64 in [2_300_000_000, -2_300_000_000, -400_000_000, 86_400] {
                machine.jump(seconds: jump)
                #expect(try await !self.isOpen(ledger), "\(jump)")
            }
            machine.pass(seconds: 3_590)
            #expect(try await !self.isOpen(ledger))
            machine.pass(seconds: 11)
            #expect(try await self.isOpen(ledger))
        }
    }

    @Test(arguments: ClockQuality.allCases) func `time between two processes of one start counts`(
        quality: ClockQuality
    ) async throws {
        try await withFolder { folder in
            let machine = Machine()
            machine.state.withLock { $0.quality = quality }
            do { _ = try await self.spent(folder, machine) }
            for (seconds, opens) in [(1_800, false), (1_801, true)] as [(Int64, Bool)] {
                machine.pass(seconds: seconds)
                let ledger = try self.open(folder, machine)
                #expect(try await self.isOpen(ledger) == opens, "\(quality) \(seconds)")
                // What `limits` shows is judged by the same time.
                let policy = try #require(await ledger.policyInForce)
                let usage = try await ledger.read { try $0.usage(of: policy, at: machine) }
                #expect((usage.first?.used == 100) == !opens)
                try await ledger.keepTime()
            }
        }
    }

    @Test func `time that the machine was off counts where a time daemon says so, and at most a year`()
        async throws
    {
        for (quality, off, opens) in [
            (.ntp, 3_600, true), (.ntp, 60, false), (.rtc, 3_600, false), (.none, 3_600, false),
        ] as [(ClockQuality, Int64, Bool)] {
            try await withFolder { folder in
                let machine = Machine()
                do { _ = try await self.spent(folder, machine) }
                machine.state.withLock { $0.quality = quality }
                machine.restart(off: off, "second")
                let ledger = try self.open(folder, machine)
                #expect(try await self.isOpen(ledger) == opens, "\(quality) \(off)")
                // Without one, the time since the start counts.
                machine.pass(seconds: 3_601)
                #expect(try await self.isOpen(ledger), "\(quality) \(off)")
            }
        }
        try await withFolder { folder in
            let machine = Machine()
            do { _ = try await self.spent(folder, machine) }
            machine.restart(off: 70 * 366 * 86_400, "second")
            let ledger = try self.open(folder, machine)
            let now = try await ledger.read { try $0.now(machine).milliseconds }
            #expect(now < 1_800_000_000_000 + 367 * 86_400_000)
        }
    }

    @Test func `the owner's command heals a clock that was led astray`() async throws {
        try await withFolder { folder in
            let machine = Machine()
            do { _ = try await self.spent(folder, machine) }
            // Led astray at the start, and right again later.
            machine.restart(off: 300 * 86_400, "second")
            let ledger = try self.open(folder, machine)
            #expect(try await self.isOpen(ledger))
            machine.jump(seconds: -300 * 86_400)
            let real = machine.now.milliseconds
            let owner = try key(11)
            let command = OwnerCommand(
                wallet: base58(try key(2).publicKey), issuer: owner.publicKey, sequence: 1, issuedAt: real,
                expiresAt: real + 600_000, challenge: await ledger.challenge(entropy: Counter()),
                operation: .renewLease)
            _ = try await ledger.execute(command.signed(with: owner))
            let now = try await ledger.read { try $0.now(machine).milliseconds }
            #expect(abs(now - real) < 2_000)
            #expect(
                try await ledger.read { try $0.journal() }.contains {
                    $0.detail.contains("the clock was set")
                })
            // It goes on from there, over a restart of the program as well.
            try await ledger.keepTime()
            machine.pass(seconds: 10)
            let later = try self.open(folder, machine)
            let after = try await later.read { try $0.now(machine).milliseconds }
            #expect(abs(after - real - 10_000) < 2_000)
        }
    }

    @Test func `what an older policy allowed is asked of the one in force`() async throws {
        let ledger = try await Scene.ledger()
        guard case .authorized(let authorization) = try await ledger.authorize(Scene.proposal(900)) else {
            Issue.record("not authorized")
            return
        }
        // The process that had the permission is gone.
        try await ledger.suspend(authorization)
        try await ledger.apply(
            policy: Scene.policy(sequence: 2) {
                $0["limits"] = [["id": "less", "asset": .string(Scene.dollar.id), "per_payment": "100"]]
            })
        #expect(try await ledger.answer(to: Scene.proposal(900)) == .denied("limit:less", allowedNow: 100))
        #expect(try await ledger.balance()?.reserved == 0)
        // Under an unchanged policy it is handed out anew.
        #expect(try await ledger.answer(to: Scene.proposal(90, job: "b")) == .authorized(attempt: 1))
        #expect(try await ledger.answer(to: Scene.proposal(90, job: "b")) == .authorized(attempt: 1))
    }

    @Test func `a price that moves with each try fills no books, and leaves one to agree to`() async throws {
        let ledger = try await Scene.ledger(
            policy: Scene.policy {
                $0["limits"] = [["id": "l", "asset": .string(Scene.dollar.id), "per_payment": "100"]]
            })
        for amount: UInt64 in 101..<400 {
            #expect(
                try await ledger.answer(to: Scene.proposal(amount)) == .denied("limit:l", allowedNow: 100))
        }
        #expect(try await ledger.read { try $0.intents().count } == 1)
        let approver = base58(try key(12).publicKey)
        let asking = try await Scene.ledger(
            policy: Scene.policy {
                $0["approval"] = [["asset": .string(Scene.dollar.id), "above": "10", "quorum": 1]]
                $0["approvers"] = [.string(approver)]
            })
        for amount: UInt64 in 100..<200 { _ = try await asking.answer(to: Scene.proposal(amount)) }
        let records = try await asking.read { try $0.intents() }
        #expect(records.count { $0.state == .waiting } == 1 && records.count < 12)
    }

    @Test func `a limit that bounds nothing is refused`() throws {
        for limit in [["id": "l", "asset": .string(Scene.dollar.id)]] as [JSON] {
            #expect(throws: (any Error).self) {
                try Policy(
                    signed: Scene.policy { $0["limits"] = [limit] }, owner: key(11).publicKey,
                    wallet: base58(key(2).publicKey))
            }
        }
    }
}
