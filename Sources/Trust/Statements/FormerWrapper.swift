internal import Encoding
public import Sodium

/// How depai wrapped what an owner or a wallet signed before all had one form. What was signed is the same to
/// the byte, so it is put into the new wrapper without whoever signed it.
///
/// Only what is kept for years is read in this way: policies, commands in files and retained by brokers,
/// manifests of backups. What is said and answered at once is said in the one form.
enum FormerWrapper {
    /// The same message in the form of ``Signed``; the message itself when it is in that form already, or in
    /// none that is known here.
    ///
    ///     {"policy": {…}, "signature": "<base64>"}                  signed by the pinned owner
    ///     {"command": {…, "issuer": "<base58>"}, "signature": …}    signed by its issuer
    ///     {"schema": "depai.backup/2", …, "signature": …}           signed by its keystore's identity
    ///
    /// - Parameter signer: who is expected, where the message does not say who signed it.
    static func renewed(_ old: JSON, _ kind: Statement.Kind, signer: PublicKey?) -> JSON {
        guard old["kind"] == nil, case .object(let object) = old, let signature = old["signature"] else {
            return old
        }
        var signer = signer.map { JSON.string(Base58.encode($0.bytes)) }
        let body: JSON?
        switch kind {
        case .policy where object.members.count == 2: body = old["policy"]
        case .command where object.members.count == 2:
            body = old["command"]
            signer = body?["issuer"]
        case .backup:
            var manifest = old
            manifest["signature"] = nil
            body = manifest
        default: body = nil
        }
        guard let body, let signer else { return old }
        return ["kind": .string(kind.name), "signer": signer, "body": body, "signature": signature]
    }
}

extension Signed {
    /// Reads a message that may have been kept since before ``Signed`` was its form.
    /// - Parameter expected: as with ``init(_:from:)``; a policy and a backup in the former wrapper need one.
    public init(kept bytes: [UInt8], from expected: PublicKey?) throws(StatementError) {
        let root = try JSON.statement(bytes, within: Body.limits)
        try self.init(JSONField(FormerWrapper.renewed(root, Body.kind, signer: expected)), from: expected)
    }
}
