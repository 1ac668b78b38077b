/// Where somebody on the same machine reads numbers of a running robot, and changes nothing.
public protocol MetricsChannel: Sendable {
    /// Answers each reader with a new text, until the task is cancelled.
    /// - Throws: what keeps the channel from being opened.
    func serve(_ text: @escaping @Sendable () async -> String) async throws
}
