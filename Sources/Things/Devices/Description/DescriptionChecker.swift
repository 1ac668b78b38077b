public import Encoding

/// Holds a document against Thing Description 1.1, or against Thing Model 1.1, and names every place that is
/// wrong: first what its JSON Schema sees, then what no schema can see, then what this runtime needs.
public struct DescriptionChecker {
    /// The word in `@type` that makes a Thing Model.
    static let modelType = "tm:ThingModel"
    private static let context = "https://www.w3.org/2022/wot/td/v1.1"
    private static let oldContext = "https://www.w3.org/2019/wot/td/v1"

    private let root: JSONField
    private let isModel: Bool
    private let profiles: [any Profile.Type]
    private var checker: ShapeChecker

    /// What is wrong with `document`; empty when it is valid.
    ///
    /// A Thing Model says so in `@type`; anything else is held to be a Thing Description. Names that stand
    /// twice in one object are the reader's to refuse (`JSON.read`).
    public static func faults(in document: JSON) -> [ThingError] { self.faults(in: document, profiles: []) }

    /// - Parameter profiles: those that `depai:profile` may name.
    package static func faults(in document: JSON, profiles: [any Profile.Type]) -> [ThingError] {
        var checker = DescriptionChecker(document, profiles)
        checker.run()
        return checker.checker.faults
    }

    private init(_ document: JSON, _ profiles: [any Profile.Type]) {
        self.profiles = profiles
        self.root = JSONField(document)
        self.isModel = Self.texts(self.root["@type"]).contains { sameBytes($0, Self.modelType) }
        self.checker = ShapeChecker(isModel: self.isModel)
    }

    private mutating func run() {
        self.checker.check(
            self.root,
            .object(
                DescriptionShapes.thing, required: ["@context", "title", "security", "securityDefinitions"]))
        guard case .object? = self.root.value else { return }
        self.checkContext()
        self.checkVersion()
        self.checkLinks()
        if self.isModel {
            self.checkOptional()
        } else {
            self.checkSecurity()
            self.checkAffordances()
            self.checkUse()
        }
    }

    // MARK: What the schema sees

    private mutating func checkContext() {
        let place = self.root["@context"]
        guard place.value != nil else {
            // A Thing Model needs one, too.
            if self.isModel { self.checker.note(self.root, "lacks \"@context\"") }
            return
        }
        let elements = (try? place.elements()) ?? [place]
        let names = elements.map { field in if case .string(let text)? = field.value { text } else { "" } }
        guard let first = names.first, first == Self.context || first == Self.oldContext else {
            return self.checker.note(place, "begins with \(Self.context)")
        }
        for (index, element) in elements.enumerated().dropFirst() {
            switch element.value {
            case .string(Self.oldContext)? where first == Self.context:
                self.checker.note(element, "the old context may only stand first")
            case .string?: break
            case .object?: self.checker.check(element, .map(of: .text))
            default: self.checker.note(element, "context \(index) is an address or an object")
            }
        }
    }

    private mutating func checkVersion() {
        let place = self.root["version"]
        guard place.value != nil else { return }
        if self.isModel {
            self.checker.check(place, .object(["model": .text]))
            if place["instance"].value != nil {
                self.checker.note(place["instance"], "belongs to an instance")
            }
        } else {
            self.checker.check(place, .object(["instance": .text], required: ["instance"]))
        }
    }

    private mutating func checkLinks() {
        var types = 0
        for link in (try? self.root["links"].elements()) ?? [] {
            let relation = if case .string(let text)? = link["rel"].value { text } else { "" }
            if relation != "icon", link["sizes"].value != nil {
                self.checker.note(link["sizes"], "belongs to a link of relation icon")
            }
            switch relation {
            case "icon":
                guard case .string(let sizes)? = link["sizes"].value else {
                    if link["sizes"].value != nil { self.checker.note(link["sizes"], "is not like 16x16") }
                    continue
                }
                guard ShapeChecker.isPlaceholder(sizes) || Self.isSize(sizes) else {
                    self.checker.note(link["sizes"], "is not like 16x16")
                    continue
                }
            case "tm:extends" where !self.isModel:
                self.checker.note(link["rel"], "only a Thing Model extends another")
            case "type":
                types += 1
                if types == 2 { self.checker.note(link["rel"], "only one link names the Thing Model") }
                // Models are linked as descriptions, too, in the wild and in the Recommendation's examples.
                if case .string(let type)? = link["type"].value,
                    !["application/tm+json", "application/td+json"].contains(type)
                {
                    self.checker.note(link["type"], "a Thing Model is application/tm+json")
                }
            default: break
            }
        }
    }

    /// As in `16x16` or `x16`.
    private static func isSize(_ text: String) -> Bool {
        guard let cut = text.utf8.firstIndex(of: UInt8(ascii: "x")) else { return false }
        let after = text.utf8[text.utf8.index(after: cut)...]
        return after.first.map { (0x30...0x39).contains($0) } ?? false
    }

    /// `tm:optional` names affordances: `/properties/NAME`.
    private mutating func checkOptional() {
        let place = self.root["tm:optional"]
        guard place.value != nil else { return }
        self.checker.check(place, .list(of: .text))
        for element in (try? place.elements()) ?? [] {
            guard case .string(let text)? = element.value else { continue }
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            if parts.count != 3 || !parts[0].isEmpty || parts[2].isEmpty
                || !["properties", "actions", "events"].contains(parts[1])
            {
                self.checker.note(element, "is not like /properties/NAME")
            }
        }
    }

    // MARK: What no schema sees

    private mutating func checkSecurity() {
        let definitions = self.root["securityDefinitions"]
        func isDefined(_ name: String) -> Bool { definitions[name].value != nil }
        var places = [self.root["security"]] + self.forms.map { $0["security"] }
        for (_, definition) in (try? definitions.members()) ?? [] {
            places += [definition["oneOf"], definition["allOf"]]
        }
        for place in places {
            let elements = (try? place.elements()) ?? [place]
            for element in elements {
                guard case .string(let name)? = element.value, !isDefined(name) else { continue }
                self.checker.note(element, "no security definition is called \"\(name)\"")
            }
        }
    }

    private mutating func checkAffordances() {
        let schemas = self.root["schemaDefinitions"]
        for form in self.forms {
            for response in (try? form["additionalResponses"].elements()) ?? [] {
                guard case .string(let name)? = response["schema"].value, schemas[name].value == nil else {
                    continue
                }
                self.checker.note(response["schema"], "no schema definition is called \"\(name)\"")
            }
        }
        for (_, property) in (try? self.root["properties"].members()) ?? [] {
            if property["readOnly"].value == true, property["writeOnly"].value == true {
                self.checker.note(property, "is readOnly and writeOnly")
            }
            for form in (try? property["forms"].elements()) ?? [] {
                let operations = Self.texts(form["op"])
                if property["readOnly"].value == true, operations.contains("writeproperty") {
                    self.checker.note(form["op"], "writes what is readOnly")
                }
                if property["writeOnly"].value == true, operations.contains("readproperty") {
                    self.checker.note(form["op"], "reads what is writeOnly")
                }
            }
        }
    }

    /// Topics that are said twice agree; and of descriptions that speak to us, all that a hub would refuse:
    /// unknown `depai:` terms, acknowledgements that cannot come.
    private mutating func checkUse() {
        guard self.checker.faults.isEmpty else { return }
        do throws(ThingError) {
            if self.speaksToUs {
                _ = try Thing(description: self.root.value ?? .null, profiles: self.profiles)
            } else {
                try self.checkTopics()
            }
        } catch {
            self.checker.note(error)
        }
    }

    private func checkTopics() throws(ThingError) {
        do throws(JSONError) {
            let reader = try FormReader(self.root)
            for form in self.forms { try reader.checkTopic(form) }
        } catch {
            throw ThingError(error)
        }
    }

    private var speaksToUs: Bool {
        ([self.root] + self.forms).contains { place in
            ((try? place.members()) ?? []).contains { $0.name.hasPrefix("depai:") }
        }
    }

    /// All forms of the description, the root's first.
    private var forms: [JSONField] {
        let affordances = ["properties", "actions", "events"].flatMap { kind in
            ((try? self.root[kind].members()) ?? []).map(\.field)
        }
        return ([self.root] + affordances).flatMap { (try? $0["forms"].elements()) ?? [] }
    }

    /// The text, or the texts, that stand there.
    private static func texts(_ place: JSONField) -> [String] {
        ((try? place.elements()) ?? [place]).compactMap { field in
            if case .string(let text)? = field.value { text } else { nil }
        }
    }
}
