//! The typed SDK that the catalog writes, read by parsers: oxc for TypeScript, CPython's for Python.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use catalog::{Catalog, Server};
use oxc::allocator::Allocator;
use oxc::ast::AstKind;
use oxc::ast::ast::{TSMethodSignature, TSPropertySignature};
use oxc::ast_visit::{Visit, walk};
use oxc::parser::Parser;
use oxc::semantic::SemanticBuilder;
use oxc::span::SourceType;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::python::interpreter;

/// What one of the languages declares.
#[derive(Default)]
struct Declared {
    /// Paths of the tools.
    tools: BTreeSet<String>,
    /// The names given to types, as often as each is given.
    types: Vec<String>,
    /// How often the syntax tree has a node of each kind, comments and docstrings apart.
    nodes: BTreeMap<String, usize>,
}

/// What oxc reads, without a diagnostic, from declarations.
fn typescript(text: &str) -> Declared {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::d_ts()).parse();
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let checked = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .build(&parsed.program);
    assert!(checked.diagnostics.is_empty(), "{:?}", checked.diagnostics);
    let mut reading = Reading::default();
    reading.visit_program(&parsed.program);
    reading.declared
}

#[derive(Default)]
struct Reading {
    within: Vec<String>,
    declared: Declared,
}

impl<'a> Visit<'a> for Reading {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        let name = format!("{:?}", kind.ty());
        *self.declared.nodes.entry(name).or_default() += 1;
        match kind {
            AstKind::TSInterfaceDeclaration(it) => self.declared.types.push(it.id.name.to_string()),
            AstKind::TSTypeAliasDeclaration(it) => self.declared.types.push(it.id.name.to_string()),
            _ => {}
        }
    }

    fn visit_ts_property_signature(&mut self, it: &TSPropertySignature<'a>) {
        let name = it.key.static_name().expect("a name that is written out");
        self.within.push(name.into_owned());
        walk::walk_ts_property_signature(self, it);
        self.within.pop();
    }

    fn visit_ts_method_signature(&mut self, it: &TSMethodSignature<'a>) {
        // What is kept has methods, too, below no server.
        if self.within.is_empty() {
            return;
        }
        let name = it.key.static_name().expect("a name that is written out");
        let path = format!("{}.{name}", self.within.join("."));
        self.declared.tools.insert(path);
        walk::walk_ts_method_signature(self, it);
    }
}

/// Reads a stub file as Python does and prints what it declares.
const READ_STUBS: &str = r#"
import ast, collections, json, sys

module = ast.parse(sys.stdin.buffer.read().decode(), "tools.pyi")
types, methods, servers = [], {}, {}
nodes = collections.Counter(type(node).__name__ for node in ast.walk(module))
fields = collections.defaultdict(list)
annotations = []
OURS = ("Kept", "_Tool", "_Results", "_Parameters", "_Value")
for node in module.body:
    if isinstance(node, ast.ClassDef) and node.name in OURS:
        continue
    if isinstance(node, ast.Assign) and node.targets[0].id in OURS:
        continue
    if isinstance(node, ast.ClassDef):
        types.append(node.name)
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef):
                arguments = inner.args.args[1:] + inner.args.kwonlyargs
                others = inner.args.kwarg and inner.args.kwarg.annotation
                methods.setdefault(node.name, {})[inner.name] = (
                    [argument.arg for argument in arguments],
                    others.slice.id if isinstance(others, ast.Subscript) else None,
                )
                annotations += [argument.annotation for argument in arguments]
                annotations.append(inner.returns)
            elif isinstance(inner, ast.AnnAssign):
                if node.name == "Tools":
                    servers[inner.target.id] = inner.annotation.id
                else:
                    annotations.append(inner.annotation)
            else:
                assert isinstance(inner, ast.Expr), ast.dump(inner)
                assert isinstance(inner.value, ast.Constant), ast.dump(inner)
    elif isinstance(node, ast.Assign):
        name, call = node.targets[0].id, node.value
        assert call.func.id == "TypedDict" and call.args[0].value == name
        types.append(name)
        fields[name] = [key.value for key in call.args[1].keys]
        annotations += call.args[1].values
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        types.append(node.target.id)
        annotations.append(node.value)
    else:
        allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AnnAssign)
        assert isinstance(node, allowed), ast.dump(node)

def is_any(node):
    return isinstance(node, ast.Name) and node.id == "Any" or isinstance(node, ast.Attribute) and node.attr == "Any"

def bare(node):
    optional = isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "NotRequired"
    return node.slice if optional else node

untyped = sum(is_any(bare(node)) for node in annotations)
partly = sum(any(map(is_any, ast.walk(node))) for node in annotations) - untyped
tools = {
    f"{server}.{method}": len(arguments) + len(fields[others])
    for server, name in servers.items()
    for method, (arguments, others) in methods.get(name, {}).items()
}
print(json.dumps({
    "types": types,
    "tools": tools,
    "nodes": nodes,
    "typed": len(annotations) - untyped - partly,
    "partly": partly,
    "untyped": untyped,
}))
"#;

/// What CPython reads from stubs; `None` without an interpreter.
fn python(text: &str) -> Option<(Declared, Value)> {
    let mut child = Command::new(&interpreter()?.path)
        .args(["-I", "-X", "utf8", "-c", READ_STUBS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "python refuses:\n{text}");
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let declared = Declared {
        tools: read["tools"].as_object().unwrap().keys().cloned().collect(),
        types: serde_json::from_value(read["types"].clone()).unwrap(),
        nodes: serde_json::from_value(read["nodes"].clone()).unwrap(),
    };
    Some((declared, read))
}

/// Both languages declare each tool once, and each type under a name of its own.
#[track_caller]
fn check(catalog: &Catalog) -> Option<Value> {
    let paths: BTreeSet<String> = catalog.tools().map(|tool| tool.path().to_owned()).collect();
    let declares_all = |mut declared: Declared| {
        assert_eq!(declared.tools, paths);
        declared.types.sort();
        let given = declared.types.len();
        declared.types.dedup();
        assert_eq!(given, declared.types.len(), "types share a name");
    };
    declares_all(typescript(&catalog.typescript_declarations(None, None)));
    let (declared, read) = python(&catalog.python_stubs(None, None))?;
    declares_all(declared);
    for tool in catalog.tools() {
        let properties = tool.input_schema().get("properties");
        let expected = properties
            .and_then(Value::as_object)
            .map_or(0, |it| it.len());
        assert_eq!(read["tools"][tool.path()], expected, "{}", tool.path());
    }
    Some(read)
}

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

const HOSTILE: [&str; 16] = [
    "\"\"\"\nimport os\nos.system('id')\n\"\"\"",
    "ends with \"",
    "\"begins and ends\"",
    "\"\"",
    "\"\"\"\"\"\"\"",
    "\\",
    "\\\"\"\"\\",
    "\\N{NO SUCH NAME} \\u12 \\x",
    "*/ declare const evil: 1; /*",
    "/* **/ */",
    "// \n# \n<!-- -->",
    "`${evil}`",
    "a\u{202e}b\u{2028}c\u{0}d\u{c}e\r\nf\u{e0041}g\u{85}h",
    "\u{feff}# -*- coding: latin-1 -*-",
    "'''\n'''",
    "class\tdef\u{b}lambda 搜索 𝒳 ﬁ",
];

#[test]
fn upstream_text_declares_nothing() {
    let of = |text: &str| {
        let mut wordy = server(
            "x",
            &[json!({
                "name": "f",
                "description": text,
                "inputSchema": {"type": "object", "description": text, "properties": {
                    "p": {"type": "string", "description": text, "default": text, "enum": [text]},
                    "o": {"type": "object", "description": text, "properties": {
                        "c": {"const": text, "description": text},
                    }},
                }},
                "outputSchema": {"type": "object", "description": text, "properties": {
                    "a-b": {"type": "array", "description": text, "items": {"enum": [text]}},
                }},
            })],
        );
        wordy.title = Some(text.to_owned());
        wordy.description = Some(text.to_owned());
        Catalog::new(vec![wordy])
    };
    let plain = of("plain");
    let plain_typescript = typescript(&plain.typescript_declarations(None, None)).nodes;
    let plain_python = python(&plain.python_stubs(None, None));
    for text in HOSTILE {
        let hostile = of(text);
        let nodes = typescript(&hostile.typescript_declarations(None, None)).nodes;
        assert_eq!(nodes, plain_typescript, "{text:?}");
        if let Some((plain, _)) = &plain_python {
            let (declared, _) = python(&hostile.python_stubs(None, None)).unwrap();
            assert_eq!(declared.nodes, plain.nodes, "{text:?}");
        }
    }
}

#[test]
fn upstream_names_are_declared_whatever_they_are() {
    let names = [
        "class",
        "from",
        "self",
        "None",
        "__proto__",
        "__init__",
        "constructor",
        "list",
        "str",
        "Any",
        "int",
        "tools",
        "a-b",
        "a.b",
        "a_b",
        "aB",
        "1st",
        "搜索",
        "ﬁ",
        "x y",
        "",
    ];
    let names: Vec<&str> = names.iter().chain(&HOSTILE).copied().collect();
    let members: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| {
            let member = json!({"type": "object", "properties": {*name: {"type": "integer"}}, "required": [name]});
            ((*name).to_owned(), member)
        })
        .collect();
    let members = json!({"type": "object", "properties": members, "additionalProperties": false});
    let tools: Vec<Value> = names
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| json!({"name": name, "inputSchema": members, "outputSchema": members}))
        .collect();
    let servers = names.iter().map(|name| server(name, &tools[..8]));
    let all_tools = server("all of them", &tools);
    check(&Catalog::new(servers.chain([all_tools]).collect()));
}

#[test]
fn schemas_that_lead_nowhere_or_round_in_circles_are_declared() {
    let chain: serde_json::Map<String, Value> = (0..500)
        .map(|at| {
            let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
            (
                format!("d{at}"),
                json!({"properties": {"next": next, "none": {"$ref": "#/$defs/none"}}}),
            )
        })
        .collect();
    let mut deep = json!({});
    for _ in 0..50 {
        deep = json!({"anyOf": [{"type": "array", "items": deep}, {"properties": {"p": {}}}]});
    }
    let schemas = [
        json!({"properties": {"p": {"$ref": "#"}}}),
        json!({"properties": {"p": {"$ref": "#/properties/p"}}}),
        json!({"properties": {"p": {"anyOf": [{"$ref": "#/properties/p"}, {"type": "array", "items": {"$ref": "#/properties/p"}}]}}}),
        json!({"properties": {"p": {"type": ["object", "null"], "properties": {"again": {"$ref": "#/properties/p"}}}}}),
        json!({"properties": {"p": {"allOf": [{"$ref": "#/properties/p"}]}}}),
        json!({"properties": {"p": {"$ref": "#/$defs/d0"}}, "$defs": chain}),
        json!({"properties": {"p": deep}}),
        json!({"properties": {"p": {"enum": []}, "q": {"enum": 1}, "r": {"anyOf": [3, null]}, "s": [], "t": {"type": {}}}}),
        json!({"type": ["object", "nonsense"], "properties": {"p": {"const": {"a": [1]}}, "q": {"const": 1e300}, "r": {"const": 123456789012345678u64}}}),
    ];
    let tools: Vec<Value> = schemas
        .iter()
        .enumerate()
        .map(|(at, schema)| json!({"name": format!("t{at}"), "inputSchema": schema, "outputSchema": schema}))
        .collect();
    check(&Catalog::new(vec![server("x", &tools)]));
}

#[test]
#[ignore = "needs ../shared: scripts/sdk-catalogs"]
fn recorded_catalogs_are_declared_whole() {
    #[derive(Default)]
    struct Recorded {
        servers: Vec<Server>,
        tools: BTreeMap<(String, String), String>,
    }
    let read = |folder: &str| {
        let mut recorded = Recorded::default();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let name = file["name"].as_str().unwrap();
            let mut raws: Vec<Box<RawValue>> = Vec::new();
            for page in file["tools_list_pages"].as_array().unwrap() {
                for tool in page["result"]["tools"].as_array().unwrap() {
                    let key = (name.to_owned(), tool["name"].as_str().unwrap().to_owned());
                    recorded.tools.insert(key, tool.to_string());
                    raws.push(to_raw_value(tool).unwrap());
                }
            }
            recorded.servers.push(Server {
                name: name.to_owned(),
                tools: raws,
                title: None,
                description: None,
            });
        }
        recorded
    };
    let folder = std::env::var("TOOLMILL_CATALOGS").expect("scripts/sdk-catalogs sets it");
    let Recorded { servers, tools } = read(&folder);
    let catalog = Catalog::new(servers);
    assert_eq!(
        catalog.len(),
        tools.len(),
        "{:?}",
        catalog.rejected().collect::<Vec<_>>()
    );
    for tool in catalog.tools() {
        // As text, so that the order of members counts too.
        let kept: Value = serde_json::from_str(tool.raw().get()).unwrap();
        let listed = &tools[&(tool.server().to_owned(), tool.name().to_owned())];
        assert_eq!(kept.to_string(), *listed, "{}", tool.path());
    }

    let begun = Instant::now();
    let python = catalog.python_stubs(None, None);
    let python_time = begun.elapsed();
    let begun = Instant::now();
    let typescript = catalog.typescript_declarations(None, None);
    let typescript_time = begun.elapsed();
    let mut shuffled = read(&folder).servers;
    shuffled.reverse();
    shuffled
        .iter_mut()
        .for_each(|server| server.tools.reverse());
    let shuffled = Catalog::new(shuffled);
    assert_eq!(python, shuffled.python_stubs(None, None));
    assert_eq!(typescript, shuffled.typescript_declarations(None, None));

    let read = check(&catalog).expect("a Python interpreter");
    println!(
        "{} tools, {} types; positions: {} typed, {} with Any inside, {} Any",
        catalog.len(),
        read["types"].as_array().unwrap().len(),
        read["typed"],
        read["partly"],
        read["untyped"],
    );
    println!("python: {} bytes in {python_time:?}", python.len());
    println!(
        "typescript: {} bytes in {typescript_time:?}",
        typescript.len()
    );
    let unread = python.matches("# not typed").count();
    println!("{unread} places not typed for a reason");
}
