public import Encoding
internal import Sodium
public import Statements

/// An answer as it goes over a broker, the body of a ``Signed`` by the wallet's identity:
///
///     {"wallet": "<base58>", "request": "<hex>", "answer": {…}}
public struct Answer: Sendable, Equatable {
    /// Base58 address of the wallet that answers.
    public let wallet: String
    /// What names the request: BLAKE2b-128 of its bytes.
    public let request: [UInt8]
    /// A ``WalletAnswer``, or what was said of a device.
    public let answer: JSON

    /// - Parameter answer: what devices say in it is passed on under the wallet's name, so a number that has
    ///   no canonical text becomes one.
    public init(_ answer: JSON, to request: [UInt8], of wallet: String) {
        self.wallet = wallet
        self.request = Self.name(of: request)
        self.answer = answer.signable
    }

    /// What names a request in its answer.
    public static func name(of request: [UInt8]) -> [UInt8] { BLAKE2b.digest(of: request, length: 16) }
}

extension Answer: Signable {
    public static let kind = Statement.Kind.acknowledgement
    public static let limits = JSON.Limits(bytes: 1 << 20, depth: 48)

    public var json: JSON {
        [
            "wallet": .string(self.wallet), "request": .string(Hex.encode(self.request)),
            "answer": self.answer,
        ]
    }

    public init(_ field: JSONField) throws {
        self.wallet = try field["wallet"].string()
        self.request = try Hex.decode(try field["request"].string())
        guard let answer = field["answer"].value else { throw field["answer"].fault("missing") }
        self.answer = answer
    }
}
