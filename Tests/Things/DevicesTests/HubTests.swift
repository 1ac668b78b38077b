import Encoding
import Synchronization
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

@testable import Devices

/// The hub on a bus in memory: what is in the journal when, and what goes over the wire.
@Suite(.endsHangs)
struct HubTests {
    /// An action that is not idempotent, whose reply names its command.
    static func robot(isIdempotent: Bool, idPointer: JSON? = "/id") throws -> Thing {
        var ack: JSON = [
            "kind": "reply", "filter": "r/result", "errorPointer": "/error", "valuePointer": "/v",
            "timeoutMs": 400,
        ]
        if let idPointer { ack["idPointer"] = idPointer }
        return try Thing(
            description: description(
                [
                    "go": [
                        "idempotent": .bool(isIdempotent),
                        "input": ["type": "integer", "minimum": 0, "maximum": 9],
                        "forms": [
                            [
                                "href": "mqtt://b/r/go", "depai:body": ["id": "$id", "n": "$value"],
                                "depai:ack": ack,
                            ]
                        ],
                    ]
                ], of: "actions"))
    }

    /// A device that switches and echoes.
    static func echo(_ bus: MemoryBus) {
        bus.device { [weak bus] message in
            guard message.topic == "cmnd/plug-1/POWER" else { return }
            bus?.arrive("stat/plug-1/POWER", message.payload)
        }
    }

    /// A device that answers every `go`.
    static func answer(_ bus: MemoryBus, with member: String = "v") {
        bus.device { [weak bus] message in
            guard let id = try? JSON.read(message.payload)["id"]?.plainText else { return }
            bus?.arrive("r/result", #"{"id":"\#(id)","\#(member)":7}"#)
        }
    }

    @Test func `a write is done when its echo comes, and the same id is answered from the journal`()
        async throws
    {
        let bus = MemoryBus()
        Self.echo(bus)
        try await withHub([try shipped("relay-plug", "plug-1")], bus: bus) { hub async throws in
            let record = try await hub.write(true, to: "power", of: "plug-1", id: "1")
            #expect(record.state == .done)
            #expect(record.thing == "urn:depai:relay-plug:plug-1")
            #expect(try await hub.write(true, to: "power", of: record.thing, id: "1").state == .done)
            #expect(bus.published.map(\.payload) == [Array("ON".utf8)])
            await #expect(throws: DeviceError.otherContent(id: "1")) {
                try await hub.write(false, to: "power", of: "plug-1", id: "1")
            }
            let twin = try #require(await hub.twin("plug-1"))
            #expect(twin.reported["power"]?.value == true)
            #expect(twin.desired["power"]?.command == "1")
        }
    }

    @Test func `two callers with one id share one publication`() async throws {
        let bus = MemoryBus()
        try await withHub([try Self.robot(isIdempotent: true)], bus: bus) { hub async throws in
            async let first = hub.invoke("go", of: "urn:test:one", input: 1, id: "1")
            async let second = hub.invoke("go", of: "urn:test:one", input: 1, id: "1")
            _ = try await settled { bus.published.isEmpty ? nil : true }
            bus.arrive("r/result", #"{"id":"1","v":7}"#)
            #expect(try await first.state == .done)
            #expect(try await second.result == 7)
            #expect(bus.published.count == 1)
        }
    }

    @Test func `what is not allowed is not sent`() async throws {
        let bus = MemoryBus()
        let things = [try Self.robot(isIdempotent: true), try shipped("relay-plug", "plug-1")]
        try await withHub(things, bus: bus) { hub async throws in
            let robot = "urn:test:one"
            await #expect(throws: DeviceError.unknownThing("x")) {
                try await hub.invoke("go", of: "x", input: 1, id: "1")
            }
            await #expect(throws: DeviceError.unknownAffordance(thing: robot, name: "x")) {
                try await hub.invoke("x", of: robot, input: 1, id: "1")
            }
            await #expect(throws: DeviceError.value(affordance: "go", reason: "the value is above 9.0")) {
                try await hub.invoke("go", of: robot, input: 10, id: "1")
            }
            await #expect(
                throws: DeviceError.value(
                    affordance: "power", reason: "the value is not of type boolean (true or false)")
            ) {
                try await hub.write("ON", to: "power", of: "plug-1", id: "1")
            }
            await #expect(throws: DeviceError.identifier("")) {
                try await hub.invoke("go", of: robot, input: 1, id: "")
            }
            #expect(bus.published.isEmpty)
        }
    }

    @Test func `the owner's limits hold, also over a restart`() async throws {
        var document = description([
            "p": [
                "type": "number", "depai:limits": ["range": ["min": 0, "max": 5], "perMinute": 2],
                "forms": [["op": "writeproperty", "href": "mqtt://b/p"]],
            ]
        ])
        document["depai:name"] = "dimmer"
        let thing = try Thing(description: document)
        let bus = MemoryBus()
        let timeline = StepTimeline()
        try await withFolder { folder in
            let store = folder.appending("devices.db")
            try await withHub([thing], bus: bus, store: store, timeline: timeline) { hub async throws in
                await #expect(throws: DeviceError.outOfRange(affordance: "p", range: 0...5)) {
                    try await hub.write(6, to: "p", of: "dimmer", id: "0")
                }
                #expect(try await hub.write(1, to: "p", of: "dimmer", id: "1").state == .done)
            }
            try await withHub([thing], bus: bus, store: store, timeline: timeline) { hub async throws in
                #expect(await hub.twin("dimmer")?.desired["p"]?.value == 1)
                #expect(try await hub.write(2, to: "p", of: "dimmer", id: "2").state == .done)
                await #expect(throws: DeviceError.tooOften(affordance: "p", perMinute: 2)) {
                    try await hub.write(3, to: "p", of: "dimmer", id: "3")
                }
                timeline.advance(by: .seconds(61))
                #expect(try await hub.write(3, to: "p", of: "dimmer", id: "3").state == .done)
            }
        }
        #expect(bus.published.count == 3)
    }

    @Test(arguments: [
        (from: "00:00", to: "01:00", offset: "+00:00", isOpen: false),
        (from: "22:00", to: "23:00", offset: "+00:00", isOpen: true),
        (from: "22:30", to: "05:00", offset: "+00:00", isOpen: true),
        (from: "06:00", to: "22:30", offset: "+00:00", isOpen: false),
        (from: "03:30", to: "05:00", offset: "+05:30", isOpen: true),
        (from: "22:00", to: "23:00", offset: "-02:00", isOpen: false),
    ])
    func `outside the owner's hours nothing is sent`(
        from: String, to: String, offset: String, isOpen: Bool
    ) async throws {
        var document = description([
            "p": ["type": "number", "forms": [["op": "writeproperty", "href": "mqtt://b/p"]]]
        ])
        document["depai:limits"] = [
            "hours": ["from": .string(from), "to": .string(to), "utcOffset": .string(offset)]
        ]
        let bus = MemoryBus()
        // It is 22:30 in UTC.
        try await withHub([try Thing(description: document)], bus: bus) { hub async throws in
            do {
                let record = try await hub.write(1, to: "p", of: "urn:test:one", id: "1")
                #expect(record.state == .done && isOpen)
            } catch let error as DeviceError {
                guard case .outOfHours = error else { throw error }
                #expect(!isOpen, "\(error)")
            }
        }
        #expect(bus.published.isEmpty != isOpen)
    }

    @Test func `without a broker a command stays received and goes out later`() async throws {
        let bus = MemoryBus(.offline)
        Self.echo(bus)
        try await withHub([try shipped("relay-plug", "plug-1")], bus: bus) { hub async throws in
            #expect(try await hub.write(true, to: "power", of: "plug-1", id: "1").state == .received)
            #expect(bus.published.isEmpty)
            #expect(await hub.twin("plug-1")?.availability == .silent)
            bus.set(.online)
            #expect(try await hub.write(true, to: "power", of: "plug-1", id: "1").state == .done)
            #expect(bus.published.count == 1)
        }
    }

    @Test func `a silent device leaves the command unknown`() async throws {
        let bus = MemoryBus(.dropsSilently)
        Self.echo(bus)
        try await withHub([try shipped("relay-plug", "plug-1")], bus: bus) { hub async throws in
            #expect(try await hub.write(true, to: "power", of: "plug-1", id: "1").state == .unknown)
            bus.set(.losesAcknowledgements)
            #expect(try await hub.write(true, to: "power", of: "plug-1", id: "1").state == .done)
            #expect(bus.published.count == 2)
        }
    }

    @Test func `old and other values acknowledge nothing`() async throws {
        let bus = MemoryBus()
        bus.device { [weak bus] _ in
            bus?.arrive("stat/plug-1/POWER", "ON", retained: true)
            bus?.arrive("stat/plug-1/POWER", "OFF")
        }
        try await withHub([try shipped("relay-plug", "plug-1")], bus: bus) { hub async throws in
            bus.arrive("stat/plug-1/POWER", "ON")
            #expect(try await hub.write(true, to: "power", of: "plug-1", id: "1").state == .unknown)
        }
    }

    @Test func `a kept reply does not acknowledge a new command, an old one it does`() async throws {
        let bus = MemoryBus()
        bus.device { [weak bus] _ in bus?.arrive("r/result", #"{"id":"1","v":7}"#, retained: true) }
        let thing = try Self.robot(isIdempotent: false)
        try await withHub([thing], bus: bus) { hub async throws in
            #expect(try await hub.invoke("go", of: "urn:test:one", input: 1, id: "1").state == .unknown)
            bus.arrive("r/result", #"{"id":"1","v":7}"#, retained: true)
            let record = try await settled {
                let record = try await hub.invoke("go", of: "urn:test:one", input: 1, id: "1")
                return record.state == .done ? record : nil
            }
            #expect(record.result == 7)
            #expect(bus.published.count == 1)
        }
    }

    @Test func `a device that refuses is failed, and stays so`() async throws {
        let bus = MemoryBus()
        Self.answer(bus, with: "error")
        try await withHub([try Self.robot(isIdempotent: true)], bus: bus) { hub async throws in
            for _ in 0..<2 {
                let record = try await hub.invoke("go", of: "urn:test:one", input: 1, id: "1")
                #expect(record.state == .failed)
                #expect(record.result == 7)
            }
            #expect(bus.published.count == 1)
        }
    }

    @Test func `a second command without id waits its turn`() async throws {
        let bus = MemoryBus()
        try await withHub([try Self.robot(isIdempotent: true, idPointer: nil)], bus: bus) {
            hub async throws in
            async let first = hub.invoke("go", of: "urn:test:one", input: 1, id: "1")
            _ = try await settled { bus.published.isEmpty ? nil : true }
            await #expect(throws: DeviceError.busy(thing: "urn:test:one", name: "go")) {
                try await hub.invoke("go", of: "urn:test:one", input: 2, id: "2")
            }
            bus.arrive("r/result", #"{"v":1}"#)
            #expect(try await first.result == 1)
        }
    }

    /// The process ends after any durable step; what the next one finds decides.
    @Test(arguments: [CommandState.received, .started, .unknown, .done, .failed], [true, false])
    func `a crash between any two steps neither repeats nor loses`(
        _ state: CommandState, _ isIdempotent: Bool
    ) async throws {
        try await withFolder { folder in
            let store = folder.appending("devices.db")
            let thing = try Self.robot(isIdempotent: isIdempotent)
            let content = Command.Content(kind: .invoke, thing: thing.id, affordance: "go", input: 1)
            let at = Timestamp(milliseconds: 1, quality: .virtual)
            do {
                let journal = try CommandJournal(path: store)
                _ = try journal.add("1", content, at: at)
                if state != .received { try journal.save("1", state, state.isFinal ? 3 : nil, at: at) }
            }
            let bus = MemoryBus()
            Self.answer(bus)
            let maySend = state == .received || (isIdempotent && !state.isFinal)
            let expected: CommandState = state.isFinal ? state : maySend ? .done : .unknown
            try await withHub([thing], bus: bus, store: store) { hub async throws in
                let record = try await hub.invoke("go", of: thing.id, input: 1, id: "1")
                #expect(record.state == expected)
                #expect(record.result == (state.isFinal ? 3 : maySend ? 7 : nil))
            }
            #expect(bus.published.count == (maySend ? 1 : 0))
            let stored = try #require(try DeviceView(path: store).commands().first)
            #expect(stored.state == expected)
            #expect(stored.input == 1)
        }
    }

    @Test func `started is durable before the message leaves`() async throws {
        try await withFolder { folder in
            let store = folder.appending("devices.db")
            let bus = MemoryBus()
            let seen = Mutex<[CommandState]>([])
            bus.device { [weak bus] message in
                let states = (try? DeviceView(path: store).commands().map(\.state)) ?? []
                seen.withLock { $0 = states }
                bus?.arrive("r/result", #"{"id":"1","v":7}"#)
            }
            try await withHub([try Self.robot(isIdempotent: false)], bus: bus, store: store) {
                hub async throws in
                #expect(try await hub.invoke("go", of: "urn:test:one", input: 1, id: "1").state == .done)
            }
            #expect(seen.withLock { $0 } == [.started])
        }
    }

    @Test func `readings are bounded, the oldest are lost and counted`() async throws {
        let bus = MemoryBus()
        let hub = try DeviceHub(
            things: [try shipped("energy-meter", "meter-1")], bus: bus, store: nil, timeline: StepTimeline(),
            entropy: CountingEntropy())
        let readings = hub.readings(capacity: 3)
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            while bus.filters.isEmpty { await Task.yield() }
            for number in 1...5 {
                bus.arrive("meter/meter-1/state", #"{"power_w":\#(number),"energy_mwh":0}"#)
            }
            bus.arrive("meter/meter-1/state", #"{"power_w":9,"energy_mwh":0}"#, retained: true)
            _ = try? await settled { await hub.twin("meter-1")?.reported["power"]?.value == 9 ? true : nil }
            group.cancelAll()
        }
        var values: [JSON] = []
        for await reading in readings {
            values.append(reading.json)
            #expect(reading.unit == (reading.property == "power" ? "W" : "Wh"))
        }
        #expect(values.map { $0["value"] } == [0, 5, 0] || values.map { $0["value"] } == [4, 0, 5])
        // What is not kept has no number.
        #expect(values.allSatisfy { $0["seq"] == nil })
        #expect(values.last?["clock"] == "virtual")
        #expect(hub.dropped.readings == 7)
        await #expect(throws: DeviceError.ranBefore) { try await hub.run() }
    }

    @Test func `availability has three words`() async throws {
        let bus = MemoryBus()
        let timeline = StepTimeline()
        try await withHub([try shipped("environment-sensor", "env-1")], bus: bus, timeline: timeline) {
            hub async throws in
            func availability(_ word: Availability) async throws {
                _ = try await settled { await hub.twin("env-1")?.availability == word ? true : nil }
            }
            try await availability(.silent)
            bus.arrive("env/env-1/availability", "online", retained: true)
            try await availability(.online)
            timeline.advance(by: .seconds(31))
            try await availability(.silent)
            bus.arrive("env/env-1/state", #"{"temperature":1,"humidity":1}"#)
            try await availability(.online)
            bus.arrive("env/env-1/availability", "offline")
            try await availability(.offline)
            bus.arrive("env/env-1/availability", "half")
            let faults = try await settled {
                let faults = await hub.faults()
                return faults.isEmpty ? nil : faults
            }
            #expect(faults.map(\.affordance) == ["availability"])
        }
    }

    @Test func `two things of one name are refused`() throws {
        let plug = try shipped("relay-plug", "plug-1")
        #expect(throws: DeviceError.ambiguous("plug-1")) {
            try DeviceHub(
                things: [plug, plug], bus: MemoryBus(), store: nil, timeline: StepTimeline(),
                entropy: CountingEntropy())
        }
    }
}
