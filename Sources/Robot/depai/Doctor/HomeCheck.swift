import Control
import Database
import Glibc
import Home
import SystemPackage

/// The home's folder and files: whose they are, who may read them, whether there is room, which program wrote
/// them.
struct HomeCheck {
    let home: Home

    init(_ home: Home) { self.home = home }

    /// Too little for a day of work, and too little for the next write, in bytes.
    private static let room = (scarce: UInt64(512 << 20), none: UInt64(32 << 20))

    var findings: [Finding] {
        guard DurableFile.exists(self.home.path) else {
            return [
                .broken(
                    "home", "\(self.home.path) is not there", "depai init --home \(self.home.path)")
            ]
        }
        return self.modes + [self.owners, self.disk] + self.schemas + self.leftovers
    }

    private var modes: [Finding] {
        let files =
            [(self.home.path, UInt32(0o700))]
            + [self.home.keystorePath, self.home.ledgerPath].map { ($0, 0o600) }
        return files.compactMap { path, mode in
            var status = stat()
            guard stat(path.string, &status) == 0 else { return nil }
            let found = status.st_mode & 0o777
            guard found & 0o077 != 0 else { return .good(path.string, "private") }
            return .broken(
                path.string, "mode \(String(found, radix: 8)) lets others in",
                "chmod \(String(mode, radix: 8)) \(path)")
        }
    }

    /// A file that root made in the service's home cannot be opened by the service.
    private var owners: Finding {
        var status = stat()
        guard stat(self.home.path.string, &status) == 0 else {
            return .broken("owner", "the home cannot be looked at", "run this as its owner or as root")
        }
        let owner = status.st_uid
        var strangers: [String] = []
        let names = (try? DurableFile.names(in: self.home.path)) ?? []
        for name in names.sorted() {
            guard lstat(self.home.path.appending(name).string, &status) == 0, status.st_uid != owner else {
                continue
            }
            strangers.append(name)
        }
        guard strangers.isEmpty else {
            return .broken(
                "owner", "not the home's: \(strangers.prefix(5).joined(separator: ", "))",
                "chown -R --reference=\(self.home.path) \(self.home.path)")
        }
        return .good("owner", "every file is user \(owner)'s")
    }

    private var disk: Finding {
        guard let space = try? DiskSpace(of: self.home.path) else {
            return .warning("disk", "its room is not known", "df \(self.home.path)")
        }
        let text = "\(space.free >> 20) MiB of \(space.size >> 20) MiB free"
        let remedy = "free some space on the file system of \(self.home.path)"
        if space.free < Self.room.none { return .broken("disk", text, remedy) }
        return space.free < Self.room.scarce ? .warning("disk", text, remedy) : .good("disk", text)
    }

    private var schemas: [Finding] {
        self.home.databases.map { path, schema in
            let name = path.lastComponent?.string ?? path.string
            do {
                let found = try Schema.version(of: path)
                if found > schema.version {
                    let copy = schema.copies(of: path).last.map {
                        ", or stop everything and put \($0.path) in its place"
                    }
                    return .broken(
                        name,
                        "written by a newer depai (schema \(found), this program knows \(schema.version))",
                        "install the newer package" + (copy ?? ", or restore a backup"))
                }
                guard found == schema.version else {
                    return .warning(
                        name, "written by an older depai (schema \(found) of \(schema.version))",
                        "the next start brings it up to date and keeps a copy: depai run")
                }
                return .good(name, "schema \(found)")
            } catch {
                return .broken(name, "\(error)", "stop everything and restore a backup: depai wallet restore")
            }
        }
    }

    private var leftovers: [Finding] {
        guard DurableFile.exists(self.home.path.appending(".init")) else { return [] }
        return [
            .warning("init", "an earlier depai init was cut off", "depai init --home \(self.home.path)")
        ]
    }
}
