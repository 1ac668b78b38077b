internal import Devices
internal import Encoding
internal import Glibc
internal import Home
internal import Market
internal import Sodium
internal import Solana
internal import Synchronization
internal import SystemPackage
internal import Wallet
internal import World

/// The doors that strangers' bytes come through as a whole: what stands behind a signature, an answer, a file.
extension Decoder {
    // MARK: Offers

    /// The bytes are the statement; the signature is right.
    static func offer(_ bytes: [UInt8]) -> String? {
        guard let statement = try? JSON.read(bytes), let body = try? statement.canonicalBytes() else {
            return nil
        }
        let (key, signature): (PublicKey, Signature)
        do {
            let secret = try SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: 7, count: 32)) }
            let signing = try SigningKey(seed: secret)
            (key, signature) = (
                signing.publicKey, try signing.signature(over: Statement(.offer, body: body).signedBytes)
            )
        } catch {
            return "no signature: \(error)"
        }
        let signed = SignedStatement.write(statement, signature: signature)
        guard let offer = try? Offer(signed: Array(signed.text.utf8), by: key) else { return nil }
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

    /// The bytes are the manifest; nothing lies beside it, and whatever it names must not be found elsewhere.
    static func backup(_ bytes: [UInt8]) -> String? {
        guard let folder else { return "no folder" }
        let file = fopen(folder.appending("backup.json").string, "w")
        guard let file else { return "no file" }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
        do {
            _ = try Backup(folder)
            return "a manifest without files is a backup"
        } catch {
            return "\(error)".utf8.count < 100_000 ? nil : "an error without end"
        }
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
