import Foundation
import TestSupport
import Testing
import Wasm

/// Known answers kept beside the repository; skipped where they are not. Source: wasmtime 50.0.1.
@Suite struct `Shared vectors` {
    static func load(_ name: String) -> [String: Any]? {
        guard let file = Repository.vectors("compute/\(name)"), let data = try? Data(contentsOf: file)
        else { return nil }
        return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
    }

    /// Without optimisation the machine is some 50 times slower, so that the long jobs are left out.
    static var longest: UInt64 {
        #if DEBUG
            10_000_000
        #else
            .max
        #endif
    }

    @Test(.enabled(if: load("wasm_jobs.json") != nil))
    func `jobs give the known results for the known units`() throws {
        let file = try #require(Self.load("wasm_jobs.json"))
        let sources = try #require(file["modules"] as? [String: [String: Any]])
        for item in try #require(file["cases"] as? [[String: Any]]) {
            let units = try #require(item["fuel_wasmtime50"] as? NSNumber).uint64Value
            if units > Self.longest { continue }
            let name = try #require(item["module"] as? String)
            let module = try Module(bytes(try #require(sources[name]?["hex"] as? String)))
            let instance = try Instance(module, unitLimit: units)
            let function = try #require(item["function"] as? String)
            let arguments = try #require(item["args"] as? [NSNumber])
            let types = try #require(module.type(of: function)).parameters
            let values = zip(arguments, types).map { number, type in
                type == .f64 ? Value.f64(number.doubleValue.bitPattern) : .i32(number.uint32Value)
            }
            let result = try instance.call(function, values)
            #expect(result == Self.expected(of: item), "\(name).\(function)\(arguments)")
            // Also by the page: the Swift job grows by 148.
            #expect(instance.unitsUsed == units)
        }
    }

    static func expected(of item: [String: Any]) -> Value? {
        if let bits = item["result_bits"] as? String { return UInt64(bits, radix: 16).map { .f64($0) } }
        if let bits = item["result"] as? String { return UInt64(bits, radix: 16).map { .i64($0) } }
        return (item["result"] as? NSNumber).map { .i32($0.uint32Value) }
    }

    @Test(.enabled(if: load("wasm_fuel_wasmtime50.json") != nil))
    func `tiny modules cost the known fuel`() throws {
        let file = try #require(Self.load("wasm_fuel_wasmtime50.json"))
        for item in try #require(file["cases"] as? [[String: Any]]) {
            let name = try #require(item["name"] as? String)
            let fuel = try #require(item["fuel"] as? NSNumber).uint64Value
            let instance = try instance(try #require(item["wasm_hex"] as? String))
            do {
                _ = try instance.call("f", [])
                #expect(item["trap"] is NSNull, "\(name)")
            } catch {
                #expect(item["trap"] is String, "\(name)")
            }
            switch name {
            case "div_trap": #expect(instance.unitsUsed == 4)  // wasmtime says 0 on a trap; we are exact
            default: #expect(instance.unitsUsed == fuel, "\(name)")
            }
        }
    }
}
