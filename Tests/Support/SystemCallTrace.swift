internal import Foundation

/// What a program did to its files, as strace saw it, in the order in which the kernel had done it.
public struct SystemCallTrace {
    public enum Event: Sendable {
        case write(file: String, offset: Int, bytes: [UInt8])
        case resize(file: String, size: Int)
        case sync(file: String)
        case remove(file: String)
        case rename(file: String, to: String)
        /// Text on standard output.
        case said(String)
    }

    public private(set) var events: [Event] = []
    /// Open files by descriptor; threads share them.
    private var files: [Int: (name: String, offset: Int)] = [:]
    private let folder: String

    /// - Parameters:
    ///   - trace: of `strace -f -xx`, at least with openat, close, pwrite64, write, fdatasync, fsync,
    ///     ftruncate, unlink and, if files are renamed, rename.
    ///   - folder: files elsewhere are left out.
    public init(_ trace: String, folder: String) {
        self.folder = folder + "/"
        var unfinished: [Substring: Substring] = [:]
        for line in trace.split(separator: "\n") {
            guard let space = line.firstIndex(of: " ") else { continue }
            let process = line[..<space]
            var call = line[space...].drop { $0 == " " }
            if call.hasSuffix("<unfinished ...>") {
                unfinished[process] = call.dropLast("<unfinished ...>".count)
                continue
            }
            if call.hasPrefix("<... "), let end = call.range(of: " resumed>") {
                guard let start = unfinished.removeValue(forKey: process) else { continue }
                call = start + call[end.upperBound...]
            }
            self.add(call)
        }
    }

    private mutating func add(_ call: Substring) {
        guard let open = call.firstIndex(of: "("),
            let end = call.range(of: " = ", options: .backwards),
            let result = Int(call[end.upperBound...].prefix { $0.isNumber || $0 == "-" }), result >= 0
        else { return }
        let name = call[..<open]
        // Texts are written as \xHH only, so a comma separates arguments wherever it stands.
        let list = call[call.index(after: open)..<end.lowerBound].drop { $0 == " " }
        let arguments = list.split(separator: ",").map { $0.trimmingCharacters(in: [" ", ")"]) }
        let number = arguments.first.flatMap { Int($0) } ?? -1
        switch name {
        case "openat":
            let path = String(decoding: Self.bytes(arguments[1]), as: UTF8.self)
            guard path.hasPrefix(self.folder), !path.hasSuffix("-shm") else { return }
            self.files[result] = (String(path.dropFirst(self.folder.count)), 0)
        case "close": self.files[number] = nil
        case "write" where number == 1:
            self.events.append(
                .said(String(decoding: Self.bytes(arguments[1]).prefix(result), as: UTF8.self)))
        case "write":
            guard let file = self.files[number] else { return }
            let bytes = Array(Self.bytes(arguments[1]).prefix(result))
            self.events.append(.write(file: file.name, offset: file.offset, bytes: bytes))
            self.files[number]?.offset += bytes.count
        case "pwrite64":
            guard let file = self.files[number], let offset = Int(arguments[3]) else { return }
            let bytes = Array(Self.bytes(arguments[1]).prefix(result))
            self.events.append(.write(file: file.name, offset: offset, bytes: bytes))
        case "fdatasync", "fsync":
            if let file = self.files[number] { self.events.append(.sync(file: file.name)) }
        case "ftruncate":
            guard let file = self.files[number], let size = Int(arguments[1]) else { return }
            self.events.append(.resize(file: file.name, size: size))
        case "unlink":
            let path = String(decoding: Self.bytes(arguments[0]), as: UTF8.self)
            guard path.hasPrefix(self.folder) else { return }
            self.events.append(.remove(file: String(path.dropFirst(self.folder.count))))
        case "rename":
            let paths = arguments.prefix(2).map { String(decoding: Self.bytes($0), as: UTF8.self) }
            guard paths.allSatisfy({ $0.hasPrefix(self.folder) }) else { return }
            let names = paths.map { String($0.dropFirst(self.folder.count)) }
            self.events.append(.rename(file: names[0], to: names[1]))
        default: break
        }
    }

    /// `"\x41\x42"` as bytes.
    private static func bytes(_ text: String) -> [UInt8] {
        func digit(_ byte: UInt8) -> UInt8 { byte < 0x3a ? byte - 0x30 : byte - 0x57 }
        let digits = Array(text.utf8).filter { $0 != UInt8(ascii: "\"") }
        return stride(from: 0, to: digits.count - 3, by: 4).map {
            digit(digits[$0 + 2]) << 4 | digit(digits[$0 + 3])
        }
    }
}

/// A disk that keeps what was synced, and of the rest what it likes.
public struct CrashingDisk: Sendable {
    /// What a power cut leaves of the writes since the last sync.
    public enum Luck: CaseIterable, Sendable {
        case nothing
        /// Sectors of 512 bytes, each with a coin.
        case half
        case everything
    }

    private struct File: Sendable {
        var durable: [UInt8] = []
        var pending: [SystemCallTrace.Event] = []
    }

    private var files: [String: File] = [:]

    /// - Parameter files: what is on it, by name.
    public init(_ files: [String: [UInt8]] = [:]) {
        self.files = files.mapValues { File(durable: $0) }
    }

    public mutating func apply(_ event: SystemCallTrace.Event) {
        switch event {
        case .write(let file, _, _), .resize(let file, _):
            self.files[file, default: File()].pending.append(event)
        case .sync(let file):
            var synced = self.files[file] ?? File()
            for event in synced.pending { Self.play(event, on: &synced.durable) }
            synced.pending = []
            self.files[file] = synced
        case .remove(let file): self.files[file] = nil
        // A file system that keeps the order of names: what was not synced may be missing under the new one.
        case .rename(let file, let other): self.files[other] = self.files.removeValue(forKey: file)
        case .said: break
        }
    }

    /// The files after a power cut at this moment.
    public func files(_ luck: Luck, using random: inout some RandomNumberGenerator) -> [String: [UInt8]] {
        self.files.mapValues { file in
            var bytes = file.durable
            for event in file.pending {
                switch (luck, event) {
                case (.nothing, _): break
                case (.everything, _): Self.play(event, on: &bytes)
                case (.half, .write(let name, let offset, let content)):
                    var start = 0
                    while start < content.count {
                        let end = min(content.count, (offset + start) / 512 * 512 + 512 - offset)
                        if Bool.random(using: &random) {
                            Self.play(
                                .write(
                                    file: name, offset: offset + start, bytes: Array(content[start..<end])),
                                on: &bytes)
                        }
                        start = end
                    }
                case (.half, _): if Bool.random(using: &random) { Self.play(event, on: &bytes) }
                }
            }
            return bytes
        }
    }

    private static func play(_ event: SystemCallTrace.Event, on bytes: inout [UInt8]) {
        switch event {
        case .write(_, let offset, let content):
            let end = offset + content.count
            if bytes.count < end { bytes.append(contentsOf: [UInt8](repeating: 0, count: end - bytes.count)) }
            bytes.replaceSubrange(offset..<end, with: content)
        case .resize(_, let size):
            if bytes.count > size {
                bytes.removeSubrange(size...)
            } else {
                bytes.append(contentsOf: [UInt8](repeating: 0, count: size - bytes.count))
            }
        case .sync, .remove, .rename, .said: break
        }
    }
}
