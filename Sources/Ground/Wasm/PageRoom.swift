internal import Glibc

/// Zeros straight from the kernel, which hands out a page when it is first touched: room that is never used
/// costs neither memory nor the time to clear it. Behind it lies a page that cannot be touched at all, so
/// that a wrong address stops the program instead of changing what lies there.
struct PageRoom: ~Copyable {
    /// A multiple of what any kernel of ours calls a page.
    private static let grain = 1 << 16

    let base: UnsafeMutableRawPointer
    private let count: Int

    /// Room for `count` bytes, with a closed page after them. All of it is the kernel's word from here on:
    /// a run that has begun is never refused a page.
    /// - Throws: ``HostOutOfMemory`` when the kernel refuses it.
    init(count: Int) throws(HostOutOfMemory) {
        let open = Self.rounded(count)
        self.count = open + Self.grain
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let base = mmap(nil, self.count, PROT_NONE, flags, -1, 0)
        guard let base, base != MAP_FAILED else { throw HostOutOfMemory(bytes: count) }
        guard open == 0 || mprotect(base, open, PROT_READ | PROT_WRITE) == 0 else {
            munmap(base, self.count)
            throw HostOutOfMemory(bytes: count)
        }
        self.base = base
    }

    deinit { munmap(self.base, self.count) }

    private static func rounded(_ count: Int) -> Int { (count + Self.grain - 1) / Self.grain * Self.grain }
}

/// The kernel has no memory for a run. It says nothing about the job: another machine, or this one later, may
/// run it.
struct HostOutOfMemory: Error {
    let bytes: Int

    /// Asks the kernel for so much and gives it back: whoever is about to use ordinary memory, which ends the
    /// process when there is none, learns it before.
    static func check(_ bytes: Int) throws(HostOutOfMemory) { _ = try PageRoom(count: bytes) }
}
