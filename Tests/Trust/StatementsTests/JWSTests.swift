import Encoding
import Foundation
import Sodium
import Statements
import Subprocess
import TestSupport
import Testing

/// A body with the members of x402's offer, as ``JWS`` frames it.
private struct Terms: Signable {
    static let kind = Statement.Kind.x402Offer
    static let limits = JSON.Limits(bytes: 8 << 10, depth: 4)
    let json: JSON

    init(_ field: JSONField) throws {
        for name in ["version", "amount"] where !field[name].exists { throw field[name].fault("missing") }
        self.json = field.value ?? .null
    }
}

@Suite struct JWSTests {
    private static let offer: JSON = [
        "version": 1, "resourceUrl": "https://a/b?c=é", "scheme": "exact", "network": "solana:x",
        "asset": "m",
        "payTo": "p", "amount": "1000", "validUntil": 1_800_000_000,
    ]

    private static func jws(_ body: JSON, by byte: UInt8) throws -> JWS<Terms> {
        let key = try seeded(byte)
        let terms = try Terms(JSONField(body))
        let signature = try key.signature(over: try JWS.statement(terms, by: key.publicKey).bytes)
        return try JWS(terms, by: key.publicKey, signature)
    }

    /// Signs parts of one's own choice, as an attacker with a key would.
    private static func forge(
        header: (String) -> String, body: String = JWSTests.offer.text, seed: UInt8 = 7
    ) throws -> String {
        let key = try seeded(seed)
        let input =
            Base64.url.encode(Array(header(DIDKey.url(of: key.publicKey)).utf8)) + "."
            + Base64.url.encode(Array(body.utf8))
        let signature = try key.signature(over: Array(input.utf8))
        return "\(input).\(Base64.url.encode(signature.bytes))"
    }

    private static func plain(_ kid: String) -> String { #"{"alg":"EdDSA","kid":"\#(kid)"}"# }

    @Test func `what a key signed is read back with its signer`() throws {
        let key = try seeded(7)
        let made = try Self.jws(Self.offer, by: 7)
        let read = try JWS<Terms>(made.text, from: key.publicKey)
        #expect(read.body.json == Self.offer && read.signer == key.publicKey && read.text == made.text)
        #expect(
            made.text.hasPrefix(
                Base64.url.encode(Array(#"{"alg":"EdDSA","kid":"did:key:z"#.utf8)).prefix(30)))
        #expect(throws: StatementError.self) { try JWS<Terms>(made.text, from: try seeded(8).publicKey) }
        // Nobody puts another's name under it.
        let signature = try key.signature(over: [1])
        #expect(throws: StatementError.self) {
            try JWS(try Terms(JSONField(Self.offer)), by: key.publicKey, signature)
        }
    }

    @Test func `a header with anything but EdDSA and a did key is refused by its rule`() throws {
        let jwk = { (seed: UInt8) throws -> String in
            let key = try seeded(seed).publicKey
            return #"{"kty":"OKP","crv":"Ed25519","x":"\#(Base64.url.encode(key.bytes))"}"#
        }
        _ = try JWS<Terms>(try Self.forge(header: Self.plain), from: nil)
        let (same, other) = (try jwk(7), try jwk(8))
        _ = try JWS<Terms>(try Self.forge { #"{"alg":"EdDSA","kid":"\#($0)","jwk":\#(same)}"# }, from: nil)
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
            let error = #expect(throws: StatementError.self, "header \(index)") {
                try JWS<Terms>(text, from: nil)
            }
            #expect(error?.rule == rule, "header \(index): \(String(describing: error))")
        }
    }

    @Test func `changed, shortened, padded and foreign signatures are refused by their rule`() throws {
        let good = try Self.forge(header: Self.plain)
        let parts = good.split(separator: ".").map(String.init)
        let foreign = try Self.forge(header: { _ in
            let key = try? seeded(8).publicKey
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
            let error = #expect(throws: StatementError.self, "\(text.suffix(40))") {
                try JWS<Terms>(text, from: nil)
            }
            #expect(error?.rule == rule, "\(String(describing: error))")
        }
    }

    @Test func `joserfc believes what we sign, and we believe what joserfc signs`() async throws {
        let python = try await Peer.python(with: "joserfc", from: "joserfc")
        let odd: JSON = ["version": 1, "amount": "0", "resourceUrl": "r/ü\u{7}", "payer": "p", "issuedAt": 1]
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
        let key = try seeded(7).publicKey
        try await withFolder { folder in
            let folder = URL(filePath: folder.string)
            let ours = [try Self.jws(Self.offer, by: 7).text, try Self.jws(odd, by: 7).text]
            let forged =
                ours[0].split(separator: ".")[..<2].joined(separator: ".") + "."
                + ours[1].split(separator: ".")[2]
            let said = try await peer(["verify"], ours + [forged], in: folder).map {
                JSONField(try JSON.read(Array($0.utf8)))
            }
            try #require(said.count == 3)
            #expect(said[0]["body"].value == Self.offer && said[1]["body"].value == odd)
            for line in said[..<2] { #expect(try line["signer"].string() == DIDKey.text(of: key)) }
            #expect(try said[2]["error"].string() == "BadSignatureError")
            let seed = String(repeating: "2a", count: 32)
            let theirs = try await peer(["sign", seed], [Self.offer.text, odd.text], in: folder)
            try #require(theirs.count == 2)
            let signer = try seeded(0x2a).publicKey
            #expect(try JWS<Terms>(String(theirs[0]), from: signer).body.json == Self.offer)
            #expect(try JWS<Terms>(String(theirs[1]), from: signer).body.json == odd)
        }
    }
}
