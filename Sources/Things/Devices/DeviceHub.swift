internal import Encoding
internal import Messaging
public import SystemPackage
public import World

/// The robot's devices: follows what they say, keeps a twin of each, and commands them exactly once.
public actor DeviceHub {
    /// A thing keeps its place here for as long as the hub lives, also when its description is gone.
    var things: [Thing]
    /// Places of things whose descriptions are gone.
    var retired: Set<Int> = []
    let bus: any MessageBus
    let timeline: any Timeline
    let journal: CommandJournal
    /// The name by which devices that answer a named caller know us.
    let ownName: String
    let boot: String
    /// Where readings are kept that must not be lost.
    let log: ReadingLog?
    var sources: [Source]
    /// Counts the descriptions by which messages are read.
    var generation: UInt64 = 1
    /// Places by name and by id, of the things that are there.
    var indices: [ExactText: Int]
    let inbox: Inbox
    /// What commands the things with a profile, by the machine's source. One whose description is gone rests
    /// here: the bus knows no end of a subscription, and it may come back.
    var adapters: [ExactText: AdaptedMachine] = [:]
    /// Adapters that have to be run.
    let newAdapters: AsyncStream<AdaptedMachine>
    let adapterStarter: AsyncStream<AdaptedMachine>.Continuation
    /// What adapters could not read.
    let adapterFaults: AsyncStream<AdapterFault>
    let adapterFaultTeller: AsyncStream<AdapterFault>.Continuation
    /// Where the journals of the adapters are kept; nil is memory.
    let folder: FilePath?
    /// What was heard lately, for those who look now and then.
    var recent = RecentReadings()
    /// Values that fall back by themselves, and when.
    var fallbacks: [FallbackKey: Duration] = [:]
    /// Places of things that shall be asked for their values.
    var unasked: Set<Int>
    /// Wakes what waits for either.
    let errands: AsyncStream<Void>
    let errandStarter: AsyncStream<Void>.Continuation
    private let broadcast = Broadcast<Reading>(listenerLimit: DeviceHub.listenerLimit)
    private let onFault: @Sendable (DeviceFault) -> Void

    var twinStates: [TwinState]
    /// Commands that somebody waits for, by id.
    var open: [String: OpenCommand] = [:]
    /// When something was published, per thing and affordance, for the owner's limits.
    var publications: [String: [Duration]] = [:]
    package private(set) var isListening = false
    private var ran = false
    private var faultList: [DeviceFault] = []

    /// The most things of one hub.
    public static let thingLimit = 1_024
    /// The most streams of readings at once.
    public static let listenerLimit = 64
    /// The most commands that wait at once.
    public static let openLimit = 256

    /// - Parameters:
    ///   - store: the command journal; nil keeps it in memory, for tests.
    ///   - log: gets readings that must not be lost; nil keeps none.
    ///   - onFault: told once per source of malformed messages; ``faults()`` has the counts.
    /// - Throws: `DeviceError` for things that cannot stand together, `DatabaseError` for the journal.
    public init(
        things: [Thing], bus: any MessageBus, store: FilePath?, timeline: any Timeline, entropy: any Entropy,
        log: ReadingLog? = nil,
        onFault: @escaping @Sendable (DeviceFault) -> Void = { _ in }
    ) throws {
        let indices = try Self.places(of: Array(things.enumerated()))
        let journal = try CommandJournal(path: store)
        let ownName = try journal.ownName { "depai-" + Hex.encode(entropy.bytes(6)) }
        var states = things.map(TwinState.init)
        for entry in try journal.lastWrites() {
            guard let index = indices[ExactText(entry.content.thing)] else { continue }
            states[index].desire(
                entry.content.input, of: entry.content.affordance, version: entry.sequence, command: entry.id,
                at: entry.at)
        }
        (self.newAdapters, self.adapterStarter) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Self.thingLimit))
        (self.adapterFaults, self.adapterFaultTeller) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(AdapterFault.room))
        (self.errands, self.errandStarter) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.folder = store?.removingLastComponent()
        self.unasked = Set(things.indices)
        self.things = things
        self.indices = indices
        self.bus = bus
        self.timeline = timeline
        self.boot = timeline.boot
        self.log = log
        self.journal = journal
        self.ownName = ownName
        self.sources = Source.all(Array(things.enumerated()), ownName: ownName)
        self.inbox = Inbox(timeline: timeline)
        log?.adopt(things, self.sources, generation: self.generation)
        self.onFault = onFault
        self.twinStates = states
        try self.publications = Self.recentPublications(journal, timeline)
    }

    /// Subscribes. Whoever lets the bus connect afterwards misses nothing of what the broker kept.
    /// - Throws: `BusError` for a filter that the bus refuses.
    public func listenToAll() throws(BusError) {
        guard !self.isListening else { return }
        if let log = self.log { self.bus.beforeAcknowledging { try log.commit() } }
        for index in self.sources.indices { try self.listen(to: index) }
        self.isListening = true
    }

    /// Subscribes and follows the devices until the task is cancelled. Runs once.
    /// - Throws: `CancellationError` when cancelled, `BusError` for a filter that the bus refuses.
    public func run() async throws {
        guard !self.ran else { throw DeviceError.ranBefore }
        self.ran = true
        try self.listenToAll()
        self.adaptAll()
        defer {
            self.isListening = false
            self.adapterStarter.finish()
            self.errandStarter.finish()
            self.adapterFaultTeller.finish()
            self.inbox.close()
            self.broadcast.finish()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.listen() }
            group.addTask { try await self.runAdapters() }
            group.addTask { try await self.runErrands() }
            defer { group.cancelAll() }
            try await group.next()
        }
        throw CancellationError()
    }

    private func listen() async throws {
        for await _ in self.inbox.wakes {
            try Task.checkCancellation()
            self.drain()
        }
    }

    /// What the devices say from now on, for views that live. A slow reader loses the oldest readings; the
    /// stream ends with ``run()``. Values that the broker had kept are not readings: they may be old. They
    /// are in the twin. What must not be lost is in the ``ReadingLog``.
    public nonisolated func readings(capacity: Int) -> AsyncStream<Reading> {
        self.broadcast.stream(capacity: capacity)
    }

    /// The thing called so, by name or id.
    public func twin(_ thing: String) -> Twin? { self.indices[ExactText(thing)].map(self.snapshot) }

    /// The same, or an error that names those that were perhaps meant.
    package func knownTwin(_ thing: String) throws(DeviceError) -> Twin {
        self.snapshot(try self.index(of: thing))
    }

    /// All things, in the order in which they were given.
    public func twins() -> [Twin] { self.present.map { self.snapshot($0.offset) } }

    /// The things' descriptions, in the order in which they were given.
    public var descriptions: [Thing] { self.present.map(\.element) }

    /// The things that are there, with their places.
    var present: [(offset: Int, element: Thing)] {
        self.things.enumerated().filter { !self.retired.contains($0.offset) }
    }

    /// What foreign messages did wrong, by source.
    public func faults() -> [DeviceFault] { self.faultList }

    /// Messages and readings that found no room because somebody was slow.
    public nonisolated var dropped: (messages: UInt64, readings: UInt64) {
        (self.inbox.dropped, self.broadcast.dropped)
    }

    private func snapshot(_ index: Int) -> Twin {
        self.twinStates[index].snapshot(at: self.timeline.uptime, isConnected: self.bus.isConnected)
    }

    func index(of thing: String) throws(DeviceError) -> Int {
        guard let index = self.indices[ExactText(thing)] else {
            throw .unknownThing(thing, near: nearNames(thing, among: self.present.map(\.element.name)))
        }
        return index
    }

    func send(
        _ value: JSON, of affordance: String, unit: String?, thing: Int, at: Timestamp, uptime: Duration,
        _ origin: Origin, isEvent: Bool = false
    ) {
        var reading = Reading(
            thing: self.things[thing].id, property: affordance, value: value, unit: unit, at: at,
            uptime: uptime, boot: self.boot, sequence: nil)
        switch origin {
        case .message(let sequence): reading = reading.numbered(sequence)
        case .clock: reading = self.log?.keep(reading) ?? reading
        }
        self.recent.add(reading, isEvent: isEvent)
        self.broadcast.send(reading)
    }

    /// What a reading comes from.
    enum Origin {
        /// With its number in the log, when it is there.
        case message(UInt64?)
        /// A value that fell back by itself.
        case clock
    }

    /// Counts a fault and tells the first of each source. What was lost for want of room says nothing of what
    /// the device does wrong, and stands apart. The list is bounded by the descriptions' forms.
    func note(_ reason: String, thing: Int, affordance: String, filter: String, count: UInt64 = 1) {
        let id = self.things[thing].id
        let known = self.faultList.firstIndex {
            $0.filter == filter && $0.affordance == affordance && $0.thing == id
                && ($0.reason == DeviceFault.noRoom) == (reason == DeviceFault.noRoom)
        }
        if let known {
            self.faultList[known].count += count
        } else {
            let fault = DeviceFault(
                thing: id, affordance: affordance, filter: filter, reason: reason, count: count)
            self.faultList.append(fault)
            self.onFault(fault)
        }
    }

    private func drain() {
        let haul = self.inbox.take()
        for arrival in haul.arrivals { self.receive(arrival) }
        for (source, count) in haul.oversized {
            self.noteLost(source, count, PayloadError.tooLarge(limit: WireFormat.payloadLimit).description)
        }
        for (source, count) in haul.crowded { self.noteLost(source, count, DeviceFault.noRoom) }
    }
}
