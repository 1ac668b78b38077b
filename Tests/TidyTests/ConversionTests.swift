import Foundation
import Testing

/// A conversion such as `Int64(x)` ends the program when `x` does not fit, and `x` may be a stranger's. New code
/// says `exactly:`, `clamping:` or `truncatingIfNeeded:`, or after the line why it fits: `// bounded: why`.
@Suite struct ConversionTests {
    /// Lines that were there before the rule, file by file: what they convert was looked at. The numbers may
    /// only fall.
    static let known: [String: Int] = [
        "Robot/Agent/AgentConfiguration+Behaviours.swift": 2,
        "Robot/Agent/AgentStore.swift": 1,
        "Robot/Agent/Behaviours/GridMap.swift": 6,
        "Robot/Agent/Metrics/MetricText.swift": 1,
        "Ground/Database/Connection.swift": 3,
        "Ground/Database/DurableFile.swift": 4,
        "Ground/Database/Schema.swift": 4,
        "Things/Devices/CommandJournal.swift": 1,
        "Things/Devices/DayHours.swift": 4,
        "Things/Devices/FormReader.swift": 1,
        "Things/Devices/Import/TasmotaSensors.swift": 1,
        "Things/Messaging/OutboxStore.swift": 3,
        "Robot/Agent/Profiles/VDA5050Adapter.swift": 1,
        "Things/VDA5050/Messages/Order.swift": 2,
        "Things/VDA5050/Messages/WireCodec.swift": 1,
        "Things/VDA5050/Messages/WireTime.swift": 2,
        "Things/VDA5050/Robot/Factsheet+Completing.swift": 9,
        "Things/VDA5050/Robot/OrderShape.swift": 4,
        "Robot/Agent/Cell.swift": 6,
        "Ground/Encoding/Base32.swift": 4,
        "Ground/Encoding/Base58.swift": 8,
        "Ground/Encoding/Base64.swift": 11,
        "Ground/Encoding/ByteReader.swift": 1,
        "Ground/Encoding/JSON+Reading.swift": 2,
        "Ground/Encoding/JSON+Writing.swift": 2,
        "Robot/Home/Home+Place.swift": 1,
        "Robot/Home/YAMLReader.swift": 2,
        "Money/Ledger/Asset.swift": 1,
        "Money/Ledger/Challenges.swift": 1,
        "Money/Ledger/Export/PostingReader.swift": 2,
        "Money/Ledger/HeadFile.swift": 2,
        "Money/Ledger/History.swift": 3,
        "Money/Ledger/Journal.swift": 1,
        "Money/Ledger/LedgerClock.swift": 2,
        "Money/Ledger/LedgerView.swift": 4,
        "Money/Ledger/PaymentLedger+Channels.swift": 3,
        "Money/Ledger/PaymentLedger+Finding.swift": 4,
        "Money/Ledger/PaymentLedger+Outcome.swift": 4,
        "Money/Ledger/PaymentLedger+Writing.swift": 6,
        "Money/Ledger/PaymentLedger.swift": 1,
        "Money/Ledger/Policy+Windows.swift": 1,
        "Money/Ledger/WindowTotals.swift": 1,
        "Ground/Linux/Clock.swift": 2,
        "Ground/Linux/Link.swift": 5,
        "Ground/Linux/MosquittoBox.swift": 1,
        "Ground/Linux/MosquittoBus.swift": 6,
        "Ground/Linux/MosquittoProperties.swift": 5,
        "Ground/Linux/SystemTimeline.swift": 2,
        "Trade/Market/Offer.swift": 1,
        "Money/Rails/SellingSettings.swift": 1,
        "Provider/Node/SalesBook.swift": 3,
        "Provider/Node/Shop+Channels.swift": 1,
        "Provider/Node/Shop+Storage.swift": 2,
        "Provider/Node/TopicServer.swift": 1,
        "Money/Rails/Solana/SolanaRail+Channels.swift": 1,
        "Money/Rails/Solana/SolanaRail+Closing.swift": 1,
        "Money/Rails/Solana/SolanaRail+Recovery.swift": 1,
        "Money/Rails/Solana/ChannelSetup.swift": 3,
        "Money/Rails/Solana/ExactScheme.swift": 3,
        "Money/Rails/Solana/Facilitator+Channels.swift": 1,
        "Money/Payments/MQTTAddress.swift": 2,
        "Ground/Sodium/Sealing.swift": 3,
        "Money/Solana/Address.swift": 1,
        "Money/Solana/ChannelAccount.swift": 1,
        "Money/Solana/ChannelVoucher.swift": 1,
        "Money/Solana/InstructionContent.swift": 5,
        "Money/Solana/RPCClient+Methods.swift": 1,
        "Money/Solana/ShortVector.swift": 3,
        "Money/Solana/TokenAccounts.swift": 2,
        "Money/Solana/TokenExtensions.swift": 1,
        "Money/Solana/TransactionMessage.swift": 10,
        "Trade/Storage/StorageClient.swift": 2,
        "Money/Wallet/Chain.swift": 4,
        "Money/Wallet/DerivationPath.swift": 2,
        "Money/Wallet/KeyFile.swift": 2,
        "Money/Wallet/KeystoreSlot.swift": 4,
        "Money/Wallet/Mnemonic.swift": 8,
        "Money/Wallet/SecretText.swift": 1,
        "Ground/Wasm/Cursor.swift": 8,
        "Ground/Wasm/FunctionCompiler+Control.swift": 6,
        "Ground/Wasm/FunctionCompiler+Operators.swift": 5,
        "Ground/Wasm/FunctionCompiler.swift": 8,
        "Ground/Wasm/Instance.swift": 2,
        "Ground/Wasm/LinearMemory.swift": 3,
        "Ground/Wasm/Machine+Numbers.swift": 22,
        "Ground/Wasm/Machine.swift": 64,
        "Ground/Wasm/ModuleDecoder+Sections.swift": 3,
        "Ground/Wasm/ModuleDecoder.swift": 2,
        "Ground/Wasm/Operator.swift": 1,
        "Ground/Wasm/Slots.swift": 13,
        "Ground/Wasm/StepJob.swift": 2,
        "Ground/Wasm/ValueType.swift": 1,
        "Ground/World/Entropy.swift": 1,
        "Robot/depai/ChannelCommand.swift": 1,
        "Robot/depai/Doctor/HomeCheck.swift": 3,
        "Robot/depai/Options.swift": 1,
        "Robot/depai/Wallet/Address.swift": 1,
        "Robot/depai/Wallet/Consent.swift": 1,
        "Robot/depai/Wallet/Show.swift": 1,
    ]

    /// Looks at lines. Made once, for expressions take their time.
    struct Reader {
        private let conversion: NSRegularExpression
        private let harmless: NSRegularExpression
        private let optional: NSRegularExpression

        init() throws {
            self.conversion = try NSRegularExpression(
                pattern: #"\b(?:U?Int(?:8|16|32|64)?)\((?!exactly:|truncatingIfNeeded:|clamping:|"#
                    + #"bitPattern:|ascii:|littleEndian:|bigEndian:)"#)
            // Literals, constants of C, and what counts something that is in memory.
            self.harmless = try NSRegularExpression(
                pattern: #"\b(?:U?Int(?:8|16|32|64)?)\((?:[0-9][0-9_a-fx]*\)|"#
                    + #"[A-Z][A-Z0-9_]+(?:\.rawValue)?\)|[\w.\[\]$]*\.count\)|crypto_\w+\)|row\.integer\()"#)
            // A text becomes an optional number.
            self.optional = try NSRegularExpression(
                pattern: #"if let|guard let|flatMap|\?\?|guard case"#)
        }

        func count(_ line: String) -> Int {
            guard line.contains("Int"), !line.contains("// bounded:") else { return 0 }
            let text = line.components(separatedBy: "//").first ?? ""
            let code = self.harmless.stringByReplacingMatches(
                in: text, range: Self.all(of: text), withTemplate: "")
            guard self.optional.firstMatch(in: text, range: Self.all(of: text)) == nil else { return 0 }
            return self.conversion.numberOfMatches(in: code, range: Self.all(of: code))
        }

        private static func all(of text: String) -> NSRange { NSRange(location: 0, length: text.utf16.count) }
    }

    @Test func `a number that does not fit ends nothing`() throws {
        let reader = try Reader()
        var findings: [String] = []
        for file in TidyTests.files where file.path.hasPrefix("Sources/") {
            let counts = file.lines.map { reader.count($0) }
            let (found, known) = (counts.reduce(0, +), Self.known[String(file.path.dropFirst(8)), default: 0])
            guard found > known else { continue }
            findings.append("\(file.path): \(found) conversions that trap, \(known) are known")
            for (index, count) in counts.enumerated() where count > 0 {
                findings.append("    \(index + 1): \(file.lines[index].trimmed)")
            }
        }
        #expect(
            findings.isEmpty,
            "say exactly:, clamping: or // bounded: why\n\(findings.joined(separator: "\n"))")
    }

    @Test func `the reader sees what it looks for`() throws {
        let reader = try Reader()
        for (line, count) in [
            ("let a = Int64(b)", 1), ("UInt8(x) + Int(y)", 2), ("Int64(exactly: b)", 0),
            ("UInt64(bytes.count)", 0),
            ("UInt32(0x7f)", 0), ("Int(b) // bounded: a page", 0), ("// Int(b)", 0),
            ("guard let n = Int(text)", 0),
            ("Int32(SOCK_STREAM.rawValue)", 0), ("MyInt(x)", 0),
        ] {
            #expect(reader.count(line) == count, "\(line)")
        }
    }
}
