//! The step of a call's path at which it passes, waits for a human, or is not sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ::results::Content;
use catalog::Tool;
use journal::Event;
use protocol::{Check, ErrorCode, Raise};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::asking::ForServers;
use crate::call::{Calls, as_written, raise};
use crate::policy::{Decision, Quota, Verdict};
use crate::remembered::says_the_same;
use crate::suspended::{Ask, ParkedCall, Reply, Suspended};
use crate::{lock, results, shown};

/// Places in the program's text that are shown beside a call.
const LINES: usize = 3;
/// Longer arguments are made fit to be shown off the gateway's thread.
const SHOWN_HERE_BYTES: usize = 64 << 10;
const LINE_CHARACTERS: usize = 160;
/// Longest literal by which a call is told from another one of the same tool.
const LITERAL_BYTES: usize = 1_000;
/// Of calls that a dry run did not make.
const CALLS_SHOWN: usize = 100;
const CALL_CHARACTERS: usize = 300;

/// Whether a call may be sent.
pub(crate) enum Permit {
    Now,
    /// A human was asked, who took their time.
    Approved,
    /// A dry run goes on without it.
    DryRun,
}

/// What decides about one run's calls, beside the gateway's policy.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    /// By whom a human is asked; none where nobody can be.
    suspended: Option<Arc<Suspended>>,
    /// No program is around the call, and so nothing else to wait for.
    alone: bool,
    /// What a dry run did not call, if it is one.
    dry_run: Option<Mutex<DryRun>>,
    /// The program's text.
    code: String,
    /// The calls in it.
    written: Mutex<Vec<Written>>,
    /// How many calls have asked.
    asked: AtomicU32,
    /// Calls so far by the rule that bounds them.
    counts: Mutex<BTreeMap<String, u32>>,
}

/// A call as the program's text has it.
#[derive(Debug)]
struct Written {
    path: String,
    line: u32,
    /// Its named arguments that are literals, as JSON.
    literals: Vec<(String, String)>,
}

impl Written {
    /// Whether these may be the arguments of this call.
    fn may_be(&self, arguments: &HashMap<String, &RawValue>) -> bool {
        self.literals
            .iter()
            .all(|(name, literal)| match arguments.get(name) {
                None => true,
                Some(value) => {
                    let value_of =
                        |json: &str| serde_json::from_str::<serde_json::Value>(json).ok();
                    // What is much longer than the literal is no other spelling of it.
                    value.get() == literal
                        || value.get().len() <= 8 * LITERAL_BYTES
                            && value_of(value.get()) == value_of(literal)
                }
            })
    }
}

/// What a dry run would have called.
#[derive(Debug, Clone, Default)]
pub struct DryRun {
    /// The first of them, as the program wrote them.
    pub calls: Vec<String>,
    /// How many there were.
    pub count: usize,
    /// Servers whose word that a tool only reads does not count, as nobody trusts them.
    pub untrusted: BTreeSet<String>,
}

impl Permits {
    /// For the calls of a program.
    pub(crate) fn of_program(
        suspended: Option<Arc<Suspended>>,
        code: &str,
        dry_run: bool,
    ) -> Permits {
        Permits {
            suspended,
            dry_run: dry_run.then(Mutex::default),
            code: code.to_owned(),
            ..Permits::default()
        }
    }

    /// For one call without a program.
    pub(crate) fn of_call(suspended: Option<Arc<Suspended>>) -> Permits {
        Permits {
            suspended,
            alone: true,
            ..Permits::default()
        }
    }

    /// Asks what servers want to know in the middle of a call.
    pub(crate) fn asker(&self) -> Option<Arc<dyn upstream::Asker>> {
        let suspended = self.suspended.clone()?;
        Some(Arc::new(ForServers {
            suspended,
            alone: self.alone,
        }))
    }

    /// What a dry run would have called up to now, if it is one.
    pub(crate) fn dry_run(&self) -> Option<DryRun> {
        Some(lock(self.dry_run.as_ref()?).clone())
    }

    /// Takes up where the program's text calls which tool.
    pub(crate) fn read(&self, check: &Check) {
        *lock(&self.written) = check
            .calls
            .iter()
            .map(|call| Written {
                path: call.path.clone(),
                line: call.place.line,
                literals: call
                    .named
                    .iter()
                    .filter_map(|(name, written)| Some((name, written.value?)))
                    .filter(|(_, value)| value.get().len() <= LITERAL_BYTES)
                    .map(|(name, value)| (name.clone(), value.get().to_owned()))
                    .collect(),
            })
            .collect();
    }

    /// Whether a run's clocks stand still, as a human is asked; and for how long they have.
    pub(crate) fn deadline(&self, without: Instant) -> Option<Instant> {
        match &self.suspended {
            None => Some(without),
            Some(suspended) if suspended.is_asking() => None,
            Some(suspended) => Some(without + suspended.asked_for()),
        }
    }

    /// Whether all of so many open calls wait for a human.
    pub(crate) fn all_parked(&self, open: usize) -> bool {
        let parked = self.suspended.as_ref().map_or(0, |it| it.parked());
        parked > 0 && parked >= open
    }

    /// The program can go no further: what is parked is asked.
    pub(crate) fn settle(&self) {
        if let Some(suspended) = &self.suspended {
            suspended.settle();
        }
    }

    /// Decides whether a call may be sent, and waits for a human where the policy asks.
    ///
    /// # Errors
    /// It may not.
    pub(crate) async fn permit(
        &self,
        calls: &Calls,
        tool: &Arc<Tool>,
        arguments: &RawValue,
    ) -> Result<Permit, Raise> {
        let verdict = calls.gateway.decide(tool);
        let verdict = match as_listed_now(calls, tool) {
            Some(newer) => stricter(verdict, calls.gateway.decide(&newer)),
            None => verdict,
        };
        if verdict.decision == Decision::Deny {
            refused(calls, tool, "rule");
            return Err(denied_by_rule(tool, &verdict));
        }
        self.count(calls, tool, &verdict)?;
        if let Some(dry_run) = &self.dry_run
            && !(verdict.reads && verdict.decision == Decision::Allow)
        {
            refused(calls, tool, "dry_run");
            lock(dry_run).add(calls, tool, arguments, &verdict);
            return Ok(Permit::DryRun);
        }
        if verdict.decision == Decision::Allow {
            return Ok(Permit::Now);
        }
        // Boxed, as it is seldom needed and would be room in every call.
        Box::pin(self.ask(calls, tool, arguments, &verdict)).await
    }

    /// Counts a call by the rules that bound how many there are.
    fn count(&self, calls: &Calls, tool: &Tool, verdict: &Verdict) -> Result<(), Raise> {
        if verdict.quotas.is_empty() {
            return Ok(());
        }
        let mut counts = lock(&self.counts);
        let count = |rule: &str| counts.get(rule).copied().unwrap_or_default();
        let used_up = verdict
            .quotas
            .iter()
            .find(|quota| count(&quota.rule) >= quota.most);
        if let Some(Quota { pattern, most, .. }) = used_up {
            refused(calls, tool, "quota");
            return Err(raise(
                ErrorCode::LimitCalls,
                tool,
                format!(
                    "this program has made {most} calls of {pattern}, which is the most that the rules \
                     allow; {} was not sent",
                    tool.path()
                ),
            ));
        }
        for quota in &verdict.quotas {
            *counts.entry(quota.rule.clone()).or_default() += 1;
        }
        Ok(())
    }

    async fn ask(
        &self,
        calls: &Calls,
        tool: &Arc<Tool>,
        arguments: &RawValue,
        verdict: &Verdict,
    ) -> Result<Permit, Raise> {
        let Some(suspended) = &self.suspended else {
            refused(calls, tool, "nobody_to_ask");
            return Err(approval_needed(tool, verdict));
        };
        let server = calls.gateway.policy_server(tool.server());
        let call = self.parked(calls, tool, arguments, verdict).await;
        calls.gateway.recorder().record(Event::ApprovalAsked {
            execution: calls.execution.clone(),
            server: tool.server().to_owned(),
            tool: tool.name().to_owned(),
            bytes: call.bytes,
        });
        let begun = Instant::now();
        let (reply, ()) = tokio::join!(suspended.ask(Ask::Approval(call)), async {
            if self.alone {
                suspended.settle();
            }
        });
        let outcome = match &reply {
            Reply::Allow { always: true } => "approved for good",
            Reply::Allow { always: false } => "approved",
            _ => "denied",
        };
        calls.gateway.recorder().record(Event::ApprovalAnswered {
            execution: calls.execution.clone(),
            server: tool.server().to_owned(),
            tool: tool.name().to_owned(),
            outcome: outcome.to_owned(),
            waited_us: begun.elapsed().as_micros() as u64,
        });
        let always = match reply {
            Reply::Allow { always } => always,
            Reply::Deny { reason } => return Err(denied(tool, &reason)),
            Reply::Accept(_) | Reply::Decline | Reply::Cancel => {
                return Err(denied(tool, "not approved"));
            }
        };
        if always {
            let (gateway, tool, server) = (calls.gateway.clone(), tool.clone(), server.clone());
            let kept =
                tokio::task::spawn_blocking(move || gateway.policy().remember(&tool, &server));
            if let Ok(Err(error)) = kept.await {
                tracing::warn!("{error}; the approval counts for this call alone");
            }
        }
        // A human who was shown one thing has not agreed to another. Looked at last, as what is sent
        // goes to the server that is there now.
        if calls.gateway.policy_server(tool.server()) != server {
            return Err(denied(tool, "its server has changed meanwhile"));
        }
        let newer = as_listed_now(calls, tool);
        if newer
            .as_ref()
            .is_some_and(|newer| !says_the_same(newer, tool))
        {
            return Err(denied(
                tool,
                "its server describes it in another way than when the program started",
            ));
        }
        let now = calls.gateway.decide(newer.as_ref().unwrap_or(tool));
        if now.decision == Decision::Deny {
            return Err(denied_by_rule(tool, &now));
        }
        Ok(Permit::Approved)
    }

    /// The call as a human is shown it.
    async fn parked(
        &self,
        calls: &Calls,
        tool: &Tool,
        arguments: &RawValue,
        verdict: &Verdict,
    ) -> ParkedCall {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let shown = if arguments.get().len() > SHOWN_HERE_BYTES {
            let json = arguments.get().to_owned();
            tokio::task::spawn_blocking(move || shown::json(&json))
                .await
                .unwrap_or_else(|_| shown::Json {
                    text: "(it cannot be shown)".into(),
                    is_cut: true,
                    brief: "(it cannot be shown)".into(),
                })
        } else {
            shown::json(arguments.get())
        };
        let whole = if shown.is_cut {
            let kept =
                results::keep(&calls.session, Content::Json, arguments.get().to_owned()).await;
            kept.ok().map(|kept| kept.id())
        } else {
            None
        };
        let is_here = |path: &str| {
            path == tool.path()
                || calls
                    .catalog
                    .resolve(path)
                    .is_ok_and(|written| written.path() == tool.path())
        };
        let values = serde_json::from_str(arguments.get()).unwrap_or_default();
        let mut lines: Vec<u32> = lock(&self.written)
            .iter()
            .filter(|written| is_here(&written.path) && written.may_be(&values))
            .map(|written| written.line)
            .collect();
        lines.dedup();
        let lines = lines
            .into_iter()
            .filter_map(|line| {
                let at = usize::try_from(line).ok()?.checked_sub(1)?;
                let text = self.code.split('\n').nth(at)?.trim();
                Some((line, shown::line(text, LINE_CHARACTERS)))
            })
            .take(LINES)
            .collect();
        ParkedCall {
            number,
            server: tool.server().to_owned(),
            tool: tool.path().to_owned(),
            arguments: shown.text,
            brief: shown.brief,
            bytes: arguments.get().len() as u64,
            whole,
            lines,
            reason: verdict.reason.clone(),
        }
    }
}

impl DryRun {
    fn add(&mut self, calls: &Calls, tool: &Tool, arguments: &RawValue, verdict: &Verdict) {
        self.count += 1;
        if !verdict.reads && tool.read_only_hint() == Some(true) {
            self.untrusted.insert(tool.server().to_owned());
        }
        if self.calls.len() < CALLS_SHOWN {
            let arguments = as_written(arguments, calls.language);
            let asks = match verdict.decision {
                Decision::Ask => " (after asking)",
                Decision::Allow | Decision::Deny => "",
            };
            let call = format!("{}({arguments})", tool.path());
            self.calls.push(shown::line(&call, CALL_CHARACTERS) + asks);
        }
    }
}

fn refused(calls: &Calls, tool: &Tool, reason: &str) {
    calls.gateway.recorder().record(Event::CallRefused {
        execution: calls.execution.clone(),
        server: tool.server().to_owned(),
        tool: tool.name().to_owned(),
        reason: reason.to_owned(),
    });
}

/// The tool as its server lists it now, if that is not as it was when the program started.
fn as_listed_now(calls: &Calls, tool: &Arc<Tool>) -> Option<Arc<Tool>> {
    let newest = calls.gateway.catalog();
    if Arc::ptr_eq(&newest, &calls.catalog) {
        return None;
    }
    let newer = newest.resolve(tool.path()).ok()?;
    (!Arc::ptr_eq(newer, tool)).then(|| newer.clone())
}

/// Of two alike decisions the one that is less sure that the tool only reads.
fn stricter(one: Arc<Verdict>, other: Arc<Verdict>) -> Arc<Verdict> {
    let strictness = |verdict: &Verdict| (verdict.decision, !verdict.reads);
    match strictness(&other) > strictness(&one) {
        true => other,
        false => one,
    }
}

fn denied(tool: &Tool, reason: &str) -> Raise {
    raise(
        ErrorCode::Denied,
        tool,
        format!("denied: {reason}; {} was not sent", tool.path()),
    )
}

fn denied_by_rule(tool: &Tool, verdict: &Verdict) -> Raise {
    denied(tool, &verdict.reason)
}

fn approval_needed(tool: &Tool, verdict: &Verdict) -> Raise {
    let path = tool.path();
    raise(
        ErrorCode::ApprovalNeeded,
        tool,
        format!(
            "{path} was not sent: it needs a human's approval ({}), and nobody can be asked here. A human \
             allows it by the line \"{path}\" = \"allow\" under [rules] in toolmill.toml, or at a terminal by: \
             toolmill policy --allow {path}",
            verdict.reason
        ),
    )
}
