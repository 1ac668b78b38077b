internal import Encoding
internal import World

/// `BASE/discovery/MAC/config` and `…/sensors`, version 1 (Tasmota's own discovery).
extension DiscoveryReader {
    mutating func readTasmota(_ messages: [Message], base: String) {
        for message in messages
        where message.topic.hasPrefix("\(base)/discovery/") && message.topic.hasSuffix("/config") {
            guard let config = self.document(message) else { continue }
            let sensors = messages.first { $0.topic == message.topic.dropLast("config".count) + "sensors" }
            do throws(JSONError) {
                let sensors = sensors.flatMap { self.document($0) }
                self.add(try Self.draft(config, sensors))
            } catch {
                self.skip(message.topic, "\(error)")
            }
        }
    }

    private static func draft(_ config: JSONField, _ sensors: JSONField?) throws(JSONError) -> ThingDraft {
        let topic = try config["t"].string()
        let name = try config["dn"].ifPresent?.string() ?? topic
        let model = try config["md"].ifPresent?.string() ?? "Tasmota"
        let place = TasmotaTopics(
            pattern: try config["ft"].string(), topic: topic, hostname: try config["hn"].ifPresent?.string(),
            mac: try config["mac"].string(), prefixes: try config["tp"].strings())
        var draft = ThingDraft(
            id: try config["mac"].string(), name: name, title: "\(name) (\(model))", source: "tasmota")
        draft.availability = [
            "topic": .string(place.name(.tele, "LWT")),
            "online": .string(try config["onln"].ifPresent?.string() ?? "Online"),
            "offline": .string(try config["ofln"].ifPresent?.string() ?? "Offline"),
        ]
        let words = try config["state"].ifPresent?.strings() ?? ["OFF", "ON"]
        guard words.count >= 2 else { throw config["state"].fault("two words are expected") }
        let map: [(word: String, value: JSON)] = [(words[1], true), (words[0], false)]
        let relays = try config["rl"].ifPresent?.elements() ?? []
        var numbers: [Int] = []
        for (index, relay) in relays.enumerated() {
            switch try relay.integer(Int.self) {
            case 0: break
            case 1, 2: numbers.append(index + 1)
            default: draft.note("relay \(index + 1): a shutter")
            }
        }
        for number in numbers {
            // The only one has no number.
            let command = numbers.count == 1 && number == 1 ? "POWER" : "POWER\(number)"
            draft.addProperty(
                command.lowercased(), title: nil, schema: ["type": "boolean"],
                report: .init(topic: place.name(.stat, command), isText: true, map: map),
                write: .init(
                    topic: place.name(.cmnd, command), isText: true, map: map,
                    acknowledgement: ["kind": "echo", "timeoutMs": 5_000]))
        }
        if let readings = sensors?["sn"].ifPresent {
            try self.addSensors(readings, place.name(.tele, "SENSOR"), &draft)
        }
        return draft
    }

    /// Each number that the device's last telegram had: `/AM2301/Temperature`.
    private static func addSensors(
        _ readings: JSONField, _ topic: String, _ draft: inout ThingDraft
    ) throws(JSONError) {
        let temperature = try readings["TempUnit"].ifPresent?.string()
        for (sensor, values) in try readings.members() {
            guard case .object? = values.value else { continue }
            for (name, value) in try values.members() {
                guard value.value?.double != nil else {
                    draft.note("\(sensor) \(name): is no number")
                    continue
                }
                var schema: JSON = ["type": "number"]
                schema["unit"] = self.unit(of: name, temperature)
                draft.addProperty(
                    "\(sensor)-\(name)", title: "\(sensor) \(name)", schema: schema,
                    // The place is relative to `sn`, as in the telegrams.
                    report: .init(
                        topic: topic, pointer: String(value.pointer.dropFirst(readings.pointer.utf8.count)),
                        isOverlay: true))
            }
        }
    }

    private static func unit(of name: String, _ temperature: String?) -> JSON? {
        switch name {
        case "Temperature", "DewPoint": temperature == "F" ? "[degF]" : "Cel"
        case "Humidity": "percent"
        case "Pressure": "hPa"
        case "Power": "W"
        case "Voltage": "V"
        case "Current": "A"
        case "Total", "Today", "Yesterday": "kWh"
        default: nil
        }
    }
}

/// Where a Tasmota listens and speaks: a pattern such as `%prefix%/%topic%/`.
private struct TasmotaTopics {
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
