import Database
import Encoding
import Synchronization
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

@testable import Devices

/// Readings that are on the disk before their acknowledgement.
struct ReadingLogTests {
    private static func values(_ log: ReadingLog, after mark: Int64 = 0) throws -> [JSON] {
        try log.entries(after: mark, limit: 1_000).map { try JSON.read($0.text)["value"] ?? .null }
    }

    /// A hub that listens, and its bus.
    private static func hub(
        _ log: ReadingLog, _ things: [Thing], _ body: (DeviceHub, MemoryBus) async throws -> Void
    ) async throws {
        let bus = MemoryBus()
        let hub = try DeviceHub(
            things: things, bus: bus, store: nil, timeline: StepTimeline(), entropy: CountingEntropy(),
            log: log)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            defer { group.cancelAll() }
            while !(await hub.isListening) { await Task.yield() }
            try await body(hub, bus)
        }
    }

    @Test func `what is named is kept before the bus goes on, also under new descriptions`() async throws {
        let log = try ReadingLog(
            path: nil, timeline: StepTimeline(),
            followers: [
                .init(name: "owner", wanted: ["plug-1/power", "urn:depai:relay-plug:plug-2/power"], mark: 0)
            ])
        try await Self.hub(log, [try shipped("relay-plug", "plug-1")]) { hub, bus in
            // No wait anywhere: it is there when the bus's call returns.
            bus.arrive("stat/plug-1/POWER", Array("ON".utf8))
            #expect(try Self.values(log) == [true])
            bus.arrive("stat/plug-1/POWER", Array("perhaps".utf8))
            bus.arrive("tele/plug-1/LWT", Array("Online".utf8))
            bus.arrive("stat/plug-2/POWER", Array("OFF".utf8))
            bus.arrive("stat/plug-1/POWER", Array("OFF".utf8), retained: true)
            #expect(try Self.values(log) == [true])
            let text = try json("relay-plug/plug-1.td.json").text.replacing("plug-1", with: "plug-2")
            try await hub.replace(things: [try Thing(description: try JSON.read(text))])
            bus.arrive("stat/plug-1/POWER", Array("OFF".utf8))
            bus.arrive("stat/plug-2/POWER", Array("OFF".utf8))
            let entries = try log.entries(after: 0, limit: 10)
            #expect(entries.map(\.sequence) == [1, 2])
            #expect(entries.last?.subject == "plug-2/power")
            #expect(entries.allSatisfy { $0.isAmong(["urn:depai:relay-plug:plug-2/power", "plug-1/power"]) })
            #expect(entries.last?.isAmong(["plug-1/power"]) == false)
        }
    }

    /// A live view shows a kept reading under the log's number, read once.
    @Test func `there is one number, in the log and in a view`() async throws {
        let log = try ReadingLog(
            path: nil, timeline: StepTimeline(), followers: [.init(name: "all", wanted: nil, mark: 41)])
        try await Self.hub(log, [try shipped("energy-meter", "meter-1")]) { hub, bus in
            let readings = hub.readings(capacity: 16)
            bus.arrive("meter/meter-1/state", #"{"power_w":1,"energy_mwh":2}"#)
            var seen: [UInt64?] = []
            for await reading in readings {
                seen.append(reading.sequence)
                if seen.count == 2 { break }
            }
            #expect(seen == [42, 43])
            let entries = try log.entries(after: 0, limit: 9)
            #expect(entries.count == 2 && entries.allSatisfy { $0.text.contains(#""unit":"#) })
            for entry in entries {
                // What is put together from parts is what the reading itself would say.
                #expect(try Reading(JSONField(JSON.read(entry.text))).json.text == entry.text)
            }
            #expect(await hub.twin("meter-1")?.reported["power"]?.value == 1)
        }
    }

    @Test func `what comes together is written together`() async throws {
        try await withFolder { folder in
            let path = folder.appending("readings.db")
            let log = try ReadingLog(
                path: path, timeline: StepTimeline(), followers: [.init(name: "all", wanted: nil, mark: 0)])
            try await Self.hub(log, [try shipped("relay-plug", "plug-1")]) { (_, bus) throws in
                let before = try Self.frames(path)
                bus.arrive(
                    (0..<40).map { _ in Message(topic: "stat/plug-1/POWER", payload: Array("ON".utf8)) })
                let after = try Self.frames(path)
                #expect(try DurableLogView(path: path).count(after: 0) == 40)
                // One at a time they would be forty times as many.
                #expect(after - before < 10 * 4_120)
            }
        }
    }

    private static func frames(_ path: FilePath) throws -> Int {
        Int(FileSignature(of: FilePath(path.string + "-wal"))?.size ?? 0)
    }

    @Test func `a description may leave something out, and who names it gets it`() async throws {
        let text = try json("energy-meter/meter-1.td.json").text
        let quiet = try Thing(
            description: try JSON.read(text.replacing(#""title":"#, with: #""depai:keep":false,"title":"#)))
        let all = try ReadingLog(
            path: nil, timeline: StepTimeline(), followers: [.init(name: "all", wanted: nil, mark: 0)])
        try await Self.hub(all, [quiet]) { (_, bus) throws in
            bus.arrive("meter/meter-1/state", #"{"power_w":1,"energy_mwh":2}"#)
            #expect(try Self.values(all).isEmpty)
            all.follow(.init(name: "one", wanted: ["meter-1/power"], mark: 0))
            bus.arrive("meter/meter-1/state", #"{"power_w":3,"energy_mwh":4}"#)
            #expect(try Self.values(all) == [3])
            all.leave("one")
            bus.arrive("meter/meter-1/state", #"{"power_w":5,"energy_mwh":6}"#)
            #expect(try Self.values(all) == [3])
        }
    }

    @Test func `readings that have no place are told of`() async throws {
        let told = Mutex<[String]>([])
        let log = try ReadingLog(
            path: nil, timeline: StepTimeline(), limits: .init(rows: 100),
            followers: [.init(name: "slow", wanted: nil, mark: 0)]
        ) { words in told.withLock { $0.append(words) } }
        try await Self.hub(log, [try shipped("relay-plug", "plug-1")]) { (_, bus) throws in
            for _ in 0..<101 { bus.arrive("stat/plug-1/POWER", Array("ON".utf8)) }
            #expect(told.withLock { $0 } == ["26 readings had to leave before they were taken"])
            #expect(try Self.values(log).count == 75)
        }
    }
}
