//! Which Python interpreters a machine has, and why each may or may not be used.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Prints as JSON what must be known of the interpreter that runs it.
const QUESTION: &str = include_str!("ask.py");
const PATIENCE: Duration = Duration::from_secs(10);
const OLDEST: (u8, u8) = (3, 9);
const CACHE_VERSION: u64 = 2;

/// An interpreter that may exist and what came of looking at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it was looked for.
    pub path: PathBuf,
    /// Why it cannot be used, as the rest of a sentence that begins with the path.
    pub outcome: Result<Interpreter, String>,
}

/// An interpreter that guests can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The real executable, behind all links.
    pub path: PathBuf,
    pub version: (u8, u8, u8),
    /// What a guest must be able to read: the standard library, the shared libraries that its
    /// extension modules load, time zones, the locale C.UTF-8.
    pub readable: Vec<PathBuf>,
    /// What it needs beside that to start: its executable, the loader by the name the executable
    /// gives it, its own library.
    pub needs: Vec<PathBuf>,
}

/// Looks at the `configured` interpreters, then at every `python3*` in the folders of `path`, in
/// `/usr/bin` and in `/usr/local/bin`; each real executable once, in the order of preference.
///
/// With `as_nobody` (the host is root, so guests are not) an interpreter that uid cannot reach is
/// none. `cache` is a file that remembers what interpreters answered; it is rebuilt when unreadable.
pub fn find(
    configured: &[PathBuf],
    path: &OsStr,
    as_nobody: bool,
    cache: Option<&Path>,
) -> Vec<Candidate> {
    let mut answers = cache.map_or_else(Answers::default, Answers::read);
    let mut seen = Vec::new();
    let mut candidates = Vec::new();
    let standard = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let folders = std::env::split_paths(path).chain(standard);
    for path in configured
        .iter()
        .cloned()
        .chain(folders.flat_map(interpreters_in))
    {
        let real = path.canonicalize();
        if let Ok(real) = &real {
            if seen.contains(real) {
                continue;
            }
            seen.push(real.clone());
        }
        let outcome = real
            .map_err(|error| format!("cannot be used: {error}"))
            .and_then(|real| examine(real, as_nobody, &mut answers));
        candidates.push(Candidate { path, outcome });
    }
    if let Some(cache) = cache {
        answers.write(cache);
    }
    candidates
}

/// `python3` of a folder, then its `python3.N`, the newest first.
fn interpreters_in(folder: PathBuf) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = folder
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let rest = name.to_str()?.strip_prefix("python3")?;
            let minor = match rest.strip_prefix('.') {
                Some(minor) => minor.parse().ok()?,
                None if rest.is_empty() => u32::MAX,
                None => return None,
            };
            Some((minor, entry.path()))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

fn examine(path: PathBuf, as_nobody: bool, answers: &mut Answers) -> Result<Interpreter, String> {
    let mut start = Vec::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(2).read_to_end(&mut start))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if start == b"#!" {
        return Err("is a script, not an interpreter".into());
    }
    if as_nobody {
        open_to_nobody(&path)?;
    }
    let answer = answers.of(&path)?;
    let version = version_of(&answer).ok_or("did not say which Python it is")?;
    if (version.0, version.1) < OLDEST {
        return Err(format!(
            "is Python {}.{}, older than {}.{}",
            version.0, version.1, OLDEST.0, OLDEST.1
        ));
    }
    match answer["implementation"].as_str() {
        Some("cpython") => {}
        other => return Err(format!("is {}, not CPython", other.unwrap_or("unknown"))),
    }
    if let Some(module) = answer["missing"].as_str() {
        return Err(format!("has no {module}"));
    }
    let readable = readable(paths(&answer["readable"]));
    if as_nobody {
        for folder in &readable {
            open_to_nobody(folder)?;
        }
    }
    Ok(Interpreter {
        path,
        version,
        readable,
        needs: paths(&answer["needs"]),
    })
}

/// Whether the modes of a path and of the folders above it let every user read it.
fn open_to_nobody(path: &Path) -> Result<(), String> {
    const READ: u32 = 0o4;
    const EXECUTE: u32 = 0o1;
    let mode = |path: &Path| {
        path.metadata()
            .map(|metadata| metadata.permissions().mode())
            .map_err(|error| format!("cannot be used: {}: {error}", path.display()))
    };
    for folder in path.ancestors().skip(1) {
        if mode(folder)? & EXECUTE == 0 {
            return Err(format!("{} may not be entered by nobody", folder.display()));
        }
    }
    // A plain file of data need not be executable; an interpreter that is not fails when asked.
    if mode(path)? & READ == 0 || (mode(path)? & 0o111 != 0 && mode(path)? & EXECUTE == 0) {
        return Err(format!("{} may not be read by nobody", path.display()));
    }
    Ok(())
}

fn version_of(answer: &Value) -> Option<(u8, u8, u8)> {
    let number = |index: usize| u8::try_from(answer["version"][index].as_u64()?).ok();
    Some((number(0)?, number(1)?, number(2)?))
}

fn paths(listed: &Value) -> Vec<PathBuf> {
    let listed = listed.as_array().into_iter().flatten();
    listed
        .filter_map(Value::as_str)
        .map(PathBuf::from)
        .collect()
}

/// The folders of an answer and the system's own data, without what is below another of them.
fn readable(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let data = [
        "/usr/share/zoneinfo",
        "/usr/lib/locale/C.utf8",
        "/etc/ld.so.cache",
    ];
    paths.extend(data.map(PathBuf::from));
    let mut real: Vec<PathBuf> = Vec::new();
    for path in paths {
        // The root would be everything: no library lives there.
        if let Ok(path) = path.canonicalize()
            && path != Path::new("/")
            && !real.iter().any(|known| path.starts_with(known))
        {
            real.retain(|known| !known.starts_with(&path));
            real.push(path);
        }
    }
    real
}

/// What interpreters answered, by path, with the modification time and size they had then.
#[derive(Default)]
struct Answers {
    known: BTreeMap<String, Value>,
    changed: bool,
}

impl Answers {
    fn read(cache: &Path) -> Answers {
        let known = std::fs::read(cache)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .filter(|file| file["version"] == CACHE_VERSION)
            .and_then(|mut file| serde_json::from_value(file["interpreters"].take()).ok());
        Answers {
            known: known.unwrap_or_default(),
            changed: false,
        }
    }

    fn of(&mut self, path: &Path) -> Result<Value, String> {
        let metadata = path
            .metadata()
            .map_err(|error| format!("cannot be read: {error}"))?;
        let stamp = json!([metadata.mtime(), metadata.mtime_nsec(), metadata.size()]);
        let key = path.to_string_lossy().into_owned();
        if let Some(known) = self.known.get(&key)
            && known["stamp"] == stamp
            && ["readable", "needs"].iter().all(|list| {
                paths(&known["answer"][list])
                    .iter()
                    .all(|path| path.exists())
            })
        {
            return Ok(known["answer"].clone());
        }
        let answer = ask(path)?;
        let entry = json!({"stamp": stamp, "answer": answer.clone()});
        self.known.insert(key, entry);
        self.changed = true;
        Ok(answer)
    }

    /// A cache that cannot be written costs the next start a few hundred milliseconds, no more.
    fn write(&self, cache: &Path) {
        if !self.changed {
            return;
        }
        let file = json!({"version": CACHE_VERSION, "interpreters": self.known});
        let _ = files::replace(cache, file.to_string().as_bytes());
    }
}

/// Runs an interpreter on the [`QUESTION`].
fn ask(path: &Path) -> Result<Value, String> {
    let mut child = Command::new(path)
        .args(["-I", "-S", "-B", "-c", QUESTION])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot be executed: {error}"))?;
    let mut output = child.stdout.take().expect("its stdout is a pipe");
    let (sender, receiver) = mpsc::channel();
    // Not joined: who else holds the pipe may hold it for ever.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = (&mut output).take(1 << 20).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    let said = receiver.recv_timeout(PATIENCE);
    // Having answered, or never going to, it has no more to do.
    let _ = child.kill();
    let _ = child.wait();
    let bytes = said.map_err(|_| format!("did not answer within {} s", PATIENCE.as_secs()))?;
    serde_json::from_slice(&bytes).map_err(|_| "does not run: it printed no answer".into())
}
