//! What a server says it is and offers.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use rmcp::model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult};
use rmcp::service::{Peer, PeerRequestOptions};
use rmcp::{RoleClient, ServiceError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::connection::OpenRequest;
use crate::slot::{Answered, Slot};
use crate::{CallError, Era};

const MAX_TOOLS: usize = 100_000;
const MAX_PAGES: usize = 10_000;
const MAX_BYTES: usize = 64 << 20;

/// What a server said about itself and its tools when it was last asked.
#[derive(Clone, Serialize, Deserialize)]
pub struct Listing {
    pub era: Era,
    /// The name the server gives itself, which is not the name of its stanza.
    pub server_name: String,
    pub server_version: String,
    pub title: Option<String>,
    pub instructions: Option<String>,
    /// The JSON of each tool as the server sent it: every member, in its order.
    pub tools: Vec<Box<RawValue>>,
}

impl PartialEq for Listing {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            era,
            server_name,
            server_version,
            title,
            instructions,
            tools,
        } = self;
        *era == other.era
            && *server_name == other.server_name
            && *server_version == other.server_version
            && *title == other.title
            && *instructions == other.instructions
            && tools
                .iter()
                .map(|tool| tool.get())
                .eq(other.tools.iter().map(|tool| tool.get()))
    }
}

/// Tool descriptions are the server's words and stay out of logs.
impl fmt::Debug for Listing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Listing")
            .field("era", &self.era)
            .field("server_name", &self.server_name)
            .field("tools", &self.tools.len())
            .finish_non_exhaustive()
    }
}

/// A listing, and how long the server wants it to be believed.
pub(crate) struct Fresh {
    pub(crate) listing: Listing,
    pub(crate) ttl: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("list its tools: {0}")]
    Service(#[from] ServiceError),
    #[error("list its tools: {0}")]
    Answer(#[from] CallError),
    #[error("read its list of tools: {0}")]
    Unreadable(serde_json::Error),
    #[error("read its list of tools: it is larger than {MAX_TOOLS} tools or {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    #[error("read its list of tools: the server returned the same page twice")]
    Circular,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    tools: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    ttl_ms: Option<u64>,
}

/// Asks a connected server for all of its tools.
pub(crate) async fn read(peer: &Peer<RoleClient>, era: Era) -> Result<Fresh, ListError> {
    let info = peer.peer_info();
    let info = info.as_deref();
    let server = info.and_then(|info| info.server_info.as_ref());
    let mut fresh = Fresh {
        listing: Listing {
            era,
            server_name: server.map(|server| server.name.clone()).unwrap_or_default(),
            server_version: server
                .map(|server| server.version.clone())
                .unwrap_or_default(),
            title: server.and_then(|server| server.title.clone()),
            instructions: info.and_then(|info| info.instructions.clone()),
            tools: Vec::new(),
        },
        ttl: None,
    };
    // Some servers forget to declare their tools, so they are asked all the same.
    let declared = info.is_none_or(|info| info.capabilities.tools.is_some());
    let mut bytes = 0;
    let mut cursor = None;
    let mut seen = HashSet::new();
    for _ in 0..MAX_PAGES {
        let (raw, accepted) = match page(peer, cursor).await {
            Err(ListError::Service(ServiceError::McpError(_))) if !declared => return Ok(fresh),
            page => page?,
        };
        bytes += raw.get().len();
        if bytes > MAX_BYTES {
            return Err(ListError::TooLarge);
        }
        let page: Page = serde_json::from_str(raw.get()).map_err(ListError::Unreadable)?;
        fresh
            .listing
            .tools
            .extend(page.tools.into_iter().filter(|tool| match &accepted {
                Some(accepted) => name(tool).is_some_and(|name| accepted.contains(&name)),
                None => true,
            }));
        if fresh.listing.tools.len() > MAX_TOOLS {
            return Err(ListError::TooLarge);
        }
        let ttl = page.ttl_ms.map(Duration::from_millis);
        fresh.ttl = [fresh.ttl, ttl].into_iter().flatten().min();
        match page.next_cursor {
            None => return Ok(fresh),
            Some(next) if !seen.insert(next.clone()) => return Err(ListError::Circular),
            next => cursor = next,
        }
    }
    Err(ListError::TooLarge)
}

/// One page's bytes. Over HTTP rmcp reads the page too, because tools may ask for arguments to be
/// repeated in headers, and refuses tools which ask for impossible ones: then also the names of
/// those it accepts.
async fn page(
    peer: &Peer<RoleClient>,
    cursor: Option<String>,
) -> Result<(Box<RawValue>, Option<HashSet<String>>), ListError> {
    let slot = Slot::empty();
    let mut request =
        ListToolsRequest::with_param(PaginatedRequestParams::default().with_cursor(cursor));
    request.extensions.insert(slot.clone());
    let request = ClientRequest::ListToolsRequest(request);
    let handle = peer
        .send_request_with_option(request, PeerRequestOptions::no_options())
        .await?;
    let answer = OpenRequest::new(handle).answer().await;
    let raw = match slot.take() {
        Some(answered) => answered.and_then(Answered::result)?,
        None => {
            return Err(answer
                .err()
                .unwrap_or(ServiceError::UnexpectedResponse)
                .into());
        }
    };
    let accepted = match answer? {
        ServerResult::ListToolsResult(typed) => Some(
            typed
                .tools
                .into_iter()
                .map(|tool| tool.name.into_owned())
                .collect(),
        ),
        _ => None,
    };
    Ok((raw, accepted))
}

fn name(tool: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    serde_json::from_str::<Named>(tool.get())
        .ok()
        .map(|tool| tool.name)
}
