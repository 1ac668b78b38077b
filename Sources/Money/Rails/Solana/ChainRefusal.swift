internal import Encoding

/// The runtime's reasons in words for people.
enum ChainRefusal {
    /// - Parameter err: what a node shows under `err`, for instance `{"InstructionError":[2,{"Custom":1}]}`.
    static func words(for err: JSON) -> String {
        let field = JSONField(err)
        let code = try? field["InstructionError"][1]["Custom"].integer(UInt32.self)
        let name = try? field["InstructionError"][1].string()
        let why: String? =
            switch (code, name ?? (try? field.string())) {
            case (1, _): "the paying account does not have that much"
            case (17, _): "an account is frozen"
            case (_, "InvalidAccountData"?), (_, "UninitializedAccount"?), (_, "IncorrectProgramId"?):
                "the payee or the payer has no account for this token"
            case (_, "AccountNotFound"?), (_, "InsufficientFundsForFee"?):
                "who pays the network's fee has no lamports"
            default: nil
            }
        return (why.map { "\($0) (\(err.text))" } ?? err.text).plain()
    }
}
