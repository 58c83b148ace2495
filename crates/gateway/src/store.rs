//! What programs store for later ones of their session: `store(key, value)` and `load(key)`.
//!
//! Files are read and written off the gateway's thread. A key is looked up in the caller's own session,
//! so one of another session is as unknown as none.

use std::sync::Arc;

use protocol::{ErrorCode, Raise};
use serde_json::value::RawValue;
use sessions::{Store, StoreError};

use crate::Session;
use crate::call::{Answer, Returned};

/// The paths by which programs reach the store.
pub(crate) const STORE: &str = "store";
pub(crate) const LOAD: &str = "load";

/// Answers a program's call of [`STORE`] or [`LOAD`].
pub(crate) async fn answer(session: &Session, call: &protocol::Call<'_>) -> Answer {
    let wanted =
        Wanted::of(call).map_err(|message| Raise::new(ErrorCode::InvalidArgument, message))?;
    let store: Arc<Store> = session.store().clone();
    let done = tokio::task::spawn_blocking(move || wanted.carry_out(&store)).await;
    match done {
        Ok(done) => done
            .map(Returned::from)
            .map_err(|error| Raise::new(code_of(&error), error.to_string())),
        Err(_) => Err(Raise::new(
            ErrorCode::Exception,
            "the store failed, which is a fault of toolmill",
        )),
    }
}

/// Whether something is stored under a key.
pub(crate) async fn is_stored(session: &Session, key: &str) -> bool {
    let store: Arc<Store> = session.store().clone();
    let keys = tokio::task::spawn_blocking(move || store.keys()).await;
    matches!(keys, Ok(Ok(keys)) if keys.iter().any(|known| known == key))
}

fn code_of(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::Unknown { .. } | StoreError::Key { .. } => ErrorCode::InvalidArgument,
        StoreError::Full { .. } | StoreError::TooMany { .. } => ErrorCode::LimitOutput,
        StoreError::Newer { .. } | StoreError::Damaged { .. } | StoreError::Io { .. } => {
            ErrorCode::Exception
        }
    }
}

/// What a program wants of its session's store.
enum Wanted {
    Put {
        key: String,
        json: String,
    },
    /// Its answer is what is stored, or what the program gives for nothing.
    Get {
        key: String,
        otherwise: Option<String>,
    },
    /// Its answer is a list that holds what is stored, or nothing: what stands for nothing need not be
    /// JSON in the program.
    GetIfStored {
        key: String,
    },
    Keys,
    Delete {
        key: String,
    },
}

impl Wanted {
    fn of(call: &protocol::Call) -> Result<Wanted, String> {
        let argument = |name: &str, position: usize| -> Option<&RawValue> {
            let named = call.named.0.iter().find(|(given, _)| given == name);
            named
                .map(|(_, json)| *json)
                .or_else(|| call.positional.get(position).copied())
        };
        let is_store = call.path == STORE;
        let example = match is_store {
            true => "store takes a key and a value: store(\"cursor\", value)",
            false => "load takes the key of a stored value: load(\"cursor\")",
        };
        let key = || -> Result<String, String> {
            let json = argument("key", 0).ok_or(example)?;
            let key: String = serde_json::from_str(json.get()).map_err(|_| {
                format!("a key is a text, not {}; {example}", shortened(json.get()))
            })?;
            // Of halves of surrogate pairs all become this, and so one key.
            match key.contains('\u{fffd}') {
                true => Err("a key may not hold half of a surrogate pair, or U+FFFD".into()),
                false => Ok(key),
            }
        };
        let wants = call.named.0.iter().find(|(given, _)| given == "wants");
        let wants: Option<String> = match wants {
            Some((_, json)) => serde_json::from_str(json.get()).unwrap_or_default(),
            None => None,
        };
        Ok(match (is_store, wants.as_deref()) {
            (true, None) => Wanted::Put {
                key: key()?,
                json: argument("value", 1).ok_or(example)?.get().to_owned(),
            },
            (true, Some("keys")) => Wanted::Keys,
            (true, Some("delete")) => Wanted::Delete { key: key()? },
            (false, None) => Wanted::Get {
                key: key()?,
                otherwise: argument("default", 1).map(|json| json.get().to_owned()),
            },
            (false, Some("if_stored")) => Wanted::GetIfStored { key: key()? },
            (_, Some(_)) => return Err(example.to_owned()),
        })
    }

    fn carry_out(self, store: &Store) -> Result<String, StoreError> {
        match self {
            // The one place where values enter the store.
            Wanted::Put { key, json } => store.put(&key, &json).map(|()| "null".to_owned()),
            Wanted::Get { key, otherwise } => match (store.get(&key), otherwise) {
                (Err(StoreError::Unknown { .. }), Some(otherwise)) => Ok(otherwise),
                (found, _) => found,
            },
            Wanted::GetIfStored { key } => match store.get(&key) {
                Ok(json) => Ok(format!("[{json}]")),
                Err(StoreError::Unknown { .. }) => Ok("[]".to_owned()),
                Err(error) => Err(error),
            },
            Wanted::Keys => Ok(serde_json::to_string(&store.keys()?).expect("texts are JSON")),
            Wanted::Delete { key } => Ok(store.delete(&key)?.to_string()),
        }
    }
}

fn shortened(json: &str) -> String {
    const CHARACTERS: usize = 40;
    match json.char_indices().nth(CHARACTERS) {
        None => json.to_owned(),
        Some((at, _)) => format!("{}…", &json[..at]),
    }
}
