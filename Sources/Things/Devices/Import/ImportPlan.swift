package import Encoding

/// Which discovered thing goes into which file of a folder. A thing is known by its `id`: whatever it is
/// called now and wherever its file is, there is one file for it.
package struct ImportPlan: Sendable {
    /// What happens to a file that has the thing already.
    package enum Mode: Sendable {
        case keep
        /// What the device says now, and what the owner put there: its name and the limits.
        case update
        case replace
    }

    /// What is in the folder.
    package struct File: Sendable {
        package let name: String
        /// Nil for one that cannot be read.
        package let document: JSON?

        package init(name: String, document: JSON?) {
            self.name = name
            self.document = document
        }
    }

    /// What becomes of one thing.
    package enum Outcome: String, Sendable {
        case written
        case isThere = "is there already"
        case unchanged = "is as it was"
        case updated
        case replaced
    }

    /// One thing and its file.
    package struct Entry: Sendable {
        package let thing: DiscoveredThing
        package let file: String
        package let outcome: Outcome

        /// Whether the file has to be written.
        package var isNews: Bool { [.written, .updated, .replaced].contains(self.outcome) }
    }

    package let entries: [Entry]

    package init(_ things: [DiscoveredThing], files: [File], mode: Mode) {
        var known: [ExactText: File] = [:]
        var taken: Set<String> = []
        for file in files {
            taken.insert(file.name.lowercased())
            if case .string(let name)? = file.document?["depai:name"] { taken.insert(name.lowercased()) }
            guard case .string(let id)? = file.document?["id"], known[ExactText(id)] == nil else { continue }
            known[ExactText(id)] = file
        }
        self.entries = things.map { thing in
            if let file = known[ExactText(thing.id)] { return Self.entry(thing, file, mode) }
            // A file of that name that nobody can read may be its own, broken.
            if let file = files.first(where: {
                sameBytes($0.name, Self.file(thing.name)) && $0.document == nil
            }) {
                let isReplaced = mode == .replace
                return Entry(thing: thing, file: file.name, outcome: isReplaced ? .replaced : .isThere)
            }
            var name = thing.name
            var number = 2
            func isTaken(_ name: String) -> Bool {
                taken.contains(name.lowercased()) || taken.contains(Self.file(name).lowercased())
            }
            if isTaken(name) { name = "\(name)-\(Self.tail(of: thing.id))" }
            let long = name
            while isTaken(name) {
                name = "\(long)-\(number)"
                number += 1
            }
            taken.formUnion([name.lowercased(), Self.file(name).lowercased()])
            let named = sameBytes(name, thing.name) ? thing : thing.named(name)
            return Entry(thing: named, file: Self.file(name), outcome: .written)
        }
    }

    private static func entry(_ thing: DiscoveredThing, _ file: File, _ mode: Mode) -> Entry {
        var name = thing.name
        if case .string(let old)? = file.document?["depai:name"] { name = old }
        let named = thing.named(name)
        switch mode {
        case .keep: return Entry(thing: named, file: file.name, outcome: .isThere)
        case .replace: return Entry(thing: named, file: file.name, outcome: .replaced)
        case .update:
            let old = file.document ?? .null
            let updated = Self.keepingLimits(of: old, in: named.description)
            let isSame = updated == old
            return Entry(
                thing: DiscoveredThing(name: name, id: thing.id, description: updated, notes: thing.notes),
                file: file.name, outcome: isSame ? .unchanged : .updated)
        }
    }

    private static func file(_ name: String) -> String { "\(name).td.json" }

    /// Of an id what tells it from others, as a word for a file's name.
    private static func tail(of id: String) -> String {
        let word = ThingDraft.plain(id.split(separator: ":").last.map(String.init) ?? id)
        return word.isEmpty ? "2" : String(word.suffix(8))
    }

    /// The new description with the limits that the owner set in the old one.
    private static func keepingLimits(of old: JSON, in new: JSON) -> JSON {
        var result = new
        if let limits = old["depai:limits"] { result["depai:limits"] = limits }
        for kind in ["properties", "actions"] {
            guard case .object(let members)? = new[kind] else { continue }
            var kept = JSON.Object()
            for (name, member) in members.members {
                var member = member
                if let limits = old[kind]?[name]?["depai:limits"] { member["depai:limits"] = limits }
                kept[name] = member
            }
            result[kind] = .object(kept)
        }
        return result
    }
}
