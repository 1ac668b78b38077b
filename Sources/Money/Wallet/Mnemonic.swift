public import Sodium
public import World

/// Why words are not a wallet.
public enum MnemonicError: Error, Equatable, CustomStringConvertible {
    /// BIP-39 has 12, 15, 18, 21 or 24 words.
    case wordCount(Int)
    /// The word at this place (from 1) is not on the English list.
    case unknownWord(Int)
    /// Every word exists, but together they are not a mnemonic: one is wrong or two are swapped.
    case checksum
    /// The passphrase is not UTF-8, or too long.
    case passphrase

    public var description: String {
        switch self {
        case .wordCount(let count): "\(count) words; a mnemonic has 12, 15, 18, 21 or 24"
        case .unknownWord(let place): "word \(place) is not on the English list of BIP-39"
        case .checksum: "the words do not fit together: one is wrong or two are swapped"
        case .passphrase: "the words' passphrase is not UTF-8, or longer than 1024 bytes"
        }
    }
}

/// A BIP-39 mnemonic in guarded memory: the words, one space between them.
public struct Mnemonic: ~Copyable {
    private let words: SecretBytes

    /// Makes a new one.
    /// - Parameter wordCount: 12 (128 bits) or 24 (256 bits), or one of the sizes between.
    public init(wordCount: Int = 12, entropy: some Entropy) throws {
        guard let bytes = Self.entropyBytes(wordCount) else { throw MnemonicError.wordCount(wordCount) }
        try self.init(entropy: try SecretBytes(count: bytes) { entropy.fill($0) })
    }

    /// The words for given entropy: 16 to 32 bytes in steps of four.
    public init(entropy: borrowing SecretBytes) throws {
        guard (16...32).contains(entropy.count), entropy.count % 4 == 0 else {
            throw MnemonicError.wordCount(entropy.count * 3 / 4)
        }
        let wordCount = entropy.count * 3 / 4
        let bits = try SecretBytes(count: entropy.count + 1)
        entropy.withBytes { entropy in
            var hash = SHA256()
            hash.update(entropy)
            let checksum = hash.digest()[0]
            bits.withMutableBytes { bits in
                bits.copyMemory(from: entropy)
                bits[entropy.count] = checksum
            }
        }
        // The longest word has eight letters.
        let room = try SecretBytes(count: wordCount * 9)
        let length = bits.withBytes { bits in
            room.withMutableBytes { room in
                var end = 0
                for word in 0..<wordCount {
                    if word > 0 {
                        room[end] = UInt8(ascii: " ")
                        end += 1
                    }
                    for position in EnglishWords.ranges[Self.elevenBits(of: bits, at: word * 11)] {
                        room[end] = EnglishWords.text[position]
                        end += 1
                    }
                }
                return end
            }
        }
        self.words = try room.duplicated(count: length)
    }

    /// Reads words from a file or a prompt: any white space between them, lower case.
    /// - Throws: `MnemonicError` naming the place of the fault, never the word.
    public init(reading text: borrowing SecretBytes) throws {
        // Two bytes a word, in guarded memory: the indexes are as secret as the words.
        let indexes = try SecretBytes(count: 2 * 25)
        let wordCount = try text.withBytes { text throws -> Int in
            try indexes.withMutableBytes { indexes throws -> Int in
                try Self.look(up: text, into: indexes)
            }
        }
        guard let entropyBytes = Self.entropyBytes(wordCount) else {
            throw MnemonicError.wordCount(wordCount)
        }
        let bits = try SecretBytes(count: entropyBytes + 1)
        indexes.withBytes { indexes in
            bits.withMutableBytes { bits in
                for bit in 0..<wordCount * 11 {
                    let word = bit / 11
                    let index = Int(indexes[2 * word]) << 8 | Int(indexes[2 * word + 1])
                    if index >> (10 - bit % 11) & 1 == 1 { bits[bit / 8] |= 0x80 >> UInt8(bit % 8) }
                }
            }
        }
        let entropy = try bits.duplicated(count: entropyBytes)
        let checksumBits = UInt8(entropyBytes / 4)
        let matches = entropy.withBytes { entropy in
            var hash = SHA256()
            hash.update(entropy)
            let expected = hash.digest()[0] >> (8 - checksumBits)
            return bits.withBytes { $0[entropyBytes] >> (8 - checksumBits) } == expected
        }
        guard matches else { throw MnemonicError.checksum }
        try self.init(entropy: entropy)
    }

    /// The 64-byte seed of BIP-39: PBKDF2-HMAC-SHA512, 2048 rounds, salt "mnemonic".
    public borrowing func seed() throws(SodiumError) -> SecretBytes {
        let salt = try SecretBytes(count: 8) { $0.copyBytes(from: "mnemonic".utf8) }
        return try PBKDF2.derive(password: self.words, salt: salt, rounds: 2_048)
    }

    /// The seed under a passphrase of BIP-39, the "25th word": every passphrase opens another wallet, a
    /// mistyped one included.
    /// - Parameter passphrase: UTF-8 in any normal form; it is brought to NFKD as BIP-39 asks.
    /// - Throws: `MnemonicError.passphrase` when it is no UTF-8.
    public borrowing func seed(passphrase: borrowing SecretBytes) throws -> SecretBytes {
        let normal = try SecretText.compatibilityDecomposed(passphrase)
        let salt = try SecretBytes(count: 8 + normal.count) { salt in
            salt.copyBytes(from: "mnemonic".utf8)
            normal.withBytes {
                UnsafeMutableRawBufferPointer(rebasing: salt[8...]).copyMemory(from: $0)
            }
        }
        return try PBKDF2.derive(password: self.words, salt: salt, rounds: 2_048)
    }

    /// Lends the words, for showing them once to the owner.
    public borrowing func withWords<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
        -> Result
    {
        try self.words.withBytes { try body($0) }
    }

    private static func entropyBytes(_ wordCount: Int) -> Int? {
        [12, 15, 18, 21, 24].contains(wordCount) ? wordCount / 3 * 4 : nil
    }

    private static func elevenBits(of bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        (offset..<offset + 11).reduce(0) { $0 << 1 | Int(bytes[$1 / 8] >> UInt8(7 - $1 % 8) & 1) }
    }

    /// Writes the index of each word, high byte first, and returns how many there are (at most 25).
    private static func look(
        up text: UnsafeRawBufferPointer, into indexes: UnsafeMutableRawBufferPointer
    ) throws(MnemonicError) -> Int {
        var count = 0
        var start = 0
        while start < text.count {
            guard !self.isSpace(text[start]) else {
                start += 1
                continue
            }
            let end = text[start...].firstIndex(where: self.isSpace) ?? text.count
            guard count < 24 else { throw .wordCount(25) }
            guard let index = self.index(of: text[start..<end]) else { throw .unknownWord(count + 1) }
            indexes[2 * count] = UInt8(index >> 8)
            indexes[2 * count + 1] = UInt8(index & 255)
            count += 1
            start = end
        }
        return count
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

    private static func index(of word: Slice<UnsafeRawBufferPointer>) -> Int? {
        EnglishWords.ranges.firstIndex { EnglishWords.text[$0].elementsEqual(word) }
    }
}
