internal import Encoding
internal import Payments
public import Solana

/// What a payer keeps of a channel to go on with it.
public struct ChannelTerms: Sendable, Hashable {
    public let config: ChannelConfig
    /// The sponsor in the payee's seat.
    public let feePayer: Address
    public let tokenProgram: Address
    /// Where the seller is asked.
    public let resource: String

    public init(config: ChannelConfig, feePayer: Address, tokenProgram: Address, resource: String) {
        self.config = config
        self.feePayer = feePayer
        self.tokenProgram = tokenProgram
        self.resource = resource
    }

    /// Reads what the ledger keeps.
    public init(bytes: [UInt8]) throws {
        let root = JSONField(try JSON.read(bytes, limits: .init(bytes: 16 << 10, depth: 8)))
        self.config = try ChannelConfig(root["config"])
        self.feePayer = try Address(try root["feePayer"].string())
        self.tokenProgram = try Address(try root["tokenProgram"].string())
        self.resource = try root["resource"].string()
    }

    public var bytes: [UInt8] {
        let json: JSON = [
            "config": self.config.json, "feePayer": .string(self.feePayer.description),
            "tokenProgram": .string(self.tokenProgram.description), "resource": .string(self.resource),
        ]
        return Array(json.text.utf8)
    }

    /// Whether a seller who asks so can be paid from this channel.
    func fits(_ requirements: PaymentRequirements) -> Bool {
        guard let offer = requirements.channel else { return false }
        return self.config.receiver.description == requirements.payTo
            && self.config.token.description == requirements.asset
            && self.config.receiverAuthorizer.description == offer.receiverAuthorizer
            && self.config.withdrawDelay == offer.withdrawDelay
            && self.feePayer.description == requirements.feePayer
            && self.tokenProgram.description == offer.tokenProgram
    }
}

extension ChannelConfig {
    /// Why the account that the chain shows is not this channel; nil when it is. The address follows from
    /// some of the fields only: who gets the money and how long a payer waits are not among them, so every
    /// field is compared, here and for both sides.
    ///
    /// - Parameter feePayer: the sponsor in the payee's seat, who lends the rent as well.
    public func fault(in account: ChannelAccount, feePayer: Address) -> String? {
        let seeds = self.seeds(feePayer: feePayer)
        let rules: [(what: String, holds: Bool)] = [
            ("payer", account.payer == self.payer), ("payee", account.payee == feePayer),
            ("token", account.mint == self.token),
            ("voucher key", account.voucherSigner == self.payerAuthorizer),
            ("salt", account.salt == self.salt), ("opening slot", account.openSlot == self.openSlot),
            ("address bump", account.bump == seeds.derived?.bump),
            ("withdraw delay", account.grace == self.withdrawDelay),
            ("rent payer", account.rentPayer == feePayer),
            (
                "distribution",
                account.distributionHash == ChannelShare.hash(ChannelShare.all(to: self.receiver))
            ),
            ("amounts", account.paidOut <= account.settled && account.settled <= account.deposit),
            ("status", account.isConsistent),
        ]
        return rules.first { !$0.holds }.map { "the chain shows another \($0.what) than was agreed" }
    }
}

extension ChannelAccount {
    /// Whether status and times fit together.
    fileprivate var isConsistent: Bool {
        switch self.status {
        case .open: self.closingSince == 0 && self.withdrawnAt == 0
        case .closing: self.closingSince > 0
        case .sealed, .distributed: true
        }
    }
}

extension RPCClient {
    /// The account of a channel as it is confirmed; nil when there is none. What another program keeps at the
    /// address is no channel: anybody may send lamports to an address that is free.
    ///
    /// - Throws: `X402Error.invalid` when it is another channel than `config` says; `ChainNodeError`.
    func channel(_ id: Address, of config: ChannelConfig, feePayer: Address) async throws -> ChannelAccount? {
        guard let info = try await self.accountInfo(of: id), info.owner == .paymentChannelsProgram else {
            return nil
        }
        let code = BatchSettlement.prefix + "channel_config"
        guard let account = try? ChannelAccount(decoding: info.data) else {
            throw X402Error.invalid(code: code, reason: "the account of channel \(id) cannot be read")
        }
        if let fault = config.fault(in: account, feePayer: feePayer) {
            throw X402Error.invalid(code: code, reason: fault)
        }
        return account
    }
}

/// Lets one task at a time work with what has a name; the others wait in line.
actor NamedLocks {
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    /// Does `body` alone. Who waits is not cancelled: the work before has an end.
    nonisolated func alone<Result: Sendable>(
        _ name: String, _ body: () async throws -> Result
    ) async throws -> Result {
        await self.take(name)
        do {
            let result = try await body()
            await self.release(name)
            return result
        } catch {
            await self.release(name)
            throw error
        }
    }

    /// Whether somebody works with it.
    func isTaken(_ name: String) -> Bool { self.waiting[name] != nil }

    private func take(_ name: String) async {
        guard self.waiting[name] != nil else {
            self.waiting[name] = []
            return
        }
        await withCheckedContinuation { self.waiting[name]?.append($0) }
    }

    private func release(_ name: String) {
        guard var line = self.waiting[name], !line.isEmpty else {
            self.waiting[name] = nil
            return
        }
        let next = line.removeFirst()
        self.waiting[name] = line
        next.resume()
    }
}
