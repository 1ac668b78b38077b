import Encoding
import Ledger
import Sodium
import Statements
import Testing

/// What an owner signed with `depai` of commit faca8bf, before all that is signed had one form: with
/// `depai owner policy`, `depai owner freeze --out` and `depai owner apply --out`.
@Suite struct KeptOrderTests {
    private static let owner = "2edJDuhoK35ynyWfF6oTjz4zu7RYp8GcDUmppEu2rbyx"
    private static let wallet = "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"
    private static let policy = #"""
        {"policy":{"schema":"depai-policy/1","wallet":"HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"\#
        ,"owner":"2edJDuhoK35ynyWfF6oTjz4zu7RYp8GcDUmppEu2rbyx","seq":1,"mode":"active","assets":[{"\#
        asset":"chain:a/token:dollar","symbol":"USD","decimals":6}],"payees":[],"limits":[]},"signat\#
        ure":"dyfDFNMNEo7MQ/gEMQ9lTmpKfCCBqMdqLRmffBTeKQ2lNP8BeaTGvV/wZXGJ5y72vSF71NZPsYxspk8Gd8x4Aw\#
        =="}
        """#
    private static let freeze = #"""
        {"command":{"args":{"reason":"stopped by the owner"},"expires_at_ms":1795831638643,"issued_a\#
        t_ms":1795831038643,"issuer":"2edJDuhoK35ynyWfF6oTjz4zu7RYp8GcDUmppEu2rbyx","op":"freeze","s\#
        chema":"depai-command/1","seq":1795831038643,"wallet":"HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472u\#
        T3DKpqk"},"signature":"O/IcmsCA4G3YRQXF1jz2qog1Ld2OE6+8FO5YN4nFJMawyMW3NkZkjsP5wvZqI9BWh9mFM\#
        pib/i4W9fCTMJfmBg=="}
        """#
    private static let apply = #"""
        {"command":{"args":{"file":{"policy":{"assets":[{"asset":"chain:a/token:dollar","decimals":6\#
        ,"symbol":"USD"}],"limits":[],"mode":"active","owner":"2edJDuhoK35ynyWfF6oTjz4zu7RYp8GcDUmpp\#
        Eu2rbyx","payees":[],"schema":"depai-policy/1","seq":1,"wallet":"HAgk14JpMQLgt6rVgv7cBQFJWFt\#
        o5Dqxi472uT3DKpqk"},"signature":"dyfDFNMNEo7MQ/gEMQ9lTmpKfCCBqMdqLRmffBTeKQ2lNP8BeaTGvV/wZXG\#
        J5y72vSF71NZPsYxspk8Gd8x4Aw=="}},"challenge":"0707070707070707070707070707070707070707070707\#
        070707070707070707","expires_at_ms":1795831646121,"issued_at_ms":1795831046121,"issuer":"2ed\#
        JDuhoK35ynyWfF6oTjz4zu7RYp8GcDUmppEu2rbyx","op":"policy.apply","schema":"depai-command/1","s\#
        eq":1795831046121,"wallet":"HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"},"signature":"CYiJ\#
        NOsmwOZRzLTuSj92KBZ290RPx3V307p50ltwcuPW4ZD/bywlvRwVVJ6PakWJXxqGz8QkfbNE+McDzdGmAg=="}
        """#

    private func ledger() throws -> PaymentLedger {
        func key(_ text: String) throws -> PublicKey { try PublicKey(try Base58.decode(text)) }
        return try PaymentLedger(
            path: nil, wallet: key(Self.wallet), owner: key(Self.owner), timeline: Clock())
    }

    @Test func `an old policy is put in force without its owner, and kept in the one form`() async throws {
        let ledger = try self.ledger()
        try await ledger.apply(policy: Array(Self.policy.utf8))
        #expect(await ledger.policyInForce?.sequence == 1)
        let kept = try JSON.read(try #require(try await ledger.read { try $0.policyFile() }))
        let old = try JSON.read(Self.policy)
        #expect(kept["kind"] == "depai-policy/1" && kept["signer"] == .string(Self.owner))
        #expect(kept["body"] == old["policy"] && kept["signature"] == old["signature"])
        // Its fingerprint, which its owner may have written down, is the old one.
        #expect(
            await ledger.policyInForce.map { Hex.encode($0.digest) }
                == "ebbe24c85d02d098022041b53fac14cec90523c9db5d70d52dcc405c3ebb62da")
        let changed = Self.policy.replacing("\"mode\":\"active\"", with: "\"mode\":\"frozen\"")
        await #expect(throws: PolicyError.unsigned(.signature(of: Self.owner))) {
            try await self.ledger().apply(policy: Array(changed.utf8))
        }
    }

    @Test func `an old freeze that a broker kept stops the wallet`() async throws {
        let ledger = try self.ledger()
        let receipt = try await ledger.execute(Array(Self.freeze.utf8))
        #expect(receipt.operation == "freeze")
        #expect(try await ledger.read { try $0.hold() }?.reason == "stopped by the owner")
        let changed = Self.freeze.replacing("stopped", with: "started")
        await #expect(throws: CommandError.unsigned(.signature(of: Self.owner))) {
            try await self.ledger().execute(Array(changed.utf8))
        }
    }

    @Test func `an old command carries an old policy`() throws {
        let command = try OwnerCommand(signed: Array(Self.apply.utf8))
        guard case .applyPolicy(let file) = command.operation else {
            Issue.record("another command was read")
            return
        }
        let policy = try Policy(
            signed: file, owner: PublicKey(try Base58.decode(Self.owner)), wallet: Self.wallet)
        #expect(policy.sequence == 1 && command.challenge == [UInt8](repeating: 7, count: 32))
    }
}
