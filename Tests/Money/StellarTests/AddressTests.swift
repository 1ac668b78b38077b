import Encoding
import Stellar
import Testing

@Suite struct AddressTests {
    @Test func `accounts and contracts have the known texts`() throws {
        let account = StellarAddress(try knownKey().publicKey)
        #expect(account.description == Golden.address)
        #expect(try StellarAddress(Golden.address) == account)
        #expect(account.publicKey == (try knownKey().publicKey))
        let contract = try StellarAddress(StellarNetwork.testnet.usdcContract.description)
        #expect(contract.kind == .contract && contract.publicKey == nil)
        #expect(
            Hex.encode(contract.bytes) == "5045cd5ec0729a768fd5ad02505852df4f028dce830e5ac52209ba48483b2f01")
    }

    /// Contract ids of stellar.json; circle.com publishes the same two.
    @Test func `the contract of an asset follows from code, issuer and network`() throws {
        #expect(
            StellarNetwork.testnet.usdcContract.description
                == "CBIELTK6YBZJU5UP2WWQEUCYKLPU6AUNZ2BQ4WWFEIE3USCIHMXQDAMA")
        #expect(
            StellarNetwork.pubnet.usdcContract.description
                == "CCW67TSZV3SSS2HXMBQ5JFGCKJNXKZM7UQUWUZPUTHXSTZLEO7SJMI75")
        #expect(
            StellarNetwork.testnet.usdc.contract(on: .pubnet) != StellarNetwork.testnet.usdcContract)
        #expect(StellarNetwork.pubnet.usdc.description.hasPrefix("USDC:GA5ZSEJY"))
        #expect(StellarAsset.decimals == 7)
        let issuer = try StellarAddress(Golden.payTo)
        for code in ["", "U$D", "thirteenChars", "é"] {
            #expect(StellarAsset(code: code, issuer: issuer) == nil, "\(code)")
        }
        #expect(StellarAsset(code: "USDC", issuer: StellarNetwork.testnet.usdcContract) == nil)
        #expect(StellarAsset(code: "LongerCode12", issuer: issuer) != nil)
    }

    @Test func `networks have the known ids and names`() throws {
        #expect(
            Hex.encode(StellarNetwork.testnet.id)
                == "cee0302d59844d32bdca915c8203dd44b33fbb7edc19051ea37abedf28ecd472")
        #expect(
            Hex.encode(StellarNetwork.pubnet.id)
                == "7ac33997544e3175d266bd022439b22cdb16508c01163f26e5cb2a3e1045a979")
        #expect(StellarNetwork(chainID: "stellar:pubnet") == .pubnet)
        #expect(StellarNetwork(chainID: "stellar:testnet")?.description == "stellar:testnet")
        #expect(StellarNetwork(chainID: "stellar:futurenet") == nil)
        let owner = try StellarAddress(Golden.address)
        #expect(StellarNames.account(owner, on: .testnet) == "stellar:testnet:\(Golden.address)")
        let token = StellarNames.token(StellarNetwork.pubnet.usdcContract, on: .pubnet)
        #expect(StellarNames.contract(of: token, on: .pubnet) == StellarNetwork.pubnet.usdcContract)
        #expect(StellarNames.contract(of: token, on: .testnet) == nil)
        #expect(StellarNames.contract(of: "stellar:pubnet/token:\(owner)", on: .pubnet) == nil)
        #expect(StellarNames.lumen(on: .pubnet) == "stellar:pubnet/slip44:148")
    }

    @Test func `a text has one form, and one changed character is refused`() throws {
        let good = Golden.address
        #expect(throws: DecodingError.self) { try StellarAddress(good.lowercased()) }
        #expect(throws: DecodingError.self) { try StellarAddress(good + "A") }
        #expect(throws: DecodingError.self) { try StellarAddress(String(good.dropLast())) }
        // A secret seed, a muxed account (SEP-23) and nothing.
        for other in [
            "SAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPSBF5K",
            "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK", "", "G", "é",
        ] {
            #expect(throws: DecodingError.self, "\(other)") { try StellarAddress(other) }
        }
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        for place in good.indices {
            for letter in alphabet where letter != good[place] {
                let changed = String(good[..<place]) + String(letter) + good[good.index(after: place)...]
                #expect(throws: DecodingError.self, "\(changed)") { try StellarAddress(changed) }
            }
        }
    }
}
