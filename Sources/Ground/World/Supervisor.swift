/// Who started the program and looks after it: on a robot the service manager.
public protocol Supervisor: Sendable {
    /// How often a sign of life is due; nil when nobody waits for one.
    var heartbeat: Duration? { get }

    /// The work has begun: stores are open, and whoever asks is answered.
    func ready()
    /// One short sentence about how things stand.
    func tell(_ status: String)
    /// A sign of life. Only from something that would fall silent if the work stood still.
    func alive()
    /// The end was asked for and is under way.
    func stopping()
}
