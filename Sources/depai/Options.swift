import ArgumentParser
import Glibc
import Home
import SystemPackage

/// Where the state is: `--home`, else `$DEPAI_HOME`, else `/var/lib/depai`.
struct HomeOption: ParsableArguments {
    @Option(
        name: .customLong("home"),
        help: "Folder that holds all state; $DEPAI_HOME or /var/lib/depai by default.")
    var path: String?

    var home: Home {
        let environment = getenv("DEPAI_HOME").map { String(cString: $0) }
        return Home(FilePath(self.path ?? environment ?? "/var/lib/depai"))
    }
}

struct OutputOption: ParsableArguments {
    @Flag(help: "Print one JSON object.")
    var json = false
}
