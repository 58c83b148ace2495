//! What is written for small schemas made by hand. That whole catalogs of it parse is tested where
//! parsers are at hand, in `crates/guest/tests`.

use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::catalog::{Catalog, Server};
use crate::observed::{Observations, Observed, Shape};

fn server(name: &str, tools: &[Value]) -> Server {
    Server {
        name: name.to_owned(),
        tools: tools
            .iter()
            .map(|tool| to_raw_value(tool).unwrap())
            .collect(),
        title: None,
        description: None,
    }
}

/// What both languages say of the tools of one server, without what they say of every catalog.
fn written(tools: &[Value]) -> String {
    let catalog = Catalog::new(vec![server("x", tools)]);
    written_of(&catalog, None)
}

fn written_of(catalog: &Catalog, observed: Option<&Observations>) -> String {
    let python = catalog.python_stubs(None, observed);
    let typescript = catalog.typescript_declarations(None, observed);
    let (_, python) = python.split_once("a step of the task.\"\"\"\n\n").unwrap();
    let (python, _) = python.split_once("\nclass Tools:\n").unwrap();
    let (_, typescript) = typescript.split_once("Promise<string>;\n\n").unwrap();
    format!("{python}----\n{typescript}")
}

/// A tool whose one required parameter `p` has this schema.
fn with(schema: Value) -> Value {
    json!({
        "name": "f",
        "inputSchema": {
            "type": "object",
            "properties": {"p": schema},
            "required": ["p"],
            "$defs": {
                "Point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
                "Tree": {"type": "object", "properties": {"below": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
                "Json": {"anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"$ref": "#/$defs/Json"}},
                    {"type": "object", "additionalProperties": {"$ref": "#/$defs/Json"}},
                    {"type": "null"},
                ]},
                "Loop": {"$ref": "#/$defs/Loop"},
                "Self": {"anyOf": [{"$ref": "#/$defs/Self"}, {"type": "integer"}]},
                "Level": {"enum": ["low", "high"]},
            },
        },
    })
}

#[test]
fn a_tool_is_written_with_its_types_and_prose() {
    let issue = json!({
        "type": "object",
        "properties": {
            "number": {"type": "integer"},
            "labels": {"type": "array", "items": {"$ref": "#/$defs/Label"}, "description": "What it is about"},
        },
        "required": ["number"],
        "$defs": {"Label": {
            "type": "object",
            "description": "A label",
            "properties": {"name": {"type": "string"}, "text-color": {"type": ["string", "null"]}},
            "required": ["name"],
        }},
    });
    let tool = json!({
        "name": "create-issue",
        "description": "Opens an issue.\n\nArgs:\n    title: see \"below\"",
        "annotations": {"destructiveHint": false},
        "inputSchema": {
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "One line"},
                "state": {"enum": ["open", "closed"], "default": "open"},
                "from": {"type": "string", "description": "Where"},
                "assignee": {"type": ["string", "null"], "default": null},
            },
            "required": ["title"],
            "additionalProperties": false,
        },
        "outputSchema": issue,
    });
    insta::assert_snapshot!(written(&[tool]), @r#"
    class XCreateIssueResult(TypedDict):
        number: int
        labels: NotRequired[list[XCreateIssueResultLabel]]
        """What it is about"""

    # A label
    XCreateIssueResultLabel = TypedDict("XCreateIssueResultLabel", {
        "name": str,
        "text-color": NotRequired[str | None],
    })

    class X:
        @__forms__
        def create_issue(
            self,
            title: str,
            *,
            state: Literal["open", "closed"] = ...,
            from_: str = ...,
            assignee: str | None = ...,
        ) -> XCreateIssueResult:
            """Opens an issue.

            Args:
                title: see "below"
            WRITES

            title: One line
            state: (default "open")
            from_: (sent as "from") Where
            """
    ----
    interface XCreateIssueArgs {
      /** One line */
      title: string;
      /** @default "open" */
      state?: "open" | "closed";
      /** Where */
      from?: string;
      assignee?: string | null;
    }

    interface XCreateIssueResult {
      number: number;
      /** What it is about */
      labels?: XCreateIssueResultLabel[];
    }

    /** A label */
    interface XCreateIssueResultLabel {
      name: string;
      "text-color"?: string | null;
    }

    declare const tools: WithForms<{
      x: {
        /**
         * Opens an issue.
         *
         * Args:
         *     title: see "below"
         * WRITES
         */
        create_issue(args: XCreateIssueArgs): Promise<XCreateIssueResult>;
      };
    }>;
    "#);
}

#[test]
fn a_tool_without_promises_is_short() {
    let tool = json!({
        "name": "list",
        "annotations": {"readOnlyHint": true},
        "inputSchema": {"type": "object", "properties": {}},
    });
    let other = json!({
        "name": "all",
        "inputSchema": {"type": "object", "properties": {"ids": {"type": "array", "items": {"type": "string"}}}},
    });
    insta::assert_snapshot!(written(&[tool, other]), @r#"
    class X:
        @__forms__
        def all(self, ids: builtins.list[str] = ...) -> Any:
            """WRITES"""

        @__forms__
        def list(self) -> Any:
            ...
    ----
    interface XAllArgs {
      ids?: string[];
    }

    declare const tools: WithForms<{
      x: {
        /** WRITES */
        all(args?: XAllArgs): Promise<any>;
        list(): Promise<any>;
      };
    }>;
    "#);
}

#[test]
fn each_kind_of_schema_has_a_type() {
    #[track_caller]
    fn check(schema: Value, python: &str, typescript: &str) {
        let text = written(&[with(schema)]);
        let (left, right) = text.split_once("----").unwrap();
        let found = left.split("def f(self, p: ").nth(1).unwrap_or(left);
        assert_eq!(found.split(") -> Any:").next().unwrap(), python, "{left}");
        let found = right.split("  p: ").nth(1).unwrap_or(right);
        assert_eq!(found.split(";\n}").next().unwrap(), typescript, "{right}");
    }
    check(json!({}), "Any", "unknown");
    check(json!(true), "Any", "unknown");
    check(json!({"type": "integer"}), "int", "number");
    check(json!({"type": "array"}), "list[Any]", "unknown[]");
    check(
        json!({"type": "object"}),
        "dict[str, Any]",
        "{ [key: string]: unknown }",
    );
    check(
        json!({"additionalProperties": {"type": "boolean"}, "type": "object"}),
        "dict[str, bool]",
        "{ [key: string]: boolean }",
    );
    check(
        json!({"type": ["integer", "number", "null", "string"]}),
        "int | float | str | None",
        "number | string | null",
    );
    check(
        json!({"type": "array", "items": {"type": ["string", "null"]}}),
        "list[str | None]",
        "(string | null)[]",
    );
    check(
        json!({"enum": ["a\"b", 1, true, null]}),
        r#"Literal["a\"b", 1, True] | None"#,
        r#""a\"b" | 1 | true | null"#,
    );
    check(json!({"const": -1.5}), "float", "number");
    check(
        json!({"enum": [{}], "type": "object"}),
        "dict[str, Any]",
        "{ [key: string]: unknown }",
    );
    check(
        json!({"anyOf": [{"const": "a"}, {"type": "integer"}, {"const": "b"}]}),
        r#"Literal["a", "b"] | int"#,
        r#""a" | number | "b""#,
    );
    check(
        json!({"type": "string", "anyOf": [{"format": "uri"}, {"format": "uuid"}]}),
        "str",
        "string",
    );
    check(
        json!({"oneOf": [{"$ref": "#/$defs/Point"}, {"type": "array", "items": {"$ref": "#/$defs/Point"}}]}),
        "XFArgsPoint | list[XFArgsPoint]",
        "XFArgsPoint | XFArgsPoint[]",
    );
    check(
        json!({"allOf": [{"$ref": "#/$defs/Level"}], "default": "low"}),
        r#"Literal["low", "high"]"#,
        r#""low" | "high""#,
    );
    check(json!({"$ref": "#/$defs/Tree"}), "XFArgsTree", "XFArgsTree");
    check(json!({"$ref": "#/$defs/Json"}), "XFArgsJson", "XFArgsJson");
    check(json!({"$ref": "#/$defs/Self"}), "int", "number");
    check(json!({"$ref": "#"}), "XFArgs", "XFArgs");
    check(json!({"$ref": "#/$defs/Loop"}), "Any", "unknown");
    check(json!({"type": "nonsense"}), "Any", "unknown");
    // What OpenAPI calls nullable.
    check(
        json!({"type": "string", "nullable": true}),
        "str | None",
        "string | null",
    );
    check(
        json!({"allOf": [{"$ref": "#/$defs/Level"}], "nullable": true}),
        r#"Literal["low", "high"] | None"#,
        r#""low" | "high" | null"#,
    );
    // Tuples, as both drafts write them.
    check(
        json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": ["string", "null"]}], "items": false, "minItems": 1}),
        "list[float | str | None]",
        "[number, (string | null)?]",
    );
    check(
        json!({"items": [{"type": "number"}, {"type": "string"}], "additionalItems": {"type": "boolean"}, "minItems": 2}),
        "list[float | str | bool]",
        "[number, string, ...boolean[]]",
    );
    check(
        json!({"prefixItems": [{"type": "number"}]}),
        "list[Any]",
        "[number?, ...unknown[]]",
    );
    check(
        json!({"type": "object", "patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": false}),
        "dict[str, int]",
        "{ [key: string]: number }",
    );
    check(
        json!({"patternProperties": {"^a": {"type": "integer"}, "^b": {"type": "string"}}, "additionalProperties": {"type": "null"}}),
        "dict[str, int | str | None]",
        "{ [key: string]: number | string | null }",
    );
    // What stands in parts of a schema counts as if it stood in it.
    check(
        json!({"allOf": [{"type": ["string", "integer"]}, {"type": ["number", "null"]}]}),
        "int",
        "number",
    );
    check(
        json!({"type": "array", "allOf": [{"items": {"type": "string"}}]}),
        "list[str]",
        "string[]",
    );
    check(
        json!({"$ref": "#/$defs/Level", "type": "string"}),
        r#"Literal["low", "high"]"#,
        r#""low" | "high""#,
    );
    check(
        json!({"allOf": [{"anyOf": [{"type": "string"}, {"type": "boolean"}]}, {"description": "x"}]}),
        "str | bool",
        "string | boolean",
    );
    check(
        json!({"$ref": "#/$defs/Poi%6et"}),
        "XFArgsPoi6et",
        "XFArgsPoi6et",
    );
}

#[test]
fn an_object_of_several_parts_has_the_members_of_all() {
    insta::assert_snapshot!(written(&[with(json!({
        "allOf": [
            {"$ref": "#/$defs/Point"},
            {"properties": {"id": {"type": "string", "format": "uuid"}}, "required": ["id"]},
        ],
        "properties": {"at": {"type": "string", "format": "date-time", "description": "In UTC", "default": "now"}},
        "additionalProperties": {"type": "integer"},
    }))]), @r#"
    class XFArgsP(TypedDict):
        x: float
        id: str
        """(format uuid)"""
        at: NotRequired[str]
        """In UTC (format date-time) (default "now")"""

    class X:
        @__forms__
        def f(self, p: XFArgsP) -> Any:
            """WRITES"""
    ----
    interface XFArgs {
      p: XFArgsP;
    }

    interface XFArgsP {
      x: number;
      /** @format uuid */
      id: string;
      /**
       * In UTC
       * @format date-time
       * @default "now"
       */
      at?: string;
      [key: string]: number | string | undefined;
    }

    declare const tools: WithForms<{
      x: {
        /** WRITES */
        f(args: XFArgs): Promise<any>;
      };
    }>;
    "#);
    // The members in common, and those of each variant.
    insta::assert_snapshot!(written(&[with(json!({
        "type": "object",
        "properties": {"kind": {"type": "string"}, "note": {"type": "string"}},
        "required": ["kind"],
        "oneOf": [
            {"properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}}, "required": ["radius"]},
            {"properties": {"kind": {"const": "text"}}, "description": "Words"},
        ],
    }))]), @r#"
    class XFArgsPOption1(TypedDict):
        kind: Literal["circle"]
        radius: float
        note: NotRequired[str]

    class XFArgsPOption2(TypedDict):
        """Words"""
        kind: Literal["text"]
        note: NotRequired[str]

    class X:
        @__forms__
        def f(self, p: XFArgsPOption1 | XFArgsPOption2) -> Any:
            """WRITES"""
    ----
    interface XFArgs {
      p: XFArgsPOption1 | XFArgsPOption2;
    }

    interface XFArgsPOption1 {
      kind: "circle";
      radius: number;
      note?: string;
    }

    /** Words */
    interface XFArgsPOption2 {
      kind: "text";
      note?: string;
    }

    declare const tools: WithForms<{
      x: {
        /** WRITES */
        f(args: XFArgs): Promise<any>;
      };
    }>;
    "#);
    // What values mean is said with them.
    insta::assert_snapshot!(written(&[with(json!({
        "properties": {"order": {
            "description": "How to sort.",
            "oneOf": [{"const": "asc", "description": "oldest first"}, {"const": "desc", "title": "newest first"}],
        }},
    }))]), @r#"
    class XFArgsP(TypedDict):
        order: NotRequired[Literal["asc", "desc"]]
        """How to sort. "asc": oldest first; "desc": newest first"""

    class X:
        @__forms__
        def f(self, p: XFArgsP) -> Any:
            """WRITES"""
    ----
    interface XFArgs {
      p: XFArgsP;
    }

    interface XFArgsP {
      /** How to sort. "asc": oldest first; "desc": newest first */
      order?: "asc" | "desc";
    }

    declare const tools: WithForms<{
      x: {
        /** WRITES */
        f(args: XFArgs): Promise<any>;
      };
    }>;
    "#);
    // Variants that only ask for some of them say nothing of types.
    insta::assert_snapshot!(written(&[with(json!({
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }))]), @r#"
    class XFArgsP(TypedDict):
        a: NotRequired[str]
        b: NotRequired[str]

    class X:
        @__forms__
        def f(self, p: XFArgsP) -> Any:
            """WRITES"""
    ----
    interface XFArgs {
      p: XFArgsP;
    }

    interface XFArgsP {
      a?: string;
      b?: string;
    }

    declare const tools: WithForms<{
      x: {
        /** WRITES */
        f(args: XFArgs): Promise<any>;
      };
    }>;
    "#);
}

#[test]
fn a_type_that_contains_itself_has_a_name() {
    let text = written(&[with(
        json!({"anyOf": [{"$ref": "#/$defs/Json"}, {"$ref": "#/$defs/Tree"}]}),
    )]);
    insta::assert_snapshot!(text, @r#"
    XFArgsJson: TypeAlias = str | list[XFArgsJson] | dict[str, XFArgsJson] | None

    class XFArgsTree(TypedDict):
        below: NotRequired[list[XFArgsTree]]

    class X:
        @__forms__
        def f(self, p: XFArgsJson | XFArgsTree) -> Any:
            """WRITES"""
    ----
    interface XFArgs {
      p: XFArgsJson | XFArgsTree;
    }

    type XFArgsJson = string | XFArgsJson[] | { [key: string]: XFArgsJson } | null;

    interface XFArgsTree {
      below?: XFArgsTree[];
    }

    declare const tools: WithForms<{
      x: {
        /** WRITES */
        f(args: XFArgs): Promise<any>;
      };
    }>;
    "#);
}

#[test]
fn what_is_not_typed_says_why() {
    let mut deep = json!({"type": "string"});
    for _ in 0..40 {
        deep = json!({"type": "array", "items": deep});
    }
    let reasons = |schema: Value| {
        let text = written(&[with(schema)]);
        let reasons = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("# not typed: "));
        reasons.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(reasons(json!({"$ref": "https://example.org"})), @"Args.p: its reference leads nowhere in the schema");
    insta::assert_snapshot!(reasons(json!({"$ref": "#/$defs/Loop"})), @"Args.p: its reference leads nowhere in the schema");
    insta::assert_snapshot!(reasons(json!({"type": "nonsense"})), @"Args.p: its type is none of JSON Schema");
    insta::assert_snapshot!(reasons(deep), @"Args.p.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Item.Ite…: it lies too deep");
    insta::assert_snapshot!(reasons(json!({"properties": {"n".repeat(300): {}, "o": {}}})), @"Args.p.nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…: its name is too long to be declared");
    let many: Vec<Value> = (0..300)
        .map(|at| json!({"properties": {format!("m{at}"): {}}}))
        .collect();
    insta::assert_snapshot!(reasons(json!({"type": "array", "items": {"anyOf": many}})), @r"
    Args.p.Item.Option200: the tool has too many types
    Args.p.Item.Option201: the tool has too many types
    Args.p.Item.Option202: the tool has too many types
    Args.p.Item.Option203: the tool has too many types
    Args.p.Item.Option204: the tool has too many types
    and more
    ");
    let none: Vec<Value> = (0..9).map(|_| json!({"type": "nonsense"})).collect();
    insta::assert_snapshot!(reasons(json!({"properties": {"a": none[0], "b": none[0], "c": none[0], "d": none[0], "e": none[0], "f": none[0]}})), @r"
    Args.p.a: its type is none of JSON Schema
    Args.p.b: its type is none of JSON Schema
    Args.p.c: its type is none of JSON Schema
    Args.p.d: its type is none of JSON Schema
    Args.p.e: its type is none of JSON Schema
    and more
    ");
}

#[test]
fn names_that_are_no_keywords_are_given_in_another_way() {
    let text = json!({"type": "string"});
    let tool = json!({
        "name": "f",
        "inputSchema": {
            "type": "object",
            "properties": {
                "from": text, "self": text, "max-results": text, "$meta": text, "__x": text,
                "a-b": text, "a_b": text, "名": text, "x\"\n*/": text, "int": text,
            },
            "additionalProperties": false,
        },
    });
    insta::assert_snapshot!(written(&[tool]), @r#"
    XFArgs_others = TypedDict("XFArgs_others", {
        "__x": NotRequired[str],
        "a-b": NotRequired[str],
        "名": NotRequired[str],
        "x\"\n*/": NotRequired[str],
    })

    class X:
        @__forms__
        def f(
            self,
            *,
            from_: str = ...,
            self_: str = ...,
            max_results: str = ...,
            _meta: str = ...,
            a_b: str = ...,
            int: str = ...,
            **others: Unpack[XFArgs_others],
        ) -> Any:
            """WRITES

            from_: (sent as "from")
            self_: (sent as "self")
            max_results: (sent as "max-results")
            _meta: (sent as "$meta")
            **{"__x": ...}:
            **{"a-b": ...}:
            **{"名": ...}:
            **{"x\\" */": ...}:
            """
    ----
    interface XFArgs {
      from?: string;
      self?: string;
      "max-results"?: string;
      "$meta"?: string;
      __x?: string;
      "a-b"?: string;
      a_b?: string;
      "名"?: string;
      "x\"\n*/"?: string;
      int?: string;
    }

    declare const tools: WithForms<{
      x: {
        /** WRITES */
        f(args?: XFArgs): Promise<any>;
      };
    }>;
    "#);
}

#[test]
fn words_hidden_by_tools_and_members_are_written_in_full() {
    let tool = |name: &str| {
        json!({
            "name": name,
            "inputSchema": {"type": "object", "properties": {"p": {
                "type": "array",
                "items": {"type": "object", "properties": {"str": {"type": "string"}}},
            }}},
        })
    };
    insta::assert_snapshot!(written(&[tool("list"), tool("str"), tool("Any")]), @r#"
    XAnyArgsPItem = TypedDict("XAnyArgsPItem", {
        "str": NotRequired[str],
    })

    XListArgsPItem = TypedDict("XListArgsPItem", {
        "str": NotRequired[str],
    })

    XStrArgsPItem = TypedDict("XStrArgsPItem", {
        "str": NotRequired[str],
    })

    class X:
        @__forms__
        def Any(self, p: builtins.list[XAnyArgsPItem] = ...) -> typing.Any:
            """WRITES"""

        @__forms__
        def list(self, p: builtins.list[XListArgsPItem] = ...) -> typing.Any:
            """WRITES"""

        @__forms__
        def str(self, p: builtins.list[XStrArgsPItem] = ...) -> typing.Any:
            """WRITES"""
    ----
    interface XAnyArgs {
      p?: XAnyArgsPItem[];
    }

    interface XAnyArgsPItem {
      str?: string;
    }

    interface XListArgs {
      p?: XListArgsPItem[];
    }

    interface XListArgsPItem {
      str?: string;
    }

    interface XStrArgs {
      p?: XStrArgsPItem[];
    }

    interface XStrArgsPItem {
      str?: string;
    }

    declare const tools: WithForms<{
      x: {
        /** WRITES */
        Any(args?: XAnyArgs): Promise<any>;
        /** WRITES */
        list(args?: XListArgs): Promise<any>;
        /** WRITES */
        str(args?: XStrArgs): Promise<any>;
      };
    }>;
    "#);
}

#[test]
fn hostile_text_stays_where_it_is_put() {
    let texts = [
        "\"\"\"\nimport os\n\"\"\"",
        "ends with a quote\"",
        "\"\"",
        "\\",
        "\\\"\"\"\\",
        "\\N{DASH} \\u0041 \\x",
        "*/ evil(); /*",
        "**/",
        "`${evil}`",
        "a\u{202e}b\u{2028}c\u{0}d\u{c}e\r\nf\u{e0041}",
        "\u{feff}# coding: latin-1",
        "'''\n'''",
    ];
    for text in texts {
        let catalog = Catalog::new(vec![server(
            "x",
            &[json!({
                "name": "f",
                "description": text,
                "inputSchema": {"type": "object", "properties": {
                    "p": {"type": "string", "description": text, "default": text, "enum": [text]},
                    text: {"type": "object", "description": text, "properties": {text: {"const": text}}},
                }},
            })],
        )]);
        let (python, typescript) = (
            catalog.python_stubs(None, None),
            catalog.typescript_declarations(None, None),
        );
        for c in python.chars().chain(typescript.chars()) {
            assert!(
                c == '\n' || !crate::plain::is_treacherous(c),
                "{c:?} of {text:?}"
            );
        }
    }
    let long = json!({
        "name": "f",
        "description": "word ".repeat(2_000_000),
        "inputSchema": {"type": "object", "properties": {"p": {"description": "w".repeat(1_000_000)}}},
    });
    assert!(written(&[long]).len() < 8_000);
}

#[test]
fn the_text_of_one_tool_is_bounded() {
    let value = |at: usize| json!({"enum": (0..300).map(|n| format!("{at}-{n}-{}", "v".repeat(200))).collect::<Vec<_>>()});
    let properties: serde_json::Map<String, Value> =
        (0..60).map(|at| (format!("p{at}"), value(at))).collect();
    let text = written(&[
        json!({"name": "f", "inputSchema": {"type": "object", "properties": properties}}),
    ]);
    insta::assert_snapshot!(text, @r#"
    class X:
        @__forms__
        def f(self, **others: Any) -> Any:
            """WRITES"""
            # not typed: everything: the declarations would exceed 524288 bytes
    ----
    declare const tools: WithForms<{
      x: {
        // not typed: everything: the declarations would exceed 524288 bytes
        /** WRITES */
        f(args?: { [key: string]: unknown }): Promise<any>;
      };
    }>;
    "#);
}

#[test]
fn types_have_one_name_in_any_order_and_selection() {
    let object =
        json!({"type": "object", "properties": {"v": {"type": "object", "properties": {"w": {}}}}});
    let tool = |name: &str| json!({"name": name, "inputSchema": object, "outputSchema": {"properties": {"v": object, "other": {}}}});
    let servers = || {
        vec![
            server(
                "a",
                &[
                    tool("b_c"),
                    tool("get"),
                    tool("get_args"),
                    tool("get-args"),
                    tool("tools"),
                ],
            ),
            server("a_b", &[tool("c"), tool("raw")]),
            server("GitHub", &[tool("x")]),
            server("github", &[tool("x")]),
            server("none", &[tool("print")]),
            server("tools", &[tool("Any")]),
            server("3d", &[tool("1")]),
            server("str", &[tool("self")]),
        ]
    };
    let catalog = Catalog::new(servers());
    let mut shuffled = servers();
    shuffled.reverse();
    shuffled
        .iter_mut()
        .for_each(|server| server.tools.reverse());
    let again = Catalog::new(shuffled);
    assert_eq!(
        catalog.python_stubs(None, None),
        again.python_stubs(None, None)
    );
    assert_eq!(
        catalog.typescript_declarations(None, None),
        again.typescript_declarations(None, None)
    );

    let classes = |text: &str| -> Vec<String> {
        let classes = text.lines().filter_map(|line| line.strip_prefix("class "));
        let names = classes.map(|line| line.split(['(', ':']).next().unwrap().to_owned());
        names
            .filter(|name| {
                !["Kept", "Tools", "ToolError", "_Results", "_Store", "_Tool"].contains(&&**name)
            })
            .collect()
    };
    let all = classes(&catalog.python_stubs(None, None));
    let distinct: std::collections::HashSet<&String> = all.iter().collect();
    assert_eq!(all.len(), distinct.len());
    let selected: Vec<String> = catalog
        .servers()
        .flat_map(|server| classes(&catalog.python_stubs(Some(server.name()), None)))
        .collect();
    assert_eq!(all, selected);
    insta::assert_snapshot!(all.join(" "), @"GitHubXArgsV GitHubXResult GitHubXResultV GitHubXResultVV GitHubTools _3d1ArgsV _3d1Result _3d1ResultV _3d1ResultVV _3d_06d9aa ABCArgsV_6d5e25 ABCResult_d42949 ABCResultV_0d3d92 ABCResultVV_e4249b AGetArgsV AGetResult AGetResultV AGetResultVV AGetArgsArgsV AGetArgsResult AGetArgsResultV AGetArgsResultVV AGetArgsB262f6ArgsV AGetArgsB262f6Result AGetArgsB262f6ResultV AGetArgsB262f6ResultVV AToolsArgsV AToolsResult AToolsResultV AToolsResultVV A ABCArgsV_ba2a53 ABCResult_38672d ABCResultV_9e8de7 ABCResultVV_bad51f ABRawArgsV ABRawResult ABRawResultV ABRawResultVV AB GithubXArgsV GithubXResult GithubXResultV GithubXResultVV Github NonePrintArgsV NonePrintResult NonePrintResultV NonePrintResultVV None_beac3e StrSelfArgsV StrSelfResult StrSelfResultV StrSelfResultVV Str ToolsAnyArgsV ToolsAnyResult ToolsAnyResultV ToolsAnyResultVV Tools_1fa8ac");
}

#[test]
fn one_server_is_written_alone() {
    let catalog = Catalog::new(vec![
        server("my-one", &[with(json!({}))]),
        server("elsewhere", &[with(json!({}))]),
    ]);
    let text = catalog.python_stubs(Some("my-one"), None);
    assert!(
        text.contains("my_one: MyOne\n") && !text.contains("elsewhere"),
        "{text}"
    );
    let text = catalog.typescript_declarations(Some("myOne"), None);
    assert!(
        text.contains("  my_one: {\n") && !text.contains("elsewhere"),
        "{text}"
    );
    let none = catalog.python_stubs(Some("nothing"), None);
    assert_eq!(none, Catalog::new(Vec::new()).python_stubs(None, None));
}

#[test]
fn results_that_no_tool_describes_are_as_observed() {
    let tool = |name: &str, output: Value| {
        let mut tool = json!({"name": name, "inputSchema": {"type": "object"}});
        if !output.is_null() {
            tool["outputSchema"] = output;
        }
        tool
    };
    let text = json!({"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]});
    let number =
        json!({"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]});
    let tools = [
        tool("list", Value::Null),
        tool("wrapped", text),
        tool("said", number),
        tool("unseen", Value::Null),
    ];
    let catalog = Catalog::new(vec![server("x", &tools)]);
    let mut observed = Observations::default();
    let results = [
        r#"{"items": [{"id": 1, "name": "a", "tags": [], "parent": null}], "next": null}"#,
        r#"{"items": [{"id": 2, "name": null, "tags": [], "parent": null}], "next": 2, "total": 1}"#,
    ];
    let mut shape = Shape::default();
    for (call, result) in results.iter().enumerate() {
        shape.join(&Shape::of(result, call as u32));
    }
    for tool in catalog.tools() {
        if tool.name() != "unseen" {
            let (shape, results) = (shape.clone(), results.len() as u32);
            let known = Observed { shape, results };
            observed.insert("x", tool.contract().to_owned(), known);
        }
    }
    insta::assert_snapshot!(written_of(&catalog, Some(&observed)), @r#"
class XListResult(TypedDict):
    items: list[XListResultItemsItem]
    next: int | None
    total: NotRequired[int]

class XListResultItemsItem(TypedDict):
    id: int
    name: str | None
    tags: list[Any]
    parent: Any

class XSaidResult(TypedDict):
    n: float

class XWrappedResult(TypedDict):
    items: list[XWrappedResultItemsItem]
    next: int | None
    total: NotRequired[int]

class XWrappedResultItemsItem(TypedDict):
    id: int
    name: str | None
    tags: list[Any]
    parent: Any

class X:
    @__forms__
    def list(self, **others: Any) -> XListResult:
        """WRITES"""
        # result: observed ×2

    @__forms__
    def said(self, **others: Any) -> XSaidResult:
        """WRITES"""

    @__forms__
    def unseen(self, **others: Any) -> Any:
        """WRITES"""

    @__forms__
    def wrapped(self, **others: Any) -> XWrappedResult:
        """WRITES"""
        # result: observed ×2
----
interface XListResult {
  items: XListResultItemsItem[];
  next: number | null;
  total?: number;
}

interface XListResultItemsItem {
  id: number;
  name: string | null;
  tags: any[];
  parent: any;
}

interface XSaidResult {
  n: number;
}

interface XWrappedResult {
  items: XWrappedResultItemsItem[];
  next: number | null;
  total?: number;
}

interface XWrappedResultItemsItem {
  id: number;
  name: string | null;
  tags: any[];
  parent: any;
}

declare const tools: WithForms<{
  x: {
    // result: observed ×2
    /** WRITES */
    list(args?: { [key: string]: unknown }): Promise<XListResult>;
    /** WRITES */
    said(args?: { [key: string]: unknown }): Promise<XSaidResult>;
    /** WRITES */
    unseen(args?: { [key: string]: unknown }): Promise<any>;
    // result: observed ×2
    /** WRITES */
    wrapped(args?: { [key: string]: unknown }): Promise<XWrappedResult>;
  };
}>;
"#);
    // Without it nothing is said of them.
    assert!(!written_of(&catalog, None).contains("observed"));
}
