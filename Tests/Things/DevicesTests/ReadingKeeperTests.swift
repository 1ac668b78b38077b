import Encoding
import Synchronization
import Testing
import ThingSupport
import World

@testable import Devices

/// Readings that are handed on before their acknowledgement.
struct ReadingKeeperTests {
    private final class Shelf: Sendable {
        private let state = Mutex<[Reading]>([])
        var all: [Reading] { self.state.withLock { $0 } }
        func put(_ reading: Reading) { self.state.withLock { $0.append(reading) } }
    }

    @Test func `what is named is kept before the bus goes on, also under new descriptions`() async throws {
        let shelf = Shelf()
        let keeper = ReadingKeeper(names: ["plug-1/power", "urn:depai:relay-plug:plug-2/power"]) {
            shelf.put($0)
        }
        let bus = MemoryBus()
        let plug = try shipped("relay-plug", "plug-1")
        let hub = try DeviceHub(
            things: [plug], bus: bus, store: nil, timeline: StepTimeline(), entropy: CountingEntropy(),
            keeper: keeper)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            defer { group.cancelAll() }
            while !(await hub.isListening) { await Task.yield() }
            // No wait anywhere: it is there when the bus's call returns.
            bus.arrive("stat/plug-1/POWER", Array("ON".utf8))
            #expect(shelf.all.map(\.value) == [true] && shelf.all.first?.boot == "one")
            bus.arrive("stat/plug-1/POWER", Array("perhaps".utf8))
            bus.arrive("tele/plug-1/LWT", Array("Online".utf8))
            bus.arrive("stat/plug-2/POWER", Array("OFF".utf8))
            #expect(shelf.all.count == 1)
            let text = try json("relay-plug/plug-1.td.json").text.replacing("plug-1", with: "plug-2")
            try await hub.replace(things: [try Thing(description: try JSON.read(text))])
            bus.arrive("stat/plug-1/POWER", Array("OFF".utf8))
            bus.arrive("stat/plug-2/POWER", Array("OFF".utf8))
            #expect(shelf.all.map(\.value) == [true, false])
            #expect(shelf.all.last?.thing == "urn:depai:relay-plug:plug-2")
        }
    }
}
