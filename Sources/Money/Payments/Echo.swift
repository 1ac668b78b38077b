package import Encoding

/// What a payment gives back to the seller besides the chosen terms, to the byte.
package struct Echo: Sendable, Equatable {
    /// The resource as the seller described it.
    let resource: String
    /// Extensions that we do not know.
    let extensions: [String]

    package init(resource: String) {
        self.resource = (["url": .string(resource)] as JSON).text
        self.extensions = []
    }

    package init(_ source: JSONSource, resource: String) {
        let known = [X402.identifierExtension, OfferReceipt.name]
        self.resource =
            source["resource"].flatMap { $0["url"] == nil ? nil : $0.text }
            ?? Echo(resource: resource).resource
        self.extensions = (source["extensions"]?.members ?? []).filter { !known.contains($0.name) }.map {
            "\(JSON.string($0.name).text):\($0.source.text)"
        }
    }
}
