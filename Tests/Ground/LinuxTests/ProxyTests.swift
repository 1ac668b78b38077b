import Glibc
import Linux
import TestSupport
import Testing
import World

@Suite struct ProxyTests {
    /// The environment belongs to the process, so this runs in one of its own.
    @Test func `what pays goes through nobody whom the environment names`() async {
        await #expect(processExitsWith: .success) {
            // Takes connections and says nothing.
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0002).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isBound = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener, $0, size) == 0 && listen(listener, 4) == 0
                        && getsockname(listener, $0, &size) == 0
                }
            }
            precondition(isBound)
            for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
                setenv(name, "http://127.0.0.1:1", 1)
            }
            let url = "http://127.0.0.2:\(UInt16(bigEndian: address.sin_port))/"
            var failure: WebError?
            do {
                _ = try await WebProcess(program: Repository.program("depai-web").string).send(
                    WebRequest("GET", url, timeout: .milliseconds(300)))
            } catch {
                failure = error as? WebError
            }
            precondition(failure == .timedOut, "\(String(describing: failure))")
        }
    }
}
