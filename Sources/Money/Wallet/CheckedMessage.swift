public import Ledger
public import Sodium

/// What a message is to do, and nothing else, once it is signed.
public enum MessageEffect: Sendable, Hashable {
    /// Moves an amount from the wallet's account to a payee.
    case pay(Terms)
    /// Moves an amount from the wallet's account into a channel of the payee's.
    case fill(channel: String, Terms)
    /// Says that the wallet leaves a channel; moves nothing.
    case leave(channel: String)
    /// Promises so much of a channel's deposit in all, in atomic units.
    case promise(channel: String, cumulative: UInt64)
    /// Pays the network's fee for a message of somebody else's.
    /// - Parameters:
    ///   - message: its digest, as ``Subject/fee(message:)`` has it.
    ///   - limit: the most that it may cost, in atomic units of the network's own coin.
    case sponsor(message: String, limit: UInt64)
}

/// A network's decoder: reads messages from their bytes alone, and shares no code with what builds them.
public protocol MessageReader: Sendable {
    /// The key that owns what is paid with on this network.
    var payer: PayingKey { get }

    /// - Parameter key: whose signature it waits for.
    /// - Throws: ``SigningRefusal/otherPayment(_:)`` naming the difference, where the message does anything
    ///   else, or more.
    func check(
        _ message: [UInt8], does effect: MessageEffect, signedBy key: PublicKey
    ) throws(SigningRefusal)

    /// What is signed of a message that was checked: on some networks its digest.
    func signedBytes(of message: [UInt8]) -> [UInt8]
}

extension MessageReader {
    public func signedBytes(of message: [UInt8]) -> [UInt8] { message }
}

/// The keys of the wallet that sign payments.
public enum PayingKey: Sendable, Hashable {
    case payment
    case sponsor
    case voucher
    case stellar

    /// As the keystore has it.
    public var role: KeyRole {
        switch self {
        case .payment: .payment
        case .sponsor: .sponsor
        case .voucher: .voucher
        case .stellar: .stellar
        }
    }
}

/// A message that its network's decoder read back and found to do just what was authorized. The wallet signs
/// nothing else, and nothing else makes one.
public struct CheckedMessage: ~Copyable, Sendable {
    let authorization: Authorization
    let bytes: [UInt8]
    let signedBytes: [UInt8]
    let key: PayingKey

    /// Reads `message` back and compares it with what was authorized; whoever built it, and whatever it was
    /// told by a seller.
    ///
    /// - Throws: ``SigningRefusal``; the authorization is used up, and its reservation stays.
    public init(
        _ message: [UInt8], for authorization: consuming Authorization, of wallet: UnlockedWallet,
        by reader: some MessageReader
    ) throws(SigningRefusal) {
        let proposal = authorization.proposal
        let (effect, key): (MessageEffect, PayingKey) =
            if let voucher = authorization.voucher {
                (.promise(channel: voucher.channel, cumulative: voucher.cumulative), .voucher)
            } else {
                switch proposal.purchase.subject {
                case .fee(let message): (.sponsor(message: message, limit: proposal.amount), .sponsor)
                case .deposit(let channel): (.fill(channel: channel, proposal.terms), reader.payer)
                case .closing(let channel): (.leave(channel: channel), reader.payer)
                default: (.pay(proposal.terms), reader.payer)
                }
            }
        try reader.check(message, does: effect, signedBy: wallet.publicKey(key.role))
        self.authorization = authorization
        self.bytes = message
        self.signedBytes = reader.signedBytes(of: message)
        self.key = key
    }

    consuming func signed(by key: borrowing SigningKey) throws(SodiumError) -> SignedAttempt {
        let (bytes, signedBytes) = (self.bytes, self.signedBytes)
        return try self.authorization.signed(bytes, as: signedBytes, by: key)
    }
}

/// Why the wallet does not sign what it has an authorization for.
public enum SigningRefusal: Error, Equatable, CustomStringConvertible {
    /// The message does not do what was authorized.
    case otherPayment(String)
    /// The statement is an owner's or an operator's to make.
    case personsWord

    public var description: String {
        switch self {
        case .otherPayment(let what): "the message does not pay what was authorized: \(what)"
        case .personsWord: "only a person's key signs this, no machine's"
        }
    }
}
