internal import Devices
internal import Encoding
internal import Ledger

extension Event {
    /// For people.
    var text: String {
        switch self {
        case .started(let wallet, let isOpen):
            "wallet \(wallet) is \(isOpen ? "open" : "locked: nothing is spent")"
        case .copied(let words), .setting(let words), .unreadFolder(let words), .doubt(let words): words
        case .unserved(_, let reason): reason
        case .descriptions(let count): "\(count) descriptions are in use"
        case .fault(let fault): fault.text
        case .untold(.events(let count)): "\(count) events had to leave before they could be told"
        case .untold(.refused(let words)): words
        case .owner(let owner): owner.text
        case .balance(let asset, let amount): "the chain shows \(asset.text(amount))"
        case .chainAway(let nodes, let reason):
            "no answer from \(nodes.joined(separator: ", ").plain()): \(reason.plain())"
        case .swept(let amount, let asset, let account): "\(asset.text(amount)) went back to \(account)"
        case .sweepWaits(let asset, let reason): "\(asset.symbol) above the ceiling waits: \(reason.plain())"
        case .offers(let what, let list, _, _): "\(what): \(list)"
        case .noOffers(let what, let list): "nobody sells \(what): \(list)"
        case .purchase(let what, let seller, _): "bought \(what) from \(seller)"
        case .refusal(let seller, let reason): "\(seller) \(reason)"
        case .denial(let seller, let reason, _): "\(seller): \(reason.plain())"
        case .hold(let reason): "the wallet is stopped: \(reason.plain())"
        case .receipt(let seller, let refusal, _): "\(seller): \(refusal)"
        case .loss(let seller, let reason, _): "\(seller): \(reason)"
        case .batch(let readings, _, _, let size): "\(readings) readings sealed into \(size) bytes"
        case .proof(let proof): proof.text
        case .command(let what, _, .state(let state)): "\(what): \(state.rawValue)"
        case .command(let what, _, .error(let reason)): "\(what): \(reason)"
        case .done(let words, _): words
        case .note(_, let words, _): words
        }
    }

    /// For programs.
    var body: JSON {
        switch self {
        case .fault(.device(let fault)): ["filter": .string(fault.filter)]
        case .offers(_, _, let chosen, let price):
            ["chosen": .string(chosen), "price": .string(String(price))]
        case .purchase(_, _, let intent), .receipt(_, _, let intent), .loss(_, _, let intent):
            ["intent": .string("\(intent)")]
        case .denial(_, _, let rule): ["rule": .string(rule)]
        case .hold: ["rule": "hold"]
        case .batch(_, let cid, let root, let size):
            ["cid": .string(cid), "root": .string(root), "size": JSON(size)]
        case .proof(let proof): proof.body
        case .command(_, let id, .state(let state)):
            ["id": .string(id), "state": .string(state.rawValue)]
        case .command(_, let id, .error): ["id": .string(id), "state": "error"]
        case .done(_, let kind): ["kind": .string(kind)]
        case .note(_, _, let body): body
        case .started, .copied, .setting, .unserved, .descriptions, .unreadFolder, .fault, .untold, .owner,
            .balance,
            .chainAway, .swept, .sweepWaits, .noOffers, .refusal, .doubt:
            [:]
        }
    }
}

extension Event.Fault {
    fileprivate var text: String {
        switch self {
        case .device(let fault): "\(fault.affordance) of \(fault.thing): \(fault.reason)"
        case .description(let words), .readings(let words): words
        case .descriptionsStay(let reason): "the descriptions stay as they were: \(reason)"
        case .passedOver(let reason): "passed over: \(reason)".plain()
        case .booksWait(let reason): "the books wait: \(reason.plain())"
        case .waits(let name, let reason): "\(name) waits: \(reason.plain())"
        }
    }
}

extension Event.Owner {
    fileprivate var text: String {
        switch self {
        case .dropped: "requests were dropped: too long, or faster than they are answered"
        case .refusedMore(let count): "\(count) more requests were refused"
        case .refused(let reason): "refused: \(reason.plain())"
        case .carriedOut: "a signed command was carried out"
        }
    }
}

extension Event.Proof {
    fileprivate var text: String {
        switch self {
        case .leaf(let index, let cid, let bytes, let hashes):
            "leaf \(index) of \(cid) is there: \(bytes) bytes, \(hashes) hashes"
        case .readBack(let bytes): "read back and opened: \(bytes) bytes"
        case .failed(_, let reason): "not proved: \(reason)"
        case .reexecuted(_, let cells, let cost, let seller):
            "re-executed here: the same \(cells) cells, cost \(cost), as \(seller) says"
        }
    }

    fileprivate var body: JSON {
        switch self {
        case .leaf(let index, let cid, _, _): ["cid": .string(cid), "leaf": JSON(index), "valid": true]
        case .readBack: ["valid": true]
        case .failed(let cid, _): ["cid": .string(cid), "valid": false]
        case .reexecuted(let job, _, _, _): ["job": .string(job), "valid": true]
        }
    }
}
