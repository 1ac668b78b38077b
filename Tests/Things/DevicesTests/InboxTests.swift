import Synchronization
import Testing
import World

@testable import Devices

/// What happens when more comes than is worked off.
@Suite struct InboxTests {
    private func message(_ bytes: Int = 1) -> Message {
        Message(topic: "a", payload: [UInt8](repeating: 0x20, count: bytes))
    }

    @Test func `one source fills half, the others the rest, and losses are counted by source`() {
        let inbox = Inbox(timeline: StepTimeline())
        let half = Inbox.messageLimit / 2
        for _ in 0..<(half + 7) { inbox.put(self.message(), source: 0) }
        for _ in 0..<10 { inbox.put(self.message(), source: 1) }
        for _ in 0..<half { inbox.put(self.message(), source: 2) }
        inbox.put(self.message(WireFormat.payloadLimit + 1), source: 3)
        let haul = inbox.take()
        #expect(haul.arrivals.count == Inbox.messageLimit)
        #expect(haul.crowded.map(\.source) == [0, 2] && haul.crowded.map(\.count) == [7, 10])
        #expect(haul.oversized.map(\.source) == [3] && inbox.dropped == 17)
        // Bytes count as well, and what was taken makes room.
        let count = Inbox.byteLimit / 2 / WireFormat.payloadLimit
        for _ in 0..<(count + 3) { inbox.put(self.message(WireFormat.payloadLimit), source: 0) }
        let second = inbox.take()
        #expect(second.arrivals.count == count && second.crowded.map(\.count) == [3])
        #expect(inbox.take().crowded.isEmpty)
        inbox.close()
        inbox.put(self.message(), source: 0)
        #expect(inbox.take().arrivals.isEmpty)
    }

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
