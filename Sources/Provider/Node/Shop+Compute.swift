internal import Compute
internal import Encoding
internal import Ledger
internal import Market
internal import Sodium
internal import Statements
internal import Wallet
internal import Wasm
internal import World

/// Running a module on an input.
struct ComputeSale: Shop.SaleKind {
    let id: String
    let price: UInt64
    let job: Job?
    var purpose: Purpose { .compute }

    init(_ request: ShopRequest, _ offer: Offer) throws {
        guard let id = request.query["job"], let units = request.query["units"].flatMap({ UInt64($0) }) else {
            throw Shop.Refusal(status: 400, reason: "job and units are missing")
        }
        guard let price = offer.compute?.price(units: units) else {
            throw Shop.Refusal(status: 404, reason: "that much compute is not sold here")
        }
        self.id = id
        self.price = price
        // A quote is asked for without a body.
        self.job =
            request.body.isEmpty ? nil : try Job(JSONField(try JSON.read(request.body)), unitLimit: units)
    }

    func check() async throws {
        guard let job else { throw Shop.Refusal(status: 400, reason: "the job has no body") }
        guard job.module.count + job.input.count <= Job.byteLimit else {
            throw Shop.Refusal(status: 413, reason: "module and input have at most \(Job.byteLimit) bytes")
        }
        guard job.id == self.id else { throw Shop.Refusal(status: 400, reason: "the body is job \(job.id)") }
        try await Self.validate(job.module)
    }

    /// Off the shop's actor: a module of the largest size takes a third of a second, before anybody paid.
    @concurrent private static func validate(_ module: [UInt8]) async throws {
        do {
            _ = try Module(module)
        } catch .hostOutOfMemory {
            throw Self.noMemory
        } catch {
            throw Shop.Refusal(status: 422, reason: "the module is refused: \(error)")
        }
    }

    /// A job that traps or runs out of units has been worked for, too: the answer says so, and its receipt is
    /// signed.
    func work(in shop: isolated Shop, transaction: String) async throws -> ShopResponse {
        guard let job else { throw Shop.Refusal(status: 400, reason: "the job has no body") }
        let outcome: StepJob.Outcome
        do {
            outcome = try await Self.runner.run(job, timeline: shop.timeline)
        } catch let error as CancellationError {
            // The next run of this node works for it.
            throw error
        } catch let error as JobRunnerError where error == .busy(Self.runner.room) {
            throw Shop.Refusal(status: 503, reason: "\(error); the payment holds, ask again")
        } catch JobError.trapped(.hostOutOfMemory, _), ModuleError.hostOutOfMemory {
            // Not a word about the job, and no receipt: asked again, it may be run.
            throw Self.noMemory
        } catch {
            return .error(200, "the job failed: \(error)")
        }
        let receipt = ComputeReceipt(
            job: job.id, outputDigest: Hex.encode(SHA256.digest(of: outcome.output)), units: outcome.units,
            steps: outcome.steps, transaction: transaction, issuedAt: shop.timeline.now.milliseconds)
        return .json(
            200,
            [
                "receipt": try await shop.wallet.sign(receipt).json,
                "output": .string(Base64.standard.encode(outcome.output)),
            ])
    }

    /// Threads of their own for the whole process: other customers are served meanwhile.
    private static let runner = JobRunner()

    private static var noMemory: Shop.Refusal {
        Shop.Refusal(status: 503, reason: "this node has no memory for the job now; ask again")
    }
}
