import Encoding
import Testing

@testable import VDA5050

/// How orders and updates are taken. Source: VDA 5050 2.1.0 sections 6.6.2 to 6.6.4.
@Suite struct OrderRuleTests {
    @Test func `an order is driven edge by edge to its end, and then the robot is idle`() {
        var bench = MachineBench()
        bench.send(order())
        #expect(bench.state.orderId == "o")
        // The robot stands on the first node: it is passed.
        #expect(bench.state.lastNodeId == "n0")
        #expect(bench.state.nodeStates.map(\.sequenceId) == [2, 4])
        #expect(bench.state.edgeStates.map(\.sequenceId) == [1, 3])
        #expect(bench.drives == [2])
        #expect(bench.state.driving)
        bench.arrive(2)
        #expect(bench.state.lastNodeId == "n1")
        #expect(bench.state.lastNodeSequenceId == 2)
        bench.arrive(4)
        #expect(bench.drives == [2, 4])
        #expect(bench.machine.isIdle && !bench.state.driving)
        #expect(bench.state.orderId == "o")
    }

    @Test func `the memory is saved before the vehicle or the fleet hears of it`() {
        var bench = MachineBench()
        bench.send(order())
        #expect(bench.effects.first == .save)
        #expect(bench.effects.last == .publishState)
        #expect(bench.effects.count == 3)
    }

    @Test func `at the end of the base it waits, and asks for more`() {
        var bench = MachineBench()
        bench.send(order(nodes: 4, base: 2))
        #expect(bench.state.newBaseRequest == true)
        bench.arrive(2)
        #expect(bench.drives == [2])
        #expect(!bench.machine.isIdle)
        #expect(bench.state.nodeStates.map(\.released) == [false, false])
        bench.send(order(update: 1, from: 2, nodes: 3))
        #expect(bench.drives == [2, 4])
        #expect(bench.state.newBaseRequest == false)
    }

    @Test func `an update before the end of the base goes on without a stop, and replaces the horizon`() {
        var bench = MachineBench()
        bench.send(order(nodes: 4, base: 2))
        bench.send(order(update: 1, from: 2, nodes: 2))
        #expect(bench.state.nodeStates.map(\.sequenceId) == [2, 4])
        #expect(bench.state.edgeStates.map(\.sequenceId) == [1, 3])
        #expect(bench.state.orderUpdateId == 1)
        bench.arrive(2)
        bench.arrive(4)
        #expect(bench.machine.isIdle)
    }

    @Test func `a finished order can be extended`() {
        var bench = MachineBench()
        bench.send(order(nodes: 1))
        #expect(bench.machine.isIdle)
        bench.send(order(update: 1, nodes: 2))
        #expect(bench.drives == [2])
    }

    @Test(arguments: Version.allCases)
    func `the same message again is ignored, and answered by a state`(_ version: Version) {
        var bench = MachineBench(version)
        bench.send(order())
        let commands = bench.commands
        var again = order()
        again.header.headerId = 7
        bench.send(again)
        #expect(bench.effects == [.publishState])
        #expect(bench.commands == commands)
        #expect(bench.errors.isEmpty)
    }

    static let refusals: [(String, Order, two: String, three: String)] = [
        ("older", order(update: 0, from: 2), "orderUpdateError", "OUTDATED_ORDER_UPDATE"),
        ("other content", order(update: 1, from: 2, nodes: 4), "orderUpdateError", "SAME_ORDER_UPDATE_ID"),
        ("stitched elsewhere", order(update: 2, from: 6), "orderUpdateError", "VALIDATION_FAILURE"),
        ("another order", order("p"), "orderUpdateError", "OTHER_ORDER_ACTIVE"),
        ("no nodes", Order("o", update: 2, nodes: [], edges: []), "validationError", "VALIDATION_FAILURE"),
    ]

    @Test(arguments: OrderRuleTests.refusals, Version.allCases)
    func `what cannot be taken is told, and the order goes on`(
        _ refusal: (String, Order, two: String, three: String), _ version: Version
    ) {
        var bench = MachineBench(version)
        bench.send(order(nodes: 4, base: 2))
        bench.send(order(update: 1, from: 2, nodes: 3, base: 2))
        let before = bench.machine.memory
        bench.send(refusal.1)
        #expect(bench.errors == [version == .two ? refusal.two : refusal.three])
        #expect(bench.state.errors.first?.level == .warning)
        #expect(bench.state.errors.first?.refers(to: "orderId", refusal.1.orderId) == true)
        var after = bench.machine.memory
        after.faults = []
        #expect(after == before)
        // The next good update takes the error away.
        bench.send(order(update: 3, from: 4, nodes: 2))
        #expect(bench.errors.isEmpty)
        for place in [2, 4, 6] as [UInt32] { bench.arrive(place) }
        #expect(bench.machine.isIdle)
    }

    @Test func `a decision point with other content is refused`() {
        var bench = MachineBench()
        bench.send(order(nodes: 3, base: 2))
        bench.send(order(update: 1, from: 2, nodes: 2, nodeActions: [2: [Action("pick", id: "new")]]))
        #expect(bench.errors == ["orderUpdateError"])
        // New actions for the same place: it is sent as it was, and again two places further.
        var update = order(update: 1, from: 2, nodes: 2, nodeActions: [4: [Action("pick", id: "new")]])
        update.nodes[1].nodeId = "n1"
        update.edges[0].endNodeId = "n1"
        bench.send(update)
        bench.arrive(2)
        bench.arrive(4)
        #expect(bench.begun == ["new"])
    }

    @Test(arguments: Version.allCases)
    func `after a cancel no update is taken, and a new order is`(_ version: Version) {
        var bench = MachineBench(version)
        bench.send(order(nodes: 4, base: 2))
        bench.act("cancelOrder", "c")
        bench.arrive(2)
        bench.send(order(update: 1, from: 2))
        #expect(bench.errors == [version == .two ? "orderUpdateError" : "ORDER_UPDATE_FOLLOWING_CANCEL"])
        var next = order("p", nodes: 2)
        next.nodes[0].nodeId = "n1"
        next.edges[0].startNodeId = "n1"
        bench.send(next)
        #expect(bench.errors.isEmpty)
        #expect(bench.state.orderId == "p")
    }

    @Test func `a new order begins at 0, where the robot is`() {
        var bench = MachineBench(.three)
        bench.send(order(update: 1))
        #expect(bench.errors == ["VALIDATION_FAILURE"])
        bench.send(order(from: 2))
        #expect(bench.errors == ["VALIDATION_FAILURE", "VALIDATION_FAILURE"])
        var far = order()
        far.nodes[0].nodeId = "elsewhere"
        far.edges[0].startNodeId = "elsewhere"
        bench.send(far)
        #expect(bench.errors.last == "START_NODE_OUT_OF_RANGE")
        #expect(bench.state.orderId.isEmpty)
    }

    /// 2.1.0 says nowhere with which numbers an order begins (section 6.6.1); 3.0.0 does.
    @Test func `a new order of 2.1.0 begins with any number`() {
        var bench = MachineBench(.two)
        bench.send(order(update: 1))
        #expect(bench.errors.isEmpty && bench.state.orderUpdateId == 1)
        for place in [2, 4] as [UInt32] { bench.arrive(place) }
        #expect(bench.machine.isIdle)
        var next = order("p", from: 4, nodes: 2)
        next.nodes[0].nodeId = bench.state.lastNodeId
        next.edges[0].startNodeId = bench.state.lastNodeId
        bench.send(next)
        #expect(bench.errors.isEmpty && bench.state.lastNodeSequenceId == 4)
        bench.arrive(6)
        #expect(bench.machine.isIdle)
    }

    /// VDA 5050 2.1.0 section 6.6.2, figure 8: the decision point is named by nodeId and sequenceId.
    @Test(arguments: Version.allCases)
    func `a decision point that leaves out what it said is taken in 2_1_0`(_ version: Version) {
        var bench = MachineBench(version)
        let pick = [2: [Action("pick", id: "a")]] as [UInt32: [Action]]
        bench.send(order(nodes: 3, base: 2, nodeActions: pick))
        bench.send(order(update: 1, from: 2, nodes: 2))
        guard version == .two else {
            #expect(bench.errors == ["VALIDATION_FAILURE"])
            return
        }
        #expect(bench.errors.isEmpty && bench.state.orderUpdateId == 1)
        bench.arrive(2)
        // The first instructions hold.
        #expect(bench.begun == ["a"])
        bench.say(.action("a", .finished(nil)))
        // Again, with them and without, and not with others.
        bench.arrive(4)
        #expect(bench.machine.isIdle)
        bench.send(order(update: 2, from: 4, nodes: 2))
        #expect(bench.errors.isEmpty && bench.state.orderUpdateId == 2)
    }

    @Test func `a start node counts within its deviation, on its map, in its direction`() {
        func isTaken(_ x: Double, _ y: Double, _ change: (inout NodePosition) -> Void = { _ in }) -> Bool {
            var bench = MachineBench()
            var condition = Condition()
            condition.position = Position()
            condition.position?.mapId = "hall"
            condition.position?.isLocalized = true
            bench.say(.condition(condition))
            var order = order()
            order.nodes[0].nodeId = "start"
            order.edges[0].startNodeId = "start"
            var position = NodePosition(x: x, y: y, mapId: "hall")
            change(&position)
            order.nodes[0].position = position
            bench.send(order)
            return bench.state.orderId == "o"
        }
        #expect(isTaken(0.3, 0.3))
        #expect(!isTaken(0.4, 0.4))
        #expect(isTaken(4, 0) { $0.allowedDeviation = Ellipse(a: 5, b: 1, theta: 0) })
        #expect(!isTaken(0, 4) { $0.allowedDeviation = Ellipse(a: 5, b: 1, theta: 0) })
        #expect(isTaken(0, 4) { $0.allowedDeviation = Ellipse(a: 5, b: 1, theta: 1.57) })
        #expect(isTaken(3, 3) { $0.allowedDeviation = Ellipse(a: 5, b: 1, theta: 0.785398) })
        #expect(!isTaken(3, -3) { $0.allowedDeviation = Ellipse(a: 5, b: 1, theta: 0.785398) })
        #expect(!isTaken(0, 0) { $0.mapId = "yard" })
    }

    @Test func `the shape of an order is checked before all else`() {
        func fault(_ change: (inout Order) -> Void) -> String? {
            var bench = MachineBench()
            var order = order()
            change(&order)
            bench.send(order)
            #expect(bench.state.orderId.isEmpty && bench.drives.isEmpty)
            return bench.errors.first
        }
        #expect(fault { $0.edges.removeLast() } == "validationError")
        #expect(fault { $0.nodes[0].released = false } == "validationError")
        #expect(fault { $0.nodes[1].released = false } == "validationError")
        #expect(fault { $0.edges[0].released = false } == "validationError")
        #expect(fault { $0.edges[1].sequenceId = 5 } == "validationError")
        #expect(fault { $0.nodes[2].sequenceId = 2 } == "validationError")
        #expect(fault { $0.edges[0].endNodeId = "n2" } == "validationError")
        #expect(fault { $0.orderId = "" } == "validationError")
        #expect(fault { $0.edges[0].trajectory = Trajectory() } == "orderError")
        #expect(fault { $0.zoneSetId = "z" } == "orderError")
        #expect(fault { $0.nodes[1].position = NodePosition(x: 0, y: 0, mapId: "yard") } == "orderError")
        #expect(fault { $0.nodes[1].actions = [Action("fly", id: "a")] } == "orderError")
        #expect(fault { $0.nodes[1].actions = [Action("lift", id: "a", blocking: .none)] } == "orderError")
        #expect(fault { $0.edges[0].actions = [Action("pick", id: "a")] } == "orderError")
        #expect(
            fault { $0.nodes[1].actions = Array(repeating: Action("pick", id: "a"), count: 2) }
                == "orderError")
        #expect(
            fault { order in order.nodes = (0..<600).map { Node("n", sequenceId: $0 * 2) } } == "orderError"
        )
    }

    @Test func `a member that the robot does not honour is an error of 3-0-0 that stops it`() {
        var bench = MachineBench(.three)
        bench.send(order(nodes: 3, base: 2))
        var update = order(update: 1, from: 2, nodes: 2)
        update.edges[0].corridor = Corridor()
        bench.send(update)
        #expect(bench.errors == ["UNSUPPORTED_PARAMETER"])
        #expect(bench.state.errors.first?.level == .critical)
        #expect(bench.state.errors.first?.refers(to: "parameter", "corridor") == true)
    }

    @Test func `an order that was there before is not done again`() {
        var bench = MachineBench()
        bench.send(order("first", nodes: 1))
        bench.send(order("second", nodes: 1))
        bench.send(order("first", nodes: 1))
        #expect(bench.state.orderId == "second")
        #expect(bench.errors == ["orderUpdateError"])
    }

    @Test func `a malformed message is told with what could be read of it`() {
        var bench = MachineBench()
        bench.handle(
            .unreadable(.order, reason: "/nodes: expected an array", references: [.init("orderId", "x")]))
        #expect(bench.errors == ["validationError"])
        bench.handle(.unreadable(.instantActions, reason: "/actions", references: []))
        #expect(bench.errors == ["validationError", "instantActionError"])
        bench.send(order())
        #expect(bench.errors == ["instantActionError"])
        bench.act("stateRequest", "s")
        #expect(bench.errors.isEmpty)
    }

    @Test func `a flood of errors does not fill the memory`() {
        var bench = MachineBench()
        for number in 0..<80 { bench.send(Order("o\(number)", nodes: [], edges: [])) }
        #expect(bench.errors.count == MachineMemory.faultLimit)
    }

    @Test func `an order that is extended for ever does not fill the memory`() {
        var bench = MachineBench()
        bench.send(order(nodes: 1))
        for update in 1..<400 as Range<UInt32> {
            let place = 2 * update
            let actions = (0..<3).map { Action("beep", id: "\(update)-\($0)") }
            bench.send(
                order(
                    update: update, from: place - 2, nodes: 2,
                    nodeActions: [place: actions]
                        .merging([place - 2: bench.machine.memory.decision?.actions ?? []]) { $1 }))
            bench.arrive(place)
            for action in actions { bench.say(.action(action.actionId, .finished(nil))) }
        }
        #expect(bench.state.lastNodeSequenceId == 798)
        #expect(bench.state.actionStates.count <= OrderMachine.orderActionLimit)
        #expect(bench.machine.memory.pastActions.count == MachineMemory.pastActionLimit)
    }

    @Test(arguments: Version.allCases)
    func `in modes of a person no order is taken, and the order is cleared`(_ version: Version) {
        for mode in [OperatingMode.manual, .service, .teachIn, .startup] {
            guard mode.word(version.dialect) != nil else { continue }
            var bench = MachineBench(version)
            bench.send(order(nodeActions: [4: [Action("pick", id: "p")]]))
            bench.become(mode)
            #expect(bench.commands.last == .stop(DriveKey(orderId: "o", sequenceId: 2)))
            #expect(bench.state.nodeStates.isEmpty && bench.state.edgeStates.isEmpty)
            #expect(bench.status("p") == .failed)
            #expect(bench.state.lastNodeId == (mode == .manual ? "n0" : ""))
            bench.send(order("q"))
            #expect(bench.errors == [version == .two ? "orderError" : "MOBILE_ROBOT_NOT_AVAILABLE"])
            bench.become(.automatic)
            #expect(bench.errors.isEmpty)
            bench.send(order(update: 1, from: 4))
            #expect(bench.errors == [version == .two ? "orderUpdateError" : "ORDER_UPDATE_FOLLOWING_CANCEL"])
        }
    }

    @Test func `INTERVENED keeps the order and holds the robot`() {
        var bench = MachineBench(.three)
        bench.send(order())
        bench.become(.intervened)
        #expect(bench.commands.last == .hold(1))
        #expect(bench.state.nodeStates.count == 2)
        bench.hold()
        #expect(!bench.state.driving)
        bench.become(.automatic)
        #expect(bench.commands.last == .resume)
    }

    @Test func `an unreachable node stops the robot until the fleet says something new`() {
        for version in Version.allCases {
            var bench = MachineBench(version)
            bench.send(order(nodes: 3, base: 2))
            bench.say(.unreachable(DriveKey(orderId: "o", sequenceId: 2), reason: "a pallet"))
            #expect(bench.errors == [version == .two ? "noRouteError" : "NODE_UNREACHABLE"])
            #expect(bench.state.errors.first?.level == (version == .two ? .fatal : .critical))
            // An error never clears the order.
            #expect(bench.state.nodeStates.count == 2 && !bench.state.driving)
            bench.send(order(update: 1, from: 2, nodes: 2))
            #expect(bench.drives == [2, 2])
        }
    }

    @Test func `what arrives late or twice is ignored`() {
        var bench = MachineBench()
        bench.send(order())
        bench.arrive(4)
        bench.say(.arrived(DriveKey(orderId: "other", sequenceId: 2)))
        bench.stop()
        bench.hold()
        #expect(bench.state.lastNodeId == "n0" && bench.state.driving)
        bench.arrive(2)
        bench.arrive(2)
        #expect(bench.state.lastNodeId == "n1")
    }
}
