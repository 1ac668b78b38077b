internal import Encoding
internal import SystemPackage
internal import World

extension VDA5050 {
    /// Commands of a thing whose profile is VDA 5050, as orders and instant actions. The command's id is the
    /// order's, or the action's: repeated, it is the same one.
    struct ThingAdapter: Sendable {
        let control: RobotControl
        /// The file of its journal.
        let fileName: String

        /// What a thing of this profile can be told.
        static let actions = ["drive", "cancel", "pause", "resume"]

        /// How a command stands, and the order's end or the reason.
        struct Outcome {
            let state: CommandState
            let result: JSON?

            init(_ state: CommandState, _ result: JSON? = nil) {
                self.state = state
                self.result = result
            }
        }

        /// - Parameter folder: where the journal of orders is kept, one file a robot; nil is memory.
        init(
            _ identity: Identity, bus: any MessageBus, folder: FilePath?, timeline: any Timeline,
            onFault: @escaping @Sendable (Topic, String) -> Void = { _, _ in }
        ) throws {
            self.fileName = Self.fileName(identity)
            self.control = try RobotControl(
                identity, bus: bus, store: folder?.appending(self.fileName), timeline: timeline,
                onFault: onFault)
        }

        static func fileName(_ identity: Identity) -> String {
            "vda5050-\(identity.manufacturer)%\(identity.serialNumber).db"
        }

        func perform(
            _ action: String, _ input: JSON, id: String, thing: String, for duration: Duration
        ) async throws -> Outcome {
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
                case .notActive(let order): return Outcome(.failed, .string("\(order) is not active"))
                case .silent(let reason, let wasSent):
                    return Outcome(wasSent ? .unknown : .received, .string(reason))
                case .wrongUpdate: return Outcome(.failed, .string("not the next update"))
                }
            }
        }

        private func cancel(_ order: String, id: String, for duration: Duration) async throws -> Outcome {
            do {
                try await self.control.cancel(order, id: id)
            } catch FleetError.notActive {
                // It has ended, perhaps by this very command before a restart.
                guard try await self.control.record(order) != nil else {
                    return Outcome(.failed, .string("\(order) was never given"))
                }
            }
            guard let record = try await self.control.follow(order, for: duration) else {
                return Outcome(.unknown)
            }
            guard record.state.isFinal else {
                return Outcome(record.reason == nil ? .started : .unknown, record.reason.map { .string($0) })
            }
            return record.reason == Dispatch.cancelled
                ? Outcome(.done)
                : Outcome(.failed, .string(record.reason ?? "the order ended before"))
        }

        private static func outcome(_ record: OrderRecord) -> Outcome {
            let hasObstacle = record.state == .started && record.reason != nil
            return Outcome(hasObstacle ? .unknown : record.state, record.reason.map { .string($0) })
        }

        private static func outcome(_ state: ActionState?) -> Outcome {
            switch state?.status {
            case .finished?: Outcome(.done)
            case .failed?: Outcome(.failed, .string(state?.result ?? "failed"))
            default: Outcome(.started)
            }
        }

        /// An order along the nodes of the input; the first is where the robot stands.
        static func order(_ input: JSON, id: String) throws(JSONError) -> Order {
            let fields = try JSONField(input)["nodes"].elements()
            guard fields.count <= OrderMachine.nodeLimit else {
                throw JSONField(input)["nodes"].fault("more than \(OrderMachine.nodeLimit)")
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
                action.blockingType = try BlockingType.read(blocking, .three)
            }
            if let members = try field["parameters"].ifPresent?.members() {
                action.parameters = members.map { Parameter($0.name, $0.field.value ?? false) }
            }
            return action
        }
    }
}

extension Thing {
    /// The robot behind a `depai:profile`: it is who tells its state where the thing's properties listen.
    static func profile(_ field: JSONField, _ properties: [Property]) throws(JSONError) -> VDA5050.Identity? {
        guard field.exists else { return nil }
        let name = try field.string()
        guard let version = VDA5050.Version.allCases.first(where: { "vda5050/\($0.rawValue)" == name }) else {
            let known = VDA5050.Version.allCases.map { "vda5050/\($0.rawValue)" }.joined(separator: ", ")
            throw field.fault("no adapter for \"\(name.prefix(40))\"; there are \(known)")
        }
        for property in properties {
            for report in property.reports {
                let levels = report.filter.split(separator: "/", omittingEmptySubsequences: false).map(
                    String.init)
                guard levels.count == 5, levels[1] == version.topicLevel, levels[4] == "state" else {
                    continue
                }
                if let identity = VDA5050.Identity(
                    version: version, interface: levels[0], manufacturer: levels[2], serialNumber: levels[3])
                {
                    return identity
                }
            }
        }
        throw field.fault(
            "no property observes INTERFACE/\(version.topicLevel)/MANUFACTURER/SERIAL/state")
    }
}
