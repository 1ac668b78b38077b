internal import Glibc

/// The running program as a file.
public enum OwnProgram {
    /// The folder it lies in, links resolved; nil where /proc is not there.
    public static var folder: String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        return String(cString: dirname(path))
    }
}
