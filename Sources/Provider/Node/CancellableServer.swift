package import Hummingbird
internal import ServiceLifecycle

extension ApplicationProtocol {
    /// Serves until the task is cancelled: then nobody is let in any more, and who is inside gets his answer.
    ///
    /// Hummingbird's server leaves at once when it is cancelled, also from connections that it has accepted
    /// and not begun to serve. SwiftNIO takes those for a fault of the program and stops it.
    /// - Parameter grace: how long what is being answered may take to end.
    /// - Throws: `CancellationError` when cancelled, and what kept the server from listening.
    package func serve(grace: Duration = .seconds(1)) async throws {
        var configuration = ServiceGroupConfiguration(services: [self], logger: self.logger)
        configuration.maximumGracefulShutdownDuration = grace
        let group = ServiceGroup(configuration: configuration)
        // A task that is not cancelled with this one: it is asked to end, and waited for.
        let serving = Task { try await group.run() }
        do {
            try await withTaskCancellationHandler {
                try await serving.value
            } onCancel: {
                Task { await group.triggerGracefulShutdown() }
            }
        } catch {
            // A group that was asked to end before it began says that as a fault of its own.
            try Task.checkCancellation()
            throw error
        }
        try Task.checkCancellation()
    }
}
