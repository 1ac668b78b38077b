public import Encoding

/// The messages of x402 version 2 (x402-specification-v2, transports-v2/http): what they say, and their JSON.
public enum X402 {
    public static let version = 2
    /// With status 402, server to client.
    public static let requiredHeader = "PAYMENT-REQUIRED"
    /// On the retry, client to server.
    public static let signatureHeader = "PAYMENT-SIGNATURE"
    /// With the answer, server to client.
    public static let responseHeader = "PAYMENT-RESPONSE"
    /// The extension that makes a repeated request harmless.
    public static let identifierExtension = "payment-identifier"

    /// A header's text: padded standard Base64 of compact JSON.
    static func encode(_ message: JSON) -> String { Base64.standard.encode(Array(message.text.utf8)) }

    /// What messages may be: sellers describe their answers in schemas as well.
    package static let limits = JSON.Limits(bytes: 128 << 10, depth: 64)

    /// Reads a header's text.
    static func decode(_ header: String) throws(X402Error) -> JSONField {
        do {
            return JSONField(try JSON.read(try self.bytes(of: header), limits: self.limits))
        } catch {
            throw .malformed("\(error)")
        }
    }

    /// The bytes of a header: what is written is standard Base64 with padding, what others write is the URL's
    /// alphabet, or lacks the padding.
    static func bytes(of header: String) throws(X402Error) -> [UInt8] {
        guard header.utf8.count <= self.limits.bytes / 3 * 4 + 4 else {
            throw .malformed("a header of \(header.utf8.count) bytes")
        }
        var text = header.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: byte
            }
        }
        while text.last == UInt8(ascii: "="), text.count % 4 != 1 { text.removeLast() }
        do throws(DecodingError) {
            return try Base64.url.decode(String(decoding: text, as: UTF8.self))
        } catch {
            throw .malformed("\(error)")
        }
    }
}

/// One way to pay that a seller offers.
public struct PaymentRequirements: Sendable, Equatable {
    public let scheme: String
    /// CAIP-2.
    public let network: String
    /// Atomic units.
    public let amount: UInt64
    /// Mint address.
    public let asset: String
    /// Base58 owner of the receiving account.
    public let payTo: String
    public let maxTimeoutSeconds: Int
    /// Who pays the network fee and signs first.
    public let feePayer: String?
    public let memo: String?
    /// `upfront`: settled before the work; absent on the wire means `authorization`.
    public let paymentFlow: String
    /// Of the scheme `batch-settlement`.
    public let channel: ChannelOffer?
    /// As it was received or will be sent.
    public let json: JSON
    /// The same to the byte: the payload echoes it without change.
    package let text: String

    public init(
        network: String, amount: UInt64, asset: String, payTo: String, maxTimeoutSeconds: Int,
        feePayer: String,
        memo: String?, paymentFlow: String
    ) {
        var extra: JSON = ["feePayer": .string(feePayer), "paymentFlow": .string(paymentFlow)]
        if let memo { extra["memo"] = .string(memo) }
        self.init(
            network: network, amount: amount, asset: asset, payTo: payTo,
            maxTimeoutSeconds: maxTimeoutSeconds, extra: extra)
    }

    /// Asks for one payment, with what the network's scheme has to say besides.
    package init(
        network: String, amount: UInt64, asset: String, payTo: String, maxTimeoutSeconds: Int, extra: JSON
    ) {
        self.scheme = "exact"
        self.network = network
        self.amount = amount
        self.asset = asset
        self.payTo = payTo
        self.maxTimeoutSeconds = maxTimeoutSeconds
        let field = JSONField(extra)
        self.feePayer = try? field["feePayer"].string()
        self.memo = try? field["memo"].string()
        self.paymentFlow = (try? field["paymentFlow"].string()) ?? "authorization"
        self.channel = nil
        self.json = [
            "scheme": "exact", "network": .string(network), "amount": .string(String(amount)),
            "asset": .string(asset), "payTo": .string(payTo), "maxTimeoutSeconds": JSON(maxTimeoutSeconds),
            "extra": extra,
        ]
        self.text = self.json.text
    }

    /// Asks for a voucher of a channel.
    public init(
        network: String, amount: UInt64, asset: String, payTo: String, maxTimeoutSeconds: Int,
        feePayer: String, channel: ChannelOffer
    ) {
        self.scheme = BatchSettlement.scheme
        self.network = network
        self.amount = amount
        self.asset = asset
        self.payTo = payTo
        self.maxTimeoutSeconds = maxTimeoutSeconds
        self.feePayer = feePayer
        self.memo = nil
        self.paymentFlow = "authorization"
        self.channel = channel
        self.json = [
            "scheme": .string(BatchSettlement.scheme), "network": .string(network),
            "amount": .string(String(amount)), "asset": .string(asset), "payTo": .string(payTo),
            "maxTimeoutSeconds": JSON(maxTimeoutSeconds), "extra": channel.json(feePayer: feePayer),
        ]
        self.text = self.json.text
    }

    /// Reads the `paymentRequirements` of a facilitator's request.
    public init(facilitator field: JSONField) throws { try self.init(field) }

    init(_ field: JSONField, text: String? = nil) throws {
        self.scheme = try field["scheme"].string()
        self.network = try field["network"].string()
        self.amount = try field["amount"].decimal()
        self.asset = try field["asset"].string()
        self.payTo = try field["payTo"].string()
        self.maxTimeoutSeconds = try field["maxTimeoutSeconds"].integer()
        self.feePayer = try field["extra"]["feePayer"].ifPresent?.string()
        // An empty one asks for nothing, and a payment without a text of its own could not be told from
        // others.
        let memo = try field["extra"]["memo"].ifPresent?.string()
        self.memo = memo?.isEmpty == true ? nil : memo
        self.paymentFlow = try field["extra"]["paymentFlow"].ifPresent?.string() ?? "authorization"
        self.channel =
            self.scheme == BatchSettlement.scheme ? try ChannelOffer(field["extra"]) : nil
        self.json = field.value ?? .null
        self.text = text ?? self.json.text
    }
}

extension PaymentRequirements {
    /// The same terms, however they are written.
    public static func == (left: Self, right: Self) -> Bool { left.json == right.json }
}

/// What a seller answers to an unpaid request.
public struct PaymentRequired: Sendable, Equatable {
    /// Why it is asked, for people.
    public let error: String?
    public let resource: String
    public let accepts: [PaymentRequirements]
    /// Why the other ways to pay that are offered cannot be used.
    public let unusable: [String]
    /// What a payment gives back to the seller, as it came.
    package let echo: Echo
    /// Whether the seller wants a payment identifier.
    public let wantsIdentifier: Bool
    /// What the seller signed about the ways to pay; not verified yet.
    public let offers: [SignedOffer]
    /// Of every way to pay, those included that cannot be read.
    let terms: [OfferTerms?]

    public init(
        resource: String, accepts: [PaymentRequirements], error: String? = nil, offers: [SignedOffer] = []
    ) {
        self.offers = offers
        self.terms = accepts.map { OfferTerms(JSONField($0.json)) }
        self.error = error
        self.resource = resource
        self.accepts = accepts
        self.wantsIdentifier = true
        self.unusable = []
        self.echo = Echo(resource: resource)
    }

    /// Reads the `PAYMENT-REQUIRED` header.
    /// - Parameter url: what was asked for: the resource of an answer that names none.
    public init(header: String, url: String = "") throws(X402Error) {
        let bytes = try X402.bytes(of: header)
        do {
            let source = try JSONSource(bytes, limits: X402.limits)
            let root = JSONField(source.value)
            guard try root["x402Version"].integer(Int.self) == X402.version else {
                throw root["x402Version"].fault("only version \(X402.version) is spoken here")
            }
            self.error = try root["error"].ifPresent?.string()
            self.resource = try root["resource"]["url"].ifPresent?.string() ?? url
            let offers = try root["accepts"].elements()
            guard (1...32).contains(offers.count) else { throw root["accepts"].fault("1 to 32 ways to pay") }
            var accepts: [PaymentRequirements] = []
            var unusable: [String] = []
            for (offer, text) in zip(offers, source["accepts"]?.elements ?? []) {
                // What one way to pay says wrongly does not spoil the others.
                do {
                    accepts.append(try PaymentRequirements(offer, text: text.text))
                } catch {
                    unusable.append("\(error)".plain())
                }
            }
            guard !accepts.isEmpty else {
                throw root["accepts"].fault("no way to pay can be read: \(unusable.joined(separator: "; "))")
            }
            self.accepts = accepts
            self.unusable = unusable
            self.echo = Echo(source, resource: self.resource)
            self.wantsIdentifier = root["extensions"][X402.identifierExtension].exists
            self.terms = offers.map { OfferTerms($0) }
            self.offers = try SignedOffer.read(root["extensions"])
        } catch {
            throw .malformed("\(error)")
        }
    }

    /// The text of the `PAYMENT-REQUIRED` header.
    public var header: String {
        var extensions: JSON = [
            X402.identifierExtension: [
                // Without one the signed message is the name.
                "info": ["required": false],
                "schema": [
                    "type": "object", "properties": ["id": ["type": "string"]],
                ],
            ]
        ]
        if !self.offers.isEmpty { extensions[OfferReceipt.name] = OfferReceipt.json(self.offers) }
        var message: JSON = [
            "x402Version": JSON(X402.version), "resource": ["url": .string(self.resource)],
            "accepts": .array(self.accepts.map(\.json)), "extensions": extensions,
        ]
        if let error { message["error"] = .string(error) }
        return X402.encode(message)
    }
}

/// A signed payment as it travels.
public struct PaymentPayload: Sendable, Equatable {
    public let resource: String
    /// The chosen requirements, unchanged.
    public let accepted: PaymentRequirements
    /// What pays, as its scheme and network have it: read by the network's rail.
    public let payload: JSON
    /// The same purchase has the same identifier, however often it is sent: 16 to 128 characters of
    /// `[A-Za-z0-9_-]`.
    public let identifier: String?
    /// What the seller signed about the chosen terms, given back to it: so it is kept with the payment.
    public let offer: String?
    /// The message's own bytes.
    public let bytes: [UInt8]

    public init(
        resource: String, accepted: PaymentRequirements, payload: JSON, identifier: String?,
        offer: String? = nil
    ) {
        self.init(
            resource: resource, accepted: accepted, payload: payload, identifier: identifier, offer: offer,
            echo: Echo(resource: resource))
    }

    package init(
        resource: String, accepted: PaymentRequirements, payload: JSON, identifier: String?,
        offer: String?, echo: Echo
    ) {
        self.offer = offer
        self.resource = resource
        self.accepted = accepted
        self.payload = payload
        self.identifier = identifier
        var extensions = echo.extensions
        if let identifier {
            let info: JSON = ["info": ["required": false, "id": .string(identifier)]]
            extensions.append("\"\(X402.identifierExtension)\":\(info.text)")
        }
        if let offer {
            let info: JSON = ["info": ["offers": [["format": "jws", "signature": .string(offer)]]]]
            extensions.append("\"\(OfferReceipt.name)\":\(info.text)")
        }
        var members = [
            "\"x402Version\":\(X402.version)", "\"resource\":\(echo.resource)",
            "\"accepted\":\(accepted.text)", "\"payload\":\(payload.text)",
        ]
        if !extensions.isEmpty { members.append("\"extensions\":{\(extensions.joined(separator: ","))}") }
        self.bytes = Array("{\(members.joined(separator: ","))}".utf8)
    }

    /// Reads the bytes of a payload.
    public init(bytes: [UInt8]) throws(X402Error) {
        do {
            let source = try JSONSource(bytes, limits: X402.limits)
            let root = JSONField(source.value)
            guard try root["x402Version"].integer(Int.self) == X402.version else {
                throw root["x402Version"].fault("only version \(X402.version) is spoken here")
            }
            self.resource = try root["resource"]["url"].ifPresent?.string() ?? ""
            self.accepted = try PaymentRequirements(root["accepted"], text: source["accepted"]?.text)
            guard case .object? = root["payload"].value else {
                throw root["payload"].fault("what pays is missing")
            }
            self.payload = root["payload"].value ?? .null
            self.identifier = try root["extensions"][X402.identifierExtension]["info"]["id"].ifPresent?
                .string()
            let offer = root["extensions"][OfferReceipt.name]["info"]["offers"][0]["signature"]
            self.offer = try offer.ifPresent?.string()
            self.bytes = bytes
        } catch {
            throw .malformed("\(error)")
        }
        if let identifier, !Self.isIdentifier(identifier) {
            throw .malformed("the payment identifier is not one")
        }
    }

    /// Reads the `PAYMENT-SIGNATURE` header.
    public init(header: String) throws(X402Error) {
        try self.init(bytes: try X402.bytes(of: header))
    }

    static func isIdentifier(_ text: String) -> Bool {
        (16...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// Why an x402 message or payment is not accepted. `code` is what the wire says.
public enum X402Error: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    /// A rule of the scheme is broken; the code is the specification's, the reason is for people.
    case invalid(code: String, reason: String)

    public var code: String {
        switch self {
        case .malformed: "invalid_payload"
        case .invalid(let code, _): code
        }
    }

    public var description: String {
        switch self {
        case .malformed(let reason): "malformed payment message: \(reason)"
        case .invalid(let code, let reason): "\(reason) (\(code))"
        }
    }
}
