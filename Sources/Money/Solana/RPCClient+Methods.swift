public import ChainNodes
import Encoding

extension RPCClient {
    /// `getGenesisHash`: compare it with ``Network/genesisHash`` before paying anything.
    public func genesisHash() async throws(ChainNodeError) -> String {
        try await self.nodes.call("getGenesisHash", []) { result throws(JSONError) in try result.string() }
    }

    /// `getSlot`.
    public func slot(_ commitment: Commitment = .confirmed) async throws(ChainNodeError) -> UInt64 {
        try await self.nodes.call("getSlot", [Self.options(commitment)]) { result throws(JSONError) in
            try result.integer()
        }
    }

    /// `getBlockHeight`.
    public func blockHeight(_ commitment: Commitment = .confirmed) async throws(ChainNodeError) -> UInt64 {
        try await self.nodes.height(
            "getBlockHeight", [Self.options(commitment)], of: commitment.rawValue
        ) { result throws(JSONError) in try result.integer() }
    }

    /// `getLatestBlockhash`. A hash that is only processed may belong to a fork that vanishes.
    public func latestBlockhash(_ commitment: Commitment = .confirmed) async throws(ChainNodeError)
        -> LatestBlockhash
    {
        try await self.nodes.call("getLatestBlockhash", [Self.options(commitment)]) {
            result throws(JSONError) in
            let text = try result["value"]["blockhash"].address()
            return LatestBlockhash(
                blockhash: Blockhash(exactly: text.bytes),
                lastValidBlockHeight: try result["value"]["lastValidBlockHeight"].integer(),
                slot: try result["context"]["slot"].integer())
        }
    }

    /// `isBlockhashValid`.
    public func isBlockhashValid(
        _ blockhash: Blockhash, _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> Bool {
        try await self.nodes.call(
            "isBlockhashValid", [.string(blockhash.description), Self.options(commitment)]
        ) { result throws(JSONError) in try result["value"].bool() }
    }

    /// `getMinimumBalanceForRentExemption`: lamports that an account of `space` bytes must keep.
    public func minimumBalanceForRentExemption(space: Int) async throws(ChainNodeError) -> UInt64 {
        try await self.nodes.call("getMinimumBalanceForRentExemption", [JSON(space)]) {
            result throws(JSONError) in try result.integer()
        }
    }

    /// `getFirstAvailableBlock`: the slot of the oldest block that the node still has. What lies before it is
    /// not in its history, whatever a list says.
    public func firstAvailableBlock() async throws(ChainNodeError) -> UInt64 {
        try await self.nodes.call("getFirstAvailableBlock", []) { result throws(JSONError) in
            try result.integer()
        }
    }

    // MARK: Accounts

    /// `getBalance`: lamports, 0 where there is no account.
    public func balance(of address: Address, _ commitment: Commitment = .confirmed)
        async throws(ChainNodeError)
        -> UInt64
    {
        try await self.nodes.call("getBalance", [.string(address.description), Self.options(commitment)]) {
            result throws(JSONError) in try result["value"].integer()
        }
    }

    /// `getTokenAccountBalance`; nil when the account does not exist.
    public func tokenBalance(
        of account: Address, _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> TokenBalance? {
        do throws(ChainNodeError) {
            return try await self.nodes.call(
                "getTokenAccountBalance", [.string(account.description), Self.options(commitment)]
            ) { result throws(JSONError) in
                TokenBalance(
                    amount: try result["value"]["amount"].decimal(),
                    decimals: try result["value"]["decimals"].integer())
            }
        } catch {
            // Nodes answer with "invalid parameters" for an account that is not there; only this text tells
            // it apart.
            guard case .server(-32602, let message, _) = error, message.holds("could not find account")
            else {
                throw error
            }
            return nil
        }
    }

    /// `getAccountInfo`; nil when the account does not exist.
    public func accountInfo(
        of address: Address, _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> AccountInfo? {
        let options = Self.options(commitment, ["encoding": "base64"])
        return try await self.nodes.call("getAccountInfo", [.string(address.description), options]) {
            result throws(JSONError) in
            // No context, no answer: null in place of the whole result says nothing about the account.
            guard result["context"].exists || result["value"].value != nil else {
                throw result["value"].fault("missing")
            }
            return try result["value"].ifPresent.map { value throws(JSONError) in try AccountInfo(value) }
        }
    }

    /// The mint at `address`, of SPL Token or Token-2022.
    /// - Throws: `ChainNodeError.notFound` when there is none.
    public func tokenMint(
        at address: Address, _ commitment: Commitment = .confirmed
    ) async throws(ChainNodeError) -> TokenMint {
        guard let info = try await self.accountInfo(of: address, commitment),
            let mint = try? TokenMint(decoding: info.data, owner: info.owner)
        else { throw .notFound(account: "\(address)") }
        return mint
    }

    /// `requestAirdrop`: only networks for tests give lamports away.
    public func requestAirdrop(to address: Address, lamports: UInt64) async throws(ChainNodeError) -> String {
        try await self.nodes.call("requestAirdrop", [.string(address.description), JSON(lamports)]) {
            result throws(JSONError) in try result.string()
        }
    }

    static func options(_ commitment: Commitment, _ more: JSON = [:]) -> JSON {
        var options = more
        options["commitment"] = .string(commitment.rawValue)
        return options
    }
}

extension AccountInfo {
    /// Reads an account as nodes write it in Base64.
    init(_ field: JSONField) throws(JSONError) {
        self.init(
            lamports: try field["lamports"].integer(), owner: try field["owner"].address(),
            data: try field["data"].encodedBytes(), executable: try field["executable"].bool())
    }
}
