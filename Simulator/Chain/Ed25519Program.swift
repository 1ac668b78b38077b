import Sodium
import Solana

/// The Ed25519 precompile: one or more signatures whose parts stand in the instruction's own data.
struct Ed25519Program: Program {
    /// The runtime's numbers for precompiles.
    private enum Code {
        static let signature: UInt32 = 2
        static let offsets: UInt32 = 3
        static let size: UInt32 = 4
    }

    func run(_ call: Call, in execution: inout Execution) throws(InstructionFailure) {
        let data = call.data
        guard let count = data.first, data.count >= 2 + 14 * Int(count) else { throw .custom(Code.size) }
        for place in 0..<Int(count) {
            let numbers = (0..<7).map { field in
                let at = 2 + 14 * place + 2 * field
                return Int(data[at]) | Int(data[at + 1]) << 8
            }
            // Parts in other instructions are not served here.
            guard [numbers[1], numbers[3], numbers[6]].allSatisfy({ $0 == 0xFFFF }),
                let signature = self.part(data, numbers[0], 64), let key = self.part(data, numbers[2], 32),
                let message = self.part(data, numbers[4], numbers[5])
            else { throw .custom(Code.offsets) }
            guard let key = try? Address(bytes: key).publicKey, let signature = try? Signature(signature),
                key.verifies(signature, over: message)
            else { throw .custom(Code.signature) }
        }
    }

    private func part(_ data: [UInt8], _ offset: Int, _ count: Int) -> [UInt8]? {
        offset + count <= data.count ? Array(data[offset..<offset + count]) : nil
    }
}
