import Control
import Encoding
import Sodium
import Statements
import Testing

/// What goes over a broker under a wallet's name, and what is asked there.
@Suite struct AnswerTests {
    private static let wallet = "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"

    private static func key(_ byte: UInt8) throws -> SigningKey {
        try SigningKey(
            seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
    }

    private static func signed<Body: Signable>(_ body: Body) throws -> Signed<Body> {
        let key = try self.key(7)
        return try Signed(body, by: key.publicKey, try key.signature(over: try body.statement.bytes))
    }

    @Test func `an answer names its request and its wallet`() throws {
        let request = Array("a request".utf8)
        let answer = Answer(["done": true], to: request, of: Self.wallet)
        let bytes = try Self.signed(answer).bytes
        let read = try Signed<Answer>(bytes, from: try Self.key(7).publicKey).body
        #expect(read == answer && read.request == Answer.name(of: request) && read.wallet == Self.wallet)
        #expect(throws: StatementError.self) { try Signed<Answer>(bytes, from: try Self.key(8).publicKey) }
    }

    @Test func `a device's number of any size goes under the wallet's name`() throws {
        let answer = Answer(["value": .integer(.max), "n": [.number(1.5)]], to: [], of: Self.wallet)
        let read = try Signed<Answer>(try Self.signed(answer).bytes, from: nil).body
        #expect(read.answer == ["value": .string("\(Int64.max)"), "n": [.number(1.5)]])
    }

    @Test(arguments: [
        WalletState(
            wallet: Self.wallet, at: 1_800_000_000_000, journal: 7, hash: [1, 2], hold: "smoke", policy: 3),
        WalletState(wallet: Self.wallet, at: 0, journal: 0, hash: [], hold: nil, policy: nil),
    ]) func `a state is read as it was said`(_ state: WalletState) throws {
        #expect(try Signed<WalletState>(try Self.signed(state).bytes, from: nil).body == state)
    }

    /// The words on the socket and the topics are those of the program before: an older one may be asking.
    @Test func `a request of a wallet is written in the words of always`() throws {
        for (request, text) in [
            (WalletRequest.challenge, #"{"ask":"challenge"}"#),
            (.freeze(reason: "smoke"), #"{"ask":"freeze","reason":"smoke"}"#),
            (.execute(Array("{}".utf8)), #"{"ask":"execute","command":{}}"#),
            (.policy(Array("{}".utf8)), #"{"ask":"policy","file":{}}"#),
        ] {
            #expect(try request.bytes == Array(text.utf8))
            #expect(try WalletRequest(Array(text.utf8)) == request)
        }
        for text in [
            "", "{}", #"{"ask":"spend"}"#, #"{"ask":"challenge","more":1}"#, #"{"ask":"execute"}"#,
            #"{"ask":"freeze","reason":"\#(String(repeating: "a", count: 201))"}"#,
        ] {
            #expect(throws: (any Error).self) { try WalletRequest(Array(text.utf8)) }
        }
        let topics = OwnerTopics(wallet: "W")
        #expect(
            [topics.ask, topics.freeze, topics.answer, topics.state, topics.device, topics.deviceAnswer] == [
                "depai/W/owner/ask", "depai/W/owner/freeze", "depai/W/owner/answer", "depai/W/owner/state",
                "depai/W/device/ask", "depai/W/device/answer",
            ])
    }

    @Test(arguments: [
        DeviceRequest.list, .show(thing: "plug-1"), .readings(after: nil), .readings(after: 7),
        .write(true, property: "power", thing: "plug-1", id: "1"),
        .invoke("scan", thing: "camera-1", input: .null, id: "2"),
    ]) func `a request about devices is read as it was written`(_ request: DeviceRequest) throws {
        #expect(try DeviceRequest(JSONField(JSON.read(request.json.text))) == request)
        var more = request.json
        more["more"] = 1
        #expect(throws: JSONError.self) { try DeviceRequest(JSONField(more)) }
    }
}
