import Encoding
import Testing

@testable import Devices

/// The state machine alone.
@Suite struct CommandTests {
    static let content = Command.Content(kind: .write, thing: "t", affordance: "p", input: true)

    func command(
        _ state: CommandState = .received, proof: Command.Proof = .anonymous, isRepeatable: Bool = true
    ) -> Command {
        Command(id: "1", content: Self.content, proof: proof, isRepeatable: isRepeatable, state: state)
    }

    @Test func `the ordinary course`() {
        var command = self.command()
        #expect(command.handle(.requested) == [.awaitBus])
        #expect(command.handle(.ready) == [.save, .publish])
        #expect(command.state == .started)
        #expect(command.handle(.sent) == [.awaitReport])
        #expect(command.handle(.done(7)) == [.save, .finish])
        #expect(command.state == .done)
        #expect(command.result == 7)
        #expect(command.handle(.failed("late")) == [.finish])
        #expect(command.state == .done)
    }

    @Test func `where the broker's word is all there is`() {
        var command = self.command(proof: .broker)
        _ = command.handle(.requested)
        _ = command.handle(.ready)
        #expect(command.handle(.sent) == [.save, .finish])
        #expect(command.state == .done)
        command = self.command(proof: .broker)
        _ = command.handle(.ready)
        #expect(command.handle(.maybeSent) == [.save, .finish])
        #expect(command.state == .unknown)
    }

    @Test func `what never left stays received, what may have left is unknown`() {
        var command = self.command()
        #expect(command.handle(.requested) == [.awaitBus])
        #expect(command.handle(.deadline) == [.finish])
        #expect(command.state == .received)
        _ = command.handle(.ready)
        #expect(command.handle(.notSent) == [.save, .finish])
        #expect(command.state == .received)
        command = self.command(.started)
        _ = command.handle(.requested)
        _ = command.handle(.ready)
        _ = command.handle(.notSent)
        #expect(command.state == .unknown)
    }

    @Test func `an answer to what was never sent counts for nothing`() {
        var command = self.command()
        #expect(command.handle(.done(nil)) == [])
        #expect(command.state == .received)
    }

    @Test(arguments: [CommandState.started, .unknown])
    func `after a crash only what may be repeated is sent again`(_ state: CommandState) {
        var repeatable = self.command(state)
        #expect(repeatable.handle(.requested) == [.awaitBus])
        var named = self.command(state, proof: .identified, isRepeatable: false)
        #expect(named.handle(.requested) == [.awaitReport])
        #expect(named.handle(.deadline) == [.save, .finish])
        #expect(named.state == .unknown)
        var nameless = self.command(state, proof: .anonymous, isRepeatable: false)
        #expect(nameless.handle(.requested) == [.save, .finish])
        #expect(nameless.state == .unknown)
    }

    /// Every sequence of events up to length five, from every state: a command that may not be repeated
    /// publishes at most once in its life, and never after it may have been sent.
    @Test func `no sequence of events sends an unrepeatable command twice`() {
        let events: [Command.Event] = [
            .requested, .deadline, .sent, .notSent, .maybeSent, .done(nil), .failed("x"),
        ]
        var sequences: [[Command.Event]] = [[]]
        for _ in 0..<5 { sequences = sequences.flatMap { prefix in events.map { prefix + [$0] } } }
        var worst = 0
        for proof in [Command.Proof.broker, .anonymous, .identified] {
            for sequence in sequences {
                var command = self.command(proof: proof, isRepeatable: false)
                var publishes = 0
                var certainlyNot = 0
                for event in sequence {
                    var effects = command.handle(event)
                    // The hub answers a wait for the bus with readiness, and only then.
                    if effects.contains(.awaitBus) { effects = command.handle(.ready) }
                    if effects.contains(.publish) { publishes += 1 }
                    if event == .notSent { certainlyNot += 1 }
                    // A crash here: the journal's state is all that is left.
                    command = Command(
                        id: "1", content: Self.content, proof: proof, isRepeatable: false,
                        state: command.state,
                        result: command.result)
                }
                worst = max(worst, publishes - certainlyNot)
            }
        }
        #expect(worst == 1)
    }
}
