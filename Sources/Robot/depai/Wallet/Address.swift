public import ArgumentParser
import CQREncode
import Console
import Encoding
import Home
import Sodium
import SystemPackage
public import Wallet

extension Chain: ExpressibleByArgument {}

extension WalletCommand {
    struct Address: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The address that money is sent to, as a chain writes it.",
            discussion: "With --mnemonic-file it needs no home: it shows what the words lead to.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        @Option(help: "solana, autonomys, substrate, peaq, robonomics, near, stellar, sui or did.")
        var chain = Chain.solana

        @Option(help: "Number of the account below the words, from 0.")
        var account: UInt32 = 0

        @OptionGroup var words: WordsOption

        @Flag(help: "Show a QR code, too.")
        var qr = false

        func run() async throws {
            let path: DerivationPath
            do {
                path = try self.chain.path(account: self.account)
            } catch {
                throw Failure(2, "\(error)")
            }
            let address = self.chain.address(of: try self.key(path))
            guard !self.output.json else {
                return Terminal.out([
                    "schema": "depai.address/1", "chain": .string(self.chain.rawValue),
                    "path": .string(path.description), "address": .string(address),
                ])
            }
            if self.qr { Terminal.out(try QRCode(address).text) }
            Terminal.out(address)
        }

        private func key(_ path: DerivationPath) throws -> PublicKey {
            if self.words.mnemonicFile != nil {
                return try self.words.seed(of: try self.words.mnemonic()).publicKey(at: path)
            }
            let keystore = try self.home.home.keystore()
            guard self.account == 0, let role = self.chain.storedRole, let key = keystore.keys[role] else {
                throw Failure(
                    2, "the keystore holds account 0 only",
                    hint: "derive others from the words: --mnemonic-file FILE")
            }
            return key
        }
    }
}

/// A QR code in half blocks: two modules per character, four light ones around it, as ISO 18004 asks.
struct QRCode {
    private let side: Int
    private let modules: [Bool]

    init(_ text: String) throws {
        // Mixed case needs the byte mode; level M survives a scratched screen.
        guard let code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1) else {
            throw Failure(1, "the text does not fit into a QR code")
        }
        defer { QRcode_free(code) }
        let side = Int(code.pointee.width)
        self.side = side
        self.modules = (0..<side * side).map { code.pointee.data[$0] & 1 == 1 }
    }

    private func isDark(_ row: Int, _ column: Int) -> Bool {
        (0..<self.side).contains(row) && (0..<self.side).contains(column)
            && self.modules[row * self.side + column]
    }

    var text: String {
        let quiet = 4
        return stride(from: -quiet, to: self.side + quiet, by: 2).map { row in
            let line = (-quiet..<self.side + quiet).map { column in
                switch (self.isDark(row, column), self.isDark(row + 1, column)) {
                case (true, true): "█"
                case (true, false): "▀"
                case (false, true): "▄"
                case (false, false): " "
                }
            }.joined()
            // Dark on light whatever the terminal's own colours are. Without colours a light terminal is
            // assumed, as on paper.
            return Terminal.hasColours ? "\u{1b}[38;5;16;48;5;231m\(line)\u{1b}[0m" : line
        }.joined(separator: "\n")
    }
}
