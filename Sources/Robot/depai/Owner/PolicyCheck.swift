import Console
import Encoding
import Home
import Sodium
import SystemPackage

/// What an owner's signature would make valid and nobody can mean. The robot's own reader looks at the form;
/// here it is looked at the sense, before the key is used.
struct PolicyCheck {
    let document: JSONField

    init(_ document: JSON) { self.document = JSONField(document) }

    /// - Parameter owner: who signs.
    /// - Throws: `JSONError` with the place, `Failure`.
    func check(signedBy owner: PublicKey) throws {
        let found = try self.document["owner"].publicKey()
        guard found == owner else {
            throw Failure(
                1,
                "the policy's owner is \(Base58.encode(found.bytes)), not \(Base58.encode(owner.bytes))",
                hint: "no wallet would take it; correct /owner, or sign with that key")
        }
        _ = try self.document["wallet"].publicKey()
        if let issued = self.document["issued_at"].ifPresent { try self.check(time: issued) }
        for asset in try self.document["assets"].elements() { try Self.check(asset: asset["asset"]) }
        let payees = try self.document["payees"].elements()
        for payee in payees { try Self.check(account: payee["account"]) }
        for sweep in try self.document["sweep"].ifPresent?.elements() ?? [] where sweep["account"].exists {
            try Self.check(account: sweep["account"])
        }
        let limits = try self.document["limits"].elements()
        guard payees.isEmpty || !limits.isEmpty else {
            throw self.document["limits"].fault("empty: somebody may be paid and no limit says how much")
        }
        let bounds = ["per_payment", "sum", "count", "lifetime"]
        for limit in limits where !bounds.contains(where: { limit[$0].exists }) {
            throw limit.fault("a limit without a bound: one of \(bounds.joined(separator: ", "))")
        }
    }

    private func check(time field: JSONField) throws(JSONError) {
        if case .integer(let milliseconds)? = field.value {
            guard (1_500_000_000_000..<4_102_444_800_000).contains(milliseconds) else {
                throw field.fault("\(milliseconds) is no time in milliseconds since 1970")
            }
            return
        }
        let text = try field.string()
        guard (try? SpanOption.parse(text)) != nil else {
            throw field.fault("\"\(text.plain(limit: 40))\" is no time such as 2026-11-24T08:00:00Z")
        }
    }

    /// CAIP-19: a chain, and what is counted on it.
    private static func check(asset field: JSONField) throws(JSONError) {
        let text = try field.string()
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, self.isChain(parts[0]),
            case let kinds = parts[1].split(separator: ":", omittingEmptySubsequences: false),
            kinds.count == 2, self.isWord(kinds[0], "-", 3...8), self.isWord(kinds[1], "-.%", 1...128)
        else {
            throw field.fault("\"\(text.plain(limit: 80))\" is no asset (CAIP-19): CHAIN:ID/KIND:NAME")
        }
    }

    /// CAIP-10: a chain, and an address on it.
    private static func check(account field: JSONField) throws(JSONError) {
        let text = try field.string()
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, self.isChain(parts[0] + ":" + parts[1]), self.isWord(parts[2], "-.%", 1...128)
        else {
            throw field.fault("\"\(text.plain(limit: 80))\" is no account (CAIP-10): CHAIN:ID:ADDRESS")
        }
        guard parts[0] == "solana" else { return }
        guard let bytes = try? Base58.decode(String(parts[2])), bytes.count == 32 else {
            throw field.fault("\"\(parts[2])\" is no address on Solana, 32 bytes in base58")
        }
    }

    /// CAIP-2.
    private static func isChain(_ text: some StringProtocol) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 && self.isWord(parts[0], "-", 3...8) && self.isWord(parts[1], "-_", 1...32)
    }

    private static func isWord(_ text: some StringProtocol, _ more: String, _ length: ClosedRange<Int>)
        -> Bool
    {
        length.contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                    || more.unicodeScalars.contains(scalar)
            }
    }
}
