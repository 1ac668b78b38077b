internal import Encoding
internal import Messaging
package import VDA5050
internal import World

/// The vehicle of a simulated robot: runs its model in the timeline's time.
package actor SimulatedVehicle: Vehicle {
    package nonisolated let abilities: Abilities
    private var model: VehicleModel
    private let timeline: any Timeline
    private var out: AsyncStream<VehicleReport>.Continuation?
    /// What found no room and waits; nothing but conditions is ever dropped.
    private var backlog: [VehicleReport] = []
    private var sleeper: AsyncStream<Void>.Continuation?
    private var hasMail = false

    /// Reports that wait for the robot side.
    static let reportLimit = 1_024

    init(_ model: VehicleModel, timeline: any Timeline) {
        self.model = model
        self.abilities = model.abilities
        self.timeline = timeline
    }

    /// What it did so far: drives by `order/place`, actions by id.
    package func executions() -> Executions { self.model.executions }

    package func listen() -> AsyncStream<VehicleReport> {
        self.out?.finish()
        // What the listener before did not hear is asked for again.
        self.backlog = []
        let (stream, out) = AsyncStream<VehicleReport>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.reportLimit))
        self.out = out
        self.say([.condition(self.model.condition)])
        return stream
    }

    package func take(_ command: VehicleCommand) async {
        self.say(self.model.handle(command, at: self.timeline.uptime))
        self.hasMail = true
        self.sleeper?.finish()
    }

    /// Lives until the task is cancelled.
    package func run() async throws {
        while true {
            try Task.checkCancellation()
            self.hasMail = false
            self.say(self.model.advance(to: self.timeline.uptime))
            try await self.sleep()
        }
    }

    private func say(_ reports: [VehicleReport]) {
        guard let out = self.out else { return }
        self.backlog += reports
        while let report = self.backlog.first {
            if case .dropped = out.yield(report) {
                self.backlog.removeAll { if case .condition = $0 { true } else { false } }
                // The robot side always comes back for more; each command has few answers.
                return
            }
            self.backlog.removeFirst()
        }
    }

    private func sleep() async throws {
        guard !self.hasMail else { return }
        let duration = max(self.model.due - self.timeline.uptime, .milliseconds(1))
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.sleeper = continuation
        defer { self.sleeper = nil }
        try await self.timeline.sleep(for: duration, or: stream)
    }
}
