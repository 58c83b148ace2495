//! `toolmill doctor`: what it says of a machine is what programs meet there.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::place::{Place, run, tier_here, under};

fn examined(place: &Place, wrapper: Option<Command>) -> (i32, Value) {
    let inner = place.command(&["doctor", "--json"]);
    match wrapper {
        Some(wrapper) => run(under(wrapper, &inner), ""),
        None => run(inner, ""),
    }
}

fn below(call: &str, answer: &str) -> Option<Command> {
    let filter = Path::new(env!("CARGO_BIN_EXE_toolmill")).with_file_name("examples/deny_syscall");
    let mut outer = Command::new(filter);
    outer.args([call, answer]);
    Some(outer)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["sandbox"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

#[test]
fn every_layer_is_tried_and_attacked_in_each_language() {
    let place = Place::with_fake();
    let (exit, report) = examined(&place, None);
    assert_eq!(exit, 0, "{report:#}");
    assert_eq!(report["tier"], tier_here());
    for language in ["python", "javascript"] {
        let attacks = check(&report, &format!("attacks in {language}"));
        assert_eq!(attacks["verdict"], "ok", "{attacks}");
        // So many that it is not one program's early end that looks like this.
        let count: u32 = attacks["found"]
            .as_str()
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(count > 40, "{attacks}");
    }
    let text = String::from_utf8(place.output(&["doctor"]).stdout).unwrap();
    assert!(text.ends_with("all fine\n"), "{text}");
}

#[test]
fn a_machine_without_namespaces_is_told_what_mends_it() {
    let place = Place::with_fake();
    let (exit, report) = examined(&place, below("clone3", "38"));
    assert_eq!(exit, 0, "{report:#}");
    assert_eq!(report["tier"], "strict");
    let namespaces = check(&report, "namespaces");
    assert_eq!(namespaces["verdict"], "note", "{namespaces}");
    let found = namespaces["found"].as_str().unwrap();
    assert!(found.contains("sandbox step namespaces failed"), "{found}");
    assert!(
        namespaces["fix"]
            .as_str()
            .unwrap()
            .contains("seccomp profile")
    );
    for language in ["python", "javascript"] {
        let attacks = check(&report, &format!("attacks in {language}"));
        assert_eq!(attacks["verdict"], "ok", "{attacks}");
    }

    place.write(
        "config/toolmill/toolmill.toml",
        "[sandbox]\nrequire = \"full\"\n",
    );
    let (exit, report) = examined(&place, below("clone3", "38"));
    assert_eq!((exit, &report["tier"]), (4, &Value::Null), "{report:#}");
    let javascript = check(&report, "javascript");
    assert_eq!(javascript["verdict"], "fail");
    assert!(
        javascript["found"]
            .as_str()
            .unwrap()
            .contains("sandbox.require")
    );
}

#[test]
fn without_landlock_it_names_the_kernel_s_option() {
    let place = Place::with_fake();
    let (exit, report) = examined(&place, below("landlock_create_ruleset", "38"));
    assert_eq!(exit, 4, "{report:#}");
    let landlock = check(&report, "Landlock");
    assert_eq!(landlock["verdict"], "fail");
    assert!(
        landlock["fix"]
            .as_str()
            .unwrap()
            .contains("CONFIG_SECURITY_LANDLOCK")
    );
}
