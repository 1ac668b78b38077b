package import Encoding

/// Why an instruction failed, in the runtime's words.
package enum InstructionFailure: Error, Equatable {
    /// The program's own number.
    case custom(UInt32)
    /// One of the runtime's names.
    case named(Name)

    /// The names in use here.
    package enum Name: String, Sendable {
        case invalidArgument = "InvalidArgument"
        case invalidInstructionData = "InvalidInstructionData"
        case invalidAccountData = "InvalidAccountData"
        case uninitializedAccount = "UninitializedAccount"
        case missingRequiredSignature = "MissingRequiredSignature"
        case missingAccount = "MissingAccount"
        case notEnoughAccountKeys = "NotEnoughAccountKeys"
        case incorrectProgramId = "IncorrectProgramId"
        case illegalOwner = "IllegalOwner"
        case invalidSeeds = "InvalidSeeds"
        case privilegeEscalation = "PrivilegeEscalation"
        case callDepth = "CallDepth"
        case readonlyLamportChange = "ReadonlyLamportChange"
        case readonlyDataModified = "ReadonlyDataModified"
        case externalAccountLamportSpend = "ExternalAccountLamportSpend"
        case externalAccountDataModified = "ExternalAccountDataModified"
        case modifiedProgramId = "ModifiedProgramId"
        case arithmeticOverflow = "ArithmeticOverflow"
        case computationalBudgetExceeded = "ComputationalBudgetExceeded"
        case programFailedToComplete = "ProgramFailedToComplete"
    }

    /// As JSON-RPC writes it.
    package var json: JSON {
        switch self {
        case .custom(let code): ["Custom": JSON(code)]
        case .named(let name): .string(name.rawValue)
        }
    }

    /// As nodes describe it in logs and messages.
    package var text: String {
        switch self {
        case .custom(let code): "custom program error: 0x\(String(code, radix: 16))"
        case .named(let name): name.rawValue
        }
    }
}

/// Why a transaction failed or was never taken, in the runtime's words.
package enum TransactionFailure: Error, Equatable {
    case sanitizeFailure
    case signatureFailure
    case accountLoadedTwice
    case addressLookupTableNotFound
    case blockhashNotFound
    case alreadyProcessed
    case duplicateInstruction(UInt8)
    case accountNotFound
    case invalidAccountForFee
    case insufficientFundsForFee
    case insufficientFundsForRent(accountIndex: UInt8)
    case invalidProgramForExecution
    case instruction(index: UInt8, InstructionFailure)

    /// As JSON-RPC writes it in `err`.
    package var json: JSON {
        switch self {
        case .sanitizeFailure: "SanitizeFailure"
        case .signatureFailure: "SignatureFailure"
        case .accountLoadedTwice: "AccountLoadedTwice"
        case .addressLookupTableNotFound: "AddressLookupTableNotFound"
        case .blockhashNotFound: "BlockhashNotFound"
        case .alreadyProcessed: "AlreadyProcessed"
        case .duplicateInstruction(let index): ["DuplicateInstruction": JSON(index)]
        case .accountNotFound: "AccountNotFound"
        case .invalidAccountForFee: "InvalidAccountForFee"
        case .insufficientFundsForFee: "InsufficientFundsForFee"
        case .insufficientFundsForRent(let index):
            ["InsufficientFundsForRent": ["account_index": JSON(index)]]
        case .invalidProgramForExecution: "InvalidProgramForExecution"
        case .instruction(let index, let failure): ["InstructionError": [JSON(index), failure.json]]
        }
    }

    /// The sentence in the message of a refusal.
    package var text: String {
        switch self {
        case .sanitizeFailure: "Transaction failed to sanitize accounts offsets correctly"
        case .signatureFailure: "Transaction did not pass signature verification"
        case .accountLoadedTwice: "Account loaded twice"
        case .addressLookupTableNotFound: "Transaction loads an address table account that doesn't exist"
        case .blockhashNotFound: "Blockhash not found"
        case .alreadyProcessed: "This transaction has already been processed"
        case .duplicateInstruction(let index): "Transaction contains a duplicate instruction (\(index))"
        case .accountNotFound: "Attempt to debit an account but found no record of a prior credit."
        case .invalidAccountForFee: "This account may not be used to pay transaction fees"
        case .insufficientFundsForFee: "Insufficient funds for fee"
        case .insufficientFundsForRent(let index):
            "Transaction results in an account (\(index)) with insufficient funds for rent"
        case .invalidProgramForExecution: "This program may not be used for executing instructions"
        case .instruction(let index, let failure): "Error processing Instruction \(index): \(failure.text)"
        }
    }
}
