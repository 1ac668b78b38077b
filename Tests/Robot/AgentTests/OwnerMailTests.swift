import Control
import Encoding
import Home
import Ledger
import Sodium
import Testing
import World

@testable import Agent

/// What comes over the broker for the owner's desk, from anybody.
@Suite struct OwnerMailTests {
    private static let wallet = "W"

    private static func key(_ byte: UInt8) throws -> SigningKey {
        try SigningKey(
            seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
    }

    private static func freeze(_ sequence: UInt64, by key: UInt8 = 7, wallet: String = Self.wallet) throws
        -> Message
    {
        let key = try self.key(key)
        let command = OwnerCommand(
            wallet: wallet, issuer: key.publicKey, sequence: sequence, issuedAt: 0, expiresAt: 1,
            operation: .freeze(reason: "stolen"))
        return Message(
            topic: "f", payload: try WalletRequest.execute(command.signed(with: key)).bytes)
    }

    private static func next(_ line: AsyncStream<Message>) async -> Message? {
        var iterator = line.makeAsyncIterator()
        return await iterator.next()
    }

    @Test func `a flood on either topic takes no place from a freeze that the owner signed`() async throws {
        let (mail, owner) = (OwnerMail(), try Self.key(7).publicKey)
        let freeze = try Self.freeze(1)
        func flood() throws {
            for number in 0..<2_000 {
                let text = "{\"ask\":\"challenge\",\"x\":\(number)}"
                mail.put(Message(topic: "a", payload: Array(text.utf8)))
                mail.put(
                    freeze: Message(topic: "f", payload: Array(text.utf8)), of: Self.wallet, owner: owner)
            }
            for sequence in 2..<40 as Range<UInt64> {
                for message in [try Self.freeze(sequence, by: 8), try Self.freeze(sequence, wallet: "V")] {
                    mail.put(freeze: message, of: Self.wallet, owner: owner)
                }
            }
        }
        try flood()
        mail.put(freeze: freeze, of: Self.wallet, owner: owner)
        // The same again and again, as somebody who heard it may send it.
        for _ in 0..<100 { mail.put(freeze: freeze, of: Self.wallet, owner: owner) }
        try flood()
        #expect(await Self.next(mail.freezes) == freeze)
        let second = try Self.freeze(9)
        mail.put(freeze: second, of: Self.wallet, owner: owner)
        #expect(await Self.next(mail.freezes) == second)
        #expect(mail.lossShallBeTold && !mail.lossShallBeTold)
    }

    @Test func `what is too long takes no place at all`() async throws {
        let (mail, owner) = (OwnerMail(), try Self.key(7).publicKey)
        let long = [UInt8](repeating: 0x20, count: OwnerMail.freezeLimit + 1)
        mail.put(freeze: Message(topic: "f", payload: long), of: Self.wallet, owner: owner)
        mail.put(
            Message(topic: "a", payload: [UInt8](repeating: 0x20, count: WalletRequest.byteLimit + 1)))
        #expect(mail.lossShallBeTold)
    }

    @Test func `of many refusals a few are written down, and how many more there were`() {
        let quota = Quota(5)
        #expect((0..<1_000).count { _ in quota.take() } == 5)
        #expect(quota.renew() == 995)
        #expect(quota.take() && quota.renew() == 0)
    }

    @Test func `a command asked for under its whole name is the same command`() throws {
        let issuer = Base58.encode(try Self.key(7).publicKey.bytes)
        let request = DeviceRequest.invoke("dispense", thing: "feeder", input: 50, id: "meal-1")
        let named = request.named(by: issuer)
        #expect(named.id == "\(issuer)/meal-1")
        #expect(named.named(by: issuer) == named)
    }

    @Test func `a stranger's words in a refusal are cut and steer nothing`() throws {
        let name = "\u{1b}[2J" + String(repeating: "n", count: 400_000)
        let error = #expect(throws: JSONError.self) {
            _ = try JSONField([:])[name].string()
        }
        #expect("\(error.map { "\($0)" } ?? "")".count < 200)
        let refusal = DeviceAnswer.refusal(DeviceOrderError.malformed(name))
        let text = try JSONField(refusal)["refusal"].string()
        #expect(text.count <= 400 && text.isPlain(limit: 400))
    }
}
