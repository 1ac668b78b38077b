internal import Encoding

/// A square of the base's map.
struct Cell: Equatable {
    let x: Int
    let y: Int

    /// Nil unless both are whole numbers of a map's size.
    init?(_ pose: JSON) {
        guard case .integer(let x)? = pose["x"], case .integer(let y)? = pose["y"],
            Self.range.contains(x), Self.range.contains(y)
        else { return nil }
        (self.x, self.y) = (Int(x), Int(y))
    }

    /// The nearest, of a place in cells; nil outside of every map.
    init?(x: Double, y: Double) {
        let limit = Double(Self.range.upperBound)
        guard (-0.5..<limit).contains(x), (-0.5..<limit).contains(y) else { return nil }
        (self.x, self.y) = (Int(x.rounded()), Int(y.rounded()))
    }

    private init(_ x: Int, _ y: Int) { (self.x, self.y) = (x, y) }

    private static let range: ClosedRange<Int64> = 0...65_535

    var json: JSON { ["x": .integer(Int64(self.x)), "y": .integer(Int64(self.y))] }

    /// This one and at most so many neighbours, close to the straight line to `goal`.
    func path(to goal: Cell, steps: Int) -> [Cell] {
        var path = [self]
        var place = self
        // The longer side first, as long as it is longer: never far from the line.
        while place != goal, path.count <= steps {
            let (dx, dy) = (goal.x - place.x, goal.y - place.y)
            place =
                abs(dx) >= abs(dy)
                ? Cell(place.x + dx.signum(), place.y) : Cell(place.x, place.y + dy.signum())
            path.append(place)
        }
        return path
    }
}
