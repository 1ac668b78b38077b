import Encoding
import Solana

/// `getProgramAccounts` with its two filters.
extension Cluster {
    /// Nodes take no more.
    private static let filterLimit = 4
    private static let patternLimit = 128

    func programAccounts(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let program = try request.address(at: 0)
        _ = try request.commitment(at: 1)
        let options = request.parameters[1]
        guard try reading({ () throws(JSONError) in try options["encoding"].ifPresent?.string() }) == "base64"
        else { throw RPCRefusal(-32602, "only the encoding base64 is served") }
        let fields = try reading { () throws(JSONError) in try options["filters"].ifPresent?.elements() ?? []
        }
        guard fields.count <= Self.filterLimit else {
            throw RPCRefusal(-32602, "Too many filters provided; max \(Self.filterLimit)")
        }
        var filters: [AccountFilter] = []
        for field in fields { filters.append(try Self.filter(field)) }
        var lines: [JSON] = []
        for address in self.bank.accounts.keys.sorted() {
            guard let account = self.bank.accounts[address], account.owner == program,
                filters.allSatisfy({ Self.passes(account.data, $0) })
            else { continue }
            lines.append([
                "pubkey": .string(address.description),
                "account": Self.json(
                    account, data: [.string(Base64.standard.encode(account.data)), "base64"]),
            ])
        }
        return .array(lines)
    }

    private static func filter(_ field: JSONField) throws(RPCRefusal) -> AccountFilter {
        if let size = field["dataSize"].ifPresent {
            return .dataSize(try reading { () throws(JSONError) in try size.integer() })
        }
        let (offset, text, encoding) = try reading { () throws(JSONError) in
            (
                try field["memcmp"]["offset"].integer(UInt32.self), try field["memcmp"]["bytes"].string(),
                try field["memcmp"]["encoding"].ifPresent?.string() ?? "base58"
            )
        }
        guard encoding == "base58", let bytes = try? Base58.decode(text, maximumLength: 200),
            bytes.count <= Self.patternLimit
        else { throw RPCRefusal(-32602, "Invalid param: memcmp takes at most 128 bytes in base58") }
        return .bytes(bytes, at: Int(offset))
    }

    private static func passes(_ data: [UInt8], _ filter: AccountFilter) -> Bool {
        switch filter {
        case .dataSize(let size): data.count == size
        case .bytes(let bytes, let offset):
            offset <= data.count && data[offset...].starts(with: bytes)
        }
    }
}
