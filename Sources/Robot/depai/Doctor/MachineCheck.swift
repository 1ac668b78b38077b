import Console
import Database
import Encoding
import Glibc
import Linux
import Sodium
import SystemPackage
import World

/// What the machine really does for the wallet's safety. Trusts no setting that can be measured instead.
enum MachineCheck {
    static var findings: [Finding] {
        [self.memory, self.dumps, self.swap, self.sodium, self.sqlite, self.clock]
    }

    /// The library hands memory out whether the kernel locked it or not, so the kernel is asked.
    private static var memory: Finding {
        let name = "locked memory"
        let before = self.lockedKibibytes
        guard let secret = try? SecretBytes(count: 64) else {
            return .broken(name, "libsodium gives none", "raise LimitMEMLOCK, or: ulimit -l 4096")
        }
        let locked = self.lockedKibibytes - before
        _ = secret.count
        guard locked > 0 else {
            return .warning(
                name, "the kernel locks nothing: secrets may be swapped out",
                "LimitMEMLOCK=4M in the unit; in a shell: ulimit -l 4096")
        }
        return .good(name, "secrets stay in memory (\(locked) KiB locked for one of 64 bytes)")
    }

    private static var dumps: Finding {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(RLIMIT_CORE.rawValue)), &limit)
        guard limit.rlim_cur == 0 else {
            return .warning(
                "core dumps", "allowed up to \(limit.rlim_cur) bytes", "LimitCORE=0 in the unit")
        }
        return .good("core dumps", "refused by this program")
    }

    private static var swap: Finding {
        let swaps = self.lines(of: "/proc/swaps").dropFirst()
        guard !swaps.isEmpty else { return .good("swap", "none") }
        return .warning(
            "swap", "\(swaps.count) in use; only locked memory stays out of it",
            "swapoff -a and its line out of /etc/fstab, or MemorySwapMax=0 in the unit")
    }

    private static var sodium: Finding {
        // The public key of case 3 of ed25519-speccheck: of mixed order. Debian's 1.0.18-1+deb12u1
        // refuses it, older revisions do not (CVE-2025-69277).
        let mixed = try? PublicKey(
            Hex.decode("cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d"))
        guard mixed?.isSound == false else {
            return .broken(
                "libsodium", "\(SodiumLibrary.version) takes keys of mixed order (CVE-2025-69277)",
                "apt-get update && apt-get install --only-upgrade libsodium23")
        }
        return .good("libsodium", "\(SodiumLibrary.version), refuses keys of mixed order")
    }

    private static var sqlite: Finding {
        .good("SQLite", "\(DatabaseLibrary.version), one writing connection")
    }

    private static var clock: Finding {
        let now = SystemTimeline().now
        let text = rfc3339(now.milliseconds)
        guard now.quality == .ntp else {
            return .warning(
                "clock", "\(text), nothing disciplines it: limits and lease go by time awake",
                "timedatectl set-ntp true, or install chrony")
        }
        return .good("clock", "\(text), disciplined by a time daemon")
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
