internal import ChainNodes
internal import Database
internal import Encoding
internal import Home
internal import Ledger
internal import Linux
internal import Payments
internal import Sodium
internal import Wallet
internal import World

/// A failure as a program shows it: what failed, what to do, and the exit code of the contract.
package struct Failure: Error {
    /// Nobody is there who could be asked.
    package static let unreachable: Int32 = 9

    package let code: Int32
    package let reason: String
    package let hint: String?

    package init(_ code: Int32, _ reason: String, hint: String? = nil) {
        self.code = code
        self.reason = reason
        self.hint = hint
    }

    /// Nil for errors that this code does not know, such as those of an argument parser.
    package init?(_ error: any Error) {
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
        case let error as HomeError: self.init(error)
        case ChainNodeError.otherNetwork:
            self.init(1, "\(error)", hint: "check --network and --rpc")
        case let error as ChainNodeError:
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
    private init(_ error: HomeError) {
        switch error {
        case .inUse(let path):
            self.init(
                1, "another process works in \(path)",
                hint: "stop it first; commands that only read need not wait")
        case .nothingYet(let path):
            self.init(
                1, "there is no ledger at \(path) yet", hint: "it is made by the first start: depai run")
        case .bereft:
            self.init(
                1, "\(error)",
                hint: "bring the keystore back: depai wallet restore, or from its words in another home")
        case .otherOwner:
            self.init(
                8, "\(error)",
                hint: "somebody exchanged a file of this home; bring owner.pub back from a backup")
        default: self.init(1, "\(error)", hint: nil)
        }
    }

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
