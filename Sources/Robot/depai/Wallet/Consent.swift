import ArgumentParser
import Console
import Control
import Encoding
import Home
import Ledger
import Linux
import Sodium
import Wallet
import World

/// What an owner does who stands at the machine, with his key file at hand. From afar: depai owner.
extension WalletCommand {
    struct Unfreeze: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a stopped wallet go on, signed by the owner at this machine.")
        @OptionGroup var home: HomeOption
        @OptionGroup var signer: SignerOption

        func run() async throws {
            let answer = try await self.home.home.carryOut(.unfreeze, with: try self.signer.key())
            Terminal.out("the wallet may spend again, journal \(answer.journal)")
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Agree to one waiting payment, signed by an approver at this machine.")
        @OptionGroup var home: HomeOption
        @OptionGroup var signer: SignerOption
        @OptionGroup var confirmation: ConfirmationOption
        @Argument(help: "Intent, or its first digits, as shown by: depai wallet intents") var intent: String

        func run() async throws {
            let home = self.home.home
            let record = try home.viewLedger().intent(called: self.intent)
            let id = record.id
            let proposal = record.proposal
            var table = Table(.left, .left)
            table.add(("amount", .dim), (proposal.asset.text(proposal.amount), .bold))
            table.add(("asset", .dim), (proposal.asset.id, nil))
            table.add(("to", .dim), (proposal.payee, nil))
            table.add(("for", .dim), ("\(proposal.purpose.rawValue) \(proposal.purchase.subject.text)", nil))
            table.add(("note", .dim), (proposal.note, nil))
            table.add(("state", .dim), ("\(record.state.rawValue): \(record.reason)", nil))
            Terminal.talk(table.text)
            try self.confirmation.confirm("Pay this?", digest: proposal.digest)
            let answer = try await home.carryOut(
                .approve(id, digest: proposal.digest), with: try self.signer.key())
            Terminal.out("approved, journal \(answer.journal)")
        }
    }
}

extension Home {
    /// Signs a command and has it carried out here, whether a robot runs in this home or not.
    func carryOut(
        _ operation: OwnerCommand.Operation, with key: borrowing SigningKey
    ) async throws -> WalletAnswer {
        let timeline = SystemTimeline()
        let wallet = try self.keystore().address
        let issuer = key.publicKey
        func command(_ challenge: [UInt8]) -> OwnerCommand {
            OwnerCommand.now(
                operation, wallet: wallet, issuer: issuer, challenge: challenge, at: timeline.now.milliseconds
            )
        }
        do {
            let challenge = try await self.ask(.challenge, timeline: timeline).challenge
            return try await self.ask(.execute(try command(challenge).signed(with: key)), timeline: timeline)
        } catch let failure as Failure where failure.code == Failure.unreachable {
            // No robot runs: this process gives the challenge and carries out the answer to it.
        }
        let lock = try self.lock()
        defer { lock.release() }
        let ledger = try self.openLedger(try self.keystore(), timeline: timeline)
        let control = WalletControl(ledger: ledger, entropy: SystemEntropy())
        let challenge = try await control.perform(.challenge, from: .machine).challenge
        return try await control.perform(.execute(try command(challenge).signed(with: key)), from: .machine)
    }
}

extension OwnerCommand {
    /// A command given at this moment, good for ten minutes. Milliseconds rise by themselves: no counter has
    /// to be kept on the owner's computer.
    static func now(
        _ operation: Operation, wallet: String, issuer: PublicKey, challenge: [UInt8], at now: Int64
    ) -> OwnerCommand {
        OwnerCommand(
            wallet: wallet, issuer: issuer, sequence: UInt64(max(0, now)), issuedAt: now,
            expiresAt: now + 600_000, challenge: challenge, operation: operation)
    }
}
