import Encoding
import Sodium
import Solana
import TestSupport
import Testing

@Suite struct AddressTests {
    @Test(
        arguments: [
            // reference/payments.md section 5, from the text of compact-u16 in the Solana documentation.
            (0, "00"), (127, "7f"), (128, "8001"), (255, "ff01"), (256, "8002"), (16_383, "ff7f"),
            (16_384, "808001"),
            (65_535, "ffff03"),
        ] as [(UInt16, String)])
    func `a length has one short-vector form`(value: UInt16, hex: String) throws {
        #expect(Hex.encode(ShortVector.encode(value)) == hex)
        var reader = ByteReader(try Hex.decode(hex))
        #expect(try ShortVector.decode(from: &reader) == value)
        #expect(reader.remaining == 0)
    }

    @Test(arguments: ["8000", "808000", "ff8000", "808004", "ffff04", "80808001", "ffffff01", "80", ""])
    func `other short-vector forms are refused`(hex: String) throws {
        var reader = ByteReader(try Hex.decode(hex))
        #expect(throws: DecodingError.self) { try ShortVector.decode(from: &reader) }
    }

    @Test func `every length survives the round trip`() throws {
        for value in UInt16.min...UInt16.max {
            var reader = ByteReader(ShortVector.encode(value))
            #expect(try ShortVector.decode(from: &reader) == value)
        }
    }

    @Test func `an address is 32 bytes in Base58`() throws {
        #expect(Address.systemProgram.bytes == [UInt8](repeating: 0, count: 32))
        #expect(Address.systemProgram.description == "11111111111111111111111111111111")
        let text = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
        #expect(try Address(text).description == text)
        #expect(throws: DecodingError.self) { try Address("1111111111111111111111111111111") }
        #expect(throws: DecodingError.self) { try Address(text + "A") }
        #expect(throws: DecodingError.self) { try Address(text.replacing("T", with: "0")) }
        #expect(throws: DecodingError.self) { try Address("") }
        #expect(throws: DecodingError.self) { try Address(bytes: [1]) }
    }

    @Test func `addresses sort like their bytes`() throws {
        var random = Seeded(7)
        for _ in 0..<500 {
            let bytes = (0..<2).map { _ in (0..<32).map { _ in UInt8.random(in: 0...2, using: &random) } }
            let (left, right) = (try Address(bytes: bytes[0]), try Address(bytes: bytes[1]))
            #expect((left < right) == bytes[0].lexicographicallyPrecedes(bytes[1]))
            #expect(left.bytes == bytes[0])
        }
    }

    @Test func `a program address takes the first bump off the curve`() throws {
        // The event authority of solana-foundation/payment-channels; its IDL and find_program_address of
        // solders 0.29.0.
        let derived = Address.programDerived(
            seeds: [Array("event_authority".utf8)], program: .paymentChannelsProgram)
        #expect(derived?.address.description == "75c2huVzDW1Eq4kD86by5392sjdJzuAT195XNgP2f2tX")
        #expect(derived?.bump == 249)
        #expect(derived?.address.publicKey == nil)
        #expect(
            Address.programDerived(seeds: [[UInt8](repeating: 0, count: 33)], program: .tokenProgram) == nil)
        #expect(
            Address.programDerived(seeds: Array(repeating: [1], count: 16), program: .tokenProgram) == nil)
    }

    @Test func `the associated token account is where wallets look for it`() throws {
        // find_program_address of solders 0.29.0 for the owner with seed 12 and devnet USDC.
        let robot = try address(12)
        #expect(robot.description == "mBKqcnGotbsSb5vNrdyhzZ5EhqZdids9QYiTRckvi7v")
        #expect(
            Address.associatedToken(owner: robot, mint: .devnetUSDC).description
                == "4MccG4m8V1kGXsHTzH1mHCpeZWCda5y16UdchiWVAAkU")
        #expect(
            Address.associatedToken(owner: robot, mint: .devnetUSDC, tokenProgram: .token2022Program)
                != Address.associatedToken(owner: robot, mint: .devnetUSDC))
    }

    @Test func `networks have their CAIP-2 ids`() {
        #expect(Network.mainnet.chainID == "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp")
        #expect(Network.devnet.chainID == "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1")
        #expect(Network.testnet.chainID == "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z")
        #expect(Network(chainID: "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1") == .devnet)
        #expect(Network(chainID: "eip155:8453") == nil)
    }

    @Test func `account layouts survive the round trip`() throws {
        // A mint with freeze authority and its token account, as solders 0.29.0 (LiteSVM) left them.
        let mintHex =
            "010000008a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
            + "0000000000000000000101000000"
            + "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"
        let mint = try Mint(decoding: Hex.decode(mintHex))
        #expect(mint.authority == (try address(1)))
        #expect(mint.freezeAuthority == (try address(2)))
        #expect(mint.decimals == 0 && mint.supply == 0 && mint.isInitialized)
        #expect(Hex.encode(mint.bytes) == mintHex)

        var account = TokenAccount(mint: .devnetUSDC, owner: try address(2), amount: 7)
        account.delegate = try address(3)
        account.delegatedAmount = 5
        account.nativeReserve = 9
        account.closeAuthority = try address(4)
        account.state = .frozen
        #expect(account.bytes.count == 165)
        #expect(try TokenAccount(decoding: account.bytes) == account)
        #expect(account.bytes[64] == 7 && account.bytes[108] == 2)
        #expect(throws: DecodingError.self) { try TokenAccount(decoding: account.bytes + [0]) }
        #expect(throws: DecodingError.self) { try Mint(decoding: [UInt8](repeating: 2, count: 82)) }
    }
}
