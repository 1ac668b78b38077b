internal import Glibc

/// The running program as a file.
public enum OwnProgram {
    /// The folder it lies in, links resolved; nil where /proc is not there.
    public static var folder: String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        return String(cString: dirname(path))
    }

    /// Another program of ours: beside this one, or where the Debian package has it; nil where it is not.
    public static func place(of program: String) -> String? {
        guard let folder = self.folder else { return nil }
        return ["\(folder)/\(program)", "\(folder)/../libexec/depai/\(program)"].first {
            access($0, X_OK) == 0
        }
    }
}
