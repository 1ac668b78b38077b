import Encoding
import Testing

@testable import VDA5050

extension Version: CustomTestStringConvertible {
    public var testDescription: String { self.rawValue }
}

/// An order machine on the bench: what was told to the vehicle, and short words for the fleet's messages.
struct MachineBench {
    var machine: OrderMachine
    var commands: [VehicleCommand] = []
    var effects: [OrderMachine.Effect] = []

    static let abilities = Abilities(
        actions: [
            ActionAbility(
                "beep", scopes: [.node, .edge, .instant], pauseAllowed: true, cancelAllowed: true,
                isIdempotent: true),
            ActionAbility("pick", scopes: [.node]),
            ActionAbility("lift", scopes: [.node, .instant], blockingTypes: [.hard], cancelAllowed: true),
        ], fields: [.maximumSpeed], maps: ["hall"])

    init(_ version: Version = .two) {
        self.machine = OrderMachine(version: version, abilities: Self.abilities)
        var condition = Condition()
        condition.nodeId = "n0"
        self.say(.condition(condition))
        self.commands = []
    }

    @discardableResult
    mutating func handle(_ event: OrderMachine.Event) -> [OrderMachine.Effect] {
        self.effects = self.machine.handle(event)
        for case .command(let command) in self.effects { self.commands.append(command) }
        return self.effects
    }

    mutating func say(_ report: VehicleReport) { self.handle(.vehicle(report)) }
    mutating func send(_ order: Order) { self.handle(.order(order)) }
    mutating func act(_ type: String, _ id: String, _ blocking: BlockingType = .none) {
        self.handle(.instantActions([Action(type, id: id, blocking: blocking)]))
    }

    /// The vehicle comes to the node with this place.
    mutating func arrive(_ place: UInt32) {
        self.say(.arrived(DriveKey(orderId: self.machine.memory.orderId, sequenceId: place)))
    }

    /// The vehicle stands after the last hold.
    mutating func hold() { self.say(.held(self.machine.memory.holds)) }

    /// The vehicle has given its way up.
    mutating func stop() {
        self.say(.stopped(self.machine.drive?.key ?? DriveKey(orderId: "", sequenceId: 0)))
    }

    mutating func become(_ mode: OperatingMode) {
        var condition = self.machine.condition
        condition.nodeId = nil
        condition.mode = mode
        self.say(.condition(condition))
    }

    /// The process dies and starts again from what was saved last.
    mutating func restart() throws {
        let memory = try JSON.read(try self.machine.stored().text)
        let condition = self.machine.condition
        self.machine = try OrderMachine(
            version: self.machine.version, abilities: self.machine.abilities, memory: memory)
        self.machine.condition = condition
        self.commands = []
        self.handle(.restarted)
    }

    /// Where it drives now: the place of the last drive.
    var drives: [UInt32] {
        self.commands.compactMap { if case .drive(let drive) = $0 { drive.node.sequenceId } else { nil } }
    }
    var begun: [String] {
        self.commands.compactMap { if case .begin(let action) = $0 { action.actionId } else { nil } }
    }
    var state: State { self.machine.state }
    var errors: [String] { self.state.errors.map(\.errorType) }
    func status(_ id: String) -> ActionStatus? { self.state.action(id)?.status }
}

/// An order along the nodes n0, n1, ...; `base` of its nodes are released.
func order(
    _ id: String = "o", update: UInt32 = 0, from first: UInt32 = 0, nodes count: Int = 3, base: Int? = nil,
    nodeActions: [UInt32: [Action]] = [:], edgeActions: [UInt32: [Action]] = [:]
) -> Order {
    let places = (0..<UInt32(count)).map { first + 2 * $0 }
    let released = first + 2 * UInt32(base ?? count)
    let nodes = places.map { place in
        Node(
            "n\(place / 2)", sequenceId: place, released: place < released, actions: nodeActions[place] ?? [])
    }
    let edges = places.dropFirst().map { place in
        Edge(
            "e\(place / 2)", sequenceId: place - 1, released: place < released, from: "n\(place / 2 - 1)",
            to: "n\(place / 2)", actions: edgeActions[place - 1] ?? [])
    }
    return Order(id, update: update, nodes: nodes, edges: Array(edges))
}
