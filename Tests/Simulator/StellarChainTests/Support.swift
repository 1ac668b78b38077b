import Encoding
import Sodium
import Stellar
import StellarChain
import Testing
import World

/// The key whose seed is `byte` 32 times.
func key(_ byte: UInt8) throws -> SigningKey {
    try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
}

func address(_ byte: UInt8) throws -> StellarAddress { StellarAddress(try key(byte).publicKey) }

/// A web whose hosts are nodes; others do not answer.
struct MemoryWeb: Web {
    var nodes: [String: StellarNode]

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        guard let node = self.nodes[request.url] else { throw .unreachable(request.url) }
        return WebResponse(status: 200, headers: [], body: await node.respond(to: request.body))
    }
}

/// A network with a facilitator (seed 33), a robot (2) that has 1,000 dollars, and a seller (3).
struct Scene {
    static let robot: UInt8 = 2, seller: UInt8 = 3
    let node: StellarNode
    let facilitator: StellarFacilitator
    let rpc: StellarRPC
    let token = StellarNetwork.testnet.usdcContract
    let from: StellarAddress
    let to: StellarAddress

    init() throws {
        var ledger = StellarLedger()
        (self.from, self.to) = (try address(Self.robot), try address(Self.seller))
        for account in [self.from, self.to, try address(0x33)] { ledger.fund(account, lumens: 100_000_000) }
        ledger.trust(self.token, by: self.to)
        ledger.mint(self.token, to: self.from, amount: 10_000_000_000)
        self.node = StellarNode(ledger)
        self.facilitator = try StellarFacilitator(node: self.node)
        self.rpc = StellarRPC(
            urls: ["http://node"], network: .testnet, web: MemoryWeb(nodes: ["http://node": self.node]))
    }

    var latest: UInt32 { get async { await self.node.withLedger { $0.sequence } } }

    func transfer(_ amount: UInt64 = 10_000_000, nonce: Int64 = 7, ledgers: UInt32 = 11) async
        -> StellarTransfer
    {
        StellarTransfer(
            network: .testnet, token: self.token, from: self.from, to: self.to, amount: amount,
            nonce: nonce, expiration: await self.latest + ledgers)
    }

    func terms(_ amount: UInt64 = 10_000_000) -> StellarTerms {
        StellarTerms(asset: self.token, payTo: self.to, amount: amount)
    }

    /// Lets the node say what it needs, signs and packs.
    func envelope(_ transfer: StellarTransfer) async throws -> StellarEnvelope {
        let needs = try await self.rpc.simulate(transfer)
        let key = try key(Self.robot)
        let authorization = try StellarAuthorization(
            transfer, signature: key.signature(over: transfer.signedHash))
        let envelope = StellarEnvelope(authorization, maxTime: 0, resources: needs.resources)
        // With the signature the node says the same.
        #expect(try await self.rpc.simulate(envelope) == needs)
        return envelope
    }

    /// Of the robot and the seller.
    func holdings() async -> [Int128?] {
        await self.node.withLedger { [token, from, to] ledger in
            [ledger.holding(token, of: from), ledger.holding(token, of: to)]
        }
    }

    func search(_ transfer: StellarTransfer, since first: UInt32? = nil, witness: StellarRPC? = nil)
        async throws
        -> StellarSearch
    {
        var start = first ?? 0
        if first == nil { start = await self.latest }
        return try StellarSearch(
            preimage: transfer.preimage, firstLedger: start, rpc: self.rpc, witness: witness)
    }
}
