/// Looks until `condition` gives a value, thirty seconds where nothing else is said: a busy machine is slow,
/// and only a promise that is broken takes that long. Only for tests against real processes: with a virtual
/// clock there is nothing to wait for.
public func eventually<Value: Sendable>(
    _ what: String, within limit: Duration = .seconds(120), _ condition: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw Broker.Failure(description: "waited \(limit) for: \(what)")
}
