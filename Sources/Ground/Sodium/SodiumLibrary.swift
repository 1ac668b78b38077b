internal import CSodium

/// The library below.
public enum SodiumLibrary {
    /// As it says itself, such as `1.0.18`. The distribution's patches do not show in it.
    public static var version: String { String(cString: sodium_version_string()) }
}
