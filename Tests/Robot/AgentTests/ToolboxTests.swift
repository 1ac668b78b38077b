import Control
import Devices
import Encoding
import Ledger
import PaymentSupport
import Payments
import Synchronization
import Testing
import ThingSupport
import World

@testable import Agent

/// A robot's tools, as its behaviours and its plans use them.
@Suite(.endsHangs) struct ToolboxTests {
    /// A plug that counts how often it is told something.
    private func withPlug(_ body: @Sendable (DeviceHub, _ told: @Sendable () -> Int) async throws -> Void)
        async throws
    {
        let (bus, told) = (MemoryBus(), CountedCommands())
        bus.device { [weak bus] message in
            guard message.topic == "cmnd/plug-1/POWER" else { return }
            told.count.add(1, ordering: .relaxed)
            bus?.arrive("stat/plug-1/POWER", message.payload)
        }
        try await withHub([try shipped("relay-plug", "plug-1")], bus: bus) { hub in
            try await body(hub) { told.count.load(ordering: .relaxed) }
        }
    }

    private final class CountedCommands: Sendable {
        let count = Atomic<Int>(0)
    }

    private static let step: JSON = [
        "ask": "write", "thing": "plug-1", "property": "power", "value": true, "id": "step-1",
    ]

    @Test func `a step that is taken again is taken once, and two plans do not mix theirs up`() async throws {
        try await self.withPlug { hub, told in
            let tools = ["a", "b"].map {
                Toolbox(devices: DeviceDesk(hub: hub), cashier: nil, issuer: $0)
            }
            let first = await tools[0].perform(JSONField(Self.step))
            #expect(first["schema"] == "depai.command/1" && first["id"] == "a/step-1")
            let again = try Tool(JSONField(Self.step))
            #expect(await tools[0].perform(again) == first)
            #expect(told() == 1)
            #expect(await tools[1].perform(JSONField(Self.step))["id"] == "b/step-1")
            #expect(told() == 2)
            let device = await tools[0].perform(JSONField(["ask": "device", "thing": "plug-1"]))
            #expect(device["schema"] == "depai.device/1")
        }
    }

    @Test func `what is no tool is refused, and so is money without a wallet`() async throws {
        try await self.withPlug { hub, told in
            let tools = Toolbox(devices: DeviceDesk(hub: hub), cashier: nil, issuer: "plan")
            // Who may change the rules is not who is bound by them.
            for name in ["freeze", "policy", "execute", "challenge", "", "launch"] {
                #expect(await tools.perform(JSONField(["ask": .string(name)]))["refusal"] != nil, "\(name)")
            }
            for broken: JSON in [[:], [1], ["ask": "write"], ["ask": "device", "thing": "plug-1", "x": 1]] {
                #expect(await tools.perform(JSONField(broken))["refusal"] != nil, "\(broken.text)")
            }
            for ask: JSON in [["ask": "recover"], ["ask": "fetch"]] {
                #expect(await tools.perform(JSONField(ask))["fault"] == "locked")
            }
            #expect(told() == 0)
        }
    }

    @Test func `a tool reads as it is written`() throws {
        let wishes: [CashierRequest.Wish] = [
            .recover, .close(channel: "c", force: true, at: nil),
            .fetch(Fetch(WebRequest("GET", "http://a/b"), max: "0.05")),
        ]
        let requests: [DeviceRequest] = [
            .list, .show(thing: "a"), .readings(after: 5), .write(true, property: "p", thing: "t", id: "i"),
            .invoke("go", thing: "t", input: ["x": 1], id: "j"),
        ]
        for tool in wishes.map({ Tool.purchase(CashierRequest($0)) }) + requests.map({ Tool.device($0) }) {
            #expect(try Tool(JSONField(tool.json)).json == tool.json)
        }
    }

    @Test func `a plan buys what it fetches, once, also over a restart`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger(change: { rules in
                rules["payees"] = [
                    [
                        "id": "node-a", "purposes": ["service"],
                        "account": .string("\(market.network.chainID):\(market.payTo)"),
                    ]
                ]
            })
            try await self.withPlug { hub, _ in
                let fetch = CashierRequest(.fetch(Fetch(try market.order().request, max: "0.001")))
                for _ in 0..<2 {
                    // As after a crash before the answer was kept.
                    let tools = Toolbox(
                        devices: DeviceDesk(hub: hub),
                        cashier: Cashier(buyer: market.buyer(ledger), ledger: ledger), issuer: "plan")
                    guard case .answered(200, let body, let payment?, _) = try await tools.pay(fetch) else {
                        Issue.record("it was not bought")
                        return
                    }
                    #expect(!body.isEmpty && payment.amount == 1_000)
                }
                #expect(await market.transfers().count == 1)
            }
        }
    }
}
