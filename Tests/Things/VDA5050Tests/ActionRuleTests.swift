import Encoding
import Testing

@testable import VDA5050

/// What actions may do beside each other, and what the fleet can do at once.
/// Source: VDA 5050 2.1.0 sections 6.8 to 6.12.
@Suite struct ActionRuleTests {
    private func action(_ id: String, _ blocking: BlockingType, type: String = "beep") -> Action {
        Action(type, id: id, blocking: blocking)
    }

    @Test func `NONE runs beside driving, SOFT keeps the robot, HARD runs alone`() {
        var bench = MachineBench()
        let actions = [
            self.action("n", .none), self.action("s", .soft), self.action("h", .hard),
            self.action("m", .none),
        ]
        bench.send(order(nodes: 2, nodeActions: [0: actions]))
        #expect(bench.begun == ["n", "s"])
        #expect(bench.drives.isEmpty)
        bench.say(.action("s", .finished(nil)))
        #expect(bench.begun == ["n", "s"])
        bench.say(.action("n", .finished("done")))
        #expect(bench.begun == ["n", "s", "h"])
        #expect(bench.state.action("n")?.result == "done")
        bench.say(.action("h", .finished(nil)))
        #expect(bench.begun == ["n", "s", "h", "m"])
        // NONE alone keeps nobody.
        #expect(bench.drives == [2])
        bench.arrive(2)
        #expect(!bench.machine.isIdle)
        bench.say(.action("m", .failed("no horn", stopsOrder: false)))
        #expect(bench.machine.isIdle)
        #expect(bench.errors.isEmpty)
    }

    @Test func `SINGLE of 3-0-0 runs alone, beside driving`() {
        var bench = MachineBench(.three)
        let actions = [self.action("n", .none), self.action("s", .single), self.action("m", .none)]
        bench.send(order(nodes: 2, nodeActions: [0: actions]))
        #expect(bench.begun == ["n"])
        #expect(bench.drives == [2])
        bench.say(.action("n", .finished(nil)))
        #expect(bench.begun == ["n", "s"])
        bench.say(.action("s", .finished(nil)))
        #expect(bench.begun == ["n", "s", "m"])
    }

    @Test func `actions begin where they stand, and those of the horizon wait`() {
        var bench = MachineBench()
        let far = [4: [self.action("far", .none)]] as [UInt32: [Action]]
        bench.send(order(base: 2, nodeActions: [2: [self.action("near", .hard)], 4: far[4] ?? []]))
        #expect(bench.begun.isEmpty)
        #expect(bench.status("near") == .waiting && bench.status("far") == .waiting)
        bench.arrive(2)
        #expect(bench.begun == ["near"])
        bench.say(.action("near", .finished(nil)))
        bench.send(order(update: 1, from: 2, nodes: 2, nodeActions: [2: [self.action("near", .hard)]]))
        // The horizon was replaced, and its action with it.
        #expect(bench.status("far") == nil)
        bench.arrive(4)
        #expect(bench.begun == ["near"])
        #expect(bench.machine.isIdle)
    }

    @Test func `an action of the horizon may come again with the base`() {
        var bench = MachineBench()
        let far = [4: [self.action("far", .none)]] as [UInt32: [Action]]
        bench.send(order(base: 2, nodeActions: far))
        bench.send(order(update: 1, from: 2, nodes: 2, nodeActions: far))
        #expect(bench.errors.isEmpty)
        bench.arrive(2)
        bench.arrive(4)
        #expect(bench.begun == ["far"])
    }

    @Test func `an action of an edge lives as long as the edge`() {
        var bench = MachineBench()
        bench.send(order(edgeActions: [1: [self.action("a", .none)], 3: [self.action("b", .soft)]]))
        // It is begun when the edge is entered, before the wheels turn.
        guard case .begin? = bench.commands.first, case .drive? = bench.commands.last else {
            Issue.record("\(bench.commands)")
            return
        }
        bench.arrive(2)
        #expect(bench.commands.contains(.finish("a")))
        #expect(bench.begun == ["a", "b"])
        #expect(bench.drives == [2])
        bench.say(.action("a", .finished(nil)))
        bench.say(.action("b", .finished(nil)))
        #expect(bench.drives == [2, 4])
    }

    @Test func `a failed action that the order needs stops it, and a cancel frees the robot`() {
        for version in Version.allCases {
            var bench = MachineBench(version)
            bench.send(order(nodeActions: [2: [self.action("p", .hard, type: "pick")]]))
            bench.arrive(2)
            bench.say(.action("p", .failed("nothing there", stopsOrder: true)))
            #expect(bench.status("p") == .failed)
            #expect(bench.state.errors.first?.level == (version == .two ? .fatal : .critical))
            #expect(bench.state.nodeStates.count == 1 && bench.drives == [2])
            bench.act("cancelOrder", "c")
            #expect(bench.status("c") == .finished)
            #expect(bench.machine.isIdle)
        }
    }

    @Test func `a pause stops wheels and what can be paused, and is over when all stands`() {
        for version in Version.allCases {
            var bench = MachineBench(version)
            bench.send(
                order(nodeActions: [0: [self.action("a", .none), self.action("p", .none, type: "pick")]]))
            bench.act("startPause", "p1")
            #expect(bench.status("p1") == .running)
            #expect(bench.commands.suffix(2) == [.pause("a"), .hold(1)])
            bench.hold()
            #expect(bench.status("p1") == .running && bench.state.paused == true)
            bench.say(.action("a", .paused))
            #expect(bench.status("p1") == .finished)
            // 2.1.0 has no word for it in its schema.
            #expect(bench.status("a") == (version == .two ? .running : .paused))
            bench.act("startPause", "p2")
            #expect(bench.status("p2") == .finished)
            bench.act("stopPause", "s")
            #expect(bench.status("s") == .finished && bench.state.paused == false)
            #expect(bench.commands.suffix(2) == [.proceed("a"), .resume])
            #expect(bench.state.driving)
        }
    }

    @Test func `while it pauses nothing of the order begins`() {
        var bench = MachineBench()
        bench.act("startPause", "p")
        bench.send(order(nodeActions: [0: [self.action("a", .none)]]))
        #expect(bench.begun.isEmpty && bench.drives.isEmpty)
        bench.act("stopPause", "s")
        #expect(bench.begun == ["a"] && bench.drives == [2])
    }

    @Test func `a cancel ends what can be ended, and is RUNNING until all stands`() {
        var bench = MachineBench()
        let actions = [self.action("a", .none), self.action("p", .none, type: "pick")]
        bench.send(order(nodeActions: [0: actions, 4: [self.action("later", .hard)]]))
        bench.act("cancelOrder", "c")
        #expect(bench.status("c") == .running)
        #expect(bench.status("later") == .failed)
        #expect(bench.commands.suffix(2) == [.stop(DriveKey(orderId: "o", sequenceId: 2)), .cancel("a")])
        #expect(bench.state.edgeStates.count == 1)
        bench.say(.action("a", .failed("cancelled", stopsOrder: false)))
        bench.stop()
        #expect(bench.status("c") == .running && !bench.machine.isIdle)
        // It cannot be broken off: it runs to its end.
        bench.say(.action("p", .finished(nil)))
        #expect(bench.status("c") == .finished && bench.status("p") == .finished)
        #expect(bench.machine.isIdle && bench.state.nodeStates.isEmpty && bench.state.edgeStates.isEmpty)
        #expect(bench.state.orderId == "o")
        // It stands between two nodes: the last one is not where it is.
        bench.send(order("p"))
        #expect(bench.errors == ["noRouteError"])
    }

    @Test(arguments: Version.allCases)
    func `a cancel without an order, or of another one, fails`(_ version: Version) {
        let type = version == .two ? "noOrderToCancel" : "NO_ORDER_TO_CANCEL"
        var bench = MachineBench(version)
        bench.act("cancelOrder", "c")
        #expect(bench.status("c") == .failed && bench.errors == [type])
        #expect(bench.state.errors[0].refers(to: "actionId", "c"))
        bench.send(order())
        let other = Action("cancelOrder", id: "d", parameters: [Parameter("orderId", "x")])
        bench.handle(.instantActions([other]))
        #expect(bench.status("d") == .failed && bench.errors == [type] && bench.state.driving)
        bench.handle(
            .instantActions([Action("cancelOrder", id: "e", parameters: [Parameter("orderId", "o")])]))
        bench.stop()
        #expect(bench.status("e") == .finished)
    }

    @Test func `an instant action with a known id is answered, not done again`() {
        var bench = MachineBench()
        bench.act("lift", "l", .hard)
        bench.say(.action("l", .finished(nil)))
        bench.act("lift", "l", .hard)
        #expect(bench.begun == ["l"] && bench.effects == [.publishState])
        bench.act("beep", "l")
        #expect(bench.errors == ["instantActionError"] && bench.status("l") == .finished)
        // Also when it left the report long ago.
        for number in 0..<100 { bench.act("stateRequest", "\(number)") }
        #expect(bench.status("l") == nil)
        bench.act("lift", "l", .hard)
        #expect(bench.begun == ["l"] && bench.status("l") == .finished)
    }

    @Test func `an instant action that keeps the robot halts it first`() {
        var bench = MachineBench()
        bench.send(order())
        bench.act("lift", "l", .hard)
        #expect(bench.begun.isEmpty && bench.commands.last == .hold(1))
        bench.hold()
        #expect(bench.begun == ["l"])
        bench.say(.action("l", .finished(nil)))
        #expect(bench.commands.last == .resume)
    }

    @Test func `an unknown instant action fails and is told`() {
        var bench = MachineBench()
        bench.act("fly", "f")
        #expect(bench.status("f") == .failed && bench.errors == ["instantActionError"])
        bench.act("factsheetRequest", "g")
        #expect(bench.effects.contains(.publishFactsheet) && bench.status("g") == .finished)
        #expect(bench.errors.isEmpty)
    }

    @Test func `a flood of instant actions that do not end is refused`() {
        var bench = MachineBench()
        for number in 0..<100 { bench.act("beep", "\(number)") }
        #expect(bench.state.instantActionStates.count == MachineMemory.instantActionLimit)
        #expect(bench.errors == ["instantActionError"])
    }

    @Test func `every step of an action is one that the standard allows`() {
        let allowed: [ActionStatus: [ActionStatus]] = [
            .waiting: [.initializing, .running, .failed, .finished],
            .initializing: [.paused, .running, .failed], .paused: [.initializing, .running, .failed],
            .running: [.paused, .retriable, .failed, .finished],
            .retriable: [.initializing, .running, .failed, .finished], .finished: [], .failed: [],
        ]
        for from in ActionStatus.allCases {
            for next in ActionStatus.allCases {
                #expect(from.mayBecome(next) == allowed[from]?.contains(next))
            }
        }
    }

    // MARK: restart

    @Test func `after a restart the drive is told again, and old ids are still answered`() throws {
        var bench = MachineBench()
        let actions = [self.action("b", .none), self.action("p", .none, type: "pick")]
        bench.act("lift", "l", .hard)
        bench.say(.action("l", .finished("up")))
        bench.send(order(nodeActions: [0: actions]))
        let before = bench.state
        try bench.restart()
        #expect(bench.state == before)
        #expect(bench.drives == [2])
        // What may be repeated is, what may not is asked for.
        #expect(bench.begun == ["b"])
        #expect(bench.commands.contains(.recall(actions[1])))
        bench.act("lift", "l", .hard)
        #expect(bench.begun == ["b"] && bench.state.action("l")?.result == "up")
        bench.send(order(nodeActions: [0: actions]))
        #expect(bench.errors.isEmpty && bench.drives == [2])
    }

    @Test func `what nobody knows the end of stops the order, what was never begun begins`() throws {
        var bench = MachineBench()
        bench.send(order(nodeActions: [0: [self.action("p", .hard, type: "pick")]]))
        try bench.restart()
        bench.say(.action("p", .neverBegun))
        #expect(bench.begun == ["p"])
        try bench.restart()
        bench.say(.action("p", .unknown))
        #expect(bench.status("p") == .failed && bench.drives.isEmpty && bench.errors == ["orderError"])
    }

    @Test func `a restart in the middle of a cancel ends the cancel`() throws {
        var bench = MachineBench()
        bench.send(order(nodeActions: [0: [self.action("a", .none)]]))
        bench.act("cancelOrder", "c")
        try bench.restart()
        #expect(
            bench.commands.contains(.stop(DriveKey(orderId: "o", sequenceId: 2)))
                && bench.commands.contains(.cancel("a")))
        bench.stop()
        bench.say(.action("a", .neverBegun))
        #expect(bench.status("c") == .finished && bench.status("a") == .failed && bench.machine.isIdle)
    }
}
