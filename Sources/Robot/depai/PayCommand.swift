import ArgumentParser
import Console
import Database
import Encoding
import Ledger
import Payments
import Statements
import SystemPackage
import Wallet
import World

struct PayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pay", abstract: "Fetch a resource, and pay for it if it costs money (x402).",
        discussion: """
            The answer goes to standard output, what was paid to standard error. What may be paid is the \
            owner's policy, for the purpose "service". If the outcome is not known, the same command again \
            goes on with the same payment and makes no other; after an answer it buys anew. While a robot \
            runs in the home, the robot pays.
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var output: OutputOption

    @Argument(
        help: """
            http, https, or mqtt and mqtts for a seller on a broker: mqtt://BROKER/NODE/PATH. The \
            configuration's broker is entered as the robot would, any other one without a name.
            """)
    var url: String

    @Option(name: [.customShort("X"), .long], help: "GET, or POST when there is a body.")
    var method: String?

    @Option(help: "The body: a file, or - for standard input.") var body: String?

    @Option(name: [.customShort("d"), .long], help: "The body itself, as text.") var data: String?

    @Option(name: [.customShort("H"), .long], help: "A header of the request: \"Name: value\".")
    var header: [String] = []

    @Option(help: "The most to pay, in whole units of the asset: 0.05. The policy's limits hold as well.")
    var max: String?

    @Option(
        help: """
            Pay from a payment channel: put so much into escrow, in whole units, unless one of the seller is \
            open and has enough. What is left comes back with "depai channel close".
            """)
    var deposit: String?

    @Option(help: "The seller's did:key, as it was made known: a price that it did not sign is refused.")
    var seller: String?

    @Option(help: "The longest answer that is taken, in MiB; through a running robot 4 at most.")
    var maxSize = 16

    @OptionGroup var chain: ChainOptions

    @Flag(help: "Show what would be signed, and sign nothing.") var dryRun = false

    @Flag(help: "Book an earlier payment for this request that was never answered as a loss, and pay again.")
    var anew = false

    func validate() throws {
        guard self.max.map({ Self.probe.atomic($0) != nil }) ?? true else {
            throw ValidationError("--max is an amount such as 0.05")
        }
        guard self.deposit.map({ Self.probe.atomic($0) != nil }) ?? true else {
            throw ValidationError("--deposit is an amount such as 1.00")
        }
        guard (1...512).contains(self.maxSize) else { throw ValidationError("--max-size is 1 to 512 MiB") }
        guard self.body == nil || self.data == nil else { throw ValidationError("give --body or --data") }
        guard self.seller.map({ DIDKey.key($0) != nil }) ?? true else {
            throw ValidationError("--seller is a did:key of an Ed25519 key")
        }
        guard self.header.allSatisfy({ $0.contains(":") }) else {
            throw ValidationError("--header is \"Name: value\"")
        }
    }

    /// Takes any number of places that some asset could have.
    private static let probe = Asset(id: "", symbol: "", decimals: 18)

    func run() async throws {
        let fetch = Fetch(
            try self.request(), max: self.max, deposit: self.deposit,
            seller: self.seller.flatMap { DIDKey.key($0) }, isDry: self.dryRun, anew: self.anew)
        try await self.chain.perform(.fetch(fetch), in: self.home.home) { answer in
            try PaymentReport(json: self.output.json).show(answer)
            try Terminal.checkOutput()
        }
    }

    private func request() throws -> WebRequest {
        let body: [UInt8] =
            switch self.body {
            case nil: Array((self.data ?? "").utf8)
            case "-": try Self.standardInput()
            case .some(let file): try DurableFile.read(FilePath(file), limit: Self.bodyLimit)
            }
        let headers = self.header.map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return Header(String(parts[0]), String(parts[1].drop { $0 == " " }))
        }
        return WebRequest(
            self.method?.uppercased() ?? (self.body == nil && self.data == nil ? "GET" : "POST"),
            try Self.ascii(self.url), headers: headers, body: body, bodyLimit: self.maxSize << 20,
            headerLimit: Self.headerLimit)
    }

    /// A URL as it goes over the wire: what a person writes outside of ASCII, and spaces, percent-encoded.
    static func ascii(_ url: String) throws -> String {
        let scheme = url.firstPlace(of: "://")?.upperBound ?? url.startIndex
        let host = url[scheme...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard host.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw Failure(
                2, "the host \(String(host).plain()) is not in its form for the wire",
                hint: "write its ASCII form, which begins with xn--")
        }
        return Percent.encode(url) { (0x21..<0x7f).contains($0) }
    }

    /// The largest body that is sent, in bytes.
    private static let bodyLimit = 16 << 20
    /// Of a paid answer, in bytes: receipts and signatures stand in it.
    private static let headerLimit = 256 << 10

    private static func standardInput() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try chunk.withUnsafeMutableBytes { try FileDescriptor.standardInput.read(into: $0) }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= Self.bodyLimit else {
                throw Failure(2, "the body is longer than \(Self.bodyLimit >> 20) MiB")
            }
            bytes += chunk[..<count]
        }
    }
}
