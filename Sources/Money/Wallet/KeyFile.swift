internal import Database
public import Sodium
public import SystemPackage

/// An Ed25519 seed in a file as other tools read it: in clear, which is why depai keeps none.
public enum KeyFile: String, Sendable, CaseIterable {
    /// `id.json` of Solana's tools: an array of 64 numbers, the seed and then the public key.
    case solana
    /// 64 hex digits.
    case seed

    /// Reads a seed into guarded memory.
    /// - Throws: `FileError.openToOthers` when group or others may read the file; `KeystoreError.malformed`
    ///   when it is not of this kind, or its two halves do not belong together.
    public func read(_ path: FilePath) throws -> SecretBytes {
        let text = try SecretFile.read(path)
        let bytes = try SecretBytes(count: self == .solana ? 64 : 32)
        let isComplete = text.withBytes { text in
            bytes.withMutableBytes {
                self == .solana ? Self.readNumbers(text, into: $0) : Self.readDigits(text, into: $0)
            }
        }
        guard isComplete else {
            let wanted = self == .solana ? "an array of 64 numbers below 256" : "64 hex digits"
            throw KeystoreError.malformed("\(path) is not \(wanted)")
        }
        let seed = try bytes.duplicated(count: 32)
        guard self == .solana else { return seed }
        let key = try SigningKey(seed: seed).publicKey
        guard bytes.withBytes({ $0[32...].elementsEqual(key.bytes) }) else {
            throw KeystoreError.malformed("the public half in \(path) does not belong to the secret one")
        }
        return seed
    }

    /// Writes a seed to a new file that only its owner may read.
    /// - Throws: `KeystoreError.exists`; nothing is overwritten.
    public func write(_ seed: borrowing SecretBytes, to path: FilePath) throws {
        guard !DurableFile.exists(path) else { throw KeystoreError.exists(path.string) }
        let key = try SigningKey(seed: seed).publicKey
        // Four characters a number, two brackets, a line feed.
        let room = try SecretBytes(count: 64 * 4 + 3)
        let length = room.withMutableBytes { room in
            var text = SecretWriter(room: room)
            seed.withBytes { seed in
                switch self {
                case .solana:
                    for index in 0..<64 {
                        text.put(index == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
                        text.put(decimal: index < 32 ? seed[index] : key.bytes[index - 32])
                    }
                    text.put(UInt8(ascii: "]"))
                case .seed: for byte in seed { text.put(hex: byte) }
                }
            }
            text.put(UInt8(ascii: "\n"))
            return text.count
        }
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
            permissions: [.ownerReadWrite])
        try file.closeAfter { _ = try room.withBytes { try file.writeAll($0.prefix(length)) } }
        try DurableFile.synchronize(path)
    }

    /// Whether `text` is exactly as many numbers as there is room for.
    private static func readNumbers(
        _ text: UnsafeRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer
    ) -> Bool {
        var place = 0
        func skipSpace() {
            while place < text.count, [0x20, 0x09, 0x0a, 0x0d].contains(text[place]) { place += 1 }
        }
        func take(_ character: Unicode.Scalar) -> Bool {
            skipSpace()
            guard place < text.count, text[place] == UInt8(ascii: character) else { return false }
            place += 1
            return true
        }
        guard take("[") else { return false }
        for index in bytes.indices {
            guard index == 0 || take(",") else { return false }
            skipSpace()
            let start = place
            var value = 0
            while place < text.count, place - start < 4, (0x30...0x39).contains(text[place]) {
                value = value * 10 + Int(text[place] - 0x30)
                place += 1
            }
            guard (1...3).contains(place - start), value < 256 else { return false }
            bytes[index] = UInt8(value)
        }
        guard take("]") else { return false }
        skipSpace()
        return place == text.count
    }

    private static func readDigits(
        _ text: UnsafeRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard text.count == 2 * bytes.count else { return false }
        for index in bytes.indices {
            guard let high = self.digit(text[2 * index]), let low = self.digit(text[2 * index + 1]) else {
                return false
            }
            bytes[index] = high << 4 | low
        }
        return true
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x61...0x66: character - 0x57
        case 0x41...0x46: character - 0x37
        default: nil
        }
    }
}

/// Puts text together in guarded memory.
private struct SecretWriter {
    let room: UnsafeMutableRawBufferPointer
    var count = 0

    mutating func put(_ character: UInt8) {
        self.room[self.count] = character
        self.count += 1
    }

    mutating func put(decimal byte: UInt8) {
        if byte >= 100 { self.put(0x30 + byte / 100) }
        if byte >= 10 { self.put(0x30 + byte / 10 % 10) }
        self.put(0x30 + byte % 10)
    }

    mutating func put(hex byte: UInt8) {
        for digit in [byte >> 4, byte & 15] { self.put(digit + (digit < 10 ? 0x30 : 0x57)) }
    }
}
