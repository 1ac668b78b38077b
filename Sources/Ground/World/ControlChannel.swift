/// Where somebody on the same machine asks a running robot: on a robot a socket that only its owner may open.
public protocol ControlChannel: Sendable {
    /// Answers requests, a few at a time, until the task is cancelled.
    /// - Parameter opened: called once, as soon as requests are taken.
    /// - Throws: what keeps the channel from being opened.
    func serve(
        opened: @Sendable () -> Void, _ answer: @escaping @Sendable ([UInt8]) async -> [UInt8]
    ) async throws
}
