/// The parts of a Thing Description 1.1 as shapes (W3C Recommendation of 5 December 2023, section 5, and the
/// JSON Schema in its Appendix C).
enum DescriptionShapes {
    static let thing: [String: Shape] = words.adding(parts)

    /// What a Thing may have beside its titles.
    private static let parts: [String: Shape] = [
        "id": .text, "base": .text, "support": .text, "created": .text, "modified": .text,
        "security": .oneOrMore(.text, atLeast: 1),
        "securityDefinitions": .map(of: .securityScheme, atLeast: 1),
        "schemaDefinitions": .map(of: .dataSchema, atLeast: 1),
        "uriVariables": .map(of: .dataSchema),
        "profile": .oneOrMore(.text, atLeast: 1),
        "links": .list(of: .object(link, required: ["href"])),
        "forms": .list(of: form(rootOperations, mustName: true), atLeast: 1),
        "properties": .map(of: .property(property)),
        "actions": .map(of: .object(action, required: ["forms"])),
        "events": .map(of: .object(event, required: ["forms"])),
    ]

    private static let words: [String: Shape] = [
        "@type": .oneOrMore(.thingType), "title": .text, "titles": .map(of: .text), "description": .text,
        "descriptions": .map(of: .text),
    ]

    static let dataSchema: [String: Shape] = words.adding([
        "type": .word(["boolean", "integer", "number", "string", "object", "array", "null"]),
        "writeOnly": .truth, "readOnly": .truth, "unit": .text, "format": .text,
        "contentEncoding": .text, "contentMediaType": .text,
        "enum": .list(of: .anything, atLeast: 1, unique: true), "oneOf": .list(of: .dataSchema),
        "items": .oneOrMore(.dataSchema), "properties": .map(of: .dataSchema),
        "required": .list(of: .text), "minItems": .count, "maxItems": .count, "minLength": .count,
        "maxLength": .count, "minimum": .number, "maximum": .number, "exclusiveMinimum": .number,
        "exclusiveMaximum": .number, "multipleOf": .positive,
    ])

    private static let affordance: [String: Shape] = words.adding([
        "uriVariables": .map(of: .dataSchema)
    ])

    private static let property: [String: Shape] =
        dataSchema.filter { $0.key != "contentEncoding" && $0.key != "contentMediaType" }
        .adding(affordance)
        .adding(["observable": .truth, "forms": .list(of: form(propertyOperations), atLeast: 1)])

    private static let action: [String: Shape] = affordance.adding([
        "input": .dataSchema, "output": .dataSchema, "safe": .truth, "idempotent": .truth,
        "synchronous": .truth,
        "forms": .list(of: form(["invokeaction", "queryaction", "cancelaction"]), atLeast: 1),
    ])

    private static let event: [String: Shape] = affordance.adding([
        "subscription": .dataSchema, "data": .dataSchema, "dataResponse": .dataSchema,
        "cancellation": .dataSchema,
        "forms": .list(of: form(["subscribeevent", "unsubscribeevent"]), atLeast: 1),
    ])

    private static let propertyOperations = [
        "readproperty", "writeproperty", "observeproperty", "unobserveproperty",
    ]
    private static let rootOperations = [
        "readallproperties", "writeallproperties", "readmultipleproperties", "writemultipleproperties",
        "observeallproperties", "unobserveallproperties", "queryallactions", "subscribeallevents",
        "unsubscribeallevents",
    ]

    private static func form(_ operations: [String], mustName: Bool = false) -> Shape {
        .object(
            [
                "op": .oneOrMore(.word(operations), atLeast: 1), "href": .text, "contentType": .text,
                "contentCoding": .text, "subprotocol": .text, "security": .oneOrMore(.text, atLeast: 1),
                "scopes": .oneOrMore(.text),
                "response": .object(["contentType": .text], required: ["contentType"]),
                "additionalResponses": .list(
                    of: .object(["contentType": .text, "schema": .text, "success": .truth])),
            ], required: mustName ? ["href", "op"] : ["href"])
    }

    private static let link: [String: Shape] = [
        "href": .text, "type": .text, "rel": .text, "anchor": .text, "hreflang": .oneOrMore(.languageTag),
        "instanceName": .text,
    ]

    // MARK: Security

    static func securityBase(_ schemes: [String]) -> [String: Shape] {
        [
            "@type": .oneOrMore(.thingType), "description": .text, "descriptions": .map(of: .text),
            "proxy": .text, "scheme": .word(schemes, prefixed: true),
        ]
    }

    private static let places = ["header", "query", "body", "cookie", "auto"]

    static let securitySchemes: [String: Shape] = [
        "nosec": .object([:]), "auto": .object([:]),
        "combo": .object(["oneOf": .list(of: .text, atLeast: 2), "allOf": .list(of: .text, atLeast: 2)]),
        "basic": .object(["in": .word(places), "name": .text]),
        "digest": .object(["in": .word(places), "name": .text, "qop": .word(["auth", "auth-int"])]),
        "apikey": .object(["in": .word(places + ["uri"]), "name": .text]),
        "bearer": .object([
            "in": .word(places), "name": .text, "authorization": .text, "alg": .text, "format": .text,
        ]),
        "psk": .object(["identity": .text]),
        "oauth2": .object([
            "authorization": .text, "token": .text, "refresh": .text, "scopes": .oneOrMore(.text),
            "flow": .text,
        ]),
    ]
}

extension [String: Shape] {
    /// With the members of `others`, which count where both have one.
    fileprivate func adding(_ others: [String: Shape]) -> [String: Shape] { self.merging(others) { $1 } }
}
