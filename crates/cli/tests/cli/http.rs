//! `toolmill serve --http`, spoken to by hand in both eras; and servers reached over HTTP.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};

use serde_json::{Value, json};
use testkit::{Eras, FakeUpstream, Options, Output};

use crate::place::{self, Place, fake, wait_until};

/// A gateway that listens.
pub(crate) struct Served {
    pub(crate) child: Child,
    address: SocketAddr,
    /// What it said of its token.
    said: String,
    pub(crate) token: Option<String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    pub(crate) fn start(mut serve: Command) -> Served {
        let mut child = serve
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        while !said.contains("toolmill: serving http://") {
            said.clear();
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it has ended");
        }
        // It must not meet a closed pipe.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let address = said.split("http://").nth(1).unwrap();
        let address = address.split('/').next().unwrap().parse().unwrap();
        Served {
            child,
            address,
            said,
            token: None,
        }
    }

    /// With the token that it keeps in its file.
    pub(crate) fn new(place: &Place) -> Served {
        let mut served = Served::start(place.command(&["serve", "--http", "127.0.0.1:0"]));
        let token = std::fs::read_to_string(place.path("state/toolmill/http-token"));
        served.token = Some(token.unwrap());
        served
    }

    fn request(&self) -> Request<'_> {
        let mut request = Request {
            served: self,
            headers: vec![
                ("Host".into(), self.address.to_string()),
                ("Content-Type".into(), "application/json".into()),
                (
                    "Accept".into(),
                    "application/json, text/event-stream".into(),
                ),
            ],
        };
        if let Some(token) = &self.token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        request
    }
}

pub(crate) struct Request<'a> {
    served: &'a Served,
    headers: Vec<(String, String)>,
}

impl Request<'_> {
    /// With this header, in place of one of the same name.
    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(present, _)| present != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(present, _)| present != name);
        self
    }

    pub(crate) fn send(self, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.served.address).unwrap();
        let mut head = "POST /mcp HTTP/1.1\r\nConnection: close\r\n".to_owned();
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        // Who refuses a request need not read all of it.
        let _ = stream.write_all(body.as_bytes());
        stream
    }

    pub(crate) fn post(self, body: &Value) -> Reply {
        Reply::read(self.send(&body.to_string()))
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Reply {
    fn read(stream: TcpStream) -> Reply {
        let mut stream = BufReader::new(stream);
        let (first, headers) = head(&mut stream).expect("a reply");
        let mut body = Vec::new();
        let _ = stream.read_to_end(&mut body);
        if headers.get("transfer-encoding").map(String::as_str) == Some("chunked") {
            body = joined(&body);
        }
        Reply {
            status: first.split(' ').nth(1).unwrap().parse().unwrap(),
            headers,
            body: String::from_utf8(body).unwrap(),
        }
    }

    /// All messages of a stream.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Value> {
        self.body
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter_map(|data| serde_json::from_str(data).ok())
    }

    /// The answer to the request, as JSON or as the last event of a stream.
    pub(crate) fn message(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        let text = match &*self.headers["content-type"] {
            "text/event-stream" => self
                .body
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .rfind(|data| data.contains("\"jsonrpc\""))
                .unwrap_or_else(|| panic!("no event holds a message: {}", self.body)),
            _ => &self.body,
        };
        serde_json::from_str(text).unwrap()
    }

    /// The answer to the request, whatever the status says of it.
    pub(crate) fn any_message(mut self) -> Value {
        self.status = 200;
        self.message()
    }

    /// A tool's text and whether it is an error.
    pub(crate) fn text(&self) -> (String, bool) {
        let message = self.message();
        let text = message["result"]["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("{message:#}"));
        (text.to_owned(), message["result"]["isError"] == true)
    }
}

/// The first line and the headers, their names in lower case.
fn head(stream: &mut impl BufRead) -> Option<(String, HashMap<String, String>)> {
    let mut line = || {
        let mut line = String::new();
        let length = stream.read_line(&mut line).ok()?;
        (length > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = HashMap::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else {
            return Some((first, headers));
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

/// A chunked body without its chunks.
fn joined(mut chunked: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        if chunked.read_line(&mut size).unwrap() == 0 {
            return body;
        }
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let end = size.min(chunked.len());
        body.extend_from_slice(&chunked[..end]);
        chunked = &chunked[(end + 2).min(chunked.len())..];
    }
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }})
}

pub(crate) fn execute(language: &str, code: &str, session: Option<&str>) -> Value {
    let mut arguments = json!({"language": language, "code": code});
    if let Some(session) = session {
        arguments["session"] = session.into();
    }
    json!({"name": "execute_code", "arguments": arguments})
}

/// A client of the legacy era, with the session it was given.
pub(crate) struct Legacy<'a> {
    served: &'a Served,
    session: String,
}

impl<'a> Legacy<'a> {
    pub(crate) fn new(served: &'a Served) -> Legacy<'a> {
        Legacy::with(served, json!({}))
    }

    /// With what the client says it can do.
    pub(crate) fn with(served: &'a Served, capabilities: Value) -> Legacy<'a> {
        let mut initialize = initialize();
        initialize["params"]["capabilities"] = capabilities;
        let reply = served.request().post(&initialize);
        assert_eq!(reply.message()["result"]["serverInfo"]["name"], "toolmill");
        let client = Legacy {
            served,
            session: reply.headers["mcp-session-id"].clone(),
        };
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(client.request().post(&ready).status, 202);
        client
    }

    pub(crate) fn request(&self) -> Request<'a> {
        self.served
            .request()
            .header("Mcp-Session-Id", &self.session)
            .header("MCP-Protocol-Version", "2025-06-18")
    }

    pub(crate) fn call(&self, params: Value) -> (String, bool) {
        let body = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params});
        self.request().post(&body).text()
    }
}

/// A request of the modern era: everything is in it, and nothing came before.
pub(crate) fn modern<'a>(
    served: &'a Served,
    method: &str,
    mut params: Value,
) -> (Request<'a>, Value) {
    let mut request = served
        .request()
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", method);
    if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
        request = request.header("Mcp-Name", name);
    }
    place::modern(&mut params);
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    (request, body)
}

pub(crate) fn modern_call(served: &Served, params: Value) -> (String, bool) {
    let (request, body) = modern(served, "tools/call", params);
    request.post(&body).text()
}

/// The session that an answer's status line names.
pub(crate) fn session_of(text: &str) -> String {
    let status = text.lines().next().unwrap();
    let named = status
        .split(" · ")
        .find_map(|fact| fact.strip_prefix("session "))
        .unwrap_or_else(|| panic!("no session is named: {text}"));
    assert!(named.starts_with("s_"), "{named}");
    named.to_owned()
}

#[test]
fn a_token_is_made_once_for_its_user_alone_and_required() {
    let place = Place::with_fake();
    let file = place.path("state/toolmill/http-token");
    assert!(!file.exists());
    let served = Served::new(&place);
    let token = served.token.clone().unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(token.len() >= 32, "{token}");
    assert!(served.said.contains(file.to_str().unwrap()));
    assert!(!served.said.contains(&token), "{}", served.said);

    let refused = |request: Request<'_>| {
        let reply = request.post(&initialize());
        assert_eq!(reply.status, 401, "{}", reply.body);
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
        assert!(!reply.body.contains(&token), "{}", reply.body);
    };
    refused(served.request().without("Authorization"));
    let authorization = "Authorization";
    for wrong in [
        "Bearer ".to_owned(),
        "Bearer 0".to_owned(),
        format!("Bearer {token}0"),
        format!("Bearer {}", "0".repeat(token.len())),
        format!("Basic {token}"),
        token.clone(),
    ] {
        refused(served.request().header(authorization, &wrong));
    }
    Legacy::new(&served);

    drop(served);
    let again = Served::new(&place);
    assert_eq!(again.token.as_ref(), Some(&token), "the token is kept");
    Legacy::new(&again);
}

#[test]
fn settings_may_name_the_variable_that_holds_the_token() {
    let place = Place::new("[http]\ntoken = \"${GIVEN}\"\n");
    let mut serve = place.command(&["serve", "--http", "127.0.0.1:0"]);
    serve.env("GIVEN", "of-the-user");
    let mut served = Served::start(serve);
    assert!(!place.path("state/toolmill/http-token").exists());
    assert!(!served.said.contains("of-the-user"), "{}", served.said);
    assert_eq!(served.request().post(&initialize()).status, 401);
    served.token = Some("of-the-user".into());
    Legacy::new(&served);

    // Without it the gateway is not open: it falls back on the token of its own.
    drop(served);
    let served = Served::new(&place);
    assert!(served.said.contains("http-token"), "{}", served.said);
    assert_eq!(
        served
            .request()
            .without("Authorization")
            .post(&initialize())
            .status,
        401
    );
    Legacy::new(&served);
}

#[test]
fn no_token_is_asked_for_when_that_was_said() {
    let place = Place::with_fake();
    let served = Served::start(place.command(&["serve", "--http", "127.0.0.1:0", "--no-token"]));
    assert!(served.said.contains("WITHOUT a token"), "{}", served.said);
    Legacy::new(&served);
    assert!(!place.path("state/toolmill/http-token").exists());
    let output = place.output(&["serve", "--no-token"]);
    assert_eq!(output.status.code(), Some(2), "only with --http");
}

#[test]
fn only_loopback_addresses_are_served() {
    let place = Place::with_fake();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let output = place.output(&["serve", "--http", address]);
        assert_ne!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("is not a loopback address"), "{said}");
    }
}

/// A web page can have a browser send requests here: by a name of its own that leads to 127.0.0.1,
/// or with its origin.
#[test]
fn web_pages_are_refused() {
    let place = Place::with_fake();
    let served = Served::new(&place);
    let status = |name: &str, value: &str| {
        let reply = served.request().header(name, value).post(&initialize());
        reply.status
    };
    let port = served.address.port();
    for host in ["example.org", "127.0.0.1.example.org", "192.0.2.1"] {
        assert_eq!(status("Host", host), 403, "{host}");
        assert_eq!(status("Host", &format!("{host}:{port}")), 403, "{host}");
    }
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(status("Host", &format!("{host}:{port}")), 200, "{host}");
    }
    for origin in [
        "https://example.org",
        "null",
        "http://localhost",
        &format!("http://{}", served.address),
    ] {
        assert_eq!(status("Origin", origin), 403, "{origin}");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    const MOST: usize = 8 << 20;
    let place = Place::with_fake();
    let served = Served::new(&place);
    let status = |bytes: usize| {
        let mut body = initialize().to_string();
        // JSON may be followed by white space.
        body.push_str(&" ".repeat(bytes - body.len()));
        Reply::read(served.request().send(&body)).status
    };
    assert_eq!(status(MOST), 200);
    assert_eq!(status(MOST + 1), 413);
    Legacy::new(&served);
}

#[test]
fn the_legacy_era_has_sessions() {
    let place = Place::with_fake();
    let served = Served::new(&place);
    let client = Legacy::new(&served);
    let (text, is_error) = client.call(execute("python", "tools.fake.echo(text='here')", None));
    assert!(!is_error && text.ends_with("\nhere"), "{text}");
    let session = session_of(&text);
    let (text, _) = client.call(execute("javascript", "1 + 1", None));
    assert!(
        text.starts_with("ok x2 "),
        "numbered within its session: {text}"
    );
    assert_eq!(session_of(&text), session);

    // A session of the protocol that nobody has opened.
    let body = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let stranger = client.request().header("Mcp-Session-Id", "not-mine");
    assert_eq!(stranger.post(&body).status, 404);
}

#[test]
fn the_modern_era_is_stateless() {
    let place = Place::with_fake();
    let served = Served::new(&place);
    let (request, body) = modern(&served, "server/discover", json!({}));
    let discovered = request.post(&body).message();
    assert!(
        discovered["result"]["supportedVersions"]
            .to_string()
            .contains("2026-07-28"),
        "{discovered:#}"
    );
    let (request, body) = modern(&served, "tools/list", json!({}));
    let reply = request.post(&body);
    assert!(!reply.headers.contains_key("mcp-session-id"));
    assert_eq!(
        reply.message()["result"]["tools"].as_array().unwrap().len(),
        3
    );
    let search = json!({"name": "search_tools", "arguments": {"queries": ["echo"]}});
    let (text, _) = modern_call(&served, search);
    assert!(text.contains("tools.fake.echo"), "{text}");
    let (text, is_error) = modern_call(
        &served,
        execute("python", "tools.fake.echo(text='here')", None),
    );
    assert!(!is_error && text.ends_with("\nhere"), "{text}");
    session_of(&text);
}

#[test]
fn a_named_session_keeps_its_workspace_and_a_strangers_is_unknown() {
    let place = Place::with_fake();
    let served = Served::new(&place);
    let write = execute("python", "open('note', 'w').write('kept')", None);
    let (text, is_error) = modern_call(&served, write);
    assert!(!is_error, "{text}");
    let session = session_of(&text);
    let read = |session| execute("python", "open('note').read()", session);
    let (text, is_error) = modern_call(&served, read(Some(&session)));
    assert!(!is_error && text.ends_with("\nkept"), "{text}");
    assert_eq!(session_of(&text), session);
    let (text, is_error) = modern_call(&served, read(None));
    assert!(is_error, "a new session has a new workspace: {text}");
    // The same token is the same caller, whatever it speaks.
    let (text, is_error) = Legacy::new(&served).call(read(Some(&session)));
    assert!(!is_error && text.ends_with("\nkept"), "{text}");

    for unknown in ["s_0000000000000000", "", "../..", &session[..8]] {
        let (text, is_error) = modern_call(&served, read(Some(unknown)));
        assert!(is_error && text.contains("unknown session"), "{text}");
    }
    // Another gateway's, of the same user.
    let other = Place::with_fake();
    let other = Served::new(&other);
    let (text, is_error) = modern_call(&other, read(Some(&session)));
    assert!(is_error && text.contains("unknown session"), "{text}");
}

#[test]
fn results_are_read_by_who_names_their_session_and_nobody_elses() {
    let place = Place::with_fake();
    let served = Served::new(&place);
    let keep = execute("python", "tools.fake.echo.keep(text='secret').id", None);
    let (text, _) = modern_call(&served, keep);
    assert!(text.ends_with("\nr_1"), "{text}");
    let session = session_of(&text);
    let uri = format!("toolmill://results/{session}/r_1");
    let read = |served: &Served, uri: &str| {
        let (request, body) = modern(served, "resources/read", json!({"uri": uri}));
        Reply::read(request.send(&body.to_string())).any_message()
    };
    let secret = json!([{"uri": uri, "mimeType": "text/plain", "text": "secret"}]);
    assert_eq!(read(&served, &uri)["result"]["contents"], secret);
    let (request, body) = modern(&served, "resources/templates/list", json!({}));
    let templates = request.post(&body).message();
    assert_eq!(
        templates["result"]["resourceTemplates"][0]["uriTemplate"],
        "toolmill://results/{session}/{id}{?from,to,at}"
    );
    let (request, body) = modern(&served, "resources/list", json!({}));
    let listed = request.post(&body).message();
    assert_eq!(
        listed["result"]["resources"],
        json!([]),
        "no session is named"
    );

    // A legacy client has a session of its own, in which its handle is enough.
    let legacy = Legacy::new(&served);
    let own = |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": params});
        Reply::read(legacy.request().send(&body.to_string())).any_message()
    };
    let (text, _) = legacy.call(execute(
        "python",
        "tools.fake.echo.keep(text='own').id",
        None,
    ));
    assert!(text.ends_with("\nr_1"), "{text}");
    let listed = own("resources/list", json!({}));
    let listed = &listed["result"]["resources"];
    let named = format!("toolmill://results/{}/r_1", session_of(&text));
    assert_eq!(
        (&listed[0]["uri"], listed.as_array().unwrap().len()),
        (&json!(named), 1)
    );
    for uri in [named.as_str(), "toolmill://results/r_1"] {
        let answer = own("resources/read", json!({"uri": uri}));
        assert_eq!(answer["result"]["contents"][0]["text"], "own", "{answer:#}");
    }

    // Neither a handle without its session, nor a guessed session, nor another gateway's.
    let elsewhere = Place::with_fake();
    let elsewhere = Served::new(&elsewhere);
    // No id has a `u`.
    let guessed = format!("toolmill://results/{}u/r_1", &session[..session.len() - 1]);
    for (served, uri) in [
        (&served, "toolmill://results/r_1"),
        (&served, guessed.as_str()),
        (&served, "toolmill://results/../r_1"),
        (&elsewhere, uri.as_str()),
    ] {
        let answer = read(served, uri);
        assert_eq!(
            answer["error"]["message"], "there is no result \"r_1\" in this session",
            "{uri}: {answer:#}"
        );
    }
    // A program of another session that knows everything but has no right.
    let stolen = execute("python", "results.open('r_1')", None);
    let (text, is_error) = modern_call(&served, stolen);
    assert!(
        is_error && text.contains("there is no result \"r_1\""),
        "{text}"
    );
}

/// Guests that wait are left the workspace of a session that runs again and again: no other's program
/// may get one of them.
#[test]
fn sessions_that_take_turns_see_their_own_workspace_only() {
    let place = Place::with_fake();
    let served = Served::new(&place);
    let sessions = ["one", "two"].map(|name| {
        let code = format!("open('of', 'w').write({name:?})\n'kept'");
        let (text, _) = modern_call(&served, execute("python", &code, None));
        (name, session_of(&text))
    });
    let look = "import os\nopen('of').read() + ' of ' + ' '.join(os.listdir('.'))";
    for times in [5, 1, 1, 5] {
        for (name, session) in &sessions {
            for _ in 0..times {
                let run = execute("python", look, Some(session));
                let (text, is_error) = modern_call(&served, run);
                assert!(
                    !is_error && text.contains(&format!("{name} of of")),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn a_client_that_goes_away_cancels_its_run() {
    let place = Place::new("");
    let log = place.path("tmp/methods");
    let settings = fake("fake", &["--log-methods", log.to_str().unwrap()]);
    place.write("config/toolmill/toolmill.toml", &settings);
    let served = Served::new(&place);
    let (request, body) = modern(
        &served,
        "tools/call",
        execute("python", "tools.fake.meet(parties=2)", None),
    );
    let stream = request.send(&body.to_string());
    let logged = |line: &str| {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.lines().any(|logged| logged == line)
    };
    wait_until("the call has arrived", || logged("tools/call meet"));
    drop(stream);
    wait_until("the call is cancelled", || {
        logged("notifications/cancelled")
    });
    let (text, _) = modern_call(
        &served,
        execute("python", "tools.fake.cancelled()['cancelled']", None),
    );
    assert!(text.ends_with("\n1"), "{text}");
}

#[test]
fn a_signal_ends_it_though_streams_are_open() {
    let place = Place::with_fake();
    let mut served = Served::new(&place);
    let client = Legacy::new(&served);
    let mut stream = TcpStream::connect(served.address).unwrap();
    let token = served.token.as_ref().unwrap();
    let get = format!(
        "GET /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\nMcp-Session-Id: {}\r\n\r\n",
        served.address, client.session
    );
    stream.write_all(get.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    assert!(head(&mut stream).unwrap().0.contains(" 200 "));
    let running = client.request().send(
        &json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": execute("javascript", "for (;;) {}", None)})
            .to_string(),
    );
    let family = || crate::place::family_of(served.child.id());
    wait_until("the guest runs", || family().len() >= 4);
    let family = family();
    let pid = rustix::process::Pid::from_raw(served.child.id() as i32).unwrap();
    let begun = std::time::Instant::now();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    crate::place::wait_until_gone(&family);
    assert!(begun.elapsed().as_secs() < 25, "{:?}", begun.elapsed());
    drop(running);
}

/// A fake server behind HTTP, in this process; what it was sent as `Authorization` is kept.
struct Remote {
    url: String,
    authorizations: Arc<Mutex<Vec<String>>>,
}

impl Remote {
    fn new(era: Eras) -> Remote {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let authorizations = Arc::<Mutex<Vec<String>>>::default();
        let fake = Arc::new(FakeUpstream::new(Options {
            era,
            ..Options::default()
        }));
        let seen = authorizations.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (fake, seen) = (fake.clone(), seen.clone());
                std::thread::spawn(move || answer(stream, &fake, &seen));
            }
        });
        Remote {
            url,
            authorizations,
        }
    }
}

/// Answers one request on a connection and closes it.
fn answer(stream: TcpStream, fake: &FakeUpstream, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut stream = BufReader::new(stream);
    let (first, headers) = head(&mut stream)?;
    let mut say = |status: &str, kind: &str, body: &str| {
        let length = body.len();
        writer
            .write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
            .ok()
    };
    if !first.starts_with("POST ") {
        return say("405 Method Not Allowed", "text/plain", "");
    }
    let given = headers.get("authorization").cloned().unwrap_or_default();
    seen.lock().unwrap().push(given);
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let (lines, answers) = mpsc::channel();
    let lines = Mutex::new(lines);
    let output: Output = Arc::new(move |line| {
        let _ = lines.lock().unwrap().send(line.to_owned());
    });
    fake.receive(&body, &output);
    drop(output);
    let message: Value = serde_json::from_str(&body).ok()?;
    if message.get("id").is_none() || message.get("method").is_none() {
        return say("202 Accepted", "text/plain", "");
    }
    if message["method"] == "subscriptions/listen" {
        writer
            .write_all(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n",
            )
            .ok()?;
        for line in answers {
            write!(writer, "data: {line}\n\n").ok()?;
        }
        return Some(());
    }
    say("200 OK", "application/json", &answers.recv().ok()?)
}

#[test]
fn servers_over_http_are_called_with_their_secret_which_is_nowhere_else() {
    const SECRET: &str = "planted-9c41d7";
    for era in [Eras::Legacy, Eras::Modern] {
        let remote = Remote::new(era);
        let place = Place::new(&format!(
            "[upstream.remote]\nurl = {:?}\nheaders = {{ Authorization = \"Bearer ${{PLANTED}}\" }}\n",
            remote.url
        ));
        let output = |arguments: &[&str]| {
            place
                .command(&[&["--log", "trace"], arguments].concat())
                .env("PLANTED", SECRET)
                .output()
                .unwrap()
        };
        place.write(
            "work/p.py",
            "try: tools.remote.fail(message='no')\nexcept ToolError: pass\ntools.remote.echo(text='here')",
        );
        let ran = output(&["run", "--json", "p.py"]);
        let json: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(json["value"], "here", "{era:?}: {json:#}");
        let listed = output(&["tools"]);
        let outputs = [ran, listed, output(&["doctor"])];

        let seen = remote.authorizations.lock().unwrap().clone();
        let right = format!("Bearer {SECRET}");
        assert!(!seen.is_empty() && seen.iter().all(|given| *given == right));
        for output in outputs {
            let log = String::from_utf8(output.stderr).unwrap();
            assert!(!log.contains(SECRET), "{era:?}: {log}");
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(!text.contains(SECRET), "{era:?}: {text}");
        }
        assert!(!place.every_file().contains(SECRET), "{era:?}");
    }
}

#[test]
fn a_server_over_http_that_is_not_there_fails_its_own_calls_only() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let place = Place::new(&format!(
        "{}[upstream.remote]\nurl = \"http://{closed}/mcp\"\n",
        fake("fake", &[])
    ));
    assert_eq!(
        place.value("python", "tools.fake.echo(text='here')"),
        "here"
    );
    let (_, error) = place.error("python", "tools.remote.echo(text='here')");
    assert!(
        error["message"].as_str().unwrap().contains("remote"),
        "{error:#}"
    );
}
