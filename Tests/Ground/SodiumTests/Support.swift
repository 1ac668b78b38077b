import Encoding
import Sodium

/// Secret bytes for a test.
func secret(_ bytes: [UInt8]) throws(SodiumError) -> SecretBytes {
    try SecretBytes(count: bytes.count) { $0.copyBytes(from: bytes) }
}

func secret(hex: String) throws -> SecretBytes { try secret(try Hex.decode(hex)) }

/// What no other code may do: the bytes of a secret.
func revealed(_ secret: borrowing SecretBytes) -> [UInt8] { secret.withBytes { Array($0) } }

func signature(hex: String) throws -> Signature { try Signature(try Hex.decode(hex)) }
