public import Encoding
public import Ledger
public import Market
public import Payments
internal import Sodium
public import Statements
public import Wasm
public import World

/// Work to be done by a WebAssembly module on an input, at most so many units.
public struct Job: Sendable, Equatable {
    /// How units are counted here: wasmtime's rule on the scalar core, with what costs time besides.
    public static let unitRule = Instance.unitRule
    /// Bytes of module and input together.
    public static let byteLimit = 1 << 20

    public let module: [UInt8]
    public let input: [UInt8]
    public let unitLimit: UInt64

    public init(module: [UInt8], input: [UInt8], unitLimit: UInt64) {
        self.module = module
        self.input = input
        self.unitLimit = unitLimit
    }

    public var moduleDigest: String { Hex.encode(SHA256.digest(of: self.module)) }
    public var inputDigest: String { Hex.encode(SHA256.digest(of: self.input)) }

    /// The job's name: BLAKE2b-256 over module digest, input digest and unit limit.
    public var id: String {
        let text = "\(Self.unitRule)\n\(self.moduleDigest)\n\(self.inputDigest)\n\(self.unitLimit)\n"
        return Hex.encode(BLAKE2b.digest(of: Array(text.utf8)))
    }

    /// The body of the request.
    public var json: JSON {
        [
            "module": .string(Base64.standard.encode(self.module)),
            "input": .string(Base64.standard.encode(self.input)),
        ]
    }

    public init(_ field: JSONField, unitLimit: UInt64) throws {
        try field.only(["module", "input"])
        self.init(
            module: try Base64.standard.decode(try field["module"].string()),
            input: try Base64.standard.decode(try field["input"].string()), unitLimit: unitLimit)
    }

    /// Runs the job here, whole. Deterministic: every machine gets the same output and the same units.
    /// - Parameter shallStop: asked every few milliseconds, on the thread that runs the job.
    /// - Throws: `ModuleError`, `JobError`.
    public func run(shallStop: (@Sendable () -> Bool)? = nil) throws -> StepJob.Outcome {
        try StepJob.run(
            try Module(self.module), input: self.input, unitLimit: self.unitLimit, shallStop: shallStop)
    }
}

/// The seller's word on what came out, `depai.compute-receipt/1`.
public struct ComputeReceipt: Sendable, Equatable {
    public static let schema = "depai.compute-receipt/1"
    public let job: String
    /// SHA-256 in hex.
    public let outputDigest: String
    public let units: UInt64
    public let steps: Int
    public let transaction: String
    /// Milliseconds since 1970.
    public let issuedAt: Int64

    public init(
        job: String, outputDigest: String, units: UInt64, steps: Int, transaction: String, issuedAt: Int64
    ) {
        self.job = job
        self.outputDigest = outputDigest
        self.units = units
        self.steps = steps
        self.transaction = transaction
        self.issuedAt = issuedAt
    }
}

extension ComputeReceipt: Signable {
    public static let kind = Statement.Kind.receipt
    public static let limits = JSON.Limits(bytes: 16 << 10, depth: 4)

    public var json: JSON {
        [
            "schema": .string(Self.schema), "job": .string(self.job), "unitRule": .string(Job.unitRule),
            "output": .string(self.outputDigest), "units": .string(String(self.units)),
            "steps": JSON(self.steps),
            "transaction": .string(self.transaction), "issuedAt": JSON(self.issuedAt),
        ]
    }

    public init(_ field: JSONField) throws {
        guard try field["schema"].string() == Self.schema else {
            throw field["schema"].fault("expected \(Self.schema)")
        }
        guard try field["unitRule"].string() == Job.unitRule else {
            throw field["unitRule"].fault("unknown rule")
        }
        self.init(
            job: try field["job"].string(), outputDigest: try field["output"].string(),
            units: try field["units"].decimal(), steps: try field["steps"].integer(),
            transaction: try field["transaction"].string(), issuedAt: try field["issuedAt"].integer())
    }
}

/// Why a bought result is not believed.
public enum ComputeError: Error, Equatable, CustomStringConvertible {
    /// The receipt is about another job.
    case otherJob(expected: String, found: String)
    /// The output is not the one that the receipt names.
    case outputDigest
    /// Our own run gives something else: the seller computed wrongly.
    case wrong(what: String, expected: String, found: String)
    case size(Int, limit: Int)
    /// This machine could not run the job itself: nothing is known about the seller.
    case noVerdict(String)

    public var description: String {
        switch self {
        case .otherJob(let expected, let found): "the receipt is for job \(found), not \(expected)"
        case .outputDigest: "the output does not match the receipt"
        case .wrong(let what, let expected, let found):
            "\(what) should be \(expected), the seller says \(found)"
        case .noVerdict(let reason): "not checked here: \(reason)"
        case .size(let size, let limit): "module and input have \(size) bytes, \(limit) are allowed"
        }
    }
}

/// The buyer's side of compute.
public enum ComputeClient {
    /// What one execution of `job` is to the books.
    public static func purchase(of job: Job) -> Purchase { Purchase(.job(job.id)) }

    /// The order that has `job` run at a provider.
    public static func order(_ job: Job, at provider: Provider, name: String, ceiling: UInt64, tries: Int = 6)
        -> Order
    {
        let url = "\(provider.url)/v1/compute?job=\(job.id)&units=\(job.unitLimit)"
        let request = WebRequest(
            "POST", url, headers: [Header("Content-Type", "application/json")],
            body: Array(job.json.text.utf8),
            timeout: .seconds(60), bodyLimit: 2 << 20)
        return Order(
            request: request, self.purchase(of: job), note: "\(name) \(provider.url)",
            ceiling: .units(ceiling), tries: tries, seller: provider.identity)
    }

    /// Reads a paid answer, `{"receipt": {…}, "output": "<base64>"}`, and re-executes the
    /// whole job.
    /// - Returns: the receipt and an output that this machine computed as well.
    /// - Throws: when anything differs from our own run; ``ComputeError/noVerdict(_:)`` when there was none.
    public static func verify(
        _ body: [UInt8], of job: Job, from provider: Provider, on runner: JobRunner, timeline: any Timeline
    ) async throws -> (receipt: ComputeReceipt, output: [UInt8]) {
        let root = JSONField(try JSON.read(body))
        let receipt = try Signed<ComputeReceipt>(root["receipt"], from: provider.identity).body
        guard receipt.job == job.id else { throw ComputeError.otherJob(expected: job.id, found: receipt.job) }
        let output = try Base64.standard.decode(try root["output"].string())
        guard Hex.encode(SHA256.digest(of: output)) == receipt.outputDigest else {
            throw ComputeError.outputDigest
        }
        let own = try await self.rerun(job, on: runner, timeline)
        guard own.output == output else {
            throw ComputeError.wrong(
                what: "the output", expected: Hex.encode(SHA256.digest(of: own.output)),
                found: receipt.outputDigest)
        }
        guard own.units == receipt.units else {
            throw ComputeError.wrong(what: "the units", expected: "\(own.units)", found: "\(receipt.units)")
        }
        return (receipt, output)
    }

    private static func rerun(
        _ job: Job, on runner: JobRunner, _ timeline: any Timeline
    ) async throws -> StepJob.Outcome {
        do {
            return try await runner.run(job, timeline: timeline)
        } catch let error as JobRunnerError {
            throw ComputeError.noVerdict("\(error)")
        } catch let error as JobError where !error.isVerdict {
            throw ComputeError.noVerdict("no memory for the job")
        } catch ModuleError.hostOutOfMemory {
            throw ComputeError.noVerdict("no memory for the module")
        }
    }
}
