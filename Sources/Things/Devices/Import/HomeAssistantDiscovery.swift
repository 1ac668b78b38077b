internal import Encoding
internal import World

/// `BASE/COMPONENT/[NODE/]ID/config` for one entity, and `BASE/device/ID/config` for all of a device (Home
/// Assistant, "MQTT discovery").
extension DiscoveryReader {
    /// - Parameter isWanted: by the whole announcement and the levels of its topic.
    mutating func readHomeAssistant(
        _ messages: [Message], base: String, where isWanted: (JSONField, [String]) -> Bool = { _, _ in true }
    ) {
        var devices = HomeAssistantDevices()
        var names = HomeAssistantNames()
        for message in messages
        where message.topic.hasPrefix("\(base)/") && message.topic.hasSuffix("/config") {
            let levels = message.topic.utf8.dropFirst(base.utf8.count + 1).split(separator: UInt8(ascii: "/"))
                .map { String(decoding: $0, as: UTF8.self) }
            guard levels.count >= 3, let short = self.document(message) else { continue }
            do throws(JSONError) {
                let config = JSONField(try names.full(short))
                guard isWanted(config, levels) else { continue }
                let entities = try HomeAssistantEntity.all(config, levels: levels)
                guard !entities.isEmpty else { continue }
                devices.add(entities, of: config["device"], fallback: levels[levels.count - 2])
            } catch {
                self.skip(message.topic, "\(error)")
            }
        }
        for device in devices.all { self.add(device.draft(sharing: devices.sharedTopics)) }
    }

    /// ESPHome's devices among them, and those that announce no entities.
    mutating func readESPHome(_ messages: [Message], base: String) {
        var nodes: [(name: String, words: Set<ExactText>)] = []
        for message in messages where message.topic.hasPrefix("esphome/discover/") {
            guard let document = self.document(message), let name = try? document["name"].string() else {
                continue
            }
            let mac = (try? document["mac"].string()).map(Self.address)
            let friendly = try? document["friendly_name"].string()
            let words = [name, friendly, mac].compactMap { $0 }.map { ExactText($0) }
            nodes.append((name, Set(words)))
        }
        var described: Set<ExactText> = []
        self.readHomeAssistant(messages, base: base) { config, levels in
            let words = Self.words(of: config["device"], levels)
            let node = nodes.filter { !$0.words.isDisjoint(with: words) }
            for known in node { described.insert(ExactText(known.name)) }
            return !node.isEmpty || Self.isESPHome(config)
        }
        for (name, _) in nodes where !described.contains(ExactText(name)) {
            self.skip(name, "announces no entities; set discovery in its mqtt section")
        }
    }

    /// What may name the device in `esphome/discover`: its node in the topic, its name, its address.
    private static func words(of device: JSONField, _ levels: [String]) -> Set<ExactText> {
        var words = levels.count >= 4 ? [levels[levels.count - 3]] : []
        if let name = try? device["name"].string() { words.append(name) }
        words += HomeAssistantDevices.texts(device["identifiers"]).map(Self.address)
        for connection in (try? device["connections"].elements()) ?? [] {
            if let address = try? connection[1].string() { words.append(Self.address(address)) }
        }
        return Set(words.map { ExactText($0) })
    }

    /// A hardware address in one spelling of several.
    private static func address(_ text: String) -> String { text.lowercased().filter { $0 != ":" } }

    /// ESPHome announces itself in its version, unless the project has one of its own, and in its maker.
    private static func isESPHome(_ config: JSONField) -> Bool {
        let device = config["device"]
        let claims = [
            device["sw_version"], device["model"], config["origin"]["name"], config["origin"]["sw_version"],
        ].compactMap { try? $0.string().lowercased() }
        if claims.contains(where: { $0.holds("esphome") }) { return true }
        let maker = try? device["manufacturer"].string().lowercased()
        let version = try? device["sw_version"].string()
        return maker == "espressif" && version?.holds("(config hash") == true
    }
}

/// Entities by device: announcements that share an identifier or a connection are of one.
struct HomeAssistantDevices {
    private(set) var all: [HomeAssistantDevice] = []
    /// Places of devices by what identifies them.
    private var places: [ExactText: Int] = [:]

    /// The text, or the texts, that stand there.
    static func texts(_ field: JSONField) -> [String] {
        if let text = try? field.string() { return [text] }
        return ((try? field.elements()) ?? []).compactMap { $0.value?.plainText }
    }

    mutating func add(_ entities: [HomeAssistantEntity], of device: JSONField, fallback: String) {
        let identifiers = Self.texts(device["identifiers"]).prefix(64)
        var keys = identifiers.map { ExactText("id \($0)") }
        var addresses: [String] = []
        for connection in ((try? device["connections"].elements()) ?? []).prefix(64) {
            let parts = Self.texts(connection)
            guard parts.count == 2 else { continue }
            keys.append(ExactText("at \(parts[0]) \(parts[1].lowercased())"))
            addresses.append(parts[1])
        }
        if keys.isEmpty { keys = [ExactText("node \(fallback)")] }
        let known = Set(keys.compactMap { self.places[$0] }).sorted()
        var place = self.all.count
        if let first = known.first {
            place = first
            for other in known.dropFirst() { self.join(other, into: first) }
        } else {
            self.all.append(HomeAssistantDevice(fallback: fallback))
        }
        for key in keys { self.places[key] = place }
        self.all[place].adopt(device, identifiers: Array(identifiers), addresses: addresses)
        self.all[place].entities += entities
    }

    /// Two devices that turn out to be one.
    private mutating func join(_ other: Int, into first: Int) {
        let joined = self.all[other]
        self.all[other] = HomeAssistantDevice(fallback: "")
        self.all[first].take(joined)
        for (key, place) in self.places where place == other { self.places[key] = first }
    }

    /// Topics where a bridge speaks for several devices.
    var sharedTopics: Set<ExactText> {
        var seen: [ExactText: Int] = [:]
        for device in self.all {
            for topic in Set(device.entities.flatMap(\.availabilityTopics).map { ExactText($0) }) {
                seen[topic, default: 0] += 1
            }
        }
        return Set(seen.filter { $0.value > 1 }.keys)
    }
}

/// Whose entities they are: what is known of it from all its announcements.
struct HomeAssistantDevice {
    private let fallback: String
    private var identifiers: [String] = []
    private var addresses: [String] = []
    private var name: String?
    private var maker: String?
    private var model: String?
    var entities: [HomeAssistantEntity] = []

    init(fallback: String) { self.fallback = fallback }

    /// The first announcement that says it counts.
    mutating func adopt(_ device: JSONField, identifiers: [String], addresses: [String]) {
        self.identifiers += identifiers
        self.addresses += addresses
        func text(_ field: JSONField) -> String? {
            guard let text = field.ifPresent?.value?.plainText, !text.isEmpty else { return nil }
            return text
        }
        self.name = self.name ?? text(device["name"])
        self.maker = self.maker ?? text(device["manufacturer"])
        self.model = self.model ?? text(device["model"])
    }

    mutating func take(_ other: HomeAssistantDevice) {
        self.identifiers += other.identifiers
        self.addresses += other.addresses
        self.name = self.name ?? other.name
        self.maker = self.maker ?? other.maker
        self.model = self.model ?? other.model
        self.entities += other.entities
    }

    func draft(sharing shared: Set<ExactText>) -> ThingDraft {
        // Whatever came first this time: the id is the same the next time.
        func least(_ names: [String]) -> String? { names.map { ExactText($0) }.min()?.text }
        let id = least(self.identifiers) ?? least(self.addresses) ?? self.fallback
        let name = self.name ?? self.fallback
        let kind = [self.maker, self.model].compactMap { $0 }.joined(separator: " ")
        var draft = ThingDraft(
            id: id, name: name, title: kind.isEmpty ? name : "\(name) (\(kind))", source: "homeassistant")
        for entity in self.entities {
            var entity = entity
            do throws(JSONError) {
                try entity.add(to: &draft)
            } catch {
                draft.note("\(entity.name): \(error)")
            }
            entity.noteRest(&draft)
        }
        self.addAvailability(to: &draft, shared)
        return draft
    }

    /// The entity that names the most places speaks for the device; its own places come before a bridge's.
    private func addAvailability(to draft: inout ThingDraft, _ shared: Set<ExactText>) {
        var best: (mode: String, places: [JSON])?
        var all: Set<ExactText> = []
        for entity in self.entities {
            let (mode, places, faults) = entity.availability
            for fault in faults { draft.note("availability: \(fault)") }
            for place in places { all.insert(ExactText(place["topic"]?.plainText ?? "")) }
            if places.count > best?.places.count ?? 0 { best = (mode, places) }
        }
        func isShared(_ place: JSON) -> Bool { shared.contains(ExactText(place["topic"]?.plainText ?? "")) }
        // Its own topics begin as the topics of its values do.
        let states = self.entities.compactMap { $0.config["state_topic"].value?.plainText }
        func nearness(_ place: JSON) -> Int {
            let topic = place["topic"]?.plainText ?? ""
            return states.map { zip($0.utf8, topic.utf8).prefix { $0 == $1 }.count }.max() ?? 0
        }
        let ranked = (best?.places ?? []).enumerated().sorted { left, right in
            let (one, two) = (isShared(left.element), isShared(right.element))
            guard one == two else { return two }
            let (near, far) = (nearness(left.element), nearness(right.element))
            return near == far ? left.offset < right.offset : near > far
        }
        let places = ranked.map(\.element)
        for place in places { all.remove(ExactText(place["topic"]?.plainText ?? "")) }
        for topic in all.map(\.text).sorted() {
            draft.note("availability: \(topic) speaks for a part of the device")
        }
        var form: JSON = [:]
        if places.count == 1, let place = places.first {
            form = place
        } else if let best, !places.isEmpty {
            form = ["places": .array(places), "mode": .string(best.mode)]
        }
        let expiries = self.entities.compactMap(\.expiry)
        if let least = expiries.min() {
            if Set(expiries).count > 1 { draft.note("expire_after: the shortest of several counts for all") }
            form["staleAfterMs"] = JSON(least)
        }
        if form != [:] { draft.availability = form }
    }
}
