internal import Agent
internal import Devices
internal import Encoding
internal import Exchanges
internal import Payments
internal import Rails
internal import Solana
internal import Stellar
internal import VDA5050
internal import Wasm
internal import World

/// What reads bytes from outside, as functions from bytes that anyone may have made. A wrong input is
/// answered by an error; a trap, a hang or a broken promise between reading and writing is a finding.
public enum Decoder: String, CaseIterable, Sendable {
    case transaction
    case x402
    case mqtt
    case voucher
    case json
    case thing
    case vda5050
    case module
    /// A provider's offer, under a good signature: the owner lists strangers.
    case offer
    /// What a chain's node answers, to every method.
    case rpc
    /// A backup's manifest.
    case backup
    /// What is announced on a broker, to every importer.
    case announcement
    /// Every framing of what is signed.
    case statement
    /// Preimages, entries and transactions of Stellar.
    case stellar
    /// What the web process says, or whoever took it over.
    case frame

    /// Feeds it.
    /// - Returns: what does not hold, or nil.
    public func finding(in bytes: [UInt8]) async -> String? {
        switch self {
        case .transaction: Self.transaction(bytes)
        case .x402: Self.x402(bytes)
        case .mqtt: Self.mqtt(bytes)
        case .voucher: Self.voucher(bytes)
        case .json: Self.json(bytes)
        case .thing: Self.thing(bytes)
        case .vda5050: Self.vda5050(bytes)
        case .module: Self.module(bytes)
        case .offer: Self.offer(bytes)
        case .rpc: await Self.rpc(bytes)
        case .backup: Self.backup(bytes)
        case .announcement: Self.announcement(bytes)
        case .statement: Self.statement(bytes)
        case .stellar: Self.stellar(bytes)
        case .frame: Self.frame(bytes)
        }
    }

    private static func transaction(_ bytes: [UInt8]) -> String? {
        guard let transaction = try? Transaction(decoding: bytes) else { return nil }
        if transaction.bytes != bytes { return "a transaction is not written as it was read" }
        guard let message = try? TransactionMessage(decoding: transaction.messageBytes) else {
            return "the message of a transaction cannot be read alone"
        }
        if message.bytes != transaction.messageBytes { return "a message is not written as it was read" }
        _ = InstructionContent.contents(of: message)
        _ = try? ExactPayment(decoding: message)
        return nil
    }

    private static func stellar(_ bytes: [UInt8]) -> String? {
        if let payment = try? StellarPayment(preimage: bytes) {
            if StellarTransfer(payment).preimage != bytes {
                return "a preimage is not written as it was read"
            }
        }
        if let entry = try? StellarAuthorization(decoding: bytes, on: .testnet), entry.bytes != bytes {
            return "an entry is not written as it was read"
        }
        if let envelope = try? StellarEnvelope(decoding: bytes, on: .testnet) {
            if envelope.bytes != bytes { return "an envelope is not written as it was read" }
            guard let transaction = try? StellarTransaction(decoding: bytes) else {
                return "an envelope is no transaction"
            }
            if !transaction.makes(envelope.authorization.payment) {
                return "an envelope pays something else"
            }
        }
        _ = try? StellarTransaction(decoding: bytes)
        if let value = try? SorobanValue(decoding: bytes), value.xdr != bytes {
            return "a value is not written as it was read"
        }
        return nil
    }

    private static func frame(_ bytes: [UInt8]) -> String? {
        var reader = FrameReader()
        reader.take(bytes)
        while let frame = try? reader.next() {
            var again = FrameReader()
            guard let written = try? frame.bytes() else { return "a frame cannot be written" }
            again.take(written)
            if (try? again.next()) != frame { return "a frame is not written as it was read" }
        }
        return nil
    }

    private static func x402(_ bytes: [UInt8]) -> String? {
        let header = Base64.standard.encode(bytes)
        if let required = try? PaymentRequired(header: header) {
            guard let again = try? PaymentRequired(header: required.header) else {
                return "a quote cannot be read again"
            }
            if again.accepts != required.accepts || again.offers != required.offers {
                return "a quote is not written as it was read"
            }
            _ = try? required.verifiedOffers(
                at: required.resource, by: nil, now: Timestamp(milliseconds: 1_800_000_000_000))
        }
        if let settlement = try? SettlementResponse(header: header),
            (try? SettlementResponse(header: settlement.header)) != settlement
        {
            return "a settlement is not written as it was read"
        }
        guard let payload = try? PaymentPayload(bytes: bytes) else { return nil }
        let again = PaymentPayload(
            resource: payload.resource, accepted: payload.accepted, payload: payload.payload,
            identifier: payload.identifier)
        guard let read = try? PaymentPayload(bytes: again.bytes) else {
            return "a payment cannot be read again"
        }
        return (try? read.content) == (try? payload.content) && read.identifier == payload.identifier
            ? nil : "a payment is not written as it was read"
    }

    private static func mqtt(_ bytes: [UInt8]) -> String? {
        if let request = try? MQTTTransport.request(bytes) {
            _ = MQTTAddress(request.url)
            // A payment that is too deep for a header is not written.
            if let written = try? MQTTTransport.bytes(of: request) {
                guard let again = try? MQTTTransport.request(written) else {
                    return "a request cannot be read again"
                }
                guard again.url == request.url, again.body == request.body,
                    Set(again.headers) == Set(request.headers)
                else { return "a request is not written as it was read" }
            }
        }
        guard let answer = try? MQTTTransport.response(bytes),
            let written = try? MQTTTransport.bytes(of: answer)
        else { return nil }
        guard let again = try? MQTTTransport.response(written) else {
            return "an answer cannot be read again"
        }
        return again.status == answer.status && again.body == answer.body
            && Set(again.headers) == Set(answer.headers) ? nil : "an answer is not written as it was read"
    }

    private static func voucher(_ bytes: [UInt8]) -> String? {
        if let voucher = try? ChannelVoucher(decoding: bytes), voucher.bytes != bytes {
            return "a voucher is not written as it was read"
        }
        _ = try? ChannelAccount(decoding: bytes)
        _ = try? TokenMint(decoding: bytes, owner: .token2022Program)
        _ = try? TokenAccount(decoding: bytes, owner: .token2022Program)
        return nil
    }

    private static func json(_ bytes: [UInt8]) -> String? {
        guard let json = try? JSON.read(bytes) else { return nil }
        guard let again = try? JSON.read(Array(json.text.utf8)) else { return "JSON cannot be read again" }
        return again == json ? nil : "JSON is not written as it was read"
    }

    private static func thing(_ bytes: [UInt8]) -> String? {
        // The first line describes, what follows is a payload for everything that listens.
        let parts = bytes.split(separator: 0x0a, maxSplits: 1).map(Array.init)
        guard let description = parts.first, let json = try? JSON.read(description) else { return nil }
        guard let thing = try? Thing(description: json, profiles: Profiles.all) else { return nil }
        guard parts.count == 2 else { return nil }
        for property in thing.properties {
            for form in property.reports { _ = try? form.report(parts[1], schema: property.schema) }
        }
        return nil
    }

    /// What was read can be said again, and says the same.
    private static func vda5050(_ bytes: [UInt8]) -> String? {
        guard let json = try? JSON.read(bytes) else { return nil }
        for version in Version.allCases {
            for topic in Topic.allCases {
                guard let said = try? topic.normalized(json, version) else { continue }
                let again = try? topic.normalized(said, version)
                if again != said {
                    return "\(topic.rawValue) \(version.rawValue) is not written as it was read"
                }
            }
        }
        return nil
    }

    private static func module(_ bytes: [UInt8]) -> String? {
        _ = try? Module(bytes)
        return nil
    }
}
