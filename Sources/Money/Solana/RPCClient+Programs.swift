public import ChainNodes
import Encoding

/// What has to be true of an account's data for ``RPCClient/programAccounts(of:where:_:)`` to find it.
public enum AccountFilter: Sendable, Hashable {
    case dataSize(Int)
    /// These bytes stand at that offset; at most 128.
    case bytes([UInt8], at: Int)

    var json: JSON {
        switch self {
        case .dataSize(let size): ["dataSize": JSON(size)]
        case .bytes(let bytes, let offset):
            [
                "memcmp": [
                    "offset": JSON(offset), "bytes": .string(Base58.encode(bytes)), "encoding": "base58",
                ]
            ]
        }
    }
}

extension RPCClient {
    /// `getProgramAccounts`: the accounts of a program that pass every filter. Many public nodes do not serve
    /// it: an error says nothing about whether there are any.
    public func programAccounts(
        of program: Address, where filters: [AccountFilter], _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> [(address: Address, account: AccountInfo)] {
        let options = Self.options(
            commitment, ["encoding": "base64", "filters": .array(filters.map(\.json))])
        return try await self.nodes.call("getProgramAccounts", [.string(program.description), options]) {
            result throws(JSONError) in
            var found: [(address: Address, account: AccountInfo)] = []
            for line in try result.elements() {
                found.append((try line["pubkey"].address(), try AccountInfo(line["account"])))
            }
            return found
        }
    }

    /// All payment channels that `payer` pays into, those that ended left out once their account is gone.
    public func channels(
        paidBy payer: Address, _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> [(address: Address, account: ChannelAccount)] {
        let found = try await self.programAccounts(
            of: .paymentChannelsProgram,
            where: [
                .dataSize(ChannelAccount.byteCount), .bytes(payer.bytes, at: ChannelAccount.payerOffset),
            ], commitment)
        // A node that does not filter, or lies, is not believed: an address follows from what is in it.
        return found.compactMap { address, info in
            guard info.owner == .paymentChannelsProgram,
                let account = try? ChannelAccount(decoding: info.data), account.payer == payer,
                account.seeds.derived?.address == address
            else { return nil }
            return (address, account)
        }
    }
}
