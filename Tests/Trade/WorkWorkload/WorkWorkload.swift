import Compute
import Encoding
import Glibc
import Sodium
import Storage
import SystemPackage
import Wasm

/// The runtime's own part of what is bought, for the benchmarks:
///
///     depai-work units MODULE SECONDS   runs the route job over an empty map of 512 by 512 cells;
///                                       prints metered units per second
///     depai-work store SECONDS          seals 4 MiB, cuts them into objects and names each;
///                                       prints megabytes per second
@main
struct WorkWorkload {
    static func main() throws {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "units" where arguments.count == 4:
            let module = try FileDescriptor.open(FilePath(arguments[2]), .readOnly).readAll()
            let job = Job(module: module, input: self.emptyMap(512), unitLimit: .max)
            self.say(try self.rate(seconds: arguments[3]) { Double(try job.run().units) })
        case "store" where arguments.count == 3:
            let key = try SecretBytes(count: SecretStream.keyBytes) { $0.copyBytes(from: Array(0..<32)) }
            let bytes = [UInt8](repeating: 7, count: 4 << 20)
            let rate = try self.rate(seconds: arguments[2]) {
                let sealed = try SecretStream.seal(bytes, key: key)
                for start in stride(from: 0, to: sealed.count, by: StoredObject.byteLimit) {
                    let end = min(start + StoredObject.byteLimit, sealed.count)
                    let object = try StoredObject(Array(sealed[start..<end]))
                    guard object.root.count == 32 else { exit(1) }
                }
                return Double(bytes.count)
            }
            self.say(rate / 1e6)
        default:
            _ = try? FileDescriptor.standardError.writeAll(
                "usage: depai-work units MODULE SECONDS | store SECONDS\n".utf8)
            exit(2)
        }
    }

    /// How much of it a second brings.
    private static func rate(seconds: String, _ work: () throws -> Double) throws -> Double {
        let span = Duration.seconds(Int(seconds) ?? 1)
        _ = try work()
        let start = ContinuousClock.now
        var done = 0.0
        while ContinuousClock.now - start < span { done += try work() }
        return done / ((ContinuousClock.now - start) / .seconds(1))
    }

    /// The route job's input: from one corner to the other.
    private static func emptyMap(_ side: Int) -> [UInt8] {
        let numbers = [side, side, 0, 0, side - 1, side - 1, 1_000, 0]
        return Array("RTE1".utf8) + numbers.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
            + [UInt8](repeating: 0, count: side * side)
    }

    private static func say(_ rate: Double) {
        _ = try? FileDescriptor.standardOutput.writeAll("\(Int(rate))\n".utf8)
    }
}

extension FileDescriptor {
    fileprivate func readAll() throws -> [UInt8] {
        defer { try? self.close() }
        var bytes: [UInt8] = []
        while true {
            let part = try [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                count = try self.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
            if part.isEmpty { return bytes }
            bytes += part
        }
    }
}
