internal import Encoding
internal import Sodium

/// An asset that an account issues. Whoever holds it has a trustline; contracts reach it at an address that
/// follows from code, issuer and network, so that a contract from a quote can be checked without asking
/// anybody.
public struct StellarAsset: Sendable, Hashable, CustomStringConvertible {
    /// Of every asset and of the network's own coin.
    public static let decimals: UInt8 = 7

    /// 1 to 12 letters and digits.
    public let code: String
    public let issuer: StellarAddress

    /// - Returns: Nil unless the code is 1 to 12 ASCII letters and digits and the issuer an account.
    public init?(code: String, issuer: StellarAddress) {
        let isCode = code.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: false
            }
        }
        guard (1...12).contains(code.utf8.count), isCode, issuer.kind == .account else { return nil }
        self.code = code
        self.issuer = issuer
    }

    init(known code: String, issuer: StaticString) {
        self.code = code
        self.issuer = StellarAddress(known: issuer)
    }

    /// The address of the asset's contract.
    /// Source: SHA-256 of `HashIDPreimage` with the kinds "contract id" (8) and "from asset" (1).
    public func contract(on network: StellarNetwork) -> StellarAddress {
        var preimage = XDRWriter()
        preimage.uint32(8)
        preimage.fixed(network.id)
        preimage.uint32(1)
        preimage.asset(self)
        guard let address = try? StellarAddress(contract: SHA256.digest(of: preimage.bytes)) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        return address
    }

    /// `USDC:G…`.
    public var description: String { "\(self.code):\(self.issuer)" }
}
