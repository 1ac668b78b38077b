internal import Encoding

/// The robot's side of orders and actions: events in, effects out; no clock, no I/O. No rule of the
/// standard about orders depends on time, so no event carries one.
/// Source: VDA 5050 2.1.0 sections 6.6 to 6.12.
struct OrderMachine: Sendable {
    enum Event: Sendable {
        case order(Order)
        case instantActions([Action])
        /// A message that is not one; what could be read of its names.
        case unreadable(Topic, reason: String, references: [Reference])
        case vehicle(VehicleReport)
        /// The process starts again with the memory of the last one.
        case restarted
    }

    enum Effect: Sendable, Equatable {
        /// Make the memory durable, before anything that follows.
        case save
        case command(VehicleCommand)
        case publishState
        case publishFactsheet
    }

    let version: Version
    let abilities: Abilities
    var memory = MachineMemory()
    var condition = Condition()
    /// What the event that is being handled asks for.
    var commands: [VehicleCommand] = []
    var wantsState = false
    var wantsFactsheet = false

    /// The most nodes of an order, and the most actions of a node or an edge.
    static let nodeLimit = 256
    static let actionLimit = 32
    /// The most actions that an order may have in all.
    static let orderActionLimit = 256
    /// The most bytes of a name.
    static let nameLimit = 256

    init(version: Version, abilities: Abilities) {
        self.version = version
        self.abilities = abilities
    }

    /// - Throws: `JSONError` for a memory that this program did not write.
    init(version: Version, abilities: Abilities, memory: JSON) throws(JSONError) {
        self.init(version: version, abilities: abilities)
        self.memory = try MachineMemory.read(JSONField(memory), .stored)
    }

    /// The memory, for the disk.
    func stored() throws(JSONError) -> JSON { try self.memory.written(.stored, at: "") }

    mutating func handle(_ event: Event) -> [Effect] {
        let before = self.memory
        let shown = self.shown
        self.commands = []
        self.wantsState = false
        self.wantsFactsheet = false
        switch event {
        case .order(let order): self.receive(order)
        case .instantActions(let actions): for action in actions { self.receive(action) }
        case .unreadable(let topic, let reason, let references):
            let kind: FaultKind = topic == .instantActions ? .instantAction : .validation
            self.tell(Refusal(kind: kind, reason: reason, references: references))
        case .vehicle(let report): self.receive(report)
        case .restarted: self.recover()
        }
        self.advance()
        var effects: [Effect] = self.memory == before ? [] : [.save]
        effects += self.commands.map { .command($0) }
        if self.wantsState || self.shown != shown { effects.append(.publishState) }
        if self.wantsFactsheet { effects.append(.publishFactsheet) }
        return effects
    }

    /// Nothing to drive and nothing to do. Source: VDA 5050 3.0.0, order acceptance.
    var isIdle: Bool {
        self.memory.nodes.isEmpty && self.memory.edges.isEmpty && self.memory.motion == .standing
            && self.memory.cancels.isEmpty && self.memory.actions.allSatisfy(\.status.isFinal)
    }

    /// Whether the wheels stand.
    var stands: Bool {
        self.memory.motion == .standing || self.memory.isHolding && self.memory.isHeld
    }

    /// Tells an error until the next accepted order or instant action.
    mutating func tell(_ refusal: Refusal) {
        let words = refusal.kind.words(self.version)
        var record = FaultRecord()
        record.kind = refusal.kind
        record.fault.errorType = words.type
        record.fault.level = words.level
        record.fault.description = refusal.reason
        if !refusal.references.isEmpty { record.fault.references = refusal.references }
        self.memory.faults.removeAll { $0 == record }
        if self.memory.faults.count >= MachineMemory.faultLimit {
            // What stops the robot must stay; there is at most one of it for each node and action.
            let oldest = self.memory.faults.firstIndex { !$0.fault.level.stops } ?? 0
            self.memory.faults.remove(at: oldest)
        }
        self.memory.faults.append(record)
        self.wantsState = true
    }
}

extension ErrorLevel {
    /// Whether a robot with such an error must not drive on.
    var stops: Bool { self == .critical || self == .fatal }
}
