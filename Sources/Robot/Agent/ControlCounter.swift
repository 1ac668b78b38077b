internal import Control
internal import Encoding
internal import Payments

/// Where programs on the same machine are served: with the robot's tools, and with what concerns the wallet's
/// rules.
struct ControlCounter: Sendable {
    let wallet: WalletControl
    let tools: Toolbox

    /// The longest request or answer, in bytes.
    static let byteLimit = CashierRequest.byteLimit

    /// Answers bytes from another process; never throws at who sent garbage.
    func answer(_ bytes: [UInt8]) async -> [UInt8] {
        let root = try? JSONField(JSON.read(bytes, limits: .init(bytes: Self.byteLimit, depth: 40)))
        let json: JSON
        if let root, let name = try? root["ask"].string(), Tool.names.contains(name) {
            json = await self.tools.perform(root)
        } else {
            json = await self.wallet.answer(bytes, from: .machine).json
        }
        // Who is asked to end while he pays says nothing: that the outcome is not known is the truth.
        guard !Task.isCancelled else { return [] }
        // Nobody signs this, so that a device's numbers may have any size.
        return Array(json.text.utf8)
    }
}
