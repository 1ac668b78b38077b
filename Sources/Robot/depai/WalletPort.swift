import Console
import Control
import Database
import Home
import Ledger
import Linux
import Payments
import SystemPackage
import World

extension Home {
    /// Asks the robot that runs in this home, or does it here when none runs.
    func ask(_ request: WalletRequest, timeline: some Timeline) async throws -> WalletAnswer {
        do {
            let answer = try WalletAnswer(
                try await self.controlSocket.ask(try request.bytes))
            if let refusal = answer.refusal { throw Failure(1, refusal) }
            return answer
        } catch ControlSocket.Fault.nobodyListens {
            guard request != .challenge else {
                throw Failure(
                    Failure.unreachable, "no robot runs in this home",
                    hint: "a challenge lives as long as the robot: depai run"
                )
            }
            let lock = try self.lock()
            defer { lock.release() }
            let ledger = try self.openLedger(try self.keystore(), timeline: timeline)
            return try await WalletControl(ledger: ledger, entropy: SystemEntropy()).perform(
                request, from: .machine)
        } catch ControlSocket.Fault.brokenAnswer {
            throw Failure(
                7, "the robot hung up before it answered; it may have done what was asked",
                hint: "look before asking again: depai wallet show")
        }
    }
}
