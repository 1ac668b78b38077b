import Encoding
import TestSupport
import Testing
import World

@testable import VDA5050

/// How the fleet follows one order. Source: VDA 5050 2.1.0 sections 6.6.2 to 6.6.4.
@Suite struct DispatchTests {
    /// A robot's state about an order.
    private func state(
        _ id: String = "o", update: UInt32 = 0, at place: UInt32 = 0, left: Int = 0,
        change: (inout State) -> Void = { _ in }
    ) -> State {
        var state = State()
        state.orderId = id
        state.orderUpdateId = update
        state.lastNodeSequenceId = place
        state.nodeStates = Array(repeating: NodeState(), count: left)
        change(&state)
        return state
    }

    private func fault(_ id: String, _ update: String?) -> Fault {
        var fault = Fault()
        fault.errorType = "orderError"
        fault.references =
            [Reference("orderId", id)] + (update.map { [Reference("orderUpdateId", $0)] } ?? [])
        return fault
    }

    @Test func `an order is sent until the robot's state shows it, and done when nothing is left`() {
        var dispatch = Dispatch(order())
        #expect(dispatch.handle(.due, at: .seconds(1)) == [.save, .send(order())])
        #expect(dispatch.handle(.due, at: .seconds(3)).isEmpty)
        #expect(dispatch.handle(.state(self.state("")), at: .seconds(4)).isEmpty)
        #expect(dispatch.handle(.due, at: .seconds(7)) == [.send(order())])
        #expect(dispatch.record.state == .started)
        #expect(dispatch.handle(.state(self.state(left: 2)), at: .seconds(8)) == [.save])
        #expect(dispatch.handle(.due, at: .seconds(100)).isEmpty)
        #expect(dispatch.due == nil)
        _ = dispatch.handle(.state(self.state(at: 4)), at: .seconds(101))
        #expect(dispatch.record.state == .done)
    }

    @Test func `an update leaves when the robot has the message before it`() {
        var dispatch = Dispatch(order(nodes: 3, base: 2))
        let update = order(update: 1, from: 2, nodes: 2)
        dispatch.messages.append(update)
        _ = dispatch.handle(.due, at: .seconds(1))
        #expect(dispatch.handle(.state(self.state(left: 2)), at: .seconds(2)) == [.save, .send(update)])
        // Its end is the end of the last update.
        _ = dispatch.handle(.state(self.state(update: 1, at: 2, left: 1)), at: .seconds(3))
        #expect(dispatch.record.state == .started)
        _ = dispatch.handle(.state(self.state(update: 1, at: 4)), at: .seconds(4))
        #expect(dispatch.record.state == .done)
    }

    @Test func `a refused order fails with the robot's words, a refused update only itself`() {
        var dispatch = Dispatch(order(base: 2))
        _ = dispatch.handle(.due, at: .seconds(1))
        _ = dispatch.handle(
            .state(self.state("x") { $0.errors = [self.fault("other", "0")] }), at: .seconds(2))
        #expect(dispatch.record.state == .started)
        var refused = dispatch
        _ = refused.handle(.state(self.state("x") { $0.errors = [self.fault("o", "0")] }), at: .seconds(2))
        #expect(refused.record.state == .failed && refused.record.reason == "orderError")
        _ = dispatch.handle(.state(self.state(left: 2)), at: .seconds(2))
        dispatch.messages.append(order(update: 1, from: 4))
        _ = dispatch.handle(
            .state(self.state(left: 2) { $0.errors = [self.fault("o", nil)] }), at: .seconds(3))
        #expect(dispatch.refusals.isEmpty)
        _ = dispatch.handle(
            .state(self.state(left: 2) { $0.errors = [self.fault("o", "1")] }), at: .seconds(4))
        #expect(dispatch.refusals.map(\.update) == [1] && dispatch.record.state == .started)
        #expect(dispatch.messages.count == 1)
    }

    @Test func `a cancel is sent until the robot has ended it`() {
        var dispatch = Dispatch(order())
        _ = dispatch.handle(.due, at: .seconds(1))
        _ = dispatch.handle(.state(self.state(left: 2)), at: .seconds(2))
        #expect(dispatch.handle(.cancel(id: "c"), at: .seconds(3)) == [.save])
        let act = Dispatch.Effect.act(Action("cancelOrder", id: "c"))
        #expect(dispatch.handle(.due, at: .seconds(3)) == [act])
        #expect(dispatch.handle(.due, at: .seconds(9)) == [act])
        var action = ActionState()
        action.actionId = "c"
        action.status = .running
        _ = dispatch.handle(.state(self.state { $0.actionStates = [action] }), at: .seconds(10))
        #expect(dispatch.record.state == .started)
        action.status = .finished
        _ = dispatch.handle(.state(self.state { $0.actionStates = [action] }), at: .seconds(11))
        #expect(dispatch.record.state == .failed && dispatch.record.reason == Dispatch.cancelled)
    }

    @Test func `a cancelled order that never came is not sent again`() {
        var never = Dispatch(order())
        _ = never.handle(.cancel(id: "c"), at: .zero)
        #expect(never.record.reason == Dispatch.cancelled)
        var lost = Dispatch(order())
        _ = lost.handle(.due, at: .seconds(1))
        _ = lost.handle(.cancel(id: "c"), at: .seconds(2))
        #expect(lost.handle(.due, at: .seconds(2)) == [.act(Action("cancelOrder", id: "c"))])
        var action = ActionState()
        action.actionId = "c"
        action.status = .failed
        _ = lost.handle(.state(self.state("") { $0.actionStates = [action] }), at: .seconds(3))
        #expect(lost.record.reason == Dispatch.cancelled)
    }

    @Test func `a robot that forgot the order leaves it unknown, one that gave it up failed`() {
        var dispatch = Dispatch(order())
        _ = dispatch.handle(.due, at: .seconds(1))
        _ = dispatch.handle(.state(self.state(left: 1)), at: .seconds(2))
        var forgotten = dispatch
        _ = forgotten.handle(.state(self.state("")), at: .seconds(3))
        #expect(forgotten.record.state == .unknown)
        _ = dispatch.handle(.state(self.state(at: 2)), at: .seconds(3))
        #expect(dispatch.record.state == .failed)
    }

    @Test func `a failed action fails the order that ended with it`() {
        let sent = order(nodeActions: [4: [Action("pick", id: "p")]])
        var dispatch = Dispatch(sent)
        _ = dispatch.handle(.due, at: .seconds(1))
        var action = ActionState()
        action.actionId = "p"
        action.status = .running
        _ = dispatch.handle(.state(self.state(at: 4) { $0.actionStates = [action] }), at: .seconds(2))
        #expect(dispatch.record.state == .started)
        action.status = .failed
        action.result = "empty"
        _ = dispatch.handle(.state(self.state(at: 4) { $0.actionStates = [action] }), at: .seconds(3))
        #expect(dispatch.record.reason == "action p: empty")
    }

    @Test func `the journal keeps an order over a restart`() async throws {
        try await withFolder { folder in
            let path = folder.appending("fleet.db")
            var dispatch = Dispatch(order())
            _ = dispatch.handle(.due, at: .seconds(1))
            try FleetStore(path: path).save(dispatch, robot: "r")
            let open = try #require(try FleetStore(path: path).open(robot: "r"))
            #expect(open.messages == dispatch.messages && open.wasSent)
            #expect(try FleetStore(path: path).open(robot: "other") == nil)
        }
    }

    @Test func `numbers of messages are used once, over restarts, and none is skipped after an orderly end`()
        async throws
    {
        try await withFolder { folder in
            let path = folder.appending("robot.db")
            let first = try RobotStore(path: path)
            #expect(try (0..<3).map { _ in try first.headerId(.state) } == [0, 1, 2])
            #expect(try first.headerId(.connection) == 0)
            // It dies here.
            let second = try RobotStore(path: path)
            #expect(try second.headerId(.state) == MessageNumbers.reservation)
            try second.close()
            #expect(try RobotStore(path: path).headerId(.state) == MessageNumbers.reservation + 1)
        }
    }
}
