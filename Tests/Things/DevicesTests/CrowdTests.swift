import Synchronization
import Testing
import ThingSupport
import World

@testable import Devices

/// What a hub does when more comes than is worked off.
@Suite struct CrowdTests {
    @Test func `the hub tells a source that comes too fast once, and counts on`() async throws {
        let bus = MemoryBus()
        let told = Mutex<[DeviceFault]>([])
        let hub = try DeviceHub(
            things: [try shipped("energy-meter", "meter-1")], bus: bus, store: nil, timeline: StepTimeline(),
            entropy: CountingEntropy(), onFault: { fault in told.withLock { $0.append(fault) } })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            defer { group.cancelAll() }
            while !(await hub.isListening) { await Task.yield() }
            for round in 1...2 {
                // Faster than an actor gets its turn, however it is scheduled.
                let before = hub.dropped.messages
                while hub.dropped.messages < before + 10 {
                    for _ in 0..<100 {
                        bus.arrive("meter/meter-1/state", [UInt8](repeating: 0x20, count: 60_000))
                    }
                }
                let lost = hub.dropped.messages
                _ = try await settled { () -> Bool? in
                    let fault = await hub.faults().first { $0.reason == DeviceFault.noRoom }
                    return fault?.count == lost ? true : nil
                }
                #expect(
                    told.withLock { $0.filter { $0.reason == DeviceFault.noRoom }.count } == 1, "\(round)")
            }
        }
    }
}
