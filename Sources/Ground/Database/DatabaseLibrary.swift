internal import CSQLite

/// The library below.
public enum DatabaseLibrary {
    /// Such as `3.40.1`.
    public static var version: String { String(cString: sqlite3_libversion()) }
}
