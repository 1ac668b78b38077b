internal import Glibc

/// Zeros straight from the kernel, which hands out a page when it is first touched: room that is never used
/// costs neither memory nor the time to clear it. What is not open cannot be touched at all, so a wrong
/// address stops the program instead of changing what lies there.
struct PageRoom: ~Copyable {
    /// A multiple of what any kernel of ours calls a page.
    private static let grain = 1 << 16

    let base: UnsafeMutableRawPointer
    private let count: Int

    /// Address space for `count` bytes, all closed, with a closed page after them.
    init(count: Int) {
        self.count = Self.rounded(count) + Self.grain
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let base = mmap(nil, self.count, PROT_NONE, flags, -1, 0)
        guard let base, base != MAP_FAILED else {
            preconditionFailure("the kernel has no addresses for \(count) bytes")
        }
        self.base = base
    }

    deinit { munmap(self.base, self.count) }

    /// Opens the first `count` bytes, which are zeros unless they were open before.
    ///
    /// - Returns: whether the kernel had the memory.
    func open(_ count: Int) -> Bool {
        precondition(count <= self.count - Self.grain, "within the room")
        return mprotect(self.base, Self.rounded(count), PROT_READ | PROT_WRITE) == 0
    }

    private static func rounded(_ count: Int) -> Int { (count + Self.grain - 1) / Self.grain * Self.grain }
}
