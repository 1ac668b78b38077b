internal import Encoding
internal import Messaging
internal import World

/// Reads the forms of an affordance. Forms of other protocols are passed over.
struct FormReader {
    /// The description's `base`, against which relative addresses are read.
    private let base: String?

    init(_ root: JSONField) throws(JSONError) { self.base = try root["base"].ifPresent?.string() }

    private static let observing: Set<String> = ["observeproperty", "readproperty", "subscribeevent"]
    /// Legal in a description, but nothing that is done here: subscriptions end with the connection.
    private static let ending: Set<String> = ["unobserveproperty", "unsubscribeevent"]
    private static let commanding: Set<String> = ["writeproperty", "invokeaction"]

    /// The forms that are listened to, one per filter and place.
    func reports(_ affordance: JSONField, standard: [String]) throws(JSONError) -> [ReportForm] {
        var reports: [ReportForm] = []
        for form in try self.forms(affordance) {
            // What another protocol can perform is not our question: the address comes first.
            guard let path = try self.path(form) else { continue }
            let operations = try Self.operations(form, standard: standard)
            guard operations.contains(where: Self.observing.contains) else { continue }
            try Self.requirePacket("subscribe", form, operations)
            let pointer = try Self.pointer(form["depai:pointer"]) ?? Pointer.whole
            let merge = try form["depai:merge"].ifPresent?.string() ?? "replace"
            guard merge == "replace" || merge == "overlay" else {
                throw form["depai:merge"].fault("is replace or overlay")
            }
            let report = ReportForm(
                filter: try Self.place(form, path, term: "mqv:filter", isValid: TopicFilter.isFilter),
                quality: try Self.quality(form), retain: try form["mqv:retain"].ifPresent?.bool() ?? false,
                format: try Self.format(form), pointer: pointer,
                when: try Self.conditions(form["depai:when"]),
                isOverlay: merge == "overlay", fallback: try Self.fallback(form["depai:fallback"]))
            // Reading and observing are one thing here; two forms for them must not count every message
            // twice.
            if !reports.contains(where: { $0.hasSamePlace(as: report) }) { reports.append(report) }
        }
        return reports
    }

    /// The first form that performs `operation`.
    func command(_ affordance: JSONField, operation: String, standard: [String]) throws(JSONError)
        -> CommandForm?
    {
        var command: CommandForm?
        for form in try self.forms(affordance) {
            guard let path = try self.path(form) else { continue }
            let operations = try Self.operations(form, standard: standard)
            guard operations.contains(operation) else { continue }
            try Self.requirePacket("publish", form, operations)
            let format = try Self.format(form)
            let body = try form["depai:body"].ifPresent.map { field throws(JSONError) in
                try BodyTemplate(field, isText: format.isText)
            }
            if operation == "writeproperty", let body, !body.carriesValue {
                throw form["depai:body"].fault("a write needs the hole $value")
            }
            let read = CommandForm(
                topic: try Self.place(form, path, term: "mqv:topic", isValid: TopicFilter.isTopic),
                quality: try Self.quality(form), retain: try form["mqv:retain"].ifPresent?.bool() ?? false,
                format: format, body: body, acknowledgement: try Self.acknowledgement(form["depai:ack"], body)
            )
            if command == nil { command = read }
        }
        return command
    }

    /// - Throws: when the address and the binding's term name different topics.
    func checkTopic(_ form: JSONField) throws(JSONError) {
        // An address that we cannot read names no topic.
        guard let path = try? self.path(form), !path.isEmpty else { return }
        for term in ["mqv:topic", "mqv:filter"] where form[term].exists {
            _ = try Self.place(form, path, term: term) { _ in true }
        }
    }

    // MARK: parts of a form

    private func forms(_ affordance: JSONField) throws(JSONError) -> [JSONField] {
        let forms = try affordance["forms"].elements()
        guard forms.count <= Thing.formLimit else {
            throw affordance["forms"].fault("more than \(Thing.formLimit)")
        }
        return forms
    }

    private static func operations(_ form: JSONField, standard: [String]) throws(JSONError) -> [String] {
        guard let field = form["op"].ifPresent else { return standard }
        var operations: [String] = []
        if case .string(let one)? = field.value {
            operations = [one]
        } else {
            for element in try field.elements() { operations.append(try element.string()) }
        }
        let known = self.observing.union(self.commanding).union(self.ending)
        guard operations.allSatisfy(known.contains) else {
            throw field.fault("an operation that MQTT cannot perform")
        }
        return operations
    }

    /// The topic in the address, empty when there is none; nil for a form of another protocol.
    private func path(_ form: JSONField) throws(JSONError) -> String? {
        let href = form["href"]
        var address = try href.string()
        guard !address.holds("{{") else { throw href.fault("a placeholder is not filled") }
        if !address.holds("://") {
            guard let base = self.base else { throw href.fault("relative, and the description has no base") }
            address =
                (base.hasSuffix("/") ? base : base + "/")
                + (address.hasPrefix("/") ? String(address.dropFirst()) : address)
        }
        guard let scheme = ["mqtt://", "mqtts://"].first(where: address.hasPrefix) else { return nil }
        let rest = address.dropFirst(scheme.count)
        guard !rest.contains("?"), !rest.contains("#") else {
            throw href.fault("no query or fragment; write %23 for #")
        }
        guard let slash = rest.firstIndex(of: "/") else { return "" }
        guard slash > rest.startIndex else { throw href.fault("names no broker") }
        guard let path = Percent.decode(rest[rest.index(after: slash)...]) else {
            throw href.fault("bad percent encoding")
        }
        return path
    }

    /// The topic or filter, from the address, the binding's term, or both if they agree.
    private static func place(
        _ form: JSONField, _ path: String, term: String, isValid: (String) -> Bool
    ) throws(JSONError) -> String {
        let named = try form[term].ifPresent?.string()
        if let named, !path.isEmpty, !sameBytes(named, path) {
            throw form[term].fault("differs from the address, which says \"\(path)\"")
        }
        let place = named ?? path
        let source = named == nil ? form["href"] : form[term]
        guard !place.isEmpty else { throw form["href"].fault("names no topic, and there is no \(term)") }
        guard !place.holds("{{") else { throw source.fault("a placeholder is not filled") }
        guard isValid(place) else {
            throw source.fault("\"\(place)\" breaks MQTT's rules for a \(term.dropFirst(4))")
        }
        return place
    }

    private static func requirePacket(
        _ packet: String, _ form: JSONField, _ operations: [String]
    ) throws(JSONError) {
        guard let named = try form["mqv:controlPacket"].ifPresent?.string() else { return }
        // Both spellings are in use.
        guard named != packet, named != "mqv:" + packet else { return }
        throw form["mqv:controlPacket"].fault("\(operations.joined(separator: ", ")) needs \(packet)")
    }

    /// "2" is served with QoS 1: exactly-once is made of ids, not of the protocol.
    private static func quality(_ form: JSONField) throws(JSONError) -> DeliveryQuality {
        switch form["mqv:qos"].value {
        case nil: .atLeastOnce
        case .string("0")?: .atMostOnce
        case .string("1")?, .string("2")?: .atLeastOnce
        default: throw form["mqv:qos"].fault("is \"0\", \"1\" or \"2\"")
        }
    }

    private static func pointer(_ field: JSONField) throws(JSONError) -> Pointer? {
        guard let text = try field.ifPresent?.string() else { return nil }
        guard let pointer = Pointer(text) else { throw field.fault("not an RFC 6901 pointer") }
        return pointer
    }

    private static func conditions(_ field: JSONField) throws(JSONError) -> [Condition] {
        var conditions: [Condition] = []
        for element in try field.ifPresent?.elements() ?? [] {
            try element.only(["pointer", "equals"])
            guard let pointer = try Self.pointer(element["pointer"]) else {
                throw element["pointer"].fault("is missing")
            }
            guard let equals = element["equals"].value else { throw element["equals"].fault("is missing") }
            conditions.append(Condition(pointer: pointer, equals: equals))
        }
        return conditions
    }

    private static func fallback(_ field: JSONField) throws(JSONError) -> ReportForm.Fallback? {
        guard field.exists else { return nil }
        try field.only(["value", "afterMs"])
        guard let value = field["value"].value else { throw field["value"].fault("is missing") }
        let after = try field["afterMs"].integer(Int.self)
        guard (1...AvailabilityForm.staleLimitMs).contains(after) else {
            throw field["afterMs"].fault("must be 1 ms to one day")
        }
        return ReportForm.Fallback(value: value, after: .milliseconds(after))
    }

    private static func format(_ form: JSONField) throws(JSONError) -> WireFormat {
        var map: [(word: String, value: JSON)] = []
        for (word, field) in try form["depai:map"].ifPresent?.members() ?? [] {
            map.append((word, field.value ?? .null))
        }
        let scale = try form["depai:scale"].ifPresent?.number()
        if scale == 0 { throw form["depai:scale"].fault("must not be zero") }
        let offset = try form["depai:offset"].ifPresent?.number()
        if !map.isEmpty, scale != nil || offset != nil {
            throw form["depai:map"].fault("excludes scale and offset")
        }
        let content = try form["contentType"].ifPresent?.string() ?? "application/json"
        return WireFormat(
            isText: content.hasPrefix("text/"), map: map, scale: scale, offset: offset,
            isRendered: try form["depai:rendered"].ifPresent?.bool() ?? false,
            empty: try form["depai:empty"].ifPresent?.string())
    }

    private static func acknowledgement(
        _ field: JSONField, _ body: BodyTemplate?
    ) throws(JSONError) -> Acknowledgement {
        guard field.exists else {
            return Acknowledgement(
                kind: .puback, filter: nil, idPointer: nil, okWhen: [], errorPointer: nil, valuePointer: nil,
                commands: [], timeout: Acknowledgement.standardTimeout)
        }
        try field.only([
            "kind", "filter", "idPointer", "okWhen", "errorPointer", "valuePointer", "commands", "timeoutMs",
        ])
        guard let kind = Acknowledgement.Kind(rawValue: try field["kind"].string()) else {
            throw field["kind"].fault("is puback, echo or reply")
        }
        let filter = try field["filter"].ifPresent?.string()
        if let filter {
            guard !filter.holds("{{") else { throw field["filter"].fault("a placeholder is not filled") }
            guard TopicFilter.isFilter(filter) else {
                throw field["filter"].fault("not an MQTT topic filter")
            }
        }
        if kind == .reply, filter == nil { throw field["filter"].fault("a reply needs one") }
        let idPointer = try Self.pointer(field["idPointer"])
        if idPointer != nil, body?.carriesIdentifier != true {
            throw field["idPointer"].fault("the body has no $id that a reply could repeat")
        }
        let timeout = try field["timeoutMs"].ifPresent?.integer(Int.self)
        if let timeout, !(1...Acknowledgement.timeoutLimitMs).contains(timeout) {
            throw field["timeoutMs"].fault("must be 1 to \(Acknowledgement.timeoutLimitMs)")
        }
        return Acknowledgement(
            kind: kind, filter: filter, idPointer: idPointer, okWhen: try Self.conditions(field["okWhen"]),
            errorPointer: try Self.pointer(field["errorPointer"]),
            valuePointer: try Self.pointer(field["valuePointer"]),
            commands: try field["commands"].ifPresent?.elements().compactMap(\.value) ?? [],
            timeout: timeout.map { .milliseconds($0) } ?? Acknowledgement.standardTimeout)
    }
}
