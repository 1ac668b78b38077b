import Agent
import ArgumentParser
import Console
import Database
import Devices
import Encoding
import SystemPackage

extension DeviceCommand {
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hold Thing Descriptions and Thing Models against the rules.",
            discussion: """
                Against W3C Thing Description 1.1, and what this runtime needs of those that carry its own \
                terms. Exit code 0: all are valid; 1: each fault is named with file, place and reason.
                """)
        @OptionGroup var output: OutputOption
        @Argument(help: "Files with one description each.") var files: [String]

        /// The largest file that is read, in bytes.
        private static let byteLimit = 1 << 20

        func run() async throws {
            let checked = self.files.map { file in (file, Self.faults(in: file)) }
            let count = checked.reduce(0) { $0 + $1.1.count }
            if self.output.json {
                Terminal.out([
                    "schema": "depai.device-check/1", "valid": .bool(count == 0),
                    "files": .array(
                        checked.map { file, faults in
                            [
                                "file": .string(file),
                                "faults": .array(
                                    faults.map {
                                        [
                                            "pointer": .string($0.pointer), "reason": .string($0.reason),
                                        ]
                                    }),
                            ]
                        }),
                ])
            } else {
                for (file, faults) in checked {
                    if faults.isEmpty { Terminal.out("\(file): \(Terminal.paint("valid", .green))") }
                    for fault in faults {
                        let place = fault.pointer.isEmpty ? "" : "\(Terminal.paint(fault.pointer, .bold)): "
                        Terminal.out("\(file): \(place)\(fault.reason.plain(limit: .max))")
                    }
                }
            }
            guard count == 0 else { throw Failure(1, "\(count) \(count == 1 ? "fault" : "faults")") }
        }

        private static func faults(in file: String) -> [ThingError] {
            do {
                let bytes = try DurableFile.read(FilePath(file), limit: self.byteLimit)
                return DescriptionChecker.faults(
                    in: try JSON.read(bytes, limits: .init(depth: 32)), profiles: Profiles.all)
            } catch {
                // Not there, or no JSON: a fault of the whole. The file is named already.
                let text = "\(error)"
                let reason = text.hasPrefix("\(file): ") ? String(text.dropFirst(file.count + 2)) : text
                return [ThingError(pointer: "", reason: reason)]
            }
        }
    }
}
