/// Looks until `condition` gives a value, for at most half a minute. Only for tests against real processes:
/// with a virtual clock there is nothing to wait for.
public func eventually<Value: Sendable>(
    _ what: String, _ condition: () async throws -> Value?
) async throws -> Value {
    for _ in 0..<3_000 {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw Broker.Failure(description: "waited half a minute for: \(what)")
}
