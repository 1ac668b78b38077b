import Glibc
import TestSupport
import Testing
import World

@testable import Linux

/// What happens to the connection, row by row of what was measured of libmosquitto.
@Suite(.enabled(if: Broker.isInstalled), .endsHangs)
struct OutageTests {
    @Test func `a first connect that is refused is tried again`() async throws {
        try await Broker.with { broker in
            try await broker.halt()
            let events = Record<LinkEvent>()
            try await withLink(broker.address("one"), events: events) { bus in
                _ = try await eventually("a refusal") { events.all.isEmpty ? nil : true }
                #expect(events.all.first == .ended("Connection refused"))
                try await broker.resume()
                try await bus.connected()
            }
        }
    }

    @Test func `nothing is kept for later while the broker is away`() async throws {
        try await Broker.with { broker in
            let received = Record<Message>()
            try await withLink(
                broker.address("one"),
                prepare: { try $0.subscribe(to: "a", quality: .atLeastOnce) { received.add($0) } }
            ) { bus in
                try await bus.confirm("a")
                try await broker.halt()
                _ = try await eventually("the end of the connection") { bus.isConnected ? nil : true }
                await #expect(throws: BusError.offline) { try await bus.publish(Message("a", "lost")) }
                // A filter that is added now is sent later, with the others.
                try bus.subscribe(to: "b", quality: .atLeastOnce) { received.add($0) }
                try await broker.resume()
                try await bus.confirm("a")
                try await bus.confirm("b")
                try await bus.publish(Message("b", "found"))
                _ = try await eventually("the message") { received.all.isEmpty ? nil : true }
                #expect(received.all.map(\.text) == ["found"])
                #expect(bus.connections == 2)
            }
        }
    }

    @Test func `a broker that is killed leaves no publisher waiting and is found again`() async throws {
        try await Broker.with { broker in
            try await withLink(broker.address("one")) { bus in
                let taken = Record<Int>()
                let failed = Record<BusError>()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            // Until the third connection has taken something.
                            while taken.all.last != 3 {
                                let connection = bus.connections
                                do throws(BusError) {
                                    try await bus.publish(Message("a", "x"))
                                    taken.add(connection)
                                } catch {
                                    failed.add(error)
                                    try await Task.sleep(for: .milliseconds(1))
                                }
                            }
                        }
                    }
                    for life in 1...2 {
                        _ = try await eventually("a message in life \(life)") {
                            taken.all.last == life ? true : nil
                        }
                        try await broker.restart()
                    }
                    try await group.waitForAll()
                }
                #expect(bus.connections == 3)
                #expect(!failed.all.isEmpty)
                #expect(failed.all.allSatisfy { $0 == .offline || $0 == .unacknowledged })
            }
        }
    }

    /// Each of them ends the library's own loop for good.
    @Test(
        arguments: [
            [0x00, 0x00], [0xff, 0xff, 0xff, 0xff, 0xff], Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8),
            // CONNACK of an unknown reason; CONNACK with a property that stands there twice.
            [0x20, 3, 0, 0x99, 0], [0x20, 9, 0, 0, 6, 0x21, 0, 9, 0x21, 0, 9], [],
        ] as [[UInt8]])
    func `a broker that talks nonsense is tried again`(nonsense: [UInt8]) async throws {
        try await ScriptedBroker.with({ peer in
            _ = peer.read()
            send(peer.descriptor, nonsense, nonsense.count, Int32(MSG_NOSIGNAL))
            if !nonsense.isEmpty { _ = peer.read(within: 100) }
        }) { broker in
            let address = BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "one")
            try await withLink(address) { bus in
                _ = try await eventually("three tries") { broker.connections >= 3 ? true : nil }
                #expect(!bus.isConnected)
            }
        }
    }

    @Test func `the broker's word for the end of a connection is told`() async throws {
        let events = Record<LinkEvent>()
        try await ScriptedBroker.with({ peer in
            peer.accept()
            // "server shutting down"
            peer.write(0xe0, [0x8b, 0])
            _ = peer.read(within: 100)
        }) { broker in
            let address = BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "one")
            try await withLink(address, events: events) { _ in
                _ = try await eventually("the reason") {
                    events.all.contains(.ended("Server shutting down")) ? true : nil
                }
            }
        }
    }

    @Test func `birth follows each connect, and the last will each end of who was born`() async throws {
        try await Broker.with { broker in
            let received = Record<Message>()
            try await withLink(
                broker.address("watcher"),
                prepare: { try $0.subscribe(to: "alive/one", quality: .atLeastOnce) { received.add($0) } }
            ) { watcher in
                try await watcher.confirm("alive/one")
                try await Wire.with(to: broker.port) { wire in
                    let address = BrokerAddress(
                        host: "127.0.0.1", port: wire.port, clientID: "one",
                        will: Message("alive/one", "gone", retained: true),
                        birth: Message("alive/one", "here", retained: true))
                    try await withLink(address) { one in
                        _ = try await eventually("birth") { received.all.last?.text == "here" ? true : nil }
                        wire.cut()
                        _ = try await eventually("a second birth") {
                            received.all.map(\.text) == ["here", "gone", "here"] ? true : nil
                        }
                        #expect(one.connections == 2)
                    }
                }
                // It ended in order, and took its leave all the same.
                _ = try await eventually("leave") { received.all.last?.text == "gone" ? true : nil }
                // Who did not announce himself leaves nothing behind: a message after it shows.
                let quiet = broker.address("two", will: Message("alive/one", "never"))
                try await withLink(quiet) { try await $0.connected() }
                try await watcher.publish(Message("alive/one", "end"))
                _ = try await eventually("the end") { received.all.last?.text == "end" ? true : nil }
                #expect(received.all.map(\.text) == ["here", "gone", "here", "gone", "end"])
            }
        }
    }

    @Test func `the pause grows, is never the same, and falls only after a stable while`() {
        var pause = RetryPause()
        let entropy = SystemEntropy()
        var seen: [Int32] = []
        for attempt in 1...40 {
            let next = pause.next(after: attempt % 60, entropy: entropy)
            #expect((250...min(30_000, 250 + 250 << Int32(min(attempt, 8)))).contains(next))
            seen.append(next)
        }
        #expect(Set(seen).count > 30)
        #expect(seen.suffix(20).max() ?? 0 > 10_000)
        #expect(pause.next(after: 61, entropy: entropy) <= 500)
        #expect(RetryPause(leastMilliseconds: 5, mostMilliseconds: 5).mostMilliseconds == 5)
    }

    @Test func `a machine that slept longer than a broker waits does not trust its connection`() {
        let asleep = Record<Int64>()
        asleep.add(1_000)
        let watch = SleepWatch(limitMilliseconds: 45_000) { asleep.all.last ?? 0 }
        #expect(!watch.overslept)
        asleep.add(46_000)
        #expect(!watch.overslept)
        asleep.add(46_001)
        #expect(watch.overslept)
    }
}
