internal import Encoding

/// The names that somebody who wrote `name` perhaps meant, the nearest first; at most three.
package func nearNames(_ name: String, among names: [String]) -> [String] {
    let wanted = Array(name.lowercased().unicodeScalars.prefix(64))
    let near = names.compactMap { other -> (distance: Int, name: String)? in
        let letters = Array(other.lowercased().unicodeScalars.prefix(64))
        let distance = editDistance(wanted, letters)
        let isPart = wanted.count > 2 && (other.lowercased().holds(name.lowercased()))
        guard isPart || distance <= max(1, min(wanted.count, letters.count) / 3) else { return nil }
        return (distance, other)
    }
    return near.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
}

/// How many letters have to be added, dropped or changed.
private func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var row = Array(0...right.count)
    for (index, letter) in left.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for (place, other) in right.enumerated() {
            let substitution = diagonal + (letter == other ? 0 : 1)
            diagonal = row[place + 1]
            row[place + 1] = min(substitution, row[place] + 1, diagonal + 1)
        }
    }
    return row[right.count]
}
