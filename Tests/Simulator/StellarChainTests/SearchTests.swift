import ChainNodes
import Encoding
import Sodium
import Stellar
import StellarChain
import Testing

@Suite struct SearchTests {
    @Test func `a payment that happened is found, with and without a hint`() async throws {
        let scene = try Scene()
        let transfer = await scene.transfer()
        let first = await scene.latest
        let envelope = try await scene.envelope(transfer)
        let search = try await scene.search(transfer, since: first)
        #expect(try await search.find() == .open)
        let settled = try await scene.facilitator.settle(envelope.base64, against: scene.terms())
        let finding = StellarSearch.Finding.settled(transaction: settled.transaction, ledger: first + 1)
        #expect(try await search.find() == finding)
        #expect(try await search.find(hint: settled.transaction) == finding)
        #expect(try await search.find(hint: settled.transaction.uppercased()) == finding)
        for hint in ["", "zz", String(repeating: "0", count: 64)] {
            #expect(try await search.find(hint: hint) == finding)
        }
        await scene.node.close(30)
        #expect(try await search.find() == finding)
    }

    @Test func `a payment that nobody sent is dead after its last ledger, and not before`() async throws {
        let scene = try Scene()
        let transfer = await scene.transfer(ledgers: 11)
        let search = try await scene.search(transfer)
        for _ in 0..<11 {
            await scene.node.close()
            #expect(try await search.find() == .open)
        }
        await scene.node.close()
        #expect(try await search.find() == .dead(ledger: transfer.expiration + 1))
        // A payment of the same terms is another one.
        let other = await scene.transfer(nonce: 8)
        let envelope = try await scene.envelope(other)
        let settled = try await scene.facilitator.settle(envelope.base64, against: scene.terms())
        #expect(try await search.find() == .dead(ledger: await scene.latest))
        #expect(try await search.find(hint: settled.transaction) == .dead(ledger: await scene.latest))
    }

    @Test func `a payment of the same terms hides nothing`() async throws {
        let scene = try Scene()
        let first = await scene.latest
        let (one, two) = (await scene.transfer(nonce: 1), await scene.transfer(nonce: 2))
        let (paid, unpaid) = (try await scene.envelope(one), try await scene.envelope(two))
        let settled = try await scene.facilitator.settle(paid.base64, against: scene.terms())
        await scene.node.close(20)
        #expect(
            try await scene.search(one, since: first).find()
                == .settled(transaction: settled.transaction, ledger: first + 1))
        #expect(
            try await scene.search(two, since: first).find(hint: settled.transaction)
                == .dead(ledger: await scene.latest))
        #expect(unpaid.authorization.payment.nonce == 2)
    }

    @Test func `a transaction that failed does not free the money before the expiration`() async throws {
        let scene = try Scene()
        let first = await scene.latest
        let transfer = await scene.transfer(nonce: 1, ledgers: 8)
        let envelope = try await scene.envelope(transfer)
        // The account is empty by the time that it lands.
        var faults = StellarFaults()
        faults.delayLedgers = 2
        await scene.node.set(faults)
        let submission = envelope.submission(by: try address(0x33), sequence: 1)
        let bytes = try submission.signed(key(0x33).signature(over: submission.signedHash))
        #expect(try await scene.rpc.send(bytes).status == .pending)
        await scene.node.withLedger { [token = scene.token, from = scene.from] in
            $0.mint(token, to: from, amount: -10_000_000_000)
        }
        await scene.node.close(4)
        let id = Hex.encode(submission.signedHash)
        let search = try await scene.search(transfer, since: first)
        #expect(try await scene.rpc.transaction(id)?.succeeded == false)
        #expect(try await search.find(hint: id) == .open)
        await scene.node.close(5)
        #expect(
            try await search.find(hint: id)
                == .failed(transaction: id, reason: "the ledger has it as failed"))
        // Without the hint nobody knows of it: no token reports a failure.
        #expect(try await search.find() == .dead(ledger: await scene.latest))
    }

    @Test func `what a node has forgotten, hides or makes up frees nothing`() async throws {
        let scene = try Scene()
        let first = await scene.latest
        let transfer = await scene.transfer(ledgers: 5)
        let envelope = try await scene.envelope(transfer)
        let search = try await scene.search(transfer, since: first)
        var faults = StellarFaults()
        // The latest ledger, once or always, while the payment can still happen.
        faults.latestAheadOnce = 50
        await scene.node.set(faults)
        #expect(try await search.find() == .open)
        faults.latestAheadOnce = 0
        await scene.node.set(faults)
        _ = try await scene.facilitator.settle(envelope.base64, against: scene.terms())
        await scene.node.close(10)
        faults.hidesTransactions = true
        await scene.node.set(faults)
        #expect(try await search.find() == .open)
        faults.hidesTransactions = false
        faults.prunedBefore = first + 3
        await scene.node.set(faults)
        #expect(try await search.find() == .open)
        faults.prunedBefore = 0
        faults.refuseNext = 1
        await scene.node.set(faults)
        await #expect(throws: ChainNodeError.self) { try await search.find() }
        guard case .settled = try await search.find() else {
            Issue.record("it happened")
            return
        }
    }

    /// One node that lies in the same way to every question is believed, unless others are asked.
    @Test func `a witness that disagrees keeps the payment open`() async throws {
        let scene = try Scene()
        let first = await scene.latest
        let transfer = await scene.transfer(ledgers: 5)
        let honest = StellarNode(await scene.node.withLedger { $0 })
        let witness = StellarRPC(
            urls: ["http://other"], network: .testnet, web: MemoryWeb(nodes: ["http://other": honest]))
        var faults = StellarFaults()
        faults.latestAhead = 50
        await scene.node.set(faults)
        #expect(try await scene.search(transfer, since: first).find() == .dead(ledger: first + 50))
        let search = try await scene.search(transfer, since: first, witness: witness)
        #expect(try await search.find() == .open)
        await honest.close(6)
        #expect(try await search.find() == .dead(ledger: first + 50))
    }

    @Test func `while the nonce is remembered a hidden payment is not dead`() async throws {
        let scene = try Scene()
        let transfer = await scene.transfer(ledgers: 5)
        let search = try await scene.search(transfer)
        let envelope = try await scene.envelope(transfer)
        _ = try await scene.facilitator.settle(envelope.base64, against: scene.terms())
        var faults = StellarFaults()
        faults.hidesEvents = true
        faults.latestAhead = 20
        await scene.node.set(faults)
        #expect(try await search.find() == .open)
    }

    @Test func `an entry that went through another contract is found by what the token reports`() async throws
    {
        let scene = try Scene()
        let router = try StellarAddress(contract: [UInt8](repeating: 0xaa, count: 32))
        let idler = try StellarAddress(contract: [UInt8](repeating: 0xbb, count: 32))
        await scene.node.withLedger {
            $0.deploy(router: router, usesEntries: true)
            $0.deploy(router: idler, usesEntries: false)
        }
        let first = await scene.latest
        for (contract, nonce) in [(idler, Int64(1)), (router, 2)] {
            let transfer = await scene.transfer(nonce: nonce, ledgers: 4)
            let envelope = try await scene.envelope(transfer)
            let made = envelope.submission(by: try address(0x33), sequence: nonce)
            // The call names another contract; the entry stays as it was signed.
            var body = made.body
            let place = try #require(body.firstRange(of: scene.token.bytes))
            body.replaceSubrange(place, with: contract.bytes)
            let submission = StellarSubmission(network: .testnet, source: made.source, body: body)
            _ = try await scene.rpc.send(
                submission.signed(key(0x33).signature(over: submission.signedHash)))
            await scene.node.close()
            let id = Hex.encode(submission.signedHash)
            #expect(try await scene.rpc.transaction(id)?.succeeded == true)
            let search = try await scene.search(transfer, since: first)
            if contract == router {
                #expect(
                    try await search.find() == .settled(transaction: id, ledger: await scene.latest))
            } else {
                // It succeeded, and moved nothing: the entry can still be used.
                #expect(try await search.find(hint: id) == .open)
            }
            await scene.node.close(6)
            if contract == idler {
                #expect(try await search.find(hint: id) == .dead(ledger: await scene.latest))
            }
        }
    }

    @Test func `a payment whose fee somebody raised is found all the same`() async throws {
        let scene = try Scene()
        let first = await scene.latest
        let transfer = await scene.transfer()
        let submission = try await scene.envelope(transfer).submission(by: try address(0x33), sequence: 1)
        let inner = try submission.signed(key(0x33).signature(over: submission.signedHash))
        // Who raises it, to 0x9c40 stroops, a transaction inside, nothing more, no signature of the raiser's.
        let fee: [UInt8] = [0, 0, 0, 0, 0, 0, 0x9c, 0x40]
        let head: [UInt8] = [0, 0, 0, 5, 0, 0, 0, 0] + (try address(9).bytes) + fee
        let raised = head + inner + [0, 0, 0, 0, 0, 0, 0, 0]
        #expect(try await scene.rpc.send(raised).id == Hex.encode(submission.signedHash))
        await scene.node.close(20)
        #expect(
            try await scene.search(transfer, since: first).find()
                == .settled(transaction: Hex.encode(submission.signedHash), ledger: first + 1))
    }

    @Test func `a search is about one network and one payment`() async throws {
        let scene = try Scene()
        let transfer = await scene.transfer()
        let pubnet = StellarTransfer(
            network: .pubnet, token: transfer.token, from: transfer.from, to: transfer.to, amount: 1,
            nonce: 1, expiration: 5)
        #expect(throws: StellarError.unknownNetwork) {
            try StellarSearch(preimage: pubnet.preimage, firstLedger: 1, rpc: scene.rpc)
        }
        #expect(throws: StellarError.self) {
            try StellarSearch(preimage: [1, 2, 3], firstLedger: 1, rpc: scene.rpc)
        }
        let wrong = StellarRPC(
            urls: ["http://node"], network: .pubnet, web: MemoryWeb(nodes: ["http://node": scene.node]))
        await #expect(
            throws: ChainNodeError.otherNetwork(url: "http://node", expected: "stellar:pubnet")
        ) { try await wrong.latestLedger() }
    }
}
