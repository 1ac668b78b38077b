import ArgumentParser
import Console
import Encoding
import Home
import SystemPackage

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "What is wrong on this machine, and what to do about it.",
        discussion: """
            Looks at the machine, the home, the wallet, the configuration and whoever it names, whether a \
            robot runs or not, and changes nothing. Exit code 8 when something is broken, 0 otherwise; \
            warnings are worth reading.
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var output: OutputOption

    @Option(help: "Configuration file; HOME/depai.yaml by default.")
    var config: String?

    @Flag(help: "Ask nobody: neither broker nor chain.")
    var offline = false

    func run() async throws {
        let home = self.home.home
        let configuration = self.config.map { FilePath($0) } ?? home.configurationPath
        var findings = MachineCheck.findings + ServiceCheck.findings
        findings += HomeCheck(home).findings + WalletCheck(home).findings
        findings += await ConfigurationCheck(home, configuration, asks: !self.offline).findings()
        findings += await RobotCheck(home).findings()
        self.show(findings)
        if findings.contains(where: { $0.grade == .broken }) { throw ExitCode(8) }
    }

    private func show(_ findings: [Finding]) {
        guard !self.output.json else {
            return Terminal.out([
                "schema": "depai.doctor/1",
                "findings": .array(
                    findings.map {
                        [
                            "check": .string($0.check), "grade": .string($0.grade.rawValue),
                            "text": .string($0.text), "remedy": JSON($0.remedy),
                        ]
                    }),
            ])
        }
        var table = Table(.left, .left, .left)
        for finding in findings {
            table.add(
                (finding.grade.rawValue, finding.grade.colour), (finding.check, .bold), (finding.text, nil))
            if let remedy = finding.remedy { table.add(("", nil), ("", nil), ("→ \(remedy)", .dim)) }
        }
        Terminal.out(table.text)
    }
}

/// What one look showed. Whatever is not good comes with what to do.
struct Finding {
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

    let check: String
    let grade: Grade
    let text: String
    /// A command or a sentence; nil when all is well.
    let remedy: String?

    static func good(_ check: String, _ text: String) -> Finding {
        Finding(check: check, grade: .good, text: text, remedy: nil)
    }

    static func warning(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, grade: .warning, text: text, remedy: remedy)
    }

    static func broken(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, grade: .broken, text: text, remedy: remedy)
    }
}
