//! What the bodies of messages hold.
//!
//! Values of the program's own are kept as raw JSON, so that no digit is lost and no tree is built.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::Violation;

/// A call of a tool by a program.
///
/// The program's words are passed on as they are: the host alone knows which tools there are and
/// what their parameters are called, so the guest carries no catalog and both languages follow one
/// set of rules.
#[derive(Debug, Deserialize)]
pub struct Call<'a> {
    /// The path as written, without `tools.`: `github.create_issue`.
    pub path: String,
    #[serde(borrow, default)]
    pub positional: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    pub named: Named<'a>,
    /// In which form the result is wanted.
    #[serde(default)]
    pub form: Form,
}

/// In which form a program wants the result of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The value in it; what is not text by handle.
    #[default]
    Value,
    /// The value in it, with all that the server sent: what is not text, too.
    Whole,
    /// All of it as the server sent it.
    Raw,
    /// A handle: the value stays in the session.
    Keep,
}

/// A value of which parts are handles.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Handles {
    /// The value is the one part, not a list of it.
    pub alone: bool,
    pub parts: Vec<Part>,
}

/// A part of a value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Value(Box<RawValue>),
    Handle(Handle),
}

/// What a program is told of something that is kept in its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// `r_9`; absent where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `array`, `object`, `string`, `number`, `boolean` or `null`; `image`, `audio` or `file`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a file.
    #[serde(rename = "mimeType", default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Elements, members, characters or, of a file, bytes; absent for what has none.
    pub length: Option<u64>,
    /// Of its JSON, or of the file.
    pub bytes: u64,
    /// What the server calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// Named arguments in the order written. A name that comes twice is refused.
#[derive(Debug, Default)]
pub struct Named<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Named<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Named<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of arguments")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Named<'de>, A::Error> {
                let mut named: Vec<(String, &RawValue)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if named.len() >= 1024 || named.iter().any(|(known, _)| *known == name) {
                        return Err(de::Error::custom("a name twice, or more than 1,024 names"));
                    }
                    named.push((name, value));
                }
                Ok(Named(named))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// The program to run and what its runtime needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// `python`, `javascript` or `typescript`.
    pub language: String,
    pub code: String,
    /// Calls the program may have open at once; the runtime makes further ones wait.
    pub in_flight: u32,
    /// Largest body of one message to the host, so that the runtime can refuse an argument or a
    /// value with an error the program can read.
    pub message_bytes: u64,
    /// Threads the program may have.
    pub threads: u32,
    /// How a handle is written among arguments: as a string that begins with this, which nobody else
    /// knows, so that no server can have the host take its words for a handle.
    pub mark: String,
}

/// Why a call has no value. What the program sees as `ToolError`.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Raise {
    pub code: ErrorCode,
    pub message: String,
    /// The tool's path, where one was found.
    pub tool: Option<String>,
    pub server: Option<String>,
    /// The same call may succeed later.
    pub retryable: bool,
    /// One line to paste in place of the call, which would run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Raise {
    /// An error about no tool in particular.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Raise {
        Raise {
            code,
            message: message.into(),
            tool: None,
            server: None,
            retryable: false,
            fix: None,
            signature: None,
        }
    }
}

/// The calls that a program's text makes, as far as they can be read without running it.
///
/// Paths that are made at run time, and calls through names that may mean several things, are left
/// out: what is not here is checked when it is called.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Check<'a> {
    /// In the order of the text; those beyond [`Check::MOST_CALLS`] are left out.
    #[serde(borrow)]
    pub calls: Vec<WrittenCall<'a>>,
}

impl Check<'_> {
    /// A host refuses more.
    pub const MOST_CALLS: usize = 200;
}

/// A call as the program's text has it.
#[derive(Debug, Serialize, Deserialize)]
pub struct WrittenCall<'a> {
    /// Without `tools.`, names of the program's own that stand for tools resolved.
    pub path: String,
    #[serde(borrow, default)]
    pub positional: Vec<Written<'a>>,
    #[serde(borrow, default)]
    pub named: Vec<(String, Written<'a>)>,
    /// There may be more arguments than can be read: `**fields`, `...fields`.
    #[serde(default)]
    pub open: bool,
    /// The whole call, as far as it stands on its first line.
    #[serde(flatten)]
    pub place: Place,
    /// The program makes this call whatever the values in it are, unless it fails before, and
    /// nothing in it catches the call's error: it stands in no branch, loop or `try`, and in no
    /// function that is not itself called so.
    #[serde(default)]
    pub certain: bool,
    #[serde(default)]
    pub repeats: Repeats,
}

/// An argument as the program's text has it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Written<'a> {
    /// Its source text, for a fix; absent when it is longer than a line.
    #[serde(default)]
    pub text: Option<String>,
    /// Its value, if it is a literal.
    #[serde(
        borrow,
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present_value"
    )]
    pub value: Option<&'a RawValue>,
    /// It may turn out not to be there: JavaScript leaves out an argument that is `undefined`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_be_absent: bool,
    /// The argument with its name, as far as it stands on its first line.
    #[serde(flatten)]
    pub place: Place,
}

/// A place in the agent's own source, all from 1 and counted in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub line: u32,
    pub column: u32,
    /// Column after the last character on that line.
    pub end_column: u32,
}

/// Whether a call stands in a loop of its function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    #[default]
    No,
    /// Once for each of something.
    Each,
    /// In a loop whose text holds nothing that ends it: no condition, `break`, `return` or `raise`.
    Endless,
}

/// How far a program is, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    #[serde(default)]
    pub message: String,
    /// From 0 to 1, if it knows.
    #[serde(default)]
    pub done: Option<f64>,
}

impl Progress {
    /// A host refuses more; a runtime cuts what it sends.
    pub const MOST_BYTES: usize = 8192;
}

/// Whether a program may run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Checked {
    /// Why it would certainly fail. The guest ends with it, and runs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ProgramError>,
}

/// How the program ended, in the guest's own words: claims, to be shown, never believed.
#[derive(Debug, Serialize, Deserialize, Default)]
pub struct Done {
    /// JSON of the program's value; absent when it has none, which is not the same as `null`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub value: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ProgramError>,
    /// One line each: what the runtime repaired or noticed.
    #[serde(default)]
    pub notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Defined::is_empty")]
    pub defined: Defined,
}

/// Names that a program defined at its top level, which are lost with it. A guest leaves out those
/// beyond [`Defined::MOST_NAMES`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defined {
    #[serde(default)]
    pub values: Vec<String>,
    /// Functions and classes.
    #[serde(default)]
    pub functions: Vec<String>,
}

impl Defined {
    /// Of each kind.
    pub const MOST_NAMES: usize = 100;

    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.functions.is_empty()
    }
}

/// A member that is there, even as `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// A borrowed member that is there, even as `null`.
fn present_value<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// An error that ended a program.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct ProgramError {
    pub code: ErrorCode,
    pub message: String,
    /// Place in the agent's own source, both from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Column after the last character concerned, on the same line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
    /// What to do instead, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// One line to paste which would run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The name that is not defined, where that is the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl ProgramError {
    /// An error without a place or a remedy.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ProgramError {
        ProgramError {
            code,
            message: message.into(),
            line: None,
            column: None,
            end_column: None,
            hint: None,
            fix: None,
            signature: None,
            name: None,
        }
    }
}

/// The guest could not lock itself down. It runs nothing.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Failed {
    /// Name of the step, as in the lockdown table.
    pub step: String,
    pub errno: i32,
    pub message: String,
}

/// The guest is locked down; what its own attempts to cross the boundary met.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Ready {
    /// Name of the probe and the errno it met; 0 where the attempt succeeded.
    pub probes: Vec<(String, i32)>,
}

/// Codes of errors an agent sees; a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    Syntax,
    UnknownTool,
    UnknownParameter,
    MissingArgument,
    InvalidArgument,
    AmbiguousArgument,
    NotAwaited,
    UndefinedName,
    Import,
    Exception,
    ToolError,
    UpstreamDown,
    LoginNeeded,
    ApprovalNeeded,
    Denied,
    LimitTime,
    LimitMemory,
    LimitThreads,
    LimitCalls,
    LimitOutput,
    LimitWorkspace,
    Busy,
    Sandbox,
    Protocol,
    Cancelled,
    Interrupted,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [ErrorCode; 26] = [
        ErrorCode::Syntax,
        ErrorCode::UnknownTool,
        ErrorCode::UnknownParameter,
        ErrorCode::MissingArgument,
        ErrorCode::InvalidArgument,
        ErrorCode::AmbiguousArgument,
        ErrorCode::NotAwaited,
        ErrorCode::UndefinedName,
        ErrorCode::Import,
        ErrorCode::Exception,
        ErrorCode::ToolError,
        ErrorCode::UpstreamDown,
        ErrorCode::LoginNeeded,
        ErrorCode::ApprovalNeeded,
        ErrorCode::Denied,
        ErrorCode::LimitTime,
        ErrorCode::LimitMemory,
        ErrorCode::LimitThreads,
        ErrorCode::LimitCalls,
        ErrorCode::LimitOutput,
        ErrorCode::LimitWorkspace,
        ErrorCode::Busy,
        ErrorCode::Sandbox,
        ErrorCode::Protocol,
        ErrorCode::Cancelled,
        ErrorCode::Interrupted,
    ];

    /// The code as the agent reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::Syntax => "syntax",
            ErrorCode::UnknownTool => "unknown_tool",
            ErrorCode::UnknownParameter => "unknown_parameter",
            ErrorCode::MissingArgument => "missing_argument",
            ErrorCode::InvalidArgument => "invalid_argument",
            ErrorCode::AmbiguousArgument => "ambiguous_argument",
            ErrorCode::NotAwaited => "not_awaited",
            ErrorCode::UndefinedName => "undefined_name",
            ErrorCode::Import => "import",
            ErrorCode::Exception => "exception",
            ErrorCode::ToolError => "tool_error",
            ErrorCode::UpstreamDown => "upstream_down",
            ErrorCode::LoginNeeded => "login_needed",
            ErrorCode::ApprovalNeeded => "approval_needed",
            ErrorCode::Denied => "denied",
            ErrorCode::LimitTime => "limit_time",
            ErrorCode::LimitMemory => "limit_memory",
            ErrorCode::LimitThreads => "limit_threads",
            ErrorCode::LimitCalls => "limit_calls",
            ErrorCode::LimitOutput => "limit_output",
            ErrorCode::LimitWorkspace => "limit_workspace",
            ErrorCode::Busy => "busy",
            ErrorCode::Sandbox => "sandbox",
            ErrorCode::Protocol => "protocol",
            ErrorCode::Cancelled => "cancelled",
            ErrorCode::Interrupted => "interrupted",
        }
    }

    /// The run was ended because a limit was reached.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            ErrorCode::LimitTime
                | ErrorCode::LimitMemory
                | ErrorCode::LimitThreads
                | ErrorCode::LimitCalls
                | ErrorCode::LimitOutput
                | ErrorCode::LimitWorkspace
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads a body.
///
/// # Errors
/// [`Violation::Body`] when it is not what its kind promises.
pub fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Violation> {
    serde_json::from_slice(body).map_err(|error| Violation::Body(error.to_string()))
}

/// Writes a body.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages have string keys and no failing serializers")
}

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{SerializeMap, SerializeStruct};
        struct Object<'a>(&'a [(String, &'a RawValue)]);
        impl Serialize for Object<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.0.len()))?;
                for (name, value) in self.0 {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
        let mut call = serializer.serialize_struct("Call", 4)?;
        call.serialize_field("path", &self.path)?;
        call.serialize_field("positional", &self.positional)?;
        call.serialize_field("named", &Object(&self.named.0))?;
        call.serialize_field("form", &self.form)?;
        call.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_they_are_serialised() {
        for code in ErrorCode::ALL {
            assert_eq!(
                serde_json::to_string(&code).unwrap(),
                format!("{:?}", code.as_str())
            );
        }
    }

    #[test]
    fn all_codes_are_in_the_list_of_them() {
        // What reads a code names every one that it knows.
        let known = serde_json::from_str::<ErrorCode>("\"no code\"").unwrap_err();
        let known = known.to_string();
        let known: Vec<&str> = known.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, ErrorCode::ALL.map(ErrorCode::as_str));
    }

    #[test]
    fn a_value_of_null_is_a_value() {
        assert_eq!(
            decode::<Done>(br#"{"value":null}"#)
                .unwrap()
                .value
                .unwrap()
                .get(),
            "null"
        );
        assert!(decode::<Done>(b"{}").unwrap().value.is_none());
    }

    #[test]
    fn a_written_call_is_read_as_both_guests_write_it() {
        let body = br#"{"calls":[{"path":"a.b","line":2,"column":5,"end_column":30,"certain":true,
            "repeats":"endless","open":false,"positional":[],
            "named":[["n",{"text":"null","value":null,"line":2,"column":9,"end_column":15}],
                     ["m",{"text":"x + 1","line":2,"column":17,"end_column":24}]]}]}"#;
        let check: Check = decode(body).unwrap();
        let call = &check.calls[0];
        assert_eq!((call.place.column, call.repeats), (5, Repeats::Endless));
        let values: Vec<_> = call
            .named
            .iter()
            .map(|(name, written)| (name.as_str(), written.value.map(RawValue::get)))
            .collect();
        assert_eq!(values, [("n", Some("null")), ("m", None)]);
    }

    #[test]
    fn a_call_keeps_digits_and_order_and_refuses_a_name_twice() {
        let body = br#"{"path":"a.b","named":{"z":12345678901234567890123,"a":[1.50]}}"#;
        let call: Call = decode(body).unwrap();
        let named: Vec<_> = call
            .named
            .0
            .iter()
            .map(|(n, v)| (n.as_str(), v.get()))
            .collect();
        assert_eq!(named, [("z", "12345678901234567890123"), ("a", "[1.50]")]);
        for hostile in [
            &br#"{"path":"a.b","named":{"z":1,"z":2}}"#[..],
            br#"{"path":"a.b","named":[]}"#,
            br#"{"path":5}"#,
            b"\xff",
            b"",
            br#"{"path":"a","positional":[NaN]}"#,
        ] {
            assert!(
                decode::<Call>(hostile).is_err(),
                "{}",
                String::from_utf8_lossy(hostile)
            );
        }
    }
}
