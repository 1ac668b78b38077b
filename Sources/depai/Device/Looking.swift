import Agent
import ArgumentParser
import Console
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
                table.add(
                    (try device["name"].string(), .bold), (state, Self.colour(state)),
                    (values.isEmpty ? "-" : values.joined(separator: ", "), nil),
                    (try device["title"].string(), .dim))
            }
            Terminal.out(table.text)
        }

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
            var table = Table(.left, .left, .left, .left, .left)
            table.head("property", "reported", "at", "desired", "")
            for property in try answer["properties"].elements() {
                let unit = try property["unit"].ifPresent?.string()
                let at = try property["reported"]["at"].ifPresent?.integer(Int64.self)
                table.add(
                    (try property["name"].string(), nil),
                    (shownValue(property["reported"]["value"].value, unit: unit), .bold),
                    (at.map { rfc3339($0) } ?? "never", .dim),
                    (shownValue(property["desired"]["value"].value, unit: unit), nil),
                    (try property["writable"].bool() ? "can be written" : "", .dim))
            }
            Terminal.out(table.text)
            for action in try answer["actions"].elements() {
                let once = try action["idempotent"].bool() ? "may be repeated" : "acts once"
                Terminal.out("action  \(try action["name"].string().plain())  \(Terminal.paint(once, .dim))")
            }
            for event in try answer["events"].elements() {
                Terminal.out("event   \(try event.string().plain())")
            }
            for fault in try answer["faults"].elements() {
                Terminal.out(
                    Terminal.paint(
                        "\(try fault["count"].integer(Int64.self)) messages on "
                            + "\(try fault["filter"].string()) were wrong, the first: "
                            + "\(try fault["reason"].string())", .yellow))
            }
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
                throw Failure(
                    1, "\(self.device) has no \"\(self.property)\"", hint: "depai device show \(self.device)")
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
            abstract: "Every change as it comes, until you stop it.",
            discussion: "With --json one object a line.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @Argument(help: "Only these devices; all without any.") var devices: [String] = []

        /// Between two looks.
        private static let interval = Duration.milliseconds(250)

        func run() async throws {
            var seen: [String: UInt64] = [:]
            var states: [String: String] = [:]
            while true {
                let answer = try await self.home.home.ask(.list)
                for device in try answer["devices"].elements() {
                    let name = try device["name"].string()
                    let id = try device["id"].string()
                    guard self.devices.isEmpty || self.devices.contains(name) || self.devices.contains(id)
                    else { continue }
                    let state = try device["availability"].string()
                    if states.updateValue(state, forKey: id) != state { self.tell(name, state) }
                    for property in try device["properties"].elements() {
                        guard
                            let version = try property["reported"]["version"].ifPresent?.integer(UInt64.self),
                            case let key = "\(id) \(try property["name"].string())",
                            seen.updateValue(version, forKey: key) != version
                        else { continue }
                        try self.tell(name, property)
                    }
                }
                try await Task.sleep(for: Self.interval)
            }
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
            let value = shownValue(property["reported"]["value"].value, unit: unit)
            let place = "\(device.plain()).\(name.plain())"
            Terminal.out("\(Terminal.paint(rfc3339(at), .dim))  \(place)  \(Terminal.paint(value, .bold))")
        }
    }
}

extension JSON {
    /// Whether it fits into a cell.
    fileprivate var isScalar: Bool {
        switch self {
        case .null, .bool, .integer, .number, .string: true
        case .array, .object: false
        }
    }
}
