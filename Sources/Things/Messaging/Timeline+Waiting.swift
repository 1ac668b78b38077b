package import World

extension Timeline {
    /// Returns when something comes through `news`, when `news` ends, or when the time is over, whatever is
    /// first. At once where no time is left.
    /// - Throws: `CancellationError` when the task is cancelled.
    package func sleep(for duration: Duration, or news: AsyncStream<Void>) async throws {
        guard duration > .zero else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in news { return } }
            group.addTask { try await self.sleep(for: duration) }
            try await group.next()
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
}
