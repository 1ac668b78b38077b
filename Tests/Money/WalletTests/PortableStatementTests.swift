import Encoding
import Foundation
import Sodium
import Subprocess
import TestSupport
import Testing
import Wallet

@Suite struct PortableStatementTests {
    private static let offer: JSON = [
        "version": 1, "resourceUrl": "https://a/b?c=é", "scheme": "exact", "network": "solana:x",
        "asset": "m",
        "payTo": "p", "amount": "1000", "validUntil": 1_800_000_000,
    ]

    private func withWallet(_ body: (UnlockedWallet) async throws -> Void) async throws {
        try await withFolder { folder in
            let keystore = try KeystoreTests.create(in: folder)
            try await body(try keystore.unlock(passphrase: secret(KeystoreTests.passphrase)))
        }
    }

    /// Signs parts of one's own choice, as an attacker with a key would.
    private static func forge(
        header: (String) -> String, body: String = PortableStatementTests.offer.text, seed: String = "07"
    ) throws -> String {
        let key = try SigningKey(seed: secret(hex: String(repeating: seed, count: 32)))
        let input =
            Base64.url.encode(Array(header(DIDKey.url(of: key.publicKey)).utf8)) + "."
            + Base64.url.encode(Array(body.utf8))
        let signature = try key.signature(over: Array(input.utf8))
        return "\(input).\(Base64.url.encode(signature.bytes))"
    }

    private static func plain(_ kid: String) -> String { #"{"alg":"EdDSA","kid":"\#(kid)"}"# }

    @Test func `what the identity key signed is read back with its signer`() async throws {
        try await self.withWallet { wallet in
            let text = try await wallet.sign(PortableStatement(.x402Offer, body: Self.offer))
            let (read, signer) = try PortableStatement.read(text, kind: .x402Offer)
            #expect(read.body == Self.offer && signer == wallet.publicKey(.identity))
            #expect(
                text.hasPrefix(Base64.url.encode(Array(#"{"alg":"EdDSA","kid":"did:key:z"#.utf8)).prefix(30)))
            // Never as another kind, and never as a statement of ours.
            #expect(throws: PortableStatementError.members) {
                try PortableStatement.read(text, kind: .x402Receipt)
            }
            #expect(!text.hasPrefix("depai/"))
        }
    }

    @Test func `a body of another kind is not signed`() {
        for change in [{ $0["amount"] = nil }, { $0["payer"] = "x" }] as [(inout JSON) -> Void] {
            var body = Self.offer
            change(&body)
            #expect(throws: PortableStatementError.members) { try PortableStatement(.x402Offer, body: body) }
        }
        #expect(throws: PortableStatementError.members) { try PortableStatement(.x402Offer, body: []) }
    }

    @Test func `a header with anything but EdDSA and a did key is refused by its rule`() throws {
        let jwk = { (seed: String) throws -> String in
            let key = try SigningKey(seed: secret(hex: String(repeating: seed, count: 32))).publicKey
            return #"{"kty":"OKP","crv":"Ed25519","x":"\#(Base64.url.encode(key.bytes))"}"#
        }
        _ = try PortableStatement.read(try Self.forge(header: Self.plain), kind: .x402Offer)
        let (same, other) = (try jwk("07"), try jwk("08"))
        _ = try PortableStatement.read(
            try Self.forge { #"{"alg":"EdDSA","kid":"\#($0)","jwk":\#(same)}"# }, kind: .x402Offer)
        let headers: [(String, (String) -> String)] = [
            ("algorithm", { #"{"alg":"none","kid":"\#($0)"}"# }),
            ("algorithm", { #"{"alg":"ES256K","kid":"\#($0)"}"# }),
            ("algorithm", { #"{"alg":"eddsa","kid":"\#($0)"}"# }),
            ("form", { _ in #"{"alg":"EdDSA"}"# }), ("form", { #"{"kid":"\#($0)"}"# }),
            ("form", { #"{"alg":"EdDSA","kid":"\#($0)","crit":["x"]}"# }),
            ("form", { #"{"alg":"EdDSA","alg":"EdDSA","kid":"\#($0)"}"# }),
            ("form", { #"{"alg":"none","alg":"EdDSA","kid":"\#($0)"}"# }),
            ("form", { #"{"alg":"EdDSA","kid":"\#($0)"} "# + "x" }), ("form", { _ in "[]" }),
            ("key", { _ in #"{"alg":"EdDSA","kid":"did:web:example.com#key-1"}"# }),
            ("key", { #"{"alg":"EdDSA","kid":"\#($0)x"}"# }),
            ("key", { #"{"alg":"EdDSA","kid":"\#($0)","jwk":\#(other)}"# }),
            // A key of small order verifies for everybody.
            (
                "key",
                { _ in
                    let small =
                        "did:key:z" + Base58.encode([0xed, 0x01, 1] + [UInt8](repeating: 0, count: 31))
                    return #"{"alg":"EdDSA","kid":"\#(small)"}"#
                }
            ),
        ]
        for (index, (rule, header)) in headers.enumerated() {
            let text = try Self.forge(header: header)
            let error = #expect(throws: PortableStatementError.self, "header \(index)") {
                try PortableStatement.read(text, kind: .x402Offer)
            }
            #expect(error?.rule == rule, "header \(index): \(String(describing: error))")
        }
    }

    @Test func `changed, shortened, padded and foreign signatures are refused by their rule`() throws {
        let good = try Self.forge(header: Self.plain)
        let parts = good.split(separator: ".").map(String.init)
        let foreign = try Self.forge(header: { _ in
            let key = try? SigningKey(seed: secret(hex: String(repeating: "08", count: 32))).publicKey
            return Self.plain(key.map { DIDKey.url(of: $0) } ?? "")
        })
        var cheaper = Self.offer
        cheaper["amount"] = "1"
        let body = Base64.url.encode(Array(cheaper.text.utf8))
        let signature = try Base64.url.decode(parts[2])
        for (rule, text) in [
            ("signature", "\(parts[0]).\(body).\(parts[2])"), ("signature", foreign),
            ("signature", "\(parts[0]).\(parts[1]).\(Base64.url.encode(signature.reversed()))"),
            ("form", "\(parts[0]).\(parts[1]).\(Base64.url.encode(signature.dropLast()))"),
            ("form", "\(parts[0]).\(parts[1]).\(Base64.url.encode(signature + [0]))"),
            ("form", "\(parts[0]).\(parts[1]).\(parts[2])=="), ("form", "\(parts[0]).\(parts[1])."),
            ("form", "\(parts[0]).\(parts[1])"), ("form", good + "."), ("form", "." + good), ("form", ""),
            ("form", "\(parts[0])=.\(parts[1]).\(parts[2])"),
            ("form", good + String(repeating: "A", count: 9_000)),
            ("form", try Self.forge(header: Self.plain, body: #"{"version":1,"version":1}"#)),
            ("members", try Self.forge(header: Self.plain, body: #"{"version":1}"#)),
        ] {
            let error = #expect(throws: PortableStatementError.self, "\(text.suffix(40))") {
                try PortableStatement.read(text, kind: .x402Offer)
            }
            #expect(error?.rule == rule, "\(String(describing: error))")
        }
    }

    @Test func `joserfc believes what we sign, and we believe what joserfc signs`() async throws {
        let python = try await Peer.python(with: "joserfc", from: "joserfc")
        let receipt: JSON = [
            "version": 1, "network": "n", "resourceUrl": "r/ü\u{7}", "payer": "p", "issuedAt": 1,
            "transaction": "t",
        ]
        func peer(_ arguments: [String], _ lines: [String], in folder: URL) async throws -> [Substring] {
            let file = folder.appending(path: "lines")
            try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
            let result = try await run(
                .name("env"),
                arguments: Arguments([python, Peer.script("sign_offers.py").path] + arguments + [file.path]),
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
            #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
            return result.standardOutput.split(separator: "\n")
        }
        try await self.withWallet { wallet in
            try await withFolder { folder in
                let folder = URL(filePath: folder.string)
                let ours = [
                    try await wallet.sign(PortableStatement(.x402Offer, body: Self.offer)),
                    try await wallet.sign(PortableStatement(.x402Receipt, body: receipt)),
                ]
                let forged =
                    ours[0].split(separator: ".")[..<2].joined(separator: ".") + "."
                    + ours[1].split(separator: ".")[2]
                let said = try await peer(["verify"], ours + [forged], in: folder).map {
                    JSONField(try JSON.read(Array($0.utf8)))
                }
                try #require(said.count == 3)
                #expect(said[0]["body"].value == Self.offer && said[1]["body"].value == receipt)
                for line in said[..<2] {
                    #expect(try line["signer"].string() == DIDKey.text(of: wallet.publicKey(.identity)))
                }
                #expect(try said[2]["error"].string() == "BadSignatureError")
                let seed = String(repeating: "2a", count: 32)
                let theirs = try await peer(["sign", seed], [Self.offer.text, receipt.text], in: folder)
                try #require(theirs.count == 2)
                let (offer, signer) = try PortableStatement.read(String(theirs[0]), kind: .x402Offer)
                #expect(
                    try offer.body == Self.offer && signer == SigningKey(seed: secret(hex: seed)).publicKey)
                #expect(
                    try PortableStatement.read(String(theirs[1]), kind: .x402Receipt).statement.body
                        == receipt)
            }
        }
    }
}
