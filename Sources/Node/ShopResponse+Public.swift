internal import Encoding

extension ShopResponse {
    /// As a customer gets it: what failed inside is for our own log. A path, a disk's state or a library's
    /// words help nobody outside but somebody who means harm.
    func withoutInternals(_ tell: (String) -> Void) -> ShopResponse {
        guard self.status == 500 else { return self }
        tell(String(decoding: self.body.prefix(2_000), as: UTF8.self).plain(limit: 2_000))
        return .error(500, "something failed here; what was paid holds, ask again")
    }
}
