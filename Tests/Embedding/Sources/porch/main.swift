import Agent
import Home
import Linux
import World

/// The robot of a home that `depai init` made, with one behaviour more: porch HOME.
let home = Home(.init(CommandLine.arguments.last ?? ""))
let configuration = try Settings.read(home.configurationPath) {
    try AgentConfiguration($0, in: home.path)
}
let bus = MosquittoBus(configuration.broker, entropy: SystemEntropy())
// The bus connects when the robot listens: a broker hands out at once what it kept.
let (listening, gate) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
let agent = Agent(
    home: home, configuration: configuration, bus: bus, web: WebProcess(), timeline: SystemTimeline(),
    entropy: SystemEntropy(), behaviours: [Porch()], control: ControlSocket(path: home.controlPath.string),
    onListening: { gate.finish() }, onEvent: { print("\($0.kind): \($0.text)") })
try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask {
        for await _ in listening {}
        await bus.run()
    }
    group.addTask { try await agent.run() }
    try await group.next()
    group.cancelAll()
}
