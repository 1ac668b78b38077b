import Dispatch
import Fuzzing
import Glibc

/// What libFuzzer calls for each input. The environment names the decoder.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let decoder = getenv("DEPAI_DECODER").flatMap({ Decoder(rawValue: String(cString: $0)) }) else {
        fatalError("DEPAI_DECODER names none of \(Decoder.allCases.map(\.rawValue))")
    }
    // The fuzzer's thread is its own and may wait; some doors are opened by tasks.
    let answered = DispatchSemaphore(value: 0)
    Task {
        if let finding = await decoder.finding(in: bytes) { fatalError(finding) }
        answered.signal()
    }
    answered.wait()
    return 0
}
