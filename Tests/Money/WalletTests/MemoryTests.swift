import Encoding
import Glibc
import Sodium
import TestSupport
import Testing
import Wallet

/// Looks for a secret in all memory of this process.
@Suite(.serialized) struct MemoryTests {
    /// A mapping of this process that holds the secret.
    private struct Hit: CustomStringConvertible {
        let name: String
        /// `lo`: locked in memory; `dd`: kept out of core dumps (proc(5), VmFlags).
        let flags: Set<Substring>
        var isGuarded: Bool { self.flags.isSuperset(of: ["lo", "dd"]) }
        var description: String { "\(self.name) \(self.flags.sorted().joined(separator: " "))" }
    }

    /// The needle stays in guarded memory, and so does every piece of memory that is looked at: otherwise the
    /// search would find itself.
    private func search(_ needle: borrowing SecretBytes) throws -> [Hit] {
        let overlap = needle.count - 1
        let room = try SecretBytes(count: 1 << 20)
        let memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
        defer { close(memory) }
        try #require(memory >= 0)
        var hits: [Hit] = []
        for mapping in try self.mappings() {
            var start = mapping.range.lowerBound
            var isFound = false
            while start < mapping.range.upperBound, !isFound {
                let wanted = min(UInt(room.count), mapping.range.upperBound - start)
                isFound = room.withMutableBytes { room in
                    let count = pread(memory, room.baseAddress, Int(wanted), off_t(start))
                    return needle.withBytes { Self.find($0, in: UnsafeRawBufferPointer(room), count) }
                }
                start += wanted
                if start < mapping.range.upperBound { start -= UInt(overlap) }
            }
            if isFound { hits.append(Hit(name: mapping.name, flags: mapping.flags)) }
        }
        return hits
    }

    private static func find(
        _ needle: UnsafeRawBufferPointer, in room: UnsafeRawBufferPointer, _ count: Int
    ) -> Bool {
        guard let start = room.baseAddress, let wanted = needle.baseAddress, count >= needle.count else {
            return false
        }
        var place = start
        let end = start + (count - needle.count + 1)
        while place < end, let next = memchr(place, Int32(needle[0]), end - place) {
            if memcmp(next, wanted, needle.count) == 0 { return true }
            place = UnsafeRawPointer(next) + 1
        }
        return false
    }

    private func mappings() throws -> [(range: Range<UInt>, name: String, flags: Set<Substring>)] {
        let file = try #require(fopen("/proc/self/smaps", "r"))
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var size = 0
        defer { free(line) }
        var mappings: [(range: Range<UInt>, name: String, flags: Set<Substring>)] = []
        var current: (range: Range<UInt>, name: String)?
        while getline(&line, &size, file) > 0, let text = line.map({ String(cString: $0) }) {
            if text.hasPrefix("VmFlags:"), let found = current {
                mappings.append((found.range, found.name, Set(text.split { $0.isWhitespace }.dropFirst())))
            }
            let parts = text.split { $0.isWhitespace }
            guard let first = parts.first, first.contains("-"), !first.hasSuffix(":"), parts.count >= 5 else {
                continue
            }
            let ends = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, parts[1].hasPrefix("r") else {
                current = nil
                continue
            }
            current = (ends[0]..<ends[1], parts.count > 5 ? String(parts[5]) : "anonymous")
        }
        return mappings
    }

    @Test func `after unlocking and signing the seed is in guarded memory only`() async throws {
        try await withFolder { folder in
            var random = SystemRandomNumberGenerator()
            let entropy = try SecretBytes(count: 16) { for index in $0.indices { $0[index] = random.next() } }
            let mnemonic = try Mnemonic(entropy: entropy)
            let made = try Keystore.create(
                at: folder.appending("keystore.json"), seed: WalletSeed(words: mnemonic),
                passphrase: secret("only for this test"), cost: .least, entropy: CountingEntropy(first: 3))
            let seed = try Chain.solana.path().key(below: mnemonic.seed())
            let wallet = try made.unlock(passphrase: secret("only for this test"))
            for _ in 0..<10 {
                _ = try await wallet.sign(Words(json: [1, 2, 3]))
                _ = try await wallet.seal([1, 2, 3], context: "test")
            }
            let root = try mnemonic.seed()
            for hits in [try self.search(seed), try self.search(entropy), try self.search(root)] {
                #expect(!hits.isEmpty && hits.allSatisfy(\.isGuarded), "\(hits)")
            }
            // The search can find: the same bytes in a plain array.
            let careless = revealed(seed)
            #expect(try self.search(seed).contains { !$0.isGuarded })
            withExtendedLifetime(careless) {}
        }
    }
}
