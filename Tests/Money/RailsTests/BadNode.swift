import Encoding
import PaymentSupport
import Synchronization
import World

/// Numbers that a seed repeats.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed &+ 0x9e37_79b9_7f4a_7c15 }

    mutating func next() -> UInt64 {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return self.state ^ self.state >> 29
    }

    mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// The chain's node as the robot sees it, bad or good.
final class BadNode: Web {
    private let market: TestMarket
    private let dice: Mutex<Dice>
    /// How many answers of a hundred are spoilt; 0 for an honest node.
    let badness: Mutex<Int>

    init(_ market: TestMarket, seed: UInt64, badness: Int) {
        self.market = market
        self.dice = Mutex(Dice(seed: seed))
        self.badness = Mutex(badness)
    }

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        let badness = self.badness.withLock { $0 }
        let (isBad, kind) = self.dice.withLock { dice in
            (dice.happens(badness), Int.random(in: 0..<6, using: &dice))
        }
        let isChain = request.url == TestMarket.rpcURL
        guard isBad, isChain else { return try await self.market.web.send(request) }
        let call = (try? JSON.read(request.body)).map { JSONField($0) }
        let method = (try? call?["method"].string()) ?? ""
        switch (kind, method) {
        case (0, _): throw .timedOut
        case (1, _): return WebResponse(status: 429, headers: [Header("Retry-After", "0")], body: [])
        case (2, "getTransaction"): return self.result(.null)
        case (3, "getSignaturesForAddress"): return self.result([])
        case (4, "getBlockHeight"): return self.result(1_000_000)
        case (5, "getSignaturesForAddress"):
            let response = try await self.market.web.send(request)
            guard let answer = try? JSON.read(response.body),
                let lines = try? JSONField(answer)["result"].elements()
            else { return response }
            return self.result(
                .array(
                    lines.compactMap { line in
                        var line = line.value
                        line?["memo"] = .null
                        return line
                    }))
        default: return try await self.market.web.send(request)
        }
    }

    private func result(_ result: JSON) -> WebResponse {
        let answer: JSON = ["jsonrpc": "2.0", "id": 1, "result": result]
        return WebResponse(status: 200, headers: [], body: Array(answer.text.utf8))
    }
}
