import Agent
import ArgumentParser
import Console
import Database
import Devices
import Encoding
import Home
import SystemPackage
import World

extension DeviceCommand {
    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the description of a device of a family.",
            discussion: """
                A family is a Thing Model, NAME.tm.json, in the folder of models or anywhere. Its \
                placeholders are filled: ID with --id, BROKER with the configuration's broker, others with \
                --set.
                """)
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @Argument(help: "The family's name, or the file of its Thing Model.") var family: String
        @Option(help: "What the device calls itself in its topics; its name as well.") var id: String
        @Option(help: "HOST or HOST:PORT; the configuration's by default.") var broker: String?
        @Option(help: "NAME=VALUE for another placeholder; may be given again.") var set: [String] = []
        @Option(help: "The folder of models.") var models: String?
        @Option(help: "Where the file goes; the configuration's folder of devices by default.") var out:
            String?
        @Flag(help: "Replace a file that is there.") var force = false
        @Flag(help: "Write nothing, show what would be written.") var dryRun = false

        func validate() throws {
            guard !self.id.hasPrefix("-"), !self.id.contains("/"), !self.id.isEmpty else {
                throw ValidationError("--id is a word that can be a topic level and a file's name")
            }
            guard self.set.allSatisfy({ $0.contains("=") }) else {
                throw ValidationError("--set is NAME=VALUE")
            }
        }

        func run() async throws {
            let file = try self.model()
            let model: JSON
            do {
                let bytes = try DurableFile.read(file, limit: Thing.byteLimit)
                model = try JSON.read(bytes, limits: .init(depth: 32))
            } catch {
                throw Failure(1, "\(file): \(error)")
            }
            if let fault = DescriptionChecker.faults(in: model).first {
                throw Failure(1, "\(file): \(fault)")
            }
            let settings = try self.settings()
            var values = ["ID": self.id]
            values["BROKER"] =
                try self.broker
                ?? settings?["broker"].ifPresent.map {
                    let address = try BrokerAddress(settings: $0, in: self.home.home.path)
                    return "\(address.host):\(address.port)"
                }
            for pair in self.set {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                values[String(parts[0])] = String(parts[1])
            }
            let empty = ThingModel.placeholders(of: model).filter { values[$0] == nil }
            guard empty.isEmpty else {
                let isBroker = empty == ["BROKER"]
                throw Failure(
                    2, "nothing fills \(empty.joined(separator: ", "))",
                    hint: isBroker ? "give --broker HOST" : "give --set \(empty[0])=VALUE")
            }
            let thing = ThingModel.instance(of: model, filling: values)
            if let fault = DescriptionChecker.faults(in: thing, profiles: Profiles.all).first {
                throw Failure(1, "\(file): \(fault)")
            }
            try self.write(thing, settings)
        }

        private func write(_ thing: JSON, _ settings: JSONField?) throws {
            let configured = try settings?["devices"].ifPresent?.path(in: self.home.home.path)
            guard let folder = self.out.map({ FilePath($0) }) ?? configured else {
                throw Failure(2, "where does the file go?", hint: "give --out FOLDER")
            }
            let file = folder.appending("\(self.id).td.json")
            if self.dryRun { return Terminal.out(thing) }
            guard self.force || !DurableFile.exists(file) else {
                throw Failure(1, "\(file) is there already", hint: "--force replaces it")
            }
            try DurableFile.createFolder(folder)
            try DurableFile.write(Array((thing.prettyText + "\n").utf8), to: file)
            if self.output.json {
                Terminal.out(["schema": "depai.device-new/1", "file": .string(file.string)])
            } else {
                Terminal.out("\(file) written; a running robot takes it up")
            }
        }

        private func settings() throws -> JSONField? {
            let path = self.home.home.configurationPath
            return DurableFile.exists(path) ? try Settings.read(path) : nil
        }

        /// Where models are looked for when nobody says it.
        private static let places = ["Devices", "/usr/share/depai/Devices"]

        private func model() throws -> FilePath {
            if self.family.hasSuffix(".json") { return FilePath(self.family) }
            let folders = self.models.map { [$0] } ?? Self.places
            for folder in folders {
                for place in ["\(folder)/\(self.family)", folder] {
                    let file = FilePath(place).appending("\(self.family).tm.json")
                    if DurableFile.exists(file) { return file }
                }
            }
            let known = folders.flatMap { (try? DurableFile.names(in: FilePath($0))) ?? [] }
                .filter { !$0.hasPrefix(".") }.sorted()
            throw Failure(
                1, "no family is called \"\(self.family)\" in \(folders.joined(separator: ", "))",
                hint: known.isEmpty
                    ? "give --models FOLDER, or the file of a Thing Model"
                    : "there are \(known.joined(separator: ", "))")
        }
    }
}
