import Encoding
import Ledger
import Sodium
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
            let kinds = [Statement.Kind.offer, .receipt, .possession]
            let body = Array(#"{"a":1}"#.utf8)
            let key = wallet.publicKey(.identity)
            for kind in kinds {
                let signature = try await wallet.sign(Statement(kind, body: body))
                for other in kinds {
                    #expect(Statement(other, body: body).isSigned(by: key, signature) == (kind == other))
                }
                #expect(!Statement(kind, body: body + [0x20]).isSigned(by: key, signature))
                #expect(!Statement(kind, body: []).isSigned(by: key, signature))
                #expect(!key.verifies(signature, over: body))
                // The money's keys never sign statements.
                #expect(!Statement(kind, body: body).isSigned(by: wallet.publicKey(.payment), signature))
            }
        }
    }

    @Test func `what is signed begins with its kind and version`() {
        #expect(Statement(.receipt, body: [0x7b]).signedBytes == Array("depai/receipt/v1\n{".utf8))
    }

    private func proposal(_ purpose: Purpose) -> Proposal {
        Proposal(
            purpose: purpose, job: "job", payee: "payee",
            asset: Asset(id: "token", symbol: "USD", decimals: 6), amount: 5,
            note: "")
    }

    /// Policy that allows anything, and money.
    private func ledger(_ keystore: Keystore) async throws -> PaymentLedger {
        let owner = try SigningKey(seed: secret(hex: String(repeating: "0b", count: 32)))
        let payment = try #require(keystore.keys[.payment])
        let sponsor = try #require(keystore.keys[.sponsor])
        let ledger = try PaymentLedger(
            path: nil, wallet: payment, signers: [sponsor], owner: owner.publicKey, timeline: FixedTimeline())
        let document: JSON = [
            "schema": "depai-policy/1", "wallet": .string(keystore.address),
            "owner": .string(Base58.encode(owner.publicKey.bytes)), "seq": 1, "mode": "active",
            "assets": [["asset": "token", "symbol": "USD", "decimals": 6]],
            "payees": [["id": "p", "account": "payee", "purposes": ["storage", "compute", "fee"]]],
            "limits": [
                ["id": "each", "asset": "token", "per_payment": "10"],
                ["id": "fees", "asset": "token", "purpose": "fee", "per_payment": "10"],
            ],
        ]
        try await ledger.apply(policy: Policy.sign(document, with: owner))
        try await ledger.deposit(100, asset: Asset(id: "token", symbol: "USD", decimals: 6), reference: "d")
        return ledger
    }

    @Test func `fees are signed by the sponsor's key and everything else by the payment key`() async throws {
        try await self.withWallet { wallet, keystore in
            let ledger = try await self.ledger(keystore)
            for (purpose, role) in [
                (Purpose.fee, KeyRole.sponsor), (.storage, .payment), (.compute, .payment),
            ] {
                guard case .authorized(let authorization) = try await ledger.authorize(self.proposal(purpose))
                else {
                    Issue.record("\(purpose) was not authorized")
                    continue
                }
                let attempt = try await wallet.sign(authorization, message: [1, 2, 3])
                #expect(attempt.key == wallet.publicKey(role))
                #expect(attempt.key.verifies(attempt.signature, over: [1, 2, 3]))
                let payment = try await ledger.journal(attempt, payload: [9], lastValidBlockHeight: 7)
                #expect(payment.state == .signed && payment.payload == [9] && payment.message == [1, 2, 3])
            }
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
