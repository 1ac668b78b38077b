import Encoding
import Foundation
import Sodium
import Stellar
import Subprocess
import TestSupport
import Testing

/// stellar-sdk 16.1.1 (PyPI) makes what we read, reads what we make, and checks our signatures.
@Suite struct PeerTests {
    private static func python() async throws -> String {
        try await Peer.python(with: "stellar_sdk", from: "stellar-sdk==16.1.1")
    }

    private static func transfer(_ row: JSONField) throws -> StellarTransfer {
        let network = try #require(StellarNetwork(chainID: row["network"].string()))
        return StellarTransfer(
            network: network, token: try StellarAddress(row["token"].string()),
            from: try StellarAddress(row["from"].string()), to: try StellarAddress(row["to"].string()),
            amount: try row["amount"].decimal(), nonce: try #require(Int64(row["nonce"].string())),
            expiration: try row["expiration"].integer(),
            credentials: try #require(StellarCredentials(rawValue: try row["credentials"].integer())))
    }

    @Test func `what stellar-sdk makes is read, and made again to the byte`() async throws {
        let python = try await Self.python()
        let seed = Int.random(in: 0..<1_000_000)
        let result = try await run(
            .name("env"),
            arguments: [python, Peer.script("stellar_messages.py").path, "make", String(seed), "100"],
            output: .string(limit: 4 << 20), error: .string(limit: 1 << 16))
        let lines = result.standardOutput.split(separator: "\n")
        #expect(lines.count == 100, "seed \(seed): \(result.standardError)")
        for line in lines {
            let row = JSONField(try JSON.read(Array(line.utf8)))
            let transfer = try Self.transfer(row)
            #expect(Hex.encode(transfer.preimage) == (try row["preimage"].string()), "seed \(seed): \(line)")
            let payment = try StellarPayment(preimage: transfer.preimage)
            #expect(payment.amount == transfer.amount && payment.nonce == transfer.nonce)
            let entry = try StellarAuthorization(
                decoding: Hex.decode(row["entry"].string()), on: transfer.network)
            #expect(entry.payment == payment, "seed \(seed): \(line)")
            #expect(try StellarAuthorization(transfer, signature: entry.signature) == entry)
            let envelope = try StellarEnvelope(
                base64: row["envelope"].string(), on: transfer.network)
            #expect(envelope.authorization == entry && envelope.resources != nil, "seed \(seed): \(line)")
            let again = StellarEnvelope(entry, maxTime: envelope.maxTime, resources: envelope.resources)
            #expect(again.authorization.bytes == envelope.authorization.bytes)
            let sent = try StellarTransaction(decoding: Base64.standard.decode(row["sent"].string()))
            #expect(sent.makes(payment), "seed \(seed): \(line)")
            #expect(Hex.encode(sent.hash(on: transfer.network)) == (try row["id"].string()))
            // A payment of the old kind calls no contract.
            #expect(throws: StellarError.self) {
                try StellarTransaction(decoding: Base64.standard.decode(row["classic"].string()))
            }
        }
    }

    @Test func `stellar-sdk reads what we make, and verifies it`() async throws {
        let python = try await Self.python()
        let seed = UInt64.random(in: 0...UInt64.max)
        var dice = Seeded(seed)
        let payer = try knownKey()
        let sender = try key(seed: [UInt8](repeating: 0x33, count: 32))
        let resources = try StellarEnvelope(
            decoding: Hex.decode(Golden.envelope), on: .testnet
        ).resources
        var lines: [String] = []
        for _ in 0..<100 {
            let transfer = try PropertyTests.transfer(&dice, from: payer.publicKey)
            let entry = try transfer.signed(by: payer)
            let envelope = StellarEnvelope(entry, maxTime: 1_900_000_000, resources: resources)
            let submission = envelope.submission(
                by: StellarAddress(sender.publicKey), sequence: Int64.random(in: 1...Int64.max, using: &dice))
            let sent = try submission.signed(sender.signature(over: submission.signedHash))
            let line: JSON = [
                "network": .string(transfer.network.chainID), "token": .string(transfer.token.description),
                "from": .string(transfer.from.description), "to": .string(transfer.to.description),
                "amount": .string(String(transfer.amount)), "nonce": .string(String(transfer.nonce)),
                "expiration": JSON(transfer.expiration), "credentials": JSON(transfer.credentials.rawValue),
                "preimage": .string(Hex.encode(transfer.preimage)),
                "entry": .string(Hex.encode(entry.bytes)), "envelope": .string(envelope.base64),
                "sent": .string(Base64.standard.encode(sent)),
                "id": .string(Hex.encode(submission.signedHash)),
            ]
            lines.append(line.text)
        }
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let file = "\(folder)/payments"
        try lines.joined(separator: "\n").write(toFile: file, atomically: false, encoding: .utf8)
        let result = try await run(
            .name("env"), arguments: [python, Peer.script("stellar_messages.py").path, "check", file],
            output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        #expect(
            result.standardOutput == "100 payments are what they say\n",
            "seed \(seed): \(result.standardError)")
    }
}
