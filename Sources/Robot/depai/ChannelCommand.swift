import ArgumentParser
import Console
import Encoding
import Home
import Ledger
import Payments

/// Money in escrow: many payments for one transaction.
struct ChannelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channel", abstract: "Payment channels: deposits that many small payments draw on.",
        subcommands: [Open.self, List.self, Recover.self, Close.self], defaultSubcommand: List.self)

    struct Open: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open a channel with a seller, and fetch the first resource from it.",
            discussion:
                "The seller is whoever asks for money at the URL. --deposit says how much is escrowed.")
        @OptionGroup var pay: PayCommand

        func validate() throws {
            guard self.pay.deposit != nil else { throw ValidationError("how much? give --deposit") }
        }

        func run() async throws { try await self.pay.run() }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All channels, newest first.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @Flag(help: "Closed ones, too.") var all = false

        func run() async throws {
            let channels = try self.home.home.viewLedger().channels().filter {
                self.all || $0.state != .closed
            }
            guard !self.output.json else {
                return Terminal.out(["schema": "depai.channels/1", "channels": .array(channels.map(\.json))])
            }
            var table = Table(.left, .left, .right, .right, .right, .left)
            table.head("channel", "state", "deposit", "spent", "left", "payee")
            for channel in channels {
                let asset = channel.asset
                table.add(
                    (channel.id, nil), (channel.state.rawValue, channel.state == .open ? .green : .yellow),
                    (asset.decimal(channel.deposit), nil),
                    (asset.decimal(Int64(clamping: channel.spent)), nil),
                    (asset.text(UInt64(max(0, channel.free))), .bold),
                    (channel.payee.split(separator: ":").last.map(String.init) ?? channel.payee, nil))
            }
            Terminal.out(channels.isEmpty ? "no channels" : table.text)
        }
    }

    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask the seller to close a channel; the rest of the deposit comes back.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @Argument(help: "The channel's address, as \"depai channel list\" shows it.") var channel: String
        @Flag(
            help: """
                Without the seller: the chain closes it after the seller's grace period; run this again \
                then. The wallet's sponsor address pays the fees.
                """)
        var force = false
        @Option(help: "Where the seller is asked, when that was lost with the ledger: any URL of it.")
        var at: String?
        @OptionGroup var chain: ChainOptions

        func run() async throws {
            let answer = try await self.chain.perform(
                .close(channel: self.channel, force: self.force, at: self.at), in: self.home.home)
            guard case .closing(let closing, let asset) = answer else {
                throw Failure(1, "the robot answered something else", hint: "are both of one version?")
            }
            switch closing {
            case .closing(let until):
                let text = rfc3339(until * 1_000)
                guard self.output.json else {
                    return Terminal.out("closing; run this again after \(text)")
                }
                Terminal.out([
                    "schema": "depai.channel/1", "channel": .string(self.channel), "state": "closing",
                    "until": .string(text),
                ])
            case .refused(let reason):
                throw Failure(
                    9, "the channel is not closed: \(reason)",
                    hint: "the money is where it was; try again, or without the seller: --force")
            case .closed(let redeemed, let returned, let transaction):
                guard self.output.json else {
                    return Terminal.out(
                        "\(asset.text(redeemed)) went to the seller, \(asset.text(returned)) came back")
                }
                Terminal.out([
                    "schema": "depai.channel/1", "channel": .string(self.channel), "state": "closed",
                    "redeemed": .string(String(redeemed)), "returned": .string(String(returned)),
                    "transaction": .string(transaction),
                ])
            }
        }
    }
}

extension ChannelCommand {
    struct Recover: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find channels of this wallet on the chain that a lost ledger knew of.",
            discussion: """
                What is found is booked: the deposit as money of the owner's, what is settled as spent. \
                Nothing more is spent from it. "depai channel close ID --at URL" asks the seller for the \
                rest, "--force" gets it from the chain.
                """)
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @OptionGroup var chain: ChainOptions

        func run() async throws {
            guard case .findings(let findings) = try await self.chain.perform(.recover, in: self.home.home)
            else {
                throw Failure(1, "the robot answered something else", hint: "are both of one version?")
            }
            let view = try self.home.home.viewLedger()
            guard !self.output.json else {
                return Terminal.out([
                    "schema": "depai.channels/1",
                    "channels": .array(try findings.compactMap { try view.channel($0.channel)?.json }),
                    "left": .array(
                        findings.filter { $0.outcome == .left }.map {
                            ["channel": .string($0.channel), "reason": .string($0.reason)]
                        }),
                ])
            }
            var table = Table(.left, .left, .right, .right, .left)
            table.head("channel", "found", "deposit", "spent", "payee or why not")
            for finding in findings {
                guard finding.outcome != .left, let record = try view.channel(finding.channel) else {
                    table.add(
                        (finding.channel, nil), ("not booked", .red), ("", nil), ("", nil),
                        (finding.reason, nil))
                    continue
                }
                table.add(
                    (record.id, nil), (finding.outcome.rawValue, finding.outcome == .booked ? .green : nil),
                    (record.asset.decimal(record.deposit), nil),
                    (record.asset.decimal(Int64(clamping: record.spent)), nil), (record.payee, nil))
            }
            Terminal.out(findings.isEmpty ? "the chain shows no channels of this wallet" : table.text)
        }
    }
}

extension ChannelRecord {
    fileprivate var json: JSON {
        [
            "channel": .string(self.id), "state": .string(self.state.rawValue), "payee": .string(self.payee),
            "asset": .string(self.asset.id), "deposit": .string(String(self.deposit)),
            "spent": .string(String(self.spent)), "free": .string(String(self.free)),
            "reserved": .string(String(self.reserved)), "openedAt": .integer(self.openedAt),
        ]
    }
}
