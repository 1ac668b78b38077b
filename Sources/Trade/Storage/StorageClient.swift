internal import Encoding
public import Ledger
public import Market
public import Payments
internal import Statements
public import World

/// The buyer's side of storage: what to order, what to believe.
public struct StorageClient: Sendable {
    private let web: any Web
    private let entropy: any Entropy

    public init(web: any Web, entropy: any Entropy) {
        self.web = web
        self.entropy = entropy
    }

    /// What putting `object` at one provider is to the books.
    public static func purchase(of object: StoredObject) -> Purchase {
        Purchase(.object(object.id.description))
    }

    /// The order that puts `object` at a provider for `days`.
    public static func order(
        _ object: StoredObject, days: Int, at provider: Provider, name: String, ceiling: UInt64,
        tries: Int = 6, channel: Order.ChannelUse = .existing
    ) -> Order {
        let url = "\(provider.url)/v1/storage/\(object.id)?size=\(object.bytes.count)&days=\(days)"
        let request = WebRequest(
            "PUT", url, headers: [Header("Content-Type", "application/octet-stream")], body: object.bytes,
            bodyLimit: 64 << 10)
        return Order(
            request: request, self.purchase(of: object), note: "\(name) \(provider.url)",
            ceiling: .units(ceiling), tries: tries, channel: channel, seller: provider.identity)
    }

    /// Reads and checks the receipt that came with a paid answer.
    /// - Throws: when it is not signed by the provider, or speaks about something else.
    public static func receipt(_ body: [UInt8], for object: ObjectSummary, days: Int, from provider: Provider)
        throws -> StorageReceipt
    {
        let receipt = try Signed<StorageReceipt>(body, from: provider.identity).body
        guard receipt.object == object else {
            throw StorageError.mismatch(
                what: "the stored object", expected: object.id.description,
                found: receipt.object.id.description)
        }
        guard receipt.days == days else {
            throw StorageError.mismatch(
                what: "the term", expected: "\(days) days", found: "\(receipt.days) days")
        }
        return receipt
    }

    /// Asks for one leaf, chosen at random after the node has the bytes, and checks it against our own root.
    /// - Returns: the proof, whose leaf is the data itself.
    /// - Throws: `StorageError`, `StatementError`, `WebError`: in every case possession is not proved.
    public func challenge(_ object: ObjectSummary, at provider: Provider) async throws -> PossessionProof {
        let index = Int(self.entropy.number(below: UInt64(StoredObject.leafCount(bytes: object.size))))
        let nonce = Hex.encode(self.entropy.bytes(16))
        let url = "\(provider.url)/v1/storage/\(object.id)/proof?leaf=\(index)&nonce=\(nonce)"
        let response = try await self.web.send(
            WebRequest("GET", url, timeout: .seconds(10), bodyLimit: 64 << 10))
        guard response.status == 200 else { throw StorageError.noProof(status: response.status) }
        let proof = try Signed<PossessionProof>(response.body, from: provider.identity).body
        try proof.check(object, index: index, nonce: nonce)
        return proof
    }

    /// Fetches a stored object and checks that it is the one asked for.
    public func fetch(_ object: ObjectSummary, at provider: Provider) async throws -> [UInt8] {
        let response = try await self.web.send(
            WebRequest("GET", "\(provider.url)/v1/storage/\(object.id)", bodyLimit: StoredObject.byteLimit))
        guard response.status == 200 else { throw StorageError.noProof(status: response.status) }
        let found = StoredObject.id(of: response.body)
        guard found == object.id else {
            throw StorageError.mismatch(
                what: "the content", expected: object.id.description, found: found.description)
        }
        return response.body
    }
}
