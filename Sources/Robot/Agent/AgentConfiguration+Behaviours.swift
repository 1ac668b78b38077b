internal import Devices
internal import Encoding
internal import Home
internal import SystemPackage

extension AgentConfiguration {
    /// What a configuration says about behaviours, and what is to be written otherwise in it.
    struct Behaviours {
        private(set) var archive: Archive?
        private(set) var errand: Errand?
        private(set) var warnings: [String] = []

        private static let names = [Archivist.name, ErrandRunner.name]

        init(_ root: JSONField, in folder: FilePath) throws {
            let section = root["behaviours"]
            for (name, field) in try section.ifPresent?.members() ?? []
            where !Self.names.contains(where: { sameBytes($0, name) }) {
                throw field.fault(Self.unknown(name))
            }
            self.archive = try self.field(Archivist.name, root).map { try Archive($0) }
            self.errand = try self.field(ErrandRunner.name, root).map { try Errand($0, in: folder) }
        }

        /// Where the behaviour is configured. Beside `behaviours`, where it stood in older versions, it is
        /// still read.
        private mutating func field(_ name: String, _ root: JSONField) throws -> JSONField? {
            let (new, old) = (root["behaviours"][name].ifPresent, root[name].ifPresent)
            guard let old else { return new }
            guard new == nil else {
                throw old.fault("stands in /behaviours/\(name) too: only that one is to stay")
            }
            self.warnings.append(
                "/\(name): the next version reads it below behaviours only; write "
                    + "`behaviours: { \(name): … }`")
            return old
        }

        private static func unknown(_ name: String) -> String {
            let near = nearNames(name, among: Self.names).first.map { "did you mean \($0)?" }
            return "no such behaviour; " + (near ?? "there are: \(Self.names.joined(separator: ", "))")
        }
    }

    /// The behaviours that it names.
    var behaviours: [any Behaviour] {
        let named: [(any Behaviour)?] = [
            self.archive.map { Archivist(settings: $0) }, self.errand.map { ErrandRunner(settings: $0) },
        ]
        return named.compactMap(\.self)
    }
}

extension AgentConfiguration.Archive {
    fileprivate init(_ field: JSONField) throws {
        try field.only(["readings", "days", "challenges", "batches"])
        self.readings = try field["readings"].integer(in: 1...Self.readingLimit)
        self.days = try field["days"].integer(in: 1...366)
        self.challenges = try field["challenges"].integer(in: 0...1_000)
        self.batches = try field["batches"].ifPresent?.integer(in: 1...Int.max)
    }
}

extension AgentConfiguration.Errand {
    fileprivate init(_ field: JSONField, in folder: FilePath) throws {
        try field.only(["base", "plug", "map", "module", "goal", "goals", "pause_seconds", "units"])
        self.base = try field["base"].string()
        self.plug = try field["plug"].string()
        self.map = try field["map"].path(in: folder)
        self.module = try field["module"].path(in: folder)
        if let several = field["goals"].ifPresent {
            guard !field["goal"].exists else { throw field["goal"].fault("one of goal and goals") }
            self.goals = try several.elements().map { try Goal($0) }
            guard (1...Self.goalLimit).contains(self.goals.count) else {
                throw several.fault("1 to \(Self.goalLimit) places")
            }
        } else {
            self.goals = [try Goal(field["goal"])]
        }
        self.pause = .seconds(try field["pause_seconds"].ifPresent?.integer(in: 0...86_400) ?? 0)
        self.units = try field["units"].integer(in: 1...UInt64(Int64.max))
    }
}

extension AgentConfiguration.Errand.Goal {
    fileprivate init(_ field: JSONField) throws {
        self.x = try field["x"].integer(in: 0...511)
        self.y = try field["y"].integer(in: 0...511)
    }
}
