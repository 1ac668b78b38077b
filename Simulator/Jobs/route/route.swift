// The compute job "route": A* on a grid, in steps of at most 256 expanded cells. Embedded Swift, integers
// only, so every engine gives the same bytes.
//
// Input, little endian: "RTE1", then as u16: width, height, start x, start y, goal x, goal y, battery in
// thousandths, 0; then width * height bytes, 0 for a free cell. A move costs 10, a diagonal one 14 and only
// between two free orthogonal neighbours. Output: "RTO1", u32 cost, u16 count, u16 0, then the cells of the
// route from start to goal, each u16 x, u16 y.

/// Answers of `start`; 0 is "ok".
private enum Refusal {
    static let length: Int32 = 1
    static let magic: Int32 = 2
    static let size: Int32 = 3
    static let startOutside: Int32 = 4
    static let goalOutside: Int32 = 5
    static let battery: Int32 = 6
    static let reserved: Int32 = 7
    static let alreadyStarted: Int32 = 8
}

/// Answers of `step`.
private enum Progress {
    static let more: Int32 = 0
    static let done: Int32 = 1
    static let noRoute: Int32 = 2
}

private let headerBytes = 20
private let largestSide = 512
private let largestInput = headerBytes + largestSide * largestSide
private let cellsPerStep = 256
private let unknown = UInt32.max

/// The search. Cells are numbered row by row. The open cells form a binary heap of keys; `position` finds a
/// cell's key in it, so that no cell is ever in the heap twice and the memory is bounded by the map.
private struct Search {
    let width: Int
    let height: Int
    let start: Int
    let goal: Int
    let blocked: UnsafePointer<UInt8>
    /// Cost from the start, `unknown` if the cell was not reached.
    let cost: UnsafeMutablePointer<UInt32>
    /// Direction of the last move on the way to the cell, 0 to 7.
    let arrival: UnsafeMutablePointer<UInt8>
    let heap: UnsafeMutablePointer<UInt64>
    let position: UnsafeMutablePointer<UInt32>
    var open = 0

    init(width: Int, height: Int, start: Int, goal: Int, blocked: UnsafePointer<UInt8>) {
        let cells = width * height
        self.width = width
        self.height = height
        self.start = start
        self.goal = goal
        self.blocked = blocked
        self.cost = .allocate(capacity: cells)
        self.arrival = .allocate(capacity: cells)
        self.heap = .allocate(capacity: cells)
        self.position = .allocate(capacity: cells)
        for cell in 0..<cells {
            self.cost[cell] = unknown
            self.position[cell] = unknown
        }
        if blocked[start] == 0, blocked[goal] == 0 {
            self.cost[start] = 0
            self.place(self.key(of: start), at: 0)
            self.open = 1
        }
    }

    /// The cost to the goal on an empty map: never too much, and consistent, so a closed cell stays closed.
    func estimate(_ cell: Int) -> UInt32 {
        let dx = abs(cell % self.width - self.goal % self.width)
        let dy = abs(cell / self.width - self.goal / self.width)
        return UInt32(truncatingIfNeeded: 10 * max(dx, dy) + 4 * min(dx, dy))
    }

    /// Cheapest first; of equals the nearer to the goal, then the lower number. No two keys are equal.
    func key(of cell: Int) -> UInt64 {
        let estimate = UInt64(self.estimate(cell))
        let total = UInt64(self.cost[cell]) &+ estimate
        return total << 40 | estimate << 20 | UInt64(truncatingIfNeeded: cell)
    }

    func cell(of key: UInt64) -> Int { Int(truncatingIfNeeded: key & 0xf_ffff) }

    func place(_ key: UInt64, at index: Int) {
        self.heap[index] = key
        self.position[self.cell(of: key)] = UInt32(truncatingIfNeeded: index)
    }

    func moveUp(_ key: UInt64, from index: Int) {
        var index = index
        while index > 0 {
            let parent = (index - 1) / 2
            if self.heap[parent] < key { break }
            self.place(self.heap[parent], at: index)
            index = parent
        }
        self.place(key, at: index)
    }

    mutating func takeFirst() -> Int {
        let first = self.cell(of: self.heap[0])
        self.open -= 1
        let key = self.heap[self.open]
        var index = 0
        while true {
            var child = 2 * index + 1
            if child >= self.open { break }
            if child + 1 < self.open, self.heap[child + 1] < self.heap[child] { child += 1 }
            if key < self.heap[child] { break }
            self.place(self.heap[child], at: index)
            index = child
        }
        if self.open > 0 { self.place(key, at: index) }
        self.position[first] = unknown
        return first
    }

    mutating func step() -> Int32 {
        for _ in 0..<cellsPerStep {
            if self.open == 0 { return Progress.noRoute }
            let cell = self.takeFirst()
            if cell == self.goal { return Progress.done }
            self.expand(cell)
        }
        return Progress.more
    }

    private mutating func expand(_ cell: Int) {
        let x = cell % self.width
        let y = cell / self.width
        for direction in 0..<8 {
            let (dx, dy) = move(direction)
            if !self.isFree(x + dx, y + dy) { continue }
            let isDiagonal = dx != 0 && dy != 0
            if isDiagonal, !self.isFree(x + dx, y) || !self.isFree(x, y + dy) { continue }
            let next = cell + dy * self.width + dx
            let cost = self.cost[cell] &+ (isDiagonal ? 14 : 10)
            if cost >= self.cost[next] { continue }
            self.cost[next] = cost
            self.arrival[next] = UInt8(truncatingIfNeeded: direction)
            // `Int` has 32 bits here: `unknown` would not fit.
            var index = Int(truncatingIfNeeded: self.position[next])
            if self.position[next] == unknown {
                index = self.open
                self.open += 1
            }
            self.moveUp(self.key(of: next), from: index)
        }
    }

    private func isFree(_ x: Int, _ y: Int) -> Bool {
        x >= 0 && y >= 0 && x < self.width && y < self.height && self.blocked[y * self.width + x] == 0
    }

    /// Cells of the route, start and goal included.
    func countRoute() -> Int {
        var count = 1
        var cell = self.goal
        while cell != self.start {
            cell = self.previous(cell)
            count += 1
        }
        return count
    }

    func previous(_ cell: Int) -> Int {
        let (dx, dy) = move(Int(self.arrival[cell]))
        return cell - dy * self.width - dx
    }
}

/// The eight moves in a fixed order: east, south, west, north, then the diagonals.
private func move(_ direction: Int) -> (dx: Int, dy: Int) {
    switch direction {
    case 0: (1, 0)
    case 1: (0, 1)
    case 2: (-1, 0)
    case 3: (0, -1)
    case 4: (1, 1)
    case 5: (-1, 1)
    case 6: (-1, -1)
    default: (1, -1)
    }
}

// A module instance has one thread and no other: nothing can race for these two.
nonisolated(unsafe) private var search: Search?
nonisolated(unsafe) private var result: (start: UInt32, count: UInt32) = (0, 0)

private func u16(_ bytes: UnsafePointer<UInt8>, _ offset: Int) -> Int {
    Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
}

/// Room for the input. 0 if it is more than any input needs.
@_expose(wasm, "alloc") @_cdecl("alloc")
public func alloc(_ count: Int32) -> UInt32 {
    guard count >= 0, count <= Int32(largestInput) else { return 0 }
    let room = UnsafeMutableRawPointer.allocate(byteCount: Int(count) + 1, alignment: 16)
    return UInt32(UInt(bitPattern: room))
}

/// Takes the input and prepares the search. 0, or one of the codes of `Refusal`.
@_expose(wasm, "start") @_cdecl("start")
public func start(_ pointer: UInt32, _ count: Int32) -> Int32 {
    guard search == nil else { return Refusal.alreadyStarted }
    guard count >= Int32(headerBytes), count <= Int32(largestInput),
        let bytes = UnsafePointer<UInt8>(bitPattern: UInt(pointer))
    else { return Refusal.length }
    guard bytes[0] == 0x52, bytes[1] == 0x54, bytes[2] == 0x45, bytes[3] == 0x31 else { return Refusal.magic }
    let width = u16(bytes, 4)
    let height = u16(bytes, 6)
    guard width > 0, height > 0, width <= largestSide, height <= largestSide else { return Refusal.size }
    guard Int(count) == headerBytes + width * height else { return Refusal.length }
    guard u16(bytes, 8) < width, u16(bytes, 10) < height else { return Refusal.startOutside }
    guard u16(bytes, 12) < width, u16(bytes, 14) < height else { return Refusal.goalOutside }
    guard u16(bytes, 16) <= 1000 else { return Refusal.battery }
    guard u16(bytes, 18) == 0 else { return Refusal.reserved }
    search = Search(
        width: width, height: height, start: u16(bytes, 10) * width + u16(bytes, 8),
        goal: u16(bytes, 14) * width + u16(bytes, 12), blocked: bytes + headerBytes)
    return 0
}

/// Continues the search. A route of more than 65,535 cells does not fit the output and counts as none.
@_expose(wasm, "step") @_cdecl("step")
public func step(_ index: Int32) -> Int32 {
    guard search != nil, result.count == 0 else { return Progress.noRoute }
    let progress = search?.step() ?? Progress.noRoute
    if progress == Progress.done, let search, !writeRoute(of: search) { return Progress.noRoute }
    return progress
}

private func writeRoute(of search: Search) -> Bool {
    let count = search.countRoute()
    guard count <= 0xffff else { return false }
    let bytes = 12 + 4 * count
    let output = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes)
    func write(_ value: UInt32, _ width: Int, at offset: Int) {
        for byte in 0..<width { output[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) }
    }
    write(0x314f_5452, 4, at: 0)
    write(search.cost[search.goal], 4, at: 4)
    write(UInt32(truncatingIfNeeded: count), 4, at: 8)
    var cell = search.goal
    for place in 0..<count {
        let offset = 12 + 4 * (count - 1 - place)
        write(UInt32(truncatingIfNeeded: cell % search.width), 2, at: offset)
        write(UInt32(truncatingIfNeeded: cell / search.width), 2, at: offset + 2)
        if cell != search.start { cell = search.previous(cell) }
    }
    result = (UInt32(UInt(bitPattern: output)), UInt32(truncatingIfNeeded: bytes))
    return true
}

/// Where the output is: address in the upper, length in the lower 32 bits; 0 while there is none.
@_expose(wasm, "output") @_cdecl("output")
public func output() -> UInt64 { UInt64(result.start) << 32 | UInt64(result.count) }
