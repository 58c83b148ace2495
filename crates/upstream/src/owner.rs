//! The task that owns a server: connects, keeps the listing fresh, and starts again.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rmcp::model::SubscriptionFilter;
use rmcp::service::Peer;
use rmcp::{RoleClient, ServiceError};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::connection::{Connection, Refusal, connect, post_mortem, request_meta};
use crate::listing::{self, Fresh};
use crate::{Cache, Era, Launch, Link, Listing, Stanza, State, Status};

/// npx and uvx install a package at its first start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// A connection that lasted this long was a good one: its end says nothing about the next.
const STABLE: Duration = Duration::from_secs(60);
/// However short a time a server wants its listing believed, it is not asked more often.
const SHORTEST_TTL: Duration = Duration::from_secs(60);
const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs until `stop`. A connection that dies is replaced at once the first time, and ever more
/// slowly while its successors do not last either.
pub(crate) async fn run(
    stanza: Stanza,
    launch: Arc<dyn Launch>,
    cache: Arc<Cache>,
    status: watch::Sender<Status>,
    stop: CancellationToken,
) {
    let stanza = Arc::new(stanza);
    let mut failures = 0;
    loop {
        set_state(&status, State::Connecting);
        let remembered = status.borrow().listing.as_ref().map(|listing| listing.era);
        let opened = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            opened = open(&stanza, &launch, remembered) => opened,
        };
        let (refusal, retry_in) = match opened {
            Ok((connection, fresh)) => {
                tracing::debug!(server = stanza.name, era = ?connection.era, "connected");
                let begun = Instant::now();
                let refusal = serve(&stanza, &cache, &status, &stop, connection, fresh).await;
                if begun.elapsed() >= STABLE {
                    failures = 0;
                }
                let retry_in = backoff(failures);
                failures += 1;
                (refusal, retry_in)
            }
            Err(refusal) => {
                failures += 1;
                (refusal, backoff(failures))
            }
        };
        if stop.is_cancelled() {
            break;
        }
        tracing::debug!(server = stanza.name, failures, ?retry_in, "disconnected");
        if !retry_in.is_zero() {
            let Refusal { reason, last_words } = refusal;
            set_state(
                &status,
                State::Failed {
                    reason,
                    last_words,
                    attempts: failures,
                    retry_in,
                },
            );
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(retry_in) => {}
        }
    }
    set_state(&status, State::Stopped);
}

fn backoff(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_RETRY
            .saturating_mul(1 << doublings.min(16))
            .min(LAST_RETRY),
    }
}

fn set_state(status: &watch::Sender<Status>, state: State) {
    status.send_modify(|status| {
        status.link = None;
        status.state = state;
    });
}

/// Connects and asks for the tools, all within one timeout.
async fn open(
    stanza: &Stanza,
    launch: &Arc<dyn Launch>,
    remembered: Option<Era>,
) -> Result<(Connection, Fresh), Refusal> {
    let opened = timeout(CONNECT_TIMEOUT, async {
        let connection = connect(stanza, launch, remembered).await?;
        match listing::read(connection.service.peer(), connection.era).await {
            Ok(fresh) => Ok((connection, fresh)),
            Err(error) => {
                let Connection {
                    service,
                    observed,
                    stderr,
                    ..
                } = connection;
                let _ = service.cancel().await;
                Err(post_mortem(format!("failed to {error}"), &observed, stderr).await)
            }
        }
    });
    opened.await.unwrap_or_else(|_| {
        let seconds = CONNECT_TIMEOUT.as_secs();
        Err(Refusal::new(format!(
            "it did not finish its handshake within {seconds} s"
        )))
    })
}

/// Publishes the connection and keeps its listing fresh until the server ends or `stop`.
async fn serve(
    stanza: &Arc<Stanza>,
    cache: &Arc<Cache>,
    status: &watch::Sender<Status>,
    stop: &CancellationToken,
    connection: Connection,
    fresh: Fresh,
) -> Refusal {
    let Connection {
        service,
        era,
        tools_changed,
        observed,
        stderr,
        wire,
    } = connection;
    let peer = service.peer().clone();
    let cancel = service.cancellation_token();
    let mut ended = pin!(service.waiting());
    let _changes = AbortOnDropHandle::new(tokio::spawn(follow_changes(
        peer.clone(),
        era,
        tools_changed.clone(),
    )));

    let link = match wire {
        Some(wire) => Link::Wire {
            wire,
            meta: request_meta(&peer).map(Arc::new),
        },
        None => Link::Http {
            peer: peer.clone(),
            shows_arguments: era == Era::Modern,
        },
    };
    let mut stale_at = stale_at(fresh.ttl);
    let mut listing = Arc::new(fresh.listing);
    status.send_modify(|status| {
        status.state = State::Ready { era };
        status.listing = Some(listing.clone());
        status.link = Some(link);
    });
    let answered_late = observed.answered_late.load(Ordering::Relaxed);
    let era_to_remember = if answered_late { Era::Modern } else { era };
    remember(
        stanza,
        cache,
        Listing {
            era: era_to_remember,
            ..Listing::clone(&listing)
        },
    )
    .await;

    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                cancel.cancel();
                let _ = ended.await;
                return Refusal::new("it has been stopped");
            }
            _ = &mut ended => break,
            () = tools_changed.notified() => {}
            () = sleep_until(stale_at) => {}
        }
        let fresh = tokio::select! {
            biased;
            () = stop.cancelled() => continue,
            fresh = timeout(CONNECT_TIMEOUT, listing::read(&peer, era)) => fresh,
        };
        // If it cannot be read, what was listed before is the better guess.
        let Ok(Ok(fresh)) = fresh else {
            tracing::debug!(server = stanza.name, "the tools could not be read again");
            stale_at = self::stale_at(Some(SHORTEST_TTL));
            continue;
        };
        stale_at = self::stale_at(fresh.ttl);
        if fresh.listing != *listing {
            tracing::debug!(
                server = stanza.name,
                tools = fresh.listing.tools.len(),
                "the tools changed"
            );
            listing = Arc::new(fresh.listing);
            status.send_modify(|status| status.listing = Some(listing.clone()));
            remember(stanza, cache, Listing::clone(&listing)).await;
        }
    }
    // Calls wait from here on instead of being sent to a dead server.
    set_state(status, State::Connecting);
    post_mortem(
        "it ended or closed the connection".to_owned(),
        &observed,
        stderr,
    )
    .await
}

/// Turns a modern server's subscription into the notification that legacy servers send unasked.
/// Ends when the server has no such thing; then only the listing's time to live is left.
async fn follow_changes(peer: Peer<RoleClient>, era: Era, tools_changed: Arc<Notify>) {
    let announces = peer
        .peer_info()
        .and_then(|info| info.capabilities.tools.clone())
        .is_some_and(|tools| tools.list_changed == Some(true));
    if era == Era::Legacy || !announces {
        return;
    }
    let mut failures = 0;
    loop {
        let begun = Instant::now();
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        match timeout(CONNECT_TIMEOUT, peer.listen(filter)).await {
            Ok(Ok(mut subscription)) => {
                while let Ok(Some(_change)) = subscription.next().await {
                    tools_changed.notify_one();
                }
            }
            Ok(Err(ServiceError::McpError(_) | ServiceError::TransportClosed)) => return,
            Ok(Err(_)) | Err(_) => {}
        }
        failures = if begun.elapsed() >= STABLE {
            1
        } else {
            failures + 1
        };
        sleep(backoff(failures)).await;
        // What changed in between went unannounced.
        tools_changed.notify_one();
    }
}

fn stale_at(ttl: Option<Duration>) -> Instant {
    // Zero means "never believe it", which only asking all the time could honour.
    let ttl = ttl.filter(|ttl| !ttl.is_zero()).unwrap_or(LONGEST_TTL);
    Instant::now() + ttl.clamp(SHORTEST_TTL, LONGEST_TTL)
}

async fn remember(stanza: &Arc<Stanza>, cache: &Arc<Cache>, listing: Listing) {
    let name = stanza.name.clone();
    let (stanza, cache) = (stanza.clone(), cache.clone());
    let stored = tokio::task::spawn_blocking(move || cache.store(&stanza, &listing)).await;
    if let Ok(Err(error)) = stored {
        tracing::debug!(server = name, %error, "the cache could not be written");
    }
}
