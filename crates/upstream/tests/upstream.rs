//! Connections to fake servers, over real pipes and loopback sockets.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use futures::stream;
use serde_json::Value;
use serde_json::value::RawValue;
use testkit::{Eras, FakeUpstream, Options, Output};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use toolmill_upstream::{
    Asker, Cache, CallError, Elicitation, Elicited, Era, Launch, Launched, Listing, Stanza, State,
    Status, Transport, Upstream, Visit, Wanted,
};

/// Only reached when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts processes and reports how they end.
struct Processes {
    ended: mpsc::Sender<ExitStatus>,
}

impl Launch for Processes {
    fn launch(
        &self,
        command: &str,
        args: &[String],
        env: &[(String, String)],
        cwd: Option<&Path>,
    ) -> io::Result<Launched> {
        let mut child = Command::new(command)
            .args(args)
            .env_clear()
            .envs(env.iter().cloned())
            .current_dir(cwd.unwrap_or(Path::new("/")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (mut watched, lifeline) = io::pipe()?;
        let launched = Launched {
            stdin: child.stdin.take().expect("piped").into(),
            stdout: child.stdout.take().expect("piped").into(),
            stderr: child.stderr.take().expect("piped").into(),
            lifeline: lifeline.into(),
        };
        let ended = self.ended.clone();
        std::thread::spawn(move || {
            let _ = watched.read(&mut [0]);
            // Has no effect on a server that has ended by itself.
            let _ = child.kill();
            let _ = ended.send(child.wait().expect("our child"));
        });
        Ok(launched)
    }
}

fn launch() -> Arc<dyn Launch> {
    Arc::new(Processes {
        ended: mpsc::channel().0,
    })
}

fn no_cache() -> Arc<Cache> {
    Arc::new(Cache::new(None))
}

fn fake_upstream() -> PathBuf {
    let tests = std::env::current_exe().expect("the path of this test");
    tests
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>")
        .join("examples/fake_server")
}

fn stdio(command: impl AsRef<Path>, args: &[&str]) -> Stanza {
    Stanza::new(
        "fake",
        Transport::Stdio {
            command: command.as_ref().to_str().expect("UTF-8").to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: vec![("SECRET".to_owned(), "hunter2".to_owned())],
            cwd: None,
        },
    )
}

fn start(args: &[&str]) -> Upstream {
    Upstream::start(stdio(fake_upstream(), args), launch(), no_cache())
}

async fn wait_for(upstream: &Upstream, condition: impl FnMut(&Status) -> bool) -> Status {
    let mut status = upstream.status();
    let reached = timeout(PATIENCE, status.wait_for(condition)).await;
    reached
        .expect("a state that never came")
        .expect("the owner lives")
        .clone()
}

async fn ready(upstream: &Upstream) -> (Era, Arc<Listing>) {
    let status = wait_for(upstream, |status| {
        matches!(status.state, State::Ready { .. })
    })
    .await;
    let State::Ready { era } = status.state else {
        unreachable!("waited for")
    };
    (era, status.listing.expect("a ready server has been asked"))
}

fn names(listing: &Listing) -> Vec<String> {
    let name = |tool: &RawValue| {
        let tool: Value = serde_json::from_str(tool.get()).expect("JSON");
        tool["name"].as_str().expect("a name").to_owned()
    };
    listing.tools.iter().map(|tool| name(tool)).collect()
}

async fn call(upstream: &Upstream, tool: &str, arguments: &str) -> Result<String, CallError> {
    call_asking(upstream, tool, arguments, None).await
}

async fn call_asking(
    upstream: &Upstream,
    tool: &str,
    arguments: &str,
    asker: Option<&Arc<dyn Asker>>,
) -> Result<String, CallError> {
    let arguments: &RawValue = serde_json::from_str(arguments).expect("JSON");
    let deadline = Instant::now() + PATIENCE;
    let result = upstream
        .call(tool, arguments, deadline, &CancellationToken::new(), asker)
        .await?;
    Ok(result.raw.get().to_owned())
}

/// The text of the first content block.
async fn text(upstream: &Upstream, tool: &str, arguments: &str) -> String {
    let result = call(upstream, tool, arguments).await.expect("a result");
    let result: Value = serde_json::from_str(&result).expect("JSON");
    result["content"][0]["text"]
        .as_str()
        .expect("a text")
        .to_owned()
}

async fn number(upstream: &Upstream, tool: &str, member: &str) -> u64 {
    let result = call(upstream, tool, "{}").await.expect("a result");
    let result: Value = serde_json::from_str(&result).expect("JSON");
    result["structuredContent"][member]
        .as_u64()
        .expect("a number")
}

#[tokio::test]
async fn both_eras_list_and_call() {
    for (served, expected) in [
        ("legacy", Era::Legacy),
        ("modern", Era::Modern),
        ("both", Era::Modern),
    ] {
        let upstream = start(&["--era", served, "--name", "someone"]);
        let (era, listing) = ready(&upstream).await;
        assert_eq!(era, expected);
        assert_eq!(listing.era, expected);
        assert_eq!(
            (&*listing.server_name, &*listing.server_version),
            ("someone", "1.0.0")
        );
        assert_eq!(listing.title.as_deref(), Some("Fake upstream"));
        assert_eq!(
            listing.instructions.as_deref(),
            Some("Call echo to hear yourself.")
        );
        assert!(names(&listing).contains(&"echo".to_owned()));
        assert_eq!(
            text(&upstream, "echo", r#"{"text":"hällo"}"#).await,
            "hällo"
        );
        upstream.stop().await;
    }
}

#[tokio::test]
async fn bytes_pass_unchanged() {
    let upstream = start(&[]);
    let (_, listing) = ready(&upstream).await;
    assert!(
        listing.tools[0]
            .get()
            .ends_with(r#""x-unknown":{"zebra":1,"apple":12345678901234567890}}"#)
    );
    for value in [
        "9007199254740993",
        "123456789012345678901234567890.10",
        r#"{"z":1.0,"a":[1e400,-0],"é":"\u00e9"}"#,
    ] {
        let result = call(&upstream, "structured", &format!(r#"{{"value":{value}}}"#)).await;
        assert!(
            result
                .expect("a result")
                .contains(&format!(r#""structuredContent":{value}"#))
        );
    }
    // Line ends between tokens must not end the line of the request.
    assert_eq!(
        text(&upstream, "echo", "{\n  \"text\":\r\n \"a\\nb\"\n}").await,
        "a\nb"
    );
}

#[tokio::test]
async fn pages_are_joined() {
    let upstream = start(&["--tools", "25", "--page", "7"]);
    let (_, listing) = ready(&upstream).await;
    let names = names(&listing);
    assert_eq!(names[0], "echo");
    assert_eq!(names.last().map(String::as_str), Some("dummy_0024"));
}

/// A refusal until a human has been somewhere, as the fake server sends it when it is told to.
const REFUSAL: &str = r#"{"code":-32042,"message":"first","data":{"elicitations":[
    {"mode":"url","elicitationId":"1","url":"https://a.example/1","message":"why"},{"mode":"form"},7]}}"#;

fn visit_required() -> CallError {
    CallError::VisitRequired {
        message: "first".to_owned(),
        visits: vec![Visit {
            url: "https://a.example/1".to_owned(),
            message: "why".to_owned(),
        }],
    }
}

#[tokio::test]
async fn every_way_to_fail_has_its_error() {
    let upstream = start(&[]);
    let failed = call(&upstream, "fail", r#"{"message":"no such city"}"#)
        .await
        .expect("a result");
    assert!(failed.contains(r#""isError":true"#));
    assert_eq!(
        call(&upstream, "rpc_error", r#"{"message":"bad"}"#).await,
        Err(CallError::Rpc {
            code: -32050,
            message: "bad".to_owned()
        })
    );
    assert_eq!(
        call(&upstream, "rpc_error", REFUSAL).await,
        Err(visit_required())
    );
    // The same number with other data, or with more than anybody would visit, is just an error.
    let long = "x".repeat(5_000);
    for data in [
        r#"{"challenge":1}"#,
        r#"{"elicitations":[]}"#,
        &format!(r#"{{"elicitations":[{{"url":"https://a.example/{long}"}}]}}"#),
    ] {
        let arguments = format!(r#"{{"code":-32042,"message":"first","data":{data}}}"#);
        assert_eq!(
            call(&upstream, "rpc_error", &arguments).await,
            Err(CallError::Rpc {
                code: -32042,
                message: "first".to_owned()
            })
        );
    }
    assert!(matches!(
        call(&upstream, "nosuch", "{}").await,
        Err(CallError::Rpc { code: -32602, .. })
    ));
    for (tool, arguments, problem) in [
        ("malformed", "{}", "not valid JSON"),
        ("malformed", r#"{"id":false}"#, "not valid JSON"),
        ("input_required", "{}", "asked for input"),
    ] {
        match call(&upstream, tool, arguments).await {
            Err(CallError::Protocol { message }) => assert!(message.contains(problem), "{message}"),
            other => panic!("{tool}: {other:?}"),
        }
    }
    assert_eq!(text(&upstream, "noise", "{}").await, "done");
    assert_eq!(
        text(&upstream, "chatter", r#"{"bytes":1000000}"#).await,
        "done"
    );
    assert_eq!(
        text(&upstream, "echo", r#"{"text":"still here"}"#).await,
        "still here"
    );
}

#[tokio::test]
async fn large_results_pass_and_larger_ones_end_with_an_error() {
    let mut stanza = stdio(fake_upstream(), &[]);
    stanza.max_result_bytes = 41 << 20;
    let upstream = Upstream::start(stanza, launch(), no_cache());
    let large = text(&upstream, "big", r#"{"bytes":41943040}"#).await;
    assert_eq!(large.len(), 41_943_040);
    for (tool, arguments) in [
        ("big", r#"{"bytes":50000000}"#),
        ("oversized", r#"{"bytes":50000000}"#),
        ("oversized", r#"{"bytes":50000000,"id":false}"#),
    ] {
        match call(&upstream, tool, arguments).await {
            Err(CallError::TooLarge { bytes, limit }) => {
                assert_eq!((bytes / 1_000_000, limit), (50, 41 << 20));
            }
            other => panic!("{tool}: {:?}", other.map(|result| result.len())),
        }
    }
    assert_eq!(
        text(&upstream, "echo", r#"{"text":"still here"}"#).await,
        "still here"
    );
}

#[tokio::test]
async fn an_oversized_answer_ends_its_own_call_only() {
    let mut stanza = stdio(fake_upstream(), &[]);
    stanza.max_result_bytes = 1 << 20;
    let upstream = Upstream::start(stanza, launch(), no_cache());
    ready(&upstream).await;
    let other = tokio::spawn({
        let upstream = upstream.clone();
        async move { text(&upstream, "meet", r#"{"parties":2}"#).await }
    });
    while number(&upstream, "meeting", "arrived").await < 1 {}
    let oversized = call(&upstream, "oversized", r#"{"bytes":3000000}"#).await;
    assert!(matches!(oversized, Err(CallError::TooLarge { .. })));
    assert_eq!(text(&upstream, "meet", r#"{"parties":2}"#).await, "met");
    assert_eq!(other.await.expect("no panic"), "met");
}

#[tokio::test]
async fn a_hundred_calls_are_in_flight_together() {
    let upstream = start(&[]);
    let calls = (0..100).map(|_| text(&upstream, "meet", r#"{"parties":100}"#));
    assert!(
        futures::future::join_all(calls)
            .await
            .iter()
            .all(|text| text == "met")
    );
}

#[tokio::test]
async fn calls_in_flight_are_bounded() {
    let mut stanza = stdio(fake_upstream(), &[]);
    stanza.max_in_flight = 3;
    let upstream = Upstream::start(stanza, launch(), no_cache());
    let calls = (0..12).map(|_| text(&upstream, "sleep", r#"{"ms":5}"#));
    futures::future::join_all(calls).await;
    assert!((1..=3).contains(&number(&upstream, "overlap", "most").await));
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_at_the_server() {
    let upstream = start(&[]);
    ready(&upstream).await;
    let arguments = serde_json::from_str(r#"{"parties":2}"#).expect("JSON");
    let far = Instant::now() + PATIENCE;

    let cancel = CancellationToken::new();
    let cancelled = upstream.call("meet", arguments, far, &cancel, None);
    let cancel_when_there = async {
        while number(&upstream, "meeting", "arrived").await < 1 {}
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(cancelled, cancel_when_there);
    assert_eq!(result.expect_err("cancelled"), CallError::Cancelled);
    assert_eq!(number(&upstream, "cancelled", "cancelled").await, 1);

    // A second party lets the server answer the cancelled call, too, which must disturb nobody.
    assert_eq!(text(&upstream, "meet", r#"{"parties":2}"#).await, "met");

    let arguments = serde_json::from_str(r#"{"parties":9}"#).expect("JSON");
    let soon = Instant::now() + Duration::from_millis(20);
    let late = upstream
        .call("meet", arguments, soon, &CancellationToken::new(), None)
        .await;
    assert!(matches!(late, Err(CallError::Timeout { .. })));
    assert_eq!(number(&upstream, "cancelled", "cancelled").await, 2);

    let never = CancellationToken::new();
    let dropped = timeout(
        Duration::from_millis(20),
        upstream.call("meet", arguments, far, &never, None),
    );
    assert!(dropped.await.is_err());
    assert_eq!(number(&upstream, "cancelled", "cancelled").await, 3);
}

#[tokio::test]
async fn calls_of_a_server_that_dies_are_lost_and_never_repeated() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = dir.path().join("methods");
    let upstream = start(&["--log-methods", log.to_str().expect("UTF-8")]);
    ready(&upstream).await;
    let lost = CallError::Lost {
        server: "fake".to_owned(),
    };
    let waiting = call(&upstream, "meet", r#"{"parties":2}"#);
    let die_when_there = async {
        while number(&upstream, "meeting", "arrived").await < 1 {}
        call(&upstream, "die", "{}").await
    };
    let (waiting, died) = tokio::join!(waiting, die_when_there);
    assert_eq!((waiting, died), (Err(lost.clone()), Err(lost)));
    assert_eq!(
        text(&upstream, "echo", r#"{"text":"again"}"#).await,
        "again"
    );
    let log = std::fs::read_to_string(log).expect("a log");
    assert_eq!(
        log.lines().filter(|line| *line == "tools/call die").count(),
        1
    );
    assert_eq!(
        log.lines()
            .filter(|line| *line == "tools/call meet")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_server_that_does_not_start_is_tried_ever_more_slowly() {
    let upstream = start(&["--banner", "--die-on-start"]);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let status = wait_for(&upstream, |status| {
            matches!(status.state, State::Failed { attempts, .. } if attempts > seen.last().copied().unwrap_or(0))
        })
        .await;
        let State::Failed {
            reason,
            last_words,
            attempts,
            retry_in,
        } = status.state
        else {
            unreachable!("waited for")
        };
        assert!(
            reason.contains("it exited") && reason.contains("2 line(s)"),
            "{reason}"
        );
        assert!(last_words.as_str().contains("told to die on start"));
        assert!(!format!("{last_words:?}").contains("told"));
        match call(&upstream, "echo", r#"{"text":"?"}"#).await {
            Err(CallError::Down { reason, .. }) => assert!(!reason.contains("told to die")),
            other => panic!("{other:?}"),
        }
        assert_eq!(retry_in, Duration::from_millis(250) * 2_u32.pow(attempts));
        seen.push(attempts);
    }
    assert!(seen.is_sorted());
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_named() {
    let upstream = Upstream::start(stdio("/no/such/command", &["s3cret"]), launch(), no_cache());
    let status = wait_for(&upstream, |status| {
        matches!(status.state, State::Failed { .. })
    })
    .await;
    let State::Failed { reason, .. } = status.state else {
        unreachable!("waited for")
    };
    assert!(
        reason.contains("`/no/such/command` could not be started"),
        "{reason}"
    );
    assert!(!reason.contains("s3cret"));
}

#[tokio::test]
async fn a_command_that_is_not_on_the_path_is_told_with_the_path_and_the_next_step() {
    let Transport::Stdio { args, cwd, .. } = stdio("npx-of-nobody", &[]).transport else {
        unreachable!("made so")
    };
    let transport = Transport::Stdio {
        command: "npx-of-nobody".to_owned(),
        args,
        env: vec![("PATH".to_owned(), "/nowhere:/else".to_owned())],
        cwd,
    };
    let upstream = Upstream::start(Stanza::new("fake", transport), launch(), no_cache());
    let status = wait_for(&upstream, |status| {
        matches!(status.state, State::Failed { .. })
    })
    .await;
    let State::Failed { reason, .. } = status.state else {
        unreachable!("waited for")
    };
    assert_eq!(
        reason,
        "`npx-of-nobody` is not on the PATH this toolmill was given (PATH=/nowhere:/else): \
         install it, or write an absolute path as `command`"
    );
}

#[tokio::test]
async fn waiting_for_a_server_ends_with_the_deadline_or_the_caller() {
    let upstream = start(&["--silent"]);
    let arguments = serde_json::from_str("{}").expect("JSON");
    let soon = Instant::now() + Duration::from_millis(20);
    let late = upstream
        .call("echo", arguments, soon, &CancellationToken::new(), None)
        .await;
    assert!(matches!(late, Err(CallError::Timeout { .. })));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cancelled = upstream
        .call("echo", arguments, Instant::now() + PATIENCE, &cancel, None)
        .await;
    assert_eq!(cancelled.expect_err("cancelled"), CallError::Cancelled);
    upstream.stop().await;
    assert!(matches!(upstream.status().borrow().state, State::Stopped));
    assert!(matches!(
        call(&upstream, "echo", "{}").await,
        Err(CallError::Down { .. })
    ));
}

#[tokio::test]
async fn legacy_servers_which_mishandle_the_probe_are_reached() {
    for behaviour in ["--ignore-discover", "--exit-on-discover"] {
        let upstream = start(&["--era", "legacy", behaviour]);
        assert_eq!(ready(&upstream).await.0, Era::Legacy);
    }
}

#[tokio::test]
async fn the_era_and_the_tools_are_remembered() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = dir.path().join("methods");
    let cache = dir.path().join("cache");
    let command = dir.path().join("server");
    let serve = |era: &str| {
        let fake = fake_upstream();
        let script = format!(
            "#!/bin/sh\nexec {} --era {era} --log-methods {}\n",
            fake.display(),
            log.display()
        );
        // By rename: the file of a running script cannot be overwritten safely.
        let temporary = dir.path().join("new");
        std::fs::write(&temporary, script).expect("a writable folder");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&temporary, executable).expect("our file");
        std::fs::rename(&temporary, &command).expect("one folder");
    };
    let connect = async || {
        let _ = std::fs::remove_file(&log);
        let cache = Arc::new(Cache::new(Some(cache.clone())));
        let upstream = Upstream::start(stdio(&command, &[]), launch(), cache);
        let remembered = upstream.status().borrow().listing.clone();
        let (era, _) = ready(&upstream).await;
        upstream.stop().await;
        let log = std::fs::read_to_string(&log).expect("a log");
        (era, remembered, log.lines().next().map(str::to_owned))
    };

    serve("legacy");
    let (era, remembered, first) = connect().await;
    assert_eq!(
        (era, first.as_deref()),
        (Era::Legacy, Some("server/discover"))
    );
    assert!(remembered.is_none());

    let (era, remembered, first) = connect().await;
    assert_eq!((era, first.as_deref()), (Era::Legacy, Some("initialize")));
    let remembered = remembered.expect("a cached listing");
    assert_eq!(remembered.era, Era::Legacy);
    assert!(names(&remembered).contains(&"echo".to_owned()));

    // The server behind the same stanza has been updated: memory is a guess, not a fact.
    serve("modern");
    assert_eq!(connect().await.0, Era::Modern);
    let (era, remembered, _) = connect().await;
    assert_eq!(
        (era, remembered.map(|listing| listing.era)),
        (Era::Modern, Some(Era::Modern))
    );

    // Nothing in the file is secret, a broken one is replaced, and a newer one is left alone.
    let file = std::fs::read_dir(&cache)
        .expect("a cache")
        .next()
        .expect("a file")
        .expect("readable");
    assert!(
        !std::fs::read_to_string(file.path())
            .expect("text")
            .contains("hunter2")
    );
    std::fs::write(file.path(), "{").expect("our file");
    assert!(connect().await.1.is_none());
    assert!(connect().await.1.is_some());
    std::fs::write(file.path(), r#"{"schema":99,"listing":7}"#).expect("our file");
    assert!(connect().await.1.is_none());
    let kept = std::fs::read_to_string(file.path()).expect("text");
    assert_eq!(kept, r#"{"schema":99,"listing":7}"#);
}

#[tokio::test]
async fn changed_tools_are_read_again() {
    for era in ["legacy", "modern"] {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("methods");
        let upstream = start(&["--era", era, "--log-methods", log.to_str().expect("UTF-8")]);
        ready(&upstream).await;
        // The subscription of the modern era is made behind the scenes.
        let subscribed = || {
            std::fs::read_to_string(&log)
                .expect("a log")
                .contains("subscriptions/listen")
        };
        while era == "modern" && !subscribed() {
            number(&upstream, "meeting", "arrived").await;
        }
        assert_eq!(text(&upstream, "change_tools", "{}").await, "changed");
        let status = wait_for(&upstream, |status| {
            let listing = status
                .listing
                .as_deref()
                .expect("a ready server has been asked");
            names(listing).contains(&"added_0000".to_owned())
        })
        .await;
        assert!(matches!(status.state, State::Ready { .. }));
    }
}

#[tokio::test]
async fn requests_of_servers_are_answered_or_declined() {
    let upstream = start(&["--era", "legacy"]);
    for (request, answer) in [
        (r#"{"method":"ping"}"#, r#""result":{}"#),
        (r#"{"method":"roots/list"}"#, "-32601"),
        (
            r#"{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}"#,
            "-32601",
        ),
        (
            r#"{"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object","properties":{}}}}"#,
            r#""action":"decline""#,
        ),
        (r#"{"method":"no/such"}"#, "-32601"),
    ] {
        let text = text(&upstream, "ask", request).await;
        assert!(text.contains(answer), "{request}: {text}");
    }
}

/// Answers each question with the next of these, and keeps what was asked.
struct Human {
    answers: Mutex<Vec<Elicited>>,
    asked: Mutex<Vec<Elicitation>>,
    /// How many questions must be open before any is answered.
    together: tokio::sync::Barrier,
}

impl Human {
    fn new(answers: Vec<Elicited>, together: usize) -> (Arc<Human>, Arc<dyn Asker>) {
        let human = Arc::new(Human {
            answers: Mutex::new(answers),
            asked: Mutex::default(),
            together: tokio::sync::Barrier::new(together),
        });
        (human.clone(), human)
    }
}

impl Asker for Human {
    fn elicit<'a>(
        &'a self,
        server: &'a str,
        elicitation: Elicitation,
    ) -> Pin<Box<dyn Future<Output = Elicited> + Send + 'a>> {
        assert_eq!(server, "fake");
        self.asked.lock().expect("no panic").push(elicitation);
        Box::pin(async {
            self.together.wait().await;
            self.answers.lock().expect("no panic").remove(0)
        })
    }
}

fn accept(content: &str) -> Elicited {
    Elicited::Accept(Some(
        RawValue::from_string(content.to_owned()).expect("JSON"),
    ))
}

/// A server of each era behind each transport.
async fn of_both_eras() -> Vec<Upstream> {
    let mut all = vec![start(&["--era", "legacy"]), start(&["--era", "modern"])];
    for era in [Eras::Legacy, Eras::Modern] {
        let (origin, _) = serve_http(fake_options(era), Answers::Events).await;
        let http = http(&format!("{origin}/mcp"));
        all.push(Upstream::start(http, launch(), no_cache()));
    }
    all
}

#[tokio::test]
async fn a_server_asks_a_human_and_goes_on_with_the_answer() {
    for upstream in of_both_eras().await {
        let answers = vec![
            accept(r#"{"sure":true,"id":9007199254740993}"#),
            Elicited::Decline,
            Elicited::Cancel,
        ];
        let (human, asker) = Human::new(answers, 1);
        let answer = call_asking(&upstream, "elicit", r#"{"rounds":3}"#, Some(&asker)).await;
        let answer = answer.expect("a result");
        let expected = concat!(
            r#"{"answers":[{"action":"accept","content":{"sure":true,"id":9007199254740993}},"#,
            r#"{"action":"decline"},{"action":"cancel"}]}"#
        );
        assert!(answer.contains(expected), "{answer}");
        let form = Elicitation {
            message: "Sure?".to_owned(),
            wanted: Wanted::Form {
                schema: r#"{"type":"object","properties":{"sure":{"type":"boolean"}}}"#.to_owned(),
            },
        };
        assert_eq!(*human.asked.lock().expect("no panic"), vec![form; 3]);
        assert_eq!(number(&upstream, "elicited", "elicited").await, 1);
    }
}

#[tokio::test]
async fn an_address_to_visit_is_asked_for_as_one() {
    for upstream in of_both_eras().await {
        let (human, asker) = Human::new(vec![Elicited::Accept(None)], 1);
        let arguments = r#"{"message":"Log in","url":"https://example.org/login"}"#;
        let answer = call_asking(&upstream, "elicit", arguments, Some(&asker)).await;
        let answer = answer.expect("a result");
        assert!(
            answer.contains(r#"{"answers":[{"action":"accept"}]}"#),
            "{answer}"
        );
        let visit = Elicitation {
            message: "Log in".to_owned(),
            wanted: Wanted::Visit {
                url: "https://example.org/login".to_owned(),
            },
        };
        assert_eq!(*human.asked.lock().expect("no panic"), [visit]);
    }
}

#[tokio::test]
async fn what_a_server_asks_has_bounds() {
    let fields = (0..65).map(|n| (format!("f{n}"), serde_json::json!({ "type": "string" })));
    let many = serde_json::json!({ "schema": { "type": "object", "properties": fields.collect::<serde_json::Map<_, _>>() } });
    let long = serde_json::json!({ "message": "x".repeat(17 << 10) });
    for upstream in of_both_eras().await {
        for (arguments, problem) in [
            (many.to_string(), "the form has 65 fields; at most 64"),
            (
                long.to_string(),
                "the message has 17408 bytes; at most 16384",
            ),
        ] {
            let (human, asker) = Human::new(Vec::new(), 1);
            let answer = call_asking(&upstream, "elicit", &arguments, Some(&asker)).await;
            // A legacy server is told; a call of a modern one ends.
            let said = answer.unwrap_or_else(|error| error.to_string());
            assert!(said.contains(problem), "{said}");
            assert!(human.asked.lock().expect("no panic").is_empty());
        }
        let answers = vec![Elicited::Decline; 11];
        let (human, asker) = Human::new(answers, 1);
        let answer = call_asking(&upstream, "elicit", r#"{"rounds":11}"#, Some(&asker)).await;
        if let Err(error) = answer {
            let said = error.to_string();
            assert!(
                said.contains("asked for input more than 10 times"),
                "{said}"
            );
        }
        assert_eq!(human.asked.lock().expect("no panic").len(), 10);
    }
}

#[tokio::test]
async fn a_question_reaches_the_human_of_the_call_it_is_about_or_nobody() {
    // Over HTTP, and from a modern server, it is known which call asks, whoever else calls.
    for upstream in of_both_eras().await.into_iter().skip(1) {
        let (one, asker_of_one) = Human::new(vec![accept(r#"{"n":1}"#)], 1);
        let (other, asker_of_other) = Human::new(vec![accept(r#"{"n":2}"#)], 1);
        let (first, second) = tokio::join!(
            call_asking(
                &upstream,
                "elicit",
                r#"{"message":"one"}"#,
                Some(&asker_of_one)
            ),
            call_asking(
                &upstream,
                "elicit",
                r#"{"message":"other"}"#,
                Some(&asker_of_other)
            ),
        );
        assert!(first.expect("a result").contains(r#""content":{"n":1}"#));
        assert!(second.expect("a result").contains(r#""content":{"n":2}"#));
        assert_eq!(one.asked.lock().expect("no panic")[0].message, "one");
        assert_eq!(other.asked.lock().expect("no panic")[0].message, "other");
    }
    // A legacy server over stdio says nothing of it: many calls of one run are asked about together…
    let upstream = start(&["--era", "legacy"]);
    let (human, asker) = Human::new(vec![accept("{}"); 3], 3);
    let asking = || call_asking(&upstream, "elicit", "{}", Some(&asker));
    let (a, b, c) = tokio::join!(asking(), asking(), asking());
    for answer in [a, b, c] {
        assert!(answer.expect("a result").contains(r#""action":"accept""#));
    }
    assert_eq!(human.asked.lock().expect("no panic").len(), 3);
    // …and those of two runs are not: the other's call is open for as long as this one asks.
    let (human, asker) = Human::new(Vec::new(), 1);
    let (other, asker_of_other) = Human::new(Vec::new(), 1);
    let other_call = call_asking(&upstream, "meet", r#"{"parties":2}"#, Some(&asker_of_other));
    let asking = async {
        while number(&upstream, "meeting", "arrived").await < 1 {}
        let answer = call_asking(&upstream, "elicit", "{}", Some(&asker)).await;
        assert_eq!(text(&upstream, "meet", r#"{"parties":2}"#).await, "met");
        answer
    };
    let (_, answer) = tokio::join!(other_call, asking);
    assert!(
        answer
            .expect("a result")
            .contains(r#"{"answers":[{"action":"decline"}]}"#)
    );
    for human in [human, other] {
        assert!(human.asked.lock().expect("no panic").is_empty());
    }
}

#[tokio::test]
async fn while_a_human_is_asked_the_deadline_stands_still() {
    /// Answers when told.
    struct Slow(tokio::sync::Semaphore);
    impl Asker for Slow {
        fn elicit<'a>(
            &'a self,
            _: &'a str,
            _: Elicitation,
        ) -> Pin<Box<dyn Future<Output = Elicited> + Send + 'a>> {
            Box::pin(async {
                self.0.acquire().await.expect("open").forget();
                Elicited::Decline
            })
        }
    }
    let asked_late = of_both_eras().await.into_iter().map(async |upstream| {
        ready(&upstream).await;
        let slow = Arc::new(Slow(tokio::sync::Semaphore::new(0)));
        let asker: Arc<dyn Asker> = slow.clone();
        let arguments: &RawValue = serde_json::from_str("{}").expect("JSON");
        let never = CancellationToken::new();
        // Long enough for any server to have asked.
        let deadline = Instant::now() + Duration::from_secs(5);
        let call = upstream.call("elicit", arguments, deadline, &never, Some(&asker));
        let answer_late = async {
            tokio::time::sleep_until(deadline + Duration::from_millis(300)).await;
            slow.0.add_permits(1);
        };
        let (answer, ()) = tokio::join!(call, answer_late);
        let answer = answer.expect("a result").raw;
        assert!(
            answer
                .get()
                .contains(r#"{"answers":[{"action":"decline"}]}"#)
        );
    });
    futures::future::join_all(asked_late).await;
}

#[tokio::test]
async fn servers_end_with_their_input_or_with_their_lifeline() {
    for (args, expected) in [(&[][..], Some(0)), (&["--linger"], None)] {
        let (ended, ends) = mpsc::channel();
        let launch = Arc::new(Processes { ended });
        let upstream = Upstream::start(stdio(fake_upstream(), args), launch, no_cache());
        ready(&upstream).await;
        upstream.stop().await;
        let status = ends.recv_timeout(PATIENCE).expect("the server ended");
        assert_eq!(status.code(), expected);
    }
}

#[tokio::test]
async fn stopping_a_server_ends_its_calls() {
    let upstream = start(&[]);
    ready(&upstream).await;
    let waiting = call(&upstream, "meet", r#"{"parties":2}"#);
    let stop_when_there = async {
        while number(&upstream, "meeting", "arrived").await < 1 {}
        upstream.stop().await;
    };
    let (waiting, ()) = tokio::join!(waiting, stop_when_there);
    let lost = CallError::Lost {
        server: "fake".to_owned(),
    };
    assert_eq!(waiting, Err(lost));
}

#[tokio::test]
async fn the_last_handle_stops_the_server() {
    let (ended, ends) = mpsc::channel();
    let launch = Arc::new(Processes { ended });
    let upstream = Upstream::start(stdio(fake_upstream(), &[]), launch, no_cache());
    ready(&upstream).await;
    let mut status = upstream.status();
    drop(upstream);
    let stopped = status.wait_for(|status| matches!(status.state, State::Stopped));
    assert!(timeout(PATIENCE, stopped).await.expect("in time").is_ok());
    assert!(
        ends.recv_timeout(PATIENCE)
            .expect("the server ended")
            .success()
    );
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let stdio = stdio("server", &["--token", "hunter2"]);
    let http = Stanza::new(
        "web",
        Transport::Http {
            url: "https://hunter2@example.org/mcp?key=hunter2".to_owned(),
            headers: vec![("Authorization".to_owned(), "Bearer hunter2".to_owned())],
        },
    );
    for stanza in [stdio, http] {
        assert!(!format!("{stanza:?}").contains("hunter2"));
    }
    let upstream = start(&[]);
    assert_eq!(
        text(&upstream, "secret_env", r#"{"name":"SECRET"}"#).await,
        "hunter2"
    );
    assert_eq!(
        text(&upstream, "secret_env", r#"{"name":"PATH"}"#).await,
        ""
    );
}

/// How the fake server behaves behind HTTP.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    Json,
    Events,
}

/// Serves a fake upstream at `/mcp`, and beside it some addresses which are no such thing. Returns
/// its origin, and the headers of every POST as they come.
async fn serve_http(options: Options, answers: Answers) -> (String, Arc<Mutex<Vec<HeaderMap>>>) {
    let fake = Arc::new(FakeUpstream::new(options));
    let seen = Arc::<Mutex<Vec<HeaderMap>>>::default();
    let headers_seen = seen.clone();
    let mcp = post(async move |headers: HeaderMap, body: String| {
        headers_seen.lock().expect("no panic").push(headers);
        if body.contains("hang_up") {
            let broken = stream::iter([Ok("{"), Err(io::Error::other("gone"))]);
            return (
                [(CONTENT_TYPE, "application/json")],
                Body::from_stream(broken),
            )
                .into_response();
        }
        let (lines, mut answers_to_come) = tokio::sync::mpsc::unbounded_channel::<String>();
        let output: Output = Arc::new(move |line| {
            let _ = lines.send(line.to_owned());
        });
        fake.receive(&body, &output);
        drop(output);
        let message: HashMap<String, Box<RawValue>> = serde_json::from_str(&body).expect("JSON");
        if !message.contains_key("id") || !message.contains_key("method") {
            return StatusCode::ACCEPTED.into_response();
        }
        if answers == Answers::Json && message["method"].get() != "\"subscriptions/listen\"" {
            let line = answers_to_come.recv().await.expect("an answer");
            return ([(CONTENT_TYPE, "application/json")], line).into_response();
        }
        let events = stream::unfold(answers_to_come, async |mut lines| {
            let line = lines.recv().await?;
            Some((
                Ok::<_, io::Error>(format!(
                    ": comment\r\nevent: message\r\ndata: {line}\r\n\r\n"
                )),
                lines,
            ))
        });
        (
            [(CONTENT_TYPE, "text/event-stream")],
            Body::from_stream(events),
        )
            .into_response()
    });
    let old = get(async || {
        (
            [(CONTENT_TYPE, "text/event-stream")],
            "event: endpoint\ndata: /messages\n\n",
        )
    });
    let app = Router::new()
        .route("/mcp", mcp)
        .route("/sse", old)
        .route("/private", post(async || StatusCode::UNAUTHORIZED))
        .route("/page", post(async || "<html>hello</html>"))
        .layer(DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(axum::serve(listener, app).into_future());
    (origin, seen)
}

fn http(url: &str) -> Stanza {
    let headers = vec![("Authorization".to_owned(), "Bearer hunter2".to_owned())];
    Stanza::new(
        "fake",
        Transport::Http {
            url: url.to_owned(),
            headers,
        },
    )
}

fn fake_options(era: Eras) -> Options {
    Options {
        era,
        ..Options::default()
    }
}

#[tokio::test]
async fn over_http_both_eras_list_and_call() {
    for era in [Eras::Legacy, Eras::Modern, Eras::Both] {
        for answers in [Answers::Json, Answers::Events] {
            let (origin, seen) = serve_http(fake_options(era), answers).await;
            let upstream = Upstream::start(http(&format!("{origin}/mcp")), launch(), no_cache());
            let (connected, listing) = ready(&upstream).await;
            assert_eq!(connected == Era::Legacy, era == Eras::Legacy);
            assert_eq!(listing.server_name, "fake");
            assert!(
                listing.tools[0]
                    .get()
                    .contains(r#""x-unknown":{"zebra":1,"apple":12345678901234567890}"#)
            );
            for value in ["9007199254740993", r#"{"z":1.0,"a":[1e400,-0]}"#] {
                let result =
                    call(&upstream, "structured", &format!(r#"{{"value":{value}}}"#)).await;
                assert!(
                    result
                        .expect("a result")
                        .contains(&format!(r#""structuredContent":{value}"#))
                );
            }
            assert_eq!(text(&upstream, "echo", "{\n\"text\":\n\"a\"}").await, "a");
            assert_eq!(
                call(&upstream, "rpc_error", r#"{"message":"bad"}"#).await,
                Err(CallError::Rpc {
                    code: -32050,
                    message: "bad".to_owned()
                })
            );
            assert_eq!(
                call(&upstream, "rpc_error", REFUSAL).await,
                Err(visit_required())
            );
            let asked = call(&upstream, "input_required", "{}").await;
            assert!(matches!(asked, Err(CallError::Protocol { .. })));
            let lost = call(&upstream, "hang_up", "{}").await;
            assert_eq!(
                lost,
                Err(CallError::Lost {
                    server: "fake".to_owned()
                })
            );
            upstream.stop().await;
            let seen = seen.lock().expect("no panic");
            assert!(
                seen.iter()
                    .all(|headers| headers["authorization"] == "Bearer hunter2")
            );
            let called = |headers: &HeaderMap| {
                headers
                    .get("mcp-method")
                    .is_some_and(|it| it == "tools/call")
            };
            assert_eq!(seen.iter().any(called), connected == Era::Modern);
        }
    }
}

#[tokio::test]
async fn over_http_large_results_pass_and_larger_ones_end_with_an_error() {
    for answers in [Answers::Json, Answers::Events] {
        let (origin, _) = serve_http(fake_options(Eras::Both), answers).await;
        let mut stanza = http(&format!("{origin}/mcp"));
        stanza.max_result_bytes = 21 << 20;
        let upstream = Upstream::start(stanza, launch(), no_cache());
        assert_eq!(
            text(&upstream, "big", r#"{"bytes":20971520}"#).await.len(),
            20 << 20
        );
        for (tool, arguments) in [
            ("big", r#"{"bytes":30000000}"#),
            ("oversized", r#"{"bytes":30000000}"#),
            ("oversized", r#"{"bytes":30000000,"id":false}"#),
        ] {
            let result = call(&upstream, tool, arguments)
                .await
                .map(|result| result.len());
            assert!(
                matches!(result, Err(CallError::TooLarge { .. })),
                "{result:?}"
            );
        }
        assert_eq!(
            text(&upstream, "echo", r#"{"text":"still here"}"#).await,
            "still here"
        );
    }
}

#[tokio::test]
async fn over_http_a_hundred_calls_are_in_flight_together() {
    for answers in [Answers::Json, Answers::Events] {
        let (origin, _) = serve_http(fake_options(Eras::Both), answers).await;
        let upstream = Upstream::start(http(&format!("{origin}/mcp")), launch(), no_cache());
        let calls = (0..100).map(|_| text(&upstream, "meet", r#"{"parties":100}"#));
        assert!(
            futures::future::join_all(calls)
                .await
                .iter()
                .all(|text| text == "met")
        );
    }
}

#[tokio::test]
async fn over_http_calls_are_cancelled_and_changes_heard() {
    let (origin, _) = serve_http(fake_options(Eras::Legacy), Answers::Json).await;
    let upstream = Upstream::start(http(&format!("{origin}/mcp")), launch(), no_cache());
    ready(&upstream).await;
    let arguments = serde_json::from_str(r#"{"parties":2}"#).expect("JSON");
    let cancel = CancellationToken::new();
    let cancelled = upstream.call("meet", arguments, Instant::now() + PATIENCE, &cancel, None);
    let cancel_when_there = async {
        while number(&upstream, "meeting", "arrived").await < 1 {}
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(cancelled, cancel_when_there);
    assert_eq!(result.expect_err("cancelled"), CallError::Cancelled);
    while number(&upstream, "cancelled", "cancelled").await < 1 {}

    let (origin, _) = serve_http(fake_options(Eras::Modern), Answers::Json).await;
    let upstream = Upstream::start(http(&format!("{origin}/mcp")), launch(), no_cache());
    // A change before the subscription is in place goes unheard, so it changes until it is heard.
    let heard = wait_for(&upstream, |status| {
        status
            .listing
            .as_deref()
            .is_some_and(|listing| names(listing).contains(&"added_0000".to_owned()))
    });
    let change = async {
        loop {
            text(&upstream, "change_tools", "{}").await;
        }
    };
    tokio::select! {
        _ = heard => {}
        () = change => {}
    }
}

#[tokio::test]
async fn over_http_the_reason_of_a_failure_is_told() {
    let (origin, _) = serve_http(fake_options(Eras::Both), Answers::Json).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let nobody = format!(
        "http://{}/mcp?key=hunter2",
        closed.local_addr().expect("bound")
    );
    drop(closed);
    for (url, expected) in [
        (format!("{origin}/private"), "login needed"),
        (
            format!("{origin}/sse"),
            "the old HTTP+SSE transport, which is not supported",
        ),
        (
            format!("{origin}/nothing"),
            "no MCP endpoint at its URL (HTTP 404)",
        ),
        (format!("{origin}/page"), "something that is not MCP"),
        (nobody, "cannot be reached: Connection refused"),
        ("nonsense".to_owned(), "URL"),
    ] {
        let upstream = Upstream::start(http(&url), launch(), no_cache());
        let status = wait_for(&upstream, |status| {
            matches!(status.state, State::Failed { .. })
        })
        .await;
        let State::Failed { reason, .. } = status.state else {
            unreachable!("waited for")
        };
        assert!(reason.contains(expected), "{reason}");
        assert!(!reason.contains("hunter2"));
    }
}

/// The probe is given up, and the legacy handshake is refused: the server is modern, and was slow.
#[tokio::test]
async fn a_modern_server_that_is_slow_to_start_is_reached_at_the_first_attempt() {
    let upstream = start(&["--era", "modern", "--delay-start", "4000"]);
    let settled = wait_for(&upstream, |status| {
        !matches!(status.state, State::Connecting)
    })
    .await;
    assert!(
        matches!(settled.state, State::Ready { era: Era::Modern }),
        "{:?}",
        settled.state
    );
    upstream.stop().await;
}
