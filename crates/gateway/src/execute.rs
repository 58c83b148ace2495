//! One execution: admit it, prepare a guest, serve its calls, keep what it came to.

use std::sync::Arc;
use std::time::Duration;

use journal::Event;
use protocol::{Done, ErrorCode, Job, ProgramError};
use sandbox::Tier;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::call::{CallRecord, Calls};
use crate::executions::{Live, Telling};
use crate::guests::{Ended, Printed, sandbox_error};
use crate::permit::{DryRun, Permits};
use crate::pool::Pool;
use crate::show::Shown;
use crate::suspended::Suspended;
use crate::{Gateway, Limits, Session, Short, earlier};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Python,
    TypeScript,
    JavaScript,
}

impl Language {
    /// The language a caller names, by any of the names in use.
    pub fn parse(name: &str) -> Option<Language> {
        match name.to_ascii_lowercase().as_str() {
            "python" | "python3" | "py" => Some(Language::Python),
            "typescript" | "ts" => Some(Language::TypeScript),
            "javascript" | "js" => Some(Language::JavaScript),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::TypeScript => "typescript",
            Language::JavaScript => "javascript",
        }
    }

    /// The words in which signatures and fixes are written for it.
    pub(crate) fn words(self) -> catalog::Language {
        match self {
            Language::Python => catalog::Language::Python,
            Language::TypeScript | Language::JavaScript => catalog::Language::TypeScript,
        }
    }
}

/// What is to be run.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub code: String,
    /// Found out from the code when absent.
    pub language: Option<Language>,
    /// The program's own time, when it is to be less than the limit.
    pub own_time: Option<Duration>,
    /// Only calls that surely only read are made; the others are listed.
    pub dry_run: bool,
    /// By what a human is asked about calls that need it; without it such calls fail.
    pub suspended: Option<Arc<Suspended>>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Execution {
    pub id: String,
    pub short: Short,
    pub session: String,
    pub language: Language,
    pub code: String,
    pub done: Done,
    pub stdout: Printed,
    pub stderr: Printed,
    pub calls: Vec<CallRecord>,
    /// Files that the program showed.
    pub shown: Vec<Shown>,
    pub duration: Duration,
    /// What stood around the program; absent when none was sent to a guest.
    pub tier: Option<Tier>,
    /// What a dry run would have called, if it was one.
    pub dry_run: Option<DryRun>,
    /// A later run may take up its calls.
    pub resumable: bool,
}

/// Runs a program. Every way it can end is in the [`Execution`].
pub async fn execute(
    gateway: &Arc<Gateway>,
    session: &Arc<Session>,
    request: Request,
    cancel: &CancellationToken,
) -> Execution {
    let live = Live::new(
        gateway,
        session,
        Telling::default(),
        request.suspended.clone(),
        cancel.child_token(),
    );
    run(gateway, session, request, &live).await
}

/// Runs a program that others may look at meanwhile.
pub(crate) async fn run(
    gateway: &Arc<Gateway>,
    session: &Arc<Session>,
    request: Request,
    live: &Live,
) -> Execution {
    let (id, cancel) = (live.id.clone(), live.cancellation());
    let mut limits = gateway.config.limits.clone();
    if let Some(own_time) = request.own_time {
        limits.guest_time = limits.guest_time.min(own_time);
    }
    let mut run = Run {
        gateway,
        session,
        live,
        limits,
        suspended: request.suspended.clone(),
        dry_run: request.dry_run.then(DryRun::default),
        cancel: cancel.child_token(),
    };
    let first = request.language.unwrap_or(Language::Python);
    let mut language = first;
    // Written with the next event at the latest, which comes before anything is sent.
    gateway.recorder().append(Event::ExecutionStarted {
        execution: id.clone(),
        session: session.id().to_owned(),
        language: first.as_str().into(),
        code_bytes: request.code.len() as u64,
        project: Some(gateway.recorder().usage().project().to_owned()),
    });
    let (mut ended, mut calls) = run.program(first, &request.code).await;
    // A program that does not parse has not run. One that parses only in the other language was
    // meant for it, unless its calls have Python's form: it is Python with a slip.
    let slipped = first == Language::Python && names_arguments_as_python(&request.code);
    if is(&ended.done, ErrorCode::Syntax) && calls.is_empty() && !slipped && !cancel.is_cancelled()
    {
        let other = if first == Language::Python {
            Language::TypeScript
        } else {
            Language::Python
        };
        let (mut tried, made) = run.program(other, &request.code).await;
        if tried.tier.is_some() && !is(&tried.done, ErrorCode::Syntax) {
            if request.language.is_some() {
                tried.done.notes.insert(
                    0,
                    format!("this is not {}; run as {}", first.as_str(), other.as_str()),
                );
            }
            (ended, calls, language) = (tried, made, other);
        }
    } else if request.language.is_none()
        && ended.tier.is_none()
        && is(&ended.done, ErrorCode::Sandbox)
        && !cancel.is_cancelled()
    {
        // Without a Python, a program that did not say what it is may still be TypeScript.
        let (tried, made) = run.program(Language::TypeScript, &request.code).await;
        if tried.tier.is_some() && !is(&tried.done, ErrorCode::Syntax) {
            (ended, calls, language) = (tried, made, Language::TypeScript);
        }
    }
    run.cancel.cancel();
    let dry_run = run.dry_run.take();
    earlier::explain(session, live.short, language, &mut ended.done).await;
    let duration = live.begun().elapsed();
    let outcome = ended
        .done
        .error
        .as_ref()
        .map_or("ok", |error| error.code.as_str());
    gateway.recorder().record(Event::ExecutionEnded {
        execution: id.clone(),
        outcome: outcome.to_owned(),
        calls: calls.len() as u32,
        duration_us: duration.as_micros() as u64,
        guest_us: ended.guest_time.as_micros() as u64,
        peak_memory_bytes: ended.peak_memory_bytes,
        answer_bytes: ended
            .done
            .value
            .as_ref()
            .map_or(0, |value| value.get().len()) as u64,
    });
    Execution {
        id,
        short: live.short,
        session: session.id().to_owned(),
        language,
        code: request.code,
        done: ended.done,
        stdout: ended.stdout,
        stderr: ended.stderr,
        calls,
        shown: ended.shown,
        duration,
        resumable: false,
        tier: ended.tier,
        dry_run,
    }
}

/// Whether a program that succeeded has nothing to show for it: then the agent is told what its
/// tools returned, since most often the program looked for it in the wrong place.
fn is_empty(ended: &Ended) -> bool {
    let value = ended.done.value.as_ref().map(|value| value.get());
    ended.done.error.is_none()
        && match value {
            Some(value) => matches!(value, "null" | "[]" | "{}" | "\"\"" | "[null]"),
            None => ended.stdout.total == 0,
        }
}

/// What to say to who gets the handle of an image and does not see it.
fn unseen(ended: &Ended) -> Option<String> {
    let value = ended.done.value.as_ref()?.get();
    let (_, after) = value.split_once("{\"$handle\":\"")?;
    let (id, kind) = after.split_once("\",\"type\":\"")?;
    let is_file = ["image", "audio"].iter().any(|file| kind.starts_with(file));
    let number = id.strip_prefix("r_")?;
    let is_handle = number.len() <= 10 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_file && is_handle && ended.shown.is_empty())
        .then(|| format!("to see it: show(\"{id}\") in a program"))
}

fn is(done: &Done, code: ErrorCode) -> bool {
    done.error.as_ref().is_some_and(|error| error.code == code)
}

/// Whether a call of a tool names its arguments with `=`, which TypeScript reads as assignments.
fn names_arguments_as_python(code: &str) -> bool {
    code.match_indices("tools.").any(|(at, _)| {
        let path = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let rest = code[at..].trim_start_matches(path);
        rest.strip_prefix('(').is_some_and(|arguments| {
            let value = arguments
                .trim_start()
                .trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
                .trim_start();
            value.len() < arguments.len()
                && value.starts_with('=')
                && !value.starts_with("==")
                && !value.starts_with("=>")
        })
    })
}

struct Run<'a> {
    gateway: &'a Arc<Gateway>,
    session: &'a Arc<Session>,
    live: &'a Live,
    limits: Limits,
    suspended: Option<Arc<Suspended>>,
    dry_run: Option<DryRun>,
    cancel: CancellationToken,
}

impl Run<'_> {
    async fn program(&mut self, language: Language, code: &str) -> (Ended, Vec<CallRecord>) {
        match self.prepared(language, code).await {
            Ok(ended) => ended,
            Err(error) => {
                let ended = Ended {
                    done: Done {
                        error: Some(error),
                        ..Done::default()
                    },
                    stdout: Printed::default(),
                    stderr: Printed::default(),
                    guest_time: Duration::ZERO,
                    peak_memory_bytes: 0,
                    tier: None,
                    shown: Vec::new(),
                };
                (ended, Vec::new())
            }
        }
    }

    async fn prepared(
        &mut self,
        language: Language,
        code: &str,
    ) -> Result<(Ended, Vec<CallRecord>), ProgramError> {
        let begun = Instant::now();
        let place = tokio::select! {
            place = self.gateway.admission.enter(&self.limits) => Arc::new(place?),
            () = self.cancel.cancelled() => return Err(cancelled()),
        };
        let pool = self.pool(language).await?;
        // JavaScript has no files.
        let workspace = if language == Language::Python {
            let workspace = self
                .session
                .workspace()
                .map_err(|error| ProgramError::new(ErrorCode::Sandbox, error.to_string()))?;
            self.session
                .allow_what_is_there(&workspace, &mut self.limits)
                .await;
            Some(workspace)
        } else {
            None
        };
        let guest = tokio::select! {
            guest = pool.take(workspace.as_ref()) => guest.map_err(sandbox_error)?,
            () = self.cancel.cancelled() => return Err(cancelled()),
        };
        self.gateway.recorder().record(Event::GuestConfirmed {
            execution: self.live.id.clone(),
            tier: guest.tier().as_str().into(),
            start_us: begun.elapsed().as_micros() as u64,
        });
        let mut calls = Calls::new(
            self.gateway.clone(),
            self.session.clone(),
            self.live.id.clone(),
            language.words(),
            self.limits.clone(),
            Permits::of_program(self.suspended.clone(), code, self.dry_run.is_some()),
            self.cancel.clone(),
        );
        calls.progress = self.live.progress_sender();
        calls.resuming = self.live.resuming(&self.gateway.held);
        let calls = Arc::new(calls);
        self.live.show(calls.clone(), guest.printed());
        let job = Job {
            language: language.as_str().to_owned(),
            code: code.to_owned(),
            in_flight: self.limits.in_flight,
            message_bytes: protocol::Limits::default().message_bytes as u64,
            threads: self.limits.threads,
            mark: calls.mark.clone(),
        };
        let mut ended = guest
            .run(
                &job,
                calls.clone(),
                place,
                workspace.as_ref(),
                &self.limits,
                &self.cancel,
            )
            .await;
        pool.refill();
        if is(&ended.done, ErrorCode::LimitWorkspace) {
            self.session.is_over();
        }
        if let Some(error) = &mut ended.done.error {
            calls.refine(error);
        }
        let notes = calls.notes(ended.done.error.as_ref());
        ended.done.notes.extend(notes);
        ended.done.notes.extend(calls.sent_anyway());
        ended.done.notes.extend(calls.left_out());
        let note = calls.resuming.note(self.dry_run.is_some());
        ended.done.notes.extend(note);
        self.dry_run = calls.permits.dry_run();
        ended.done.notes.extend(unseen(&ended));
        if is_empty(&ended) {
            let shapes = calls.shapes();
            if !shapes.is_empty() {
                ended
                    .done
                    .notes
                    .push(format!("value is empty; {}", shapes.join("; ")));
            }
        }
        Ok((ended, calls.records()))
    }

    async fn pool(&self, language: Language) -> Result<Arc<Pool>, ProgramError> {
        if language != Language::Python {
            return Ok(self.gateway.pools.javascript());
        }
        let candidates = self.gateway.python().await;
        candidates
            .iter()
            .find_map(|candidate| candidate.outcome.as_ref().ok())
            .map(|interpreter| self.gateway.pools.python(interpreter))
            .ok_or_else(|| {
                let mut message = "no usable python3 was found".to_owned();
                for candidate in candidates {
                    if let Err(reason) = &candidate.outcome {
                        message.push_str(&format!("; {}: {reason}", candidate.path.display()));
                    }
                }
                let mut error = ProgramError::new(ErrorCode::Sandbox, message);
                error.hint = Some("write the program in TypeScript, or install python3 ≥ 3.9 (see `toolmill doctor`)".into());
                error
            })
    }
}

fn cancelled() -> ProgramError {
    ProgramError::new(ErrorCode::Cancelled, "the run was cancelled")
}
