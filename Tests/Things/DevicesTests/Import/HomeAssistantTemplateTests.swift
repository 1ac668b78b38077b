import TestSupport
import Testing

@testable import Devices

/// Programs in announcements, of which those are read that are places and sums.
@Suite struct HomeAssistantTemplateTests {
    @Test(
        arguments: [
            (nil, "", 1, 0, false), ("{{ value }}", "", 1, 0, false), ("{{value_json.a}}", "/a", 1, 0, false),
            ("{{ value_json.a_b.c }}", "/a_b/c", 1, 0, false),
            ("{{ value_json['x y'][0] | int }}", "/x y/0", 1, 0, true),
            ("{{ value_json.a | default(0) }}", "/a", 1, 0, false),
            ("{{ value_json.tempc | is_defined }}", "/tempc", 1, 0, false),
            ("{{ value_json.outdoor | round(1) }}", "/outdoor", 1, 0, true),
            ("{{ value_json.flow | float(0) | round(2) }}", "/flow", 1, 0, true),
            ("{{- value_json.get('a') | string -}}", "/a", 1, 0, false),
            ("{{ value_json.get(\"a\", 'x(y') }}", "/a", 1, 0, false),
            ("{{ float(value_json.a, 0) }}", "/a", 1, 0, true),
            ("{{ (value_json.a | float / 10) | round(1) }}", "/a", 0.1, 0, true),
            ("{{ value_json.a / 10 | round(1) }}", "/a", 0.1, 0, true),
            ("{{ (value_json.a - 32) / 2 }}", "/a", 0.5, -16, true),
            ("{{ value | multiply(0.001) }}", "", 0.001, 0, true),
            ("{{ value_json.a if value_json.a is defined else none }}", "/a", 1, 0, false),
            ("{{ value_json.a.b | float if value_json.a is defined else 'x' }}", "/a/b", 1, 0, true),
            ("{{ value_json['a/b']['~'] }}", "/a~1b/~0", 1, 0, false),
        ] as [(String?, String, Double, Double, Bool)])
    func `templates that are places and sums are read`(
        _ text: String?, _ pointer: String, _ scale: Double, _ offset: Double, _ isNumber: Bool
    ) throws {
        let template = try #require(HomeAssistantTemplate(text))
        #expect(template.pointer == pointer && template.isNumber == isNumber)
        #expect(abs(template.scale - scale) < 1e-12 && abs(template.offset - offset) < 1e-12)
    }

    @Test(
        arguments: [
            "{{ value | upper }}", "{{ states('x') }}", "value_json.a", "{{ value_json. }}",
            "{{ value_json[ }}",
            "{% if value > 3 %}good{% endif %}", "{{ value_json.a if value_json.b else 0 }}",
            "{{ value_json.a if value_json.b is defined else 0 }}",
            "{{ value_json.a if value_json.a is defined else value_json.b }}",
            "{{ value_json.a + 1 * 2 }}", "{{ value_json.a / 0 }}", "{{ value_json.a.get('b' }}", "{{ }}",
            "{{",
            "{{ value.split(',')[0] }}", "{{ value_json.a }}{{ value_json.b }}", "on {{ value }}",
        ])
    func `all others are programs`(_ text: String) {
        #expect(HomeAssistantTemplate(text) == nil)
    }

    @Test func `a template of a stranger neither stops nor hangs the reader`() {
        var generator = Seeded(11)
        let pieces = [
            "{{", "}}", "value_json", "value", ".", "[", "]", "(", ")", "'a'", "|", "round", "get", ",", "1",
            "*",
            "/", "-", " ", "float", "default", "{%", "%}", "é", "\u{0}", "\"",
        ]
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...24, using: &generator)
            let middle = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            for text in [middle, "{{ value_json\(middle) }}", "{{\(middle)}}"] {
                _ = HomeAssistantTemplate(text)
                _ = HomeAssistantTemplate.body(text, variables: ["value"])
            }
        }
        let deep =
            "{{ " + String(repeating: "(", count: 500) + "value" + String(repeating: ")", count: 500) + " }}"
        #expect(HomeAssistantTemplate(deep) == nil)
    }

    @Test(
        arguments: [
            ("{{ value }}", "$value"), ("{ \"position\": {{ position }} }", "{ \"position\": $value }"),
            ("SET {{ value | int }};", "SET $value;"), ("a {{- value -}} b", "a$valueb"),
            ("{{ value * 2 }}", nil), ("{% if value %}1{% endif %}", nil), ("$id {{ value }}", nil),
        ] as [(String, String?)])
    func `command templates with one hole become bodies`(_ text: String, _ body: String?) {
        #expect(HomeAssistantTemplate.body(text, variables: ["value", "position"]) == body)
    }
}
