import ArgumentParser
import Console
import Control
import Encoding
import Home
import World

extension DeviceCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All devices and whether they are there.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let answer = try await self.home.home.ask(.list)
            guard !self.output.json else { return Terminal.out(answer.value ?? .null) }
            var table = Table(.left, .left, .left, .left)
            table.head("device", "state", "what it says", "title")
            for device in try answer["devices"].elements() {
                let values = try device["properties"].elements().compactMap { property -> String? in
                    guard let value = property["reported"]["value"].value, value.isScalar else { return nil }
                    let unit = try property["unit"].ifPresent?.string()
                    return "\(try property["name"].string()) \(shownValue(value, unit: unit))"
                }
                let state = try device["availability"].string()
                let said = values.isEmpty ? "-" : values.joined(separator: ", ")
                table.add(
                    (try device["name"].string(), .bold), (state, Self.colour(state)),
                    (shortened(said, to: Self.cellWidth), nil),
                    (try device["title"].string(), .dim))
            }
            Terminal.out(table.text)
        }

        /// The most letters of what a device says; `show` has all.
        private static let cellWidth = 60

        static func colour(_ availability: String) -> Terminal.Colour {
            switch availability {
            case "online": .green
            case "silent": .yellow
            default: .red
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One device: what it reported, what it was told, what it can do.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @Argument(help: "Its name or its id.") var device: String

        func run() async throws {
            let answer = try await self.home.home.ask(.show(thing: self.device))
            guard !self.output.json else { return Terminal.out(answer.value ?? .null) }
            let state = try answer["availability"].string()
            let title = try answer["title"].string().plain()
            Terminal.out(
                "\(Terminal.paint(try answer["name"].string(), .bold))  \(title)  "
                    + Terminal.paint(state, List.colour(state)))
            Terminal.out(Terminal.paint(try answer["id"].string(), .dim))
            Terminal.out(try Self.properties(answer).text)
            for action in try answer["actions"].elements() {
                let words = [
                    try action["idempotent"].bool() ? "may be repeated" : "acts once",
                    action["input"].ifPresent.map { "takes \(allowed($0))" } ?? "takes nothing",
                    limits(action["limits"]),
                ].filter { !$0.isEmpty }
                Terminal.out(
                    "action  \(try action["name"].string())  "
                        + Terminal.paint(words.joined(separator: ", "), .dim))
            }
            for event in try answer["events"].elements() { Terminal.out("event   \(try event.string())") }
            let whole = limits(answer["limits"])
            if !whole.isEmpty { Terminal.out("limits  \(whole)") }
            for note in try answer["notes"].ifPresent?.elements() ?? [] {
                Terminal.out(Terminal.paint("left out when it was imported: \(try note.string())", .dim))
            }
            for fault in try answer["faults"].elements() {
                Terminal.out(Terminal.paint(try Self.words(fault), .yellow))
            }
        }

        private static func words(_ fault: JSONField) throws -> String {
            let (name, filter) = (try fault["affordance"].string(), try fault["filter"].string())
            let (count, reason) = (try fault["count"].integer(Int64.self), try fault["reason"].string())
            // What the broker does not take is no message of the device.
            return reason.hasPrefix("the broker ")
                ? "\(name): \(reason) (\(count) times on \(filter))"
                : "\(name): \(count) messages on \(filter) were wrong, the first: \(reason)"
        }

        private static func properties(_ answer: JSONField) throws -> Table {
            var table = Table(.left, .left, .left, .left, .left)
            table.head("property", "reported", "at", "desired", "")
            for property in try answer["properties"].elements() {
                let unit = try property["unit"].ifPresent?.string()
                let at = try property["reported"]["at"].ifPresent?.integer(Int64.self)
                let words = [
                    try property["writable"].bool() ? "can be written" : "", allowed(property["allowed"]),
                    limits(property["limits"]),
                ].filter { !$0.isEmpty }
                table.add(
                    (try property["name"].string(), nil),
                    (shownValue(property["reported"]["value"].value, unit: unit), .bold),
                    (at.map { rfc3339($0) } ?? "never", .dim),
                    (shownValue(property["desired"]["value"].value, unit: unit), nil),
                    (words.joined(separator: ", "), .dim))
            }
            return table
        }
    }

    struct Read: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The last reported value of one property.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @Argument(help: "The device's name or id.") var device: String
        @Argument var property: String

        func run() async throws {
            let answer = try await self.home.home.ask(.show(thing: self.device))
            guard
                let property = try answer["properties"].elements().first(where: {
                    try $0["name"].string() == self.property
                })
            else {
                let names = try answer["properties"].elements().map { try $0["name"].string() }
                throw Failure(
                    1, "\(self.device) has no \"\(self.property)\"",
                    hint: names.isEmpty
                        ? "depai device show \(self.device)" : "there is \(names.joined(separator: ", "))")
            }
            guard let value = property["reported"]["value"].value else {
                throw Failure(1, "\(self.device) has not said it yet")
            }
            guard self.output.json else {
                return Terminal.out(shownValue(value, unit: nil).plain(limit: .max))
            }
            var json = property.value ?? .null
            json["schema"] = "depai.property/1"
            Terminal.out(json)
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every change and every event as it comes, until you stop it.",
            discussion: "With --json one object a line.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @Argument(help: "Only these devices; all without any.") var devices: [String] = []

        /// Between two looks.
        private static let interval = Duration.milliseconds(250)

        func run() async throws {
            // The mark first: what comes meanwhile is told twice rather than never.
            var mark = try await self.home.home.ask(.readings(after: nil))["mark"].integer(UInt64.self)
            var states: [String: String] = [:]
            let answer = try await self.home.home.ask(.list)
            for device in try answer["devices"].elements() where try self.wants(device) {
                let (name, state) = (try device["name"].string(), try device["availability"].string())
                states[try device["id"].string()] = state
                self.tell(name, state)
                for property in try device["properties"].elements() where property["reported"].exists {
                    try self.tell(name, property)
                }
            }
            while true {
                let news = try await self.home.home.ask(.readings(after: mark))
                mark = try news["mark"].integer()
                if let lost = try news["lost"].ifPresent?.integer(UInt64.self), lost > 0 {
                    Terminal.talk("\(lost) readings came faster than they could be shown")
                }
                for device in try news["availability"].elements() {
                    let (id, name) = (try device["id"].string(), try device["device"].string())
                    let state = try device["availability"].string()
                    guard self.wants(name: name, id: id) else { continue }
                    if states.updateValue(state, forKey: id) != state { self.tell(name, state) }
                }
                for reading in try news["readings"].elements() {
                    let (id, name) = (try reading["thing"].string(), try reading["device"].string())
                    guard self.wants(name: name, id: id) else { continue }
                    try self.tell(reading, of: name)
                }
                try await Task.sleep(for: Self.interval)
            }
        }

        private func wants(_ device: JSONField) throws -> Bool {
            self.wants(name: try device["name"].string(), id: try device["id"].string())
        }

        private func wants(name: String, id: String) -> Bool {
            self.devices.isEmpty || self.devices.contains(name) || self.devices.contains(id)
        }

        private func tell(_ device: String, _ state: String) {
            guard !self.output.json else {
                let json: JSON = ["device": .string(device), "availability": .string(state)]
                return Terminal.out(line: json)
            }
            Terminal.out("\(device.plain()) is \(Terminal.paint(state, List.colour(state)))")
        }

        private func tell(_ device: String, _ property: JSONField) throws {
            let name = try property["name"].string()
            let at = try property["reported"]["at"].integer(Int64.self)
            guard !self.output.json else {
                var json = property["reported"].value ?? .null
                json["device"] = .string(device)
                json["property"] = .string(name)
                return Terminal.out(line: json)
            }
            let unit = try property["unit"].ifPresent?.string()
            self.tell(
                at, "\(device.plain()).\(name.plain())",
                shownValue(property["reported"]["value"].value, unit: unit))
        }

        private func tell(_ reading: JSONField, of device: String) throws {
            let name = try reading["property"].string()
            let isEvent = try reading["event"].bool()
            guard !self.output.json else {
                var json = reading.value ?? .null
                json[isEvent ? "event" : "property"] = .string(name)
                if isEvent { json["property"] = nil }
                if !isEvent { json["event"] = nil }
                return Terminal.out(line: json)
            }
            let unit = try reading["unit"].ifPresent?.string()
            self.tell(
                try reading["at"].integer(Int64.self),
                "\(device.plain()).\(name.plain())\(isEvent ? "!" : "")",
                shownValue(reading["value"].value, unit: unit))
        }

        private func tell(_ at: Int64, _ place: String, _ value: String) {
            Terminal.out(
                "\(Terminal.paint(rfc3339(at), .dim))  \(place)  \(Terminal.paint(value, .bold))")
        }
    }
}

/// At most so many letters of a text.
private func shortened(_ text: String, to width: Int) -> String {
    text.count <= width ? text : "\(text.prefix(width - 3))..."
}

/// What a data schema allows, in a few words.
private func allowed(_ schema: JSONField) -> String {
    var words: [String] = []
    if case .array(let values)? = schema["enum"].value {
        words.append("one of \(values.map(\.plain).joined(separator: ", "))")
    } else if case .string(let type)? = schema["type"].value {
        words.append(type)
    }
    if case .array(let schemas)? = schema["oneOf"].value {
        words.append(schemas.indices.map { allowed(schema["oneOf"][$0]) }.joined(separator: ", or "))
    }
    let low = schema["minimum"].ifPresent?.value?.text
    let high = schema["maximum"].ifPresent?.value?.text
    switch (low, high) {
    case (let low?, let high?): words.append("\(low) to \(high)")
    case (let low?, nil): words.append("from \(low)")
    case (nil, let high?): words.append("up to \(high)")
    default: break
    }
    if let unit = schema["unit"].ifPresent?.value?.plain {
        words.append(["Cel": "°C", "percent": "%"][unit] ?? unit)
    }
    if case .object(let members)? = schema["properties"].value {
        words.append("with \(members.members.map(\.name).joined(separator: ", "))")
    }
    return shortened(words.joined(separator: " "), to: 120)
}

/// The owner's limits, in a few words.
private func limits(_ field: JSONField) -> String {
    guard field.exists else { return "" }
    var words: [String] = []
    if let range = field["range"].ifPresent, let low = range["min"].value?.text,
        let high = range["max"].value?.text
    {
        words.append("the owner allows \(low) to \(high)")
    }
    if let perMinute = field["perMinute"].ifPresent?.value?.text { words.append("\(perMinute) a minute") }
    if let hours = field["hours"].ifPresent?.value?.plain { words.append("from \(hours)") }
    return words.joined(separator: ", ")
}

extension JSON {
    /// A text without quotes, anything else as JSON.
    fileprivate var plain: String { if case .string(let text) = self { text } else { self.text } }

    /// Whether it fits into a cell.
    fileprivate var isScalar: Bool {
        switch self {
        case .null, .bool, .integer, .number, .string: true
        case .array, .object: false
        }
    }
}
