//! The part of the runtime that is written in JavaScript, as Rust sees it.

use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Error, FromJs, Function, Object, Result, Value};

use super::web;

const SOURCE: &str = include_str!("prelude.js");

/// Functions and objects of `prelude.js`, kept from before the program could touch anything.
pub(super) struct Prelude<'js> {
    /// `(error, path, stack)`: makes an error of the engine's one about a call.
    pub(super) adopt: Function<'js>,
    /// `(array) → Promise`: what forgotten awaits of arrays become.
    pub(super) all: Function<'js>,
    /// `(message, code, path, stack) → TypeError` about a call's arguments.
    pub(super) argument_error: Function<'js>,
    /// The `BigInt` function.
    pub(super) big_int: Function<'js>,
    /// `(function) → string`: what to say of a function where there should be data.
    pub(super) describe_function: Function<'js>,
    /// What `import(…)` became.
    pub(super) dynamic_import: Function<'js>,
    /// `(list, function, this) → Promise`: what `forEach` with an async function becomes.
    pub(super) each: Function<'js>,
    /// `(list, method, function, this) → Promise`: what `filter` and its like with an async function
    /// become.
    pub(super) asked: Function<'js>,
    /// `(parts) → value`: a value of which parts are handles.
    pub(super) held: Function<'js>,
    /// `(value) → string`: text for people.
    pub(super) inspect: Function<'js>,
    /// `(natives)`: gives the globals what they need of the host.
    pub(super) install: Function<'js>,
    /// `(error) → string?`: the path of the call that an error of ours is about, `""` for an import;
    /// nothing for an error of the program's.
    pub(super) path_of: Function<'js>,
    /// `(object, is_argument) → value`: what to write for an object that is neither plain nor an array.
    pub(super) plain: Function<'js>,
    pub(super) require: Function<'js>,
    /// `(message, facts, path, stack) → ToolError`.
    pub(super) tool_error: Function<'js>,
    to_well_formed: Function<'js>,
    object_prototype: Object<'js>,
}

impl<'js> Prelude<'js> {
    pub(super) fn new(ctx: &Ctx<'js>) -> Result<Self> {
        let mut options = EvalOptions::default();
        options.filename = Some("toolmill".into());
        let evaluate: Function = ctx.eval_with_options(SOURCE, options)?;
        let promise_state = Function::new(ctx.clone(), |value: Value<'js>| {
            value.as_promise().map(|promise| match promise.state() {
                PromiseState::Pending => "pending",
                PromiseState::Resolved => "fulfilled",
                PromiseState::Rejected => "rejected",
            })
        })?;
        let load_shim = Function::new(ctx.clone(), web::load)?;
        let exports: Object = evaluate.call((promise_state, load_shim))?;
        Ok(Prelude {
            adopt: exports.get("adopt")?,
            all: exports.get("all")?,
            argument_error: exports.get("argumentError")?,
            big_int: exports.get("bigInt")?,
            describe_function: exports.get("describeFunction")?,
            dynamic_import: exports.get("dynamicImport")?,
            asked: exports.get("asked")?,
            each: exports.get("each")?,
            held: exports.get("held")?,
            inspect: exports.get("inspect")?,
            install: exports.get("install")?,
            path_of: exports.get("pathOf")?,
            plain: exports.get("plain")?,
            require: exports.get("require")?,
            tool_error: exports.get("toolError")?,
            to_well_formed: exports.get("toWellFormed")?,
            object_prototype: exports.get("objectPrototype")?,
        })
    }

    /// A string's text; half of a surrogate pair becomes U+FFFD.
    pub(super) fn text(&self, string: &Value<'js>) -> Result<String> {
        match String::from_js(string.ctx(), string.clone()) {
            Err(Error::Utf8(_)) => self.to_well_formed.call((string.clone(),)),
            text => text,
        }
    }

    /// Whether an object's members say all of it.
    pub(super) fn is_plain(&self, object: &Object<'js>) -> bool {
        // Asking a proxy runs the program's code, which may throw.
        !object.is_proxy()
            && object
                .get_prototype()
                .is_none_or(|prototype| prototype == self.object_prototype)
    }
}
