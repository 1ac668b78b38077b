public import Encoding
public import Ledger
public import Payments
internal import Statements
internal import World

/// How what is asked of a ``Cashier`` crosses a socket: one JSON object.
///
///     {"ask": "fetch", "network": …, "method": …, "url": …, "headers": [[name, value] …], "body": base64,
///      "limit": bytes, "max": "0.05", "deposit": "1.00", "seller": did:key, "dry": bool, "anew": bool}
///     | {"ask": "close", "network": …, "channel": …, "force": bool, "at": URL}
///     | {"ask": "recover", "network": …} | {"ask": "received", "intent": …, "receipt": "…"}
extension CashierRequest {
    /// The words after `ask`.
    public static let names: Set<String> = ["fetch", "close", "recover", "received"]
    static let limits = JSON.Limits(bytes: Self.byteLimit, depth: 8)

    /// - Throws: `JSONError` with the place that is wrong.
    public init(_ root: JSONField) throws {
        let wish: Wish
        switch try root["ask"].string() {
        case "fetch":
            try root.only([
                "ask", "network", "method", "url", "headers", "body", "limit", "max", "deposit", "dry",
                "anew", "seller",
            ])
            wish = .fetch(try Fetch(root))
        case "close":
            try root.only(["ask", "network", "channel", "force", "at"])
            wish = .close(
                channel: try root["channel"].string(), force: try root["force"].bool(),
                at: try root["at"].ifPresent?.string())
        case "recover":
            try root.only(["ask", "network"])
            wish = .recover
        case "received":
            try root.only(["ask", "network", "intent", "receipt"])
            let receipt = try root["receipt"].string()
            guard receipt.utf8.count <= Self.receiptLimit else {
                throw root["receipt"].fault("\(Self.receiptLimit) bytes at most")
            }
            wish = .received(try IntentID(field: root["intent"]), receipt: receipt)
        default: throw root["ask"].fault("one of \(Self.names.sorted())")
        }
        self.init(wish, network: try root["network"].ifPresent?.string())
    }

    public var json: JSON {
        var json: JSON
        switch self.wish {
        case .fetch(let fetch): json = fetch.json
        case .close(let channel, let force, let place):
            json = [
                "ask": "close", "channel": .string(channel), "force": .bool(force), "at": JSON(place),
            ]
        case .recover: json = ["ask": "recover"]
        case .received(let intent, let receipt):
            json = ["ask": "received", "intent": .string("\(intent)"), "receipt": .string(receipt)]
        }
        if let network = self.network { json["network"] = .string(network) }
        return json
    }

    /// Of what is kept of an answer, in bytes: the seller's signatures are the most of it.
    private static let receiptLimit = 256 << 10
}

extension Fetch {
    fileprivate init(_ root: JSONField) throws {
        let headers = try root["headers"].elements().map {
            Header(try $0[0].string(), try $0[1].string())
        }
        let limit = try root["limit"].integer(Int.self)
        guard (0...CashierRequest.bodyLimit).contains(limit) else {
            throw root["limit"].fault("\(CashierRequest.bodyLimit) bytes at most")
        }
        let seller = try root["seller"].ifPresent.map { field in
            guard let key = DIDKey.key(try field.string()) else { throw field.fault("no did:key") }
            return key
        }
        self.init(
            WebRequest(
                try root["method"].string(), try root["url"].string(), headers: headers,
                body: try Base64.standard.decode(try root["body"].string()), bodyLimit: limit),
            max: try root["max"].ifPresent?.string(), deposit: try root["deposit"].ifPresent?.string(),
            seller: seller, isDry: try root["dry"].bool(), anew: try root["anew"].bool())
    }

    fileprivate var json: JSON {
        [
            "ask": "fetch", "method": .string(self.request.method), "url": .string(self.request.url),
            "headers": .array(self.request.headers.map { [.string($0.name), .string($0.value)] }),
            "body": .string(Base64.standard.encode(self.request.body)),
            "limit": JSON(min(self.request.bodyLimit, CashierRequest.bodyLimit)), "max": JSON(self.max),
            "deposit": JSON(self.deposit), "seller": JSON(self.seller.map { DIDKey.text(of: $0) }),
            "dry": .bool(self.isDry), "anew": .bool(self.anew),
        ]
    }
}

extension Result where Success == CashierAnswer, Failure == CashierFault {
    /// What crosses the socket back: an answer, or a fault with its name.
    public var json: JSON {
        switch self {
        case .success(let answer): answer.json
        case .failure(let fault): fault.json
        }
    }

    /// Reads it. - Throws: `JSONError` for anything else.
    public init(_ bytes: [UInt8]) throws {
        let root = JSONField(try JSON.read(bytes, limits: CashierRequest.limits))
        if let name = try root["fault"].ifPresent?.string() {
            self = .failure(try CashierFault(name, root["reason"]))
        } else {
            self = .success(try CashierAnswer(root))
        }
    }
}

extension CashierFault {
    fileprivate var json: JSON {
        let name =
            switch self {
            case .chain: "chain"
            case .otherNetwork: "otherNetwork"
            case .storage: "storage"
            case .locked: "locked"
            case .unknownChannel: "unknownChannel"
            case .refused: "refused"
            }
        let reason =
            switch self {
            case .chain(let reason), .otherNetwork(let reason), .storage(let reason),
                .unknownChannel(let reason), .refused(let reason):
                reason
            case .locked: ""
            }
        return ["fault": .string(name), "reason": .string(reason)]
    }

    fileprivate init(_ name: String, _ reason: JSONField) throws {
        let text = try reason.string()
        switch name {
        case "chain": self = .chain(text)
        case "otherNetwork": self = .otherNetwork(text)
        case "storage": self = .storage(text)
        case "locked": self = .locked
        case "unknownChannel": self = .unknownChannel(text)
        case "refused": self = .refused(text)
        default: throw reason.fault("of no fault that is known here")
        }
    }
}

extension CashierAnswer {
    fileprivate var json: JSON {
        switch self {
        case .answered(let status, let body, let payment, let remark):
            [
                "outcome": "answered", "status": JSON(status),
                "body": .string(Base64.standard.encode(body)), "payment": payment?.json ?? .null,
                "remark": JSON(remark),
            ]
        case .ended(let end, let reason, let intent, let denial):
            [
                "outcome": .string(end.rawValue), "reason": .string(reason),
                "intent": JSON(intent?.description), "denial": denial?.json ?? .null,
            ]
        case .wouldPay(let payment, let feePayer, let message, let verdict):
            [
                "outcome": "wouldPay", "payment": payment.json, "feePayer": .string(feePayer),
                "message": .string(Base64.standard.encode(message)), "policy": .string(verdict.word),
                "denial": verdict.denial?.json ?? .null,
            ]
        case .received: ["outcome": "received"]
        case .closing(let closing, let asset):
            ["outcome": "closing", "closing": closing.json, "asset": asset.json]
        case .findings(let findings):
            [
                "outcome": "findings",
                "findings": .array(
                    findings.map {
                        [
                            "channel": .string($0.channel), "outcome": .string($0.outcome.rawValue),
                            "reason": .string($0.reason),
                        ]
                    }),
            ]
        }
    }

    fileprivate init(_ root: JSONField) throws {
        let name = try root["outcome"].string()
        let denial = try root["denial"].ifPresent.map { try Denial($0) }
        if let end = End(rawValue: name) {
            let intent = try root["intent"].ifPresent.map { try IntentID(field: $0) }
            self = .ended(end, try root["reason"].string(), intent, denial)
            return
        }
        switch name {
        case "answered":
            self = .answered(
                status: try root["status"].integer(),
                body: try Base64.standard.decode(try root["body"].string()),
                try root["payment"].ifPresent.map { try Payment($0) },
                remark: try root["remark"].ifPresent?.string())
        case "findings":
            self = .findings(
                try root["findings"].elements().map { field in
                    guard let outcome = Finding.Outcome(rawValue: try field["outcome"].string()) else {
                        throw field["outcome"].fault("known, booked or left")
                    }
                    return Finding(
                        channel: try field["channel"].string(), outcome: outcome,
                        reason: try field["reason"].string())
                })
        case "wouldPay":
            self = .wouldPay(
                try Payment(root["payment"]), feePayer: try root["feePayer"].string(),
                message: try Base64.standard.decode(try root["message"].string()),
                try Policy.Verdict(root["policy"], denial))
        case "received": self = .received
        case "closing":
            self = .closing(try ChannelClosing(root["closing"]), try Asset(root["asset"]))
        default: throw root["outcome"].fault("no outcome that is known here")
        }
    }
}

extension CashierAnswer.Payment {
    fileprivate var json: JSON {
        [
            "intent": .string("\(self.intent)"), "asset": self.asset.json,
            "amount": .string(String(self.amount)), "payee": .string(self.payee),
            "transaction": JSON(self.transaction), "receipt": JSON(self.receipt),
        ]
    }

    fileprivate init(_ root: JSONField) throws {
        self.init(
            intent: try IntentID(field: root["intent"]), asset: try Asset(root["asset"]),
            amount: try root["amount"].decimal(), payee: try root["payee"].string(),
            transaction: try root["transaction"].ifPresent?.string(),
            receipt: try root["receipt"].ifPresent?.string())
    }
}

extension Policy.Verdict {
    /// As `--dry-run` shows it.
    public var word: String {
        switch self {
        case .allowed: "allowed"
        case .approvalNeeded: "waiting"
        case .denied: "denied"
        }
    }

    /// Why not, or not yet.
    public var denial: Denial? {
        switch self {
        case .allowed: nil
        case .approvalNeeded(let denial), .denied(let denial): denial
        }
    }

    fileprivate init(_ word: JSONField, _ denial: Denial?) throws {
        switch (try word.string(), denial) {
        case ("allowed", nil): self = .allowed
        case ("waiting", let denial?): self = .approvalNeeded(denial)
        case ("denied", let denial?): self = .denied(denial)
        default: throw word.fault("no verdict")
        }
    }
}

extension ChannelClosing {
    fileprivate var json: JSON {
        switch self {
        case .closed(let redeemed, let returned, let transaction):
            [
                "redeemed": .string(String(redeemed)), "returned": .string(String(returned)),
                "transaction": .string(transaction),
            ]
        case .refused(let reason): ["refused": .string(reason)]
        case .closing(let until): ["until": .integer(until)]
        }
    }

    fileprivate init(_ root: JSONField) throws {
        if let reason = try root["refused"].ifPresent?.string() {
            self = .refused(reason: reason)
        } else if let until = try root["until"].ifPresent?.integer(Int64.self) {
            self = .closing(until: until)
        } else {
            self = .closed(
                redeemed: try root["redeemed"].decimal(), returned: try root["returned"].decimal(),
                transaction: try root["transaction"].string())
        }
    }
}

extension Denial {
    fileprivate var json: JSON {
        [
            "rule": .string(self.rule), "reason": .string(self.reason),
            "allowedNow": JSON(self.allowedNow.map { String($0) }),
        ]
    }

    fileprivate init(_ root: JSONField) throws {
        self.init(
            rule: try root["rule"].string(), reason: try root["reason"].string(),
            allowedNow: try root["allowedNow"].ifPresent?.decimal())
    }
}

extension Asset {
    fileprivate var json: JSON {
        [
            "id": .string(self.id), "symbol": .string(self.symbol),
            "decimals": .integer(Int64(clamping: self.decimals)),
        ]
    }

    fileprivate init(_ root: JSONField) throws {
        let decimals = try root["decimals"].integer(Int.self)
        guard (0...18).contains(decimals) else { throw root["decimals"].fault("0 to 18") }
        self.init(id: try root["id"].string(), symbol: try root["symbol"].string(), decimals: decimals)
    }
}

extension IntentID {
    fileprivate init(field: JSONField) throws {
        guard let id = IntentID(text: try field.string()) else { throw field.fault("no intent") }
        self = id
    }
}
