import ArgumentParser
import Database
import Encoding
import Glibc
import Home
import Ledger
import Linux
import Sodium
import SystemPackage
import Wallet
import World

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "What this machine really does for the wallet's safety.",
        discussion: "Exit code 8 when something is broken, 0 otherwise; warnings are worth reading.")

    @OptionGroup var home: HomeOption
    @OptionGroup var output: OutputOption

    func run() async throws {
        let findings = try Examination(self.home.home).findings
        if self.output.json {
            Terminal.out([
                "schema": "depai.doctor/1",
                "findings": .array(
                    findings.map {
                        [
                            "check": .string($0.check), "grade": .string($0.grade.rawValue),
                            "text": .string($0.text),
                        ]
                    }),
            ])
        } else {
            var table = Table(.left, .left, .left)
            for finding in findings {
                table.add(
                    (finding.grade.rawValue, finding.grade.colour), (finding.check, .bold),
                    (finding.text, nil))
            }
            Terminal.out(table.text)
        }
        if findings.contains(where: { $0.grade == .broken }) { throw ExitCode(8) }
    }
}

/// Looks, and trusts no setting that can be measured instead.
private struct Examination {
    enum Grade: String {
        case good
        case warning
        case broken

        var colour: Terminal.Colour {
            switch self {
            case .good: .green
            case .warning: .yellow
            case .broken: .red
            }
        }
    }

    private(set) var findings: [(check: String, grade: Grade, text: String)] = []

    init(_ home: Home) throws {
        try self.lookAtMemory()
        self.lookAtLibraries()
        self.lookAtClock()
        self.lookAtFiles(home)
        self.lookAtLedger(home)
    }

    private mutating func add(_ check: String, _ grade: Grade, _ text: String) {
        self.findings.append((check, grade, text))
    }

    /// The library hands memory out whether the kernel locked it or not, so the kernel is asked.
    private mutating func lookAtMemory() throws {
        let before = Self.lockedKibibytes
        let secret = try SecretBytes(count: 64)
        let locked = Self.lockedKibibytes - before
        if locked > 0 {
            self.add(
                "locked memory", .good, "secrets stay in memory (\(locked) KiB locked for one of 64 bytes)")
        } else {
            self.add(
                "locked memory", .warning,
                "the kernel locks nothing: secrets may be swapped out; raise LimitMEMLOCK to 4M")
        }
        _ = secret.count
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(RLIMIT_CORE.rawValue)), &limit)
        self.add(
            "core dumps", limit.rlim_cur == 0 ? .good : .warning,
            limit.rlim_cur == 0
                ? "refused by this program" : "allowed up to \(limit.rlim_cur) bytes; set LimitCORE=0")
        let swaps = Self.lines(of: "/proc/swaps").dropFirst()
        self.add(
            "swap", swaps.isEmpty ? .good : .warning,
            swaps.isEmpty ? "none" : "\(swaps.count) in use; only locked memory stays out of it")
    }

    private mutating func lookAtLibraries() {
        // The public key of case 3 of ed25519-speccheck: of mixed order. Debian's 1.0.18-1+deb12u1
        // refuses it, older revisions do not (CVE-2025-69277).
        let mixed = try? PublicKey(
            Hex.decode("cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d"))
        let refuses = mixed?.isSound == false
        self.add(
            "libsodium", refuses ? .good : .broken,
            refuses
                ? "\(SodiumLibrary.version), refuses keys of mixed order"
                : "\(SodiumLibrary.version) takes keys of mixed order (CVE-2025-69277): upgrade libsodium23")
        self.add("SQLite", .good, "\(DatabaseLibrary.version), one writing connection")
    }

    private mutating func lookAtClock() {
        let now = SystemTimeline().now
        self.add(
            "clock", now.quality == .ntp ? .good : .warning,
            now.quality == .ntp
                ? "\(rfc3339(now.milliseconds)), disciplined by a time daemon"
                : "\(rfc3339(now.milliseconds)), nothing disciplines it: limits and lease go by time awake")
    }

    private mutating func lookAtFiles(_ home: Home) {
        for (path, mode) in [
            (home.path, UInt32(0o700)), (home.keystorePath, 0o600), (home.ledgerPath, 0o600),
        ] {
            var status = stat()
            guard stat(path.string, &status) == 0 else {
                self.add(path.string, .warning, "is not there")
                continue
            }
            let found = status.st_mode & 0o777
            let isPrivate = found & 0o077 == 0
            self.add(
                path.string, isPrivate ? .good : .broken,
                isPrivate
                    ? "private"
                    : "mode \(String(found, radix: 8)) lets others in; chmod \(String(mode, radix: 8))")
        }
        guard let keystore = try? home.keystore() else { return }
        self.add("keystore", .good, "opened by \(keystore.slots.map(\.kind).joined(separator: " or "))")
    }

    private mutating func lookAtLedger(_ home: Home) {
        guard DurableFile.exists(home.ledgerPath) else { return }
        do {
            let view = try home.viewLedger()
            let faults = try view.faults() + view.chainFaults(after: 0)
            let head = try view.head()
            self.add(
                "ledger", faults.isEmpty ? .good : .broken,
                faults.isEmpty
                    ? "\(head.sequence) steps, every hash and every sum checked"
                    : faults.joined(separator: "; "))
            if let hold = try view.hold() { self.add("wallet", .warning, "stopped: \(hold.reason)") }
        } catch {
            self.add("ledger", .broken, "\(error)")
        }
    }

    private static var lockedKibibytes: Int {
        let line = self.lines(of: "/proc/self/status").first { $0.hasPrefix("VmLck:") }
        return line.flatMap { Int($0.split { !$0.isNumber }.first ?? "") } ?? 0
    }

    private static func lines(of path: String) -> [Substring] {
        let bytes = (try? DurableFile.read(FilePath(path), limit: 64 << 10)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}
