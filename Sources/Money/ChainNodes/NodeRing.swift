internal import Synchronization

/// Which of several nodes is asked, and what they have shown so far.
final class NodeRing: Sendable {
    private struct State {
        var current = 0
        var known: Set<Int> = []
        var heights: [String: (seen: UInt64, contradictions: Int)] = [:]
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

    /// Notes a height: the one that was seen before, if this one lies more than `tolerance` below it.
    func regression(_ height: UInt64, of kind: String, tolerance: UInt64) -> UInt64? {
        self.state.withLock { state in
            let (seen, contradictions) = state.heights[kind] ?? (0, 0)
            guard height < seen, seen - height > tolerance else {
                state.heights[kind] = (max(seen, height), 0)
                return nil
            }
            guard contradictions < Self.mostContradictions else {
                state.heights[kind] = (height, 0)
                return nil
            }
            state.heights[kind] = (seen, contradictions + 1)
            return seen
        }
    }
}
