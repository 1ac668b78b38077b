import Testing

@testable import Linux

/// Giving back what the start of a program needed.
@Suite struct CodePagesTests {
    @Test func `code and the constants before it are given back, nothing that was ever written`() {
        let lines: [(String, Range<UInt>?)] = [
            ("55d0-55f0 r-xp 00400000 fe:00 262 /usr/libexec/depai/depaid", 0x55d0..<0x55f0),
            ("7f00-7f10 r--p 00000000 fe:00 17    /usr/lib/libc.so.6", 0x7f00..<0x7f10),
            // What the loader wrote addresses into, before it took the right to write away.
            ("7f20-7f30 r--p 001d2000 fe:00 17    /usr/lib/libc.so.6", nil),
            ("7f30-7f40 rw-p 001d6000 fe:00 17    /usr/lib/libc.so.6", nil),
            ("7f40-7f50 rw-p 00000000 00:00 0 ", nil), ("7f50-7f60 r-xp 00000000 00:00 0  [vdso]", nil),
            ("7f60-7f70 r--p 00000000 00:00 0  [vvar]", nil), ("7f70-7f80 r--s 00000000 fe:00 9 /a", nil),
            ("7f90-7f80 r-xp 00000000 fe:00 9 /a", nil), ("x-y r-xp 0 0 0 /a", nil), ("", nil), ("r-xp", nil),
        ]
        for (line, range) in lines { #expect(CodePages.range(line) == range, "\(line)") }
    }

    @Test func `a program goes on without what it gave back`() {
        let before = (0..<100).map { "\($0)" }.joined()
        for _ in 0..<3 { CodePages.release() }
        #expect((0..<100).map { "\($0)" }.joined() == before)
    }
}
