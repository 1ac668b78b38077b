package import Devices
package import Encoding
package import Foundation
package import SystemPackage
internal import TestSupport
internal import World

/// The repository's `Devices` folder.
package let families = Repository.root.appending(path: "Devices")

package func json(_ path: String) throws -> JSON {
    try JSON.read([UInt8](Data(contentsOf: families.appending(path: path))))
}

/// A shipped thing: `shipped("relay-plug", "plug-1")`.
package func shipped(
    _ family: String, _ name: String, profiles: [any Profile.Type] = []
) throws -> Thing {
    try Thing(description: try json("\(family)/\(name).td.json"), profiles: profiles)
}

/// A description with one property or action, to be bent.
package func description(_ members: JSON, of kind: String = "properties") -> JSON {
    [
        "@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:test:one", "title": "one",
        "securityDefinitions": ["nosec_sc": ["scheme": "nosec"]], "security": ["nosec_sc"],
        .init(kind): members,
    ]
}

/// A hub that runs while `body` does.
package func withHub(
    _ things: [Thing], bus: MemoryBus, store: FilePath? = nil, timeline: StepTimeline = StepTimeline(),
    log: ReadingLog? = nil, _ body: @Sendable (DeviceHub) async throws -> Void
) async throws {
    let hub = try DeviceHub(
        things: things, bus: bus, store: store, timeline: timeline, entropy: CountingEntropy(),
        log: log)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await hub.run() }
        defer { group.cancelAll() }
        while !(await hub.isListening) { await Task.yield() }
        try await body(hub)
    }
}

/// Waits until `hub` has worked off what arrived.
package func settled<Value>(_ condition: () async throws -> Value?) async throws -> Value {
    for _ in 0..<20_000 {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .microseconds(100))
    }
    throw NothingHappened()
}

/// Two seconds are over, and what was waited for is not there.
private struct NothingHappened: Error {}
