import Console
import Encoding
import Home
import Ledger

extension Balance {
    var json: JSON {
        func amount(_ atomic: Int64) -> JSON {
            ["amount": .string(self.asset.decimal(atomic)), "atomic": .string(String(atomic))]
        }
        return [
            "asset": .string(self.asset.id), "symbol": .string(self.asset.symbol),
            "decimals": JSON(self.asset.decimals),
            "available": amount(self.available), "reserved": amount(self.reserved),
            "escrowed": amount(self.escrowed),
            "spent": amount(self.spent),
            "lost": amount(self.lost), "deposited": amount(self.deposited), "earned": amount(self.earned),
        ]
    }

    var summary: String {
        let reserved = self.reserved > 0 ? ", \(self.asset.decimal(self.reserved)) reserved" : ""
        return
            "\(self.asset.decimal(self.available)) free\(reserved), \(self.asset.decimal(self.spent)) spent"
    }
}

extension IntentRecord {
    var json: JSON {
        [
            "intent": .string(self.id.description), "digest": .string(Hex.encode(self.proposal.digest)),
            "purpose": .string(self.proposal.purpose.rawValue),
            "job": .string(self.proposal.purchase.subject.text), "payee": .string(self.proposal.payee),
            "asset": .string(self.proposal.asset.id), "symbol": .string(self.proposal.asset.symbol),
            "amount": .string(self.proposal.asset.decimal(self.proposal.amount)),
            "atomic": .string(String(self.proposal.amount)), "note": .string(self.proposal.note),
            "state": .string(self.state.rawValue), "reason": .string(self.reason),
            "delivery": .string(self.delivery.rawValue), "transaction": JSON(self.transaction),
            "createdAt": .string(rfc3339(self.createdAt)), "updatedAt": .string(rfc3339(self.updatedAt)),
        ]
    }
}

extension IntentState {
    var colour: Terminal.Colour? {
        switch self {
        case .settled: .green
        case .denied, .failed, .expired: .red
        case .waiting, .reserved, .signed, .submitted, .unknown: .yellow
        }
    }
}

extension Delivery {
    var colour: Terminal.Colour? {
        switch self {
        case .delivered: .green
        case .lost: .red
        case .pending: nil
        }
    }
}

extension IntentRecord {
    static func table(_ records: some Sequence<IntentRecord>) -> Table {
        var table = Table(.left, .left, .left, .right, .left, .left, .left)
        table.head("time", "intent", "purpose", "amount", "state", "delivery", "to")
        for record in records {
            let proposal = record.proposal
            table.add(
                (rfc3339(record.createdAt), nil), (String(record.id.description.prefix(12)), nil),
                (proposal.purpose.rawValue, nil), (proposal.asset.text(proposal.amount), nil),
                (record.state.rawValue, record.state.colour),
                (record.delivery.rawValue, record.delivery.colour), (proposal.note, nil))
        }
        return table
    }
}

extension IntentState {
    /// For people: what an unfinished payment waits for.
    var prospect: String {
        switch self {
        case .waiting: "an approver signs: depai owner approve"
        case .reserved: "the robot signs it, or gives the money back"
        case .signed: "the robot sends it"
        case .submitted: "the chain confirms it"
        case .unknown: "the chain is asked; the same bytes may be sent again, never new ones"
        case .denied, .settled, .failed, .expired: "nothing; it is at its end"
        }
    }
}
