import Encoding
import Sodium
import Statements
import Testing

@Suite struct SignedTests {
    private func refusal(_ message: JSON, from expected: PublicKey? = nil) throws -> String? {
        do throws(StatementError) {
            _ = try Signed<Count>(Array(message.text.utf8), from: expected)
            return nil
        } catch {
            return error.rule
        }
    }

    /// Names that stand in signatures of years: none of them ever changes.
    @Test func `each kind has its first line and its name`() throws {
        let words: JSON = ["b": 1, "a": "é"]
        for (statement, line) in [
            (try ReceiptWords(words: words).statement, "depai/receipt/v1\n"),
            (try OfferWords(words: words).statement, "depai/offer/v1\n"),
            (try PolicyWords(words: words).statement, "depai/policy/v1\n"),
            (try CommandWords(words: words).statement, "depai/command/v1\n"),
            (try BackupWords(words: words).statement, "depai/backup/v1\n"),
            (try Count(5).statement, "depai/state/v1\n"),
        ] {
            #expect(statement.bytes.starts(with: line.utf8))
        }
        #expect(
            try ReceiptWords(words: words).statement.bytes
                == Array("depai/receipt/v1\n{\"a\":\"é\",\"b\":1}".utf8))
        #expect(
            Statement.Kind.allCases.map(\.name) == [
                "depai-offer/1", "depai-receipt/1", "depai-possession/1", "depai-acknowledgement/1",
                "depai-state/1", "depai-backup/1", "depai-policy/1", "depai-command/1", "depai-device/1",
                "depai-x402-offer/1", "depai-x402-receipt/1",
            ])
    }

    @Test func `a message has four members and is read as it was made`() throws {
        let key = try seeded(7)
        let made = try signed(Count(5), by: key)
        #expect(
            made.json == [
                "kind": "depai-state/1", "signer": .string(Base58.encode(key.publicKey.bytes)),
                "body": ["count": 5], "signature": .string(Base64.standard.encode(made.signature.bytes)),
            ])
        let read = try Signed<Count>(try made.bytes, from: key.publicKey)
        #expect(read == made && read.body.count == 5 && read.signer == key.publicKey)
        // Whoever signed: the caller judges.
        #expect(try Signed<Count>(try made.bytes, from: nil).signer == key.publicKey)
        // Written otherwise it says the same.
        #expect(try Signed<Count>(Array(made.json.prettyText.utf8), from: nil) == made)
        // As a part of another message.
        let outer = JSONField(["receipt": made.json])
        #expect(try Signed<Count>(outer["receipt"], from: key.publicKey) == made)
    }

    @Test func `a byte that is another makes it invalid`() throws {
        let bytes = try signed(Count(5), by: try seeded(7)).bytes
        for index in bytes.indices {
            var altered = bytes
            altered[index] ^= 1
            #expect(throws: StatementError.self) { try Signed<Count>(altered, from: nil) }
        }
    }

    @Test func `every way to be wrong has its rule`() throws {
        let key = try seeded(7)
        let other = try seeded(8)
        let good = try signed(Count(5), by: key).json
        func with(_ name: String, _ value: JSON?) -> JSON {
            var message = good
            message[name] = value
            return message
        }
        #expect(try self.refusal(good, from: key.publicKey) == nil)
        for (rule, message) in [
            ("form", with("more", 1)), ("form", with("signer", nil)), ("form", with("body", nil)),
            ("form", with("signature", "")), ("form", with("signature", "AA==")), ("form", [good]),
            ("form", with("kind", nil)), ("kind", with("kind", "depai-state/2")),
            ("kind", with("kind", "depai-offer/1")), ("key", with("signer", "")),
            ("key", with("signer", "0")), ("key", with("signer", .string(Base58.encode([1, 2])))),
            ("signature", with("signer", .string(Base58.encode(other.publicKey.bytes)))),
            ("signature", with("body", ["count": 6])), ("signature", with("body", ["count": 5, "more": 1])),
            ("form", with("body", ["count": .integer(.max)])),
        ] as [(String, JSON)] {
            #expect(try self.refusal(message) == rule, "\(message.text)")
        }
        #expect(try self.refusal(good, from: other.publicKey) == "signer")
        // A kind's signature is no other kind's.
        let statement = try OfferWords(words: ["count": 5]).statement
        let foreign = with(
            "signature", .string(Base64.standard.encode(try key.signature(over: statement.bytes).bytes)))
        #expect(try self.refusal(foreign) == "signature")
    }

    @Test func `what a reader would overlook makes it invalid`() throws {
        struct Loose: AnyWords {
            static let kind = Count.kind
            let words: JSON
        }
        let key = try seeded(7)
        for words: JSON in [["count": 5, "also": "pay"], ["count": 5, "by": .null], ["also": 1]] {
            let message = try signed(Loose(words: words), by: key).json
            #expect(try self.refusal(message) == "members", "\(words.text)")
        }
    }

    @Test func `who is named in it has to have signed it`() throws {
        let key = try seeded(7)
        let other = try seeded(8)
        let own = try signed(Count(5, by: key.publicKey), by: key)
        #expect(try self.refusal(own.json) == nil)
        #expect(throws: StatementError.self) { try signed(Count(5, by: other.publicKey), by: key) }
        struct Liar: AnyWords {
            static let kind = Count.kind
            let words: JSON
        }
        let words = Count(5, by: other.publicKey).json
        #expect(try self.refusal(try signed(Liar(words: words), by: key).json) == "signer")
    }

    @Test func `a key of small order signs nothing, and no signature is put under another's name`() throws {
        let key = try seeded(7)
        let weak = try PublicKey([1] + [UInt8](repeating: 0, count: 31))
        // R is the neutral element and S is zero: it verifies over anything.
        let anybodys = try Signature([1] + [UInt8](repeating: 0, count: 63))
        #expect(throws: StatementError.self) { try Signed(Count(5), by: weak, anybodys) }
        var message = try signed(Count(5), by: key).json
        message["signer"] = .string(Base58.encode(weak.bytes))
        message["signature"] = .string(Base64.standard.encode(anybodys.bytes))
        #expect(try self.refusal(message) == "key")
        #expect(!(try Count(5).statement.isSigned(by: weak, anybodys)))
        let signature = try key.signature(over: try Count(5).statement.bytes)
        #expect(throws: StatementError.self) { try Signed(Count(6), by: key.publicKey, signature) }
        #expect(throws: StatementError.self) { try Signed(Count(5), by: try seeded(8).publicKey, signature) }
    }

    @Test func `long and deep messages are not read`() throws {
        let good = try signed(Count(5), by: try seeded(7)).json
        let space = String(repeating: " ", count: 512)
        #expect(throws: StatementError.self) { try Signed<Count>(Array((good.text + space).utf8), from: nil) }
        var deep = good
        deep["body"] = ["count": 5, "deep": [[1]]]
        #expect(try self.refusal(deep) == "form")
    }
}
