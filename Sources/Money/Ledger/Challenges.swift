internal import Sodium
internal import World

/// What a wallet gives out so that a command that permits something is fresh: good for ten minutes awake and
/// one use, and not beyond the process. There is no list of what was given out, so nobody who asks for many
/// takes another one's away: a challenge proves itself by a code over its time.
struct Challenges {
    /// How long an answer is accepted.
    static let life = Duration.seconds(600)
    /// Commands that were carried out in that time; nobody gives so many.
    private static let limit = 1_024
    private static let codeBytes = 16

    /// Known to nobody else; made when the first challenge is asked for.
    private var key: [UInt8] = []
    /// What was answered already, and until when that has to be known.
    private var used: [[UInt8]: Duration] = [:]

    /// How many were made: no two are the same.
    private var count: UInt64 = 0

    /// Time since boot in milliseconds, the number, the code.
    mutating func make(entropy: some Entropy, at uptime: Duration) -> [UInt8] {
        if self.key.isEmpty { self.key = entropy.bytes(32) }
        let time = UInt64(clamping: uptime.milliseconds)
        self.count &+= 1
        let head = [time, self.count].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
        return head + self.code(head)
    }

    /// Whether it was given out here, not too long ago, and not used.
    func isFresh(_ challenge: [UInt8], at uptime: Duration) -> Bool {
        guard !self.key.isEmpty, challenge.count == 16 + Self.codeBytes, self.used[challenge] == nil else {
            return false
        }
        // Compared without telling by its time how many bytes were right.
        let code = self.code(Array(challenge.prefix(16)))
        guard zip(code, challenge.dropFirst(16)).reduce(UInt8(0), { $0 | ($1.0 ^ $1.1) }) == 0 else {
            return false
        }
        return uptime < Self.end(of: challenge)
            && self.used.values.count(where: { uptime < $0 }) < Self.limit
    }

    /// Takes it out of use.
    mutating func use(_ challenge: [UInt8], at uptime: Duration) {
        self.used = self.used.filter { uptime < $0.value }
        self.used[challenge] = Self.end(of: challenge)
    }

    private static func end(of challenge: [UInt8]) -> Duration {
        let time = challenge.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return .milliseconds(Int64(clamping: time)) + self.life
    }

    private func code(_ head: [UInt8]) -> [UInt8] {
        BLAKE2b.digest(of: self.key + Array("depai/challenge/v1\n".utf8) + head, length: Self.codeBytes)
    }
}
