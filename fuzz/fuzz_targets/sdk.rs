//! The typed SDK of whatever a server lists.
//!
//! The input is the name of a server, a line break, and tools as JSON, one a line. What is rendered is
//! bounded, the same each time, in both languages, and TypeScript's parses.
#![no_main]

use catalog::{Catalog, Language, Server};
use libfuzzer_sys::fuzz_target;
use oxc::allocator::Allocator;
use oxc::parser::Parser;
use oxc::span::SourceType;
use serde_json::value::RawValue;

fn catalog_of(name: &str, tools: &[Box<RawValue>]) -> Catalog {
    Catalog::new(vec![Server {
        name: name.to_owned(),
        tools: tools.to_vec(),
        title: None,
        description: None,
    }])
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (name, listed) = text.split_once('\n').unwrap_or(("server", text));
    let tools: Vec<Box<RawValue>> = listed
        .lines()
        .take(8)
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let catalog = catalog_of(name, &tools);
    let declarations = catalog.typescript_declarations(None, None);
    let stubs = catalog.python_stubs(None, None);
    let reversed: Vec<Box<RawValue>> = tools.iter().rev().cloned().collect();
    if catalog.len() == tools.len() {
        let again = catalog_of(name, &reversed);
        assert_eq!(declarations, again.typescript_declarations(None, None));
        assert_eq!(stubs, again.python_stubs(None, None));
    }
    // What a tool's declarations may take, and what stands before them.
    let most = (catalog.len() + 1) * (600 << 10);
    assert!(declarations.len() < most && stubs.len() < most);

    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &declarations, SourceType::d_ts()).parse();
    assert!(
        !parsed.diagnostics.has_errors(),
        "{:?}\n{declarations}",
        parsed.diagnostics
    );
    let mut paths: Vec<&str> = catalog.tools().map(|tool| tool.path()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), catalog.len(), "two tools with one path");
    for tool in catalog.tools() {
        for language in [Language::Python, Language::TypeScript] {
            assert!(!tool.signature(language, None).contains('\n'));
        }
    }
});
