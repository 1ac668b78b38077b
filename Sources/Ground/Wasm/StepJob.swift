/// Runs a module that does its work in steps, so that the work can be metered and checked piece by piece.
///
/// The module exports `alloc(i32) -> i32` (room for the input), `start(address, length) -> i32` (0, or a code
/// that refuses the input), `step(index) -> i32` (0 more, 1 done, else failed) and `output() -> i64` (address
/// in the upper, length in the lower 32 bits).
public struct StepJob {
    /// Largest output that is read, in bytes.
    public static let outputLimit = 1 << 20

    private let instance: Instance
    private let shallStop: (@Sendable () -> Bool)?

    /// What a finished job gives.
    public struct Outcome: Sendable, Hashable {
        /// The bytes that the job wrote.
        public let output: [UInt8]
        /// Units of all calls together.
        public let units: UInt64
        /// Calls of `step`.
        public let steps: Int

        /// An outcome from its parts, for those who replay one.
        public init(output: [UInt8], units: UInt64, steps: Int) {
            self.output = output
            self.units = units
            self.steps = steps
        }
    }

    /// Runs a job from input to output. Synchronous: the caller's thread is busy until it ends.
    ///
    /// - Parameters:
    ///   - stepLimit: calls of `step` before the job counts as failed.
    ///   - shallStop: asked between steps and every few million units, on the thread that runs the job.
    /// - Throws: ``JobError/trapped(_:units:)`` with ``Trap/hostOutOfMemory`` or ``Trap/interrupted`` when
    ///   there is no verdict about the job.
    public static func run(
        _ module: Module, input: [UInt8], unitLimit: UInt64, stepLimit: Int = 100_000,
        shallStop: (@Sendable () -> Bool)? = nil
    ) throws(JobError) -> Outcome {
        let job: StepJob
        do {
            let instance = try Instance(prepared: module, unitLimit: unitLimit, shallStop: shallStop)
            job = StepJob(instance: instance, shallStop: shallStop)
        } catch {
            throw .trapped(error, units: 0)
        }
        do {
            try job.instance.initialize()
        } catch {
            throw .trapped(error, units: job.instance.unitsUsed)
        }
        try job.start(input)
        let steps = try job.takeSteps(limit: stepLimit)
        let output = try job.readOutput()
        return Outcome(output: output, units: job.instance.unitsUsed, steps: steps)
    }

    private func start(_ input: [UInt8]) throws(JobError) {
        guard let length = UInt32(exactly: input.count), length <= UInt32(Int32.max) else {
            throw .inputTooLarge(bytes: input.count)
        }
        let address = try self.word("alloc", [.i32(length)])
        do {
            try self.instance.write(input, at: address)
        } catch {
            throw .noRoomForInput(bytes: input.count)
        }
        let code = try self.word("start", [.i32(address), .i32(length)])
        guard code == 0 else { throw .refused(code: code) }
    }

    private func takeSteps(limit: Int) throws(JobError) -> Int {
        var steps = 0
        while steps < limit {
            if self.shallStop?() == true { throw .trapped(.interrupted, units: self.instance.unitsUsed) }
            let answer = try self.word("step", [.i32(UInt32(truncatingIfNeeded: steps))])
            steps += 1
            switch answer {
            case 0: continue
            case 1: return steps
            default: throw .failed(code: answer, steps: steps, units: self.instance.unitsUsed)
            }
        }
        throw .stepLimit(limit)
    }

    private func readOutput() throws(JobError) -> [UInt8] {
        guard case .i64(let place) = try self.call("output", []) else { throw .wrongInterface("output") }
        let length = Int(place & 0xffff_ffff)
        guard length <= Self.outputLimit else {
            throw .outputTooLarge(limit: Self.outputLimit, actual: length)
        }
        do {
            return try self.instance.read(at: UInt32(place >> 32), count: length)
        } catch {
            throw .outputOutOfBounds
        }
    }

    private func word(_ name: String, _ arguments: [Value]) throws(JobError) -> UInt32 {
        guard case .i32(let word) = try self.call(name, arguments) else { throw .wrongInterface(name) }
        return word
    }

    private func call(_ name: String, _ arguments: [Value]) throws(JobError) -> Value? {
        do {
            return try self.instance.call(name, arguments)
        } catch {
            switch error {
            case .noSuchExport, .argumentMismatch: throw .wrongInterface(name)
            default: throw .trapped(error, units: self.instance.unitsUsed)
            }
        }
    }
}

/// Why a job has no output.
public enum JobError: Error, Equatable {
    /// The module lacks this function, or its type is another.
    case wrongInterface(String)
    /// The run trapped; `units` were used until then.
    case trapped(Trap, units: UInt64)
    /// The input is longer than an address can say.
    case inputTooLarge(bytes: Int)
    /// `alloc` named a place outside the memory.
    case noRoomForInput(bytes: Int)
    /// `start` refused the input, with its own code.
    case refused(code: UInt32)
    /// A step answered neither "more" nor "done"; for the job "route" 2 means that there is no route.
    case failed(code: UInt32, steps: Int, units: UInt64)
    /// Not done after so many steps.
    case stepLimit(Int)
    /// `output` named a place outside the memory.
    case outputOutOfBounds
    /// The output is longer than `StepJob.outputLimit`.
    case outputTooLarge(limit: Int, actual: Int)

    /// Whether this is about the job, as it would be on every machine: not that this one had no memory, or
    /// was told to stop.
    public var isVerdict: Bool {
        switch self {
        case .trapped(.hostOutOfMemory, _), .trapped(.interrupted, _): false
        default: true
        }
    }
}
