import Control
import Encoding
import Ledger
import Payments
import Testing
import World

/// What is asked of a cashier and what it answers crosses a socket unchanged.
@Suite struct CashierWireTests {
    private static let asset = Asset(id: "chain/token:dollar", symbol: "USD", decimals: 6)
    private static let denial = Denial(rule: "limit:day", reason: "too much", allowedNow: 7)
    private static let payment = CashierAnswer.Payment(
        intent: Purchase(.request("a")).intent(round: 0), asset: Self.asset, amount: .max, payee: "chain:b",
        transaction: nil)

    @Test(arguments: [
        CashierRequest(
            .fetch(
                Fetch(
                    WebRequest(
                        "POST", "http://here/a?b=c", headers: [Header("A", "b: c")], body: [0, 255, 7],
                        bodyLimit: 77), max: "0.05", deposit: "1.00", isDry: true, anew: true))),
        CashierRequest(.recover), CashierRequest(.close(channel: "c", force: false, at: nil)),
        CashierRequest(.fetch(Fetch(WebRequest("GET", "http://here/"))), network: "solana:x"),
        CashierRequest(.close(channel: "c", force: true, at: "http://there")),
    ]) func `a request is read as it was written`(_ request: CashierRequest) throws {
        #expect(try CashierRequest(JSONField(JSON.read(request.json.canonicalBytes()))) == request)
    }

    @Test(
        arguments: [
            .success(.answered(status: 200, body: [1, 2, 255], Self.payment)),
            .success(.answered(status: 404, body: [], nil)),
            .success(.answered(status: 200, body: [], Self.payment, remark: "no receipt")),
            .success(
                .findings([
                    .init(channel: "a", outcome: .booked, reason: ""),
                    .init(channel: "b", outcome: .left, reason: "c"),
                ])),
            .success(.ended(.denied, "no", nil, Self.denial)),
            .success(.ended(.open, "silence", Self.payment.intent, nil)),
            .success(.wouldPay(Self.payment, feePayer: "f", message: [9], .allowed)),
            .success(.wouldPay(Self.payment, feePayer: "f", message: [9], .approvalNeeded(Self.denial))),
            .success(.wouldPay(Self.payment, feePayer: "f", message: [9], .denied(Self.denial))),
            .success(.closing(.closed(redeemed: 1, returned: .max, transaction: "t"), Self.asset)),
            .success(.closing(.refused(reason: "no"), Self.asset)),
            .success(.closing(.closing(until: 5), Self.asset)),
            .failure(.chain("a")), .failure(.otherNetwork("b")), .failure(.storage("c")), .failure(.locked),
            .failure(.unknownChannel("d")), .failure(.refused("e")),
        ] as [Result<CashierAnswer, CashierFault>])
    func `an answer is read as it was written`(_ answer: Result<CashierAnswer, CashierFault>) throws {
        #expect(try Result<CashierAnswer, CashierFault>(answer.json.canonicalBytes()) == answer)
    }

    @Test(arguments: [
        #"{"ask":"fetch"}"#, #"{"ask":"close","channel":"c","force":1}"#, #"{"ask":"spend"}"#,
        #"{"ask":"close","channel":"c","force":true,"amount":"9"}"#,
    ]) func `what is no request is refused with its place`(_ text: String) throws {
        #expect(throws: JSONError.self) { try CashierRequest(JSONField(JSON.read(text))) }
    }
}
