import Encoding
import Foundation
import Subprocess
import TestSupport
import Testing
import ThingSupport

@testable import VDA5050

/// The folder with the official schemas, where it is.
private let sharedSchemas = Repository.vectors("devices")

/// Reads a document as the topic's message and writes it again.
func rewritten(
    _ document: JSON, _ topic: Topic, _ version: Version
) throws(JSONError) -> JSON {
    func pass<Message: WireMessage>(_ type: Message.Type) throws(JSONError) -> JSON {
        let message = try Message(document, version)
        let written = try message.json(version)
        // What was written is the same message, and so is what the disk keeps.
        #expect(try Message(written, version) == message)
        #expect(try Message.read(JSONField(try message.written(.stored, at: "")), .stored) == message)
        return written
    }
    return switch topic {
    case .order: try pass(Order.self)
    case .instantActions: try pass(InstantActions.self)
    case .state: try pass(State.self)
    case .connection: try pass(Connection.self)
    case .factsheet: try pass(Factsheet.self)
    case .visualization: try pass(Visualization.self)
    }
}

/// Random messages against the official JSON Schemas as the PyPI package jsonschema understands them.
@Suite(.enabled(if: sharedSchemas != nil, "the official VDA 5050 schemas are not here"))
struct MessageSchemaTests {
    static let cases = Version.allCases.flatMap { version in
        Topic.allCases.map { (version, $0) }
    }
    private static let seed = 5_050

    private static func schema(_ topic: Topic, _ version: Version) throws -> String {
        let folder = version == .two ? "vda5050-2.1.0" : "vda5050-3.0.0-main"
        return try #require(sharedSchemas).appending(path: "\(folder)/\(topic.rawValue).schema.json").path
    }

    private static func python(_ arguments: [String], input: [JSON] = []) async throws -> [String] {
        let python = try await Peer.python(with: "jsonschema", from: "jsonschema")
        let script = Peer.script("vda5050_messages.py").path
        let result = try await run(
            .name("env"), arguments: Arguments([python, script] + arguments),
            input: .string(input.map { $0.text + "\n" }.joined()), output: .string(limit: 64 << 20),
            error: .string(limit: 1 << 16))
        #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
        return result.standardOutput.split(separator: "\n").map(String.init)
    }

    private static func documents(
        _ topic: Topic, _ version: Version
    ) async throws -> [JSON] {
        let schema = try self.schema(topic, version)
        return try await self.python(["generate", String(self.seed), "200", schema]).map { try JSON.read($0) }
    }

    @Test(arguments: MessageSchemaTests.cases)
    func `every message is read completely, and written as its schema asks`(
        _ version: Version, _ topic: Topic
    ) async throws {
        let documents = try await Self.documents(topic, version)
        #expect(documents.count == 200)
        var written: [JSON] = []
        for document in documents {
            await Task.yield()
            let message = try rewritten(document, topic, version)
            // A header that 2.1.0 lets senders leave out is always written.
            var document = document
            for name in ["headerId", "timestamp", "version", "manufacturer", "serialNumber"] {
                document[name] = document[name] ?? message[name]
            }
            #expect(message.isSameValue(as: document), "seed \(Self.seed): \(document.text)")
            written.append(message)
        }
        let verdicts = try await Self.python(["check", try Self.schema(topic, version)], input: written)
        #expect(verdicts.count == written.count)
        for (verdict, message) in zip(verdicts, written) {
            #expect(verdict == "valid", "\(message.text)")
        }
    }

    /// Where we ask for more than the schema: its text does.
    private static let stricter = [
        "no RFC 3339 time", "is out of range", "is not one of its words",
        "degree: must be 1 or more", "must not be negative",
    ]

    @Test(arguments: MessageSchemaTests.cases)
    func `random changes are judged as the official schemas judge them`(
        _ version: Version, _ topic: Topic
    ) async throws {
        var generator = Seeded(UInt64(Self.seed))
        let documents = try await Self.documents(topic, version).flatMap { document in
            (0..<4).map { _ in mutated(document, &generator) }
        }
        let verdicts = try await Self.python(["check", try Self.schema(topic, version)], input: documents)
        #expect(verdicts.count == documents.count)
        var refused = 0
        for (document, verdict) in zip(documents, verdicts) {
            await Task.yield()
            var fault: JSONError?
            do { _ = try rewritten(document, topic, version) } catch { fault = error }
            if fault != nil { refused += 1 }
            if verdict == "valid" {
                let isStricter = Self.stricter.contains { fault?.description.contains($0) ?? false }
                #expect(fault == nil || isStricter, "\(fault?.description ?? ""): \(document.text)")
            } else {
                #expect(fault != nil, "is accepted, \(verdict): \(document.text)")
            }
        }
        #expect(refused > documents.count / 10, "\(refused) of \(documents.count)")
    }
}

/// Takes a member or an element away, or puts something else there.
private func mutated(_ json: JSON, _ generator: inout Seeded) -> JSON {
    let others: [JSON] = [nil, true, 0, -1, "text", [], [:], ["a", 1], ["a": 1]]
    switch json {
    case .object(let object) where !object.members.isEmpty:
        let (name, value) = object.members[Int.random(in: 0..<object.members.count, using: &generator)]
        var changed = json
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: changed[name] = JSON?.none
        case 1: changed[name] = .some(others.randomElement(using: &generator) ?? nil)
        default: changed[name] = mutated(value, &generator)
        }
        return changed
    case .array(var elements) where !elements.isEmpty:
        let index = Int.random(in: 0..<elements.count, using: &generator)
        if Int.random(in: 0..<4, using: &generator) == 0 {
            elements.remove(at: index)
        } else {
            elements[index] = mutated(elements[index], &generator)
        }
        return .array(elements)
    default: return others.randomElement(using: &generator) ?? nil
    }
}
