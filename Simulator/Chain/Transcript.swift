package import Encoding
import Solana

/// What happened on the chain as JSON Lines, for a foreign implementation to execute again:
/// `Tests/Peers/replay_transcript.py` does it with LiteSVM.
extension Bank {
    /// The first line, and one for each executed transaction and airdrop in order. Transactions that were
    /// refused are not in it: nothing happened.
    package func transcript() -> [String] {
        [self.genesisLine.text] + self.history.map { Self.line(of: $0).text }
    }

    private var genesisLine: JSON {
        [
            "genesis": [
                "network": .string(self.genesis.network.chainID),
                "seed": JSON(self.genesis.seed),
                "slot": JSON(self.genesis.slot),
                "accounts": [
                    [
                        "address": .string(self.faucet.description),
                        "lamports": JSON(self.genesis.faucetLamports),
                    ]
                ],
            ]
        ]
    }

    /// One line of the transcript.
    package static func line(of entry: Entry) -> JSON {
        switch entry.kind {
        case .airdrop(let address, let lamports):
            [
                "slot": JSON(entry.slot),
                "airdrop": ["to": .string(address.description), "lamports": JSON(lamports)],
            ]
        case .transaction(let bytes):
            [
                "slot": JSON(entry.slot),
                "transaction": .string(Base64.standard.encode(bytes)),
                "err": entry.failure?.json ?? .null,
                "fee": JSON(entry.fee),
            ]
        }
    }

    /// A line for each account, programs and system variables left out, in the order of their addresses.
    package func finalBalances() -> [String] {
        let fixed = Set(Programs.sysvars)
        return self.accounts.keys.sorted().compactMap { address in
            guard let account = self.accounts[address], !account.executable, !fixed.contains(address) else {
                return nil
            }
            var balance: JSON = [
                "address": .string(address.description), "lamports": JSON(account.lamports),
            ]
            if let token = try? TokenAccount(decoding: account.data, owner: account.owner) {
                balance["tokenMint"] = .string(token.mint.description)
                balance["tokenAmount"] = .string(String(token.amount))
            }
            let line: JSON = ["balance": balance]
            return line.text
        }
    }
}
