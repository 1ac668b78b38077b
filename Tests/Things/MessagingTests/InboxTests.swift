import Messaging
import Testing
import ThingSupport
import World

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
        inbox.put(self.message(Inbox.payloadLimit + 1), source: 3)
        let haul = inbox.take()
        #expect(haul.arrivals.count == Inbox.messageLimit)
        #expect(haul.crowded.map(\.source) == [0, 2] && haul.crowded.map(\.count) == [7, 10])
        #expect(haul.oversized.map(\.source) == [3] && inbox.dropped == 17)
        // Bytes count as well, and what was taken makes room.
        let count = Inbox.byteLimit / 2 / Inbox.payloadLimit
        for _ in 0..<(count + 3) { inbox.put(self.message(Inbox.payloadLimit), source: 0) }
        let second = inbox.take()
        #expect(second.arrivals.count == count && second.crowded.map(\.count) == [3])
        #expect(inbox.take().crowded.isEmpty)
        inbox.close()
        inbox.put(self.message(), source: 0)
        #expect(inbox.take().arrivals.isEmpty)
    }
}
