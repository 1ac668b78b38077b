import Control
import Encoding
import Linux
import Sodium
import Statements
import Testing
import World

/// Signed commands to devices, before anything is done.
struct DeviceOrderTests {
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    private static func key(_ byte: UInt8) throws -> SigningKey {
        try SigningKey(
            seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
    }

    private static func order(_ life: Duration = .seconds(60)) throws -> (DeviceOrder, [UInt8]) {
        let key = try self.key(7)
        let order = DeviceOrder(
            .write(.bool(true), property: "power", thing: "plug-1", id: "1"), wallet: "W",
            issuer: key.publicKey, at: self.now, life: life)
        return (order, try order.signed(with: key))
    }

    @Test func `an envelope is read as it was written, and not when a byte is another`() throws {
        let (order, bytes) = try Self.order()
        #expect(try DeviceOrder(signed: bytes) == order)
        for index in bytes.indices {
            var altered = bytes
            altered[index] ^= 1
            #expect(throws: DeviceOrderError.self) { try DeviceOrder(signed: altered) }
        }
    }

    @Test func `another key's signature is refused where it is made and where it is read`() throws {
        let (order, bytes) = try Self.order()
        #expect(throws: StatementError.self) { try order.signed(with: try Self.key(8)) }
        let text = String(decoding: bytes, as: UTF8.self)
        let stranger = Base58.encode(try Self.key(8).publicKey.bytes)
        let claimed = text.replacing(Base58.encode(order.issuer.bytes), with: stranger)
        #expect(throws: DeviceOrderError.unsigned(.signature(of: stranger))) {
            try DeviceOrder(signed: Array(claimed.utf8))
        }
    }

    @Test func `it lives from its issue to its expiry, by a clock that somebody set`() throws {
        let (order, _) = try Self.order()
        func error(_ seconds: Int64, _ quality: ClockQuality = .ntp) -> DeviceOrderError? {
            let time = Self.now.adding(seconds: seconds)
            do throws(DeviceOrderError) {
                try order.check(at: Timestamp(milliseconds: time.milliseconds, quality: quality))
                return nil
            } catch {
                return error
            }
        }
        #expect(error(0) == nil && error(59) == nil && error(-300) == nil)
        #expect(error(60) == .expired && error(-301) == .expired)
        #expect(error(0, .none) == .noClock)
        let long = try Self.order(.seconds(86_401)).0
        #expect(throws: DeviceOrderError.tooLong(limit: DeviceOrder.lifeLimit)) {
            try long.check(at: Self.now)
        }
    }
}
