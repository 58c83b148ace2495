//! Which calls may pass: by rule, by what a server says of its tools, by what a human has allowed for
//! good.
//!
//! A rule names tools by a pattern (`github.*`, `*.delete_*`). Of the rules that fit a tool the most
//! specific one decides: the one with most letters of the tool's name, then with most of the server's,
//! then with fewest `*`; of two alike, the stricter. Where no rule fits, a tool that its server marks
//! destructive is asked about and everything else is allowed; a careful policy asks about everything
//! that is not known to only read.
//!
//! A server's marks tighten always, and loosen only where its stanza trusts them. A tool that says
//! nothing of itself is not marked destructive, though MCP has true as that mark's default: most tools
//! that only read say nothing either, and a question about everything is answered without reading.
//!
//! Rules of a project's own file can only tighten what its user's rules and the marks come to, and a rule
//! that allows tools of a server by its name speaks of the user's own server, not of a project's that has
//! the same name.
//!
//! A rule that allows fits names as they are written. One that tightens also fits what programs may write
//! for them: `delete_*` is `deleteRepo` and `delete-repo`.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock, Weak};

use catalog::Tool;

use crate::remembered::{Remembered, Standing};

/// Most rules of one file.
pub const MOST_RULES: usize = 1000;
/// Tools whose verdicts are kept.
const KEPT: usize = 20_000;
const PATTERN_BYTES: usize = 256;

/// What happens to a call. Later ones are stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    Allow,
    Ask,
    Deny,
}

impl Decision {
    pub const ALL: [Decision; 3] = [Decision::Allow, Decision::Ask, Decision::Deny];

    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        }
    }
}

/// What settings say about calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Whether to ask about everything that is not known to only read.
    pub careful: bool,
    pub rules: Vec<Rule>,
}

/// One rule of a settings file.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub pattern: Pattern,
    /// None in a rule that only counts.
    pub decision: Option<Decision>,
    /// Calls of one run, of all tools that fit.
    pub max_calls: Option<u32>,
    /// The file it stands in.
    pub file: PathBuf,
    /// Whether the file is the user's own. Another one can only tighten.
    pub own: bool,
}

impl Rule {
    /// Whether it is about a tool.
    pub fn fits(&self, tool: &Tool) -> bool {
        match self.decision {
            Some(Decision::Allow) => self.pattern.fits(tool),
            _ => self.pattern.reaches(tool),
        }
    }

    /// Whether it may decide about a tool of such a server.
    fn speaks_of(&self, server: &Server) -> bool {
        server.own || self.decision != Some(Decision::Allow) || !self.pattern.names_a_server()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule \"{}\" in {}", self.pattern, self.file.display())
    }
}

/// Names of tools, with `*` for any letters: `github.create_issue`, `github.*`, `*.delete_*`, `*`.
/// Capitals do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    server: String,
    tool: String,
    /// Both in the words of [`spelt`].
    spelt: [String; 2],
}

impl Pattern {
    /// # Errors
    /// What is wrong with it.
    pub fn new(written: &str) -> Result<Pattern, String> {
        if written.is_empty() || written.len() > PATTERN_BYTES {
            return Err(format!("must have 1 to {PATTERN_BYTES} characters"));
        }
        if written.chars().any(catalog::is_treacherous) {
            return Err("holds a character that cannot be seen".into());
        }
        let lower = written.to_lowercase();
        let (server, tool) = match lower.split_once('.') {
            Some(parts) => parts,
            None if lower == "*" => ("*", "*"),
            None => {
                return Err(format!(
                    "must name a server and a tool: \"{written}.*\" means all tools of {written}"
                ));
            }
        };
        if server.is_empty() || tool.is_empty() {
            return Err(
                "must name a server and a tool, as in \"github.*\" or \"*.delete_*\"".into(),
            );
        }
        let (of_server, of_tool) = written.split_once('.').unwrap_or(("*", "*"));
        Ok(Pattern {
            written: written.to_owned(),
            server: server.to_owned(),
            tool: tool.to_owned(),
            spelt: [spelt(of_server), spelt(of_tool)],
        })
    }

    /// Whether it fits a tool: its server and its name each as programs write them, or as the settings and
    /// the server do.
    pub fn fits(&self, tool: &Tool) -> bool {
        let (server, name) = tool.path().split_once('.').unwrap_or(("", tool.path()));
        let fits = |pattern: &str, names: [&str; 2]| {
            names
                .iter()
                .any(|name| globs(pattern, &name.to_lowercase()))
        };
        fits(&self.server, [server, tool.server()]) && fits(&self.tool, [name, tool.name()])
    }

    /// Whether it fits a tool, however the words of its names are put together.
    fn reaches(&self, tool: &Tool) -> bool {
        let (server, name) = tool.path().split_once('.').unwrap_or(("", tool.path()));
        let fits =
            |pattern: &str, names: [&str; 2]| names.iter().any(|name| globs(pattern, &spelt(name)));
        let [of_server, of_tool] = &self.spelt;
        self.fits(tool)
            || fits(of_server, [server, tool.server()]) && fits(of_tool, [name, tool.name()])
    }

    fn names_a_server(&self) -> bool {
        self.server.chars().any(|letter| letter != '*')
    }

    /// Grows with how much of a name it says.
    fn weight(&self) -> (usize, usize, std::cmp::Reverse<usize>) {
        let letters = |text: &str| text.chars().filter(|letter| *letter != '*').count();
        let stars = self.written.matches('*').count();
        (
            letters(&self.tool),
            letters(&self.server),
            std::cmp::Reverse(stars),
        )
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// A name with its words in small letters and `_` between them: `deleteRepo` and `delete-repo` are
/// `delete_repo`.
fn spelt(name: &str) -> String {
    let mut spelt = String::new();
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins = letter.is_uppercase()
            && (before.is_lowercase()
                || before.is_numeric()
                || before.is_uppercase() && letters.peek().is_some_and(|next| next.is_lowercase()));
        if begins {
            spelt.push('_');
        }
        match letter {
            '-' | ' ' | '.' | '/' | ':' => spelt.push('_'),
            other => spelt.extend(other.to_lowercase()),
        }
        before = letter;
    }
    spelt
}

/// Whether `pattern`, in which `*` stands for any letters, is all of `text`.
fn globs(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    // Each piece where it stands first leaves most room for the others.
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What is decided about the calls of one tool, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub decision: Decision,
    /// Which rule or mark decided, for whoever reads it.
    pub reason: String,
    /// Whether a server that is trusted says that it only reads.
    pub reads: bool,
    /// How many calls of a run the rules allow.
    pub quotas: Vec<Quota>,
    /// Whether a human has allowed for good what would be asked.
    pub remembered: bool,
}

/// How many calls of a run a rule allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    pub pattern: String,
    pub most: u32,
    /// The rule, by which its calls are counted.
    pub(crate) rule: String,
}

/// A rule that fits a tool.
#[derive(Debug)]
pub struct Considered {
    pub rule: Rule,
    /// Whether this one decides.
    pub decides: bool,
}

/// What the policy needs to know of the server a tool belongs to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Server {
    /// Whether what it says of its tools may loosen the policy.
    pub trusted: bool,
    /// Whether the user's own files name it, and not a project's.
    pub own: bool,
    /// Of its stanza as it is written.
    pub hash: String,
}

impl Server {
    /// Whether it is trusted, and says that this tool only reads.
    fn reads(&self, tool: &Tool) -> bool {
        self.trusted && tool.read_only_hint() == Some(true)
    }
}

/// What is decided about one tool.
#[derive(Debug, Clone)]
struct Decided {
    of: Weak<Tool>,
    verdict: Arc<Verdict>,
    /// Where the verdict is to ask: by what it is allowed instead, and what then counts.
    standing: Option<(Standing, Arc<Verdict>)>,
}

/// The policy of a gateway.
#[derive(Debug)]
pub struct Policy {
    rules: RwLock<Arc<Rules>>,
    /// The verdict about each tool that has been called, by path. A tool that is listed anew is
    /// another one.
    verdicts: Mutex<HashMap<String, Decided>>,
    remembered: Remembered,
}

impl Policy {
    pub(crate) fn new(rules: Rules, remembered: Remembered) -> Policy {
        Policy {
            rules: RwLock::new(Arc::new(rules)),
            verdicts: Mutex::default(),
            remembered,
        }
    }

    /// Takes up other rules, or other servers. What is called from now on goes by them.
    pub(crate) fn replace(&self, rules: Rules) {
        let mut present = self.rules.write().expect("no panics under this lock");
        *present = Arc::new(rules);
        self.verdicts
            .lock()
            .expect("no panics under this lock")
            .clear();
    }

    pub fn rules(&self) -> Arc<Rules> {
        self.rules
            .read()
            .expect("no panics under this lock")
            .clone()
    }

    /// What humans have allowed for good.
    pub fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// What is decided about a tool's calls. `server` is asked once a tool.
    pub fn decide(&self, tool: &Arc<Tool>, server: impl FnOnce() -> Server) -> Arc<Verdict> {
        let known = {
            let verdicts = self.verdicts.lock().expect("no panics under this lock");
            verdicts
                .get(tool.path())
                .filter(|known| std::ptr::eq(known.of.as_ptr(), Arc::as_ptr(tool)))
                .cloned()
        };
        let decided = known.unwrap_or_else(|| {
            // Held, so that nothing decided by rules of yesterday is kept.
            let rules = self.rules.read().expect("no panics under this lock");
            let decided = rules.decided_about(tool, &server());
            let mut verdicts = self.verdicts.lock().expect("no panics under this lock");
            if verdicts.len() >= KEPT {
                verdicts.clear();
            }
            verdicts.insert(tool.path().to_owned(), decided.clone());
            decided
        });
        match decided.standing {
            Some((standing, allowed)) if self.remembered.allows(&standing) => allowed,
            _ => decided.verdict,
        }
    }

    /// Allows a tool for good, as long as its server's stanza and what it says of itself stay the same.
    ///
    /// # Errors
    /// The rule cannot be kept.
    pub fn remember(&self, tool: &Tool, server: &Server) -> Result<(), String> {
        self.remembered.allow(Standing::of(tool, server))
    }
}

impl Rules {
    fn decide(&self, tool: &Tool, server: &Server) -> Verdict {
        let reads = server.reads(tool);
        let (decision, reason, _) = self.decided(tool, server);
        Verdict {
            decision,
            reason,
            reads,
            quotas: self
                .rules
                .iter()
                .filter(|rule| rule.fits(tool))
                .filter_map(|rule| {
                    Some(Quota {
                        pattern: rule.pattern.to_string(),
                        most: rule.max_calls?,
                        rule: rule.to_string(),
                    })
                })
                .collect(),
            remembered: false,
        }
    }

    fn decided_about(&self, tool: &Arc<Tool>, server: &Server) -> Decided {
        let verdict = self.decide(tool, server);
        let allowed = || Verdict {
            decision: Decision::Allow,
            reason: "allowed for good in an approval".into(),
            remembered: true,
            ..verdict.clone()
        };
        Decided {
            of: Arc::downgrade(tool),
            standing: (verdict.decision == Decision::Ask)
                .then(|| (Standing::of(tool, server), Arc::new(allowed()))),
            verdict: Arc::new(verdict),
        }
    }

    /// What is decided, why, and by which rule, if it is one.
    fn decided(&self, tool: &Tool, server: &Server) -> (Decision, String, Option<&Rule>) {
        let own = match self.winner(tool, server, true) {
            Some((rule, decision)) => (decision, rule.to_string(), Some(rule)),
            None => {
                let (decision, mut reason) = self.without_rule(tool, server.reads(tool));
                let of_another = self.rules.iter().find(|rule| {
                    rule.own
                        && rule.decision.is_some()
                        && rule.fits(tool)
                        && !rule.speaks_of(server)
                });
                if let Some(rule) = of_another {
                    reason.push_str(&format!(
                        "; {rule} speaks of your own server of that name, and a project names this one"
                    ));
                }
                (decision, reason, None)
            }
        };
        match self.winner(tool, server, false) {
            Some((rule, stricter)) if stricter > own.0 => (stricter, rule.to_string(), Some(rule)),
            _ => own,
        }
    }

    fn without_rule(&self, tool: &Tool, reads: bool) -> (Decision, String) {
        let (decision, reason) = if reads {
            (
                Decision::Allow,
                "its server, which is trusted, marks it read-only",
            )
        } else if tool.destructive_hint() == Some(true) {
            (Decision::Ask, "its server marks it destructive")
        } else if self.careful {
            (
                Decision::Ask,
                "the policy is careful, and no trusted server marks it read-only",
            )
        } else {
            (Decision::Allow, "nothing marks it destructive")
        };
        (decision, reason.to_owned())
    }

    /// The rule that decides about a tool, among those of the user's own files or of the others.
    fn winner(&self, tool: &Tool, server: &Server, own: bool) -> Option<(&Rule, Decision)> {
        self.rules
            .iter()
            .filter(|rule| rule.own == own && rule.fits(tool) && rule.speaks_of(server))
            .filter_map(|rule| Some((rule, rule.decision?)))
            .max_by_key(|(rule, decision)| (rule.pattern.weight(), *decision))
    }

    /// Every rule that fits a tool, the one that decides first.
    pub fn considered(&self, tool: &Tool, server: &Server) -> Vec<Considered> {
        let (.., deciding) = self.decided(tool, server);
        let decides = |rule: &Rule| deciding.is_some_and(|it| std::ptr::eq(it, rule));
        let mut considered: Vec<Considered> = self
            .rules
            .iter()
            .filter(|rule| rule.fits(tool))
            .map(|rule| Considered {
                rule: rule.clone(),
                decides: decides(rule),
            })
            .collect();
        considered.sort_by_key(|one| !one.decides);
        considered
    }
}

#[cfg(test)]
mod tests {
    use catalog::Catalog;
    use serde_json::{Value, json};

    use super::*;

    /// A catalog of servers `github` and `my-files`, each with these tools: name and annotations.
    fn catalog(tools: &[(&str, Value)]) -> Catalog {
        let server = |name: &str| catalog::Server {
            name: name.into(),
            tools: tools
                .iter()
                .map(|(tool, annotations)| {
                    let tool = json!({
                        "name": tool,
                        "description": "does it",
                        "inputSchema": {"type": "object"},
                        "annotations": annotations,
                    });
                    serde_json::value::to_raw_value(&tool).unwrap()
                })
                .collect(),
            title: None,
            description: None,
        };
        Catalog::new(vec![server("github"), server("my-files")])
    }

    fn tool(path: &str, annotations: Value) -> Arc<Tool> {
        let (_, name) = path.split_once('.').unwrap();
        let catalog = catalog(&[(name, annotations)]);
        catalog.resolve(path).unwrap().clone()
    }

    fn rule(pattern: &str, decision: Decision, own: bool) -> Rule {
        Rule {
            pattern: Pattern::new(pattern).unwrap(),
            decision: Some(decision),
            max_calls: None,
            file: if own {
                "/home/toolmill.toml"
            } else {
                "/project/toolmill.toml"
            }
            .into(),
            own,
        }
    }

    fn server(trusted: bool) -> Server {
        Server {
            trusted,
            own: true,
            hash: "stanza".into(),
        }
    }

    fn policy(rules: Rules, state: &std::path::Path) -> Policy {
        Policy::new(rules, Remembered::new(state))
    }

    #[test]
    fn marks_tighten_always_and_loosen_where_they_are_trusted() {
        use Decision::{Allow, Ask};
        let reads = json!({"readOnlyHint": true});
        let writes = json!({"readOnlyHint": false});
        let adds = json!({"readOnlyHint": false, "destructiveHint": false});
        let destroys = json!({"readOnlyHint": false, "destructiveHint": true});
        let both = json!({"readOnlyHint": true, "destructiveHint": true});
        let odd = json!({"readOnlyHint": "yes", "destructiveHint": 1});
        // Of a server that is not trusted, and of one that is; each by default and when careful.
        for (annotations, expected) in [
            (json!({}), [Allow, Ask, Allow, Ask]),
            (Value::Null, [Allow, Ask, Allow, Ask]),
            (reads, [Allow, Ask, Allow, Allow]),
            (writes, [Allow, Ask, Allow, Ask]),
            (adds, [Allow, Ask, Allow, Ask]),
            (destroys, [Ask, Ask, Ask, Ask]),
            (both, [Ask, Ask, Allow, Allow]),
            (odd, [Allow, Ask, Allow, Ask]),
        ] {
            let tool = tool("github.t", annotations.clone());
            let decided = [(false, false), (false, true), (true, false), (true, true)];
            let decided = decided.map(|(trusted, careful)| {
                let rules = Rules {
                    careful,
                    ..Rules::default()
                };
                rules.decide(&tool, &server(trusted)).decision
            });
            assert_eq!(decided, expected, "{annotations}");
        }
    }

    #[test]
    fn the_most_specific_rule_decides_and_a_project_only_tightens() {
        use Decision::{Allow, Ask, Deny};
        let own = |pattern, decision| rule(pattern, decision, true);
        let theirs = |pattern, decision| rule(pattern, decision, false);
        let delete = "github.delete_repo";
        for (path, rules, expected) in [
            (delete, vec![], Ask),
            (delete, vec![own("*", Allow)], Allow),
            (delete, vec![own("*", Deny), own("github.*", Allow)], Allow),
            (
                delete,
                vec![own("github.*", Deny), own("github.delete_repo", Allow)],
                Allow,
            ),
            // What is said of the tool's name counts before what is said of its server.
            (
                delete,
                vec![own("*.delete_*", Deny), own("github.*", Allow)],
                Deny,
            ),
            (
                delete,
                vec![own("*.delete_*", Deny), own("github.delete_*", Ask)],
                Ask,
            ),
            (
                delete,
                vec![own("*.delete_repo", Deny), own("github.delete_*", Allow)],
                Deny,
            ),
            (
                delete,
                vec![
                    own("github.*delete_repo*", Deny),
                    own("github.delete_repo", Allow),
                ],
                Allow,
            ),
            // Alike: the stricter.
            (
                delete,
                vec![own("github.*_repo", Allow), own("github.delet*", Deny)],
                Deny,
            ),
            (delete, vec![own("GitHub.Delete_Repo", Deny)], Deny),
            (delete, vec![own("git.*", Deny)], Ask),
            (delete, vec![own("*hub.*e*e*o", Deny)], Deny),
            (delete, vec![own("github.delete", Deny)], Ask),
            // By the server's own name and by that in programs.
            ("my_files.delete_repo", vec![own("my-files.*", Deny)], Deny),
            ("my_files.delete_repo", vec![own("my_files.*", Deny)], Deny),
            // The server by one of its names and the tool by the other.
            (
                "my_files.delete_repo",
                vec![own("my-files.delete_*", Deny)],
                Deny,
            ),
            // What tightens fits however the words are put together; what allows does not.
            (delete, vec![own("github.deleteRepo", Deny)], Deny),
            (delete, vec![own("git-hub.delete*", Deny)], Ask),
            (delete, vec![own("github.deleteRepo", Allow)], Ask),
            ("github.deleteRepo", vec![own("*.delete_*", Deny)], Deny),
            ("github.delete-repo", vec![own("*.delete_repo", Deny)], Deny),
            ("github.DELETERepo", vec![own("*.delete_repo", Deny)], Deny),
            ("github.deleted", vec![own("*.delete_*", Deny)], Ask),
            ("github.deleteRepo", vec![own("*.delete_*", Allow)], Ask),
            // A project may not allow, whatever it says, and may deny what the user allows.
            (delete, vec![theirs("*", Allow)], Ask),
            (delete, vec![theirs(delete, Allow), own("*", Deny)], Deny),
            (delete, vec![theirs("*", Deny), own(delete, Allow)], Deny),
            (delete, vec![theirs("*", Ask), own(delete, Deny)], Deny),
        ] {
            let tool = tool(path, json!({"destructiveHint": true}));
            let shown: Vec<String> = rules
                .iter()
                .map(|rule| format!("{:?} {rule}", rule.decision))
                .collect();
            let rules = Rules {
                careful: false,
                rules,
            };
            let verdict = rules.decide(&tool, &server(false));
            assert_eq!(
                verdict.decision, expected,
                "{path} {shown:?}: {}",
                verdict.reason
            );
        }
    }

    #[test]
    fn a_rule_that_allows_a_server_by_name_speaks_of_the_users_own() {
        use Decision::{Allow, Ask, Deny};
        let tool = tool("github.delete_repo", json!({"destructiveHint": true}));
        let projects = Server {
            own: false,
            ..server(false)
        };
        for (pattern, decision, of_own, of_project) in [
            ("github.*", Allow, Allow, Ask),
            ("git*.delete_repo", Allow, Allow, Ask),
            ("*.delete_*", Allow, Allow, Allow),
            ("*", Allow, Allow, Allow),
            ("github.*", Deny, Deny, Deny),
        ] {
            let rules = Rules {
                careful: false,
                rules: vec![rule(pattern, decision, true)],
            };
            assert_eq!(
                rules.decide(&tool, &server(false)).decision,
                of_own,
                "{pattern}"
            );
            let verdict = rules.decide(&tool, &projects);
            assert_eq!(verdict.decision, of_project, "{pattern}");
            let is_named = verdict.reason.contains("speaks of your own server");
            assert_eq!(is_named, of_own != of_project, "{}", verdict.reason);
        }
    }

    #[test]
    fn a_pattern_is_checked_when_it_is_read() {
        for (written, problem) in [
            ("", "must have 1 to 256 characters"),
            (
                "github",
                "must name a server and a tool: \"github.*\" means all tools of github",
            ),
            (
                ".x",
                "must name a server and a tool, as in \"github.*\" or \"*.delete_*\"",
            ),
            (
                "x.",
                "must name a server and a tool, as in \"github.*\" or \"*.delete_*\"",
            ),
            ("a.\u{202e}b", "holds a character that cannot be seen"),
        ] {
            assert_eq!(Pattern::new(written).unwrap_err(), problem, "{written}");
        }
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("a*b", "ab", true),
            ("a*b", "aXbXb", true),
            ("a*ba", "aba", true),
            ("a*aba", "aba", false),
            ("a**c", "abc", true),
            ("*b*", "abc", true),
            ("a", "ab", false),
            ("*a", "ab", false),
        ] {
            assert_eq!(globs(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn what_a_human_allowed_for_good_counts_for_that_very_tool() {
        let state = tempfile::tempdir().unwrap();
        let policy = policy(Rules::default(), state.path());
        let destroys = json!({"destructiveHint": true});
        let one = tool("github.erase", destroys.clone());
        let decide = |tool: &Arc<Tool>, hash: &str| {
            let server = Server {
                hash: hash.into(),
                ..server(false)
            };
            let verdict = policy.decide(tool, || server);
            (verdict.decision, verdict.remembered)
        };
        assert_eq!(decide(&one, "stanza"), (Decision::Ask, false));
        policy.remember(&one, &server(false)).unwrap();
        assert_eq!(decide(&one, "stanza"), (Decision::Allow, true));
        // Listed anew, it is the same tool; of another stanza, or saying more of itself, it is not.
        let again = tool("github.erase", destroys);
        assert_eq!(decide(&again, "stanza"), (Decision::Allow, true));
        let changed = tool(
            "github.erase",
            json!({"destructiveHint": true, "title": "E"}),
        );
        assert_eq!(decide(&changed, "stanza"), (Decision::Ask, false));
        let elsewhere = tool("github.erase", json!({"destructiveHint": true}));
        assert_eq!(decide(&elsewhere, "another"), (Decision::Ask, false));
        // A rule of the settings that denies is stronger, one that asks is not.
        let rules = |decision| Rules {
            careful: false,
            rules: vec![rule("*.erase", decision, true)],
        };
        policy.replace(rules(Decision::Deny));
        assert_eq!(decide(&one, "stanza"), (Decision::Deny, false));
        policy.replace(rules(Decision::Ask));
        assert_eq!(decide(&one, "stanza"), (Decision::Allow, true));
        // Another process forgets it.
        assert_eq!(Remembered::new(state.path()).forget("github.erase"), Ok(1));
        assert_eq!(decide(&one, "stanza"), (Decision::Ask, false));
        assert_eq!(Remembered::new(state.path()).forget("github.erase"), Ok(0));
    }

    #[test]
    fn a_file_that_cannot_be_read_allows_nothing_and_is_left_alone() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("approvals.json");
        let tool = tool("github.erase", json!({"destructiveHint": true}));
        for (text, problem) in [
            ("{", "is damaged"),
            (r#"{"schema":2,"allowed":[]}"#, "is of schema version 2"),
        ] {
            std::fs::write(&file, text).unwrap();
            let policy = policy(Rules::default(), state.path());
            let refused = policy.remember(&tool, &server(false)).unwrap_err();
            assert!(refused.contains(problem), "{refused}");
            assert!(policy.remembered().all().unwrap_err().contains(problem));
            let verdict = policy.decide(&tool, || server(false));
            assert_eq!(verdict.decision, Decision::Ask);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
    }
}
