public import Encoding
public import Payments

/// What a robot can be asked to do or to tell, whoever asks: a program on its machine, a behaviour of its
/// own, a plan. The list is closed, and each has the same rules everywhere: the owner's limits for devices,
/// the owner's policy for money. The wallet's own rules are no tool; see ``WalletRequest``.
public enum Tool: Sendable, Equatable {
    /// Reads or moves something.
    case device(DeviceRequest)
    /// Buys something, or sees to what was bought.
    case purchase(CashierRequest)

    /// The words after `ask`.
    public static let names = DeviceRequest.names.union(CashierRequest.names)

    /// Reads a step of a plan: one object, as it also crosses the control socket.
    /// - Throws: what is wrong with it, and where.
    public init(_ root: JSONField) throws {
        let name = try root["ask"].string()
        if DeviceRequest.names.contains(name) {
            self = .device(try DeviceRequest(root))
        } else if CashierRequest.names.contains(name) {
            self = .purchase(try CashierRequest(root))
        } else {
            throw root["ask"].fault("one of \(Self.names.sorted().joined(separator: ", "))")
        }
    }

    public var json: JSON {
        switch self {
        case .device(let request): request.json
        case .purchase(let request): request.json
        }
    }
}
