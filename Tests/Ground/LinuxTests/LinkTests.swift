import Glibc
import Linux
import TestSupport
import Testing
import World

/// The link against a real mosquitto: what MQTT 5 carries, and what the library's traps do to it.
@Suite(.enabled(if: Broker.isInstalled), .endsHangs)
struct LinkTests {
    @Test func `what MQTT 5 says beside the payload arrives`() async throws {
        try await Broker.with { broker in
            let received = Record<Message>()
            try await withLink(
                broker.address("one"),
                prepare: { try $0.subscribe(to: "a/+", quality: .atLeastOnce) { received.add($0) } }
            ) { bus in
                try await bus.confirm("a/+")
                let properties = Message.Properties(
                    responseTopic: "back/here", correlation: [0, 1, 255], contentType: "application/json",
                    expirySeconds: 60)
                let message = Message(topic: "a/b", payload: [1, 2], properties: properties)
                try await bus.publish(message)
                try await bus.publish(Message("a/c", "bare"))
                _ = try await eventually("both") { received.all.count == 2 ? true : nil }
                #expect(received.all.first == message)
                #expect(received.all.last == Message("a/c", "bare"))
            }
        }
    }

    @Test func `two clients with one name are told what is wrong`() async throws {
        try await Broker.with { broker in
            let events = Record<LinkEvent>()
            try await withLink(broker.address("robot"), events: events) { first in
                try await first.connected()
                try await withLink(broker.address("robot"), events: events) { _ in
                    _ = try await eventually("the name of the trouble") {
                        events.all.contains {
                            if case .ended(let reason) = $0 { reason.contains("client_id") } else { false }
                        } ? true : nil
                    }
                }
            }
        }
    }

    @Test func `a publish that the broker refuses is an error in its words`() async throws {
        let settings = Broker.Settings(
            lines: ["acl_file FOLDER/acl"], files: ["acl": "topic read #\ntopic write allowed/#\n"])
        try await Broker.with(settings) { broker in
            try await withLink(broker.address("one")) { bus in
                try await bus.connected()
                try await bus.publish(Message("allowed/a", "x"))
                await #expect(throws: BusError.refused("Not authorized")) {
                    try await bus.publish(Message("forbidden/a", "x"))
                }
                await #expect(throws: BusError.refused("\"a/#\" is not a topic")) {
                    try await bus.publish(Message("a/#", "x"))
                }
                #expect(throws: BusError.self) {
                    try bus.subscribe(to: "a/#/b", quality: .atLeastOnce) { _ in }
                }
            }
        }
    }

    @Test func `a broker that does not want us says why, once, and is asked again`() async throws {
        let settings = Broker.Settings(lines: ["log_dest file FOLDER/log"], isOpen: false)
        try await Broker.with(settings) { broker in
            let events = Record<LinkEvent>()
            try await withLink(broker.address("one"), events: events) { bus in
                _ = try await eventually("three tries") {
                    broker.log.split(separator: "not authorised").count > 3 ? true : nil
                }
                #expect(events.all.filter { $0 == .refused("Not authorized") }.count == 1)
                #expect(!bus.isConnected && bus.connections == 0)
            }
        }
    }

    @Test func `a filter that the broker refuses is told to the event log and to who waits for it`()
        async throws
    {
        let events = Record<LinkEvent>()
        try await ScriptedBroker.with({ peer in
            peer.accept()
            while let packet = peer.read() {
                guard packet.kind == 0x82 else { continue }
                // "not authorized", with a reason string.
                peer.write(0x90, Array(packet.body[..<2]) + [6, 0x1f, 0, 3] + Array("why".utf8) + [0x87])
            }
        }) { broker in
            let address = BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "one")
            try await withLink(
                address, events: events,
                prepare: { try $0.subscribe(to: "secret", quality: .atLeastOnce) { _ in } }
            ) { bus in
                await #expect(throws: BusError.refused("Not authorized: why")) {
                    try await bus.confirm("secret")
                }
                // A second question gets the same answer.
                await #expect(throws: BusError.refused("Not authorized: why")) {
                    try await bus.confirm("secret")
                }
                // Told on the bus's thread, which may be later.
                _ = try await eventually("the event") {
                    let refused = LinkEvent.refusedFilter("secret", reason: "Not authorized: why")
                    return events.all.contains(refused) ? true : nil
                }
                await #expect(throws: BusError.self) { try await bus.confirm("never subscribed") }
            }
        }
    }

    @Test func `who waits for a filter is let go when the task is cancelled`() async throws {
        let address = BrokerAddress(host: "127.0.0.1", port: try Broker.freePort(), clientID: "one")
        try await withLink(
            address, prepare: { try $0.subscribe(to: "a", quality: .atLeastOnce) { _ in } }
        ) { bus in
            await withTaskGroup(of: BusError?.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        do throws(BusError) {
                            try await bus.confirm("a")
                            return nil
                        } catch { return error }
                    }
                }
                group.cancelAll()
                for await error in group { #expect(error == .offline) }
            }
        }
    }

    @Test func `the acknowledgement of a message leaves after its receiver returned`() async throws {
        try await Broker.with(Broker.Settings(lines: ["log_type all", "log_dest file FOLDER/log"])) {
            broker in
            let acknowledgement = "Received PUBACK from slow"
            let early = Record<Bool>()
            try await withLink(
                broker.address("slow"),
                prepare: {
                    try $0.subscribe(to: "a", quality: .atLeastOnce) { _ in
                        // Long enough for an acknowledgement to get into the broker's log.
                        usleep(200_000)
                        early.add(broker.log.contains(acknowledgement))
                    }
                }
            ) { bus in
                try await bus.confirm("a")
                try await bus.publish(Message("a", "x"))
                _ = try await eventually("the acknowledgement") {
                    broker.log.contains(acknowledgement) ? true : nil
                }
                #expect(early.all == [false])
            }
        }
    }

    @Test func `what came together is settled once, before any acknowledgement of it leaves`() async throws {
        try await Broker.with(Broker.Settings(lines: ["log_type all", "log_dest file FOLDER/log"])) {
            broker in
            let (received, early, settled) = (Record<Message>(), Record<Bool>(), Record<Int>())
            try await withLink(broker.address("other")) { other in
                try await other.connected()
                try await withLink(
                    broker.address("fast"),
                    prepare: {
                        try $0.subscribe(to: "a", quality: .atLeastOnce) { received.add($0) }
                        $0.beforeAcknowledging {
                            // Meanwhile the others of the burst come.
                            usleep(200_000)
                            early.add(broker.log.contains("Received PUBACK from fast"))
                            settled.add(received.all.count)
                        }
                    }
                ) { bus in
                    try await bus.confirm("a")
                    for number in 0..<20 { try await other.publish(Message("a", "\(number)")) }
                    _ = try await eventually("all") { received.all.count == 20 ? true : nil }
                    _ = try await eventually("the last write") { settled.all.last == 20 ? true : nil }
                    #expect(received.all.map(\.text) == (0..<20).map(String.init))
                    #expect(early.all.first == false)
                    #expect(settled.all.count <= 3)
                }
            }
        }
    }

    @Test func `what was not settled is not acknowledged, and comes again under its number`() async throws {
        struct NoRoom: Error {}
        try await Broker.with(Broker.Settings(lines: ["log_type all", "log_dest file FOLDER/log"])) {
            broker in
            let (received, acknowledged) = (Record<Message>(), Record<Bool>())
            try await withLink(
                broker.address("full"),
                prepare: {
                    try $0.subscribe(to: "a", quality: .atLeastOnce) { received.add($0) }
                    $0.beforeAcknowledging {
                        acknowledged.add(broker.log.contains("Received PUBACK from full"))
                        if received.all.count < 3 { throw NoRoom() }
                    }
                }
            ) { bus in
                try await bus.confirm("a")
                try await withLink(broker.address("other")) { other in
                    try await other.connected()
                    try await other.publish(Message("a", "x"))
                }
                _ = try await eventually("the acknowledgement") {
                    broker.log.contains("Received PUBACK from full") ? true : nil
                }
                #expect(acknowledged.all == [false, false, false])
                #expect(received.all.map(\.text) == ["x", "x", "x"])
                let deliveries = received.all.compactMap(\.delivery)
                #expect(Set(deliveries.map(\.packet)).count == 1)
                #expect(deliveries.map(\.connection) == [1, 2, 3])
                #expect(deliveries.map(\.isResumed) == [false, true, true])
            }
        }
    }

    @Test func `the session is kept while we are away, and forgotten when we say so`() async throws {
        try await Broker.with { broker in
            for (seconds, expected) in [(UInt32(60), ["missed"]), (0, [])] {
                let received = Record<Message>()
                let address = broker.address("sleeper \(seconds)", sessionSeconds: seconds)
                let listen: @Sendable (MosquittoBus) throws -> Void = {
                    try $0.subscribe(to: "a", quality: .atLeastOnce) { received.add($0) }
                }
                try await withLink(address, prepare: listen) { try await $0.confirm("a") }
                try await withLink(broker.address("other")) { other in
                    try await other.connected()
                    try await other.publish(Message("a", "missed"))
                    let events = Record<LinkEvent>()
                    try await withLink(address, events: events, prepare: listen) { bus in
                        try await bus.confirm("a")
                        try await other.publish(Message("a", "now"))
                        _ = try await eventually("the last") { received.all.last?.text == "now" ? true : nil }
                    }
                    #expect(events.all.first == .connected(sessionKept: seconds > 0))
                }
                #expect(received.all.map(\.text) == expected + ["now"])
            }
        }
    }

    @Test func `five hundred messages pass a receiver that may hold eight`() async throws {
        try await Broker.with(Broker.Settings(lines: ["max_queued_messages 0"])) { broker in
            var limits = LinkLimits()
            limits.receiveMaximum = 8
            let received = Record<Message>()
            let events = Record<LinkEvent>()
            try await withLink(
                broker.address("one"), limits: limits, events: events,
                prepare: { try $0.subscribe(to: "a", quality: .atLeastOnce) { received.add($0) } }
            ) { bus in
                try await bus.confirm("a")
                // More at once than either side keeps in flight.
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<500 {
                        if number >= 200 { try await group.next() }
                        group.addTask { try await bus.publish(Message("a", "\(number)")) }
                    }
                    try await group.waitForAll()
                }
                _ = try await eventually("all") { received.all.count >= 500 ? true : nil }
                #expect(Set(received.all.map(\.text)).count == 500)
                #expect(events.all == [.connected(sessionKept: false)])
            }
        }
    }

    @Test func `more than the limits allow is refused, not kept`() async throws {
        // A broker that acknowledges nothing.
        try await ScriptedBroker.with({ peer in
            peer.accept()
            while peer.read(within: 300) != nil {}
        }) { broker in
            let address = BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "one")
            var limits = LinkLimits()
            (limits.waitingMessages, limits.waitingBytes) = (4, 100)
            try await withLink(address, limits: limits) { bus in
                try await bus.connected()
                await withTaskGroup(of: BusError?.self) { group in
                    for size in [40, 40, 40, 1, 1, 1] {
                        group.addTask {
                            do throws(BusError) {
                                try await bus.publish(
                                    Message(topic: "a", payload: [UInt8](repeating: 0, count: size)))
                                return nil
                            } catch { return error }
                        }
                    }
                    // At least one is too many, whatever order they come in; the others wait for the end.
                    let first = await group.next() ?? nil
                    #expect(first == .refused("too many messages wait"))
                    group.cancelAll()
                }
            }
        }
    }

    @Test func `a packet above our limit is not sent to us`() async throws {
        try await Broker.with { broker in
            var limits = LinkLimits()
            limits.packetBytes = 2_000
            let received = Record<Message>()
            try await withLink(
                broker.address("small"), limits: limits,
                prepare: { try $0.subscribe(to: "a", quality: .atLeastOnce) { received.add($0) } }
            ) { small in
                try await small.confirm("a")
                try await withLink(broker.address("large")) { large in
                    try await large.connected()
                    try await large.publish(Message(topic: "a", payload: [UInt8](repeating: 0, count: 4_000)))
                    try await large.publish(Message("a", "short"))
                    _ = try await eventually("the short one") { received.all.isEmpty ? nil : true }
                    #expect(received.all.map(\.text) == ["short"])
                }
            }
        }
    }
}
