import ArgumentParser
import Database
import Encoding
import Home
import Ledger
import Linux
import Payments
import Sodium
import Solana
import SystemPackage
import Wallet
import World

struct PayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pay", abstract: "Fetch a resource, and pay for it if it costs money (x402).",
        discussion: """
            The answer goes to standard output, what was paid to standard error. What may be paid is the \
            owner's policy, for the purpose "service". If the outcome is not known, the same command again \
            goes on with the same payment and makes no other; after an answer it buys anew.
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var output: OutputOption

    @Argument(help: "http or https.") var url: String

    @Option(name: [.customShort("X"), .long], help: "GET, or POST when there is a body.")
    var method: String?

    @Option(help: "The body: a file, or - for standard input.") var body: String?

    @Option(name: [.customShort("d"), .long], help: "The body itself, as text.") var data: String?

    @Option(name: [.customShort("H"), .long], help: "A header of the request: \"Name: value\".")
    var header: [String] = []

    @Option(help: "The most to pay, in whole units of the asset: 0.05. The policy's limits hold as well.")
    var max: String?

    @Option(
        help: """
            Pay from a payment channel: put so much into escrow, in whole units, unless one of the seller is \
            open and has enough. What is left comes back with "depai channel close".
            """)
    var deposit: String?

    @Option(help: "The seller's did:key, as it was made known: a price that it did not sign is refused.")
    var seller: String?

    @OptionGroup var chain: ChainOptions

    @Flag(help: "Show what would be signed, and sign nothing.") var dryRun = false

    @Flag(help: "Book an earlier payment for this request that was never answered as a loss, and pay again.")
    var anew = false

    func validate() throws {
        guard self.max.map({ Self.probe.atomic($0) != nil }) ?? true else {
            throw ValidationError("--max is an amount such as 0.05")
        }
        guard self.deposit.map({ Self.probe.atomic($0) != nil }) ?? true else {
            throw ValidationError("--deposit is an amount such as 1.00")
        }
        guard self.body == nil || self.data == nil else { throw ValidationError("give --body or --data") }
        guard self.seller.map({ DIDKey.key($0) != nil }) ?? true else {
            throw ValidationError("--seller is a did:key of an Ed25519 key")
        }
        guard self.header.allSatisfy({ $0.contains(":") }) else {
            throw ValidationError("--header is \"Name: value\"")
        }
    }

    /// Takes any number of places that some asset could have.
    private static let probe = Asset(id: "", symbol: "", decimals: 18)

    func run() async throws {
        try await self.chain.spending(from: self.home.home) { buyer, ledger, facilitator in
            let request = try self.request()
            if self.anew { try await Self.giveUp(request, ledger) }
            let ceiling = self.max.map { Order.Ceiling.decimal($0) } ?? .policy
            let use = self.deposit.map { Order.ChannelUse.open(deposit: .decimal($0)) } ?? .existing
            let order = try await ledger.read {
                try Order.fetch(
                    request, ceiling: ceiling, known: $0, channel: use,
                    seller: self.seller.flatMap { DIDKey.key($0) })
            }
            let report = PaymentReport(
                json: self.output.json, network: facilitator.network, buyer: buyer, seller: order.seller)
            if self.dryRun {
                try await report.show(try await buyer.preview(order), ledger)
            } else {
                try await report.show(try await buyer.buy(order), ledger)
            }
        }
    }

    /// What is paid and was not delivered is lost; what is not decided stays what it is.
    private static func giveUp(_ request: WebRequest, _ ledger: PaymentLedger) async throws {
        let order = try await ledger.read { try Order.fetch(request, ceiling: .policy, known: $0) }
        let lost = try await ledger.read { view in
            try view.intents(purpose: order.purpose, job: order.job, series: order.series).filter {
                $0.state == .settled && $0.delivery == .pending
            }
        }
        let evidence: JSON = ["schema": "depai.loss/1", "from": .string(request.url), "reason": "given up"]
        for record in lost {
            try await ledger.lose(record.id, reason: "never answered", evidence: evidence.text)
        }
    }

    private func request() throws -> WebRequest {
        let body: [UInt8] =
            switch self.body {
            case nil: Array((self.data ?? "").utf8)
            case "-": try Self.standardInput()
            case .some(let file): try DurableFile.read(FilePath(file), limit: Self.bodyLimit)
            }
        let headers = self.header.map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return Header(String(parts[0]), String(parts[1].drop { $0 == " " }))
        }
        return WebRequest(
            self.method?.uppercased() ?? (self.body == nil && self.data == nil ? "GET" : "POST"), self.url,
            headers: headers,
            body: body, bodyLimit: Self.bodyLimit)
    }

    /// The largest body in either direction, in bytes.
    private static let bodyLimit = 16 << 20

    private static func standardInput() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try chunk.withUnsafeMutableBytes { try FileDescriptor.standardInput.read(into: $0) }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= Self.bodyLimit else {
                throw Failure(2, "the body is longer than \(Self.bodyLimit >> 20) MiB")
            }
            bytes += chunk[..<count]
        }
    }
}

/// Says how a payment ended: the answer to standard output, the money to standard error, or both in one
/// object `depai.pay/1`.
private struct PaymentReport {
    let json: Bool
    let network: Network
    let buyer: Buyer
    let seller: PublicKey?

    func show(_ purchase: Purchase, _ ledger: PaymentLedger) async throws {
        switch purchase {
        case .answered(let id, let response):
            let record = try await ledger.read { try $0.intent(id) }
            let signed = try await self.buyer.signatures(of: self.seller, about: id, in: response)
            try await ledger.deliver(id, receipt: Self.receipt(response, signed))
            if let refusal = signed?.refusal {
                Terminal.talk("the seller's receipt does not count: \(refusal)")
            }
            self.show(response, record)
        case .unpriced(let response):
            self.show(response, nil)
            guard response.status < 400 else {
                throw Failure(1, "status \(response.status); nothing was paid")
            }
        case .unanswered(let id, let reason):
            throw Failure(
                9, "paid as intent \(id), and the seller does not answer: \(reason)",
                hint: "the same command again asks for the answer and pays nothing more; --anew gives it up")
        case .unreachable(let reason): throw Failure(9, reason, hint: "nothing was paid")
        case .unpaid(let reason): throw Failure(1, reason, hint: "nothing was paid")
        case .denied(let denial): throw Self.failure(denial)
        case .waiting(let id, let denial): throw Self.failure(denial, waiting: id)
        case .open(let id, let reason):
            throw Failure(
                7, "payment \(id) is not decided: \(reason)",
                hint: "the same command again goes on with this payment and makes no other")
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

    private func show(_ response: WebResponse, _ record: IntentRecord?) {
        if let record, !self.json {
            let proposal = record.proposal
            Terminal.talk("paid \(proposal.asset.text(proposal.amount)) to \(proposal.payee)")
            Terminal.talk("transaction \(record.transaction ?? "?")")
            Terminal.talk("intent \(record.id)")
        }
        guard self.json else { return Terminal.put(bytes: response.body) }
        var object: JSON = [
            "schema": "depai.pay/1", "status": JSON(response.status),
            "paid": record.map { self.amount($0.proposal) } ?? .null,
            "transaction": JSON(record?.transaction), "intent": JSON(record?.id.description),
        ]
        if let text = String(validating: response.body, as: UTF8.self) {
            object["body"] = .string(text)
        } else {
            object["bodyBase64"] = .string(Base64.standard.encode(response.body))
        }
        Terminal.out(object)
    }

    private func amount(_ proposal: Proposal) -> JSON {
        let asset = proposal.asset
        return [
            "amount": .string(asset.decimal(proposal.amount)), "atomic": .string(String(proposal.amount)),
            "asset": .string(asset.id), "network": .string(self.network.chainID),
            "payTo": .string(proposal.payee.split(separator: ":").last.map(String.init) ?? proposal.payee),
        ]
    }

    private static func failure(_ denial: Denial) -> Failure {
        Failure(denial.rule == Denial.funds ? 6 : 4, "\(denial)", hint: "depai wallet limits")
    }

    private static func failure(_ denial: Denial, waiting id: IntentID) -> Failure {
        Failure(
            5, "\(denial)",
            hint: "an approver agrees with: depai wallet approve \(id); then run this again")
    }

    // MARK: Without signing

    func show(_ preview: Preview, _ ledger: PaymentLedger) async throws {
        switch preview {
        case .ended(let purchase): try await self.show(purchase, ledger)
        case .wouldSign(let quote, let verdict, let message):
            let proposal = quote.proposal
            let (word, denial): (String, Denial?) =
                switch verdict {
                case .allowed: ("allowed", nil)
                case .approvalNeeded(let denial): ("waiting", denial)
                case .denied(let denial): ("denied", denial)
                }
            if self.json {
                Terminal.out([
                    "schema": "depai.pay/1", "status": 402, "paid": .null, "transaction": .null,
                    "intent": .string("\(proposal.id)"), "body": .null,
                    "wouldPay": self.amount(proposal), "feePayer": .string("\(quote.feePayer)"),
                    "message": .string(Base64.standard.encode(message)), "policy": .string(word),
                    "rule": JSON(denial?.rule), "reason": JSON(denial?.reason),
                ])
            } else {
                var table = Table(.left, .left)
                table.add(("would pay", .dim), (proposal.asset.text(proposal.amount), .bold))
                table.add(("to", .dim), ("\(quote.payTo)", nil))
                table.add(("asset", .dim), (proposal.asset.id, nil))
                table.add(("network fee", .dim), ("paid by \(quote.feePayer)", nil))
                table.add(("policy", .dim), (denial.map { "\(word): \($0)" } ?? word, nil))
                table.add(("message", .dim), (Base64.standard.encode(message), nil))
                Terminal.out(table.text)
            }
            switch verdict {
            case .allowed: break
            case .approvalNeeded(let denial): throw Self.failure(denial, waiting: proposal.id)
            case .denied(let denial): throw Self.failure(denial)
            }
        }
    }
}
