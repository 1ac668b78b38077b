import Encoding
import Solana

/// The methods about blocks and accounts.
extension Cluster {
    func latestBlockhash(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let commitment = try request.commitment(at: 0)
        let latest = self.bank.latestBlockhash(commitment)
        return self.inContext(
            [
                "blockhash": .string(latest.blockhash.description),
                "lastValidBlockHeight": JSON(latest.lastValidBlockHeight),
            ], commitment)
    }

    func isBlockhashValid(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let hash = Blockhash(exactly: try request.address(at: 0).bytes)
        return self.inContext(.bool(self.bank.isValid(hash)), try request.commitment(at: 1))
    }

    func minimumBalance(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let space = try reading { () throws(JSONError) in try request.parameters[0].integer(UInt32.self) }
        return JSON(Rent.minimumBalance(space: Int(space)))
    }

    func balance(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let account = self.bank.accounts[try request.address(at: 0)]
        return self.inContext(JSON(account?.lamports ?? 0), try request.commitment(at: 1))
    }

    func accountInfo(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let address = try request.address(at: 0)
        let commitment = try request.commitment(at: 1)
        guard let account = self.bank.accounts[address] else { return self.inContext(.null, commitment) }
        let encoding = try reading { () throws(JSONError) in
            try request.parameters[1]["encoding"].ifPresent?.string() ?? "base58"
        }
        let data: JSON
        switch encoding {
        case "base58":
            guard account.data.count <= 128 else {
                throw RPCRefusal(
                    -32600,
                    "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding."
                )
            }
            data = [.string(Base58.encode(account.data)), "base58"]
        // Nodes fall back to Base64, too, for data that they cannot parse.
        case "base64", "jsonParsed": data = [.string(Base64.standard.encode(account.data)), "base64"]
        default: throw RPCRefusal(-32602, "unsupported encoding: \(encoding.prefix(20))")
        }
        return self.inContext(Self.json(account, data: data), commitment)
    }

    static func json(_ account: Account, data: JSON) -> JSON {
        [
            "lamports": JSON(account.lamports), "owner": .string(account.owner.description), "data": data,
            "executable": .bool(account.executable), "rentEpoch": 0, "space": JSON(account.data.count),
        ]
    }

    func tokenAccountBalance(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        guard let account = self.bank.accounts[try request.address(at: 0)] else {
            throw RPCRefusal(-32602, "Invalid param: could not find account")
        }
        guard let token = try? TokenAccount(decoding: account.data, owner: account.owner),
            let mint = self.bank.accounts[token.mint].flatMap({
                try? TokenMint(decoding: $0.data, owner: $0.owner).mint
            })
        else { throw RPCRefusal(-32602, "Invalid param: not a Token account") }
        let text = Self.decimal(token.amount, decimals: Int(mint.decimals))
        return self.inContext(
            [
                "amount": .string(String(token.amount)), "decimals": JSON(mint.decimals),
                // A double, as nodes send it: for display only.
                "uiAmount": .number(Double(text) ?? 0), "uiAmountString": .string(text),
            ], try request.commitment(at: 1))
    }

    /// `amount` with a point, without trailing zeros.
    static func decimal(_ amount: UInt64, decimals: Int) -> String {
        let digits = String(amount)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.utf8.count)) + digits
        guard decimals > 0 else { return digits }
        let fraction = String(padded.suffix(decimals))
        let kept = String(fraction.reversed().drop { $0 == "0" }.reversed())
        return padded.dropLast(decimals) + (kept.isEmpty ? "" : "." + kept)
    }

    func airdrop(_ request: RPCRequest) throws(RPCRefusal) -> JSON {
        let address = try request.address(at: 0)
        let lamports = try reading { () throws(JSONError) in try request.parameters[1].integer(UInt64.self) }
        guard let id = self.bank.airdrop(lamports, to: address) else {
            throw RPCRefusal(
                -32603, "airdrop request failed: the faucet is empty or the account would be too poor")
        }
        return .string(id)
    }
}
