//! Calls of tools: from arguments to a promise, and from an answer to its end.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use protocol::message::Named;
use protocol::{Call, Form, Kind, Message, Raise, message};
use rquickjs::{Atom, Ctx, Function, Object, Promise, Result, Value};
use serde_json::value::RawValue;

use super::channel::{Channel, Lost};
use super::holds::Answers;
use super::prelude::Prelude;
use super::value::{Purpose, Refusal, Writer, from_json};

/// Members of one object of arguments; the host refuses more.
const MAX_NAMED: usize = 1024;

/// The calls of one program.
///
/// At most `in_flight` are open; the rest wait here in the order in which they were made.
pub(super) struct Calls<'js> {
    channel: Rc<RefCell<Channel>>,
    prelude: Rc<Prelude<'js>>,
    in_flight: Cell<usize>,
    message_bytes: Cell<usize>,
    last_id: Cell<u32>,
    /// For what is to be said if the program fails.
    pub(super) answers: Answers,
    open: RefCell<HashMap<u32, Caller<'js>>>,
    waiting: RefCell<VecDeque<(Vec<u8>, Caller<'js>)>>,
}

/// Who waits for an answer.
struct Caller<'js> {
    resolve: Function<'js>,
    reject: Function<'js>,
    path: String,
    /// The stack at the call; none is left when the answer comes.
    stack: Value<'js>,
}

impl<'js> Calls<'js> {
    pub(super) fn new(channel: Rc<RefCell<Channel>>, prelude: Rc<Prelude<'js>>) -> Self {
        Calls {
            channel,
            prelude,
            in_flight: Cell::new(1),
            message_bytes: Cell::new(0),
            last_id: Cell::new(0),
            answers: Answers::default(),
            open: RefCell::default(),
            waiting: RefCell::default(),
        }
    }

    /// How many may be open at once, and how long a call may be.
    pub(super) fn may(&self, in_flight: usize, message_bytes: usize) {
        self.in_flight.set(in_flight.max(1));
        self.message_bytes.set(message_bytes);
    }

    pub(super) fn are_open(&self) -> bool {
        !self.open.borrow().is_empty()
    }

    /// Makes a call. What is wrong with its arguments rejects the promise, as the host would.
    pub(super) fn make(
        &self,
        ctx: &Ctx<'js>,
        path: &Value<'js>,
        form: Form,
        args: Vec<Value<'js>>,
        stack: Value<'js>,
    ) -> Result<Promise<'js>> {
        let (promise, resolve, reject) = ctx.promise()?;
        let path = self.prelude.text(path)?;
        match self.body(&path, form, args) {
            Ok(body) => self.enter(
                body,
                Caller {
                    resolve,
                    reject,
                    path,
                    stack,
                },
            ),
            Err(refusal) => {
                let reason = self.refused(ctx, &path, refusal, stack)?;
                reject.call::<_, ()>((reason,))?;
            }
        }
        Ok(promise)
    }

    fn body(
        &self,
        path: &str,
        form: Form,
        mut args: Vec<Value<'js>>,
    ) -> std::result::Result<Vec<u8>, Refusal<'js>> {
        while args.last().is_some_and(Value::is_undefined) {
            args.pop();
        }
        let mut writer = Writer::new(&self.prelude, Purpose::Argument, self.message_bytes.get());
        let mut positional = Vec::new();
        let mut named = Vec::new();
        if let [only] = &args[..]
            && let Some(members) = self.plain_object(only)
        {
            for member in members.props::<Atom, Value>() {
                let (name, value) = member?;
                let name = self.prelude.text(&name.to_value()?)?;
                if let Some(json) = writer.json(name.as_str(), &value)? {
                    named.push((name, raw_json(json)));
                }
            }
            // Names that differ only in halves of surrogate pairs have become the same.
            let distinct: HashSet<_> = named.iter().map(|(name, _)| name).collect();
            if distinct.len() < named.len() || named.len() > MAX_NAMED {
                return Err(Refusal::Unfit {
                    place: "the object of arguments".into(),
                    what: format!("has a name twice, or more than {MAX_NAMED} members"),
                });
            }
        } else {
            for (index, value) in args.iter().enumerate() {
                let json = writer.json(format!("argument {}", index + 1), value)?;
                positional.push(raw_json(json.unwrap_or_else(|| "null".into())));
            }
        }
        let body = message::encode(&Call {
            path: path.to_owned(),
            positional: positional.iter().map(|json| &**json).collect(),
            named: Named(
                named
                    .iter()
                    .map(|(name, json)| (name.clone(), &**json))
                    .collect(),
            ),
            form,
        });
        if body.len() > self.message_bytes.get() {
            return Err(Refusal::TooLong);
        }
        Ok(body)
    }

    fn plain_object<'v>(&self, value: &'v Value<'js>) -> Option<&'v Object<'js>> {
        value
            .as_object()
            .filter(|object| !object.is_array() && !object.is_function() && !object.is_error())
            .filter(|object| self.prelude.is_plain(object))
    }

    /// What the program gets for arguments that cannot be sent.
    fn refused(
        &self,
        ctx: &Ctx<'js>,
        path: &str,
        refusal: Refusal<'js>,
        stack: Value<'js>,
    ) -> Result<Value<'js>> {
        // What has no server is a function of ours.
        let called = match path.contains('.') {
            true => format!("tools.{path}"),
            false => path.to_owned(),
        };
        let message = match refusal {
            Refusal::Unfit { place, what } => format!("{called}: {place} {what}"),
            Refusal::TooLong => format!(
                "{called}: the arguments are longer than the {} bytes one call can carry",
                self.message_bytes.get()
            ),
            Refusal::Rejected(reason) => return Ok(reason),
            Refusal::Thrown(rquickjs::Error::Exception) => return Ok(ctx.catch()),
            Refusal::Thrown(error) => return Err(error),
        };
        self.prelude
            .argument_error
            .call((message, "invalid_argument", path, stack))
    }

    fn enter(&self, body: Vec<u8>, caller: Caller<'js>) {
        if self.open.borrow().len() < self.in_flight.get() {
            self.send(&body, caller);
        } else {
            self.waiting.borrow_mut().push_back((body, caller));
        }
    }

    fn send(&self, body: &[u8], caller: Caller<'js>) {
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        self.open.borrow_mut().insert(id, caller);
        // A host that is gone is noticed by who reads the answer.
        let _ = self.channel.borrow_mut().send_soon(Kind::Call, id, body);
    }

    /// Ends the call that a message answers, and sends the next one.
    pub(super) fn answer(&self, ctx: &Ctx<'js>, message: Message) -> std::result::Result<(), Lost> {
        let caller = self.open.borrow_mut().remove(&message.id).ok_or(Lost)?;
        if let Some((body, next)) = self.waiting.borrow_mut().pop_front() {
            self.send(&body, next);
        }
        let ended = match message.kind {
            Kind::Handles => {
                let value = from_json(ctx, &self.prelude, &message.body)
                    .and_then(|parts| self.prelude.held.call::<_, Value>((parts,)));
                match value {
                    Ok(value) => caller.resolve.call::<_, ()>((value,)),
                    Err(_) => caller.reject.call::<_, ()>((ctx.catch(),)),
                }
            }
            Kind::Return => match from_json(ctx, &self.prelude, &message.body) {
                Ok(value) => {
                    self.answers.keep(&caller.path, message.body);
                    caller.resolve.call::<_, ()>((value,))
                }
                Err(_) => {
                    let reason = ctx.catch();
                    let about = (reason.clone(), caller.path, caller.stack);
                    if self.prelude.adopt.call::<_, ()>(about).is_err() {
                        // No object, so it has no place to adopt.
                        ctx.catch();
                    }
                    caller.reject.call::<_, ()>((reason,))
                }
            },
            Kind::Raise => {
                let raise: Raise = message::decode(&message.body).map_err(|_| Lost)?;
                self.tool_error(ctx, raise, caller.path, caller.stack)
                    .and_then(|error| caller.reject.call::<_, ()>((error,)))
            }
            _ => return Err(Lost),
        };
        if ended.is_err() {
            // Not even the two functions of a promise can be called: out of memory. The promise
            // stays open, and the program ends for that.
            ctx.catch();
        }
        Ok(())
    }

    fn tool_error(
        &self,
        ctx: &Ctx<'js>,
        raise: Raise,
        path: String,
        stack: Value<'js>,
    ) -> Result<Value<'js>> {
        let facts = Object::new_proto(ctx.clone(), None)?;
        facts.set("code", raise.code.as_str())?;
        facts.set("tool", raise.tool)?;
        facts.set("server", raise.server)?;
        facts.set("retryable", raise.retryable)?;
        facts.set("fix", raise.fix)?;
        facts.set("signature", raise.signature)?;
        let made = (raise.message, facts, path, stack);
        self.prelude.tool_error.call(made)
    }
}

fn raw_json(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("the writer writes JSON")
}
