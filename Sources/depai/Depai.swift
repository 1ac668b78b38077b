import ArgumentParser
import Database
import Encoding
import Glibc
import Home
import Ledger
import Linux
import Payments
import Sodium
import Solana
import Wallet
import World

/// The robot's program: runs it, and looks into its wallet.
@main
struct Depai: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "depai",
        abstract: "A runtime for machines that own money.",
        subcommands: [
            InitCommand.self, RunCommand.self, PayCommand.self, ChannelCommand.self, DeviceCommand.self,
            StatusCommand.self,
            DoctorCommand.self,
            WalletCommand.self, OwnerGroup.self,
        ])

    /// Every error ends here: what failed, what to do, and the exit code of the contract.
    static func main() async {
        // What this program makes is its owner's alone, SQLite's files included.
        umask(0o077)
        // A crash must not write the keys to a disk. Guarded memory is left out of dumps anyway; what
        // else the process knows is nobody's business either.
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(UInt32(RLIMIT_CORE.rawValue)), &none)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let code = self.exitCode(for: error)
            guard code == .failure || code.rawValue == EX_USAGE || code == .success else {
                // ArgumentParser's own ExitCode, thrown by a command that has said what there is to say.
                Glibc.exit(code.rawValue)
            }
            guard let failure = Failure(error) else {
                // Usage errors and --help are ArgumentParser's to show; the contract calls them 2 instead of
                // 64.
                let text = self.fullMessage(for: error)
                (code == .success ? Terminal.out : Terminal.talk)(text)
                Glibc.exit(code == .success ? 0 : 2)
            }
            Log.talk(.error, "depai: error: \(failure.reason)")
            if let hint = failure.hint { Log.talk(.notice, "depai: hint: \(hint)") }
            Glibc.exit(failure.code)
        }
    }
}

/// A failure as the command line shows it.
struct Failure: Error {
    /// Nobody is there who could be asked.
    static let unreachable: Int32 = 9

    let code: Int32
    let reason: String
    let hint: String?

    init(_ code: Int32, _ reason: String, hint: String? = nil) {
        self.code = code
        self.reason = reason
        self.hint = hint
    }

    /// Nil for errors that the argument parser made.
    init?(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case KeystoreError.missing(let path):
            self.init(
                3, "there is no wallet at \(path)",
                hint: "make one with: depai init --home DIR --owner-key FILE --passphrase-file FILE")
        case KeystoreError.locked: self.init(3, "\(KeystoreError.locked)", hint: "check --passphrase-file")
        case let error as KeystoreError: self.init(1, "\(error)", hint: nil)
        case let error as Denial: self.init(4, "\(error)", hint: nil)
        case LedgerError.damaged(let faults):
            self.init(
                8, "\(LedgerError.damaged(faults))",
                hint: "stop the robot and keep a copy of the ledger before anything else")
        case LedgerError.storageFault:
            self.init(
                8, "\(LedgerError.storageFault)",
                hint: "free some space or replace the disk, then start again")
        case let error as LedgerError: self.init(1, "\(error)", hint: nil)
        case HomeError.inUse(let path):
            self.init(
                1, "another process works in \(path)",
                hint: "stop it first; commands that only read need not wait")
        case HomeError.nothingYet(let path):
            self.init(
                1, "there is no ledger at \(path) yet", hint: "it is made by the first start: depai run")
        case HomeError.bereft:
            self.init(
                1, "\(error)",
                hint: "bring the keystore back: depai wallet restore, or from its words in another home")
        case let error as HomeError: self.init(1, "\(error)", hint: nil)
        case RPCError.otherNetwork:
            self.init(1, "\(error)", hint: "check --network and --rpc")
        case let error as RPCError:
            self.init(9, "the chain does not answer: \(error)", hint: "check rpc in the configuration")
        case let fault as CashierFault: self.init(fault)
        case let error as FileError: self.init(1, "\(error)", hint: nil)
        case SchemaError.newer(_, _, _, let copy):
            self.init(
                8, "\(error)",
                hint: "install the newer package"
                    + (copy.map { ", or stop everything and put \($0) in its place" }
                        ?? ", or restore a backup"))
        case let error as SchemaError:
            self.init(1, "\(error)", hint: "the robot brings it up to date at its start: depai run")
        case let error as DatabaseError:
            self.init(
                error.isStorageFault ? 8 : 1, "\(error)",
                hint: error.isStorageFault ? "free some space, then start again" : nil)
        case let error as BusError: self.init(9, "the broker does not take it: \(error)")
        case is BackupError, is CommandError, is ControlSocket.Fault, is CredentialSealer.Fault,
            is SodiumError, is PolicyError,
            is MnemonicError,
            is JSONError, is SettingsError, is Encoding.DecodingError:
            self.init(1, "\(error)", hint: nil)
        default: return nil
        }
    }
}

extension Failure {
    private init(_ fault: CashierFault) {
        switch fault {
        case .chain: self.init(9, "\(fault)", hint: "check rpc in the configuration")
        case .otherNetwork: self.init(1, "\(fault)", hint: "check --network and --rpc")
        case .storage:
            self.init(8, "\(fault)", hint: "free some space or replace the disk, then start again")
        case .locked: self.init(3, "\(fault)", hint: "the robot runs without its passphrase or credential")
        case .unknownChannel: self.init(2, "\(fault)", hint: "depai channel list")
        case .refused: self.init(1, "\(fault)")
        }
    }
}
