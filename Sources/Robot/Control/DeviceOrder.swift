public import Encoding
public import Sodium
public import Statements
public import World

/// A command to a device that came from outside, `depai-device/1`: signed, for one wallet's robot, good for
/// a while. The way it came by carries no authority. The body of a ``Signed``:
///
///     {"schema": "depai-device/1", "wallet": …, "issuer": …, "issued_at_ms": …, "expires_at_ms": …,
///      "request": {"ask": "write", …, "id": …}}
public struct DeviceOrder: Sendable, Equatable {
    public static let schema = "depai-device/1"
    /// A longer one is not read.
    public static let byteLimit = 128 << 10
    /// The longest life. The journal remembers commands for far longer, so no copy acts again.
    public static let lifeLimit = Duration.seconds(86_400)
    /// How far an issuer's clock may be ahead.
    package static let clockDifference = Duration.seconds(300)

    /// Base58 address of the wallet whose robot is meant.
    public let wallet: String
    public let issuer: PublicKey
    /// Milliseconds since 1970, by the issuer's clock.
    public let issuedAt: Int64
    public let expiresAt: Int64
    /// A write or an invocation.
    public let request: DeviceRequest

    /// - Parameter life: until when nobody wants it any more, from `now`.
    public init(
        _ request: DeviceRequest, wallet: String, issuer: PublicKey, at now: Timestamp, life: Duration
    ) {
        self.wallet = wallet
        self.issuer = issuer
        self.issuedAt = now.milliseconds
        self.expiresAt = now.adding(seconds: life.components.seconds).milliseconds
        self.request = request
    }

    /// Signs the command and returns the envelope's bytes.
    public func signed(with key: borrowing SigningKey) throws -> [UInt8] {
        let signature = try key.signature(over: try self.statement.bytes)
        return try Signed(self, by: key.publicKey, signature).bytes
    }

    /// Reads an envelope and verifies that its issuer signed it. What the issuer may do is not looked at.
    public init(signed bytes: [UInt8]) throws(DeviceOrderError) {
        do throws(StatementError) {
            self = try Signed<DeviceOrder>(bytes, from: nil).body
        } catch {
            throw error.malformation.map { .malformed($0) } ?? .unsigned(error)
        }
    }

    /// Whether it lives: not issued in the future, not expired, and not for longer than anything may.
    package func check(at now: Timestamp) throws(DeviceOrderError) {
        let life = self.expiresAt.subtractingReportingOverflow(self.issuedAt)
        guard !life.overflow, (0...Self.lifeLimit.milliseconds).contains(life.partialValue) else {
            throw .tooLong(limit: Self.lifeLimit)
        }
        guard now.quality != .none else { throw .noClock }
        guard now.milliseconds < self.expiresAt,
            now.milliseconds >= self.issuedAt - Self.clockDifference.milliseconds
        else { throw .expired }
    }

}

extension DeviceOrder: Signable {
    public static let kind = Statement.Kind.device
    public static let limits = JSON.Limits(bytes: Self.byteLimit, depth: 40)

    /// Its issuer.
    public var signer: PublicKey? { self.issuer }

    public init(_ root: JSONField) throws {
        guard try root["schema"].string() == Self.schema else {
            throw root["schema"].fault("expected \(Self.schema)")
        }
        self.wallet = try root["wallet"].string()
        self.issuer = try PublicKey(try Base58.decode(try root["issuer"].string()))
        self.issuedAt = try root["issued_at_ms"].integer()
        self.expiresAt = try root["expires_at_ms"].integer()
        self.request = try DeviceRequest(root["request"])
    }

    public var json: JSON {
        [
            "schema": .string(Self.schema), "wallet": .string(self.wallet),
            "issuer": .string(Base58.encode(self.issuer.bytes)), "issued_at_ms": .integer(self.issuedAt),
            "expires_at_ms": .integer(self.expiresAt), "request": self.request.json,
        ]
    }
}

/// Why a command from outside is not carried out.
public enum DeviceOrderError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    /// It is not what its issuer signed.
    case unsigned(StatementError)
    case wrongWallet(expected: String, found: String)
    /// The key is neither the owner's nor one of the configured operators'.
    case stranger(PublicKey)
    /// Kept by the broker: nobody knows since when.
    case retained
    case tooLong(limit: Duration)
    case expired
    /// Nobody has set this machine's clock since it started.
    case noClock

    public var description: String {
        switch self {
        case .malformed(let reason): "the command is malformed: \(reason)"
        case .unsigned(let error): "the command's signature is not its issuer's: \(error)"
        case .wrongWallet(let expected, let found):
            "the command is for wallet \(found), this one is \(expected)"
        case .stranger(let key): "\(Base58.encode(key.bytes)) may not command devices here"
        case .retained: "a command must not be retained by the broker"
        case .tooLong(let limit): "a command lives at most \(limit.components.seconds) seconds"
        case .expired: "the command has expired, or the issuer's clock is ahead"
        case .noClock: "nobody has set this machine's clock: it cannot tell whether the command expired"
        }
    }
}
