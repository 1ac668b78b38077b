import Encoding
import Ledger
import Sodium
import Solana
import Statements
import TestSupport
import Testing
import Wallet

@Suite struct UnlockedWalletTests {
    private func withWallet(_ body: (UnlockedWallet, Keystore) async throws -> Void) async throws {
        try await withFolder { folder in
            let keystore = try KeystoreTests.create(in: folder)
            try await body(try keystore.unlock(passphrase: secret(KeystoreTests.passphrase)), keystore)
        }
    }

    @Test func `a statement's signature never verifies as another kind`() async throws {
        try await self.withWallet { wallet, _ in
            let key = wallet.publicKey(.identity)
            let (words, offer) = (Words(json: ["a": 1]), Offered(json: ["a": 1]))
            let signed = try await wallet.sign(words)
            #expect(signed.signer == key && signed.body.json == ["a": 1])
            #expect(try words.statement.isSigned(by: key, signed.signature))
            #expect(try !offer.statement.isSigned(by: key, signed.signature))
            #expect(try !Words(json: ["a": 2]).statement.isSigned(by: key, signed.signature))
            #expect(!key.verifies(signed.signature, over: Array(#"{"a":1}"#.utf8)))
            // The money's keys never sign statements.
            #expect(try !words.statement.isSigned(by: wallet.publicKey(.payment), signed.signature))
            // Nor with it what others' software reads.
            let portable = try await wallet.jws(Portable(json: ["a": 1]))
            #expect(portable.signer == key)
            #expect(try JWS<Portable>(portable.text, from: key).body.json == ["a": 1])
            let envelope = DSSE(type: "t", payload: [1])
            #expect(envelope.statement.isSigned(by: key, try await wallet.sign(envelope.statement)))
        }
    }

    @Test func `a robot's key gives no orders`() async throws {
        struct Order: AnyWords {
            static let kind = Statement.Kind.command
            let json: JSON
        }
        struct Rules: AnyWords {
            static let kind = Statement.Kind.policy
            let json: JSON
        }
        try await self.withWallet { wallet, _ in
            await #expect(throws: SigningRefusal.personsWord) { try await wallet.sign(Order(json: [:])) }
            await #expect(throws: SigningRefusal.personsWord) { try await wallet.sign(Rules(json: [:])) }
        }
    }

    @Test func `what is sealed opens under its own context only`() async throws {
        try await self.withWallet { wallet, _ in
            let bytes = Array("where the robot was".utf8)
            let sealed = try await wallet.seal(bytes, context: "map/1")
            #expect(try await wallet.open(sealed, context: "map/1") == bytes)
            await #expect(throws: SodiumError.forged) { try await wallet.open(sealed, context: "map/2") }
            await #expect(throws: SodiumError.forged) {
                try await wallet.open(Array(sealed.dropLast()), context: "map/1")
            }
        }
    }
}
