/// What is wrong with an order, an action, or on the way.
package enum FaultKind: String, WireWord {
    case validation, tooLarge, unsupportedField, orderAction, instantAction, instantActionsFull
    case outdatedUpdate, sameUpdate, updateAfterCancel, wrongStitch, otherOrder
    case startOutOfRange, unavailable, unknownMap, nothingToCancel, nodeUnreachable, actionFailed

    /// The version's name and level. Source: VDA 5050 2.1.0 sections 6.6.3 and 6.6.4; VDA 5050 3.0.0,
    /// predefined error types. `ACTION_FAILED` is ours: 3.0.0 has no type for it.
    func words(_ version: Version) -> (type: String, level: ErrorLevel) {
        switch version {
        case .two: self.wordsOfTwo
        case .three: self.wordsOfThree
        }
    }

    private var wordsOfTwo: (type: String, level: ErrorLevel) {
        switch self {
        case .validation: ("validationError", .warning)
        case .tooLarge, .unsupportedField, .orderAction, .unavailable, .unknownMap:
            ("orderError", .warning)
        case .instantAction, .instantActionsFull: ("instantActionError", .warning)
        case .outdatedUpdate, .sameUpdate, .updateAfterCancel, .wrongStitch, .otherOrder:
            ("orderUpdateError", .warning)
        case .startOutOfRange: ("noRouteError", .warning)
        case .nothingToCancel: ("noOrderToCancel", .warning)
        case .nodeUnreachable: ("noRouteError", .fatal)
        case .actionFailed: ("orderError", .fatal)
        }
    }

    private var wordsOfThree: (type: String, level: ErrorLevel) {
        switch self {
        case .validation, .wrongStitch: ("VALIDATION_FAILURE", .warning)
        case .tooLarge: ("INSUFFICIENT_MEMORY", .urgent)
        case .unsupportedField: ("UNSUPPORTED_PARAMETER", .critical)
        case .orderAction: ("INVALID_ORDER_ACTION", .warning)
        case .instantAction: ("INVALID_INSTANT_ACTION", .warning)
        case .instantActionsFull: ("INSTANT_ACTION_STATES_FULL", .warning)
        case .outdatedUpdate: ("OUTDATED_ORDER_UPDATE", .warning)
        case .sameUpdate: ("SAME_ORDER_UPDATE_ID", .warning)
        case .updateAfterCancel: ("ORDER_UPDATE_FOLLOWING_CANCEL", .warning)
        case .otherOrder: ("OTHER_ORDER_ACTIVE", .warning)
        case .startOutOfRange: ("START_NODE_OUT_OF_RANGE", .warning)
        case .unavailable: ("MOBILE_ROBOT_NOT_AVAILABLE", .warning)
        case .unknownMap: ("UNKNOWN_MAP_ID", .warning)
        case .nothingToCancel: ("NO_ORDER_TO_CANCEL", .warning)
        case .nodeUnreachable: ("NODE_UNREACHABLE", .critical)
        case .actionFailed: ("ACTION_FAILED", .critical)
        }
    }

    /// When it is no longer told: the others go with the next accepted order.
    var endsWithInstantAction: Bool { self == .instantAction || self == .instantActionsFull }
}

/// Why an order or an action was not taken.
struct Refusal: Error, Equatable {
    let kind: FaultKind
    let reason: String
    var references: [Reference] = []
}
