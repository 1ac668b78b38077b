import Encoding
public import Sodium

/// A message with the signatures that it has so far.
///
/// The message bytes are kept as they came, because they are what was signed.
public struct Transaction: Sendable, Hashable {
    /// The largest transaction that the network carries, in bytes.
    public static let byteLimit = 1_232

    /// What is signed.
    public let message: TransactionMessage
    /// The signed bytes, exactly as they came or were built.
    public let messageBytes: [UInt8]
    /// One place for each required signer, in the order of the keys; nil where the wire has 64 zeros.
    public private(set) var signatures: [Signature?]

    /// A transaction that nobody has signed yet.
    /// - Throws: `WireError.tooLarge` when it will not fit a packet.
    public init(_ message: TransactionMessage) throws(WireError) {
        self.message = message
        self.messageBytes = message.bytes
        self.signatures = Array(repeating: nil, count: message.requiredSignatures)
        let size = self.bytes.count
        guard size <= Self.byteLimit else { throw .tooLarge(bytes: size, limit: Self.byteLimit) }
    }

    /// Reads the wire form. Signatures are not verified here, see ``verifySignatures()``.
    /// - Throws: `WireError` for anything but the one encoding of a well-formed transaction.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.byteLimit else {
            throw .tooLarge(bytes: bytes.count, limit: Self.byteLimit)
        }
        // Version 1 (SIMD-0385) puts its marker where older versions count signatures.
        if bytes.first == 0x81 { throw .unsupportedVersion(1) }
        var reader = ByteReader(bytes)
        var signatures: [Signature?] = []
        do throws(DecodingError) {
            for _ in 0..<(try ShortVector.decode(from: &reader)) {
                let taken = try reader.take(Signature.byteCount)
                signatures.append(taken.allSatisfy { $0 == 0 } ? nil : try? Signature(taken))
            }
        } catch {
            throw .bytes(error)
        }
        let messageBytes = Array(bytes[reader.offset...])
        let message = try TransactionMessage(decoding: messageBytes)
        guard signatures.count == message.requiredSignatures else {
            throw .signatureCount(found: signatures.count, required: message.requiredSignatures)
        }
        self.message = message
        self.messageBytes = messageBytes
        self.signatures = signatures
    }

    /// The wire form; missing signatures are 64 zeros.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(shortLength: self.signatures.count)
        for signature in self.signatures {
            bytes += signature?.bytes ?? [UInt8](repeating: 0, count: Signature.byteCount)
        }
        return bytes + self.messageBytes
    }

    /// The name of the transaction on the chain: the fee payer's signature in Base58. Nil until the fee payer
    /// signed.
    public var id: String? { self.signatures[0].map { Base58.encode($0.bytes) } }

    /// The addresses that must sign, in the order of ``signatures``.
    public var requiredSigners: [Address] { self.message.requiredSigners }

    /// The required signers that have not signed.
    public var missingSigners: [Address] {
        zip(self.requiredSigners, self.signatures).filter { $0.1 == nil }.map(\.0)
    }

    /// The signature in the place of `signer`.
    public func signature(of signer: Address) -> Signature? {
        self.requiredSigners.firstIndex(of: signer).flatMap { self.signatures[$0] }
    }

    /// Puts the signature of `signer` into its place.
    /// - Throws: `WireError.notASigner`, or `forged` when it was not made over ``messageBytes`` with that
    /// key.
    public mutating func place(_ signature: Signature, of signer: Address) throws(WireError) {
        guard let index = self.requiredSigners.firstIndex(of: signer) else { throw .notASigner(signer) }
        guard Self.verifies(signature, of: signer, over: self.messageBytes) else { throw .forged(signer) }
        self.signatures[index] = signature
    }

    /// Signs with `key` and puts the signature into its place. For tests and sponsors; a robot's own key
    /// signs in its wallet.
    public mutating func sign(with key: borrowing SigningKey) throws {
        try self.place(key.signature(over: self.messageBytes), of: Address(key.publicKey))
    }

    /// Verifies every signature that is present. Missing ones are no error: see ``missingSigners``.
    /// - Throws: `WireError.forged` with the first signer whose signature does not verify.
    public func verifySignatures() throws(WireError) {
        for (signer, signature) in zip(self.requiredSigners, self.signatures) {
            guard let signature else { continue }
            guard Self.verifies(signature, of: signer, over: self.messageBytes) else { throw .forged(signer) }
        }
    }

    private static func verifies(_ signature: Signature, of signer: Address, over message: [UInt8]) -> Bool {
        guard let key = try? PublicKey(signer.bytes) else { return false }
        return key.verifies(signature, over: message)
    }
}
