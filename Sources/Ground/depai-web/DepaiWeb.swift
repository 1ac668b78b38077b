import CCurl
import Exchanges
import Glibc

/// Does the HTTP of a program that holds keys or books: takes requests from the socket that is its standard
/// input, and answers there. It ends when the other side does.
@main
enum DepaiWeb {
    static func main() {
        var status = stat()
        guard fstat(STDIN_FILENO, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
            say("it is started by the other programs of depai, and does nothing by itself")
            exit(2)
        }
        // A signal to all means the other side, which decides when the exchanges end.
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { signal(number, SIG_IGN) }
        Confinement.limit()
        // Reads the configuration of TLS, so before the doors are shut.
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let desk = ExchangeDesk() else {
            say("libcurl does not start")
            exit(1)
        }
        for missing in Confinement.enter() {
            say("goes on without \(missing), which this kernel does not have")
        }
        desk.run()
        // Exchanges under way have nobody who waits for them.
        _exit(0)
    }

    private static func say(_ words: String) {
        let line = Array("depai-web: \(words)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
