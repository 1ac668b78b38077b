import Foundation
import TestSupport
import Testing

/// Who imports whom, as Package.swift says and as the files do.
@Suite struct ManifestTests {
    /// Of the system, and for everybody.
    private static let common: Set = ["Swift", "Synchronization", "Testing", "Foundation"]
    /// What SwiftPM cannot say: who of `Sources` may go past our own ports.
    private static let system: [String: Set<String>] = [
        "Glibc": ["Database", "Wasm", "Linux", "Wallet", "Home", "Agent", "Console", "Node"],
        "Musl": ["Database"],
        // Threads for network loops, and for foreign jobs.
        "Dispatch": ["Linux", "Compute"],
    ]

    /// The files of a target, its path taken away.
    private func imports(of target: Manifest.Target) -> [(file: String, modules: [String])] {
        let folder = Repository.root.appending(path: target.folder)
        let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".swift") && target.sources?.contains($0) != false }.sorted()
            .compactMap { name in
                guard let text = try? String(contentsOf: folder.appending(path: name), encoding: .utf8) else {
                    return nil
                }
                let file = TidyTests.File(
                    path: name, target: "", lines: text.split(separator: "\n").map(String.init))
                return ("\(target.folder)/\(name)", file.imports)
            }
    }

    private func modules(of dependency: Manifest.Dependency) -> Set<String> {
        Manifest.modules[dependency.name] ?? [dependency.name.replacing("-", with: "_")]
    }

    @Test func `a file imports only what its target depends on`() async throws {
        var findings: [String] = []
        for target in try await Manifest.read().targets where target.type != "system" {
            let allowed = target.dependencies.reduce(into: Self.common) { $0.formUnion(self.modules(of: $1)) }
            let isOurs = target.folder.hasPrefix("Sources/") && target.type != "executable"
            for (file, modules) in self.imports(of: target) {
                for module in modules where !allowed.contains(module) {
                    guard let users = Self.system[module] else {
                        findings.append("\(file): \(module) is no dependency of \(target.name)")
                        continue
                    }
                    if isOurs, !users.contains(target.name) {
                        findings.append("\(file): \(module) is not for \(target.name)")
                    }
                }
                if target.folder.hasPrefix("Sources/"), modules.contains("Foundation") {
                    findings.append("\(file): Foundation stays out of the robot")
                }
            }
        }
        #expect(findings.isEmpty, "\(findings.joined(separator: "\n"))")
    }

    @Test func `no target depends on what it does not use`() async throws {
        let targets = try await Manifest.read().targets
        let programs = Set(targets.filter { $0.type == "executable" }.map(\.name))
        var findings: [String] = []
        for target in targets where target.type != "system" {
            let used = Set(self.imports(of: target).flatMap(\.modules))
            // A program is built for whoever starts it.
            for dependency in target.dependencies where !programs.contains(dependency.name) {
                if self.modules(of: dependency).isDisjoint(with: used) {
                    findings.append("\(target.name): \(dependency.name)")
                }
            }
        }
        #expect(findings.isEmpty, "depends on it and does not use it:\n\(findings.joined(separator: "\n"))")
    }

    @Test func `the manifest is read from the ground up`() async throws {
        var above: Set<String> = []
        var findings: [String] = []
        let targets = try await Manifest.read().targets
        let ours = Set(targets.map(\.name))
        for target in targets {
            for dependency in target.dependencies where ours.contains(dependency.name) {
                if !above.contains(dependency.name) {
                    findings.append("\(target.name) stands before \(dependency.name), which it needs")
                }
            }
            above.insert(target.name)
        }
        #expect(findings.isEmpty, "\(findings.joined(separator: "\n"))")
    }

    @Test func `each wing's folder holds the targets that the manifest puts there, and no others`()
        async throws
    {
        let targets = try await Manifest.read().targets
        let folders = Set(targets.map(\.folder))
        let findings = Set(TidyTests.files.map(\.target)).filter { !folders.contains($0) }
        #expect(findings.isEmpty, "no target: \(findings.sorted())")
        #expect(targets.count > 60)
    }

    @Test func `only programs and the simulator touch the real world`() async throws {
        let findings = try await Manifest.read().targets.filter { target in
            target.folder.hasPrefix("Sources/") && target.type == "regular" && target.name != "Console"
                && target.dependencies.contains { $0.name == "Linux" }
        }
        #expect(findings.isEmpty, "\(findings.map(\.name))")
    }
}
