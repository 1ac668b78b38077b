package import Ledger
package import World

/// A payment from the wish to its end, as a value: it takes what happened and says what to do next. It knows
/// no clock, no socket and no chain; what it asks for is done by one performer, ``follow(_:on:_:)``.
///
/// Nothing is sent before the exact bytes are on disk, and only the same bytes ever are. A payment ends as
/// paid when the chain shows it (a voucher: when its payee accepts it), as unpaid when the chain proves that
/// it never can be, and otherwise as open.
package struct Purchasing: Sendable {
    /// Whose word ends a payment.
    package enum Course: Sendable, Hashable {
        /// The chain's; what was bought comes as the payee's answer.
        case transfer
        /// The payee's answer alone. While its channel's deposit is on the way, the chain is asked about it.
        case voucher(hasDeposit: Bool)
        /// The chain's, and nothing else comes back: a sweep, the wish to leave a channel.
        case plain
        /// The chain's. Where the payee's count of the channel is another one, it comes first.
        case closing
    }

    /// How long somebody is tried.
    package enum Patience: Sendable, Hashable {
        /// So often, with pauses that grow to four seconds.
        case tries(Int)
        /// Until this uptime, with a pause between two tries.
        case until(Duration, every: Duration)
    }

    /// What whoever is paid said to the payment.
    package struct Reply: Sendable, Hashable {
        /// Whether it is what was bought, or the word that the payment was taken.
        package var isGood: Bool
        /// Why not, in words.
        package var reason = ""
        /// A transaction that it names; believed only when the chain shows it.
        package var hint: String?
        /// It says that the channel is about to end.
        package var isClosing = false
        /// It will not take this payment, however often it is sent.
        package var isRefusal = false

        package init(
            isGood: Bool, reason: String = "", hint: String? = nil, isClosing: Bool = false,
            isRefusal: Bool = false
        ) {
            self.isGood = isGood
            self.reason = reason
            self.hint = hint
            self.isClosing = isClosing
            self.isRefusal = isRefusal
        }
    }

    /// What the chain says.
    package enum Finding: Sendable, Hashable {
        case settled
        case failed(String)
        /// Not executed, and it never can be.
        case dead
        /// Not decided, or nobody can tell.
        case open
        /// Not decided, and the chain knows nothing of it.
        case absent
        /// The chain does not answer.
        case silent(String)
    }

    package enum Event: Sendable, Hashable {
        case begun
        /// The bytes are on disk.
        /// - looksFirst: whether the chain is asked before anything is sent: it may have landed in an earlier
        ///   life.
        /// - isPaid: whether its end is known already, and only the answer is missing.
        case prepared(Course, looksFirst: Bool = false, isPaid: Bool = false)
        /// Nothing is to be sent: it was refused, or paid before.
        case stopped
        case replied(Reply)
        /// Nobody answered, and why.
        case silent(String)
        case found(Finding)
        case accepted
        /// The channel of the voucher has ended, and what that made of the voucher.
        case channelEnded(isPaid: Bool)
        case channelGoesOn
        /// The voucher was signed anew above one that the payee had accepted.
        case renewed
        /// The payee's count is not believed, and why.
        case disbelieved(String)
        /// The answer says nothing of the channel's count.
        case nothingNew
        case rested
    }

    package enum Action: Sendable, Hashable {
        /// Have it authorised, signed and written down.
        case prepare
        /// Send the bytes that are on disk.
        case send
        /// Ask the chain what became of the payment, or of the deposit under it.
        case look(hint: String?)
        /// Book a voucher that its payee took.
        case accept
        /// Ask the chain whether the channel has ended.
        case seeEnd
        /// Compare the payee's count of the channel with ours.
        case agree
        case rest(Duration)
        case end(End)
        /// Nothing is to be sent; whoever prepared it knows why.
        case stop
    }

    package enum End: Sendable, Hashable {
        /// Paid, and the last reply is what was bought.
        case answered
        /// Paid, and no good reply.
        case paid(reason: String)
        /// Proved: nothing was paid.
        case unpaid(reason: String)
        /// Nobody knows yet.
        case open(reason: String)
    }

    private var course: Course?
    private let patience: Patience
    private var attempt = 0
    private var reply: Reply?
    private var isSent = false
    private var isSettled = false
    private var isRenewed = false
    private var reason = ""

    package init(_ patience: Patience) { self.patience = patience }

    /// - Parameter now: uptime.
    package mutating func handle(_ event: Event, at now: Duration) -> Action {
        switch event {
        case .begun: return .prepare
        case .prepared(let course, let looksFirst, let isPaid):
            (self.course, self.isSettled) = (course, isPaid)
            return looksFirst ? .look(hint: nil) : .send
        case .stopped: return .stop
        case .replied(let reply):
            if !reply.isGood { self.reason = reply.reason }
            return self.heard(reply, at: now)
        case .silent(let why):
            self.reason = why
            return self.heard(nil, at: now)
        case .found(let finding): return self.judge(finding, at: now)
        case .accepted: return .end(.answered)
        case .channelEnded(isPaid: true): return .end(.paid(reason: "redeemed at the end of its channel"))
        case .channelEnded(isPaid: false):
            return .end(.unpaid(reason: "its seller closed the channel, and the rest is back"))
        case .channelGoesOn: return self.isRenewed ? self.again(at: now) : .agree
        case .renewed:
            self.isRenewed = true
            return self.again(at: now)
        case .disbelieved(let why): return .end(.open(reason: why))
        case .nothingNew: return self.again(at: now)
        case .rested: return .send
        }
    }

    private mutating func heard(_ reply: Reply?, at now: Duration) -> Action {
        (self.reply, self.isSent) = (reply, true)
        guard !self.isSettled else { return self.conclude(at: now) }
        if self.course == .voucher(hasDeposit: false) { return self.judgeReply(at: now) }
        return .look(hint: reply?.hint)
    }

    private mutating func judge(_ finding: Finding, at now: Duration) -> Action {
        switch finding {
        case .settled:
            guard self.course != .voucher(hasDeposit: true) else {
                self.course = .voucher(hasDeposit: false)
                return self.judgeReply(at: now)
            }
            self.isSettled = true
            return self.conclude(at: now)
        case .failed(let why): return .end(.unpaid(reason: why))
        case .dead:
            let why = self.reason.isEmpty ? "" : ": \(self.reason)"
            return .end(.unpaid(reason: "the payment expired unexecuted" + why))
        case .absent where self.reply?.isRefusal == true: return .end(.unpaid(reason: self.reason))
        case .absent, .open:
            guard self.isSent else { return .send }
            if self.course == .closing, self.reply?.isGood == false { return .agree }
            if self.course == .voucher(hasDeposit: true) {
                self.reason = "the deposit is not on the chain yet"
            }
            return self.again(at: now)
        case .silent(let why):
            self.reason = "the chain does not answer: \(why)"
            return self.isSent ? self.again(at: now) : .send
        }
    }

    /// It is paid, and what was bought may be here.
    private mutating func conclude(at now: Duration) -> Action {
        guard self.course != .plain, self.course != .closing else { return .end(.paid(reason: self.reason)) }
        return self.reply?.isGood == true ? .end(.answered) : self.again(at: now)
    }

    private mutating func judgeReply(at now: Duration) -> Action {
        guard let reply = self.reply else { return self.again(at: now) }
        if reply.isGood { return .accept }
        if reply.isClosing { return .seeEnd }
        return self.isRenewed ? self.again(at: now) : .agree
    }

    private mutating func again(at now: Duration) -> Action {
        self.attempt += 1
        switch self.patience {
        case .tries(let count) where self.attempt < count:
            return .rest(.milliseconds(500 << min(self.attempt, 3)))
        case .until(let end, let pause) where now < end: return .rest(pause)
        case .tries, .until:
            return .end(self.isSettled ? .paid(reason: self.reason) : .open(reason: self.reason))
        }
    }
}

extension Purchasing {
    /// What became of a payment.
    package enum Outcome: Sendable {
        /// It was on its way, as it was signed last.
        case ended(JournalledPayment, End)
        /// Nothing was sent.
        case unsent(Preparation)
    }

    /// Has a payment prepared, and does what the machine asks for then: what only takes time here, the rest
    /// by whoever can.
    ///
    /// - Parameters:
    ///   - begin: says how what is on disk goes on.
    ///   - perform: sends, looks, books; gives what came of it. What it has signed anew it puts in the place
    ///     of the payment that it is given.
    package static func follow(
        _ patience: Patience, _ prepare: Preparation.Maker, on timeline: any Timeline,
        begin: (JournalledPayment) async throws -> Event,
        _ perform: (Action, inout JournalledPayment) async throws -> Event
    ) async throws -> Outcome {
        var prepared = Preparation.stopped(.unpaid(reason: "nothing was prepared"))
        let end = try await Self.follow(Purchasing(patience), on: timeline) { action in
            if action == .prepare { prepared = try await prepare() }
            guard case .signed(var payment) = prepared else { return .stopped }
            guard action != .prepare else { return try await begin(payment) }
            let event = try await perform(action, &payment)
            prepared = .signed(payment)
            return event
        }
        guard let end, case .signed(let payment) = prepared else { return .unsent(prepared) }
        return .ended(payment, end)
    }

    /// Does what a machine asks for until it ends.
    ///
    /// - Parameter perform: sends, looks, books; gives what came of it.
    /// - Returns: nil where nothing was to be sent.
    package static func follow(
        _ machine: Purchasing, on timeline: any Timeline, _ perform: (Action) async throws -> Event
    ) async throws -> End? {
        var machine = machine
        var event = Event.begun
        while true {
            switch machine.handle(event, at: timeline.uptime) {
            case .end(let end): return end
            case .stop: return nil
            case .rest(let pause):
                try await timeline.sleep(for: pause)
                event = .rested
            case let action: event = try await perform(action)
            }
        }
    }
}
