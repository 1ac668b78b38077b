import TestSupport
import Testing
import Wasm

/// A map for the job "route", written and read as its format says.
struct RouteMap {
    var width: Int
    var height: Int
    var start: (x: Int, y: Int)
    var goal: (x: Int, y: Int)
    var cells: [UInt8]

    /// Rows of `.` and `#`; `S` and `G` are free cells.
    init(_ rows: [String]) {
        self.width = rows.first?.count ?? 0
        self.height = rows.count
        self.start = (0, 0)
        self.goal = (0, 0)
        self.cells = rows.joined().map { $0 == "#" ? 1 : 0 }
        for (y, row) in rows.enumerated() {
            for (x, cell) in row.enumerated() {
                if cell == "S" { self.start = (x, y) }
                if cell == "G" { self.goal = (x, y) }
            }
        }
    }

    /// A random map with free start and goal; about `blocked` of 100 cells are blocked.
    init(seed: UInt64) {
        var random = Seeded(seed)
        self.init([])
        self.width = Int.random(in: 1...40, using: &random)
        self.height = Int.random(in: 1...40, using: &random)
        let blocked = Int.random(in: 0...45, using: &random)
        for _ in 0..<self.width * self.height {
            self.cells.append(Int.random(in: 0..<100, using: &random) < blocked ? 1 : 0)
        }
        self.start = (
            Int.random(in: 0..<self.width, using: &random), Int.random(in: 0..<self.height, using: &random)
        )
        self.goal = (
            Int.random(in: 0..<self.width, using: &random), Int.random(in: 0..<self.height, using: &random)
        )
        self.cells[self.start.y * self.width + self.start.x] = 0
        self.cells[self.goal.y * self.width + self.goal.x] = 0
    }

    var input: [UInt8] {
        let numbers = [self.width, self.height, self.start.x, self.start.y, self.goal.x, self.goal.y, 800, 0]
        return Array("RTE1".utf8) + numbers.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] } + self.cells
    }

    func isFree(_ x: Int, _ y: Int) -> Bool {
        (0..<self.width).contains(x) && (0..<self.height).contains(y) && self.cells[y * self.width + x] == 0
    }

    /// What one move costs, `nil` if it is not allowed.
    func cost(from: (x: Int, y: Int), to: (x: Int, y: Int)) -> Int? {
        let dx = to.x - from.x
        let dy = to.y - from.y
        guard abs(dx) <= 1, abs(dy) <= 1, dx != 0 || dy != 0, self.isFree(to.x, to.y) else { return nil }
        if dx == 0 || dy == 0 { return 10 }
        return self.isFree(to.x, from.y) && self.isFree(from.x, to.y) ? 14 : nil
    }

    /// The cheapest cost by Dijkstra's algorithm with plain search for the next cell.
    func cheapest() -> Int? {
        var costs = [Int?](repeating: nil, count: self.cells.count)
        var open: Set<Int> = [self.start.y * self.width + self.start.x]
        costs[self.start.y * self.width + self.start.x] = 0
        while let cell = open.min(by: { (costs[$0] ?? .max, $0) < (costs[$1] ?? .max, $1) }) {
            open.remove(cell)
            let from = (x: cell % self.width, y: cell / self.width)
            if from == self.goal { return costs[cell] }
            for dy in -1...1 {
                for dx in -1...1 {
                    guard let cost = self.cost(from: from, to: (from.x + dx, from.y + dy)) else { continue }
                    let next = (from.y + dy) * self.width + from.x + dx
                    let total = (costs[cell] ?? 0) + cost
                    if total < costs[next] ?? .max {
                        costs[next] = total
                        open.insert(next)
                    }
                }
            }
        }
        return nil
    }
}

/// The output of the job.
struct Route {
    let cost: Int
    let cells: [(x: Int, y: Int)]

    init?(_ bytes: [UInt8]) {
        func number(_ offset: Int, _ width: Int) -> Int {
            (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
        }
        guard bytes.count >= 12, bytes.starts(with: "RTO1".utf8), number(10, 2) == 0 else { return nil }
        let count = number(8, 2)
        guard bytes.count == 12 + 4 * count else { return nil }
        self.cost = number(4, 4)
        self.cells = (0..<count).map { (number(12 + 4 * $0, 2), number(14 + 4 * $0, 2)) }
    }
}

@Suite struct `Job route` {
    let module: Module

    init() throws { self.module = try Module(try #require(fileBytes("Simulator/Jobs/route/route.wasm"))) }

    func run(_ map: RouteMap, units: UInt64 = 100_000_000) throws -> StepJob.Outcome {
        try StepJob.run(self.module, input: map.input, unitLimit: units)
    }

    @Test func `a small map gives the one best route`() throws {
        let outcome = try self.run(RouteMap(["S.#..", "..#.G", "....."]))
        let route = try #require(Route(outcome.output))
        // The corners beside the wall must not be cut.
        #expect(route.cost == 14 + 10 + 10 + 10 + 14 || route.cost == 10 + 14 + 10 + 10 + 14)
        #expect(route.cells.first.map { [$0.x, $0.y] } == [0, 0])
        #expect(route.cells.last.map { [$0.x, $0.y] } == [4, 1])
        #expect(outcome.steps == 1)
        #expect(try self.run(RouteMap(["S.#..", "..#.G", "....."])) == outcome)
    }

    @Test func `start and goal may be the same cell`() throws {
        var map = RouteMap(["G"])
        map.start = map.goal
        let route = try #require(Route(try self.run(map).output))
        #expect(route.cost == 0)
        #expect(route.cells.count == 1)
    }

    @Test(arguments: [["S.#G"], ["S#", "#G"], ["S.", ".#"]])
    func `an unreachable or blocked goal is no route`(rows: [String]) throws {
        var map = RouteMap(rows)
        map.goal = (map.width - 1, map.height - 1)
        do {
            _ = try self.run(map)
            Issue.record("found a route")
        } catch JobError.failed(let code, let steps, let units) {
            #expect(code == 2)
            #expect(steps == 1)
            #expect(units > 0)
        }
    }

    @Test func `a large map is cut into steps and its units are bounded`() throws {
        var map = RouteMap([])
        map.width = 64
        map.height = 64
        map.goal = (63, 63)
        map.cells = [UInt8](repeating: 0, count: 64 * 64)
        for y in 0..<62 { map.cells[y * 64 + 40] = 1 }
        let outcome = try self.run(map)
        #expect(outcome.steps > 3)
        #expect(throws: JobError.self) { try self.run(map, units: outcome.units - 1) }
        #expect(try self.run(map, units: outcome.units) == outcome)
        #expect(throws: JobError.stepLimit(2)) {
            try StepJob.run(self.module, input: map.input, unitLimit: .max, stepLimit: 2)
        }
    }

    @Test func `malformed inputs are refused with a code`() throws {
        let good = RouteMap(["S..", "..G"]).input
        func code(_ change: (inout [UInt8]) -> Void) throws -> UInt32 {
            var input = good
            change(&input)
            do {
                _ = try StepJob.run(self.module, input: input, unitLimit: 10_000_000)
                return 0
            } catch JobError.refused(let code) {
                return code
            }
        }
        #expect(try code { _ in } == 0)
        #expect(try code { $0 = [] } == 1)
        #expect(try code { $0.removeLast() } == 1)
        #expect(try code { $0.append(0) } == 1)
        #expect(try code { $0[3] = 0x32 } == 2)
        #expect(try code { $0[4] = 0 } == 3)
        #expect(try code { $0[5] = 3 } == 3)
        #expect(try code { $0[8] = 3 } == 4)
        #expect(try code { $0[10] = 2 } == 4)
        #expect(try code { $0[12] = 3 } == 5)
        #expect(try code { $0[15] = 1 } == 5)
        #expect(try code { $0[17] = 4 } == 6)
        #expect(try code { $0[18] = 1 } == 7)
        for count in 0..<good.count { #expect(try code { $0 = Array($0.prefix(count)) } == 1) }
    }

    @Test func `input beyond the largest map is refused`() throws {
        let input = [UInt8](repeating: 0, count: 20 + 512 * 512 + 1)
        #expect(throws: JobError.self) { try StepJob.run(self.module, input: input, unitLimit: 10_000_000) }
    }

    @Test(arguments: 1...50)
    func `the route is as cheap as Dijkstra's`(seed: Int) throws {
        let map = RouteMap(seed: UInt64(seed))
        let expected = map.cheapest()
        do {
            let route = try #require(Route(try self.run(map).output), "seed \(seed)")
            #expect(route.cost == expected, "seed \(seed)")
            var total = 0
            for (from, to) in zip(route.cells, route.cells.dropFirst()) {
                total += try #require(map.cost(from: from, to: to), "seed \(seed): forbidden move")
            }
            #expect(total == route.cost, "seed \(seed)")
            #expect(try #require(route.cells.first) == map.start, "seed \(seed)")
            #expect(try #require(route.cells.last) == map.goal, "seed \(seed)")
        } catch JobError.failed(code: 2, _, _) {
            #expect(expected == nil, "seed \(seed)")
        }
    }

    @Test func `a module without the interface is refused`() throws {
        #expect(throws: JobError.wrongInterface("alloc")) {
            try StepJob.run(try Module(bytes(Sample.fib)), input: [], unitLimit: 1000)
        }
    }
}
