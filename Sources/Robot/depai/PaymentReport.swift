import Console
import Control
import Encoding
import Ledger
import Payments

/// Says how a payment ended: the answer to standard output, the money to standard error, or both in one
/// object `depai.pay/1`.
struct PaymentReport {
    let json: Bool

    /// - Throws: `Failure` with the exit code of everything that is no answer.
    func show(_ answer: CashierAnswer) throws {
        switch answer {
        case .answered(let status, let body, let payment, let remark):
            if let remark, payment != nil { Terminal.talk(remark.plain()) }
            self.show(status, body, payment)
            guard payment != nil || status < 300 else {
                let place = remark.map { "; \($0.plain())" } ?? ""
                throw Failure(1, "status \(status)\(place); nothing was paid")
            }
        case .ended(let end, let reason, let intent, let denial):
            throw Self.failure(end, reason, intent, denial)
        case .wouldPay(let payment, let feePayer, let message, let verdict):
            self.show(payment, feePayer, message, verdict)
            switch verdict {
            case .allowed: break
            case .approvalNeeded(let denial):
                throw Self.failure(.waiting, "\(denial)", payment.intent, denial)
            case .denied(let denial): throw Self.failure(.denied, "\(denial)", nil, denial)
            }
        case .closing, .findings, .received:
            throw Failure(1, "the robot answered something else", hint: "are both of one version?")
        }
    }

    private static func failure(
        _ end: CashierAnswer.End, _ reason: String, _ intent: IntentID?, _ denial: Denial?
    ) -> Failure {
        let id = intent.map { "\($0)" } ?? "?"
        return switch end {
        case .unanswered:
            Failure(
                9, "paid as intent \(id), and the seller does not answer: \(reason)",
                hint: reason.holds("longer than")
                    ? "the same command with a larger --max-size asks for the answer and pays nothing more"
                    : "the same command again asks for the answer and pays nothing more; --anew gives it up")
        case .unreachable: Failure(9, reason, hint: "nothing was paid")
        case .unpaid: Failure(1, reason, hint: "nothing was paid")
        case .denied: Failure(denial?.rule == Denial.funds ? 6 : 4, reason, hint: "depai wallet limits")
        case .waiting:
            Failure(
                5, reason,
                hint: "an approver agrees with: depai wallet approve \(id); then run this again")
        case .open:
            Failure(
                7, "payment \(id) is not decided: \(reason)",
                hint: "the same command again goes on with this payment and makes no other")
        }
    }

    private func show(_ status: Int, _ body: [UInt8], _ payment: CashierAnswer.Payment?) {
        if let payment, !self.json {
            Terminal.talk("paid \(payment.asset.text(payment.amount)) to \(payment.payee.plain())")
            Terminal.talk("transaction \(payment.transaction?.plain() ?? "?")")
            Terminal.talk("intent \(payment.intent)")
        }
        guard self.json else { return Terminal.put(bytes: body) }
        var object: JSON = [
            "schema": "depai.pay/1", "status": JSON(status), "paid": payment.map { Self.amount($0) } ?? .null,
            "transaction": JSON(payment?.transaction), "intent": JSON(payment?.intent.description),
        ]
        if let text = String(validating: body, as: UTF8.self) {
            object["body"] = .string(text)
        } else {
            object["bodyBase64"] = .string(Base64.standard.encode(body))
        }
        Terminal.out(object)
    }

    private static func amount(_ payment: CashierAnswer.Payment) -> JSON {
        [
            "amount": .string(payment.asset.decimal(payment.amount)),
            "atomic": .string(String(payment.amount)), "asset": .string(payment.asset.id),
            "network": .string(payment.payee.split(separator: ":").dropLast().joined(separator: ":")),
            "payTo": .string(payment.recipient),
        ]
    }

    private func show(
        _ payment: CashierAnswer.Payment, _ feePayer: String, _ message: [UInt8], _ verdict: Policy.Verdict
    ) {
        let denial = verdict.denial
        guard !self.json else {
            return Terminal.out([
                "schema": "depai.pay/1", "status": 402, "paid": .null, "transaction": .null,
                "intent": .string("\(payment.intent)"), "body": .null, "wouldPay": Self.amount(payment),
                "feePayer": .string(feePayer), "message": .string(Base64.standard.encode(message)),
                "policy": .string(verdict.word), "rule": JSON(denial?.rule), "reason": JSON(denial?.reason),
            ])
        }
        var table = Table(.left, .left)
        table.add(("would pay", .dim), (payment.asset.text(payment.amount), .bold))
        table.add(("to", .dim), (payment.recipient, nil))
        table.add(("asset", .dim), (payment.asset.id, nil))
        table.add(("network fee", .dim), ("paid by \(feePayer)", nil))
        table.add(("policy", .dim), (denial.map { "\(verdict.word): \($0)" } ?? verdict.word, nil))
        table.add(("message", .dim), (Base64.standard.encode(message), nil))
        Terminal.out(table.text)
    }
}

extension CashierAnswer.Payment {
    /// The account without its chain.
    fileprivate var recipient: String {
        self.payee.split(separator: ":").last.map(String.init) ?? self.payee
    }
}
