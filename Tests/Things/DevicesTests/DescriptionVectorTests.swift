import Encoding
import Foundation
import Subprocess
import TestSupport
import Testing
import ThingSupport

@testable import Devices

/// The folder with descriptions and schemas, where it is.
private let sharedDescriptions = Repository.vectors("devices")

/// The examples of the W3C and of Eclipse Thingweb, as they are and changed at random, against the official
/// JSON Schemas as the PyPI package jsonschema understands them.
@Suite(.enabled(if: sharedDescriptions != nil, "the shared descriptions are not here"))
struct DescriptionVectorTests {
    private static func documents() throws -> [(name: String, json: JSON)] {
        let folder = try #require(sharedDescriptions)
        return try ["td-examples/valid", "td-examples/mqtt"].flatMap { name in
            try FileManager.default.contentsOfDirectory(
                at: folder.appending(path: name), includingPropertiesForKeys: nil
            ).sorted { $0.path < $1.path }.map { file in
                (file.lastPathComponent, try JSON.read(Array(try Data(contentsOf: file))))
            }
        }
    }

    @Test func `all valid examples are accepted`() throws {
        let documents = try Self.documents()
        #expect(documents.count >= 50)
        for (name, json) in documents {
            // Of 2018, before any Recommendation.
            let isOld = name == "smartthings-light-2018.json"
            #expect(DescriptionChecker.faults(in: json).isEmpty != isOld, "\(name)")
        }
    }

    /// What no JSON Schema sees: only here the two may differ.
    private static let beyond = [
        // An empty list passes the schema by the way draft 7 reads tuples; the Recommendation wants one.
        "begins with https://www.w3.org",
        "no security definition", "no schema definition", "only one link names", "is application/tm+json",
        "writes what is readOnly", "reads what is writeOnly", "is readOnly and writeOnly",
    ]

    @Test func `random changes are judged as the official schemas judge them`() async throws {
        let python = try await Peer.python(with: "jsonschema", from: "jsonschema")
        let folder = try #require(sharedDescriptions)
        var generator = Seeded(2_026)
        var changed: [(name: String, json: JSON)] = []
        for (name, json) in try Self.documents() {
            await Task.yield()
            for _ in 0..<40 { changed.append((name, Self.mutated(json, &generator))) }
        }
        let lines = changed.map { $0.json.text + "\n" }.joined()
        let schemas = ["td", "tm"].map {
            folder.appending(path: "wot-td-1.1/\($0)-json-schema-validation.json").path
        }
        let result = try await run(
            .name("env"),
            arguments: Arguments([python, Peer.script("check_descriptions.py").path] + schemas),
            input: .string(lines), output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
        #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
        let verdicts = result.standardOutput.split(separator: "\n").map(String.init)
        #expect(verdicts.count == changed.count)
        var invalid = 0
        for ((name, json), verdict) in zip(changed, verdicts) {
            await Task.yield()
            let faults = DescriptionChecker.faults(in: json)
            if verdict == "valid" {
                let judged = faults.filter { fault in !Self.beyond.contains { fault.reason.contains($0) } }
                // What a hub could not use is checked only where all else is well.
                let isUse = faults.count == 1 && (json["id"] == nil || Self.speaksMQTT(json))
                #expect(judged.isEmpty || isUse, "\(name): \(faults) in \(json.text)")
            } else {
                invalid += 1
                #expect(!faults.isEmpty, "\(name) is accepted: \(json.text)")
            }
        }
        #expect(invalid > changed.count / 10, "\(invalid) of \(changed.count) are invalid")
    }

    private static func speaksMQTT(_ json: JSON) -> Bool { json.text.contains("mqv:") }

    /// Takes a member or element away, or puts something else there.
    private static func mutated(_ json: JSON, _ generator: inout Seeded) -> JSON {
        let others: [JSON] = [nil, true, 0, -1, "text", "{{WORD}}", [], [:], ["a", 1], ["a": 1]]
        switch json {
        case .object(let object) where !object.members.isEmpty:
            let (name, value) = object.members[Int.random(in: 0..<object.members.count, using: &generator)]
            var changed = json
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: changed[name] = JSON?.none
            case 1: changed[name] = .some(others.randomElement(using: &generator) ?? nil)
            default: changed[name] = self.mutated(value, &generator)
            }
            return changed
        case .array(var elements) where !elements.isEmpty:
            let index = Int.random(in: 0..<elements.count, using: &generator)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                elements.remove(at: index)
            } else {
                elements[index] = self.mutated(elements[index], &generator)
            }
            return .array(elements)
        default: return others.randomElement(using: &generator) ?? nil
        }
    }
}
