//! What ended a program, as the agent reads it.

use protocol::{ErrorCode, ProgramError};
use rquickjs::atom::PredefinedAtom;
use rquickjs::{Coerced, Ctx, Exception, IntoAtom, Object, Value};

use super::holds::{Answers, Told};
use super::prelude::Prelude;
use super::source::{Mark, Place, Script};

/// The name of the program's script in the engine's stacks.
pub(super) const SCRIPT_NAME: &str = "program";

/// What is kept of each text of an error, which a program can make as long as its memory.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// Reads what was thrown.
pub(super) struct Failure<'a, 'js> {
    pub(super) ctx: &'a Ctx<'js>,
    pub(super) prelude: &'a Prelude<'js>,
    pub(super) script: &'a Script,
    pub(super) answers: &'a Answers,
    pub(super) memory_bytes: usize,
}

impl<'js> Failure<'_, 'js> {
    /// The error for a value that nobody caught.
    pub(super) fn thrown(&self, thrown: &Value<'js>) -> ProgramError {
        // What the engine throws where not even an error fits in memory any more.
        if thrown.is_null() {
            return self.out_of_memory();
        }
        let Some(object) = thrown.as_object().filter(|object| object.is_error()) else {
            let text = self.inspect(thrown);
            return ProgramError::new(ErrorCode::Exception, format!("thrown: {text}"));
        };
        let class = self.text(object, PredefinedAtom::Name).unwrap_or_default();
        let message = self
            .text(object, PredefinedAtom::Message)
            .unwrap_or_default();
        if class == "InternalError" && message.starts_with("out of memory") {
            return self.out_of_memory();
        }
        let code = self.code(object, &class);
        let mut error = ProgramError::new(code, described(&class, &message, code));
        if let Ok(cause) = object.get::<_, Exception>("cause")
            && let Some(cause) = self.text(cause.as_object(), PredefinedAtom::Message)
        {
            error.message.push_str(&format!(" (cause: {cause})"));
        }
        let path = self.path_of(object);
        if let Some(mut place) = self.place(object) {
            if let Some(path) = path.as_ref().filter(|_| code != ErrorCode::NotAwaited) {
                place = self.script.start_of_call(place, path);
            }
            error.line = Some(place.line);
            error.column = Some(place.column);
        }
        match code {
            ErrorCode::UndefinedName => {
                if let Some(name) = message.strip_suffix(" is not defined") {
                    error.hint = Some(name_hint(name));
                    error.name = Some(name.to_owned());
                    error.fix = python_name(name)
                        .and_then(|(_, fix)| fix)
                        .map(str::to_owned);
                    if let (Some(line), Some(column)) = (error.line, error.column) {
                        let place = Place { line, column };
                        error.end_column = self.script.end_of_word(place, name);
                        let answers = self.answers.read();
                        let told = self
                            .script
                            .explain(place, &answers, |holds, at, _| holds.undefined(at, name));
                        if let Some((told, mark)) = told {
                            tell(&mut error, told, &mark);
                        }
                    }
                }
            }
            ErrorCode::Import => {
                let module = self.text(object, "module").unwrap_or_default();
                error.hint = Some(import_hint(&module));
            }
            ErrorCode::NotAwaited => error.hint = Some(AWAIT_HINT.into()),
            ErrorCode::Exception if let (Some(line), Some(column)) = (error.line, error.column) => {
                let told = self.held(&class, &message, Place { line, column });
                if let Some((told, mark)) = told {
                    tell(&mut error, told, &mark);
                }
            }
            _ => {}
        }
        if path.is_some() {
            error.fix = self.text(object, "fix");
            error.signature = self.text(object, "signature");
        }
        error
    }

    /// What the program's expressions held where the engine only says that something was not there,
    /// with its place.
    fn held(&self, class: &str, message: &str, place: Place) -> Option<(Told, Mark)> {
        if !matches!(class, "TypeError" | "SyntaxError") {
            return None;
        }
        let absent = message
            .strip_prefix("cannot read property '")
            .and_then(|rest| rest.rsplit_once("' of "));
        let answers = self.answers.read();
        self.script.explain(place, &answers, |holds, at, line| {
            match (class, message, absent) {
                (_, _, Some((key, _))) => holds.absent(at, key),
                ("SyntaxError", _, _) => holds.parsed(line),
                (_, "not a function", _) => {
                    first_with_fix([holds.no_function(at), holds.no_method(at)])
                }
                (_, message, _) if message.contains("not iterable") => {
                    first_with_fix([holds.no_list(), holds.no_entries(line)])
                }
                _ => None,
            }
        })
    }

    /// The error of a program without a value that takes members of a text's characters.
    pub(super) fn indexed_text(&self) -> Option<ProgramError> {
        let answers = self.answers.read();
        if !answers.values().any(serde_json::Value::is_string) {
            return None;
        }
        let start = Place { line: 1, column: 1 };
        let (told, mark) = self
            .script
            .explain(start, &answers, |holds, _, _| holds.indexed_text())?;
        let message = "a member of a character, which has none, is the program's value";
        let mut error = ProgramError::new(ErrorCode::Exception, message);
        tell(&mut error, told, &mark);
        Some(error)
    }

    /// The error for a failed operation of the runtime's own.
    pub(super) fn engine(&self, failed: &rquickjs::Error) -> ProgramError {
        match failed {
            rquickjs::Error::Exception => self.thrown(&self.ctx.catch()),
            rquickjs::Error::Allocation | rquickjs::Error::Unknown => self.out_of_memory(),
            other => ProgramError::new(ErrorCode::Exception, other.to_string()),
        }
    }

    /// The tool whose call failed with this.
    pub(super) fn tool(&self, thrown: &Value<'js>) -> Option<String> {
        let object = thrown
            .as_object()
            .filter(|object| self.path_of(object).is_some())?;
        self.text(object, "tool")
    }

    fn out_of_memory(&self) -> ProgramError {
        let limit = self.memory_bytes >> 20;
        ProgramError {
            hint: Some("keep less at once: filter each result before you fetch the next".into()),
            ..ProgramError::new(
                ErrorCode::LimitMemory,
                format!("the program needs more than its {limit} MiB of memory"),
            )
        }
    }

    fn code(&self, object: &Object<'js>, class: &str) -> ErrorCode {
        if self.path_of(object).is_some()
            && let Some(code) = self.text(object, "code")
            && let Ok(code) = serde_json::from_str(&format!("{code:?}"))
        {
            return code;
        }
        match class {
            "ReferenceError" => ErrorCode::UndefinedName,
            _ => ErrorCode::Exception,
        }
    }

    /// The path of the call that an error of ours is about.
    fn path_of(&self, object: &Object<'js>) -> Option<String> {
        let path: Value = self.prelude.path_of.call((object.clone(),)).ok()?;
        path.is_string().then(|| self.prelude.text(&path).ok())?
    }

    /// The innermost place in the program of an error's stack.
    fn place(&self, object: &Object<'js>) -> Option<Place> {
        let stack = self.text(object, PredefinedAtom::Stack)?;
        // The constructor of an error class of the program's is not where the error was made.
        let class = object.get::<_, Object>(PredefinedAtom::Constructor);
        let class = class
            .ok()
            .and_then(|class| self.text(&class, PredefinedAtom::Name));
        let constructor = format!("    at {} (", class.unwrap_or_default());
        let mut lines = stack.lines();
        let (line, column) = lines
            .clone()
            .filter(|line| !line.starts_with(&constructor))
            .find_map(position)
            .or_else(|| lines.find_map(position))?;
        self.script.place(line, column)
    }

    pub(super) fn inspect(&self, value: &Value<'js>) -> String {
        self.prelude
            .inspect
            .call((value.clone(),))
            .and_then(|text: Value| self.short(&text))
            .unwrap_or_else(|_| {
                self.ctx.catch();
                "a value that cannot be shown".into()
            })
    }

    /// A member as text; the program may have made it anything.
    fn text<K: IntoAtom<'js>>(&self, object: &Object<'js>, name: K) -> Option<String> {
        let text = object
            .get::<_, Option<Coerced<rquickjs::String>>>(name)
            .and_then(|text| text.map(|text| self.short(text.0.as_value())).transpose());
        text.unwrap_or_else(|_| {
            self.ctx.catch();
            None
        })
    }

    fn short(&self, text: &Value<'js>) -> rquickjs::Result<String> {
        let mut text = self.prelude.text(text)?;
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        Ok(text)
    }
}

/// The first that has a fix, else the first.
fn first_with_fix(told: [Option<Told>; 2]) -> Option<Told> {
    let [first, second] = told;
    let has_fix = |told: &Option<Told>| told.as_ref().is_some_and(|told| told.fix.is_some());
    match !has_fix(&first) && (has_fix(&second) || first.is_none()) {
        true => second,
        false => first,
    }
}

/// Enters into an error what there is to say of its place.
pub(super) fn tell(error: &mut ProgramError, told: Told, mark: &Mark) {
    (error.line, error.column) = (mark.line, mark.column);
    error.end_column = mark.end_column;
    error.hint = Some(told.hint);
    // It would go where the mark is.
    error.fix = told.fix.filter(|_| mark.end_column.is_some());
}

/// The message, led by the class where the class says more than that it failed.
fn described(class: &str, message: &str, code: ErrorCode) -> String {
    let is_plain = matches!(class, "" | "Error" | "ToolError")
        || matches!(code, ErrorCode::InvalidArgument | ErrorCode::NotAwaited);
    match (is_plain, message) {
        (true, "") => "Error".into(),
        (true, message) => message.to_owned(),
        (false, "") => class.to_owned(),
        (false, message) => format!("{class}: {message}"),
    }
}

/// Line and column of a stack's line, if it is one of the program's: `at name (program:1:2)`.
fn position(line: &str) -> Option<(u32, u32)> {
    let start = line.rfind([' ', '('])? + 1;
    let place = line[start..].trim_end_matches(')');
    let (line, column) = place
        .strip_prefix(SCRIPT_NAME)?
        .strip_prefix(':')?
        .split_once(':')?;
    match (line.parse().ok()?, column.parse().ok()?) {
        (0, _) | (_, 0) => None,
        place => Some(place),
    }
}

const AWAIT_HINT: &str = "put await before the call whose promise it is; a function that awaits is \
                          async, and its own calls are awaited too";

const NO_NETWORK: &str = "programs have no network: call a tool instead (search_tools finds one)";
const NO_FILES: &str =
    "programs have no files: call a tool of a file server instead (search_tools finds one)";
const NO_PROCESS: &str = "programs have no process, environment or shell: call a tool instead";

/// What to use instead of a module.
pub(super) fn import_hint(module: &str) -> String {
    let name = module.strip_prefix("node:").unwrap_or(module);
    let name = name.split_once('/').map_or(name, |(package, _)| package);
    let instead = match name {
        "fs" | "path" | "os" => NO_FILES,
        "http" | "https" | "net" | "axios" | "got" | "undici" | "node-fetch" | "cross-fetch" => {
            NO_NETWORK
        }
        "child_process" | "process" | "worker_threads" => NO_PROCESS,
        _ => {
            "programs have no packages: standard JavaScript is there, and the tools by \
             import { server } from \"tools\""
        }
    };
    instead.to_owned()
}

/// What to write for a name of Python's, and the same as a fix.
pub(super) fn python_name(name: &str) -> Option<(&'static str, Option<&'static str>)> {
    Some(match name {
        "None" => ("in JavaScript it is null", Some("null")),
        "True" => ("in JavaScript it is true", Some("true")),
        "False" => ("in JavaScript it is false", Some("false")),
        "print" => ("in JavaScript it is console.log(…)", Some("console.log")),
        "len" => (
            "in JavaScript it is list.length, and Object.keys(object).length",
            None,
        ),
        "str" => ("in JavaScript it is String(…)", Some("String")),
        "int" | "float" => ("in JavaScript it is Number(…)", Some("Number")),
        "range" => (
            "in JavaScript it is for (let i = 0; i < n; i++), or [...Array(n).keys()]",
            None,
        ),
        "dict" => ("in JavaScript it is {…}, or Object.fromEntries(…)", None),
        "list" => ("in JavaScript it is [...values]", None),
        "sorted" => ("in JavaScript it is [...list].sort((a, b) => a - b)", None),
        "sum" => (
            "in JavaScript it is list.reduce((sum, x) => sum + x, 0)",
            None,
        ),
        "json" => (
            "results are parsed already; text is parsed by JSON.parse(…)",
            None,
        ),
        "asyncio" => ("in JavaScript it is await Promise.all([…])", None),
        _ => return None,
    })
}

/// What to do about a syntax error where the text looks like another language's.
pub(super) fn syntax_hint(source: &str, offset: usize) -> Option<&'static str> {
    let begin = source[..offset]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let line = source[begin..].lines().next().unwrap_or_default();
    let words = line.trim();
    let starts = |word: &str| {
        words
            .strip_prefix(word)
            .is_some_and(|rest| rest.starts_with([' ', ':', '(']))
    };
    let f_string = |quote: char| {
        line.match_indices(quote).any(|(at, _)| {
            let before = &line[..at];
            before.ends_with('f') && !before[..before.len() - 1].ends_with(char::is_alphanumeric)
        })
    };
    if starts("elif") {
        return Some("JavaScript writes `else if (…) { … }`");
    }
    if starts("def") || words.starts_with("async def ") || starts("lambda") {
        return Some("JavaScript writes `function name(…) { … }` or `(…) => …`");
    }
    if f_string('"') || f_string('\'') {
        return Some("an f-string is a template in JavaScript: `text ${value}`");
    }
    if words.starts_with('#') {
        return Some("a comment of JavaScript begins with //");
    }
    if line.contains(['“', '”', '‘', '’']) {
        return Some("these are typographic quotation marks: write \" or ' instead");
    }
    if words.ends_with(':')
        && [
            "for", "if", "while", "else", "try", "except", "with", "class",
        ]
        .into_iter()
        .any(starts)
    {
        return Some("blocks of JavaScript are in braces: `for (const x of list) { … }`");
    }
    let operators = [" and ", " or ", " not ", " is "];
    if operators.iter().any(|word| line.contains(word)) {
        return Some("JavaScript writes &&, || and !, and compares by ===");
    }
    None
}

/// What to do about a name that is not there.
fn name_hint(name: &str) -> String {
    if let Some((hint, _)) = python_name(name) {
        return hint.into();
    }
    match name {
        "fetch" | "XMLHttpRequest" | "WebSocket" | "EventSource" | "axios" => NO_NETWORK.into(),
        "process" | "Deno" | "Bun" => NO_PROCESS.into(),
        "fs" | "path" | "__dirname" | "__filename" => NO_FILES.into(),
        "Buffer" => "Buffer is Node's: use strings and Uint8Array".into(),
        "module" | "exports" => "end the program with `return value` to give its value".into(),
        "window" | "document" | "navigator" | "localStorage" => {
            "programs run in no browser: call a tool of a browser server instead".into()
        }
        "mcp" | "client" | "server" | "api" => {
            "tools are called by tools.server.tool({…}); search_tools lists them".into()
        }
        _ => format!("declare it (const {name} = …); a tool is called by tools.server.tool({{…}})"),
    }
}
