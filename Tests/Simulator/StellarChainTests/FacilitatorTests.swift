import ChainNodes
import Encoding
import Sodium
import Stellar
import StellarChain
import TestSupport
import Testing

@Suite struct FacilitatorTests {
    @Test func `a payment is settled once`() async throws {
        let scene = try Scene()
        let envelope = try await scene.envelope(await scene.transfer())
        #expect(envelope.fee == 20_100)
        #expect(await scene.facilitator.verify(envelope.base64, against: scene.terms()) == nil)
        let settled = try await scene.facilitator.settle(envelope.base64, against: scene.terms())
        #expect(settled.errorReason == nil && settled.payer == scene.from && settled.transaction.count == 64)
        #expect(await scene.holdings() == [9_990_000_000, 10_000_000])
        let fees = await scene.node.withLedger { [address = scene.facilitator.address] in
            $0.lumens(of: address)
        }
        #expect(fees == Int64(99_979_900))
        // A used nonce serves nobody, and moves nothing.
        let again = try await scene.facilitator.settle(envelope.base64, against: scene.terms())
        #expect(again.errorReason == "invalid_exact_stellar_payload_simulation_failed")
        #expect(again.transaction.isEmpty)
        #expect(await scene.holdings() == [9_990_000_000, 10_000_000])
        // The transaction is on record with exactly our entry.
        let landed = try #require(try await scene.rpc.transaction(settled.transaction))
        #expect(landed.succeeded && landed.transaction?.makes(envelope.authorization.payment) == true)
    }

    @Test func `what a seller did not ask for is refused`() async throws {
        let scene = try Scene()
        let envelope = try await scene.envelope(await scene.transfer())
        var terms: [(StellarTerms, String)] = []
        var other = scene.terms()
        other.asset = StellarNetwork.pubnet.usdcContract
        terms.append((other, "invalid_exact_stellar_payload_wrong_asset"))
        other = scene.terms()
        other.payTo = try address(9)
        terms.append((other, "invalid_exact_stellar_payload_wrong_recipient"))
        terms.append((scene.terms(10_000_001), "invalid_exact_stellar_payload_wrong_amount"))
        other = scene.terms()
        other.maxTimeoutSeconds = 40
        terms.append((other, "invalid_exact_stellar_signature_expiration_too_far"))
        for (terms, code) in terms {
            #expect(await scene.facilitator.verify(envelope.base64, against: terms) == code)
        }
        let malformed = "invalid_exact_stellar_payload_malformed"
        let bare = StellarEnvelope(envelope.authorization, maxTime: 0, resources: nil)
        for text in ["", "AAAA", "%", bare.base64, String(envelope.base64.dropLast(4))] {
            #expect(await scene.facilitator.verify(text, against: scene.terms()) == malformed)
        }
        // One changed byte in the entry's hash or signature.
        var bytes = envelope.bytes
        let place = try #require(bytes.firstRange(of: envelope.authorization.signature.bytes))
        bytes[place.lowerBound] ^= 1
        #expect(
            await scene.facilitator.verify(Base64.standard.encode(bytes), against: scene.terms()) == malformed
        )
        // The newer credentials wait until facilitators take them.
        let transfer = await scene.transfer(nonce: 8)
        let newer = try await scene.envelope(
            StellarTransfer(
                network: .testnet, token: transfer.token, from: transfer.from, to: transfer.to,
                amount: transfer.amount, nonce: 8, expiration: transfer.expiration, credentials: .addressV2))
        #expect(
            await scene.facilitator.verify(newer.base64, against: scene.terms())
                == "invalid_exact_stellar_payload_unsupported_credential_type")
        #expect(await scene.holdings() == [10_000_000_000, 0])
    }

    @Test func `an expired entry is refused, in the ledger too`() async throws {
        let scene = try Scene()
        let last = try await scene.envelope(await scene.transfer(nonce: 1, ledgers: 2))
        let late = try await scene.envelope(await scene.transfer(nonce: 2, ledgers: 2))
        await scene.node.close()
        // The ledger that it names is the last one that takes it.
        #expect(try await scene.facilitator.settle(last.base64, against: scene.terms()).errorReason == nil)
        #expect(
            await scene.facilitator.verify(late.base64, against: scene.terms())
                == "invalid_exact_stellar_payload_simulation_failed")
        let slow = try await scene.envelope(await scene.transfer(nonce: 3, ledgers: 2))
        var faults = StellarFaults()
        faults.delayLedgers = 5
        await scene.node.set(faults)
        let failed = try await scene.facilitator.settle(slow.base64, against: scene.terms())
        #expect(failed.errorReason == "settle_exact_stellar_transaction_failed")
        #expect(try await scene.rpc.transaction(failed.transaction)?.succeeded == false)
        #expect(await scene.holdings() == [9_990_000_000, 10_000_000])
    }

    @Test func `money that is not there is not paid`() async throws {
        let scene = try Scene()
        await #expect(
            throws: ChainNodeError.simulation(
                "host invocation failed: balance is not sufficient to spend")
        ) { try await scene.envelope(await scene.transfer(10_000_000_001)) }
        let stranger = StellarTransfer(
            network: .testnet, token: scene.token, from: scene.from, to: try address(9), amount: 1, nonce: 1,
            expiration: await scene.latest + 3)
        await #expect(throws: ChainNodeError.self) { try await scene.envelope(stranger) }
    }

    @Test func `what is held is read from the ledger`() async throws {
        let scene = try Scene()
        let trustline = try await scene.rpc.trustline(of: scene.from, StellarNetwork.testnet.usdc)
        #expect(trustline?.balance == 10_000_000_000 && trustline?.isAuthorized == true)
        #expect(trustline?.limit == UInt64(Int64.max))
        #expect(try await scene.rpc.trustline(of: address(9), StellarNetwork.testnet.usdc) == nil)
        #expect(try await scene.rpc.trustline(of: scene.from, StellarNetwork.pubnet.usdc) == nil)
        #expect(try await scene.rpc.account(scene.from)?.balance == 100_000_000)
        #expect(try await scene.rpc.account(address(9)) == nil)
        let history = try await scene.rpc.history()
        #expect(history.latest == 1_000_000 && history.oldest == 1_000_000)
        #expect(try await scene.rpc.latestLedger() == 1_000_000)
    }

    @Test func `random payments keep every unit, and each happens at most once`() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var dice = Seeded(seed)
        let scene = try Scene()
        var sent: [StellarEnvelope] = []
        for round in 0..<60 {
            var faults = StellarFaults()
            faults.dropNext = Int.random(in: 0..<5, using: &dice) == 0 ? 1 : 0
            faults.delayLedgers = UInt32.random(in: 0..<4, using: &dice)
            await scene.node.set(faults)
            let amount = UInt64.random(in: 1...300_000_000, using: &dice)
            let transfer = await scene.transfer(amount, nonce: Int64(round))
            guard let envelope = try? await scene.envelope(transfer) else { continue }
            sent.append(envelope)
            for envelope in [envelope, sent.randomElement(using: &dice) ?? envelope] {
                let amount = envelope.authorization.payment.amount
                _ = try await scene.facilitator.settle(envelope.base64, against: scene.terms(amount))
            }
        }
        let (supply, paid, entries) = await scene.node.withLedger { [token = scene.token, to = scene.to] in
            ($0.supply(of: token), $0.holding(token, of: to), $0.history)
        }
        #expect(supply == 10_000_000_000, "seed \(seed)")
        var total: Int128 = 0
        for envelope in sent {
            let payment = envelope.authorization.payment
            let count = entries.count { entry in
                entry.failure == nil
                    && (try? StellarTransaction(decoding: entry.bytes))?.makes(payment) == true
            }
            #expect(count <= 1, "seed \(seed)")
            total += Int128(payment.amount) * Int128(count)
        }
        #expect(paid == total && total > 0, "seed \(seed)")
    }
}
