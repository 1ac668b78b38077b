internal import Encoding
internal import World

/// `BASE/discovery/MAC/config` and `…/sensors`, version 1 (Tasmota's own discovery).
extension DiscoveryReader {
    mutating func readTasmota(_ messages: [Message], base: String) {
        for message in messages
        where message.topic.hasPrefix("\(base)/discovery/") && message.topic.hasSuffix("/config") {
            guard let config = self.document(message) else { continue }
            let place = message.topic.dropLast("config".count) + "sensors"
            let sensors = messages.first { sameBytes($0.topic, String(place)) }
            do throws(JSONError) {
                let sensors = sensors.flatMap { self.document($0) }
                var reader = try TasmotaReader(config)
                self.add(try reader.draft(sensors))
            } catch {
                self.skip(message.topic, "\(error)")
            }
        }
    }
}

/// Reads what one Tasmota says of itself.
struct TasmotaReader {
    let config: JSONField
    let topics: TasmotaTopics
    /// The words of a switch.
    let words: [(word: String, value: JSON)]
    private let name: String
    private let titles: [String?]

    init(_ config: JSONField) throws(JSONError) {
        self.config = config
        let topic = try config["t"].string()
        self.name = try config["dn"].ifPresent?.string() ?? topic
        self.topics = TasmotaTopics(
            pattern: try config["ft"].string(), topic: topic, hostname: try config["hn"].ifPresent?.string(),
            mac: try config["mac"].string(), prefixes: try config["tp"].strings())
        let words = try config["state"].ifPresent?.strings() ?? ["OFF", "ON"]
        guard words.count >= 2 else { throw config["state"].fault("two words are expected") }
        self.words = [(words[1], true), (words[0], false)]
        self.titles = ((try? config["fn"].elements()) ?? []).map { try? $0.string() }
    }

    mutating func draft(_ sensors: JSONField?) throws(JSONError) -> ThingDraft {
        let model = try self.config["md"].ifPresent?.string() ?? "Tasmota"
        var draft = ThingDraft(
            id: try self.config["mac"].string(), name: self.name, title: "\(self.name) (\(model))",
            source: "tasmota")
        draft.availability = [
            "topic": .string(self.topics.name(.tele, "LWT")),
            "online": .string(try self.config["onln"].ifPresent?.string() ?? "Online"),
            "offline": .string(try self.config["ofln"].ifPresent?.string() ?? "Offline"),
        ]
        // The answer to a question without a value is what is known: values are there after a start.
        draft.addQuery(self.topics.name(.cmnd, "STATE"), "")
        try self.addRelays(&draft)
        self.addSwitches(&draft)
        if let readings = sensors?["sn"].ifPresent {
            draft.addQuery(self.topics.name(.cmnd, "STATUS"), "10")
            var sensors = TasmotaSensors(self)
            try sensors.add(readings, &draft)
        }
        return draft
    }

    /// An option of `SetOption`.
    func option(_ number: Int) -> Bool {
        let value = self.config["so"][String(number)].value
        return value == 1 || value == true
    }

    private func number(_ member: String) -> Int { (try? self.config[member].integer(Int.self)) ?? 0 }

    // MARK: What is switched

    /// What a place in `rl` means.
    private enum Relay {
        static let plain: Int64 = 1
        static let light: Int64 = 2
        static let shutter: Int64 = 3
    }

    private func addRelays(_ draft: inout ThingDraft) throws(JSONError) {
        var kinds: [Int64] = []
        for relay in try self.config["rl"].ifPresent?.elements() ?? [] { kinds.append(try relay.integer()) }
        var numbers: [Int] = []
        var shutters: [Int] = []
        let isFan = self.number("if") == 1
        for (index, kind) in kinds.enumerated() {
            switch kind {
            case 0: break
            // The relays behind the first are the speeds of a fan.
            case Relay.plain where isFan && index > 0: break
            case Relay.plain, Relay.light: numbers.append(index + 1)
            case Relay.shutter: shutters.append(index + 1)
            default: draft.note("relay \(index + 1): of the kind \(kind)")
            }
        }
        let isAlone = numbers == [1] && !self.option(26) && !isFan
        for (place, number) in numbers.enumerated() {
            self.addPower(isAlone ? "POWER" : "POWER\(number)", title: self.title(number), place < 4, &draft)
        }
        if isFan { self.addValue("FanSpeed", in: 0...3, &draft) }
        for pair in 0..<(shutters.count / 2) { self.addShutter(pair + 1, &draft) }
        if shutters.count % 2 == 1, let last = shutters.last { draft.note("relay \(last): a shutter") }
        let lights = kinds.count { $0 == Relay.light }
        if lights > 0 { self.addLight(lights, &draft) }
    }

    private func title(_ number: Int) -> String? {
        self.titles.indices.contains(number - 1) ? self.titles[number - 1] : nil
    }

    /// The state is told on its own topic at every change, and with everything else every few minutes.
    private func addPower(_ command: String, title: String?, _ asks: Bool, _ draft: inout ThingDraft) {
        draft.addProperty(
            command.lowercased(), title: title, schema: ["type": "boolean"],
            reports: [
                .init(topic: self.topics.name(.stat, command), isText: true, map: self.words),
                .init(
                    topic: self.topics.name(.tele, "STATE"), pointer: "/\(command)", map: self.words,
                    isOverlay: true),
            ],
            write: .init(
                topic: self.topics.name(.cmnd, command), isText: true, map: self.words,
                acknowledgement: ["kind": "echo", "timeoutMs": 5_000]))
        if asks { draft.addQuery(self.topics.name(.cmnd, command), "") }
    }

    /// A number or a text that a command sets and every answer to it reports.
    private func addValue(
        _ command: String, in range: ClosedRange<Int64>? = nil, unit: String? = nil, member: String? = nil,
        _ draft: inout ThingDraft
    ) {
        var schema: JSON = ["type": range == nil ? "string" : "integer"]
        if let range {
            (schema["minimum"], schema["maximum"]) = (JSON(range.lowerBound), JSON(range.upperBound))
        }
        if let unit { schema["unit"] = .string(unit) }
        let pointer = "/\(member ?? command)"
        draft.addProperty(
            command.lowercased(), title: nil, schema: schema,
            reports: self.answers.map { .init(topic: $0, pointer: pointer, isOverlay: true) },
            write: .init(
                topic: self.topics.name(.cmnd, command), isText: true,
                acknowledgement: ["kind": "echo", "timeoutMs": 5_000]))
    }

    /// Where answers to commands are told, and what is told of itself now and then.
    private var answers: [String] {
        // With SetOption4 each command answers under its own name, and the state under STATE.
        [
            self.topics.name(.stat, self.option(4) ? "STATE" : "RESULT"), self.topics.name(.tele, "STATE"),
        ]
    }

    private func addLight(_ count: Int, _ draft: inout ThingDraft) {
        let kind = self.number("lt_st")
        if self.option(68) {
            for channel in 1...max(1, min(count, 8)) {
                self.addValue("Channel\(channel)", in: 0...100, &draft)
            }
            return
        }
        if kind >= 4, self.number("lk") == 0 {
            for number in 1...2 { self.addValue("Dimmer\(number)", in: 0...100, unit: "percent", &draft) }
        } else if self.number("ty") == 1 {
            self.addValue("Dimmer3", in: 0...100, unit: "percent", member: "Dimmer", &draft)
        } else if kind >= 1 {
            self.addValue("Dimmer", in: 0...100, unit: "percent", &draft)
        }
        if kind == 2 || kind == 5 {
            self.addValue("CT", in: self.option(82) ? 200...380 : 153...500, unit: "mired", &draft)
        }
        if kind >= 3 { self.addValue("HSBColor", &draft) }
        if kind >= 4 { self.addValue("White", in: 0...100, unit: "percent", &draft) }
        if kind > 5 { draft.note("light: of the kind \(kind)") }
    }

    private func addShutter(_ number: Int, _ draft: inout ThingDraft) {
        let reports = [
            (self.topics.name(.stat, "RESULT"), "/Shutter\(number)/Position"),
            (self.topics.name(.tele, "SENSOR"), "/Shutter\(number)/Position"),
            (self.topics.name(.stat, "STATUS10"), "/StatusSNS/Shutter\(number)/Position"),
        ]
        draft.addProperty(
            "shutter\(number)", title: nil,
            schema: ["type": "integer", "minimum": 0, "maximum": 100, "unit": "percent"],
            reports: reports.map { .init(topic: $0.0, pointer: $0.1, isOverlay: true) },
            write: .init(
                topic: self.topics.name(.cmnd, "ShutterPosition\(number)"), isText: true,
                acknowledgement: ["kind": "echo", "timeoutMs": 60_000]))
        for word in ["Open", "Close", "Stop"] {
            draft.addAction(
                "shutter\(number)-\(word.lowercased())", title: nil, isIdempotent: true,
                invoke: .init(
                    topic: self.topics.name(.cmnd, "Shutter\(word)\(number)"), isText: true, body: ""))
        }
    }

    // MARK: What is pressed

    private func addSwitches(_ draft: inout ThingDraft) {
        for (index, mode) in ((try? self.config["swc"].elements()) ?? []).enumerated() {
            guard case .integer(let mode)? = mode.value, mode >= 0 else { continue }
            // One that follows its contact has a state; of the others presses are told.
            guard mode != 1, mode != 2 else {
                self.addSwitch(index + 1, &draft)
                continue
            }
            self.addPresses("SWITCH\(index + 1)", &draft)
        }
        guard self.option(73) else { return }
        for (index, button) in ((try? self.config["btn"].elements()) ?? []).enumerated()
        where button.value == 1 { self.addPresses("BUTTON\(index + 1)", &draft) }
    }

    func addSwitch(_ number: Int, _ draft: inout ThingDraft) {
        draft.addProperty(
            "switch\(number)", title: nil, schema: ["type": "boolean"],
            reports: [
                (self.topics.name(.stat, "SWITCH\(number)"), "/Action"),
                (self.topics.name(.tele, "SENSOR"), "/Switch\(number)"),
                (self.topics.name(.stat, "STATUS10"), "/StatusSNS/Switch\(number)"),
            ].map { .init(topic: $0.0, pointer: $0.1, map: self.words, isOverlay: true) })
    }

    private func addPresses(_ name: String, _ draft: inout ThingDraft) {
        draft.addEvent(
            name.lowercased(), title: nil, data: ["type": "string"],
            report: .init(topic: self.topics.name(.stat, name), pointer: "/Action", isOverlay: true))
    }

    /// Whether ``addSwitches`` has made a property of it.
    func followsSwitch(_ number: Int) -> Bool {
        let mode = self.config["swc"][number - 1].value
        return mode == 1 || mode == 2
    }
}

/// Where a Tasmota listens and speaks: a pattern such as `%prefix%/%topic%/`.
struct TasmotaTopics {
    enum Prefix: Int {
        case cmnd, stat, tele
    }

    let pattern: String
    let topic: String
    let hostname: String?
    let mac: String
    let prefixes: [String]

    func name(_ prefix: Prefix, _ command: String) -> String {
        let word =
            self.prefixes.indices.contains(prefix.rawValue)
            ? self.prefixes[prefix.rawValue] : ["cmnd", "stat", "tele"][prefix.rawValue]
        let place = self.pattern.writing(word, for: "%prefix%").writing(self.topic, for: "%topic%")
            .writing(self.hostname ?? self.topic, for: "%hostname%")
            .writing(String(self.mac.suffix(6)), for: "%id%")
        return (place.hasSuffix("/") ? place : place + "/") + command
    }
}

extension JSONField {
    /// An array of strings.
    func strings() throws(JSONError) -> [String] {
        var strings: [String] = []
        for element in try self.elements() { strings.append(try element.string()) }
        return strings
    }
}
