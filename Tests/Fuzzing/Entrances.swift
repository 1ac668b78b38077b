internal import Devices
internal import Encoding
internal import Glibc
internal import Home
internal import Ledger
internal import Market
internal import Payments
internal import Sodium
internal import Solana
internal import Statements
internal import Synchronization
internal import SystemPackage
internal import Wallet
internal import World

/// The doors that strangers' bytes come through as a whole: what stands behind a signature, an answer, a file.
extension Decoder {
    // MARK: Offers

    /// Any words under a kind, signed as they are: what stands behind a good signature.
    fileprivate protocol Words: Signable { init(json: JSON) }

    private struct OfferWords: Words {
        static let kind = Statement.Kind.offer
        let json: JSON
    }

    private struct BackupWords: Words {
        static let kind = Statement.Kind.backup
        let json: JSON
    }

    /// The whole message; nil for what has no canonical form.
    private static func message<Body: Words>(
        _ bytes: [UInt8], as kind: Body.Type, by key: borrowing SigningKey
    ) -> [UInt8]? {
        guard let words = try? Body(json: JSON.read(bytes)), let statement = try? words.statement,
            let signature = try? key.signature(over: statement.bytes),
            let signed = try? Signed(words, by: key.publicKey, signature)
        else { return nil }
        return try? signed.bytes
    }

    private static func key() throws -> SigningKey {
        try SigningKey(
            seed: try SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: 7, count: 32)) })
    }

    /// The bytes are the offer; the signature is right.
    static func offer(_ bytes: [UInt8]) -> String? {
        let key: SigningKey
        do { key = try Self.key() } catch { return "no key: \(error)" }
        guard let message = Self.message(bytes, as: OfferWords.self, by: key) else { return nil }
        guard let offer = try? Signed<Offer>(message, from: key.publicKey).body else { return nil }
        for bytes in [1, 1 << 20, Int.max] {
            for days in [1, 366] {
                if let price = offer.storage?.price(bytes: bytes, days: days), price > UInt64(Int64.max) {
                    return "a price is more than a ledger line holds"
                }
            }
        }
        for units in [1, 1_000_000, UInt64.max] {
            if let price = offer.compute?.price(units: units), price > UInt64(Int64.max) {
                return "a price is more than a ledger line holds"
            }
        }
        return offer.name.isPlain() ? nil : "a name steers a terminal"
    }

    // MARK: A chain's node

    /// Answers everything with the same bytes.
    private struct Parrot: Web {
        let bytes: [UInt8]

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            WebResponse(status: 200, headers: [], body: self.bytes)
        }
    }

    static func rpc(_ bytes: [UInt8]) async -> String? {
        let client = RPCClient(url: "http://node", web: Parrot(bytes: bytes))
        let address = Address.memoProgram
        _ = try? await client.genesisHash()
        _ = try? await client.slot()
        _ = try? await client.blockHeight()
        _ = try? await client.latestBlockhash()
        _ = try? await client.balance(of: address)
        _ = try? await client.tokenBalance(of: address)
        _ = try? await client.accountInfo(of: address)
        _ = try? await client.tokenMint(at: address)
        _ = try? await client.minimumBalanceForRentExemption(space: 165)
        _ = try? await client.firstAvailableBlock()
        _ = try? await client.signatures(for: address)
        _ = try? await client.signatureStatuses(of: ["a"])
        _ = try? await client.transaction("a")
        _ = try? await client.simulate([1], sigVerify: false)
        _ = try? await client.send([1])
        _ = try? await client.channels(paidBy: address)
        return nil
    }

    // MARK: Backups

    private static let folder: FilePath? = {
        var name = Array("/tmp/depai-fuzz.XXXXXX".utf8CString)
        return mkdtemp(&name).map { FilePath(String(cString: $0)) }
    }()

    /// As much of a keystore as shows whose it is.
    private static func keystore(of key: PublicKey) -> JSON {
        let keys = KeyRole.allCases.map { role -> JSON in
            [
                "role": .string(role.rawValue), "path": "m/0'",
                "public": .string(Base58.encode(key.bytes)),
            ]
        }
        let slot: JSON = [
            "kind": "passphrase", "kdf": "argon2id13", "operations": 3, "memory": 67_108_864,
            "salt": "HsCyPz1vQIF3uY8kahcgpQ==", "nonce": "rp3dOt6vYiUBmmoBog7csh4ALVf/u8PB",
            "box": "lBCv6zqAvsupfMgLVb0LHD2Aaan63LWOvsjM9cC11oinOf+RQdhkbNJi5xR9yuBy",
        ]
        return [
            "header": ["schema": "depai-keystore/1", "keys": .array(keys)], "slots": [slot],
            "nonce": "zqnYzk7hXzsTt8AXKFFb+6+GXwostHti", "box": slot["box"] ?? .null,
        ]
    }

    private static func write(_ bytes: [UInt8], to path: FilePath) -> Bool {
        guard let file = fopen(path.string, "w") else { return false }
        defer { fclose(file) }
        return fwrite(bytes, 1, bytes.count, file) == bytes.count
    }

    /// The bytes are the manifest, the signature is right; only a keystore lies beside it, and whatever it
    /// names must not be found elsewhere.
    static func backup(_ bytes: [UInt8]) -> String? {
        guard let folder else { return "no folder" }
        let key: SigningKey
        do { key = try Self.key() } catch { return "no key: \(error)" }
        let message = Self.message(bytes, as: BackupWords.self, by: key) ?? bytes
        let keystore = Array(Self.keystore(of: key.publicKey).text.utf8)
        guard Self.write(message, to: folder.appending("backup.json")),
            Self.write(keystore, to: folder.appending("keystore.json"))
        else { return "no file" }
        do {
            _ = try Backup(folder)
            return "a manifest without files is a backup"
        } catch {
            return "\(error)".utf8.count < 100_000 ? nil : "an error without end"
        }
    }

    // MARK: Statements

    /// Every framing of what is signed: as it stands, nobody has signed it.
    static func statement(_ bytes: [UInt8]) -> String? {
        if let envelope = try? DSSE(bytes), (try? DSSE(Array(envelope.json.text.utf8))) != envelope {
            return "an envelope is not written as it was read"
        }
        if let note = try? SignedNote(bytes), note.bytes != bytes {
            return "a note is not written as it was read"
        }
        _ = try? DataIntegrity(bytes, for: "assertionMethod", from: nil)
        _ = try? JWS<X402Offer>(String(decoding: bytes, as: UTF8.self), from: nil)
        _ = try? OwnerCommand(signed: bytes)
        do {
            let key = try Self.key().publicKey
            _ = try? Policy.read(bytes, owner: key, wallet: "")
        } catch {
            return "no key: \(error)"
        }
        return nil
    }

    // MARK: Announcements

    /// Pairs of lines: a topic, a payload.
    static func announcement(_ bytes: [UInt8]) -> String? {
        let lines = bytes.split(separator: 0x0a, maxSplits: 63, omittingEmptySubsequences: false)
        var messages: [Message] = []
        for index in stride(from: 0, to: lines.count - 1, by: 2) {
            guard let topic = String(validating: lines[index], as: UTF8.self) else { continue }
            messages.append(Message(topic: topic, payload: Array(lines[index + 1]), retained: true))
        }
        for convention in DiscoveryConvention.allCases {
            let found = convention.things(from: messages, base: nil, broker: "127.0.0.1:1883")
            for thing in found.things where (try? Thing(description: thing.description)) == nil {
                return "\(convention.rawValue) describes what is no thing"
            }
        }
        return nil
    }
}

extension Decoder.Words {
    static var limits: JSON.Limits { JSON.Limits() }

    init(_ field: JSONField) { self.init(json: field.value ?? .null) }
}
