internal import Control
internal import Encoding
internal import Payments

/// Where programs on the same machine are served: what concerns the wallet's rules goes to the wallet's
/// control, what costs money to the cashier, the rest to the devices.
struct ControlCounter: Sendable {
    let wallet: WalletControl
    let devices: DeviceDesk
    /// Nil while the keystore is locked.
    let cashier: Cashier?

    /// The longest request or answer, in bytes.
    static let byteLimit = CashierRequest.byteLimit

    /// Answers bytes from another process; never throws at who sent garbage.
    func answer(_ bytes: [UInt8]) async -> [UInt8] {
        let root = try? JSONField(JSON.read(bytes, limits: .init(bytes: Self.byteLimit, depth: 40)))
        let json: JSON
        switch (root, try? root?["ask"].string()) {
        case (let root?, let ask?) where CashierRequest.names.contains(ask): json = await self.pay(root).json
        case (let root?, let ask?) where DeviceRequest.names.contains(ask):
            json = await self.devices.answer(root)
        default: json = await self.wallet.answer(bytes, from: .machine).json
        }
        // Who is asked to end while he pays says nothing: that the outcome is not known is the truth.
        guard !Task.isCancelled else { return [] }
        // Nobody signs this, so that a device's numbers may have any size.
        return Array(json.text.utf8)
    }

    private func pay(_ root: JSONField) async -> Result<CashierAnswer, CashierFault> {
        guard let cashier = self.cashier else { return .failure(.locked) }
        let request: CashierRequest
        do {
            request = try CashierRequest(root)
        } catch {
            return .failure(.refused("\(error)"))
        }
        do throws(CashierFault) {
            return .success(try await cashier.perform(request))
        } catch {
            return .failure(error)
        }
    }
}
