//! Ordinary programs, as agents write them: each prints here what it prints in plain CPython or Node.
//!
//! The programs and what they print there are in `tests/programs`; `scripts/record-programs` writes
//! the outputs again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::place::{Place, complaints, fake};

/// A program that is meant to end differently here.
struct Difference {
    program: &'static str,
    reason: &'static str,
    /// What it prints instead, and the error in which it ends.
    instead: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        program: "javascript/buffer_and_process",
        reason: "Buffer and process are Node's, not the language's; the error says so",
        instead: "undefined_name: ReferenceError: Buffer is not defined\n",
    },
    Difference {
        program: "javascript/console_long_arrays",
        reason: "a long array fills its lines, where Node aligns columns: fewer tokens",
        instead: "[
  0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 57,
  60, 63, 66, 69, 72, 75, 78, 81, 84, 87
]
[
  'item-0', 'item-1', 'item-2', 'item-3', 'item-4', 'item-5', 'item-6',
  'item-7'
]
",
    },
    Difference {
        program: "javascript/console_nested_objects",
        reason: "an object is shown six levels deep, where Node writes [Object] from the third: \
                 the agent would have to ask again",
        instead: "[
  { id: 0, address: { city: 'Graz', geo: { lat: 47.07, lng: 15.43 } } },
  { id: 1, address: { city: 'Graz', geo: { lat: 47.07, lng: 15.43 } } }
]
{ level1: { level2: { level3: { level4: 'deep' } } } }
",
    },
    Difference {
        program: "javascript/node_modules",
        reason: "there is no Node around a program; the error names what there is",
        instead: "import: there is no module \"node:crypto\"\n",
    },
    Difference {
        program: "python/stdout_and_stderr",
        reason: "what was printed comes in the order in which it was, as on a terminal; into a \
                 pipe, CPython lets sys.stdout.buffer and os.write overtake print",
        instead: "no newline
'captured\\n' utf-8 False
bytes ü
raw
DeprecationWarning old
ünï → 🙂",
    },
];

/// Programs that ought to run and do not yet.
const KNOWN_FAULTS: &[(&str, &str)] = &[
    (
        "javascript/console_odd_values",
        "console.log: strings with a quote or a line break, functions without a name, holes, \
         objects without a prototype, classes with a parent",
    ),
    (
        "javascript/deep_recursion",
        "some 3,000 calls deep is the end, 650 in a debug build; Node's is at 10,000",
    ),
    (
        "javascript/error_stack",
        "error.stack does not begin with the error's name and message",
    ),
    ("python/atexit_summary", "what atexit registered is not run"),
    ("python/file_constant", "no __file__"),
    (
        "python/own_source",
        "inspect.getsource does not find the program's own functions",
    ),
    (
        "python/result_is_an_object",
        "a variable `result` that JSON lacks fails a program that printed all it had to say",
    ),
    (
        "python/unittest_main",
        "a last statement whose value JSON lacks fails a program that printed all it had to say",
    ),
    ("python/unittest_suite", "as result_is_an_object"),
    ("typescript/class_decorators", "no decorators"),
    (
        "typescript/observable_stream",
        "a last statement whose value is a function fails a program that printed all it had to say",
    ),
];

#[test]
fn programs_print_what_they_print_elsewhere() {
    let programs = programs();
    for (name, least) in [
        ("python/", 70),
        ("javascript/", 70),
        ("typescript/", 60),
        ("/calls_", 40),
    ] {
        let count = programs
            .iter()
            .filter(|program| program.name.contains(name))
            .count();
        assert!(count >= least, "{count} programs of {name}");
    }
    let long = |program: &&Program| program.code.lines().count() > 20;
    assert!(programs.iter().filter(long).count() * 2 >= programs.len());
    let named = DIFFERENCES
        .iter()
        .map(|difference| difference.program)
        .chain(KNOWN_FAULTS.iter().map(|(program, _)| *program));
    for name in named {
        assert!(
            programs.iter().any(|program| program.name == name),
            "there is no program {name}"
        );
    }

    // Some of them delete, and nobody is here to be asked.
    let rules = "[rules]\n\"*\" = \"allow\"\n";
    let place = Place::new(&format!("{}{rules}", fake("fake", &[])));
    let wrong = complaints(&programs, |program| program.complaint(&place));
    for difference in DIFFERENCES {
        println!("{}: {}", difference.program, difference.reason);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

struct Program {
    /// `python/csv_revenue_by_region`
    name: String,
    language: &'static str,
    code: String,
    /// What it prints elsewhere.
    expected: String,
}

fn programs() -> Vec<Program> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut programs = Vec::new();
    for (language, extension) in [("python", "py"), ("javascript", "js"), ("typescript", "ts")] {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(root.join(language))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|known| known == extension))
            .collect();
        paths.sort();
        programs.extend(paths.into_iter().map(|path| Program {
            name: format!("{language}/{}", path.file_stem().unwrap().display()),
            language,
            code: std::fs::read_to_string(&path).unwrap(),
            expected: std::fs::read_to_string(path.with_extension("out")).unwrap(),
        }));
    }
    programs
}

impl Program {
    /// What is wrong with how it runs here.
    fn complaint(&self, place: &Place) -> Option<String> {
        let (_, report) = place.run(self.language, &self.code);
        let mut outcome = report["stdout"].as_str().unwrap().to_owned();
        if let Some(code) = report["error"]["code"].as_str() {
            let message = report["error"]["message"].as_str().unwrap();
            outcome.push_str(&format!("{code}: {message}\n"));
        }
        let fault = KNOWN_FAULTS
            .iter()
            .find(|(program, _)| *program == self.name);
        if let Some((program, fault)) = fault {
            return (outcome == self.expected)
                .then(|| format!("{program} runs: its fault is mended ({fault})"));
        }
        let expected = DIFFERENCES
            .iter()
            .find(|difference| difference.program == self.name)
            .map_or(&self.expected[..], |difference| difference.instead);
        (outcome != expected).then(|| format!("{}\n{}", self.name, diff(expected, &outcome)))
    }
}

/// The lines from the first to the last that differ, of both.
fn diff(expected: &str, outcome: &str) -> String {
    let (mut one, mut other): (Vec<&str>, Vec<&str>) = (
        expected.split_inclusive('\n').collect(),
        outcome.split_inclusive('\n').collect(),
    );
    while !one.is_empty() && one.last() == other.last() {
        one.pop();
        other.pop();
    }
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let marked = |mark: char, lines: &[&str]| -> String {
        lines
            .iter()
            .map(|line| format!("{mark}{}\n", line.trim_end_matches('\n')))
            .collect()
    };
    format!(
        "@@ line {}\n{}{}",
        same + 1,
        marked('-', &one[same..]),
        marked('+', &other[same..])
    )
}

/// Modules that no CPython for Linux has, or not every one.
const ABSENT: &[(&str, &str)] = &[
    (
        "idlelib",
        "an editor; Debian has it in a package of its own",
    ),
    ("msilib", "Windows alone"),
    ("msvcrt", "Windows alone"),
    ("nt", "Windows alone"),
    (
        "tkinter",
        "windows on a screen; a package of its own, and of no use here",
    ),
    ("turtle", "needs tkinter"),
    ("turtledemo", "needs tkinter"),
    ("winreg", "Windows alone"),
    ("winsound", "Windows alone"),
];

/// Imports every public module, and prints the interpreter and the modules it could not import.
const IMPORT_ALL: &str = r#"
import contextlib, importlib, io, json, pkgutil, sys, warnings
warnings.simplefilter("ignore")
found, refused = 0, {}

def load(name):
    global found
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(name)
    except BaseException as error:
        refused[name] = f"{type(error).__name__}: {error}"
        return
    found += 1
    for inner in pkgutil.iter_modules(getattr(module, "__path__", [])):
        # Tests are no part of the library's surface, and a `__main__` is a program.
        if inner.name.startswith("_") or inner.name in ("test", "tests", "idle_test"):
            continue
        load(f"{name}.{inner.name}")

for name in sorted(sys.stdlib_module_names):
    if not name.startswith("_"):
        load(name)
print(json.dumps([sys.executable, found, refused]))
"#;

#[test]
fn the_standard_library_is_importable_in_full() {
    let (exit, report) = Place::with_fake().run("python", IMPORT_ALL);
    assert_eq!(exit, 0, "{report:#}");
    let parse = |stdout: &str| -> (String, usize, BTreeMap<String, String>) {
        serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    };
    let (executable, found, refused) = parse(report["stdout"].as_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(executable)
        .args(["-I", "-c", IMPORT_ALL])
        .current_dir(folder.path())
        // `import antigravity` opens a page.
        .env("BROWSER", "true")
        .output()
        .unwrap();
    let (_, _, absent) = parse(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(
        refused, absent,
        "here, and in the same interpreter by itself"
    );
    assert!(found > 500, "{found} modules");
    for (name, error) in refused.iter().filter(|(name, _)| !name.contains('.')) {
        assert!(
            ABSENT.iter().any(|(module, _)| module == name),
            "{name} is refused, and no table says why: {error}"
        );
    }
}

#[test]
fn a_pool_of_threads_makes_a_thousand_calls() {
    let code = "
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(32) as pool:
    sums = list(pool.map(lambda n: tools.fake.add(a=n, b=n)['sum'], range(1000)))
[len(sums), sums == [2.0 * n for n in range(1000)]]
";
    let (exit, report) = Place::with_fake().run("python", code);
    assert_eq!(
        (exit, &report["value"]),
        (0, &json!([1000, true])),
        "{report:#}"
    );
    assert_eq!(report["calls"].as_array().map(Vec::len), Some(1000));
    let failed = |call: &&Value| call["ok"] != true;
    assert_eq!(
        report["calls"].as_array().unwrap().iter().find(failed),
        None
    );
}
