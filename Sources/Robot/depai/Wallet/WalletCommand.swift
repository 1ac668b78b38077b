import ArgumentParser

struct WalletCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wallet", abstract: "Look into the wallet, stop it, copy it.",
        discussion: "Commands that only read work while the robot runs and while the keystore is locked.",
        subcommands: [
            Show.self, Address.self, BalanceCommand.self, History.self, Limits.self, Intents.self,
            Receipt.self, PolicyCommand.self, Export.self, Freeze.self, Challenge.self, Execute.self,
            Slot.self, Reveal.self, Approve.self, Unfreeze.self, BackUp.self, Restore.self,
        ],
        defaultSubcommand: Show.self)
}
