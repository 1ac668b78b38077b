/// What an order must look like whatever the robot does. Source: VDA 5050 2.1.0 section 6.6.1.
enum OrderShape {
    /// - Throws: `Refusal` with the first thing that is wrong.
    static func check(_ order: Order, abilities: Abilities) throws(Refusal) {
        guard !order.orderId.isEmpty, order.orderId.utf8.count <= OrderMachine.nameLimit else {
            throw Refusal(
                kind: .validation, reason: "an orderId has 1 to \(OrderMachine.nameLimit) bytes")
        }
        guard order.nodes.count <= OrderMachine.nodeLimit else {
            throw Refusal(kind: .tooLarge, reason: "more than \(OrderMachine.nodeLimit) nodes")
        }
        guard let first = order.nodes.first, order.edges.count == order.nodes.count - 1 else {
            throw Refusal(kind: .validation, reason: "an order has one node more than edges")
        }
        guard first.released else {
            throw Refusal(
                kind: .validation, reason: "the first node is not released", references: [.node(first)])
        }
        try self.checkSequence(order, first)
        try self.checkActions(order, abilities)
        if let field = OptionalField.missing(in: order, from: abilities.fields) {
            throw Refusal(
                kind: .unsupportedField, reason: "this robot does not honour \(field.rawValue)",
                references: [Reference("parameter", field.rawValue)])
        }
        if abilities.needsPosition,
            let node = order.nodes.dropFirst().first(where: { $0.position == nil })
        {
            throw Refusal(
                kind: .validation, reason: "this robot needs the nodePosition of every node it drives to",
                references: [Reference("parameter", "nodePosition"), .node(node)])
        }
        if let maps = abilities.maps {
            for node in order.nodes {
                guard let map = node.position?.mapId, !maps.contains(map) else { continue }
                throw Refusal(
                    kind: .unknownMap, reason: "the map is not known here",
                    references: [Reference("mapId", map), .node(node)])
            }
        }
    }

    private static func checkSequence(_ order: Order, _ first: Node) throws(Refusal) {
        guard first.sequenceId % 2 == 0 else {
            throw Refusal(
                kind: .validation, reason: "a node's sequenceId is even", references: [.node(first)])
        }
        var isBase = true
        for (index, edge) in order.edges.enumerated() {
            let place = UInt64(first.sequenceId) + 2 * UInt64(index) + 1
            let end = order.nodes[index + 1]
            guard UInt64(edge.sequenceId) == place, UInt64(end.sequenceId) == place + 1 else {
                throw Refusal(
                    kind: .validation, reason: "the sequence is broken at \(place)",
                    references: [.edge(edge)])
            }
            guard edge.startNodeId ?? order.nodes[index].nodeId == order.nodes[index].nodeId,
                edge.endNodeId ?? end.nodeId == end.nodeId
            else {
                throw Refusal(
                    kind: .validation, reason: "the edge does not lead from node to node",
                    references: [.edge(edge)])
            }
            for released in [edge.released, end.released] {
                guard isBase || !released else {
                    throw Refusal(
                        kind: .validation, reason: "released after the horizon has begun",
                        references: [.edge(edge)])
                }
                isBase = released
            }
        }
    }

    private static func checkActions(_ order: Order, _ abilities: Abilities) throws(Refusal) {
        var known: Set<String> = []
        for (actions, scope, _) in order.places {
            guard actions.count <= OrderMachine.actionLimit else {
                throw Refusal(kind: .tooLarge, reason: "more than \(OrderMachine.actionLimit) actions")
            }
            for action in actions {
                try self.check(action, in: scope, abilities, as: .orderAction)
                guard known.insert(action.actionId).inserted else {
                    throw Refusal(
                        kind: .orderAction, reason: "two actions with one id",
                        references: [Reference("actionId", action.actionId)])
                }
            }
        }
        guard known.count <= OrderMachine.orderActionLimit else {
            throw Refusal(
                kind: .tooLarge, reason: "more than \(OrderMachine.orderActionLimit) actions")
        }
    }

    /// Whether the robot knows the action, there and with this blocking type.
    static func check(
        _ action: Action, in scope: ActionScope, _ abilities: Abilities, as kind: FaultKind
    ) throws(Refusal) {
        let reference = Reference("actionId", action.actionId)
        guard !action.actionId.isEmpty, action.actionId.utf8.count <= OrderMachine.nameLimit else {
            throw Refusal(kind: kind, reason: "an actionId has 1 to \(OrderMachine.nameLimit) bytes")
        }
        guard let ability = abilities.action(action.actionType, in: scope) else {
            throw Refusal(
                kind: kind, reason: "this robot knows no such action here",
                references: [reference, Reference("actionType", action.actionType)])
        }
        guard ability.blockingTypes.contains(action.blockingType) else {
            throw Refusal(
                kind: kind, reason: "the action does not go with this blocking type",
                references: [reference, Reference("blockingType", action.blockingType.rawValue)])
        }
    }
}

extension Order {
    /// The actions of each place, in the order of the sequence.
    var places: [(actions: [Action], scope: ActionScope, sequenceId: UInt32)] {
        let nodes = self.nodes.map { ($0.actions, ActionScope.node, $0.sequenceId) }
        let edges = self.edges.map { ($0.actions, ActionScope.edge, $0.sequenceId) }
        return (nodes + edges).sorted { $0.2 < $1.2 }
    }
}

extension Reference {
    static func node(_ node: Node) -> Reference {
        Reference("nodeId", node.nodeId)
    }
    static func edge(_ edge: Edge) -> Reference {
        Reference("edgeId", edge.edgeId)
    }
}
