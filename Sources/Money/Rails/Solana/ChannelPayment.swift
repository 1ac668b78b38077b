public import Encoding
public import Payments
public import Sodium
public import Solana

/// What a channel is, as every payment from it says: `ChannelConfig`.
public struct ChannelConfig: Sendable, Hashable {
    public let payer: Address
    /// The key that signs vouchers.
    public let payerAuthorizer: Address
    /// Who gets everything that is settled.
    public let receiver: Address
    public let receiverAuthorizer: Address
    public let token: Address
    /// Seconds.
    public let withdrawDelay: UInt32
    public let salt: UInt64
    public let openSlot: UInt64

    public init(
        payer: Address, payerAuthorizer: Address, receiver: Address, receiverAuthorizer: Address,
        token: Address, withdrawDelay: UInt32, salt: UInt64, openSlot: UInt64
    ) {
        self.payer = payer
        self.payerAuthorizer = payerAuthorizer
        self.receiver = receiver
        self.receiverAuthorizer = receiverAuthorizer
        self.token = token
        self.withdrawDelay = withdrawDelay
        self.salt = salt
        self.openSlot = openSlot
    }

    public init(_ field: JSONField) throws {
        if let signer = try field["voucherSigner"].ifPresent?.string(), signer != "client" {
            throw field["voucherSigner"].fault("only channels whose vouchers the client signs are used here")
        }
        self.payer = try Address(try field["payer"].string())
        self.payerAuthorizer = try Address(try field["payerAuthorizer"].string())
        self.receiver = try Address(try field["receiver"].string())
        self.receiverAuthorizer = try Address(try field["receiverAuthorizer"].string())
        self.token = try Address(try field["token"].string())
        self.withdrawDelay = try field["withdrawDelay"].integer()
        self.salt = try field["salt"].decimal()
        self.openSlot = try field["openSlot"].integer()
    }

    public var json: JSON {
        [
            "payer": .string(self.payer.description),
            "payerAuthorizer": .string(self.payerAuthorizer.description),
            "receiver": .string(self.receiver.description),
            "receiverAuthorizer": .string(self.receiverAuthorizer.description),
            "token": .string(self.token.description), "withdrawDelay": JSON(self.withdrawDelay),
            "salt": .string(String(self.salt)), "openSlot": JSON(self.openSlot),
        ]
    }

    /// The seeds of the channel's address; the sponsor sits in the payee's seat.
    public func seeds(feePayer: Address) -> ChannelSeeds {
        ChannelSeeds(
            payer: self.payer, payee: feePayer, mint: self.token, voucherSigner: self.payerAuthorizer,
            salt: self.salt, openSlot: self.openSlot)
    }
}

/// A voucher with its signature: `BatchVoucher`.
public struct SignedVoucher: Sendable, Hashable {
    public let voucher: ChannelVoucher
    public let signature: Signature

    public init(_ voucher: ChannelVoucher, signature: Signature) {
        self.voucher = voucher
        self.signature = signature
    }

    init(_ field: JSONField) throws {
        guard try field["expiresAt"].integer(Int64.self) == 0 else {
            throw field["expiresAt"].fault("vouchers of this scheme do not expire")
        }
        self.voucher = ChannelVoucher(
            channel: try Address(try field["channelId"].string()),
            cumulative: try field["maxClaimableAmount"].decimal())
        self.signature = try Signature(
            Base58.decode(try field["signature"].string(), maximumLength: 88))
    }

    public var json: JSON {
        [
            "channelId": .string(self.voucher.channel.description),
            "maxClaimableAmount": .string(String(self.voucher.cumulative)), "expiresAt": 0,
            "signature": .string(Base58.encode(self.signature.bytes)),
        ]
    }

    public func isSigned(by signer: Address) -> Bool {
        signer.publicKey?.verifies(self.signature, over: self.voucher.bytes) ?? false
    }
}

/// What a client pays with from a channel: the `payload` of a payment.
public struct ChannelPayment: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// Opens the channel or adds to it, and pays.
        case deposit(amount: UInt64, transaction: [UInt8])
        case voucher
        /// Pays nothing: asks for the rest of the deposit.
        case refund
    }

    public let kind: Kind
    public let config: ChannelConfig
    public let voucher: SignedVoucher

    public init(_ kind: Kind, config: ChannelConfig, voucher: SignedVoucher) {
        self.kind = kind
        self.config = config
        self.voucher = voucher
    }

    public init(_ field: JSONField) throws {
        self.config = try ChannelConfig(field["channelConfig"])
        self.voucher = try SignedVoucher(field["voucher"])
        switch try field["type"].string() {
        case "deposit":
            self.kind = .deposit(
                amount: try field["deposit"]["amount"].decimal(),
                transaction: try Base64.standard.decode(try field["deposit"]["transaction"].string()))
        case "voucher": self.kind = .voucher
        case "refund": self.kind = .refund
        default: throw field["type"].fault("deposit, voucher and refund are known here")
        }
    }

    public var json: JSON {
        var json: JSON = ["channelConfig": self.config.json, "voucher": self.voucher.json]
        switch self.kind {
        case .deposit(let amount, let transaction):
            json["type"] = "deposit"
            json["deposit"] = [
                "amount": .string(String(amount)),
                "transaction": .string(Base64.standard.encode(transaction)),
            ]
        case .voucher: json["type"] = "voucher"
        case .refund: json["type"] = "refund"
        }
        return json
    }
}

extension PaymentPayload {
    /// What pays on Solana.
    public enum Content: Sendable, Hashable {
        /// A partially signed transaction.
        case exact(transaction: [UInt8])
        case channel(ChannelPayment)

        public var json: JSON {
            switch self {
            case .exact(let bytes): ["transaction": .string(Base64.standard.encode(bytes))]
            case .channel(let payment): payment.json
            }
        }
    }

    /// What pays.
    /// - Throws: `X402Error.malformed` for what is no payment on Solana.
    public var content: Content {
        get throws(X402Error) {
            let field = JSONField(self.payload)
            do {
                guard self.accepted.channel == nil else { return .channel(try ChannelPayment(field)) }
                return .exact(transaction: try Base64.standard.decode(try field["transaction"].string()))
            } catch {
                throw .malformed("\(error)")
            }
        }
    }

    public init(
        resource: String, accepted: PaymentRequirements, content: Content, identifier: String?,
        offer: String? = nil
    ) {
        self.init(
            resource: resource, accepted: accepted, payload: content.json, identifier: identifier,
            offer: offer)
    }

    public init(
        resource: String, accepted: PaymentRequirements, transaction: [UInt8], identifier: String?,
        offer: String? = nil
    ) {
        self.init(
            resource: resource, accepted: accepted, content: .exact(transaction: transaction),
            identifier: identifier, offer: offer)
    }
}
