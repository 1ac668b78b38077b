import CLinux
import Foundation
import Glibc
import TestSupport
import Testing

@testable import depai_web

/// What the web process can no longer do, tried in a process that shut itself in the same way.
@Suite(.endsHangs) struct ConfinementTests {
    /// What an attempt came to: 0, or the error's number.
    private static func code(_ attempt: () -> Int) -> Int32 { attempt() >= 0 ? 0 : errno }

    /// The same of a call that Swift does not see, by its number.
    private static func code(_ call: Int32, _ first: Int = 0, _ second: Int = 0) -> Int32 {
        Self.code { depai_system_call(call, first, second, 0, 0) }
    }

    @Test func `it starts no process and touches no other`() async {
        await #expect(processExitsWith: .success) {
            let parent = getppid()
            Confinement.limit()
            let missing = Confinement.enter()
            #expect(missing.isEmpty)
            #expect(Self.code { Int(kill(parent, 0)) } == EPERM)
            #expect(Self.code { Int(kill(getpid(), SIGTERM)) } == EPERM)
            #expect(Self.code(SYS_clone, Int(SIGCHLD)) == EPERM)
            #expect(Self.code(SYS_clone3) == ENOSYS)
            var nobody: [UnsafeMutablePointer<CChar>?] = [nil]
            #expect(Self.code { Int(execv("/bin/true", &nobody)) } == EPERM)
            // PTRACE_ATTACH
            #expect(Self.code(SYS_ptrace, 16, Int(parent)) == EPERM)
            #expect(Self.code(SYS_process_vm_readv, Int(parent)) == EPERM)
            #expect(Self.code(SYS_prlimit64, Int(parent), 7) == EPERM)
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            #expect(listener >= 0)
            #expect(Self.code { Int(listen(listener, 1)) } == EPERM)
            // Whom a descriptor signals is nobody's business.
            #expect(Self.code { Int(fcntl(listener, F_SETOWN, parent)) } == EPERM)
        }
    }

    @Test func `it sees no file of the home and writes none`() async {
        await #expect(processExitsWith: .success) {
            let codes = try Self.openings()
            precondition(codes == [EACCES, EACCES, EACCES, EPERM, EACCES, EACCES, 0], "\(codes)")
        }
    }

    /// What comes of opening a secret in three ways, of removing it, of looking into this process and into
    /// another, and of reading what names and certificates need.
    private static func openings() throws -> [Int32] {
        let secret = try TemporaryFolder.make().appending("keystore.json").string
        try Data("secret".utf8).write(to: URL(filePath: secret))
        let other = "/proc/\(getppid())/mem"
        Confinement.limit()
        let missing = Confinement.enter()
        precondition(missing.isEmpty, "\(missing)")
        return [
            Self.code { Int(open(secret, O_RDONLY)) }, Self.code { Int(open(secret, O_WRONLY)) },
            Self.code { Int(open(secret, O_RDWR | O_CREAT, 0o600)) }, Self.code { Int(unlink(secret)) },
            Self.code { Int(open("/proc/self/maps", O_RDONLY)) }, Self.code { Int(open(other, O_RDONLY)) },
            Self.code { Int(open("/etc/passwd", O_RDONLY)) },
        ]
    }

    @Test func `it may connect, and have threads`() async {
        await #expect(processExitsWith: .success) {
            Confinement.limit()
            #expect(Confinement.enter().isEmpty)
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var found: UnsafeMutablePointer<addrinfo>?
            #expect(getaddrinfo("localhost", "9", &hints, &found) == 0)
            let peer = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(9).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let code = withUnsafeBytes(of: &address) {
                $0.withMemoryRebound(to: sockaddr.self) { address in
                    Self.code { Int(connect(peer, address.baseAddress, 16)) }
                }
            }
            #expect(code == ECONNREFUSED)
            var thread = pthread_t()
            #expect(pthread_create(&thread, nil, { _ in nil }, nil) == 0)
            #expect(pthread_join(thread, nil) == 0)
        }
    }
}
