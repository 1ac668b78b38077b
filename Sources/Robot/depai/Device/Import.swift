import ArgumentParser
import Console
import Database
import Devices
import Encoding
import Home
import Linux
import SystemPackage
import World

extension DeviceCommand {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write descriptions of the devices that describe themselves at a broker.",
            discussion: """
                Listens to what the broker keeps of a convention, and writes NAME.td.json for each device. A \
                device is known by its id, whatever it is called now: a file that has it already stays as it \
                is. What could not be described is said, and kept in the description.
                """)
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @Option(help: "zigbee2mqtt, tasmota, homeassistant, homie or esphome.", transform: Self.convention)
        var from: DiscoveryConvention
        @Option(help: "HOST or HOST:PORT; the configuration's by default.") var broker: String?
        @Option(help: "At the broker; the configuration's by default.") var username: String?
        @Option(help: "File with its password (mode 0600).") var passwordFile: String?
        @Option(help: "Where the files go; the configuration's folder of devices by default.") var out:
            String?
        @Option(help: "The first level of the convention's topics, where it was changed.") var base: String?
        @Option(help: "How long to listen, in seconds.") var wait = 3
        @Flag(help: "Bring files that are there up to date; the owner's names and limits stay.")
        var update = false
        @Flag(help: "Replace files that are there.") var force = false
        @Flag(help: "Write nothing, show what would be written.") var dryRun = false

        private static func convention(_ name: String) throws -> DiscoveryConvention {
            guard let convention = DiscoveryConvention(rawValue: name) else {
                let names = DiscoveryConvention.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--from is one of \(names)")
            }
            return convention
        }

        func validate() throws {
            guard (1...600).contains(self.wait) else { throw ValidationError("--wait is 1 to 600 seconds") }
            guard !(self.update && self.force) else {
                throw ValidationError("--update keeps what --force replaces: give one of them")
            }
            guard self.base?.contains(where: { "#+".contains($0) }) != true else {
                throw ValidationError("--base is a topic")
            }
        }

        func run() async throws {
            let settings = try self.settings()
            var finder = DeviceFinder(settings.address)
            finder.seconds = self.wait
            finder.base = self.base
            let place = finder.place
            let found = try await finder.find(self.from)
            var skipped = found.skipped
            let plan = ImportPlan(
                found.things, files: try Self.files(settings.folder),
                mode: self.force ? .replace : self.update ? .update : .keep)
            var written: [(thing: DiscoveredThing, file: FilePath, state: String)] = []
            for entry in plan.entries {
                let file = settings.folder.appending(entry.file)
                let bytes = Array((entry.thing.description.prettyText + "\n").utf8)
                guard bytes.count <= Thing.byteLimit else {
                    skipped.append("\(entry.thing.name): the description is larger than a robot reads")
                    continue
                }
                if entry.isNews, !self.dryRun {
                    try DurableFile.createFolder(settings.folder)
                    try DurableFile.write(bytes, to: file)
                }
                let word = entry.outcome.rawValue
                written.append((entry.thing, file, entry.isNews && self.dryRun ? "would be \(word)" : word))
            }
            self.tell(written, skipped)
            if found.things.isEmpty {
                throw Failure(
                    1, "no device of \(self.from.rawValue) describes itself at \(place)",
                    hint: found.skipped.isEmpty
                        ? "is discovery switched on there, and kept by the broker? --wait listens longer"
                        : nil)
            }
        }

        /// The descriptions that are there; one that is none stands without its document.
        private static func files(_ folder: FilePath) throws -> [ImportPlan.File] {
            guard DurableFile.exists(folder) else { return [] }
            return try DurableFile.names(in: folder).filter { $0.hasSuffix(".td.json") }.sorted().map {
                name in
                let bytes = try? DurableFile.read(folder.appending(name), limit: Thing.byteLimit)
                let document = bytes.flatMap { try? JSON.read($0, limits: .init(depth: 32)) }
                return ImportPlan.File(name: name, document: document)
            }
        }

        private func tell(
            _ written: [(thing: DiscoveredThing, file: FilePath, state: String)], _ skipped: [String]
        ) {
            guard !self.output.json else {
                return Terminal.out([
                    "schema": "depai.device-import/1",
                    "things": .array(
                        written.map {
                            [
                                "name": .string($0.thing.name), "id": .string($0.thing.id),
                                "file": .string($0.file.string), "state": .string($0.state),
                                "notes": .array($0.thing.notes.map { .string($0) }),
                            ]
                        }), "skipped": .array(skipped.map { .string($0) }),
                ])
            }
            for (thing, file, state) in written {
                let path = file.string.plain(limit: .max)
                Terminal.out("\(Terminal.paint(thing.name, .bold))  \(path) \(state)")
                for note in thing.notes { Terminal.out(Terminal.paint("  left out: \(note)", .yellow)) }
            }
            for reason in skipped { Terminal.out(Terminal.paint("skipped: \(reason)", .yellow)) }
        }

        private func settings() throws -> (address: BrokerAddress, folder: FilePath) {
            let home = self.home.home
            let file =
                DurableFile.exists(home.configurationPath) ? try Settings.read(home.configurationPath) : nil
            // The configuration's secrets are for the configuration's broker.
            guard
                var address = try self.namedBroker()
                    ?? file?["broker"].ifPresent.map({ try BrokerAddress(settings: $0, in: home.path) })
            else { throw Failure(2, "which broker?", hint: "give --broker HOST") }
            if let username = self.username { address.username = username }
            if let passwordFile = self.passwordFile { address.passwordFile = passwordFile }
            let configured = try file?["devices"].ifPresent?.path(in: home.path)
            guard let folder = self.out.map({ FilePath($0) }) ?? configured else {
                throw Failure(2, "where do the files go?", hint: "give --out FOLDER")
            }
            return (address, folder)
        }

        private func namedBroker() throws -> BrokerAddress? {
            try self.broker.map { try BrokerAddress(place: $0, clientID: "") }
        }
    }
}
