import Console
import Control
import Database
import Encoding
import Glibc
import Home
import Linux
import SystemPackage
import World

/// The robot that runs in the home, if one does.
struct RobotCheck {
    let home: Home

    init(_ home: Home) { self.home = home }

    func findings() async -> [Finding] {
        do {
            let bytes = try await self.home.controlSocket.ask(
                try DeviceRequest.list.json.canonicalBytes(), patience: .seconds(5))
            let list = try JSONField(try JSON.read(bytes, limits: .init(bytes: 8 << 20, depth: 40)))[
                "devices"
            ]
            .elements()
            let online = try list.count { try $0["availability"].string() == "online" }
            return [.good("robot", "runs here, \(online) of \(list.count) devices online")]
        } catch ControlSocket.Fault.nobodyListens {
            guard !self.isLocked else {
                return [
                    .broken(
                        "robot", "a process works in this home, and does not answer",
                        "look at its log: journalctl -u depai; then: systemctl restart depai")
                ]
            }
            return [.good("robot", "none runs in this home")]
        } catch {
            return [
                .broken(
                    "robot", "it does not answer as it should: \(error)",
                    "run doctor as its user or as root; else: systemctl restart depai")
            ]
        }
    }

    /// Whether another process holds the home, by the kernel's list: taking the lock to find out would keep
    /// a robot out that starts at this moment.
    private var isLocked: Bool {
        var status = stat()
        guard stat(self.home.path.appending("lock").string, &status) == 0 else { return false }
        let list = (try? DurableFile.read("/proc/locks", limit: 1 << 20)) ?? []
        return String(decoding: list, as: UTF8.self).split(separator: "\n").contains {
            $0.contains("FLOCK") && $0.contains(":\(status.st_ino) ")
        }
    }
}
