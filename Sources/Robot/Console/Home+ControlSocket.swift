package import Home
package import Linux
internal import Payments
internal import SystemPackage

extension Home {
    /// Where the robot that runs in this home is asked.
    package var controlSocket: ControlSocket {
        ControlSocket(path: self.controlPath.string, byteLimit: CashierRequest.byteLimit)
    }
}
