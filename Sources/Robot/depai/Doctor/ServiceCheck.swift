import Database
import SystemPackage

/// The unit, where there is one.
enum ServiceCheck {
    private static let name = "depai.service"
    /// In the order in which systemd looks.
    private static let folders = [
        "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
    ]

    static var findings: [Finding] {
        guard let settings = self.settings else { return [] }
        var findings: [Finding] = []
        let type = settings["Type"] ?? "simple"
        let watchdog = settings["WatchdogSec"] ?? "0"
        if type != "notify" {
            findings.append(
                .warning(
                    "unit", "Type=\(type): systemd takes the robot for started before it works",
                    "systemctl edit depai: [Service] Type=notify"))
        }
        if watchdog == "0" {
            findings.append(
                .warning(
                    "unit", "no watchdog: a robot that is stuck stays so",
                    "systemctl edit depai: [Service] WatchdogSec=30"))
        }
        return findings.isEmpty ? [.good("unit", "\(self.name), watchdog after \(watchdog)")] : findings
    }

    /// What the unit and its additions say; nil when there is none.
    private static var settings: [String: String]? {
        guard
            let unit = self.folders.map({ FilePath($0).appending(self.name) }).first(
                where: DurableFile.exists)
        else { return nil }
        var files = [unit]
        for folder in self.folders.reversed().map({ FilePath($0).appending("\(self.name).d") }) {
            let names = ((try? DurableFile.names(in: folder)) ?? []).filter { $0.hasSuffix(".conf") }
            files += names.sorted().map { folder.appending($0) }
        }
        var settings: [String: String] = [:]
        for file in files {
            let text = String(decoding: (try? DurableFile.read(file, limit: 1 << 20)) ?? [], as: UTF8.self)
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else { continue }
                settings[String(parts[0])] = String(parts[1])
            }
        }
        return settings
    }
}
