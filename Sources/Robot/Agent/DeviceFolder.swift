internal import Database
internal import Devices
internal import Encoding
internal import SystemPackage

/// The folder of `*.td.json` files, read again when something in it changed.
struct DeviceFolder: Sendable {
    /// What tells one state of a file from another.
    private struct Entry: Hashable {
        let name: ExactText
        var file: String { self.name.text }
        let signature: FileSignature?
    }

    private let path: FilePath
    private var seen: [Entry] = []
    /// The last good description of each file.
    private var good: [ExactText: Thing] = [:]
    /// Files whose things are in use: who came first keeps its name.
    private var inUse: Set<ExactText> = []
    /// Files that say what another one says already, as it was told.
    private var doubled: [ExactText: String] = [:]

    init(_ path: FilePath) { self.path = path }

    /// Whether a look at the folder shows something else than the last ``read()``. A folder that cannot be
    /// read has not changed.
    var hasChanged: Bool { (try? self.entries()).map { $0 != self.seen } ?? false }

    /// Reads what is new.
    /// - Returns: a description for each file, in the order of their names, and what is wrong with which
    ///   file.
    /// - Throws: when the folder itself cannot be read.
    mutating func read() throws -> (things: [Thing], faults: [String]) {
        let entries = try self.entries()
        var faults: [String] = []
        for entry in entries where !self.seen.contains(entry) {
            do {
                self.good[entry.name] = try self.thing(entry.file)
            } catch {
                let stays = self.good[entry.name] == nil ? "" : "; the last good one stays"
                faults.append("\(self.path.appending(entry.file)): \(error)\(stays)")
            }
        }
        let names = Set(entries.map(\.name))
        self.good = self.good.filter { names.contains($0.key) }
        self.seen = entries
        let (files, doubled) = self.standing(entries.map(\.name))
        for file in doubled.keys.sorted() where self.doubled[file] != doubled[file] {
            faults.append("\(self.path.appending(file.text)): \(doubled[file] ?? "")")
        }
        (self.inUse, self.doubled) = (Set(files), doubled)
        return (files.compactMap { self.good[$0] }, faults)
    }

    /// The files whose things can stand together, in the order of their names, and why the others cannot: a
    /// name or an id that two files have refuses the one that came later, and no other.
    private func standing(_ names: [ExactText]) -> (files: [ExactText], doubled: [ExactText: String]) {
        var owners: [ExactText: ExactText] = [:]
        var (files, doubled): ([ExactText], [ExactText: String]) = ([], [:])
        for name in names.filter(self.inUse.contains) + names.filter({ !self.inUse.contains($0) }) {
            guard let thing = self.good[name] else { continue }
            let words = [("id", thing.id), ("name", thing.name)]
            if let (kind, word, owner) = words.lazy.compactMap({ kind, word in
                owners[ExactText(word)].map { (kind, word, $0) }
            }).first {
                doubled[name] =
                    "its \(kind) \"\(word)\" is that of \(self.path.appending(owner.text)), which stays"
            } else if files.count >= DeviceHub.thingLimit {
                doubled[name] = "more than \(DeviceHub.thingLimit) things"
            } else {
                for (_, word) in words { owners[ExactText(word)] = name }
                files.append(name)
            }
        }
        return (files.sorted(), doubled)
    }

    private func thing(_ name: String) throws -> Thing {
        let bytes = try DurableFile.read(self.path.appending(name), limit: Thing.byteLimit)
        let document = try JSON.read(bytes, limits: .init(bytes: Thing.byteLimit, depth: 32))
        if let fault = DescriptionChecker.faults(in: document, profiles: Profiles.all).first { throw fault }
        return try Thing(description: document, profiles: Profiles.all)
    }

    private func entries() throws -> [Entry] {
        try DurableFile.names(in: self.path).filter { $0.hasSuffix(".td.json") }.map {
            Entry(name: ExactText($0), signature: FileSignature(of: self.path.appending($0)))
        }.sorted { $0.name < $1.name }
    }
}
