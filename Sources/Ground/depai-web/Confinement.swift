import CLinux
import Glibc

/// What this process may still do when it talks to strangers: connect, read what names and TLS need, and
/// nothing else.
enum Confinement {
    /// Shuts the doors. What it opened before stays open.
    /// - Returns: what the kernel cannot do.
    static func enter() -> [String] {
        var missing: [String] = []
        // Who was given no new rights may shut himself in; others of this user may not look into it.
        guard depai_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) == 0 else { return ["confinement"] }
        _ = depai_prctl(PR_SET_DUMPABLE, 0, 0)
        if !Self.hideFiles() { missing.append("Landlock") }
        if !SystemCallFilter.install() { missing.append("seccomp") }
        return missing
    }

    /// Nothing that a stranger makes it do may fill the disk, the memory or the table of files.
    static func limit() {
        depai_set_limit(Int32(RLIMIT_CORE.rawValue), 0)
        depai_set_limit(Int32(RLIMIT_FSIZE.rawValue), 0)
        depai_set_limit(Int32(RLIMIT_NOFILE.rawValue), 256)
        depai_set_limit(Int32(RLIMIT_DATA.rawValue), 512 << 20)
    }

    /// Libraries, names, certificates. The folders of the home are not among them.
    private static let readable = [
        "/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
        "/dev/urandom", "/dev/null", "/var/lib/ca-certificates",
    ]

    /// Leaves only ``readable`` of the file system, and that to be read only.
    /// Source: Documentation/userspace-api/landlock.rst of Linux.
    private static func hideFiles() -> Bool {
        let version = depai_system_call(
            SYS_landlock_create_ruleset, 0, 0, Self.versionFlag, 0)
        guard version > 0 else { return false }
        // Each version of the interface knows more kinds of access; all that it knows are refused.
        let rights: UInt64 = (1 << (version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13)) - 1
        // Since version 4 also: to listen at a port.
        var attributes: [UInt64] = [rights, Self.bindTCP]
        let rules = attributes.withUnsafeMutableBytes { attributes in
            depai_system_call(
                SYS_landlock_create_ruleset, Int(bitPattern: attributes.baseAddress),
                version >= 4 ? 16 : 8, 0, 0)
        }
        guard rules >= 0 else { return false }
        defer { close(Int32(clamping: rules)) }
        for path in Self.readable {
            let place = open(path, Self.placeOnly | O_CLOEXEC)
            guard place >= 0 else { continue }
            defer { close(place) }
            // struct landlock_path_beneath_attr, which is packed: the rights, the descriptor.
            var beneath = [UInt8](repeating: 0, count: 12)
            var status = stat()
            let isFolder = fstat(place, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            let allowed = Self.readFile | (isFolder ? Self.readFolder : 0)
            beneath.withUnsafeMutableBytes {
                $0.storeBytes(of: allowed, toByteOffset: 0, as: UInt64.self)
                $0.storeBytes(of: place, toByteOffset: 8, as: Int32.self)
                _ = depai_system_call(
                    SYS_landlock_add_rule, rules, Self.pathBeneath, Int(bitPattern: $0.baseAddress), 0)
            }
        }
        return depai_system_call(SYS_landlock_restrict_self, rules, 0, 0, 0) == 0
    }

    // Constants of linux/landlock.h, whose expressions Swift does not read.
    private static let versionFlag = 1
    private static let pathBeneath = 1
    private static let readFile: UInt64 = 1 << 2
    private static let readFolder: UInt64 = 1 << 3
    private static let bindTCP: UInt64 = 1 << 0
    /// `O_PATH`, which Glibc's module leaves out.
    private static let placeOnly: Int32 = 0o10_000_000
}
