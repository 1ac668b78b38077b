import Glibc
import Subprocess
package import SystemPackage

/// Programs that a simulation starts. Each lives inside the call that started it: when that is cancelled, the
/// program is asked to end, and killed when it does not.
package enum Child {
    /// Runs a program until it ends or the task is cancelled. Its words go to `log`.
    ///
    /// - Parameter started: told the process id.
    /// - Returns: the exit code; 128 and the number of the signal that ended it.
    package static func run(
        _ executable: FilePath, _ arguments: [String], log: FilePath,
        started: @escaping @Sendable (Int32) async -> Void = { _ in }
    ) async throws -> Int32 {
        let file = try FileDescriptor.open(
            log, .writeOnly, options: [.create, .append, .closeOnExec], permissions: [.ownerReadWrite])
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(6))]
        let result = try await Subprocess.run(
            .path(executable), arguments: Arguments(arguments), platformOptions: options, input: .none,
            output: .fileDescriptor(file, closeAfterSpawningProcess: false),
            error: .fileDescriptor(file, closeAfterSpawningProcess: true)
        ) { execution in
            await started(Int32(execution.processIdentifier.value))
        }
        return switch result.terminationStatus {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }

    /// Runs a short program and gives what it printed.
    package static func output(_ executable: FilePath, _ arguments: [String]) async throws -> String {
        let result = try await Subprocess.run(
            .path(executable), arguments: Arguments(arguments), input: .none, output: .string(limit: 1 << 20),
            error: .string(limit: 64 << 10))
        guard result.terminationStatus.isSuccess else {
            throw SimulationError.process(
                name: "\(executable.lastComponent?.string ?? "") \(arguments.joined(separator: " "))",
                log: result.standardError)
        }
        return result.standardOutput
    }

    /// Asks a process to end.
    package static func terminate(_ process: Int32) { _ = Glibc.kill(process, SIGTERM) }

    /// Ends a process at once, as a power cut would.
    package static func kill(_ process: Int32) { _ = Glibc.kill(process, SIGKILL) }

    /// A TCP port of the loopback interface that nobody listens on at this moment.
    package static func freePort() throws -> Int {
        let (socket, port) = try self.boundSocket()
        close(socket)
        return port
    }

    /// A TCP socket on a free port of the loopback interface. The caller closes it.
    package static func boundSocket() throws -> (socket: Int32, port: Int) {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw Errno(rawValue: errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(socket, pointer, length) == 0 ? getsockname(socket, pointer, &length) : -1
            }
        }
        guard code == 0 else {
            defer { close(socket) }
            throw Errno(rawValue: errno)
        }
        return (socket, Int(UInt16(bigEndian: address.sin_port)))
    }
}
