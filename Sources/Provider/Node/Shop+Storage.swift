internal import Database
internal import Encoding
internal import Ledger
internal import Market
internal import Statements
internal import Storage
internal import SystemPackage
internal import Wallet
internal import World

/// Keeping an object for some days.
struct StorageSale: Shop.SaleKind {
    let id: ContentID
    let size: Int
    let days: Int
    let price: UInt64
    let body: [UInt8]
    var purpose: Purpose { .storage }

    /// The longest term that is sold at once.
    static let maximumDays = 366

    init(_ cid: String, _ request: ShopRequest, _ offer: Offer) throws {
        guard let id = try? ContentID(cid), id.codec == .raw else {
            throw Shop.Refusal(status: 400, reason: "\"\(cid.prefix(80))\" is not a raw CIDv1 with SHA2-256")
        }
        guard let size = request.query["size"].flatMap({ Int($0) }),
            (1...StoredObject.byteLimit).contains(size),
            let days = request.query["days"].flatMap({ Int($0) }), (1...Self.maximumDays).contains(days)
        else {
            throw Shop.Refusal(
                status: 400,
                reason: "size has 1 to \(StoredObject.byteLimit) bytes, days are 1 to \(Self.maximumDays)")
        }
        guard let price = offer.storage?.price(bytes: size, days: days) else {
            throw Shop.Refusal(status: 404, reason: "storage of that size is not sold here")
        }
        self.id = id
        self.size = size
        self.days = days
        self.price = price
        self.body = request.body
    }

    func check() throws {
        guard self.body.count == self.size else {
            throw Shop.Refusal(
                status: 400, reason: "the body has \(self.body.count) bytes instead of \(self.size)")
        }
        let found = StoredObject.id(of: self.body)
        guard found == self.id else { throw Shop.Refusal(status: 400, reason: "the body's CID is \(found)") }
    }

    func work(in shop: isolated Shop, transaction: String) async throws -> ShopResponse {
        // Whatever way led here: an object stands only under its own name.
        try self.check()
        let object = try StoredObject(self.body)
        let now = shop.timeline.now.milliseconds
        try DurableFile.write(self.body, to: shop.blobs.appending(self.id.description))
        try shop.sales.note(
            object: self.id.description, of: transaction, size: self.size, days: self.days, at: now)
        let receipt = StorageReceipt(
            object: ObjectSummary(object), days: self.days, transaction: transaction, issuedAt: now)
        return .json(200, try await shop.wallet.sign(receipt).json)
    }
}

extension Shop {
    /// The bytes of an object, whole or in one range (RFC 9110).
    func content(_ cid: String, _ request: ShopRequest) throws -> ShopResponse {
        let bytes = try self.stored(cid)
        let type = Header("Content-Type", "application/octet-stream")
        guard let range = request.headers["range"] else {
            return ShopResponse(status: 200, headers: [type], body: bytes)
        }
        guard let wanted = Self.range(range, size: bytes.count) else {
            throw Refusal(
                status: 416, reason: "\"\(range.prefix(80))\" is not a range of \(bytes.count) bytes")
        }
        let place = Header(
            "Content-Range", "bytes \(wanted.lowerBound)-\(wanted.upperBound - 1)/\(bytes.count)")
        return ShopResponse(status: 206, headers: [type, place], body: Array(bytes[wanted]))
    }

    /// One leaf with its path and the asker's nonce, signed: evidence against us if it is wrong.
    func proof(_ cid: String, _ request: ShopRequest) async throws -> ShopResponse {
        let object = try StoredObject(try self.stored(cid))
        guard let index = request.query["leaf"].flatMap({ Int($0) }), let leaf = object.leaf(index) else {
            throw Refusal(status: 400, reason: "leaf is 0 to \(object.leafCount - 1)")
        }
        guard let nonce = request.query["nonce"], (16...64).contains(nonce.utf8.count),
            (try? Hex.decode(nonce)) != nil
        else { throw Refusal(status: 400, reason: "nonce has 16 to 64 hex digits") }
        let proof = PossessionProof(
            id: object.id, index: index, leaf: leaf.data, path: leaf.path, nonce: nonce)
        return .json(200, try await self.wallet.sign(proof).json)
    }

    private func stored(_ cid: String) throws -> [UInt8] {
        // The name is parsed and written anew, so that no path gets through.
        guard let id = try? ContentID(cid) else { throw Refusal(status: 400, reason: "not a CID") }
        let path = self.blobs.appending(id.description)
        guard DurableFile.exists(path) else { throw Refusal(status: 404, reason: "\(id) is not stored here") }
        return try DurableFile.read(path, limit: StoredObject.byteLimit)
    }

    /// `bytes=first-last`, `bytes=first-` and `bytes=-count`; one range only.
    static func range(_ text: String, size: Int) -> Range<Int>? {
        guard text.hasPrefix("bytes=") else { return nil }
        let parts = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        switch (Int(parts[0]), Int(parts[1])) {
        case (let first?, let last?):
            return first <= last && first >= 0 && first < size ? first..<min(last, size - 1) + 1 : nil
        case (let first?, nil): return parts[1].isEmpty && first >= 0 && first < size ? first..<size : nil
        case (nil, let count?): return parts[0].isEmpty && count > 0 ? max(0, size - count)..<size : nil
        case (nil, nil): return nil
        }
    }
}
