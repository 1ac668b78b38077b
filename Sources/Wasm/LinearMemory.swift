/// The linear memory. The pointer is valid for `count` bytes; whoever uses it directly checks addresses
/// first. It grows by doubling what is allocated, so that a module cannot make us copy it page by page.
final class LinearMemory {
    static let pageBytes = 1 << 16

    private(set) var base: UnsafeMutableRawPointer
    /// Bytes that the module has now.
    private(set) var count: Int
    private var capacity: Int
    private let maximum: Int

    /// Without a type the memory is empty and stays so.
    init(_ type: MemoryType?) {
        self.count = (type?.initial ?? 0) * Self.pageBytes
        self.maximum = (type?.maximum ?? 0) * Self.pageBytes
        self.capacity = self.count
        self.base = Self.allocate(self.count)
    }

    deinit { self.base.deallocate() }

    private static func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        let base = UnsafeMutableRawPointer.allocate(byteCount: max(count, 16), alignment: 16)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: max(count, 16))
        return base
    }

    var pages: UInt32 { UInt32(self.count / Self.pageBytes) }

    /// Adds pages of zeros.
    ///
    /// - Returns: the pages before, or 2^32 - 1 if the maximum does not allow it.
    func grow(by pages: UInt32) -> UInt32 {
        let before = self.pages
        let needed = self.count + Int(pages) * Self.pageBytes
        guard needed <= self.maximum else { return .max }
        if needed > self.capacity {
            let capacity = min(self.maximum, max(needed, 2 * self.capacity))
            let base = Self.allocate(capacity)
            base.copyMemory(from: self.base, byteCount: self.count)
            self.base.deallocate()
            self.base = base
            self.capacity = capacity
        }
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
