import Encoding
import Foundation
import TestSupport
import Testing

/// The whole vector file of the workshop, where it lies beside the repository.
private let vectorFile = Repository.vectors("wallet/jcs-rfc8785.json")

@Suite(.enabled(if: vectorFile != nil, "the folder of vectors is absent"))
struct VectorTests {
    @Test func `every document and number of RFC 8785's test data comes out as it should`() throws {
        let root = JSONField(try JSON.read(Array(try Data(contentsOf: #require(vectorFile)))))
        let documents = try root["documents"].elements()
        #expect(documents.count >= 6)
        for document in documents {
            let input = try Base64.standard.decode(try document["input_utf8_b64"].string())
            let expected = try Base64.standard.decode(try document["canonical_utf8_b64"].string())
            #expect(try JSON.read(input).canonicalBytes() == expected, "\(document.pointer)")
        }
        for number in try root["numbers"].elements() {
            let bits = try #require(UInt64(try number["ieee754"].string(), radix: 16))
            let bytes = try JSON.number(Double(bitPattern: bits)).canonicalBytes()
            #expect(String(decoding: bytes, as: UTF8.self) == (try number["json"].string()))
        }
        for text in try root["swift_traps"]["must_fail"].elements() {
            #expect(throws: JSONError.self) { try JSON.read(try text.string()) }
        }
    }
}
