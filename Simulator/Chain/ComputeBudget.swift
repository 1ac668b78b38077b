import Encoding
import Solana

/// What a transaction asks for in its compute budget instructions: how many units, and what it pays for each.
struct ComputeBudget: Sendable, Equatable {
    /// The most units of one transaction.
    static let unitCeiling: UInt64 = 1_400_000
    /// Lamports for each signature.
    static let signatureFee: UInt64 = 5_000

    let unitLimit: UInt64
    let microLamportsPerUnit: UInt64

    init(_ message: TransactionMessage) throws(TransactionFailure) {
        var seen: Set<UInt8> = []
        var limit: UInt64?
        var price: UInt64 = 0
        var defaultLimit: UInt64 = 0
        for (index, instruction) in message.instructions.enumerated() {
            let program = message.keys[Int(instruction.program)]
            defaultLimit += Programs.native.contains(program) ? 3_000 : 200_000
            guard program == .computeBudgetProgram else { continue }
            let index = UInt8(truncatingIfNeeded: index)  // a packet has no 256 instructions
            guard let (tag, value) = try? Self.read(instruction.data) else {
                throw .instruction(index: index, .named(.invalidInstructionData))
            }
            guard seen.insert(tag).inserted else { throw .duplicateInstruction(index) }
            if tag == 2 { limit = value }
            if tag == 3 { price = value }
        }
        self.unitLimit = min(limit ?? defaultLimit, Self.unitCeiling)
        self.microLamportsPerUnit = price
    }

    /// Tag and number of one instruction; further bytes are ignored, as the runtime does.
    private static func read(_ data: [UInt8]) throws(DecodingError) -> (tag: UInt8, value: UInt64) {
        var reader = ByteReader(data)
        let tag = try reader.byte()
        switch tag {
        case 1, 2, 4: return (tag, UInt64(try reader.little(UInt32.self)))  // 1 and 4 limit memory: ignored
        case 3: return (tag, try reader.little())
        default: throw .notCanonical
        }
    }

    /// Lamports that the fee payer pays, whatever becomes of the transaction.
    func fee(signatures: Int) -> UInt64 {
        let base = UInt64(signatures) * Self.signatureFee
        let (high, low) = self.unitLimit.multipliedFullWidth(by: self.microLamportsPerUnit)
        guard high < 1_000_000 else { return .max }
        let (quotient, remainder) = UInt64(1_000_000).dividingFullWidth((high, low))
        let (sum, overflow) = base.addingReportingOverflow(quotient)
        return overflow ? .max : sum + (remainder > 0 ? 1 : 0)
    }
}
