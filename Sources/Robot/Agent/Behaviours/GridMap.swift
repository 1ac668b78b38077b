internal import Encoding

/// A MovingAI map (`type octile`): `.`, `G` and `S` are free, everything else is not.
struct GridMap: Sendable {
    let width: Int
    let height: Int
    /// Row by row, true where blocked.
    let blocked: [Bool]

    enum Fault: Error, CustomStringConvertible {
        case header(line: Int)
        case size
        case outside(x: Int, y: Int)

        var description: String {
            switch self {
            case .header(let line): "line \(line) of the map is not what a MovingAI map has there"
            case .size: "the map's lines do not match its width and height (at most 512 by 512)"
            case .outside(let x, let y): "\(x),\(y) is not on the map"
            }
        }
    }

    init(_ bytes: [UInt8]) throws(Fault) {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard lines.count > 4, lines[0] == "type octile" else { throw .header(line: 1) }
        guard lines[1].hasPrefix("height "), let height = Int(lines[1].dropFirst(7)) else {
            throw .header(line: 2)
        }
        guard lines[2].hasPrefix("width "), let width = Int(lines[2].dropFirst(6)) else {
            throw .header(line: 3)
        }
        guard lines[3] == "map" else { throw .header(line: 4) }
        let rows = lines.dropFirst(4)
        guard (1...512).contains(width), (1...512).contains(height), rows.count == height,
            rows.allSatisfy({ $0.utf8.count == width })
        else { throw .size }
        self.width = width
        self.height = height
        self.blocked = rows.flatMap {
            $0.utf8.map { ![UInt8(ascii: "."), UInt8(ascii: "G"), UInt8(ascii: "S")].contains($0) }
        }
    }

    /// The input of the route job (`Simulator/Jobs/route`): magic, sizes, start, goal, battery, cells.
    func routeInput(fromX: Int, fromY: Int, toX: Int, toY: Int, batteryPermille: Int) throws(Fault) -> [UInt8]
    {
        for (x, y) in [(fromX, fromY), (toX, toY)]
        where !(0..<self.width).contains(x) || !(0..<self.height).contains(y) {
            throw .outside(x: x, y: y)
        }
        var input = Array("RTE1".utf8)
        for value in [
            self.width, self.height, fromX, fromY, toX, toY, min(max(batteryPermille, 0), 1_000), 0,
        ] {
            input.append(little: UInt16(value))
        }
        return input + self.blocked.map { $0 ? 1 : 0 }
    }
}

/// What the route job gives: the cells from start to goal, and what the way costs (10 straight, 14 diagonal).
struct Route: Sendable {
    let cost: UInt32
    let cells: [(x: Int, y: Int)]

    init(_ output: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(output)
        guard try reader.take(4) == Array("RTO1".utf8) else { throw .notCanonical }
        self.cost = try reader.little()
        let count = Int(try reader.little(UInt16.self))
        _ = try reader.take(2)
        var cells: [(x: Int, y: Int)] = []
        for _ in 0..<count {
            cells.append((Int(try reader.little(UInt16.self)), Int(try reader.little(UInt16.self))))
        }
        try reader.end()
        guard !cells.isEmpty else { throw .truncated(offset: output.count) }
        self.cells = cells
    }

    var json: JSON { .array(self.cells.map { ["x": JSON($0.x), "y": JSON($0.y)] }) }
}
