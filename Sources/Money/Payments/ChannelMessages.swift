public import Encoding
public import Sodium

/// The scheme `batch-settlement` on Solana (x402 scheme_batch_settlement_svm, client mode): what its messages
/// carry besides those of ``X402``.
public enum BatchSettlement {
    public static let scheme = "batch-settlement"
    /// Codes begin so.
    public static let prefix = "invalid_batch_settlement_svm_"
    /// The server's count differs from the client's.
    public static let mismatch = prefix + "cumulative_amount_mismatch"
    public static let channelClosing = prefix + "channel_closing"
    /// Seconds that a payer waits at most and at least for a payee that does not close.
    public static let withdrawDelays: ClosedRange<UInt32> = 900...2_592_000

    /// The text that binds a channel to the seller's key for the whole of its life.
    package static func binding(_ receiverAuthorizer: String) -> String {
        "x402:batch-settlement:svm:rcvauth:v1:\(receiverAuthorizer)"
    }
}

/// What a seller asks of a channel: the `extra` of its requirements.
public struct ChannelOffer: Sendable, Equatable {
    /// Base58 key of the seller that stands for its closes.
    public let receiverAuthorizer: String
    /// Seconds.
    public let withdrawDelay: UInt32
    public let tokenProgram: String
    /// What a deposit should have, in atomic units.
    public let minDeposit: UInt64?
    /// Seconds without a payment after which the sponsor may close the channel; nil when it never does.
    public let maxIdleSeconds: UInt32?
    /// Of an answer that corrects the client: how the seller's books stand.
    public let state: ChannelStanding?
    /// Of the same: a voucher that the client signed.
    public let proof: (amount: UInt64, signature: Signature)?

    public init(
        receiverAuthorizer: String, withdrawDelay: UInt32, tokenProgram: String, minDeposit: UInt64?,
        maxIdleSeconds: UInt32? = nil, state: ChannelStanding? = nil,
        proof: (amount: UInt64, signature: Signature)? = nil
    ) {
        self.receiverAuthorizer = receiverAuthorizer
        self.withdrawDelay = withdrawDelay
        self.tokenProgram = tokenProgram
        self.minDeposit = minDeposit
        self.maxIdleSeconds = maxIdleSeconds
        self.state = state
        self.proof = proof
    }

    init(_ extra: JSONField) throws {
        if let signer = try extra["voucherSigner"].ifPresent?.string(), signer != "client" {
            // The operator could then sign for the whole deposit.
            throw extra["voucherSigner"].fault("only channels whose vouchers the client signs are used here")
        }
        self.receiverAuthorizer = try extra["receiverAuthorizer"].string()
        self.withdrawDelay = try extra["withdrawDelay"].integer()
        guard BatchSettlement.withdrawDelays.contains(self.withdrawDelay) else {
            throw extra["withdrawDelay"].fault("must be 900 to 2592000 seconds")
        }
        self.tokenProgram = try extra["tokenProgram"].string()
        self.minDeposit = try extra["minDeposit"].ifPresent?.decimal()
        self.maxIdleSeconds = try extra["maxIdleSecs"].ifPresent?.integer()
        self.state = try extra["channelState"].ifPresent.map { try ChannelStanding($0) }
        self.proof = try extra["voucherState"].ifPresent.map { field in
            (
                try field["signedMaxClaimable"].decimal(),
                try Signature(Base58.decode(try field["signature"].string(), maximumLength: 88))
            )
        }
    }

    /// The members of `extra`.
    func json(feePayer: String) -> JSON {
        var extra: JSON = [
            "feePayer": .string(feePayer), "receiverAuthorizer": .string(self.receiverAuthorizer),
            "withdrawDelay": JSON(self.withdrawDelay), "tokenProgram": .string(self.tokenProgram),
        ]
        if let minDeposit { extra["minDeposit"] = .string(String(minDeposit)) }
        if let maxIdleSeconds { extra["maxIdleSecs"] = JSON(maxIdleSeconds) }
        if let state { extra["channelState"] = state.json }
        if let proof {
            extra["voucherState"] = [
                "signedMaxClaimable": .string(String(proof.amount)), "expiresAt": 0,
                "signature": .string(Base58.encode(proof.signature.bytes)),
            ]
        }
        return extra
    }

    public static func == (one: ChannelOffer, other: ChannelOffer) -> Bool {
        one.json(feePayer: "") == other.json(feePayer: "")
    }
}

/// How a channel stands in a seller's books: `ChannelState`.
public struct ChannelStanding: Sendable, Equatable {
    public let channel: String
    /// Atomic units in escrow.
    public let balance: UInt64
    /// Redeemed on the chain.
    public let claimed: UInt64
    /// Seconds since 1970, 0 when nobody asked.
    public let withdrawRequestedAt: Int64
    /// What the seller charged in all; only the seller knows it.
    public let charged: UInt64?

    public init(
        channel: String, balance: UInt64, claimed: UInt64, withdrawRequestedAt: Int64 = 0, charged: UInt64?
    ) {
        self.channel = channel
        self.balance = balance
        self.claimed = claimed
        self.withdrawRequestedAt = withdrawRequestedAt
        self.charged = charged
    }

    init(_ field: JSONField) throws(JSONError) {
        self.channel = try field["channelId"].string()
        self.balance = try field["balance"].decimal()
        self.claimed = try field["totalClaimed"].decimal()
        self.withdrawRequestedAt = try field["withdrawRequestedAt"].ifPresent?.integer() ?? 0
        self.charged = try field["chargedCumulativeAmount"].ifPresent?.decimal()
    }

    public var json: JSON {
        var json: JSON = [
            "channelId": .string(self.channel), "balance": .string(String(self.balance)),
            "totalClaimed": .string(String(self.claimed)),
            "withdrawRequestedAt": .integer(self.withdrawRequestedAt),
        ]
        if let charged { json["chargedCumulativeAmount"] = .string(String(charged)) }
        return json
    }
}
