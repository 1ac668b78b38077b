internal import Database
internal import Encoding
public import Ledger
internal import Sodium
internal import World

/// Pays for whoever may use this machine: the command line in its own process, or in a running robot, over
/// its socket. Both ask the same things and get the same answers.
public struct Cashier: Sendable {
    private let buyer: Buyer
    private let ledger: PaymentLedger

    public init(buyer: Buyer, ledger: PaymentLedger) {
        self.buyer = buyer
        self.ledger = ledger
    }

    /// Does what is asked with the books up to date.
    public func perform(_ request: CashierRequest) async throws(CashierFault) -> CashierAnswer {
        do {
            switch request.wish {
            case .received(let intent, let receipt):
                try await self.ledger.deliver(intent, receipt: receipt)
                return .received
            case .fetch(let fetch):
                try await self.prepare(request.network)
                return try await self.fetch(fetch)
            case .close(let channel, let force, let place):
                try await self.prepare(request.network)
                return try await self.close(channel, force: force, at: place)
            case .recover:
                try await self.prepare(request.network)
                return .findings(try await self.buyer.recoverChannels().map(CashierAnswer.Finding.init))
            }
        } catch {
            throw CashierFault(error)
        }
    }

    /// What goes before everything that may move money: the right network, and books that are up to date.
    private func prepare(_ network: String?) async throws {
        if let network, !self.buyer.networks.contains(network) {
            let networks = self.buyer.networks.joined(separator: ", ")
            throw CashierFault.otherNetwork("this wallet pays on \(networks)")
        }
        // A node of another network is noticed before a seller is asked.
        try await self.buyer.greet()
        _ = try await self.buyer.lookAtBooks()
    }

    // MARK: Fetching

    private func fetch(_ fetch: Fetch) async throws -> CashierAnswer {
        if fetch.anew { try await self.giveUp(fetch.request) }
        let ceiling = fetch.max.map { Order.Ceiling.decimal($0) } ?? .policy
        let use = fetch.deposit.map { Order.ChannelUse.open(deposit: .decimal($0)) } ?? .existing
        let order = try await self.ledger.read {
            try Order.fetch(
                fetch.request, ceiling: ceiling, known: $0, channel: use, seller: fetch.seller)
        }
        guard fetch.isDry else {
            return try await self.answer(to: try await self.buyer.buy(order), from: order.seller)
        }
        switch try await self.buyer.preview(order) {
        case .ended(let purchase): return try await self.answer(to: purchase, from: order.seller)
        case .wouldSign(let quote, let verdict, let message):
            let payment = CashierAnswer.Payment(
                intent: try await self.ledger.read { try $0.nextIntent(of: order.purchase) },
                asset: quote.proposal.asset, amount: quote.proposal.amount,
                payee: quote.proposal.payee, transaction: nil)
            return .wouldPay(payment, feePayer: quote.requirements.feePayer ?? "", message: message, verdict)
        }
    }

    private func answer(to purchase: PurchaseEnd, from seller: PublicKey?) async throws -> CashierAnswer {
        switch purchase {
        case .answered(let id, let response):
            let record = try await self.ledger.read { try $0.intent(id) }
            let signed = try await self.buyer.signatures(of: seller, about: id, in: response)
            let receipt = Self.receipt(response, signed)
            let payment = record.map {
                CashierAnswer.Payment(
                    intent: id, asset: $0.proposal.asset, amount: $0.proposal.amount,
                    payee: $0.proposal.payee, transaction: $0.transaction, receipt: receipt)
            }
            return .answered(
                status: response.status, body: response.body, payment,
                remark: signed?.refusal.map { "the seller's receipt does not count: \($0)" })
        case .unpriced(let response):
            let place = (300..<400).contains(response.status) ? response.header("Location") : nil
            return .answered(
                status: response.status, body: response.body, nil,
                remark: place.map { "it is elsewhere: \($0)".plain() })
        case .unanswered(let id, let reason): return .ended(.unanswered, reason, id, nil)
        case .unreachable(let reason): return .ended(.unreachable, reason, nil, nil)
        case .unpaid(let reason): return .ended(.unpaid, reason, nil, nil)
        case .denied(let denial): return .ended(.denied, "\(denial)", nil, denial)
        case .waiting(let id, let denial): return .ended(.waiting, "\(denial)", id, denial)
        case .open(let id, let reason): return .ended(.open, reason, id, nil)
        }
    }

    /// What is kept of an answer: enough to show later that it came.
    private static func receipt(_ response: WebResponse, _ signed: SellerSignatures?) -> String {
        var receipt: JSON = [
            "schema": "depai.fetched/1", "status": JSON(response.status), "bytes": JSON(response.body.count),
            "digest": .string(Hex.encode(BLAKE2b.digest(of: response.body))),
        ]
        if let settlement = response.header(X402.responseHeader) {
            receipt["settlement"] = .string(settlement)
        }
        if let signed { receipt["x402"] = signed.json }
        return receipt.text
    }

    /// What is paid and was not delivered is lost; what is not decided stays what it is.
    private func giveUp(_ request: WebRequest) async throws {
        let order = try await self.ledger.read { try Order.fetch(request, ceiling: .policy, known: $0) }
        let paid = try await self.ledger.read { try $0.intent(of: order.purchase) }
        guard let paid, paid.state == .settled, paid.delivery == .pending else { return }
        let evidence: JSON = ["schema": "depai.loss/1", "from": .string(request.url), "reason": "given up"]
        try await self.ledger.lose(paid.id, reason: "never answered", evidence: evidence.text)
    }

    // MARK: Channels

    private func close(_ channel: String, force: Bool, at place: String?) async throws -> CashierAnswer {
        guard let record = try await self.ledger.read({ try $0.channel(channel) }) else {
            throw CashierFault.unknownChannel("there is no channel \(channel)")
        }
        let closing =
            force
            ? try await self.buyer.forceClose(channel)
            : try await self.buyer.closeChannel(channel, at: place)
        return .closing(closing, record.asset)
    }
}

/// Why a cashier could not do what was asked. What became of the money says the ledger.
public enum CashierFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// Nobody who knows the chain answers.
    case chain(String)
    /// The wallet, or the chain's node, belongs to another network.
    case otherNetwork(String)
    /// The disk does not store what must be stored.
    case storage(String)
    /// Nothing opened the keystore.
    case locked
    case unknownChannel(String)
    /// The request itself cannot be carried out.
    case refused(String)

    init(_ error: any Error) {
        self =
            switch error {
            case let fault as CashierFault: fault
            case let error as any ChainError:
                error.isOtherNetwork ? .otherNetwork("\(error)") : .chain("\(error)")
            case LedgerError.storageFault, LedgerError.damaged: .storage("\(error)")
            case let error as DatabaseError where error.isStorageFault: .storage("\(error)")
            default: .refused("\(error)")
            }
    }

    public var description: String {
        switch self {
        case .chain(let reason): "the chain does not answer: \(reason)"
        case .locked: "the keystore is locked"
        case .otherNetwork(let reason), .storage(let reason), .unknownChannel(let reason),
            .refused(let reason):
            reason
        }
    }
}

extension CashierAnswer.Finding {
    fileprivate init(_ finding: ChannelFinding) {
        switch finding {
        case .known(let record): self.init(channel: record.id, outcome: .known, reason: "")
        case .booked(let record): self.init(channel: record.id, outcome: .booked, reason: "")
        case .left(let channel, let reason):
            self.init(channel: channel, outcome: .left, reason: reason)
        }
    }
}
