/// The linear memory. The pointer is valid for `count` bytes; whoever uses it directly checks addresses
/// first. Room for all that it may become is set aside at the start, so growing moves nothing.
final class LinearMemory {
    static let pageBytes = 1 << 16

    private let room: PageRoom
    /// Bytes that the module has now.
    private(set) var count: Int
    private let maximum: Int

    /// Without a type the memory is empty and stays so.
    init(_ type: MemoryType?) {
        self.count = (type?.initial ?? 0) * Self.pageBytes
        self.maximum = (type?.maximum ?? 0) * Self.pageBytes
        self.room = PageRoom(count: self.maximum)
        precondition(self.room.open(self.count), "no memory for \(self.count) bytes")
    }

    var base: UnsafeMutableRawPointer { self.room.base }
    var pages: UInt32 { UInt32(self.count / Self.pageBytes) }

    /// Adds pages of zeros.
    ///
    /// - Returns: the pages before, or 2^32 - 1 if the maximum does not allow it.
    func grow(by pages: UInt32) -> UInt32 {
        let before = self.pages
        let needed = self.count + Int(pages) * Self.pageBytes
        guard needed <= self.maximum else { return .max }
        // A refusal of this machine's would be another answer than that of other machines.
        precondition(self.room.open(needed), "no memory for \(needed) bytes")
        self.count = needed
        return before
    }

    /// Whether `count` bytes at `address` lie inside. Neither may be negative.
    func contains(_ address: Int, _ count: Int) -> Bool {
        address >= 0 && count >= 0 && count <= self.count && address <= self.count - count
    }

    func read(at address: Int, count: Int) -> [UInt8]? {
        guard self.contains(address, count) else { return nil }
        return Array(UnsafeRawBufferPointer(start: self.base + address, count: count))
    }

    // The following three rely on a caller that asked `contains` for each range.

    func write(_ bytes: ArraySlice<UInt8>, to target: Int) {
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                (self.base + target).copyMemory(from: start, byteCount: source.count)
            }
        }
    }

    func copy(to target: Int, from source: Int, count: Int) {
        (self.base + target).copyMemory(from: self.base + source, byteCount: count)
    }

    func fill(_ target: Int, with byte: UInt8, count: Int) {
        (self.base + target).initializeMemory(as: UInt8.self, repeating: byte, count: count)
    }
}
