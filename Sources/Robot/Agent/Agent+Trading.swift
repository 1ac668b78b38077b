internal import Database
internal import Encoding
internal import Home
internal import Ledger
internal import Market
internal import Payments
internal import Rails
internal import Solana
internal import Storage
internal import Wallet
internal import World

extension Agent {
    /// What pays: the robot's behaviours and whoever asks at its socket use the same.
    struct Till {
        let market: any Web
        let buyer: Buyer
        let cashier: Cashier
    }

    func till(_ ledger: PaymentLedger, _ wallet: UnlockedWallet) -> Till {
        // Sellers are reached over HTTP, or through the broker.
        let market = TransportWeb(
            http: self.web,
            mqtt: MQTTWeb(
                bus: self.bus, broker: self.configuration.broker,
                name: Address(wallet.publicKey(.identity)).description, timeline: self.timeline,
                entropy: self.entropy))
        let buyer = Buyer(
            on: self.configuration.rails, ledger: ledger, wallet: wallet, over: self.web, web: market,
            timeline: self.timeline, entropy: self.entropy,
            sponsor: self.configuration.facilitator.map { .service(url: $0, web: self.web) })
        return Till(market: market, buyer: buyer, cashier: Cashier(buyer: buyer, ledger: ledger))
    }

    /// The robot's work needs no chain to begin: readings are kept from the first one on, and what has to be
    /// bought waits until the books were compared.
    func trade(
        _ till: Till, _ wallet: UnlockedWallet, _ parts: Parts, _ behaviours: [any Behaviour]
    ) async throws {
        let (store, gate) = (parts.store, BooksGate())
        let procurement = Procurement(
            directory: Directory(providers: self.configuration.providers, web: till.market),
            buyer: till.buyer, ledger: parts.ledger, store: store, timeline: self.timeline,
            channels: self.configuration.channels, gate: gate)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.behave(behaviours, store) { behaviour in
                    Workbench(
                        devices: parts.devices, readings: parts.readings(for: behaviour, self.timeline),
                        tools: Toolbox(
                            devices: DeviceDesk(hub: parts.devices), cashier: till.cashier,
                            issuer: behaviour.name),
                        timeline: self.timeline, procurement: procurement,
                        storage: StorageClient(web: till.market, entropy: self.entropy), wallet: wallet,
                        store: store)
                }
            }
            group.addTask { try await self.keepBooks(till.buyer, store, gate) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Runs each behaviour until it is done, and waits then.
    private func behave(
        _ behaviours: [any Behaviour], _ store: AgentStore, _ bench: (any Behaviour) -> Workbench
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for behaviour in behaviours {
                let bench = bench(behaviour)
                group.addTask {
                    try await goOn(behaviour.name, store, self.timeline) {
                        try await behaviour.run(at: bench)
                    }
                }
            }
            for try await _ in group {}
        }
        while true { try await self.timeline.sleep(for: .seconds(3_600)) }
    }

    /// How often open payments and new money are looked after while the robot runs.
    private static let bookkeeping = Duration.seconds(30)

    /// Follows payments whose outcome an outage left open, books what the owner sends, and sends back what
    /// is above the owner's ceiling.
    private func keepBooks(
        _ buyer: Buyer, _ store: AgentStore, _ gate: BooksGate
    ) async throws {
        var (chain, books) = (Outage(), Outage())
        var obstacle = ""
        var told: Set<BookFault> = []
        while true {
            var pause = Self.bookkeeping
            do {
                let report = try await buyer.lookAtBooks()
                // Said once, and anew when it comes back.
                for fault in Set(report.faults).subtracting(told) {
                    try await store.log(.fault(.passedOver("\(fault)")))
                }
                told = Set(report.faults)
                if await !gate.isOpen {
                    for (asset, amount) in report.holdings {
                        try await store.log(.balance(asset, amount))
                    }
                    await gate.open()
                }
                try await self.sweep(buyer, store, &obstacle)
                chain.over()
                books.over()
            } catch let error as any ChainError {
                // A wrong configuration does not heal by waiting.
                if error.isOtherNetwork { throw error }
                // One outage is one event, whatever the nodes say meanwhile.
                let (isNews, wait) = chain.failed("away")
                if isNews {
                    try await store.log(
                        .chainAway(nodes: self.configuration.rails.solana.rpc, reason: "\(error)"))
                }
                pause = wait
            } catch  where endsTheProgram(error) {
                throw error
            } catch {
                let (isNews, wait) = books.failed("\(error)")
                if isNews { try await store.log(.fault(.booksWait("\(error)"))) }
                pause = wait
            }
            try await self.timeline.sleep(for: pause)
        }
    }

    /// - Parameter obstacle: why money stays that should go, as it was said last.
    private func sweep(
        _ buyer: Buyer, _ store: AgentStore, _ obstacle: inout String
    ) async throws {
        for result in try await buyer.sweep() {
            switch result {
            case .swept(let amount, let asset, let account):
                obstacle = ""
                try await store.log(.swept(amount, asset, account: "\(account)"))
            case .waits(let asset, let reason):
                // Said once.
                if reason != obstacle {
                    try await store.log(.sweepWaits(asset, reason: reason))
                }
                obstacle = reason
            }
        }
    }
}
