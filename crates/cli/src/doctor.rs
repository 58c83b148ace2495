//! `toolmill doctor`: what works on this machine, what does not, and what to type.
//!
//! It tries instead of reading the machine's configuration: a program is run in each language
//! through the very path an agent's program takes, and a layer counts as enforced when such a run
//! has confirmed it, from inside by its probes and from outside by the host. Servers are started as
//! they would be for an agent.
//!
//! It is for the operator: unlike any other output it shows the last words of servers.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gateway::execute::{self, Language, Request};
use gateway::{ErrorCode, Face, Gateway, Health, Session};
use guest::python::Candidate;
use sandbox::Tier;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::settings::{DEPTH, Places, Settings};
use crate::{clients, exit, host, trust};

/// Version of the JSON form.
const SCHEMA: u32 = 1;
/// How long servers may take to connect before that is reported as their state.
const PATIENCE: Duration = Duration::from_secs(15);

/// Everything that was looked at.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    version: &'static str,
    /// The tier that a run has confirmed, if one has.
    tier: Option<Tier>,
    exit_code: u8,
    sandbox: Vec<Check>,
    interpreters: Vec<Check>,
    servers: Vec<Server>,
    settings: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Check {
    name: String,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Fail,
    /// Worth knowing; nothing is wrong, or nothing that stops us.
    Note,
}

#[derive(Debug, Serialize)]
struct Server {
    name: String,
    state: &'static str,
    era: Option<String>,
    tools: usize,
    reason: Option<String>,
    last_words: Option<String>,
}

/// What became of running a program in a language.
struct Tried {
    language: Language,
    outcome: Result<(Duration, Tier), Failure>,
}

struct Failure {
    code: ErrorCode,
    message: String,
}

/// A layer of the sandbox, and the names under which its steps and probes fail.
struct Layer {
    name: &'static str,
    promise: &'static str,
    steps: &'static [&'static str],
    fix: &'static str,
}

const LAYERS: [Layer; 5] = [
    Layer {
        name: "file rules",
        promise: "no file outside the workspace and the interpreter's library",
        steps: &["landlock_", "open_outside"],
        fix: "in a container, allow landlock_add_rule and landlock_restrict_self in its seccomp \
              profile; elsewhere report this, with what `toolmill doctor --json` says",
    },
    Layer {
        name: "system-call filter",
        promise: "no socket, no new process, no new program",
        steps: &["system_call_filter", "socket", "execve", "kill", "seccomp"],
        fix: "use a kernel with CONFIG_SECCOMP_FILTER; in a container, allow `seccomp` in its \
              seccomp profile",
    },
    Layer {
        name: "no new privileges",
        promise: "no capability, and no way to gain one",
        steps: &[
            "no_new_privileges",
            "no_capabilities",
            "bounding_set",
            "non_dumpable",
        ],
        fix: "in a container, allow `prctl` and `capset` in its seccomp profile",
    },
    Layer {
        name: "unprivileged user",
        promise: "never root",
        steps: &["unprivileged_uid", "unprivileged_gid", "no_groups"],
        fix: "start toolmill as an ordinary user, or give its container the capabilities SETUID, \
              SETGID and SETPCAP",
    },
    Layer {
        name: "limits",
        promise: "bounded memory, CPU time, file size and descriptors",
        steps: &["limit_"],
        fix: "look at `ulimit -Ha` where toolmill is started",
    },
];

/// Looks at everything and says what it found.
pub(crate) async fn run(
    gateway: &Arc<Gateway>,
    settings: &Settings,
    places: &Places,
    json: bool,
) -> ExitCode {
    let report = examine(gateway, settings, places).await;
    let text = if json {
        serde_json::to_string_pretty(&report).expect("a report has string keys") + "\n"
    } else {
        report.text(host::colours(&io::stdout()))
    };
    // Nobody reads on: there is nothing left to say.
    let _ = io::Write::write_all(&mut io::stdout(), text.as_bytes());
    ExitCode::from(report.exit_code)
}

async fn examine(gateway: &Arc<Gateway>, settings: &Settings, places: &Places) -> Report {
    let candidates = gateway.python().await;
    let session = Session::open(gateway, Face::CommandLine);
    let mut languages = vec![Language::JavaScript];
    if candidates.iter().any(|one| one.outcome.is_ok()) {
        languages.insert(0, Language::Python);
    }
    let programs = async {
        let (mut tried, mut attacked) = (Vec::new(), Vec::new());
        for language in languages {
            let one = try_language(gateway, &session, language).await;
            if one.outcome.is_ok() {
                attacked.push(attack(gateway, &session, language).await);
            }
            tried.push(one);
        }
        (tried, attacked)
    };
    let ((tried, attacked), servers) = tokio::join!(programs, host::tried(gateway, PATIENCE));
    let mut sandbox = vec![kernel(), landlock(sandbox::landlock_abi())];
    sandbox.extend(LAYERS.iter().map(|layer| layer.check(&tried)));
    sandbox.push(namespaces(&tried, gateway.lower_tier().as_deref()));
    sandbox.extend(tried.iter().map(Tried::check));
    sandbox.extend(attacked);
    let mut report = Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        tier: tried
            .iter()
            .all(|one| one.outcome.is_ok())
            .then(|| tried.iter().filter_map(Tried::tier).min())
            .flatten(),
        exit_code: 0,
        sandbox,
        interpreters: interpreters(candidates),
        servers: servers.into_iter().map(Server::from).collect(),
        settings: files(settings, places),
    };
    report.exit_code = report.judged();
    report
}

async fn try_language(gateway: &Arc<Gateway>, session: &Arc<Session>, language: Language) -> Tried {
    let request = Request {
        code: "1 + 1".to_owned(),
        language: Some(language),
        own_time: None,
        ..Request::default()
    };
    let run = execute::execute(gateway, session, request, &CancellationToken::new()).await;
    let outcome = match (run.done.error, run.done.value) {
        (Some(error), _) => Err(Failure {
            code: error.code,
            message: error.message,
        }),
        (None, Some(value)) if value.get() == "2" => {
            Ok((run.duration, run.tier.unwrap_or_default()))
        }
        (None, _) => Err(Failure {
            code: ErrorCode::Exception,
            message: "1 + 1 was not 2".to_owned(),
        }),
    };
    Tried { language, outcome }
}

/// Programs that try what no program may do, and say what each attempt met. JavaScript has no system
/// calls to try: it looks for anything that leads to one.
fn attacks(language: Language) -> &'static str {
    match language {
        Language::Python => include_str!("doctor/attacks.py"),
        Language::JavaScript | Language::TypeScript => include_str!("doctor/attacks.js"),
    }
}

/// What an attempt may have met: an error of the file rules, of the system-call filter or of the
/// interpreter. Any other, such as EFAULT, would come from behind the boundary.
const HELD: [&str; 11] = [
    "EPERM",
    "EACCES",
    "ENOENT",
    "EROFS",
    "ENOSYS",
    "ValueError",
    "Error",
    "ReferenceError",
    "SyntaxError",
    "TypeError",
    "absent",
];

/// Attacks the sandbox from inside, as a program of an agent could.
async fn attack(gateway: &Arc<Gateway>, session: &Arc<Session>, language: Language) -> Check {
    let request = Request {
        code: attacks(language).to_owned(),
        language: Some(language),
        own_time: None,
        ..Request::default()
    };
    let run = execute::execute(gateway, session, request, &CancellationToken::new()).await;
    let name = format!("attacks in {}", language.as_str());
    let met = run
        .done
        .value
        .as_ref()
        .and_then(|value| serde_json::from_str::<BTreeMap<String, String>>(value.get()).ok());
    match met {
        Some(met) => judged(&name, &met),
        // One that ends the program was held too, but says nothing of the others.
        None => Check::note(
            name,
            match run.done.error {
                Some(error) => format!("not known: {}", error.message),
                None => "not known: the program did not say".to_owned(),
            },
        ),
    }
}

fn judged(name: &str, met: &BTreeMap<String, String>) -> Check {
    let through: Vec<String> = met
        .iter()
        .filter(|(_, outcome)| !HELD.contains(&outcome.as_str()))
        .map(|(attempt, outcome)| format!("{attempt} met {outcome}"))
        .collect();
    if through.is_empty() {
        return Check::ok(name, format!("{} of {} held", met.len(), met.len()));
    }
    Check::fail(
        name,
        format!(
            "{} of {} held; {}",
            met.len() - through.len(),
            met.len(),
            through.join("; ")
        ),
        "stop using this installation and report this, with what `toolmill doctor --json` says",
    )
}

fn kernel() -> Check {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    match release {
        Ok(release) => Check::ok("kernel", release.trim()),
        Err(error) => Check::fail(
            "kernel",
            format!("/proc cannot be read: {error}"),
            "mount /proc; guests are confirmed through it",
        ),
    }
}

fn landlock(abi: io::Result<u32>) -> Check {
    use rustix::io::Errno;

    let name = "Landlock";
    let error = match abi {
        Ok(abi) => return Check::ok(name, format!("ABI {abi}")),
        Err(error) => error,
    };
    let fix = match Errno::from_io_error(&error) {
        Some(Errno::NOSYS) => {
            "use Linux 5.13 or later, built with CONFIG_SECURITY_LANDLOCK=y; in a container this \
             can also come from its seccomp profile, which must allow landlock_create_ruleset, \
             landlock_add_rule and landlock_restrict_self"
        }
        Some(Errno::OPNOTSUPP) => {
            "the kernel has it, switched off: add landlock to the lsm= boot parameter \
             (lsm=landlock,…, keeping what `cat /sys/kernel/security/lsm` lists), then reboot"
        }
        _ => {
            "allow landlock_create_ruleset, landlock_add_rule and landlock_restrict_self in the \
             seccomp profile of the container"
        }
    };
    Check::fail(name, error.to_string(), fix)
}

/// The layer that the full tier adds, which not every machine allows.
fn namespaces(tried: &[Tried], why_not: Option<&str>) -> Check {
    let name = "namespaces";
    if let Some(reason) = why_not {
        let fix = FULL_TIER
            .iter()
            .find(|(found, _)| reason.contains(found))
            .map_or(
                "report this, with what `toolmill doctor --json` says",
                |(_, fix)| fix,
            );
        return Check {
            fix: Some(fix.to_owned()),
            ..Check::note(
                name,
                format!("not there, so programs run in the strict tier: {reason}"),
            )
        };
    }
    let confirmed: Vec<&str> = tried
        .iter()
        .filter(|one| one.tier() == Some(Tier::Full))
        .map(|one| one.language.as_str())
        .collect();
    if confirmed.is_empty() {
        return Check::note(name, "not known: no program could be run");
    }
    Check::ok(
        name,
        format!(
            "no other process, no network device, a root of their own; in force in {}",
            confirmed.join(" and ")
        ),
    )
}

/// What keeps a machine from the full tier, by a part of its error, and what mends it; the first
/// that is found counts. The strict tier needs none of it.
const FULL_TIER: [(&str, &str); 5] = [
    (
        "namespaces failed: No space left",
        "sysctl user.max_user_namespaces=10000",
    ),
    (
        "namespaces failed",
        "in a container, allow clone3, mount, open_tree, move_mount, mount_setattr, pivot_root and \
         umount2 in its seccomp profile; elsewhere look at sysctl kernel.unprivileged_userns_clone \
         and kernel.apparmor_restrict_unprivileged_userns",
    ),
    (
        "identity failed",
        "give the container's user namespace the uid and gid 65534, or start toolmill as an \
         ordinary user",
    ),
    (
        "root_",
        "on a system with AppArmor (Ubuntu 24.04), give the toolmill binary a profile with `userns`, \
         or set sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container, allow mount, \
         open_tree, move_mount, mount_setattr, pivot_root and umount2 in its seccomp profile",
    ),
    (
        "launcher failed",
        "make the toolmill binary executable for all users",
    ),
];

impl Layer {
    fn check(&self, tried: &[Tried]) -> Check {
        let mut confirmed = Vec::new();
        for one in tried {
            match &one.outcome {
                Ok(_) => confirmed.push(one.language.as_str()),
                Err(failure) if self.failed(failure) => {
                    let found = format!("{}: {}", one.language.as_str(), failure.message);
                    return Check::fail(self.name, found, self.fix);
                }
                Err(_) => {}
            }
        }
        if confirmed.is_empty() {
            return Check::note(self.name, "not known: no program could be run");
        }
        let found = format!("{}; in force in {}", self.promise, confirmed.join(" and "));
        Check::ok(self.name, found)
    }

    /// Whether a run failed at this layer. The sandbox names its steps in its messages:
    /// `sandbox step NAME failed`, `a guest is not confined: NAME shows`, `the probe NAME met`.
    fn failed(&self, failure: &Failure) -> bool {
        let named = ["sandbox step ", "not confined: ", "the probe "]
            .iter()
            .find_map(|before| Some(failure.message.split_once(before)?.1));
        failure.code == ErrorCode::Sandbox
            && named.is_some_and(|name| self.steps.iter().any(|step| name.starts_with(step)))
    }
}

impl Tried {
    fn tier(&self) -> Option<Tier> {
        self.outcome.as_ref().ok().map(|(_, tier)| *tier)
    }

    fn check(&self) -> Check {
        let name = self.language.as_str();
        match &self.outcome {
            Ok((duration, tier)) => Check::ok(
                name,
                format!(
                    "a program ran in the {tier} tier, in {} ms from its arrival to its value",
                    duration.as_millis()
                ),
            ),
            Err(failure) => Check {
                name: name.to_owned(),
                verdict: Verdict::Fail,
                found: format!("no program can be run: {}", failure.message),
                fix: None,
            },
        }
    }
}

fn interpreters(candidates: &[Candidate]) -> Vec<Check> {
    let mut used = false;
    let mut checks: Vec<Check> = candidates
        .iter()
        .map(|candidate| {
            let path = candidate.path.display().to_string();
            match &candidate.outcome {
                Ok(found) => {
                    let (major, minor, patch) = found.version;
                    let role = if used { "not needed" } else { "used" };
                    used = true;
                    let real = if found.path == candidate.path {
                        String::new()
                    } else {
                        format!(", really {}", found.path.display())
                    };
                    Check::ok(
                        path,
                        format!("Python {major}.{minor}.{patch}, {role}{real}"),
                    )
                }
                Err(reason) => Check::note(path, reason.as_str()),
            }
        })
        .collect();
    if !used {
        checks.push(Check {
            name: "python".to_owned(),
            // TypeScript needs nothing that is not in this binary.
            verdict: Verdict::Note,
            found: "no interpreter can be used, so programs must be in TypeScript".to_owned(),
            fix: Some(
                "install CPython 3.9 or later, or name one in toolmill.toml: \
                 [python] path = [\"/…/bin/python3\"]"
                    .to_owned(),
            ),
        });
    }
    checks
}

fn files(settings: &Settings, places: &Places) -> Vec<Check> {
    let mut checks: Vec<Check> = settings
        .looked_for
        .iter()
        .map(|path| {
            let name = path.display().to_string();
            if settings.sources.contains(path) {
                Check::ok(name, "read")
            } else {
                Check::note(name, "not there")
            }
        })
        .collect();
    if let Some(fault) = &settings.fault {
        checks.push(Check::fail(
            "settings",
            fault.as_str(),
            "mend the file, then run `toolmill doctor` again",
        ));
    } else if settings.upstreams.is_empty() {
        checks.push(Check {
            name: "servers".to_owned(),
            verdict: Verdict::Note,
            found: "none is configured".to_owned(),
            fix: Some(format!(
                "toolmill init, or add [upstream.NAME] with `command` or `url` to {}",
                places.config_dir.join("toolmill.toml").display()
            )),
        });
    }
    checks.extend(
        settings
            .warnings
            .iter()
            .map(|warning| Check::note("warning", warning.as_str())),
    );
    for (server, direct) in clients::direct(settings, places) {
        let note = |direct: &clients::Direct| Check::note(server.as_str(), direct.sentence());
        checks.extend(direct.iter().map(note));
    }
    if std::env::var_os(DEPTH).is_some() {
        checks.push(Check::note(
            "warning",
            "this toolmill was started by a toolmill, and `serve` refuses that",
        ));
    }
    checks.push(state(&places.state_dir));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = path.to_string_lossy();
    checks.push(match &path[..] {
        "" => Check::note("PATH", "not set, so commands are found nowhere"),
        path => Check::note("PATH", path),
    });
    checks
}

/// Whether state can be kept, by keeping some.
fn state(folder: &Path) -> Check {
    let trial = folder.join(format!("doctor.{}", std::process::id()));
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&trial, ""))
        .and_then(|()| std::fs::remove_file(&trial));
    match written {
        Ok(()) => Check::ok("state", format!("{} can be written", folder.display())),
        Err(error) => Check {
            name: "state".to_owned(),
            verdict: Verdict::Note,
            found: format!(
                "{} cannot be written: {error}; no journal, cache or agreement is kept",
                folder.display()
            ),
            fix: Some("give this user the folder, or set XDG_STATE_HOME to one it has".to_owned()),
        },
    }
}

impl From<Health> for Server {
    fn from(health: Health) -> Server {
        Server {
            name: health.name,
            state: health.state,
            era: health.era.map(|era| format!("{era:?}").to_lowercase()),
            tools: health.tools,
            reason: health.reason,
            last_words: health.last_words,
        }
    }
}

impl Server {
    fn check(&self) -> Check {
        let verdict = if self.state == "ready" {
            Verdict::Ok
        } else {
            Verdict::Fail
        };
        let mut facts = vec![self.state.to_owned()];
        facts.extend(self.era.clone());
        if self.tools > 0 || self.state == "ready" {
            let plural = if self.tools == 1 { "" } else { "s" };
            facts.push(format!("{} tool{plural}", self.tools));
        }
        let mut found = facts.join(", ");
        if let Some(reason) = &self.reason {
            found = format!("{found}: {reason}");
        }
        Check {
            name: self.name.clone(),
            verdict,
            found,
            fix: None,
        }
    }
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Check {
        Check {
            name: name.into(),
            verdict: Verdict::Ok,
            found: found.into(),
            fix: None,
        }
    }

    fn note(name: impl Into<String>, found: impl Into<String>) -> Check {
        Check {
            verdict: Verdict::Note,
            ..Check::ok(name, found)
        }
    }

    fn fail(name: impl Into<String>, found: impl Into<String>, fix: &str) -> Check {
        Check {
            verdict: Verdict::Fail,
            fix: Some(fix.to_owned()),
            ..Check::ok(name, found)
        }
    }
}

impl Report {
    fn judged(&self) -> u8 {
        let failed = |checks: &[Check]| checks.iter().any(|check| check.verdict == Verdict::Fail);
        if failed(&self.sandbox) {
            exit::NO_SANDBOX
        } else if failed(&self.settings) || self.servers.iter().any(|one| one.state != "ready") {
            exit::NO_SETTINGS_OR_UPSTREAM
        } else {
            0
        }
    }

    fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        let mut section = |title: &str, lines: Vec<(Check, Option<&str>)>| {
            if lines.is_empty() {
                return;
            }
            let names = lines.iter().map(|(check, _)| check.name.chars().count());
            // A long path does not push everything else out of sight.
            let width = names.filter(|width| *width <= 48).max().unwrap_or(0);
            text.push_str(&format!("{title}\n"));
            for (check, last_words) in lines {
                let (word, code) = match check.verdict {
                    Verdict::Ok => ("ok  ", 32),
                    Verdict::Fail => ("fail", 31),
                    Verdict::Note => ("note", 33),
                };
                let word = if colour {
                    format!("\x1b[{code}m{word}\x1b[0m")
                } else {
                    word.to_owned()
                };
                let (name, found) = (printable(&check.name), printable(&check.found));
                text.push_str(&format!("  {word}  {name:width$}  {found}\n"));
                if let Some(fix) = &check.fix {
                    text.push_str(&format!("        fix: {}\n", printable(fix)));
                }
                for line in last_words.unwrap_or_default().lines() {
                    text.push_str(&format!("        | {}\n", printable(line)));
                }
            }
        };
        fn plain(checks: &[Check]) -> Vec<(Check, Option<&str>)> {
            checks.iter().map(|check| (check.clone(), None)).collect()
        }
        section("sandbox", plain(&self.sandbox));
        section("interpreters", plain(&self.interpreters));
        let servers = self.servers.iter();
        section(
            "servers",
            servers
                .map(|server| (server.check(), server.last_words.as_deref()))
                .collect(),
        );
        section("settings", plain(&self.settings));
        let verdict = match self.exit_code {
            0 => "all fine",
            exit::NO_SANDBOX => "programs cannot be run safely, so some or all are refused",
            _ => "programs run; some servers cannot be used",
        };
        text.push_str(&format!("{verdict}\n"));
        text
    }
}

/// Text from servers and files on one line, which a terminal must not obey.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, trust::is_hidden)
}

/// The same of a text of many lines: those stay, and so do the marks that letters carry.
pub(crate) fn printable_text(text: &str) -> String {
    // A mark by itself is escaped, but not one after a letter.
    let is_mark = |letter: char| format!("a{letter}").escape_debug().count() == 2;
    escaped(&text.replace("\r\n", "\n"), |letter| {
        !matches!(letter, '\n' | '\t') && trust::is_hidden(letter) && !is_mark(letter)
    })
}

fn escaped(text: &str, is_hidden: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_hidden(letter) {
            true => shown.extend(letter.escape_debug()),
            false => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(language: Language, outcome: Result<u64, &str>) -> Tried {
        Tried {
            language,
            outcome: outcome
                .map(|milliseconds| (Duration::from_millis(milliseconds), Tier::Strict))
                .map_err(|message| Failure {
                    code: ErrorCode::Sandbox,
                    message: message.to_owned(),
                }),
        }
    }

    #[test]
    fn a_failed_step_is_the_failure_of_its_layer_alone() {
        let check = |message: &str, layer: &str| {
            let tried = [
                tried(Language::Python, Err(message)),
                tried(Language::JavaScript, Ok(5)),
            ];
            let failed = LAYERS
                .iter()
                .map(|layer| layer.check(&tried))
                .filter(|check| check.verdict == Verdict::Fail);
            let names: Vec<String> = failed.map(|check| check.name).collect();
            assert_eq!(names.join(", "), layer, "{message}");
            assert_eq!(tried[0].check().verdict, Verdict::Fail);
        };
        check("sandbox step landlock_restrict failed: EPERM", "file rules");
        check("the probe open_outside met no resistance", "file rules");
        check("the probe execve met no resistance", "system-call filter");
        check(
            "a guest is not confined: system_call_filter shows 1",
            "system-call filter",
        );
        check(
            "sandbox step no_new_privileges failed: EPERM",
            "no new privileges",
        );
        check(
            "a guest is not confined: no_capabilities shows 0000000000000001",
            "no new privileges",
        );
        check(
            "sandbox step unprivileged_uid failed: EPERM",
            "unprivileged user",
        );
        check("sandbox step limit_cpu failed: EPERM", "limits");
        check("a guest was not ready within 10 s", "");
    }

    #[test]
    fn an_attack_that_met_no_resistance_or_the_kernel_itself_is_a_failure() {
        let met = |outcomes: [&str; 2]| {
            let names = ["mount", "socket"].map(str::to_owned);
            judged(
                "attacks",
                &names.into_iter().zip(outcomes.map(str::to_owned)).collect(),
            )
        };
        let held = met(["EPERM", "EACCES"]);
        assert_eq!(
            (held.verdict, held.found.as_str()),
            (Verdict::Ok, "2 of 2 held")
        );
        let lost = met(["EFAULT", "nothing"]);
        assert_eq!(lost.verdict, Verdict::Fail);
        assert_eq!(
            lost.found,
            "0 of 2 held; mount met EFAULT; socket met nothing"
        );
    }

    #[test]
    fn what_keeps_a_machine_from_the_full_tier_has_a_fix() {
        for (reason, fix) in [
            (
                "sandbox step namespaces failed: No space left on device",
                "max_user_namespaces",
            ),
            (
                "sandbox step namespaces failed: Function not implemented",
                "seccomp profile",
            ),
            ("sandbox step identity failed: Invalid argument", "65534"),
            (
                "sandbox step root_mount failed: Permission denied",
                "AppArmor",
            ),
            (
                "sandbox step launcher failed: Permission denied",
                "executable for all",
            ),
            ("something new", "report this"),
        ] {
            let check = namespaces(&[tried(Language::JavaScript, Ok(1))], Some(reason));
            assert_eq!(check.verdict, Verdict::Note);
            assert!(check.found.contains(reason), "{check:?}");
            assert!(check.fix.as_ref().unwrap().contains(fix), "{check:?}");
        }
        let nobody = namespaces(&[tried(Language::JavaScript, Err("no"))], None);
        assert_eq!(nobody.verdict, Verdict::Note, "{nobody:?}");
    }

    #[test]
    fn a_layer_nobody_could_try_is_not_claimed() {
        let none = [tried(Language::JavaScript, Err("a guest was not ready"))];
        for layer in &LAYERS {
            assert_eq!(layer.check(&none).verdict, Verdict::Note);
            assert_eq!(layer.check(&[]).verdict, Verdict::Note);
        }
    }

    #[test]
    fn landlock_s_absence_has_two_causes() {
        use rustix::io::Errno;
        for (errno, fix) in [
            (Errno::NOSYS, "CONFIG_SECURITY_LANDLOCK=y"),
            (Errno::OPNOTSUPP, "lsm= boot parameter"),
            (Errno::PERM, "seccomp profile of the container"),
        ] {
            let check = landlock(Err(errno.into()));
            assert_eq!(check.verdict, Verdict::Fail);
            assert!(check.fix.unwrap().contains(fix));
        }
        assert_eq!(landlock(Ok(6)).found, "ABI 6");
    }

    fn report(sandbox: Vec<Check>, servers: Vec<Server>) -> Report {
        let mut report = Report {
            schema: SCHEMA,
            version: "0",
            tier: None,
            exit_code: 0,
            sandbox,
            interpreters: Vec::new(),
            servers,
            settings: vec![Check::note("/home/ada/toolmill.toml", "not there")],
        };
        report.exit_code = report.judged();
        report
    }

    fn server(state: &'static str) -> Server {
        Server {
            name: "github".to_owned(),
            state,
            era: (state == "ready").then(|| "legacy".to_owned()),
            tools: usize::from(state == "ready"),
            reason: (state == "failed").then(|| "it ended\u{1b}[2J".to_owned()),
            last_words: (state == "failed").then(|| "no \u{1b}module\nfound".to_owned()),
        }
    }

    #[test]
    fn the_report_says_what_to_do_and_obeys_no_server() {
        let ready = report(vec![landlock(Ok(6))], vec![server("ready")]);
        insta::assert_snapshot!(ready.text(false), @r"
        sandbox
          ok    Landlock  ABI 6
        servers
          ok    github  ready, legacy, 1 tool
        settings
          note  /home/ada/toolmill.toml  not there
        all fine
        ");
        let failed = report(
            vec![Check::fail("limits", "python: no", "look")],
            vec![server("failed"), server("blocked")],
        );
        insta::assert_snapshot!(failed.text(false), @r"
        sandbox
          fail  limits  python: no
                fix: look
        servers
          fail  github  failed: it ended\u{1b}[2J
                | no \u{1b}module
                | found
          fail  github  blocked
        settings
          note  /home/ada/toolmill.toml  not there
        programs cannot be run safely, so some or all are refused
        ");
        let colourful = ready.text(true);
        assert!(colourful.contains("\x1b[32mok  \x1b[0m  Landlock  ABI 6"));
    }

    #[test]
    fn the_exit_code_says_what_is_wrong() {
        let fine = || vec![landlock(Ok(1))];
        let broken = vec![Check::fail("limits", "", "")];
        assert_eq!(report(fine(), vec![server("ready")]).exit_code, 0);
        assert_eq!(report(fine(), vec![server("connecting")]).exit_code, 5);
        assert_eq!(report(broken, vec![server("failed")]).exit_code, 4);
    }

    #[test]
    fn state_is_tried_by_writing() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        assert_eq!(state(&inside).verdict, Verdict::Ok);
        assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(state(&file.join("x")).verdict, Verdict::Note);
    }
}
