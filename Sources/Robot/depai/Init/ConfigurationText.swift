import Encoding
import Glibc
import Home
import SystemPackage
import World

/// A robot's configuration as a person reads it, with what could stand there beside what does.
struct ConfigurationText {
    let plan: RobotPlan
    /// The robot's final home, also while it is prepared elsewhere.
    private let home: FilePath

    init(plan: RobotPlan, home: FilePath) {
        self.plan = plan
        // The robot may be started from anywhere.
        self.home = home.isAbsolute ? home : FilePath(Self.here).pushing(home).lexicallyNormalized()
    }

    /// A file as it stands in the configuration: below the home without its name, so that the home can be
    /// moved, and otherwise from the root, since nobody knows where the robot is started.
    private func place(_ file: String) -> String {
        let path = FilePath(Self.here).pushing(FilePath(file)).lexicallyNormalized()
        var below = path
        guard below.removePrefix(self.home.lexicallyNormalized()), !below.isEmpty else { return path.string }
        return below.string
    }

    private static var here: String {
        var room = [CChar](repeating: 0, count: Int(PATH_MAX))
        return getcwd(&room, room.count).map { String(cString: $0) } ?? "/"
    }

    var text: String {
        ([self.head, self.chain, self.unlocking, self.broker, self.rest] as [String])
            .joined(separator: "\n\n") + "\n"
    }

    private let head = """
        # What `depai run` reads at its start. `depai doctor` checks it; a name that is not known is refused.
        # No secret stands in here, only the names of files that hold one; without a folder they are below
        # the home.
        """

    private var chain: String {
        """
        # The chain that payments are made on: mainnet, devnet or testnet.
        network: \(Self.quoted(self.plan.network))
        # Its nodes, in the order of preference: who does not answer is left for the next.
        rpc:
        \(self.plan.rpc.map { "  - \(Self.quoted($0))" }.joined(separator: "\n"))
        # Nodes of others, whose word it takes before a payment counts as dead.
        # rpc_witnesses: ["https://node.example"]
        """
    }

    private var unlocking: String {
        let line =
            self.plan.passphraseFile.map { "passphrase_file: \(Self.quoted(self.place($0)))" }
            ?? "# passphrase_file: /etc/depai/passphrase"
        return """
            # What opens the wallet at the start, where the service manager delivers no credential `depai.key`
            # (made by: depai wallet slot --credential-sealed FILE). Without either the robot works and spends
            # nothing. Mode 0600.
            \(line)
            """
    }

    private var broker: String {
        let broker = self.plan.broker
        var lines = [
            "# Where devices, owner and sellers are met. A broker that is away is waited for.", "broker:",
            "  host: \(Self.quoted(broker.host))", "  port: \(broker.port)",
            "  # Stable, and no other client's: the broker keeps this session while the robot is away.",
            "  client_id: \(Self.quoted(broker.clientID))",
        ]
        lines.append(broker.username.map { "  username: \(Self.quoted($0))" } ?? "  # username: robot-1")
        lines.append(
            broker.passwordFile.map { "  password_file: \(Self.quoted(self.place($0)))" }
                ?? "  # password_file: /etc/depai/broker-password")
        if let tls = broker.tls {
            let files = [
                ("ca_file", tls.caFile), ("certificate_file", tls.certificateFile), ("key_file", tls.keyFile),
            ].compactMap { name, file in file.map { "\(name): \(Self.quoted(self.place($0)))" } }
            lines.append("  tls: { \(files.joined(separator: ", ")) }")
        } else {
            lines.append(
                "  # tls: {}   # the system's authorities; or ca_file, certificate_file and key_file")
        }
        for (name, message) in [("birth", broker.birth), ("will", broker.will)] {
            lines.append(
                message.map { "  \(name): \(Self.flow($0))" }
                    ?? "  # \(name): { topic: robots/robot-1/state, payload: "
                    + "\(name == "birth" ? "online" : "offline"), retain: true }")
        }
        if broker.sessionSeconds != 86_400 { lines.append("  session_seconds: \(broker.sessionSeconds)") }
        return lines.joined(separator: "\n")
    }

    private var rest: String {
        """
        # Descriptions of the devices, one NAME.td.json each; what changes there is taken up at once.
        devices: devices

        # Who sells storage and compute to this robot.
        providers: []
        # providers:
        #   - { url: "https://node.example", identity: BASE58 }

        # What it does of its own accord. archive keeps readings: every so many of them are sealed and stored
        # at a provider.
        # behaviours:
        #   archive: { readings: 1000, days: 30, challenges: 4 }

        # Pay providers over channels: the deposit of each, in whole units.
        # channels: { deposit: "0.05" }

        # Tell every event over the broker.
        # report: { topic: robots/robot-1/events }

        # Numbers for Prometheus, over a Unix socket or on a port of this machine alone.
        # metrics: { socket: metrics.sock }
        # metrics: { port: 9464 }
        """
    }

    /// JSON's texts are YAML's, and nothing in them can be taken for something else.
    private static func quoted(_ text: String) -> String { JSON.string(text).text }

    private static func flow(_ message: Message) -> String {
        let payload = String(decoding: message.payload, as: UTF8.self)
        return "{ topic: \(self.quoted(message.topic)), payload: \(self.quoted(payload)), "
            + "retain: \(message.retained) }"
    }
}
