/// Where a wallet and its owner meet on a broker. The broker is trusted with nothing: commands are signed by
/// the owner, answers by the wallet's identity.
public struct OwnerTopics: Sendable, Hashable {
    /// Requests, ``WalletRequest``; not retained.
    public let ask: String
    /// A signed freeze, retained: a robot that was offline finds it when it comes back.
    public let freeze: String
    /// Signed answers, ``Answer``.
    public let answer: String
    /// How the wallet stands, signed and retained, once a minute.
    public let state: String

    /// Signed commands to devices; not retained.
    public let device: String
    /// Signed answers to them, ``Answer``.
    public let deviceAnswer: String

    /// - Parameter wallet: base58 address.
    public init(wallet: String) {
        let root = "depai/\(wallet)/owner"
        self.ask = "\(root)/ask"
        self.freeze = "\(root)/freeze"
        self.answer = "\(root)/answer"
        self.state = "\(root)/state"
        self.device = "depai/\(wallet)/device/ask"
        self.deviceAnswer = "depai/\(wallet)/device/answer"
    }
}
