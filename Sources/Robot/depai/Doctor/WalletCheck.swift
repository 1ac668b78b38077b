import Console
import Database
import Home
import Ledger
import Linux
import SystemPackage
import Wallet
import World

/// Keystore, ledger, and what the owner allows.
struct WalletCheck {
    let home: Home

    init(_ home: Home) { self.home = home }

    /// How long before its end a lease is worth a word, in milliseconds.
    private static let notice: Int64 = 3 * 86_400_000

    var findings: [Finding] {
        guard DurableFile.exists(self.home.path) else { return [] }
        guard DurableFile.exists(self.home.keystorePath) else {
            return [
                .broken(
                    "keystore", "there is no wallet in \(self.home.path)",
                    "depai init --home \(self.home.path), or depai wallet restore FOLDER")
            ]
        }
        let keystore: Keystore
        do {
            keystore = try self.home.keystore()
        } catch {
            return [.broken("keystore", "\(error)", "restore a backup, or make it from the words again")]
        }
        return [.good("keystore", "opened by \(keystore.slots.map(\.kind).joined(separator: " or "))")]
            + self.owner + self.ledger(keystore)
    }

    private var owner: [Finding] {
        do {
            _ = try self.home.owner()
            return []
        } catch {
            return [
                .broken("owner key", "\(error)", "bring owner.pub back from a backup: depai wallet restore")
            ]
        }
    }

    private func ledger(_ keystore: Keystore) -> [Finding] {
        guard DurableFile.exists(self.home.ledgerPath) else { return [Self.noPolicy] }
        do {
            let view = try self.home.viewLedger()
            let faults = try view.faults() + view.chainFaults(after: 0)
            let head = try view.head()
            guard faults.isEmpty else {
                return [
                    .broken(
                        "ledger", faults.joined(separator: "; "),
                        "stop the robot, keep a copy of the ledger, and restore a backup")
                ]
            }
            var findings = [
                Finding.good("ledger", "\(head.sequence) steps, every hash and every sum checked")
            ]
            if let hold = try view.hold() {
                findings.append(
                    .warning(
                        "wallet", "stopped: \(hold.reason)", "the owner lifts it: depai wallet unfreeze"))
            }
            let policy = try view.policy(owner: self.home.owner(), wallet: keystore.address)
            return try findings + (policy.map { try self.check($0, view) } ?? [Self.noPolicy])
        } catch is SchemaError {
            // Said of the file already.
            return []
        } catch let error as PolicyError {
            return [
                .broken("policy", "\(error)", "the owner signs a new one: depai wallet policy apply FILE")
            ]
        } catch {
            return [.broken("ledger", "\(error)", "stop the robot, keep a copy, and restore a backup")]
        }
    }

    private static var noPolicy: Finding {
        .warning(
            "policy", "none: nothing can be spent",
            "the owner signs one for this wallet: depai wallet policy apply FILE")
    }

    private func check(_ policy: Policy, _ view: borrowing LedgerView) throws -> [Finding] {
        let text = "number \(policy.sequence), \(policy.mode.rawValue)"
        var findings = [
            policy.mode == .active
                ? Finding.good("policy", text)
                : .warning(
                    "policy", "\(text): nothing can be spent",
                    "the owner signs one with the mode \"active\": depai wallet policy apply FILE")
        ]
        if let end = try view.leaseEnd(of: policy) {
            let left = end - SystemTimeline().now.milliseconds
            let remedy = "the owner prolongs it: depai owner renew"
            if left <= 0 {
                findings.append(
                    .warning("lease", "ended at \(rfc3339(end)): nothing can be spent", remedy))
            } else if left < Self.notice {
                findings.append(.warning("lease", "ends at \(rfc3339(end))", remedy))
            } else {
                findings.append(.good("lease", "until \(rfc3339(end))"))
            }
        }
        return findings
    }
}
