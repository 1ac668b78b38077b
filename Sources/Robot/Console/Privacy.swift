internal import Glibc

/// What a program that holds money does before anything else.
package func keepToOneself() {
    // What it makes is its owner's alone, SQLite's files included.
    umask(0o077)
    // A crash must not write the keys to a disk. Guarded memory is left out of dumps anyway; what else the
    // process knows is nobody's business either.
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(UInt32(RLIMIT_CORE.rawValue)), &none)
}
