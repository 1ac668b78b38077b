import Encoding
import Solana
import Testing

@Suite struct TokenExtensionTests {
    private let base = Mint(authority: nil, supply: 5, decimals: 6).bytes

    private func mint(_ tail: [UInt8], kind: UInt8 = 1) throws -> TokenMint {
        let padding = [UInt8](repeating: 0, count: 165 - self.base.count)
        return try TokenMint(decoding: self.base + padding + [kind] + tail, owner: .token2022Program)
    }

    @Test func `a mint of either program is read, and of no third one`() throws {
        for program in [Address.tokenProgram, .token2022Program] {
            let mint = try TokenMint(decoding: self.base, owner: program)
            #expect(mint.mint.supply == 5 && mint.extensions.isEmpty && mint.tokenProgram == program)
        }
        #expect(throws: DecodingError.self) { try TokenMint(decoding: self.base, owner: .systemProgram) }
        let long = self.base + [UInt8](repeating: 0, count: 100)
        #expect(throws: DecodingError.self) { try TokenMint(decoding: long, owner: .tokenProgram) }
    }

    @Test func `extensions are read by type, and what is left over is room`() throws {
        let metadata: [UInt8] = [18, 0, 3, 0, 1, 2, 3]
        for tail in [metadata, metadata + [0, 0, 9, 9], metadata + [0, 0, 0]] {
            let mint = try self.mint(tail)
            #expect(mint.extensions.map(\.description) == ["MetadataPointer"] && mint.unsafeExtension == nil)
        }
        let fee = try self.mint(metadata + [1, 0, 1, 0, 7])
        #expect(fee.unsafeExtension?.description == "TransferFeeConfig")
        #expect(try self.mint([]).extensions.isEmpty)
    }

    @Test func `what is no list of extensions is refused`() throws {
        for tail in [[18, 0, 3, 0, 1, 2], [18, 0, 255, 255]] as [[UInt8]] {
            #expect(throws: DecodingError.self) { try self.mint(tail) }
        }
        // A token account is no mint, and the gap before the kind is empty.
        #expect(throws: DecodingError.self) { try self.mint([], kind: 2) }
        var data = self.base + [UInt8](repeating: 0, count: 165 - self.base.count) + [1]
        data[100] = 1
        #expect(throws: DecodingError.self) { try TokenMint(decoding: data, owner: .token2022Program) }
        #expect(throws: DecodingError.self) {
            try TokenMint(decoding: Array(data.prefix(120)), owner: .token2022Program)
        }
    }

    @Test func `an associated account of Token-2022 says that its owner never changes`() throws {
        let account = TokenAccount(mint: .devnetUSDC, owner: try address(2), amount: 7)
        let data = account.bytes + [2, 7, 0, 0, 0]
        #expect(data.count == TokenAccount.immutableOwnerByteCount)
        #expect(try TokenAccount(decoding: data, owner: .token2022Program) == account)
        #expect(try TokenAccount(decoding: account.bytes, owner: .token2022Program) == account)
        #expect(throws: DecodingError.self) { try TokenAccount(decoding: data, owner: .tokenProgram) }
        #expect(throws: DecodingError.self) {
            try TokenAccount(decoding: account.bytes, owner: .systemProgram)
        }
    }
}
