/// The linear memory. The pointer is valid for `count` bytes; whoever uses it directly checks addresses
/// first. Room for all that it may become is set aside at the start, so growing moves nothing, asks nobody,
/// and is refused by the module's own maximum only, on every machine alike.
final class LinearMemory {
    static let pageBytes = 1 << 16

    private let room: PageRoom
    /// Bytes that the module has now.
    private(set) var count: Int
    private let maximum: Int

    /// Without a type the memory is empty and stays so.
    init(_ type: MemoryType?) throws(HostOutOfMemory) {
        self.count = (type?.initial ?? 0) * Self.pageBytes
        self.maximum = (type?.maximum ?? 0) * Self.pageBytes
        self.room = try PageRoom(count: self.maximum)
    }

    var base: UnsafeMutableRawPointer { self.room.base }
    var pages: UInt32 { UInt32(self.count / Self.pageBytes) }

    /// Whether the maximum allows so many more pages.
    func canGrow(by pages: UInt32) -> Bool { self.count + Int(pages) * Self.pageBytes <= self.maximum }

    /// Adds pages of zeros; the caller asked ``canGrow(by:)``.
    ///
    /// - Returns: the pages before.
    func grow(by pages: UInt32) -> UInt32 {
        let before = self.pages
        self.count += Int(pages) * Self.pageBytes
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
