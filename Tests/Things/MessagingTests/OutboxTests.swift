import Database
import Foundation
import Linux
import Subprocess
import Synchronization
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

@testable import Messaging

/// What waits for the broker: in memory for the rules, with a real one for the outages.
@Suite(.endsHangs)
struct OutboxTests {
    private func message(_ number: Int, topic: String = "a", bytes: Int = 0) -> Message {
        let text = "\(number)" + String(repeating: " ", count: bytes)
        return Message(topic: topic, payload: Array(text.utf8))
    }

    private func outbox(
        _ bus: any MessageBus, path: FilePath? = nil, limits: Outbox.Limits = Outbox.Limits(),
        onRefusal: @escaping @Sendable (String, String) -> Void = { _, _ in }
    ) throws -> Outbox {
        try Outbox(path: path, bus: bus, timeline: SystemTimeline(), limits: limits, onRefusal: onRefusal)
    }

    /// Runs it until nothing of what is counted waits.
    private func drain(_ outbox: Outbox, of urgencies: [Outbox.Urgency] = Outbox.Urgency.allCases)
        async throws
    {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await outbox.run() }
            defer { group.cancelAll() }
            _ = try await eventually("an empty outbox") {
                urgencies.allSatisfy { outbox.counts.waiting[$0] ?? 0 == 0 } ? true : nil
            }
        }
    }

    @Test func `must leaves before may, each in its order, and what left is forgotten`() async throws {
        let bus = MemoryBus(.offline)
        let outbox = try self.outbox(bus)
        let properties = Message.Properties(
            responseTopic: "r", correlation: [1], contentType: "text/plain", expirySeconds: 9)
        let full = Message(topic: "a", payload: [0xff], retained: true, properties: properties)
        try outbox.add([self.message(1), self.message(2)], .may)
        try outbox.add(self.message(3), .must)
        try outbox.add(full, .must)
        #expect(outbox.counts.waiting == [.must: 2, .may: 2])
        bus.set(.online)
        try await self.drain(outbox)
        #expect(bus.published == [self.message(3), full, self.message(1), self.message(2)])
        #expect(outbox.counts.sent == 4 && outbox.counts.dropped == 0)
    }

    @Test func `when it is full the oldest may is dropped and counted, and must is an error`() async throws {
        var limits = Outbox.Limits()
        (limits.mustRows, limits.mayRows, limits.mayBytes, limits.mustBytes) = (3, 5, 10_000, 1_000)
        try await withFolder { folder in
            let path = folder.appending("outbox.db")
            let bus = MemoryBus(.offline)
            do {
                let outbox = try self.outbox(bus, path: path, limits: limits)
                for number in 0..<8 { try outbox.add(self.message(number), .may) }
                #expect(outbox.counts.waiting[.may] == 5 && outbox.counts.dropped == 3)
                // 9,900 bytes push all but themselves out.
                try outbox.add(self.message(8, bytes: 9_900), .may)
                #expect(outbox.counts.waiting[.may] == 1 && outbox.counts.dropped == 8)
                try outbox.add([self.message(10), self.message(11)], .must)
                #expect(throws: OutboxError.full(rows: 3, bytes: 1_000)) {
                    try outbox.add([self.message(12), self.message(13)], .must, mark: ("read", 13))
                }
                #expect(throws: OutboxError.full(rows: 3, bytes: 1_000)) {
                    try outbox.add(self.message(12, bytes: 850), .must)
                }
                #expect(throws: OutboxError.tooLarge(limit: 1_000)) {
                    try outbox.add(self.message(12, bytes: 2_000), .must)
                }
                try outbox.add([self.message(12)], .must, mark: ("read", 12))
                #expect(outbox.counts.waiting == [.must: 3, .may: 1])
            }
            // All of it is there again in the next life.
            let outbox = try self.outbox(bus, path: path, limits: limits)
            #expect(outbox.counts.waiting == [.must: 3, .may: 1] && outbox.counts.dropped == 8)
            #expect(try outbox.mark("read") == 12 && outbox.mark("other") == 0)
            bus.set(.online)
            try await self.drain(outbox)
            #expect(bus.published.map { $0.payload.first } == Array("1118".utf8).map { $0 })
            // There is room again.
            try outbox.add([self.message(1), self.message(2), self.message(3)], .must)
        }
    }

    @Test func `what is not acknowledged stays, and a topic that is refused does not hold up others`()
        async throws
    {
        let bus = MemoryBus(.losesAcknowledgements)
        let refusals = Mutex<[String]>([])
        let outbox = try self.outbox(bus) { topic, reason in
            refusals.withLock { $0.append("\(topic): \(reason)") }
        }
        try outbox.add(self.message(1), .must)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await outbox.run() }
            defer { group.cancelAll() }
            _ = try await eventually("a second try") { bus.published.count >= 2 ? true : nil }
            #expect(outbox.counts.waiting[.must] == 1)
            bus.set(.online)
            _ = try await eventually("an empty outbox") { outbox.counts.waiting[.must] == 0 ? true : nil }
            bus.set(.refuses)
            try outbox.add([self.message(2, topic: "no"), self.message(3, topic: "no")], .must)
            _ = try await eventually("the refusal") { outbox.counts.refused > 0 ? true : nil }
            bus.set(.online)
            // Behind the ones that are held, not before them; and others go.
            try outbox.add([self.message(4, topic: "no"), self.message(5, topic: "yes")], .must)
            _ = try await eventually("the other topic") {
                bus.published.last == self.message(5, topic: "yes") ? true : nil
            }
            _ = try await eventually("its end") { outbox.counts.waiting[.must] == 3 ? true : nil }
            #expect(refusals.withLock { $0 } == ["no: test"])
        }
    }

    @Test(.enabled(if: Broker.isInstalled))
    func `after a long outage and a restart nothing of class must is missing`() async throws {
        try await withFolder { folder in
            try await Broker.with { broker in
                var limits = Outbox.Limits()
                limits.mayRows = 100
                let path = folder.appending("outbox.db")
                try await broker.halt()
                let address = BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "robot")
                let pause = RetryPause(leastMilliseconds: 5, mostMilliseconds: 20)
                for life in 0..<3 {
                    // Each life ends without having reached the broker.
                    let bus = MosquittoBus(address, entropy: SystemEntropy(), pause: pause)
                    let outbox = try self.outbox(bus, path: path, limits: limits)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { await bus.run() }
                        group.addTask { try await outbox.run() }
                        defer { group.cancelAll() }
                        for number in 0..<20 {
                            let numbers = (0..<50).map { life * 1_000 + number * 50 + $0 }
                            try outbox.add(numbers.map { self.message($0, topic: "out/\($0 % 5)") }, .must)
                            try outbox.add(numbers.map { self.message($0, topic: "may") }, .may)
                        }
                        #expect(outbox.counts.sent == 0)
                    }
                }
                try await broker.resume()
                let received = Mutex<[String: [Int]]>([:])
                let bus = MosquittoBus(address, entropy: SystemEntropy(), pause: pause)
                try bus.subscribe(to: "#", quality: .atLeastOnce) { message in
                    let number = Int(String(decoding: message.payload, as: UTF8.self)) ?? -1
                    received.withLock { $0[message.topic, default: []].append(number) }
                }
                let outbox = try self.outbox(bus, path: path, limits: limits)
                #expect(outbox.counts.waiting == [.must: 3_000, .may: 100] && outbox.counts.dropped == 2_900)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await bus.run() }
                    defer { group.cancelAll() }
                    try await bus.confirm("#")
                    try await self.drain(outbox)
                    _ = try await eventually("the last") {
                        received.withLock { $0.values.reduce(0) { $0 + $1.count } } >= 3_100 ? true : nil
                    }
                }
                for line in 0..<5 {
                    let numbers = received.withLock { $0["out/\(line)"] ?? [] }
                    #expect(numbers == (0..<3_000).filter { $0 % 5 == line }, "out/\(line)")
                }
                #expect(received.withLock { $0["may"] ?? [] } == Array(2_900..<3_000))
            }
        }
    }

    @Test(.enabled(if: Broker.isInstalled))
    func `killed again and again it loses nothing that it said was durable`() async throws {
        try await withFolder { folder in
            try await Broker.with { broker in
                let received = Mutex<Set<Int>>([])
                let bus = MosquittoBus(
                    BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "listener"),
                    entropy: SystemEntropy(), pause: RetryPause(leastMilliseconds: 1, mostMilliseconds: 5))
                try bus.subscribe(to: "out/#", quality: .atLeastOnce) { message in
                    let number = Int(String(decoding: message.payload, as: UTF8.self)) ?? -1
                    received.withLock { _ = $0.insert(number) }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await bus.run() }
                    defer { group.cancelAll() }
                    try await bus.confirm("out/#")
                    let path = folder.appending("outbox.db")
                    var written: [Int] = []
                    var generator = Seeded(UInt64.random(in: 0...1_000_000))
                    for life in 0..<6 {
                        let first = life * 1_000_000
                        let milliseconds = Int.random(in: 100...400, using: &generator)
                        written += try await self.live(path, broker, first: first, milliseconds)
                    }
                    let outbox = try self.outbox(bus, path: path)
                    try await self.drain(outbox)
                    let expected = Set(written)
                    _ = try await eventually("everything") {
                        received.withLock { expected.isSubset(of: $0) } ? true : nil
                    }
                    #expect(expected.count > 100)
                }
            }
        }
    }

    /// One life of the program that fills and sends, ended by SIGKILL.
    /// - Returns: what it said was durable.
    private func live(
        _ path: FilePath, _ broker: Broker, first: Int, _ milliseconds: Int
    ) async throws -> [Int] {
        let program = Repository.program("depai-outbox")
        let result = try await run(
            .path(program), arguments: [path.string, "\(broker.port)", "\(first)"], input: .none,
            output: .string(limit: 1 << 22), error: .string(limit: 1 << 16)
        ) { process in
            let number = process.processIdentifier.value
            // The life that is tested, not a wait for something.
            try await Task.sleep(for: .milliseconds(milliseconds))
            kill(number, SIGKILL)
        }
        let text = result.standardOutput
        // A line that was cut off says nothing.
        return text.split(separator: "\n").dropLast(text.hasSuffix("\n") ? 0 : 1).compactMap { Int($0) }
    }
}
