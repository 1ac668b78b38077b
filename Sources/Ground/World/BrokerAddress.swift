/// Where the broker is and who we are to it.
public struct BrokerAddress: Sendable {
    public var host: String
    public var port: Int32
    /// Stable, so that the broker keeps our session while we are away.
    public var clientID: String
    public var username: String?
    /// The password stands in a file of its own and is read anew at each connect.
    public var passwordFile: String?
    /// Published by the broker when we vanish; also at an orderly end where there is a ``birth``.
    public var will: Message?
    /// Published by us after each connect.
    public var birth: Message?
    /// Nil speaks without encryption.
    public var tls: TLS?
    /// How long the broker keeps our session while we are away, in seconds.
    public var sessionSeconds: UInt32

    public init(
        host: String, port: Int32 = 1_883, clientID: String, username: String? = nil,
        passwordFile: String? = nil, will: Message? = nil, birth: Message? = nil, tls: TLS? = nil,
        sessionSeconds: UInt32 = 86_400
    ) {
        self.host = host
        self.port = port
        self.clientID = clientID
        self.username = username
        self.passwordFile = passwordFile
        self.will = will
        self.birth = birth
        self.tls = tls
        self.sessionSeconds = sessionSeconds
    }

    /// X.509 in PEM files, read anew at each connect. The broker's name is always checked.
    public struct TLS: Sendable, Hashable {
        /// Who may vouch for the broker; nil takes the system's authorities (`/etc/ssl/certs`).
        public var caFile: String?
        /// Our own certificate and its key, for a broker that asks who we are.
        public var certificateFile: String?
        public var keyFile: String?

        public init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
            self.caFile = caFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }
}
