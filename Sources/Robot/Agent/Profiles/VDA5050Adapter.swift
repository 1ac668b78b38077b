internal import Devices
internal import Encoding
internal import VDA5050

/// Commands of a thing whose profile is VDA 5050, as orders and instant actions. The command's id is the
/// order's, or the action's: repeated, it is the same one.
struct VDA5050Adapter: ProfileAdapter {
    let control: RobotControl

    func rest(_ isResting: Bool) { self.control.rest(isResting) }
    func run() async throws { try await self.control.run() }

    func perform(
        _ action: String, _ input: JSON, id: String, thing: String, for duration: Duration
    ) async throws -> CommandOutcome {
        do {
            switch action {
            case "drive":
                return Self.outcome(
                    try await self.control.execute(try Self.order(input, id: id), for: duration))
            case "cancel":
                let order = try JSONField(input)["order"].string()
                return try await self.cancel(order, id: id, for: duration)
            case "pause", "resume":
                let type = action == "pause" ? "startPause" : "stopPause"
                return Self.outcome(
                    try await self.control.act(Action(type, id: id), for: duration))
            default: throw DeviceError.notCommandable(thing: thing, name: action)
            }
        } catch let error as JSONError {
            throw DeviceError.value(affordance: action, reason: error.description)
        } catch let error as FleetError {
            switch error {
            case .busy: throw DeviceError.busy(thing: thing, name: action)
            case .otherContent: throw DeviceError.otherContent(id: id)
            case .tooMany(let limit): throw DeviceError.tooManyOpen(limit: limit)
            case .unspeakable(let reason): throw DeviceError.value(affordance: action, reason: reason)
            case .notActive(let order): return CommandOutcome(.failed, .string("\(order) is not active"))
            case .silent(let reason, let wasSent):
                return CommandOutcome(wasSent ? .unknown : .received, .string(reason))
            case .wrongUpdate: return CommandOutcome(.failed, .string("not the next update"))
            }
        }
    }

    private func cancel(_ order: String, id: String, for duration: Duration) async throws -> CommandOutcome {
        do {
            try await self.control.cancel(order, id: id)
        } catch FleetError.notActive {
            // It has ended, perhaps by this very command before a restart.
            guard try await self.control.record(order) != nil else {
                return CommandOutcome(.failed, .string("\(order) was never given"))
            }
        }
        guard let record = try await self.control.follow(order, for: duration) else {
            return CommandOutcome(.unknown)
        }
        guard record.state.isFinal else {
            return CommandOutcome(
                record.reason == nil ? .started : .unknown, record.reason.map { .string($0) })
        }
        return record.isCancelled
            ? CommandOutcome(.done)
            : CommandOutcome(.failed, .string(record.reason ?? "the order ended before"))
    }

    private static func outcome(_ record: OrderRecord) -> CommandOutcome {
        let hasObstacle = record.state == .started && record.reason != nil
        return CommandOutcome(
            hasObstacle ? .unknown : CommandState(record.state), record.reason.map { .string($0) })
    }

    private static func outcome(_ state: ActionState?) -> CommandOutcome {
        switch state?.status {
        case .finished?: CommandOutcome(.done)
        case .failed?: CommandOutcome(.failed, .string(state?.result ?? "failed"))
        default: CommandOutcome(.started)
        }
    }

    /// An order along the nodes of the input; the first is where the robot stands.
    static func order(_ input: JSON, id: String) throws(JSONError) -> Order {
        let fields = try JSONField(input)["nodes"].elements()
        guard fields.count <= RobotControl.nodeLimit else {
            throw JSONField(input)["nodes"].fault("more than \(RobotControl.nodeLimit)")
        }
        var nodes: [Node] = []
        var edges: [Edge] = []
        for (index, field) in fields.enumerated() {
            try field.only(["node", "x", "y", "theta", "map", "actions"])
            let place = UInt32(2 * index)
            var node = Node(try field["node"].string(), sequenceId: place)
            if field["x"].exists || field["map"].exists {
                node.position = NodePosition(
                    x: try field["x"].number(), y: try field["y"].number(),
                    theta: try field["theta"].ifPresent?.number(), mapId: try field["map"].string())
            }
            for (number, element) in try (field["actions"].ifPresent?.elements() ?? []).enumerated() {
                node.actions.append(try Self.action(element, id: "\(id)/\(place)/\(number)"))
            }
            if let last = nodes.last {
                edges.append(
                    Edge(
                        "\(last.nodeId)-\(node.nodeId)", sequenceId: place - 1, from: last.nodeId,
                        to: node.nodeId))
            }
            nodes.append(node)
        }
        return Order(id, nodes: nodes, edges: edges)
    }

    private static func action(_ field: JSONField, id: String) throws(JSONError) -> Action {
        try field.only(["type", "blocking", "parameters"])
        var action = Action(try field["type"].string(), id: id, blocking: .hard)
        if let blocking = field["blocking"].ifPresent {
            action.blockingType = try BlockingType(blocking, .three)
        }
        if let members = try field["parameters"].ifPresent?.members() {
            action.parameters = members.map { Parameter($0.name, $0.field.value ?? false) }
        }
        return action
    }
}

extension CommandState {
    init(_ state: OrderState) {
        self =
            switch state {
            case .received: .received
            case .started: .started
            case .done: .done
            case .unknown: .unknown
            case .failed: .failed
            }
    }
}
