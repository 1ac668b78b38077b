import Foundation
import Fuzzing
import TestSupport
import Testing

/// What the fuzzer found worth keeping goes through every decoder with every run of the tests.
@Suite struct CorpusTests {
    @Test(arguments: Decoder.allCases) func `the corpus finds nothing`(_ decoder: Decoder) async throws {
        let folder = Repository.root.appending(path: "Tests/Fuzzing/Corpus/\(decoder.rawValue)")
        let inputs = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        #expect(!inputs.isEmpty)
        for input in inputs {
            let finding = await decoder.finding(in: Array(try Data(contentsOf: input)))
            #expect(finding == nil, "\(input.lastPathComponent)")
        }
    }
}
