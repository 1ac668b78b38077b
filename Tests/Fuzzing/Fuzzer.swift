import Fuzzing
import Glibc

/// What libFuzzer calls for each input. The environment names the decoder.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let decoder = getenv("DEPAI_DECODER").flatMap({ Decoder(rawValue: String(cString: $0)) }) else {
        fatalError("DEPAI_DECODER names none of \(Decoder.allCases.map(\.rawValue))")
    }
    if let finding = decoder.finding(in: bytes) { fatalError(finding) }
    return 0
}
