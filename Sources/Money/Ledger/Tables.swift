package import Database

extension PaymentLedger {
    /// The tables of its file.
    package static let schema = Tables.schema
}

/// The tables of the money file. Journal, entries and signed bytes only ever grow: triggers refuse changes.
enum Tables {
    /// A query that says this, to the letter, finds its intents without reading the settled ones.
    ///
    /// Not a list after IN: SQLite builds a table for such a list, anew with each change of an intent.
    static let openStates = """
        (state = 'waiting' OR state = 'reserved' OR state = 'signed' OR state = 'submitted'
            OR state = 'unknown')
        """

    /// Whether an intent's money is set aside or gone, and what it bought may still come.
    private static let isLive = """
        (state = 'reserved' OR state = 'signed' OR state = 'submitted' OR state = 'unknown'
            OR state = 'settled' AND delivery <> 'lost')
        """

    /// The number in a voucher of an older version: eight bytes from the 35th of its message on, the least
    /// first.
    private static let promiseInOldVouchers = (0..<8).map { place in
        let digits = (0..<2).map { digit in
            "(instr('0123456789ABCDEF', substr(hex(message), \(2 * (34 + place) + 1 + digit), 1)) - 1)"
        }
        return "((\(digits[0]) * 16 + \(digits[1])) << \(8 * place))"
    }.joined(separator: " | ")

    static let schema = Schema(
        """
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE asset (id TEXT PRIMARY KEY, symbol TEXT NOT NULL, decimals INTEGER NOT NULL) STRICT;
        CREATE TABLE policy (
            seq INTEGER PRIMARY KEY, file BLOB NOT NULL, applied_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE intent (
            id TEXT PRIMARY KEY, purpose TEXT NOT NULL, job TEXT NOT NULL, payee TEXT NOT NULL,
            asset TEXT NOT NULL REFERENCES asset(id), amount INTEGER NOT NULL CHECK (amount >= 0),
            series INTEGER NOT NULL, note TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
            reserved_at INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            delivery TEXT NOT NULL DEFAULT 'pending', receipt TEXT, chain_transaction TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            -- Rows of the journal: the newest of this intent, and the one that tells of the last signature.
            last_step INTEGER, signed_in INTEGER,
            -- The payment channel whose deposit pays; null for the wallet's own money.
            channel TEXT REFERENCES channel(id)
        ) STRICT;
        CREATE INDEX intent_purchase ON intent (purpose, job, series);
        CREATE INDEX intent_window ON intent (asset, reserved_at, purpose, payee, amount)
            WHERE reserved_at IS NOT NULL;
        CREATE INDEX intent_open ON intent (state)
            WHERE state IN ('waiting', 'reserved', 'signed', 'submitted', 'unknown');
        CREATE INDEX intent_voucher ON intent (channel) WHERE channel IS NOT NULL
            AND state IN ('waiting', 'reserved', 'signed', 'submitted', 'unknown');
        CREATE TABLE channel (
            id TEXT PRIMARY KEY, payee TEXT NOT NULL, asset TEXT NOT NULL REFERENCES asset(id),
            terms BLOB NOT NULL, state TEXT NOT NULL,
            -- What the payee accepted so far, and the intent of its last voucher.
            spent INTEGER NOT NULL DEFAULT 0, last_voucher TEXT, opened_at INTEGER NOT NULL
        ) STRICT;
        -- Named by the journal row of the signature, and so without an index of its own.
        CREATE TABLE attempt (
            step INTEGER PRIMARY KEY REFERENCES journal(seq), number INTEGER NOT NULL, message BLOB NOT NULL,
            signature BLOB NOT NULL, payload BLOB NOT NULL, last_valid_height INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE journal (
            seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, intent TEXT,
            state_before TEXT, state_after TEXT, detail TEXT NOT NULL, digest BLOB NOT NULL,
            hash BLOB NOT NULL,
            -- The row before of the same intent: a chain instead of an index.
            previous INTEGER
        ) STRICT;
        -- A posting is named by its journal row, and its lines by posting * 16 + place.
        CREATE TABLE entry (
            id INTEGER PRIMARY KEY, posting INTEGER NOT NULL REFERENCES journal(seq), at INTEGER NOT NULL,
            account TEXT NOT NULL, asset TEXT NOT NULL REFERENCES asset(id), amount INTEGER NOT NULL,
            intent TEXT REFERENCES intent(id), reference TEXT NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX entry_received ON entry (account, reference) WHERE intent IS NULL AND amount < 0;
        -- Totals of the two tables above, so that a limit costs the same after a million payments.
        CREATE TABLE balance (
            account TEXT NOT NULL, asset TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (account, asset)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE spending (
            asset TEXT NOT NULL, purpose TEXT NOT NULL, payee TEXT NOT NULL, sum INTEGER NOT NULL,
            count INTEGER NOT NULL, PRIMARY KEY (asset, purpose, payee)
        ) STRICT, WITHOUT ROWID;
        -- What owner, approvers and guardians said: the highest number of each, and approvals not yet used.
        CREATE TABLE issuer (
            key TEXT NOT NULL, class TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (key, class)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE approval (
            intent TEXT NOT NULL REFERENCES intent(id), approver TEXT NOT NULL, agrees INTEGER NOT NULL,
            expires_at INTEGER NOT NULL, PRIMARY KEY (intent, approver)
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER entry_keep BEFORE UPDATE ON entry
            BEGIN SELECT RAISE(ABORT, 'entries are final'); END;
        CREATE TRIGGER entry_stay BEFORE DELETE ON entry
            BEGIN SELECT RAISE(ABORT, 'entries are final'); END;
        CREATE TRIGGER journal_keep BEFORE UPDATE ON journal
            BEGIN SELECT RAISE(ABORT, 'the journal is final'); END;
        CREATE TRIGGER journal_stay BEFORE DELETE ON journal
            BEGIN SELECT RAISE(ABORT, 'the journal is final'); END;
        CREATE TRIGGER attempt_keep BEFORE UPDATE ON attempt
            BEGIN SELECT RAISE(ABORT, 'signed bytes are final'); END;
        CREATE TRIGGER attempt_stay BEFORE DELETE ON attempt
            BEGIN SELECT RAISE(ABORT, 'signed bytes are final'); END;
        """,
        """
        DROP INDEX intent_open;
        DROP INDEX intent_voucher;
        -- One for both questions, which is open and which of a channel: an open intent that takes another
        -- open state does not touch it.
        CREATE INDEX intent_open ON intent (channel) WHERE \(openStates);
        """,
        """
        -- How far back a search for the message has to go; 0 where it was not kept.
        ALTER TABLE attempt ADD COLUMN first_slot INTEGER NOT NULL DEFAULT 0;
        -- Who took money for nothing is asked for before each purchase.
        CREATE INDEX intent_lost ON intent (payee) WHERE delivery = 'lost';
        """,
        """
        -- Rounds of one purchase follow one another; of those that are there the live one is the last.
        ALTER TABLE intent ADD COLUMN round INTEGER NOT NULL DEFAULT 0;
        UPDATE intent SET round = numbered.place FROM (
            SELECT rowid AS number, ROW_NUMBER() OVER (
                PARTITION BY purpose, job, series ORDER BY \(isLive), state = 'waiting', rowid) - 1 AS place
            FROM intent
        ) AS numbered WHERE intent.rowid = numbered.number AND numbered.place > 0;
        -- The policy that gave the last answer.
        ALTER TABLE intent ADD COLUMN policy INTEGER;
        -- How often the terms changed since the last reservation.
        ALTER TABLE intent ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
        -- Of a voucher: what it promises in all, so that nobody here reads a chain's bytes.
        ALTER TABLE intent ADD COLUMN promise INTEGER;
        UPDATE intent SET promise = (SELECT \(promiseInOldVouchers) FROM attempt WHERE step = signed_in)
            WHERE channel IS NOT NULL AND signed_in IS NOT NULL;
        -- Whether a channel must not be filled again.
        ALTER TABLE channel ADD COLUMN is_barred INTEGER NOT NULL DEFAULT 0;
        DROP INDEX intent_purchase;
        CREATE UNIQUE INDEX intent_round ON intent (purpose, job, series, round);
        -- Never twice: no file holds two payments of one purchase that may both be good.
        CREATE UNIQUE INDEX intent_live ON intent (purpose, job, series) WHERE \(isLive);
        """
    )
}

/// The accounts of the double entry. Every posting sums to zero per asset.
enum Account {
    static let wallet = "assets:wallet"
    static let reserved = "assets:reserved"
    static let deposits = "equity:owner"
    /// Where the money of a settled payment is.
    static func destination(of proposal: Proposal) -> String {
        if proposal.purpose == .sweep { return self.deposits }
        return proposal.filledChannel.map { Pot(channel: $0).free } ?? "expenses:\(proposal.purpose.rawValue)"
    }
    static func income(_ purpose: Purpose) -> String { "income:\(purpose.rawValue)" }
    static let losses = "expenses:losses"
    /// What a channel paid for before the ledger was lost: spent, and no book tells on what.
    static let unrecorded = "expenses:unrecorded"
    /// Vouchers that a payee never redeemed.
    static let unclaimed = "income:unclaimed"
}

/// Where a payment takes its money from: the wallet, or the deposit of a payment channel.
struct Pot: Hashable {
    let free: String
    let reserved: String

    init(channel: String?) {
        self.free = channel.map { "assets:channel:\($0)" } ?? Account.wallet
        self.reserved = channel.map { "assets:channel:\($0):reserved" } ?? Account.reserved
    }

    /// Money set aside, and given back.
    var reserve: [(account: String, sign: Int64)] { [(self.free, -1), (self.reserved, 1)] }
    var release: [(account: String, sign: Int64)] { [(self.reserved, -1), (self.free, 1)] }
}
