internal import Database

/// Running sums of the windows that limits look at. A window that moves on subtracts the payments that left
/// it, so that a decision costs the same after a million payments.
///
/// A total says what the intents of the database say, or it is not there: whatever is undone forgets all of
/// them.
final class WindowTotals {
    private struct Total {
        /// Payments reserved later than this are in it.
        var since: Int64
        var sum: Int64
        var count: Int64
    }

    /// Several windows may have the same selection; each keeps its own pace.
    private var totals: [SpendingSelection: [Total]] = [:]

    /// Sum and number of the payments in `selection`, whose moment of reservation is after `since`.
    func spent(_ selection: SpendingSelection, since: Int64, in history: History) throws -> (Int64, Int64) {
        let key = selection.ever
        var known = self.totals[key] ?? []
        // The window that is the nearest behind has the least to subtract.
        let nearest = known.indices.filter { known[$0].since <= since }.max {
            known[$0].since < known[$1].since
        }
        guard let nearest else {
            let (sum, count) = try history.summed(selection, after: since)
            self.totals[key] = known + [Total(since: since, sum: sum, count: count)]
            return (sum, count)
        }
        if known[nearest].since < since {
            let (sum, count) = try history.summed(selection, after: known[nearest].since, upTo: since)
            known[nearest].since = since
            known[nearest].sum -= sum
            known[nearest].count -= count
            self.totals[key] = known
        }
        return (known[nearest].sum, known[nearest].count)
    }

    /// A payment that was reserved at `moment` holds money from now on (`sign` 1), or no longer (-1).
    func count(_ proposal: Proposal, reservedAt moment: Int64, by sign: Int64) {
        for (selection, known) in self.totals where selection.matches(proposal) {
            self.totals[selection] = known.map { total in
                guard moment > total.since else { return total }
                let sum = total.sum + sign * Int64(proposal.amount)
                return Total(since: total.since, sum: sum, count: total.count + sign)
            }
        }
    }

    /// After something was undone, or the limits are others.
    func forget() { self.totals.removeAll() }
}

extension SpendingSelection {
    /// The same without a window.
    fileprivate var ever: SpendingSelection {
        SpendingSelection(asset: self.asset, purpose: self.purpose, payee: self.payee)
    }

    /// As ``History`` selects.
    fileprivate func matches(_ proposal: Proposal) -> Bool {
        self.asset == proposal.asset.id && (self.payee == nil || self.payee == proposal.payee)
            && (self.purpose.map { $0 == proposal.purpose } ?? !proposal.purpose.isApart)
    }
}
