import Foundation
import Testing

/// A conversion such as `Int64(x)` ends the program when `x` does not fit, and `x` may be a stranger's. New code
/// says `exactly:`, `clamping:` or `truncatingIfNeeded:`, or after the line why it fits: `// bounded: why`.
@Suite struct ConversionTests {
    /// Lines that were there before the rule, file by file: what they convert was looked at. The numbers may
    /// only fall.
    static let known: [String: Int] = [
        "Agent/AgentConfiguration.swift": 2,
        "Agent/AgentStore.swift": 3,
        "Agent/GridMap.swift": 6,
        "Agent/Metrics/MetricText.swift": 1,
        "Database/Connection.swift": 3,
        "Database/DurableFile.swift": 4,
        "Database/Schema.swift": 4,
        "Devices/CommandJournal.swift": 1,
        "Devices/DayHours.swift": 4,
        "Devices/FormReader.swift": 1,
        "Devices/Import/TasmotaSensors.swift": 1,
        "Devices/OutboxStore.swift": 3,
        "Devices/VDA5050/Fleet/ThingAdapter.swift": 1,
        "Devices/VDA5050/Messages/Order.swift": 2,
        "Devices/VDA5050/Messages/WireCodec.swift": 1,
        "Devices/VDA5050/Messages/WireTime.swift": 2,
        "Devices/VDA5050/Robot/Factsheet+Completing.swift": 9,
        "Devices/VDA5050/Robot/OrderShape.swift": 4,
        "Devices/VDA5050/Robot/ThingVehicle.swift": 6,
        "Encoding/Base32.swift": 4,
        "Encoding/Base58.swift": 8,
        "Encoding/Base64.swift": 11,
        "Encoding/ByteReader.swift": 1,
        "Encoding/JSON+Reading.swift": 2,
        "Encoding/JSON+Writing.swift": 2,
        "Home/Home+Place.swift": 1,
        "Home/YAMLReader.swift": 2,
        "Ledger/Asset.swift": 1,
        "Ledger/Challenges.swift": 1,
        "Ledger/Export/PostingReader.swift": 2,
        "Ledger/HeadFile.swift": 2,
        "Ledger/History.swift": 3,
        "Ledger/Journal.swift": 1,
        "Ledger/LedgerClock.swift": 2,
        "Ledger/LedgerView.swift": 4,
        "Ledger/PaymentLedger+Channels.swift": 3,
        "Ledger/PaymentLedger+Finding.swift": 4,
        "Ledger/PaymentLedger+Outcome.swift": 4,
        "Ledger/PaymentLedger+Writing.swift": 6,
        "Ledger/PaymentLedger.swift": 1,
        "Ledger/Policy+Windows.swift": 1,
        "Ledger/WindowTotals.swift": 1,
        "Linux/Clock.swift": 2,
        "Linux/CurlWeb.swift": 3,
        "Linux/Link.swift": 5,
        "Linux/MosquittoBox.swift": 1,
        "Linux/MosquittoBus.swift": 6,
        "Linux/MosquittoProperties.swift": 5,
        "Linux/SystemTimeline.swift": 2,
        "Market/Offer.swift": 1,
        "Node/NodeConfiguration.swift": 1,
        "Node/SalesBook.swift": 3,
        "Node/Shop+Channels.swift": 1,
        "Node/Shop+Storage.swift": 2,
        "Node/TopicServer.swift": 1,
        "Payments/Buyer+Channels.swift": 1,
        "Payments/Buyer+Closing.swift": 1,
        "Payments/Buyer+Ends.swift": 3,
        "Payments/Buyer+Finding.swift": 1,
        "Payments/Buyer.swift": 2,
        "Payments/CashierMessages+JSON.swift": 1,
        "Payments/ChannelSetup.swift": 3,
        "Payments/ExactScheme.swift": 3,
        "Payments/Facilitator+Channels.swift": 1,
        "Payments/MQTTAddress.swift": 2,
        "Sodium/Sealing.swift": 3,
        "Solana/Address.swift": 1,
        "Solana/ChannelAccount.swift": 1,
        "Solana/ChannelVoucher.swift": 1,
        "Solana/InstructionContent.swift": 5,
        "Solana/RPCClient+Methods.swift": 1,
        "Solana/ShortVector.swift": 3,
        "Solana/TokenAccounts.swift": 2,
        "Solana/TokenExtensions.swift": 1,
        "Solana/TransactionMessage.swift": 10,
        "Storage/StorageClient.swift": 2,
        "Wallet/Chain.swift": 7,
        "Wallet/DerivationPath.swift": 2,
        "Wallet/KeyFile.swift": 2,
        "Wallet/KeystoreSlot.swift": 4,
        "Wallet/Mnemonic.swift": 8,
        "Wallet/SecretText.swift": 1,
        "Wasm/Cursor.swift": 8,
        "Wasm/FunctionCompiler+Control.swift": 6,
        "Wasm/FunctionCompiler+Operators.swift": 5,
        "Wasm/FunctionCompiler.swift": 8,
        "Wasm/Instance.swift": 2,
        "Wasm/LinearMemory.swift": 3,
        "Wasm/Machine+Numbers.swift": 22,
        "Wasm/Machine.swift": 64,
        "Wasm/ModuleDecoder+Sections.swift": 3,
        "Wasm/ModuleDecoder.swift": 2,
        "Wasm/Operator.swift": 1,
        "Wasm/Slots.swift": 13,
        "Wasm/StepJob.swift": 2,
        "Wasm/ValueType.swift": 1,
        "World/Entropy.swift": 1,
        "depai/ChannelCommand.swift": 1,
        "depai/Doctor/HomeCheck.swift": 3,
        "depai/Options.swift": 1,
        "depai/Wallet/Address.swift": 1,
        "depai/Wallet/Consent.swift": 1,
        "depai/Wallet/Show.swift": 1,
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
