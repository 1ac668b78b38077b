import Database
import Encoding
import Payments
package import SystemPackage
import World

/// A private mosquitto: loopback only, a user per party, topics by ACL, persistence in its own folder.
package struct PrivateBroker: Sendable {
    package let folder: FilePath
    package let port: Int
    /// Nodes that sell here, by user and by the name that is in their topics.
    private let sellers: [(user: String, name: String)]

    package init(folder: FilePath, sellers: [(user: String, name: String)] = []) async throws {
        self.folder = folder
        self.sellers = sellers
        self.port = try Child.freePort()
    }

    /// The file with a user's password.
    package func passwordFile(_ user: String) -> FilePath { self.folder.appending("\(user).password") }

    /// Devices do not speak to one another, and the robot cannot pretend to be one. A seller hears what is
    /// asked of itself, and answers.
    private var rules: String {
        let sellers = self.sellers.map { seller in
            """
            user \(seller.user)
            topic read \(MQTTTransport.requestTopic(of: seller.name))
            topic write \(MQTTTransport.answerTopic(of: "+"))

            """
        }.joined()
        return """
            user devices
            topic write tele/#
            topic write stat/#
            topic write env/#
            topic write meter/#
            topic write base/+/state
            topic write base/+/availability
            topic write base/+/follow/result
            topic write uagv/+/+/+/state
            topic write uagv/+/+/+/factsheet
            topic readwrite uagv/+/+/+/connection
            topic read cmnd/#
            topic read base/+/follow
            topic read robots/#
            topic read uagv/+/+/+/order
            topic read uagv/+/+/+/instantActions
            user robot
            topic write robots/#
            topic read #
            topic write cmnd/#
            topic write base/+/follow
            topic write \(MQTTTransport.requestTopic(of: "+"))
            topic write uagv/+/+/+/order
            topic write uagv/+/+/+/instantActions
            \(sellers)
            """
    }

    /// Writes configuration, passwords and ACLs.
    package func prepare(entropy: SeededEntropy) async throws {
        try DurableFile.createFolder(self.folder)
        let passwords = self.folder.appending("passwords")
        try DurableFile.write([], to: passwords)
        for user in ["robot", "devices"] + self.sellers.map(\.user) {
            let password = Hex.encode(entropy.bytes(16))
            try DurableFile.write(Array((password + "\n").utf8), to: self.passwordFile(user))
            // A throw-away password of a simulation: mosquitto_passwd takes it no other way without a
            // terminal.
            _ = try await Child.output("/usr/bin/mosquitto_passwd", ["-b", passwords.string, user, password])
        }
        try DurableFile.write(Array(self.rules.utf8), to: self.folder.appending("acl"))
        let configuration = """
            listener \(self.port) 127.0.0.1
            allow_anonymous false
            password_file \(passwords)
            acl_file \(self.folder.appending("acl"))
            persistence true
            persistence_location \(self.folder)/
            autosave_on_changes true
            autosave_interval 100
            set_tcp_nodelay true
            max_queued_messages 10000
            user root

            """
        try DurableFile.write(Array(configuration.utf8), to: self.folder.appending("mosquitto.conf"))
    }

    /// Serves until cancelled.
    package func run(as child: MortalChild) async throws {
        let log = self.folder.appending("mosquitto.log")
        let code = try await child.run(
            "/usr/sbin/mosquitto", ["-c", self.folder.appending("mosquitto.conf").string], log: log)
        throw SimulationError.process(name: "mosquitto (exit \(code))", log: log.string)
    }
}
