import Database
import Encoding
import Glibc
import Linux
import PaymentSupport
import Storage
import TestSupport
import Testing
import World

@testable import Node

/// What a node keeps, and for how long.
@Suite(.endsHangs) struct ExpiryTests {
    @Test func `an object leaves when its paid days and the grace are over, not before`() async throws {
        try await TestMarket.with { market in
            let (shop, _) = try await market.openShop()
            let id = try market.object().id.description
            let blobs = market.folder.appending("node").appending("blobs")
            let path = blobs.appending(id).string
            try await shop.keep(id, days: 10, at: market.timeline.now.milliseconds)
            let day: Int64 = 86_400_000
            for (days, isThere) in [(9, true), (12, true), (14, false)] as [(Int64, Bool)] {
                try await shop.expire(at: market.timeline.now.milliseconds + days * day)
                #expect((access(path, F_OK) == 0) == isThere, "day \(days)")
            }
            #expect(try await shop.kept() == [])
        }
    }

    @Test func `a second payment makes it stay longer`() async throws {
        try await TestMarket.with { market in
            let (shop, _) = try await market.openShop()
            let (id, now, day) = (
                try market.object().id.description, market.timeline.now.milliseconds, Int64(86_400_000)
            )
            try await shop.keep(id, days: 10, at: now)
            try await shop.keep(id, days: 10, at: now + 8 * day)
            try await shop.expire(at: now + 14 * day)
            #expect(try await shop.kept() == [id])
            try await shop.expire(at: now + 22 * day)
            #expect(try await shop.kept() == [])
        }
    }

    @Test func `what a crash left and nobody paid for is deleted`() async throws {
        try await TestMarket.with { market in
            let (shop, _) = try await market.openShop()
            let id = try market.object().id.description
            try await shop.keep(id, days: 10, at: market.timeline.now.milliseconds)
            try await shop.stray("\(id).new")
            try await shop.deleteStrays()
            let blobs = market.folder.appending("node").appending("blobs")
            #expect(access(blobs.appending(id).string, F_OK) == 0)
            #expect(access(blobs.appending("\(id).new").string, F_OK) != 0)
        }
    }

    @Test func `a fault of our own is not the customer's to read`() async throws {
        try await TestMarket.with { market in
            let (told, faults) = AsyncStream<String>.makeStream()
            let (shop, _) = try await market.openShop { faults.yield($0) }
            // Where the object should be, there is a folder.
            let id = try market.object().id.description
            let place = market.folder.appending("node").appending("blobs").appending(id)
            try DurableFile.createFolder(place)
            func get(_ cid: String) async -> ShopResponse {
                await shop.respond(
                    to: ShopRequest(
                        method: "GET", path: "/v1/storage/\(cid)", query: [:], headers: [:], body: []))
            }
            let answer = await get(id)
            let words = String(decoding: answer.body, as: UTF8.self)
            #expect(answer.status == 500 && !words.contains("node") && !words.contains(id), "\(words)")
            let fault = await told.first { _ in true }
            #expect(fault?.contains(place.string) == true)
            let refusal = await get(try market.object("another").id.description)
            #expect(String(decoding: refusal.body, as: UTF8.self).contains("not stored here"))
        }
    }

    @Test func `an address has its share of connections`() {
        let count = AddressCount(limit: 2)
        #expect(count.open("a") && count.open("a") && !count.open("a") && count.open("b"))
        count.close("a")
        #expect(count.open("a") && !count.open("a"))
        for _ in 0..<5 { count.close("b") }
        #expect(count.open("b") && count.open("b") && !count.open("b"))
    }
}

extension Shop {
    /// As a sale leaves it.
    fileprivate func keep(_ cid: String, days: Int, at now: Int64) throws {
        try DurableFile.write([1], to: self.blobs.appending(cid))
        try self.sales.note(object: cid, of: "sale at \(now)", size: 1, days: days, at: now)
    }

    fileprivate func stray(_ name: String) throws {
        try DurableFile.write([1], to: self.blobs.appending(name))
    }

    fileprivate func kept() throws -> Set<String> { try self.sales.objects() }
}
