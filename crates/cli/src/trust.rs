//! Which servers of project files may be started.
//!
//! A project file comes with somebody else's repository, and naming a server there is naming a
//! command to run. So such a server starts only after a human has agreed to it, once, in words that
//! show what it runs. The agreement is to one exact stanza in one folder: the command and its
//! arguments, the working directory, and each variable or header as the file writes it. A literal
//! value counts, since `NODE_OPTIONS` and `PATH` run code as well as a command does; the value
//! behind a `${VAR}` does not, since it is the user's own. Any change asks again.
//!
//! What is agreed to is the command, not what lies behind it: a script of the project, or a package
//! that a registry hands out, can change under the same name.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::settings::{self, Template, Written};

/// Version of the file; a later one belongs to a newer toolmill and is left alone.
const SCHEMA: u32 = 1;
/// How much of a command line a sentence has room for. It also reaches the agent.
const SENTENCE_CHARACTERS: usize = 200;

/// What a human is asked to agree to. Its texts are safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) name: String,
    /// The file that names the server.
    pub(crate) file: PathBuf,
    /// The command as a shell would read it, or the URL.
    pub(crate) command_line: String,
    /// Variables or headers it gets, as the file writes them: `GITHUB_TOKEN=${GITHUB_TOKEN}`.
    pub(crate) variables: Vec<String>,
    /// Of everything that is agreed to.
    pub(crate) hash: String,
    /// Whether it would take the place of the user's own server of that name.
    pub(crate) replaces_own: bool,
}

impl Request {
    pub(crate) fn new(name: &str, file: &Path, written: &Written) -> Request {
        let (command_line, variables) = match written {
            Written::Command {
                command,
                args,
                env,
                cwd,
            } => {
                let words: Vec<String> = std::iter::once(command)
                    .chain(args)
                    .map(|word| quoted(word.source()))
                    .collect();
                let command_line = words.join(" ");
                let command_line = match cwd {
                    Some(cwd) => format!("cd {} && {command_line}", quoted(cwd.source())),
                    None => command_line,
                };
                (command_line, env)
            }
            Written::Address { url, headers } => (quoted(url.source()), headers),
        };
        Request {
            name: name.to_owned(),
            file: file.to_owned(),
            command_line,
            variables: variables.iter().map(described).collect(),
            hash: hash(name, file, written),
            replaces_own: false,
        }
    }

    /// Why the server is not started, and what to type; the command last, since whoever has no room
    /// for all of it cuts the end.
    pub(crate) fn reason(&self) -> String {
        let mut command_line: String = self
            .command_line
            .chars()
            .take(SENTENCE_CHARACTERS)
            .collect();
        if command_line.len() < self.command_line.len() {
            command_line.push('…');
        }
        format!(
            "not trusted yet; to allow it: toolmill trust {}; it wants to use {command_line}",
            self.name
        )
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let file = quoted(&self.file.to_string_lossy());
        writeln!(out, "{} of {file} wants to use", self.name)?;
        writeln!(out, "    {}", self.command_line)?;
        if !self.variables.is_empty() {
            writeln!(out, "  with")?;
        }
        for variable in &self.variables {
            writeln!(out, "    {variable}")?;
        }
        if self.replaces_own {
            writeln!(
                out,
                "  It would take the place of your own {0}. Your rules that allow {0} by name would not count for it.",
                self.name
            )?;
        }
        Ok(())
    }
}

/// The agreements on disk. One that cannot be read is as good as none for starting servers, and is
/// never overwritten.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    agreed: Result<Vec<Agreement>, String>,
    /// Whether the caller has agreed to everything, for this one start, on the command line.
    everything: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Agreement {
    hash: String,
    /// For `--revoke`; what counts is the hash.
    name: String,
    file: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct File {
    schema: u32,
    agreed: Vec<Agreement>,
}

impl Store {
    pub(crate) fn open(state_dir: &Path) -> Store {
        let path = state_dir.join("trust.json");
        let agreed = read(&path).map_err(|error| format!("{error:#}"));
        Store {
            path,
            agreed,
            everything: false,
        }
    }

    /// With everything agreed to, and nothing of that remembered: `--trust`, for scripts.
    pub(crate) fn with_everything(self) -> Store {
        Store {
            everything: true,
            ..self
        }
    }

    /// Why the agreements cannot be read, if they cannot.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.agreed.as_ref().err().map(String::as_str)
    }

    pub(crate) fn agreed(&self, hash: &str) -> bool {
        self.everything
            || self
                .agreed
                .as_ref()
                .is_ok_and(|agreed| agreed.iter().any(|one| one.hash == hash))
    }

    pub(crate) fn agree(&mut self, request: &Request) -> Result<()> {
        self.update(|agreed| {
            agreed.retain(|one| one.hash != request.hash);
            agreed.push(Agreement {
                hash: request.hash.clone(),
                name: request.name.clone(),
                file: request.file.clone(),
            });
        })
    }

    /// Takes back every agreement to a server of that name; returns the files they were about.
    pub(crate) fn revoke(&mut self, name: &str) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        self.update(|agreed| {
            for one in agreed.extract_if(.., |one| one.name == name) {
                files.push(one.file);
            }
        })?;
        Ok(files)
    }

    /// Changes what is on disk now, which another toolmill may have changed since it was read.
    fn update(&mut self, change: impl FnOnce(&mut Vec<Agreement>)) -> Result<()> {
        let mut agreed = read(&self.path)?;
        change(&mut agreed);
        let file = File {
            schema: SCHEMA,
            agreed,
        };
        write(&self.path, &file)
            .with_context(|| format!("{} cannot be written", self.path.display()))?;
        self.agreed = Ok(file.agreed);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<Agreement>> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let text =
        settings::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let broken = |error| {
        anyhow!(
            "{} is damaged ({error}); remove it, then agree again with: toolmill trust",
            path.display()
        )
    };
    let Version { schema } = serde_json::from_str(&text).map_err(broken)?;
    if schema > SCHEMA {
        bail!(
            "{} is of schema version {schema}, and this toolmill reads up to {SCHEMA}; \
             it is left as it is: use the newer toolmill",
            path.display()
        );
    }
    let file: File = serde_json::from_str(&text).map_err(broken)?;
    Ok(file.agreed)
}

fn write(path: &Path, file: &File) -> io::Result<()> {
    files::replace_durably(path, &serde_json::to_vec_pretty(file)?)
}

/// `toolmill trust`: shows what waits for an agreement and asks for it, one server after the other.
///
/// `names` are the servers to ask about, all of them when empty; `yes` is the answer given on the
/// command line.
///
/// # Errors
/// A name that does not wait; nobody to ask; an agreement that cannot be stored.
pub(crate) fn run(
    store: &mut Store,
    requests: &[Request],
    names: &[String],
    yes: bool,
) -> Result<()> {
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut answer = |_: &Request| {
        if yes {
            return Ok(true);
        }
        print!("start it from now on? [y/N] ");
        io::stdout().flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(matches!(line.trim(), "y" | "Y" | "yes"))
    };
    let answer = (yes || terminal).then_some(&mut answer as &mut Answer<'_>);
    decide(store, requests, names, answer, &mut io::stdout())
}

type Answer<'a> = dyn FnMut(&Request) -> io::Result<bool> + 'a;

fn decide(
    store: &mut Store,
    requests: &[Request],
    names: &[String],
    answer: Option<&mut Answer<'_>>,
    out: &mut dyn Write,
) -> Result<()> {
    if let Some(trouble) = store.trouble() {
        bail!("{trouble}");
    }
    if let Some(name) = names
        .iter()
        .find(|name| requests.iter().all(|request| request.name != **name))
    {
        let waiting: Vec<&str> = requests.iter().map(|request| &request.name[..]).collect();
        let waiting = if waiting.is_empty() {
            "none".to_owned()
        } else {
            waiting.join(", ")
        };
        bail!("no server `{name}` waits for an agreement in this folder; waiting: {waiting}");
    }
    let asked: Vec<&Request> = requests
        .iter()
        .filter(|request| names.is_empty() || names.contains(&request.name))
        .collect();
    if asked.is_empty() {
        writeln!(out, "no server waits for an agreement in this folder")?;
        return Ok(());
    }
    let Some(answer) = answer else {
        for request in &asked {
            request.write(out)?;
        }
        let names: Vec<&str> = asked.iter().map(|request| &request.name[..]).collect();
        bail!(
            "there is no terminal to ask on; to agree to the above: toolmill trust --yes {}",
            names.join(" ")
        );
    };
    let mut agreed = 0;
    for request in asked {
        request.write(out)?;
        if answer(request)? {
            store.agree(request)?;
            agreed += 1;
            writeln!(out, "{} is trusted", request.name)?;
        } else {
            writeln!(out, "{} stays as it is", request.name)?;
        }
    }
    if agreed > 0 {
        writeln!(
            out,
            "gateways that run already take it up with: toolmill reload"
        )?;
    }
    Ok(())
}

/// `toolmill trust --revoke NAME`: takes agreements back.
///
/// # Errors
/// There was none to a server of that name, or the change cannot be stored.
pub(crate) fn revoke(store: &mut Store, name: &str) -> Result<()> {
    let files = store.revoke(name)?;
    if files.is_empty() {
        bail!("nobody has agreed to a server `{name}`");
    }
    for file in files {
        let file = quoted(&file.to_string_lossy());
        println!("{name} of {file} is not trusted any more");
    }
    println!("gateways that run already stop it with: toolmill reload");
    Ok(())
}

/// A variable or header as it may be shown: a secret that stands in the file does not.
fn described((name, value): &(String, Template)) -> String {
    let value = if settings::names_a_secret(name) && value.is_literal() {
        "(in the file, not shown)".to_owned()
    } else {
        quoted(value.source())
    };
    format!("{}={value}", quoted(name))
}

/// The hash of a stanza that says another thing in another folder.
pub(crate) fn hash_in(hash: &str, folder: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;

    let hash = Sha256::new()
        .chain_update(hash)
        .chain_update(folder.as_os_str().as_bytes())
        .finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash of a stanza and its place. Each field is preceded by its length and each list by its
/// count, so that no two stanzas have the same encoding.
fn hash(name: &str, file: &Path, written: &Written) -> String {
    use std::os::unix::ffi::OsStrExt;

    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    let pairs = |field: &mut dyn FnMut(&[u8]), pairs: &[(String, Template)]| {
        field(&(pairs.len() as u64).to_le_bytes());
        for (name, value) in pairs {
            field(name.as_bytes());
            field(value.source().as_bytes());
        }
    };
    field(b"toolmill trust 1");
    field(name.as_bytes());
    // A relative command, argument or folder means another thing in another project.
    let folder = file.parent().unwrap_or(Path::new("/"));
    field(folder.as_os_str().as_bytes());
    match written {
        Written::Command {
            command,
            args,
            env,
            cwd,
        } => {
            field(b"command");
            field(command.source().as_bytes());
            field(&(args.len() as u64).to_le_bytes());
            for argument in args {
                field(argument.source().as_bytes());
            }
            field(if cwd.is_some() { b"in" } else { b"" });
            field(cwd.as_ref().map_or("", Template::source).as_bytes());
            pairs(&mut field, env);
        }
        Written::Address { url, headers } => {
            field(b"url");
            field(url.source().as_bytes());
            pairs(&mut field, headers);
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A word as bash reads it, with nothing in it that a terminal obeys or an eye does not see.
/// References to variables stay bare, as they are in the file.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_@%+=:,./-${}".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.chars().any(is_hidden) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut text = String::from("$'");
    for letter in word.chars() {
        match letter {
            '\'' | '\\' => text.extend(['\\', letter]),
            '\n' => text.push_str("\\n"),
            _ if !is_hidden(letter) => text.push(letter),
            _ if u32::from(letter) <= 0xffff => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => text.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    text + "'"
}

/// Whether a terminal would obey a character, or an eye not see it.
pub(crate) fn is_hidden(letter: char) -> bool {
    !matches!(letter, '\'' | '"' | '\\') && letter.escape_debug().count() > 1
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn template(text: &str) -> Template {
        Template::new(text.to_owned())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, Template)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), template(value)))
            .collect()
    }

    fn command(words: &[&str], env: &[(&str, &str)], cwd: Option<&str>) -> Written {
        Written::Command {
            command: template(words[0]),
            args: words[1..].iter().map(|word| template(word)).collect(),
            env: pairs(env),
            cwd: cwd.map(template),
        }
    }

    fn request(name: &str) -> Request {
        let transport = command(&["npx", "-y", name], &[("A_TOKEN", "${A_TOKEN}")], None);
        Request::new(name, Path::new("/project/.mcp.json"), &transport)
    }

    #[test]
    fn words_are_quoted_so_that_nothing_hides() {
        for (word, expected) in [
            ("npx", "npx"),
            ("--key=${KEY:-x}", "--key=${KEY:-x}"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            (r#"a\b"c"#, r#"'a\b"c'"#),
            ("a;rm -rf ~", "'a;rm -rf ~'"),
            ("grün", "'grün'"),
            ("a\nb\\n'", r"$'a\nb\\n\''"),
            ("\u{1b}[2K", r"$'\u001b[2K'"),
            ("a\u{202e}b\u{200b}", r"$'a\u202eb\u200b'"),
            ("\u{e0041}", r"$'\U000e0041'"),
        ] {
            assert_eq!(quoted(word), expected, "{word:?}");
        }
    }

    #[test]
    fn a_request_shows_what_is_run_and_no_secret() {
        let stdio = command(
            &["sh", "-c", "echo hi; ./serve"],
            &[
                ("NODE_OPTIONS", "--require ./x.js"),
                ("API_KEY", "tok_123"),
                ("OTHER", "${OTHER:-1}"),
            ],
            Some("sub dir"),
        );
        let http = Written::Address {
            url: template("https://example.org/mcp"),
            headers: pairs(&[("Authorization", "Bearer ${T}"), ("Cookie", "tok_123")]),
        };
        let mut out = Vec::new();
        for (name, transport) in [("one", &stdio), ("two", &http)] {
            let request = Request::new(name, Path::new("/project/.mcp.json"), transport);
            request.write(&mut out).unwrap();
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        one of /project/.mcp.json wants to use
            cd 'sub dir' && sh -c 'echo hi; ./serve'
          with
            NODE_OPTIONS='--require ./x.js'
            API_KEY=(in the file, not shown)
            OTHER=${OTHER:-1}
        two of /project/.mcp.json wants to use
            https://example.org/mcp
          with
            Authorization='Bearer ${T}'
            Cookie=(in the file, not shown)
        ");
    }

    #[test]
    fn a_reason_names_the_command_to_type_and_has_an_end() {
        assert_eq!(
            request("git").reason(),
            "not trusted yet; to allow it: toolmill trust git; it wants to use npx -y git"
        );
        let long = command(&["x", &"ü".repeat(500)], &[], None);
        let reason = Request::new("git", Path::new("/p/f"), &long).reason();
        assert!(reason.ends_with("ü…"));
        assert!(reason.chars().count() < 280);
    }

    #[test]
    fn every_difference_is_a_difference_of_the_hash() {
        let address = |url: &str, headers: &[(&str, &str)]| Written::Address {
            url: template(url),
            headers: pairs(headers),
        };
        let all = [
            ("a", "/p/f", command(&["x"], &[], None)),
            ("b", "/p/f", command(&["x"], &[], None)),
            ("a", "/q/f", command(&["x"], &[], None)),
            ("a", "/p/f", command(&["y"], &[], None)),
            ("a", "/p/f", command(&["x", "a", "b"], &[], None)),
            ("a", "/p/f", command(&["x", "a b"], &[], None)),
            ("a", "/p/f", command(&["x", "ab", ""], &[], None)),
            ("a", "/p/f", command(&["x", "", "ab"], &[], None)),
            ("a", "/p/f", command(&["x"], &[], Some(""))),
            ("a", "/p/f", command(&["x"], &[], Some("."))),
            ("a", "/p/f", command(&["x"], &[("A", "")], None)),
            ("a", "/p/f", command(&["x"], &[("A", "1")], None)),
            ("a", "/p/f", command(&["x"], &[("A", ""), ("1", "")], None)),
            ("a", "/p/f", address("x", &[])),
            ("a", "/p/f", address("x", &[("A", "")])),
        ];
        let hashes: std::collections::BTreeSet<String> = all
            .iter()
            .map(|(name, file, transport)| hash(name, Path::new(file), transport))
            .collect();
        assert_eq!(hashes.len(), all.len());
        let again = command(&["x"], &[], None);
        assert!(hashes.contains(&hash("a", Path::new("/p/other"), &again)));
    }

    #[test]
    fn agreements_outlive_the_process_and_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let mut store = Store::open(&state);
        assert!(!store.agreed(&request("git").hash));
        store.agree(&request("git")).unwrap();
        // Another process agrees to something else with its own view of the file.
        Store::open(&state).agree(&request("time")).unwrap();
        store.agree(&request("git")).unwrap();
        let mut store = Store::open(&state);
        assert!(store.agreed(&request("git").hash) && store.agreed(&request("time").hash));
        let mode = fs::metadata(state.join("trust.json")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);

        assert_eq!(store.revoke("git").unwrap().len(), 1);
        assert_eq!(store.revoke("git").unwrap().len(), 0);
        let store = Store::open(&state);
        assert!(!store.agreed(&request("git").hash) && store.agreed(&request("time").hash));
    }

    #[test]
    fn a_file_of_a_newer_toolmill_is_left_alone() {
        let check = |content: &str, expected: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("trust.json");
            fs::write(&path, content).unwrap();
            let mut store = Store::open(folder.path());
            let place = format!("{}", path.display());
            let trouble = store.trouble().unwrap().replace(&place, "FILE");
            assert_eq!(trouble, expected);
            assert!(!store.agreed(&request("git").hash));
            assert!(store.agree(&request("git")).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        };
        check(
            r#"{"schema":2,"entirely":"different"}"#,
            "FILE is of schema version 2, and this toolmill reads up to 1; \
             it is left as it is: use the newer toolmill",
        );
        check(
            "{}",
            "FILE is damaged (missing field `schema` at line 1 column 2); \
             remove it, then agree again with: toolmill trust",
        );
    }

    #[test]
    fn a_human_is_asked_and_only_a_human() {
        let check = |names: &[&str], answers: Option<&[bool]>, trusted: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            let mut store = Store::open(folder.path());
            let requests = [request("git"), request("time")];
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut given = answers.unwrap_or_default().iter();
            let mut next = |_: &Request| Ok(*given.next().unwrap());
            let answer = answers.is_some().then_some(&mut next as &mut Answer<'_>);
            let mut out = Vec::new();
            let outcome = decide(&mut store, &requests, &names, answer, &mut out);
            let found: Vec<&str> = requests
                .iter()
                .filter(|request| store.agreed(&request.hash))
                .map(|request| &request.name[..])
                .collect();
            assert_eq!(found, trusted);
            let text = String::from_utf8(out).unwrap();
            outcome.map(|()| text).map_err(|error| error.to_string())
        };
        assert_eq!(
            check(&[], Some(&[true, false]), &["git"]).unwrap(),
            "git of /project/.mcp.json wants to use\n    npx -y git\n  with\n    \
             A_TOKEN=${A_TOKEN}\ngit is trusted\n\
             time of /project/.mcp.json wants to use\n    npx -y time\n  with\n    \
             A_TOKEN=${A_TOKEN}\ntime stays as it is\n\
             gateways that run already take it up with: toolmill reload\n"
        );
        check(&["time"], Some(&[true]), &["time"]).unwrap();
        assert_eq!(
            check(&[], None, &[]).unwrap_err(),
            "there is no terminal to ask on; to agree to the above: toolmill trust --yes git time"
        );
        assert_eq!(
            check(&["gti"], Some(&[]), &[]).unwrap_err(),
            "no server `gti` waits for an agreement in this folder; waiting: git, time"
        );
    }
}
