internal import Synchronization

/// Which of several nodes is asked, and what they have shown so far.
final class NodeRing: Sendable {
    private struct State {
        var current = 0
        var known: Set<Int> = []
        var heights: [Commitment: (seen: UInt64, contradictions: Int)] = [:]
    }

    /// Answers in a row after which a greater height, seen before, was the wrong one. Else a single wrong
    /// number would shut out every node for as long as the process lives.
    static let mostContradictions = 4

    private let count: Int
    private let state = Mutex(State())

    init(count: Int) { self.count = count }

    var current: Int { self.state.withLock { $0.current } }

    /// Goes on to the next node, unless somebody else did so already.
    func leave(_ place: Int) {
        self.state.withLock { state in
            if state.current == place { state.current = (place + 1) % self.count }
        }
    }

    /// Whether a node has shown its network.
    func isKnown(_ place: Int) -> Bool { self.state.withLock { $0.known.contains(place) } }

    func know(_ place: Int) { self.state.withLock { _ = $0.known.insert(place) } }

    /// The height that was seen before, if this one lies too far back.
    func regression(_ height: UInt64, _ commitment: Commitment) -> UInt64? {
        self.state.withLock { state in
            let (seen, contradictions) = state.heights[commitment] ?? (0, 0)
            guard height < seen, seen - height > Blockhash.lifetimeBlocks else {
                state.heights[commitment] = (max(seen, height), 0)
                return nil
            }
            guard contradictions < Self.mostContradictions else {
                state.heights[commitment] = (height, 0)
                return nil
            }
            state.heights[commitment] = (seen, contradictions + 1)
            return seen
        }
    }
}
