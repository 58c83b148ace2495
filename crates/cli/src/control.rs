//! How commands reach the gateways that run.
//!
//! Each agent starts a gateway of its own, so a user has several. Each listens on
//! `RUNTIME/PID.sock`, which only this user may reach: a client sends one line and gets one line of
//! JSON back. The requests are those of [`Request`].
//!
//! A socket nobody listens on is left over from a gateway that was killed, and is removed by
//! whoever meets it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::asking::Decision;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What a gateway can be asked.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// To read its settings again.
    Reload,
    /// To end a session of its own that nobody uses.
    EndSession(String),
    /// Which questions wait for a human, as JSON.
    Approvals,
    /// To take a human's answer to one of them.
    Decide(Decision),
}

const RELOAD: &str = "reload";
const END_SESSION: &str = "end-session ";
const APPROVALS: &str = "approvals";
const DECIDE: &str = "decide ";

impl Request {
    fn parse(line: &str) -> Option<Request> {
        if let Some(id) = line.strip_prefix(END_SESSION) {
            return Some(Request::EndSession(id.to_owned()));
        }
        if let Some(decision) = line.strip_prefix(DECIDE) {
            return serde_json::from_str(decision).ok().map(Request::Decide);
        }
        match line {
            RELOAD => Some(Request::Reload),
            APPROVALS => Some(Request::Approvals),
            _ => None,
        }
    }

    fn line(&self) -> String {
        match self {
            Request::Reload => RELOAD.to_owned(),
            Request::EndSession(id) => format!("{END_SESSION}{id}"),
            Request::Approvals => APPROVALS.to_owned(),
            Request::Decide(decision) => {
                let decision = serde_json::to_string(decision).expect("a decision is JSON");
                format!("{DECIDE}{decision}")
            }
        }
    }
}

/// The longest request: a decision with what a human filled in.
const REQUEST_BYTES: usize = 1 << 20;
/// The longest answer: questions of sixteen programs, of some hundred calls each.
const ANSWER_BYTES: usize = 64 << 20;
/// What is said about a reload is cut here.
const SAID_BYTES: usize = 512;
/// How long the other side may take to send or accept a line.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an answer may take, from a client's view: at a reload servers are given time to end.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// What a gateway did, or why it did not.
pub(crate) type Outcome = Result<String, String>;

/// An answer as it crosses: `{"ok":"…"}` or `{"error":"…"}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(String),
    Error(String),
}

/// Keeps a gateway reachable; dropped, it stops listening and removes the socket.
#[derive(Debug)]
pub(crate) struct Listening {
    path: PathBuf,
    serving: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes this gateway reachable below `runtime_dir`. Must be inside a tokio runtime.
///
/// Requests are carried out one after the other, so that no two reloads mix. What has begun is not cut
/// off, even when its client has gone: half of it would be worse.
///
/// # Errors
/// The folder or the socket cannot be made, or the folder belongs to somebody else. The gateway
/// works without: tell the operator and go on.
pub(crate) fn listen<R, F>(runtime_dir: &Path, carry_out: R) -> io::Result<Listening>
where
    R: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    make_private(runtime_dir)?;
    let path = runtime_dir.join(format!("{}.sock", std::process::id()));
    // A socket of that number is of a process that had it before us.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    let serving = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    if let Err(error) = serve(stream, &carry_out).await {
                        tracing::debug!("a control connection ended early: {error}");
                    }
                }
                // Out of descriptors, most likely, which passes.
                Err(error) => {
                    tracing::warn!("a control connection cannot be accepted: {error}");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    });
    Ok(Listening { path, serving })
}

/// The folder, so that nobody else can put a socket there or reach one.
fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(format!(
            "{} is not a folder of this user",
            folder.display()
        )));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

async fn serve<R, F>(stream: UnixStream, carry_out: &R) -> io::Result<()>
where
    R: Fn(Request) -> F,
    F: Future<Output = Outcome>,
{
    if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it comes from another user"));
    }
    let mut stream = BufReader::new(stream);
    let request = timeout(PATIENCE, read_line(&mut stream, REQUEST_BYTES)).await??;
    let outcome = match Request::parse(&request) {
        Some(request) => carry_out(request).await,
        None => Err(format!(
            "unknown request; this is toolmill {}, which knows: {RELOAD}, {END_SESSION}ID, {APPROVALS}, {DECIDE}JSON",
            env!("CARGO_PKG_VERSION")
        )),
    };
    let line = encode(outcome);
    timeout(PATIENCE, stream.write_all(&line)).await?
}

/// Asks every gateway of this user; answers by process id.
pub(crate) async fn ask_all(runtime_dir: &Path, request: &Request) -> Vec<(u32, Outcome)> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(runtime_dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let number = path.file_name()?.to_str()?.strip_suffix(".sock")?;
            Some((number.parse().ok()?, path))
        })
        .collect();
    found.sort();
    let mut outcomes = Vec::new();
    for (process, path) in found {
        match UnixStream::connect(&path).await {
            Ok(stream) => {
                outcomes.push((process, ask(stream, request).await));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let _ = fs::remove_file(&path);
            }
            // It has ended since the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                outcomes.push((process, Err(format!("it cannot be reached: {error}"))));
            }
        }
    }
    outcomes
}

/// Asks one gateway; nothing when no gateway of this user is that process.
pub(crate) async fn ask_process(
    runtime_dir: &Path,
    process: u32,
    request: &Request,
) -> Option<Outcome> {
    let path = runtime_dir.join(format!("{process}.sock"));
    let stream = UnixStream::connect(path).await.ok()?;
    Some(ask(stream, request).await)
}

async fn ask(stream: UnixStream, request: &Request) -> Outcome {
    let asked = async {
        let mut stream = BufReader::new(stream);
        stream
            .write_all(format!("{}\n", request.line()).as_bytes())
            .await?;
        let line = read_line(&mut stream, ANSWER_BYTES).await?;
        Ok::<Outcome, io::Error>(match serde_json::from_str(&line)? {
            Answer::Ok(done) => Ok(done),
            Answer::Error(reason) => Err(reason),
        })
    };
    match timeout(ANSWER_PATIENCE, asked).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Err(format!("it does not answer: {error}")),
        Err(_) => Err(format!(
            "it has not answered within {} s",
            ANSWER_PATIENCE.as_secs()
        )),
    }
}

async fn read_line(stream: &mut BufReader<UnixStream>, most: usize) -> io::Result<String> {
    let mut line = String::new();
    stream.take(most as u64).read_line(&mut line).await?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::Error::other("a line is too long, or has no end")),
    }
}

fn encode(outcome: Outcome) -> Vec<u8> {
    let answer = match outcome {
        Ok(done) => Answer::Ok(done),
        Err(reason) => Answer::Error(reason),
    };
    let mut line = serde_json::to_vec(&answer).expect("a string is JSON");
    line.push(b'\n');
    line
}

/// What a gateway says in words, cut where it becomes long.
pub(crate) fn said(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(SAID_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn reload_all(folder: &Path) -> Vec<(u32, Outcome)> {
        ask_all(folder, &Request::Reload).await
    }

    async fn answer_to(folder: &Path, request: &[u8]) -> String {
        let path = folder.join(format!("{}.sock", std::process::id()));
        let mut stream = UnixStream::connect(path).await.unwrap();
        // What is too long need not be read to its end.
        let _ = stream.write_all(request).await;
        let mut answer = String::new();
        // A request cut off by us may reset the connection.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn a_gateway_reloads_when_told_and_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("run/toolmill");
        let reloads = Arc::new(AtomicU32::new(0));
        let counted = reloads.clone();
        let listening = listen(&folder, move |_| {
            let count = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                match count {
                    0 => Ok("3 servers".to_owned()),
                    1 => Err("toolmill.toml:2: \u{1}bad".to_owned()),
                    _ => Ok(said("\u{1}ü".repeat(SAID_BYTES))),
                }
            }
        })
        .unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);

        let own = std::process::id();
        let first = reload_all(&folder).await;
        assert_eq!(first, [(own, Ok("3 servers".to_owned()))]);
        let second = reload_all(&folder).await;
        assert_eq!(second, [(own, Err("toolmill.toml:2: \u{1}bad".to_owned()))]);
        let third = reload_all(&folder).await;
        assert!(third[0].1.as_ref().unwrap().starts_with("\u{1}ü\u{1}ü"));

        drop(listening);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        assert_eq!(reload_all(&folder).await, []);
        assert_eq!(reloads.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn what_is_no_request_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let _listening = listen(folder.path(), |_| async { Ok("reloaded".to_owned()) }).unwrap();
        let unknown = format!(
            "{{\"error\":\"unknown request; this is toolmill {}, which knows: reload, end-session ID, approvals, decide JSON\"}}\n",
            env!("CARGO_PKG_VERSION")
        );
        for (request, expected) in [
            (&b"stop\n"[..], unknown.as_str()),
            (b"\n", &unknown),
            (b"end-session\n", &unknown),
            (b"decide {}\n", &unknown),
            (b"\xff\n", ""),
            (&vec![b'x'; 2 * REQUEST_BYTES][..], ""),
            (b"reload\nreload\n", "{\"ok\":\"reloaded\"}\n"),
        ] {
            assert_eq!(answer_to(folder.path(), request).await, expected);
        }
    }

    #[tokio::test]
    async fn one_gateway_is_asked_by_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::process::id();
        let request = Request::EndSession("s_1".to_owned());
        assert_eq!(ask_process(folder.path(), own, &request).await, None);
        let answer = |request| async move { Ok(format!("{request:?}")) };
        let _listening = listen(folder.path(), answer).unwrap();
        let answer = ask_process(folder.path(), own, &request).await;
        assert_eq!(answer, Some(Ok(format!("{request:?}"))));
    }

    #[tokio::test]
    async fn sockets_of_the_dead_are_removed_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let leave_behind = |name: String| {
            let path = folder.path().join(name);
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            path
        };
        let stale = leave_behind("4194303.sock".to_owned());
        let other = leave_behind("other.sock".to_owned());
        assert_eq!(reload_all(folder.path()).await, []);
        assert!(!stale.exists() && other.exists());

        leave_behind(format!("{}.sock", std::process::id()));
        let listening = listen(folder.path(), |_| async { Ok(String::new()) }).unwrap();
        assert_eq!(reload_all(folder.path()).await.len(), 1);
        drop(listening);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_private_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let listen = |folder: &Path| listen(folder, |_| async { Ok(String::new()) });
        let link = home.path().join("link");
        std::os::unix::fs::symlink(home.path(), &link).unwrap();
        assert!(listen(&link).is_err());

        let open = home.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        let _listening = listen(&open).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o700);
    }
}
