//! Names: how the raw names of servers and tools become identifiers, and which names are alike.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::words;

pub(crate) const PYTHON_KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

const JAVASCRIPT_KEYWORDS: [&str; 38] = [
    "case",
    "catch",
    "const",
    "debugger",
    "default",
    "delete",
    "do",
    "enum",
    "export",
    "extends",
    "false",
    "function",
    "implements",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "typeof",
    "undefined",
    "var",
    "void",
    "eval",
    "arguments",
    "NaN",
    "Infinity",
    "globalThis",
    "of",
];

/// Attributes that the SDK, or the language behind its back, looks up on a namespace of tools.
const SDK_NAMES: [&str; 8] = [
    "raw",
    "then",
    "constructor",
    "prototype",
    "toString",
    "toJSON",
    "valueOf",
    "hasOwnProperty",
];

/// One identifier for each of `names`, which are distinct: no two are given the same.
///
/// The result depends on the set of names, not on their order. A name that is a good identifier
/// keeps it; names that would become the same identifier are told apart by a hash of the raw name.
pub(crate) fn identifiers<'a>(names: &[&'a str]) -> Vec<Cow<'a, str>> {
    if names.iter().all(|name| is_identifier(name)) {
        return names.iter().map(|name| Cow::Borrowed(*name)).collect();
    }
    let identifiers = told_apart(names, HashSet::new(), identifier);
    identifiers.into_iter().map(Cow::Owned).collect()
}

/// What `fit` makes of each of `names`, with a hash of the name appended where two would be the same
/// or one of those `taken`. A name that `fit` leaves as it is keeps it.
pub(crate) fn told_apart(
    names: &[&str],
    mut taken: HashSet<String>,
    fit: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut found: Vec<String> = names.iter().map(|name| fit(name)).collect();
    let mut claims: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for identifier in &found {
        *claims.entry(identifier).or_default() += 1;
    }
    let (settled, mut disputed): (Vec<usize>, Vec<usize>) = (0..names.len()).partition(|&at| {
        !taken.contains(&found[at]) && (found[at] == names[at] || claims[found[at].as_str()] == 1)
    });
    if disputed.is_empty() {
        return found;
    }
    taken.extend(settled.iter().map(|&at| found[at].clone()));
    disputed.sort_by_key(|&at| names[at]);
    for at in disputed {
        // A server may list the very name that a hash leads to, so the first hash may be taken.
        let free = (0u32..)
            .map(|attempt| format!("{}_{}", found[at], short_hash(names[at], attempt)))
            .find(|candidate| !taken.contains(candidate))
            .expect("the names taken are finite");
        taken.insert(free.clone());
        found[at] = free;
    }
    found
}

/// The words of `name`, each with a capital letter, in one: `create_issue` becomes `CreateIssue`.
pub(crate) fn pascal(name: &str) -> String {
    let mut out = String::new();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// The identifier that `raw` would have if it were alone.
pub(crate) fn identifier(raw: &str) -> String {
    if is_identifier(raw) {
        return raw.to_owned();
    }
    let mapped = raw.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    let stripped = mapped.trim_start_matches('_');
    if stripped.is_empty() {
        return "unnamed".to_owned();
    }
    // A second leading underscore would make the name private in a Python class, or a dunder.
    let prefix =
        if stripped.len() < mapped.len() || stripped.starts_with(|c: char| c.is_ascii_digit()) {
            "_"
        } else {
            ""
        };
    let suffix = if is_reserved(stripped) && prefix.is_empty() {
        "_"
    } else {
        ""
    };
    [prefix, stripped, suffix].concat()
}

/// Whether a name is what it would become, which most are.
fn is_identifier(raw: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    raw.starts_with(|c: char| c.is_ascii_alphabetic())
        && raw.bytes().all(is_part)
        && !is_reserved(raw)
}

fn is_reserved(word: &str) -> bool {
    // Most names of tools are longer or have an underscore, and need not be compared with all.
    const LONGEST_BYTES: usize = "hasOwnProperty".len();
    if word.len() > LONGEST_BYTES || !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    PYTHON_KEYWORDS.contains(&word)
        || JAVASCRIPT_KEYWORDS.contains(&word)
        || SDK_NAMES.contains(&word)
}

fn short_hash(name: &str, attempt: u32) -> String {
    let digest = Sha256::new()
        .chain_update(attempt.to_le_bytes())
        .chain_update(name)
        .finalize();
    digest[..3]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What `createIssue`, `create_issue` and `create-issue` have in common.
pub(crate) fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether two names differ at most in case and separators.
pub fn is_same_name(a: &str, b: &str) -> bool {
    folded(a) == folded(b)
}

/// From this likeness on, a name is worth proposing for another.
pub(crate) const ALIKE: f32 = 0.5;

/// How alike two names are, from 0 to 1: by the words they share, or by the letters to be changed.
pub(crate) fn likeness(a: &str, b: &str) -> f32 {
    let (a_words, b_words) = (words::list(a), words::list(b));
    let shared = a_words.iter().filter(|word| b_words.contains(word)).count();
    let overlap = 2.0 * shared as f32 / (a_words.len() + b_words.len()).max(1) as f32;

    // Names longer than this are told apart by their beginnings; the comparison is quadratic.
    const COMPARED_CHARS: usize = 48;
    let a: Vec<char> = folded(a).chars().take(COMPARED_CHARS).collect();
    let b: Vec<char> = folded(b).chars().take(COMPARED_CHARS).collect();
    let longest = a.len().max(b.len());
    if longest == 0 {
        return 0.0;
    }
    let letters = 1.0 - distance(&a, &b, longest) as f32 / longest as f32;
    let abbreviates = a.len().min(b.len()) >= 3 && (a.starts_with(&b) || b.starts_with(&a));
    overlap
        .max(letters)
        .max(if abbreviates { 0.6 } else { 0.0 })
}

/// The number of letters to insert, delete, replace or swap with their neighbour; some number above
/// `most` if it is more than that.
pub(crate) fn distance<T: PartialEq>(a: &[T], b: &[T], most: usize) -> usize {
    // What both begin and end with costs nothing to keep.
    let alike = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[alike..], &b[alike..]);
    let ends = a.iter().rev().zip(b.iter().rev());
    let alike = ends.take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - alike], &b[..b.len() - alike]);
    let mut before = vec![0; b.len() + 1];
    let mut least_before = 0;
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = before.clone();
    for i in 1..=a.len() {
        row[0] = i;
        let mut least = i;
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
            least = least.min(row[j]);
        }
        // All that follows comes from this row or, by a swap, from the one before.
        if least > most && least_before >= most {
            return most + 1;
        }
        least_before = least;
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        #[track_caller]
        fn check(raw: &str, expected: &str) {
            assert_eq!(identifier(raw), expected);
        }
        check("create_issue", "create_issue");
        check("API-get-user", "API_get_user");
        check("7zip", "_7zip");
        check("class", "class_");
        check("delete", "delete_");
        check("raw", "raw_");
        check("__proto__", "_proto__");
        check("__init__", "_init__");
        check("搜索", "unnamed");
        check("a\"]\n#b", "a____b");
        check("_", "unnamed");
    }

    #[test]
    fn every_reserved_word_is_told_apart() {
        let all = [&PYTHON_KEYWORDS[..], &JAVASCRIPT_KEYWORDS, &SDK_NAMES].concat();
        for word in all {
            assert_eq!(identifier(word), format!("{word}_"));
        }
    }

    #[test]
    fn colliding_names_are_told_apart_whatever_their_order() {
        let names = ["a-b", "a.b", "a_b", "c-d", "搜索", "创建"];
        let found = identifiers(&names);
        insta::assert_debug_snapshot!(found, @r#"
        [
            "a_b_498a3f",
            "a_b_37c255",
            "a_b",
            "c_d",
            "unnamed_05a7e8",
            "unnamed_1924c5",
        ]
        "#);
        let reversed: Vec<&str> = names.iter().rev().copied().collect();
        let mut again = identifiers(&reversed);
        again.reverse();
        assert_eq!(found, again);
        // A server that foresees the hash and lists it gains nothing.
        let forged = identifiers(&["a-b", "a.b", &found[0]]);
        assert_eq!(forged[2], found[0]);
        assert_ne!(forged[0], found[0]);
    }

    #[test]
    fn likeness_finds_what_was_meant() {
        #[track_caller]
        fn check(written: &str, meant: &str, alike: bool) {
            let likeness = likeness(written, meant);
            assert_eq!(likeness >= ALIKE, alike, "{written} {meant} {likeness}");
        }
        check("number", "issue_number", true);
        check("titel", "title", true);
        check("repository", "repo", true);
        check("make_issue", "create_issue", true);
        check("query", "jql", false);
        check("body", "title", false);
        check("", "", false);
    }
}
