internal import Encoding

/// The values of a Tasmota's last telegram: `/AM2301/Temperature`, each of an array apart.
struct TasmotaSensors {
    private let reader: TasmotaReader
    private var temperature: String?
    private var pressure: String?
    private var speed: String?

    /// How deep values lie.
    private static let depthLimit = 6
    /// Members that are no values.
    private static let silent: Set<String> = ["Time", "TempUnit", "PressureUnit", "SpeedUnit"]

    init(_ reader: TasmotaReader) { self.reader = reader }

    mutating func add(_ readings: JSONField, _ draft: inout ThingDraft) throws(JSONError) {
        func unit(_ member: String) -> String? {
            if case .string(let text)? = readings[member].value { text } else { nil }
        }
        (self.temperature, self.pressure, self.speed) = (
            unit("TempUnit"), unit("PressureUnit"), unit("SpeedUnit")
        )
        for (name, field) in try readings.members() where !Self.silent.contains(name) {
            if let number = Self.switchNumber(name) {
                guard !self.reader.followsSwitch(number) else { continue }
                self.reader.addSwitch(number, &draft)
            } else if !name.utf8.starts(with: "Shutter".utf8) {
                try self.add(field, [name], place: readings.pointer.utf8.count, depth: 0, &draft)
            }
        }
    }

    private static func switchNumber(_ name: String) -> Int? {
        guard name.hasPrefix("Switch"), let number = Int(name.dropFirst(6)), (1...32).contains(number)
        else {
            return nil
        }
        return number
    }

    /// - Parameter place: the bytes of the pointer before the telegram.
    private func add(
        _ field: JSONField, _ names: [String], place: Int, depth: Int, _ draft: inout ThingDraft
    ) throws(JSONError) {
        let name = names.joined(separator: "-")
        guard depth < Self.depthLimit else { return draft.note("\(name): lies too deep") }
        switch field.value {
        case .object?:
            for (inner, member) in try field.members() {
                try self.add(member, names + [inner], place: place, depth: depth + 1, &draft)
            }
        case .array?:
            for (index, element) in try field.elements().enumerated() {
                try self.add(
                    element, names + [String(index + 1)], place: place, depth: depth + 1, &draft)
            }
        default:
            let pointer = String(decoding: Array(field.pointer.utf8.dropFirst(place)), as: UTF8.self)
            let quantity = names.last { Int($0) == nil } ?? name
            // The place is relative to `sn`, as in the telegrams.
            draft.addProperty(
                name, title: names.joined(separator: " "), schema: self.schema(field.value, quantity),
                reports: [
                    .init(
                        topic: self.reader.topics.name(.tele, "SENSOR"), pointer: pointer, isOverlay: true),
                    .init(
                        topic: self.reader.topics.name(.stat, "STATUS10"), pointer: "/StatusSNS\(pointer)",
                        isOverlay: true),
                ])
        }
    }

    /// A sensor that had nothing to say just then is of the type that its quantity has.
    private func schema(_ value: JSON?, _ quantity: String) -> JSON {
        var schema: JSON = [:]
        let unit = self.unit(of: quantity)
        switch value {
        case .bool?: schema["type"] = "boolean"
        case .string?: schema["type"] = "string"
        case .integer?, .number?: schema["type"] = "number"
        default: if unit != nil { schema["type"] = "number" }
        }
        if schema["type"] != "string" { schema["unit"] = unit }
        return schema
    }

    private static let units: [String: String] = [
        "Humidity": "percent", "Power": "W", "ApparentPower": "VA", "ReactivePower": "var", "Voltage": "V",
        "Current": "A", "Total": "kWh", "Today": "kWh", "Yesterday": "kWh", "Energy": "kWh",
        "ExportActive": "kWh", "ImportActive": "kWh", "TotalTariff": "kWh", "ExportTariff": "kWh",
        "Frequency": "Hz", "Illuminance": "lx", "Ambient": "lx", "CarbonDioxide": "ppm", "eCO2": "ppm",
        "TVOC": "ppb", "PM1": "ug/m3", "PM2.5": "ug/m3", "PM10": "ug/m3", "Distance": "cm", "Weight": "kg",
        "Battery": "percent", "BatteryPercentage": "percent", "Moisture": "percent", "PhaseAngle": "deg",
    ]

    private func unit(of quantity: String) -> JSON? {
        // `Temperature1` is one of several.
        let name = quantity.filter { !("0"..."9").contains($0) }
        switch name {
        case "Temperature", "DewPoint": return self.temperature == "F" ? "[degF]" : "Cel"
        case "Pressure", "SeaPressure": return .string(self.pressure ?? "hPa")
        case "Speed", "WindSpeed": return self.speed.map { .string($0) }
        default: return (Self.units[quantity] ?? Self.units[name]).map { .string($0) }
        }
    }
}
