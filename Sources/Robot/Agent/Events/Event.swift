internal import Control
internal import Devices
internal import Encoding
internal import Ledger

/// Something that the robot did, or that happened to it, and why.
enum Event: Sendable {
    /// The robot runs; with a wallet that can sign or without.
    case started(wallet: String, isOpen: Bool)
    /// The home is a copy of another machine's.
    case copied(String)
    /// The configuration says something in words that the next version does not know.
    case setting(String)
    /// A socket for other programs cannot be made: of the control, or of the numbers.
    case unserved(Service, reason: String)
    /// So many descriptions of devices are in use.
    case descriptions(Int)
    /// The folder of descriptions cannot be read.
    case unreadFolder(String)
    /// Something is wrong that the robot works on with.
    case fault(Fault)
    /// What should reach the owner does not.
    case untold(Untold)
    /// Something came for the wallet over the broker.
    case owner(Owner)

    /// What the chain shows at the start.
    case balance(Asset, UInt64)
    /// No node of the chain answers.
    case chainAway(nodes: [String], reason: String)
    /// Money above the owner's ceiling went back to him.
    case swept(UInt64, Asset, account: String)
    /// Money above the owner's ceiling cannot go.
    case sweepWaits(Asset, reason: String)

    /// Who sells something, and who of them was chosen.
    case offers(what: String, list: String, chosen: String, price: UInt64)
    /// Nobody sells it.
    case noOffers(what: String, list: String)
    /// Something was bought, verified and booked.
    case purchase(what: String, seller: String, IntentID)
    /// A seller did not sell.
    case refusal(seller: String, reason: String)
    /// The owner's rules forbid a payment.
    case denial(seller: String, reason: String, rule: String)
    /// The wallet is stopped.
    case hold(reason: String)
    /// It cannot be told yet what became of something.
    case doubt(String)
    /// The seller's own receipt is not in order.
    case receipt(seller: String, refusal: String, IntentID)
    /// Money went and brought nothing.
    case loss(seller: String, reason: String, IntentID)

    /// Readings were sealed.
    case batch(readings: Int, cid: String, root: String, size: Int)
    /// What was bought was put to the test.
    case proof(Proof)
    /// A device was told something.
    case command(String, id: String, outcome: Outcome)
    /// A piece of work of a kind is done.
    case done(String, kind: String)
    /// What a behaviour of one's own has to say, under a word of its own.
    case note(kind: String, String, body: JSON)

    /// A socket for other programs.
    enum Service: Sendable { case control, metrics }

    /// What is wrong.
    enum Fault: Sendable {
        /// A device says what its description does not.
        case device(DeviceFault)
        /// A description is not taken.
        case description(String)
        /// New descriptions are not taken, and the old ones stay.
        case descriptionsStay(String)
        /// Readings could not be kept.
        case readings(String)
        /// A payment cannot be looked after.
        case passedOver(String)
        /// The books cannot be compared with the chain.
        case booksWait(String)
        /// A behaviour fails and is tried again.
        case waits(String, reason: String)
    }

    /// What does not reach the owner.
    enum Untold: Sendable {
        /// So many events had to leave before.
        case events(Int64)
        /// The broker does not take it.
        case refused(String)
    }

    /// What became of what came for the wallet.
    enum Owner: Sendable {
        case dropped
        case refusedMore(UInt64)
        case refused(String)
        case carriedOut
    }

    /// What a test of something bought showed.
    enum Proof: Sendable {
        case leaf(Int, cid: String, bytes: Int, hashes: Int)
        case readBack(bytes: Int)
        case failed(cid: String, reason: String)
        case reexecuted(job: String, cells: Int, cost: UInt32, seller: String)
    }

    /// What is known of a command.
    enum Outcome: Sendable {
        case state(CommandState)
        case error(String)
    }
}

extension Event {
    /// Its word; nil for a note, which has one of its own.
    private var known: EventRecord.Kind? {
        switch self {
        case .started: .start
        case .copied: .home
        case .setting: .configuration
        case .unserved(.control, _): .control
        case .unserved(.metrics, _): .metrics
        case .descriptions, .unreadFolder: .device
        case .fault: .fault
        case .untold: .report
        case .owner: .owner
        case .balance: .balance
        case .chainAway: .chain
        case .swept, .sweepWaits: .sweep
        case .offers, .noOffers: .offers
        case .purchase: .purchase
        case .refusal: .refusal
        case .denial, .hold: .denial
        case .doubt: .doubt
        case .receipt: .receipt
        case .loss: .loss
        case .batch: .batch
        case .proof: .proof
        case .command: .command
        case .done: .done
        case .note: nil
        }
    }

    /// The word under which it is kept and told.
    var kind: String {
        if case .note(let kind, _, _) = self { return kind }
        return self.known?.rawValue ?? ""
    }
}
