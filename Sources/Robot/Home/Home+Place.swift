internal import Database
internal import Encoding
internal import Glibc
internal import Sodium
public import SystemPackage

/// Where a home lives. A copy of a home is a second wallet with the same keys: each of them may spend the
/// whole budget of the owner's policy, and neither knows of the other.
extension Home {
    private var placePath: FilePath { self.path.appending("place.json") }

    /// What tells this folder from a copy of it: the machine, and the folder's own number in its file system,
    /// which moving keeps and copying does not.
    private struct Place: Equatable {
        let machine: String
        let folder: UInt64
        let path: String

        func isSame(as other: Place) -> Bool { self.machine == other.machine && self.folder == other.folder }
    }

    /// Whether this home is a copy of the one that was started before under its name: in words, with what to
    /// do; nil when it is not, and the first time. The caller holds the lock.
    /// - Parameter machine: files that say which machine this is.
    public func noticeCopy(
        machine: [FilePath] = ["/etc/machine-id", "/proc/device-tree/serial-number"]
    ) throws -> String? {
        var status = stat()
        guard stat(self.path.string, &status) == 0 else {
            throw FileError.system(path: self.path.string, Errno(rawValue: errno))
        }
        // Hashed: the id is meant for this machine only.
        let names = machine.map { (try? DurableFile.read($0, limit: 4_096)) ?? [] }
        let name = Hex.encode(BLAKE2b.digest(of: Array("depai/machine\n".utf8) + names.joined(), length: 16))
        let now = Place(machine: name, folder: UInt64(status.st_ino), path: self.path.string)
        let before = self.lastPlace
        if before != now { try self.write(now) }
        guard let before, !before.isSame(as: now) else { return nil }
        let machine = before.machine == now.machine ? "on this machine" : "on another machine"
        return """
            this home is a copy of \(before.path.plain()) \(machine): two robots with one wallet each spend \
            the owner's whole budget, and take each other's place at the broker. If the other one still \
            runs, stop it for good, or make this one a wallet of its own: depai init --home OTHER. If this \
            home was moved, all is well, and this is said once
            """
    }

    private var lastPlace: Place? {
        guard let bytes = try? DurableFile.read(self.placePath, limit: 16 << 10),
            let root = (try? JSON.read(bytes)).map({ JSONField($0) }),
            let machine = try? root["machine"].string(), let path = try? root["path"].string(),
            let folder = (try? root["folder"].string()).flatMap({ UInt64($0) })
        else { return nil }
        return Place(machine: machine, folder: folder, path: path)
    }

    private func write(_ place: Place) throws {
        let json: JSON = [
            "schema": "depai.place/1", "machine": .string(place.machine),
            "folder": .string(String(place.folder)), "path": .string(place.path),
        ]
        try DurableFile.write(Array((json.prettyText + "\n").utf8), to: self.placePath)
    }
}
