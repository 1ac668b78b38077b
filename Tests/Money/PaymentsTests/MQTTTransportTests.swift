import Encoding
import Payments
import Testing
import World

/// The two ways between headers and members.
@Suite struct MQTTTransportTests {
    private func header(_ json: JSON) -> String { Base64.standard.encode(Array(json.text.utf8)) }

    @Test func `a request goes there and comes back as it was`() throws {
        let payload: JSON = ["x402Version": 2, "payload": ["a": [1, nil, true, "é\n"]]]
        for body in [[], Array(#"{"b":1,"a":[]}"#.utf8), Array(#"{ "b": 1 }"#.utf8), [0xff, 0x00]]
            as [[UInt8]]
        {
            let request = WebRequest(
                "PUT", "mqtt://h/n/p?q=%20",
                headers: [
                    Header("content-type", "application/json"), Header("range", "bytes=0-"),
                    Header(X402.signatureHeader, self.header(payload)),
                ], body: body)
            let bytes = try MQTTTransport.bytes(of: request)
            let read = try MQTTTransport.request(bytes)
            #expect(read == request)
            let root = try JSON.read(bytes)
            #expect(root["paymentPayload"] == payload)
            #expect(
                (root["request"]?["bodyBase64"] == nil)
                    == (body.isEmpty || body.last == 0x7d && body[1] == 0x22))
        }
    }

    @Test func `an answer goes there and comes back as it was`() throws {
        let required: JSON = ["x402Version": 2, "accepts": []]
        let settled: JSON = ["success": true]
        let response = WebResponse(
            status: 402,
            headers: [
                Header("content-type", "application/json; charset=utf-8"),
                Header(X402.requiredHeader, self.header(required)),
                Header(X402.responseHeader, self.header(settled)),
            ], body: Array("{}".utf8))
        let bytes = try MQTTTransport.bytes(of: response)
        #expect(try MQTTTransport.response(bytes) == response)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"status":402,"paymentRequired":{"x402Version":2,"accepts":[]},"#
                + #""settlementResponse":{"success":true},"#
                + #""headers":{"content-type":"application/json; charset=utf-8"},"body":{}}"#)
        // JSON without a content type is JSON.
        let bare = try MQTTTransport.response(Array(#"{"status":200,"body":null}"#.utf8))
        #expect(bare.body == Array("null".utf8) && bare.header("Content-Type") == "application/json")
    }

    @Test(arguments: [
        #"{"status":"200"}"#, #"{"status":42}"#, #"{"status":200,"headers":{"A":"b"}}"#,
        #"{"status":200,"headers":{"a":"b\u0000"}}"#, #"{"status":200,"headers":[]}"#,
        #"{"status":200,"body":1,"bodyBase64":""}"#, #"{"status":200,"paymentRequired":"x"}"#,
        #"{"status":200,"headers":{"payment-response":"x"}}"#, #"{"status":200,"status":200}"#, "",
    ])
    func `an answer that is none is malformed`(text: String) {
        #expect(throws: X402Error.self) { try MQTTTransport.response(Array(text.utf8)) }
    }

    @Test func `a header that is not what it should be is not sent`() {
        #expect(throws: X402Error.self) {
            try MQTTTransport.bytes(
                of: WebRequest("GET", "mqtt://h/n/", headers: [Header(X402.signatureHeader, "?")]))
        }
    }

    @Test func `addresses are read as they are written, and nothing else is`() throws {
        let address = try #require(MQTTAddress("MQTTS://Broker.Example/Node-1/v1/offer?a=b"))
        #expect(address.isSecure && address.host == "broker.example" && address.port == 8_883)
        #expect(address.node == "Node-1" && address.target == "/v1/offer?a=b")
        #expect(MQTTAddress("mqtt://[::1]:1999/n")?.broker == "mqtt://[::1]:1999")
        let plain = BrokerAddress(host: "Broker.example", port: 8_883, clientID: "x")
        #expect(!address.isReached(through: plain))
        var secure = plain
        secure.tls = BrokerAddress.TLS()
        #expect(address.isReached(through: secure))
        for text in [
            "mqtt://", "mqtt:///n", "mqtt://h", "mqtt://h/", "mqtt://h:0/n", "mqtt://h:x/n", "mqtt://h:/n",
            "mqtt://u@h/n", "mqtt://h/n#f", "mqtt://h/a+b/", "mqtt://h/#/", "mqtt://[::1/n", "mqtt://h/n?x",
            "http://h/n", "mqtt://h/é/",
        ] { #expect(MQTTAddress(text) == nil, "\(text)") }
    }
}
