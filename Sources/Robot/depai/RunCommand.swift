import ArgumentParser
import Console
import Database
import Glibc
import Home
import Linux
import SystemPackage

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the robot until stopped.",
        discussion: "Becomes the program depaid, which does nothing else and needs less memory.")

    @OptionGroup var home: HomeOption

    @Option(help: "Configuration file; HOME/depai.yaml by default.")
    var config: String?

    func run() throws {
        let service = try Self.service
        let arguments =
            [service.string, "--home", self.home.home.path.string]
            + (self.config.map { ["--config", $0] } ?? [])
        let copies = arguments.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        // Comes back only when it fails.
        execv(service.string, copies)
        throw Failure(1, "\(service) cannot be started: \(Errno(rawValue: errno))")
    }

    /// Beside this program, or where the Debian package has it.
    private static var service: FilePath {
        get throws {
            guard let found = OwnProgram.place(of: "depaid") else {
                throw Failure(1, "there is no depaid beside depai", hint: "install the whole package again")
            }
            return FilePath(found)
        }
    }
}
