//! Crates point one way. An edge that is not in the table is argued for in ARCHITECTURE.md first.

use std::collections::BTreeSet;
use std::path::Path;

/// Who may depend on whom.
const EDGES: &[(&str, &[&str])] = &[
    (
        "cli",
        &["gateway", "files", "journal", "results", "sandbox", "guest"],
    ),
    (
        "gateway",
        &[
            "protocol",
            "catalog",
            "embedding",
            "files",
            "guest",
            "sandbox",
            "upstream",
            "journal",
            "results",
            "sessions",
        ],
    ),
    ("guest", &["catalog", "files", "protocol"]),
    ("upstream", &["catalog", "files"]),
    ("testkit", &["catalog"]),
    ("protocol", &[]),
    ("files", &[]),
    ("catalog", &[]),
    ("embedding", &[]),
    ("results", &["files"]),
    ("sessions", &["files"]),
    ("sandbox", &[]),
    ("journal", &[]),
];

#[test]
fn crates_depend_only_along_the_known_edges() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let names: BTreeSet<String> = std::fs::read_dir(crates)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, known, "every crate has a row");
    for (name, allowed) in EDGES {
        let manifest = std::fs::read_to_string(crates.join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest
            .split("\n[")
            .find(|section| section.starts_with("dependencies]"))
            .expect("a section of dependencies");
        for line in dependencies.lines().skip(1) {
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(
                !known.contains(dependency) || allowed.contains(&dependency),
                "{name} depends on {dependency}, which is not a known edge"
            );
        }
    }
}

#[test]
fn only_the_sandbox_may_hold_unsafe_code() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (name, _) in EDGES {
        let manifest = std::fs::read_to_string(crates.join(name).join("Cargo.toml")).unwrap();
        let denies = manifest.contains("[lints]\nworkspace = true");
        assert_eq!(denies, *name != "sandbox", "{name}");
    }
    let workspace = std::fs::read_to_string(crates.parent().unwrap().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"deny\""));
}
