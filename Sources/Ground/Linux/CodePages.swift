internal import Glibc

/// Code and constants of this program and of its libraries, as far as they are mapped.
public enum CodePages {
    /// Gives them back: most were needed by the start alone. The kernel maps again what is needed again, out
    /// of its cache of the files. Nothing else of the process is touched, and where it does not work nothing
    /// is lost.
    public static func release() {
        for line in Self.maps().split(separator: UInt8(ascii: "\n")) {
            guard let range = Self.range(String(decoding: line, as: UTF8.self)) else { continue }
            // Nobody ever wrote there, so each page is the file's.
            _ = madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
        }
    }

    /// The addresses of a line of `maps`, `START-END RIGHTS OFFSET DEVICE INODE /PATH`, that is code of a
    /// file or the constants at its beginning. Constants elsewhere may be addresses that the loader put in
    /// before it took the right to write away: they are no file's.
    static func range(_ line: String) -> Range<UInt>? {
        let words = line.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count >= 6, words[5].hasPrefix("/"),
            words[1] == "r-xp" || words[1] == "r--p" && words[2] == "00000000"
        else { return nil }
        let ends = words[0].split(separator: "-").map { UInt($0, radix: 16) }  // bounded: or nil
        guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else { return nil }
        return start..<end
    }

    /// The longest list that is read, in bytes.
    private static let limit = 256 << 10

    private static func maps() -> [UInt8] {
        let file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 8 << 10)
        while bytes.count < Self.limit {
            let count = read(file, &part, part.count)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        return bytes
    }
}
