public import Control
internal import Devices
public import Encoding
public import Payments

/// A robot's tools, carried out in its own process. Every step can be taken again after a crash and is taken
/// once: a command by its id, a purchase by what it fetches.
public struct Toolbox: Sendable {
    let devices: DeviceDesk
    /// Nil while the keystore is locked.
    let cashier: Cashier?
    /// Whose commands they are, so that two who choose the same id give two commands; nil for whoever names
    /// them in full.
    let issuer: String?

    /// Does what is asked.
    /// - Returns: an object with a `schema`; or why not, as `refusal`, with the `rule` that forbids it, or as
    ///   `fault`, with a `reason`.
    public func perform(_ tool: Tool) async -> JSON {
        switch tool {
        case .device(let request):
            do {
                return try await self.devices.perform(self.issuer.map { request.named(by: $0) } ?? request)
            } catch {
                return DeviceAnswer.refusal(error)
            }
        case .purchase(let request):
            let result: Result<CashierAnswer, CashierFault>
            do throws(CashierFault) {
                result = .success(try await self.pay(request))
            } catch {
                result = .failure(error)
            }
            return result.json
        }
    }

    /// Does a step of a plan that is data yet.
    /// - Returns: the same; a step that cannot be read is refused in its kind's words.
    func perform(_ step: JSONField) async -> JSON {
        do {
            return await self.perform(try Tool(step))
        } catch {
            guard let name = try? step["ask"].string(), CashierRequest.names.contains(name) else {
                return DeviceAnswer.refusal(error)
            }
            let result = Result<CashierAnswer, CashierFault>.failure(
                self.cashier == nil ? .locked : .refused("\(error)"))
            return result.json
        }
    }

    /// Does what is asked with money, within the owner's policy. What was fetched is kept by who asked, who
    /// says with ``Payments/CashierRequest/Wish/received(_:receipt:)`` that he has it; until then the same
    /// fetch asks the seller for it again, and pays nothing.
    public func pay(_ request: CashierRequest) async throws(CashierFault) -> CashierAnswer {
        guard let cashier = self.cashier else { throw .locked }
        return try await cashier.perform(request)
    }
}
