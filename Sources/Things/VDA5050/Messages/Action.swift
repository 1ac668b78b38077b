package import Encoding

/// Something to be done beside driving. Source: VDA 5050 2.1.0 sections 6.7 and 6.8.
package struct Action: WireRecord {
    package var actionType = ""
    package var actionId = ""
    package var descriptor: String?
    package var blockingType = BlockingType.none
    package var parameters: [Parameter]?
    /// 3.0.0: a failed one may be repeated.
    package var retriable: Bool?

    package init() {}

    package init(
        _ type: String, id: String, blocking: BlockingType = .none, parameters: [Parameter]? = nil
    ) {
        self.actionType = type
        self.actionId = id
        self.blockingType = blocking
        self.parameters = parameters
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("actionType", &self.actionType)
        try codec.member("actionId", &self.actionId)
        try codec.member(
            WireName(two: "actionDescription", three: "actionDescriptor"), &self.descriptor)
        try codec.member("blockingType", &self.blockingType)
        try codec.member("actionParameters", &self.parameters)
        try codec.member(WireName(two: nil, three: "retriable"), &self.retriable)
    }

    /// The value of a parameter.
    package func parameter(_ key: String) -> JSON? { self.parameters?.first { $0.key == key }?.value }
}

/// Source: VDA 5050 2.1.0 section 6.7.
package struct Parameter: WireRecord {
    package var key = ""
    package var value: JSON = false

    package init() {}

    package init(_ key: String, _ value: JSON) {
        self.key = key
        self.value = value
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("key", &self.key)
        try codec.member("value", &self.value)
        if self.value == .null { throw codec.fault("value", "null is no value") }
    }
}

/// Actions to be done at once. Source: VDA 5050 2.1.0 section 6.9.
package struct InstantActions: WireMessage {
    package var header = Header()
    package var actions: [Action] = []
    static let topic = Topic.instantActions

    package init() {}

    package init(_ actions: [Action]) { self.actions = actions }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try self.header.pass(&codec)
        try codec.member("actions", &self.actions)
        // 3.0.0 knows here nothing but NONE, and no retry.
        if codec.dialect == .three {
            for (index, action) in self.actions.enumerated() where action.blockingType != .none {
                throw codec.fault("actions/\(index)/blockingType", "an instant action blocks nothing")
            }
        }
    }
}

/// How far an action came. Source: VDA 5050 2.1.0 section 6.11.
package struct ActionState: WireRecord {
    package var actionId = ""
    package var actionType: String?
    package var descriptor: String?
    package var status = ActionStatus.waiting
    package var result: String?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("actionId", &self.actionId)
        try codec.member("actionType", &self.actionType)
        try codec.member(
            WireName(two: "actionDescription", three: "actionDescriptor"), &self.descriptor)
        try codec.member("actionStatus", &self.status)
        try codec.member(WireName(two: "resultDescription", three: "actionResult"), &self.result)
    }
}

extension JSON: WireValue {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> JSON {
        guard let value = field.value else {
            throw .mismatch(pointer: field.pointer, expected: "a value", found: "nothing")
        }
        return value
    }
    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON { self }
}
