internal import Glibc

/// Seals a secret to this machine with `systemd-creds`, for a unit's `LoadCredentialEncrypted=`.
public enum CredentialSealer {
    /// Where the distribution has it. Not looked for in the path: what is handed over opens a wallet.
    public static let program = "/usr/bin/systemd-creds"

    public static var isInstalled: Bool { access(self.program, X_OK) == 0 }

    public enum Fault: Error, CustomStringConvertible {
        case notInstalled
        case system(String, code: Int32)
        /// It ended with another code than 0; its words went to standard error.
        case refused(code: Int32)

        public var description: String {
            switch self {
            case .notInstalled: "there is no \(CredentialSealer.program) here"
            case .system(let what, let code): "\(what): \(String(cString: strerror(code)))"
            case .refused(let code): "\(CredentialSealer.program) failed with code \(code)"
            }
        }
    }

    /// The longest secret: what a pipe holds while nobody reads yet, with room to spare.
    static let limit = 4_096

    /// Writes a new sealed file. The secret goes through a pipe and is nowhere in clear.
    /// - Parameters:
    ///   - name: of the credential; the sealed file opens under no other.
    ///   - path: replaced if it is there.
    public static func seal(_ secret: UnsafeRawBufferPointer, name: String, to path: String) throws {
        guard self.isInstalled else { throw Fault.notInstalled }
        precondition(secret.count <= self.limit, "a secret that does not fit into a pipe")
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Fault.system("pipe", code: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        // Before anybody reads: whoever ends early breaks no pipe then.
        let count = write(ends[1], secret.baseAddress, secret.count)
        close(ends[1])
        guard count == secret.count else { throw Fault.system("pipe", code: EIO) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        let arguments = [self.program, "encrypt", "--quiet", "--name=\(name)", "-", path]
        var list = arguments.map { strdup($0) } + [nil]
        defer { for argument in list { free(argument) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, self.program, &actions, nil, &list, environ)
        guard code == 0 else { throw Fault.system(self.program, code: code) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw Fault.system(self.program, code: errno) }
        }
        guard status == 0 else { throw Fault.refused(code: status >> 8 & 0xff) }
    }
}
