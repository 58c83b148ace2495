//! Whether values are as a schema wants them, by JSON Schema's drafts 07 and 2020-12.
//!
//! A schema is compiled once into rules. A value is refused only for what is certain: what a program's
//! text does not tell, a pattern that the linear engine does not have, a reference that leads nowhere
//! and whatever lies beyond a bound on size, depth or steps count as *not known*, which refuses
//! nothing. So do `unevaluatedProperties` and `unevaluatedItems`; `format` is not looked at, and a
//! keyword whose value is malformed is as if it were not there.
//!
//! What is said of a refused value is for a model: where, by which rule, what is there instead, and
//! where only one value can be meant, that value.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;

use crate::json::{Decimal, Json};
use crate::name::{ALIKE, folded, likeness};
use crate::pattern::Pattern;
use crate::plain;
use crate::schema::percent_decoded;

/// The largest recorded schema has 13 KB.
const LONGEST_SCHEMA_BYTES: usize = 1 << 20;
const MOST_NODES: usize = 20_000;
const LONGEST_REFERENCE: usize = 512;

/// Rules applied to one value, and how deep one inside the other.
const MOST_STEPS: usize = 100_000;
const MOST_DEPTH: usize = 160;

const MOST_PROBLEMS: usize = 3;
const MOST_VALUES_SHOWN: usize = 8;
const VALUE_CHARS: usize = 40;

/// A schema as rules.
#[derive(Debug)]
pub(crate) struct Validator {
    /// The first is the whole schema's.
    nodes: Vec<Vec<Rule>>,
}

type Node = usize;

#[derive(Debug)]
enum Rule {
    Never,
    /// Something that cannot be checked.
    Unchecked,
    Type(Kinds),
    /// One of these values: `enum` and `const`.
    Values(Vec<Json<'static>>),
    MultipleOf(Decimal, String),
    Bound(Bound, Decimal, String),
    Size {
        of: Size,
        least: u64,
        most: u64,
    },
    Pattern(Pattern),
    Items {
        first: Vec<Node>,
        others: Option<Node>,
    },
    Contains {
        what: Node,
        least: u64,
        most: u64,
    },
    UniqueItems,
    Required {
        names: Vec<String>,
        /// What may be meant for one that is missing is not among these.
        declared: Vec<String>,
    },
    Members {
        declared: HashMap<String, Node>,
        by_pattern: Vec<(Pattern, Node)>,
        others: Option<Node>,
    },
    Names(Node),
    /// Where there is a member of this name, these must be there too.
    Dependent(String, Vec<String>),
    DependentSchema(String, Node),
    All(Node),
    Any(Vec<Node>),
    One(Vec<Node>),
    Not(Node),
    If {
        condition: Node,
        then: Option<Node>,
        otherwise: Option<Node>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Least,
    Most,
    Above,
    Below,
}

#[derive(Clone, Copy, Debug)]
enum Size {
    Characters,
    Items,
    Members,
}

/// A set of types, in the order in which they are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    const NAMES: [(&str, &str); 7] = [
        ("string", "a string"),
        ("integer", "an integer"),
        ("number", "a number"),
        ("boolean", "true or false"),
        ("array", "an array"),
        ("object", "an object"),
        ("null", "null"),
    ];
    const NONE: Kinds = Kinds(0);
    const ALL: Kinds = Kinds(0x7f);
    const STRING: Kinds = Kinds(1);
    const INTEGER: Kinds = Kinds(2);
    /// Whole numbers are numbers.
    const NUMBER: Kinds = Kinds(6);
    const BOOLEAN: Kinds = Kinds(8);
    const ARRAY: Kinds = Kinds(16);
    const OBJECT: Kinds = Kinds(32);
    const NULL: Kinds = Kinds(64);

    fn named(name: &str) -> Option<Kinds> {
        match name {
            "number" => Some(Kinds::NUMBER),
            name => Kinds::NAMES
                .iter()
                .position(|(known, _)| *known == name)
                .map(|at| Kinds(1 << at)),
        }
    }

    /// `None` for a value that is not known.
    fn of(value: &Json) -> Option<Kinds> {
        Some(match value {
            Json::Null => Kinds::NULL,
            Json::Bool(_) => Kinds::BOOLEAN,
            Json::Number(text) if Decimal::is_written_integer(text) => Kinds::INTEGER,
            Json::Number(_) => Kinds(Kinds::NUMBER.0 & !Kinds::INTEGER.0),
            Json::String(_) => Kinds::STRING,
            Json::Array(_) => Kinds::ARRAY,
            Json::Object { .. } => Kinds::OBJECT,
            Json::Unknown => return None,
        })
    }

    fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    fn without(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// `a string, an integer or null`.
    fn words(self) -> String {
        let number = self.and(Kinds::NUMBER) == Kinds::NUMBER;
        let words: Vec<&str> = Kinds::NAMES
            .iter()
            .enumerate()
            .filter(|(at, (name, _))| self.0 & 1 << at != 0 && !(number && *name == "integer"))
            .map(|(_, (_, words))| *words)
            .collect();
        match words.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => words.concat(),
        }
    }
}

/// What comes of applying rules to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Valid,
    NotKnown,
    Invalid,
}

impl Outcome {
    fn of(known: Option<bool>) -> Outcome {
        match known {
            Some(true) => Outcome::Valid,
            None => Outcome::NotKnown,
            Some(false) => Outcome::Invalid,
        }
    }

    fn and(self, other: Outcome) -> Outcome {
        match (self, other) {
            (Outcome::Invalid, _) | (_, Outcome::Invalid) => Outcome::Invalid,
            (Outcome::Valid, Outcome::Valid) => Outcome::Valid,
            _ => Outcome::NotKnown,
        }
    }
}

/// Something in a value that is not as the schema wants it.
#[derive(Debug)]
pub(crate) struct Problem {
    place: Vec<Step>,
    pub(crate) rule: String,
    remedy: Option<Remedy>,
    /// It is about which value is allowed, so it tells variants of a union apart.
    about_value: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Member(String),
    Item(usize),
}

#[derive(Debug)]
enum Remedy {
    Replace(Json<'static>),
    Remove,
    Rename(String),
    /// Of a member of the value.
    RenameMember {
        from: String,
        to: String,
    },
}

impl Problem {
    /// The member of the whole value that it lies in.
    pub(crate) fn member(&self) -> Option<&str> {
        match self.place.first() {
            Some(Step::Member(name)) => Some(name),
            _ => None,
        }
    }

    /// The place as programs write it: `filter.labels[1]`.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.place {
            match step {
                Step::Item(at) => {
                    let _ = write!(path, "[{at}]");
                }
                Step::Member(name) => {
                    let identifier = !name.is_empty()
                        && !name.starts_with(|c: char| c.is_ascii_digit())
                        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                    if identifier {
                        path.push_str(if path.is_empty() { "" } else { "." });
                        path.push_str(name);
                    } else if path.is_empty() {
                        path.push_str(&plain::quoted(name));
                    } else {
                        let _ = write!(path, "[{}]", plain::quoted(name));
                    }
                }
            }
        }
        path
    }
}

/// The value with the problems put right, `None` if one of them has no remedy that is certain.
pub(crate) fn put_right<'a>(value: &Json<'a>, problems: &[Problem]) -> Option<Json<'a>> {
    let mut value = value.clone();
    for problem in problems {
        let remedy = problem.remedy.as_ref()?;
        apply(&mut value, &problem.place, remedy)?;
    }
    Some(value)
}

fn apply(value: &mut Json, place: &[Step], remedy: &Remedy) -> Option<()> {
    let (step, rest) = match (place.split_first(), remedy) {
        (None, Remedy::Replace(with)) => {
            *value = with.clone();
            return Some(());
        }
        (None, Remedy::RenameMember { from, to }) => {
            let Json::Object { members, .. } = value else {
                return None;
            };
            let member = members.iter_mut().find(|(name, _)| name == from)?;
            member.0 = Cow::Owned(to.clone());
            return Some(());
        }
        (None, _) => return None,
        (Some(split), _) => split,
    };
    match (step, value) {
        (Step::Item(at), Json::Array(items)) => apply(items.get_mut(*at)?, rest, remedy),
        (Step::Member(name), Json::Object { members, .. }) => {
            let at = members.iter().position(|(key, _)| key == name)?;
            match remedy {
                Remedy::Remove if rest.is_empty() => {
                    members.remove(at);
                }
                Remedy::Rename(to) if rest.is_empty() => {
                    members[at].0 = Cow::Owned(to.clone());
                }
                _ => apply(&mut members[at].1, rest, remedy)?,
            }
            Some(())
        }
        _ => None,
    }
}

impl Validator {
    /// Reads a schema.
    pub(crate) fn new(schema: &str) -> Validator {
        if schema.len() > LONGEST_SCHEMA_BYTES {
            return Validator {
                nodes: vec![vec![Rule::Unchecked]],
            };
        }
        let root = Json::parse(schema);
        let mut compiler = Compiler {
            drafts: Drafts::of(&root),
            root: &root,
            nodes: Vec::new(),
            known: HashMap::new(),
            waiting: VecDeque::new(),
        };
        compiler.node(&root, false);
        while let Some((node, schema, embedded)) = compiler.waiting.pop_front() {
            compiler.nodes[node] = compiler.rules(schema, embedded);
        }
        Validator {
            nodes: compiler.nodes,
        }
    }

    /// What is certainly wrong with a value; nothing if it is valid, as far as is known.
    pub(crate) fn problems(&self, value: &Json) -> Vec<Problem> {
        let mut checking = Checking {
            nodes: &self.nodes,
            steps: MOST_STEPS,
            depth: 0,
        };
        if checking.check(0, value, &Path::Whole, None) != Outcome::Invalid {
            return Vec::new();
        }
        let mut problems = Vec::new();
        checking.steps = MOST_STEPS;
        checking.check(0, value, &Path::Whole, Some(&mut problems));
        problems
    }
}

/// Which drafts a schema may be of. One that does not say may be of both.
#[derive(Clone, Copy)]
struct Drafts {
    /// 07 and older.
    old: bool,
    /// 2019-09 and newer.
    new: bool,
}

impl Drafts {
    fn of(root: &Json) -> Drafts {
        let named = root.get("$schema").and_then(Json::as_str).unwrap_or("");
        let old = named.contains("/draft-0");
        let new = named.contains("/draft/20");
        Drafts {
            old: old || !new,
            new: new || !old,
        }
    }
}

struct Compiler<'s> {
    root: &'s Json<'s>,
    drafts: Drafts,
    nodes: Vec<Vec<Rule>>,
    /// References lead to the same schema many times, and into themselves.
    known: HashMap<*const Json<'s>, Node>,
    /// Nodes whose rules have not been read, and whether they lie in a schema with an address of its
    /// own, from which references would lead elsewhere.
    waiting: VecDeque<(Node, &'s Json<'s>, bool)>,
}

impl<'s> Compiler<'s> {
    fn node(&mut self, schema: &'s Json<'s>, embedded: bool) -> Node {
        if let Some(&known) = self.known.get(&std::ptr::from_ref(schema)) {
            return known;
        }
        let node = self.nodes.len();
        self.nodes.push(vec![Rule::Unchecked]);
        self.known.insert(schema, node);
        if node < MOST_NODES {
            self.waiting.push_back((node, schema, embedded));
        }
        node
    }

    fn rules(&mut self, schema: &'s Json<'s>, embedded: bool) -> Vec<Rule> {
        let Json::Object { members, .. } = schema else {
            return match schema {
                Json::Bool(true) => Vec::new(),
                Json::Bool(false) => vec![Rule::Never],
                _ => vec![Rule::Unchecked],
            };
        };
        let has_address = schema.get("$id").is_some_and(|id| {
            // An anchor of draft 07 is no address.
            id.as_str().is_some_and(|id| !id.starts_with('#'))
        });
        let embedded = embedded || (has_address && !std::ptr::eq(schema, self.root));
        let reference = schema.get("$ref").and_then(Json::as_str);
        // In the old drafts, a reference is alone.
        if let Some(reference) = reference.filter(|_| !self.drafts.new) {
            return vec![self.reference(reference, embedded)];
        }
        let mut rules = Vec::new();
        for (keyword, value) in members {
            // Of keywords with one name, the last counts.
            if schema
                .get(keyword)
                .is_some_and(|last| std::ptr::eq(last, value))
            {
                rules.extend(self.rule(keyword, value, schema, embedded));
            }
        }
        // What OpenAPI calls nullable may be null whatever its type.
        if matches!(schema.get("nullable"), Some(Json::Bool(true))) {
            for rule in &mut rules {
                match rule {
                    Rule::Type(kinds) => *kinds = kinds.or(Kinds::NULL),
                    Rule::Values(values) => values.push(Json::Null),
                    _ => {}
                }
            }
        }
        // What is wrong with the type is said first.
        rules.sort_by_key(|rule| !matches!(rule, Rule::Type(_)));
        rules
    }

    fn reference(&mut self, reference: &str, embedded: bool) -> Rule {
        match self.referred(reference).filter(|_| !embedded) {
            Some(schema) => Rule::All(self.node(schema, false)),
            None => Rule::Unchecked,
        }
    }

    /// What a reference within the document leads to.
    fn referred(&self, reference: &str) -> Option<&'s Json<'s>> {
        let pointer = reference
            .strip_prefix('#')
            .filter(|pointer| pointer.len() <= LONGEST_REFERENCE)?;
        let pointer = percent_decoded(pointer)?;
        let mut schema = self.root;
        if pointer.is_empty() {
            return Some(schema);
        }
        for part in pointer.strip_prefix('/')?.split('/') {
            let part = part.replace("~1", "/").replace("~0", "~");
            schema = match schema {
                Json::Object { .. } => schema.get(&part)?,
                Json::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(schema)
    }

    fn rule(
        &mut self,
        keyword: &str,
        value: &'s Json<'s>,
        beside: &'s Json<'s>,
        embedded: bool,
    ) -> Option<Rule> {
        let Drafts { old, new } = self.drafts;
        Some(match keyword {
            "$ref" => self.reference(value.as_str()?, embedded),
            "$dynamicRef" | "$recursiveRef" | "unevaluatedItems" | "unevaluatedProperties"
                if new =>
            {
                Rule::Unchecked
            }
            "type" => Rule::Type(match value {
                Json::Array(names) => names
                    .iter()
                    .map(|name| Kinds::named(name.as_str()?))
                    .try_fold(Kinds::NONE, |all, kind| Some(all.or(kind?)))?,
                name => Kinds::named(name.as_str()?)?,
            }),
            "const" => Rule::Values(vec![value.clone().into_owned()]),
            "enum" => Rule::Values(
                list(value)?
                    .iter()
                    .map(|value| value.clone().into_owned())
                    .collect(),
            ),
            "multipleOf" => {
                let (of, text) = number(value)?;
                Rule::MultipleOf(of, text)
            }
            "minimum" | "maximum" => {
                let (limit, text) = number(value)?;
                let least = keyword == "minimum";
                let exclusive = if least {
                    "exclusiveMinimum"
                } else {
                    "exclusiveMaximum"
                };
                // So draft 04 says it.
                let exclusive = matches!(beside.get(exclusive), Some(Json::Bool(true)));
                let bound = match (least, exclusive) {
                    (true, false) => Bound::Least,
                    (true, true) => Bound::Above,
                    (false, false) => Bound::Most,
                    (false, true) => Bound::Below,
                };
                Rule::Bound(bound, limit, text)
            }
            "exclusiveMinimum" => {
                let (limit, text) = number(value)?;
                Rule::Bound(Bound::Above, limit, text)
            }
            "exclusiveMaximum" => {
                let (limit, text) = number(value)?;
                Rule::Bound(Bound::Below, limit, text)
            }
            "minLength" => at_least(Size::Characters, count(value)?),
            "maxLength" => at_most(Size::Characters, count(value)?),
            "minItems" => at_least(Size::Items, count(value)?),
            "maxItems" => at_most(Size::Items, count(value)?),
            "minProperties" => at_least(Size::Members, count(value)?),
            "maxProperties" => at_most(Size::Members, count(value)?),
            "pattern" => Rule::Pattern(Pattern::new(value.as_str()?)),
            "uniqueItems" if matches!(value, Json::Bool(true)) => Rule::UniqueItems,
            "items" => match value {
                Json::Array(first) if old => Rule::Items {
                    first: self.nodes_of(first, embedded),
                    others: beside
                        .get("additionalItems")
                        .map(|others| self.node(others, embedded)),
                },
                Json::Array(_) => return None,
                // `prefixItems` says it, if it is beside.
                _ if new && matches!(beside.get("prefixItems"), Some(Json::Array(_))) => {
                    return None;
                }
                others => Rule::Items {
                    first: Vec::new(),
                    others: Some(self.node(others, embedded)),
                },
            },
            "prefixItems" if new => Rule::Items {
                first: self.nodes_of(list(value)?, embedded),
                others: beside
                    .get("items")
                    .filter(|items| !matches!(items, Json::Array(_)))
                    .map(|others| self.node(others, embedded)),
            },
            "contains" => {
                let counted = |name| beside.get(name).filter(|_| new).and_then(count);
                Rule::Contains {
                    what: self.node(value, embedded),
                    least: counted("minContains").unwrap_or(1),
                    most: counted("maxContains").unwrap_or(u64::MAX),
                }
            }
            "required" => Rule::Required {
                names: names(value)?,
                declared: match beside.get("properties") {
                    Some(Json::Object { members, .. }) => {
                        members.iter().map(|(name, _)| name.to_string()).collect()
                    }
                    _ => Vec::new(),
                },
            },
            // The three are one rule, which is made by the first of them.
            "properties" | "patternProperties" | "additionalProperties" => {
                let of = |name| match beside.get(name) {
                    Some(Json::Object { members, .. }) => members.as_slice(),
                    _ => &[],
                };
                let (declared, by_pattern) = (of("properties"), of("patternProperties"));
                let first = ["properties", "patternProperties", "additionalProperties"]
                    .into_iter()
                    .find(|name| beside.get(name).is_some());
                if first != Some(keyword) {
                    return None;
                }
                Rule::Members {
                    declared: declared
                        .iter()
                        .map(|(name, schema)| (name.to_string(), self.node(schema, embedded)))
                        .collect(),
                    by_pattern: by_pattern
                        .iter()
                        .map(|(name, schema)| (Pattern::new(name), self.node(schema, embedded)))
                        .collect(),
                    others: beside
                        .get("additionalProperties")
                        .map(|others| self.node(others, embedded)),
                }
            }
            "propertyNames" => Rule::Names(self.node(value, embedded)),
            "dependentRequired" if new => Rule::All(self.dependencies(value, embedded)),
            "dependentSchemas" if new => Rule::All(self.dependencies(value, embedded)),
            "dependencies" if old => Rule::All(self.dependencies(value, embedded)),
            "allOf" => Rule::All(self.all(list(value)?, embedded)),
            "anyOf" => Rule::Any(self.nodes_of(list(value)?, embedded)),
            "oneOf" => Rule::One(self.nodes_of(list(value)?, embedded)),
            "not" => Rule::Not(self.node(value, embedded)),
            "if" => Rule::If {
                condition: self.node(value, embedded),
                then: beside.get("then").map(|then| self.node(then, embedded)),
                otherwise: beside.get("else").map(|other| self.node(other, embedded)),
            },
            _ => return None,
        })
    }

    fn nodes_of(&mut self, schemas: &'s [Json<'s>], embedded: bool) -> Vec<Node> {
        schemas
            .iter()
            .map(|schema| self.node(schema, embedded))
            .collect()
    }

    /// A node of rules that are not those of one schema.
    fn made(&mut self, rules: Vec<Rule>) -> Node {
        self.nodes.push(rules);
        self.nodes.len() - 1
    }

    fn all(&mut self, schemas: &'s [Json<'s>], embedded: bool) -> Node {
        let rules = self.nodes_of(schemas, embedded);
        self.made(rules.into_iter().map(Rule::All).collect())
    }

    fn dependencies(&mut self, value: &'s Json<'s>, embedded: bool) -> Node {
        let mut rules = Vec::new();
        if let Json::Object { members, .. } = value {
            for (name, wanted) in members {
                let name = name.to_string();
                rules.extend(match wanted {
                    Json::Array(_) => names(wanted).map(|names| Rule::Dependent(name, names)),
                    schema => Some(Rule::DependentSchema(name, self.node(schema, embedded))),
                });
            }
        }
        self.made(rules)
    }
}

fn list<'s>(value: &'s Json<'s>) -> Option<&'s [Json<'s>]> {
    match value {
        Json::Array(items) => Some(items),
        _ => None,
    }
}

fn names(value: &Json) -> Option<Vec<String>> {
    list(value)?
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn number(value: &Json) -> Option<(Decimal, String)> {
    match value {
        Json::Number(text) => Some((Decimal::parse(text), text.to_string())),
        _ => None,
    }
}

fn count(value: &Json) -> Option<u64> {
    number(value)?.0.as_count()
}

fn at_least(of: Size, least: u64) -> Rule {
    Rule::Size {
        of,
        least,
        most: u64::MAX,
    }
}

fn at_most(of: Size, most: u64) -> Rule {
    Rule::Size { of, least: 0, most }
}

/// Where in the whole value something lies.
#[derive(Clone, Copy)]
enum Path<'p> {
    Whole,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut path = self;
        loop {
            path = match path {
                Path::Whole => break,
                Path::Member(outer, name) => {
                    steps.push(Step::Member((*name).to_owned()));
                    outer
                }
                Path::Item(outer, at) => {
                    steps.push(Step::Item(*at));
                    outer
                }
            };
        }
        steps.reverse();
        steps
    }
}

/// Where what is wrong is written down, if somebody wants to know.
type Report<'r> = Option<&'r mut Vec<Problem>>;

/// One look at a value.
struct Checking<'v> {
    nodes: &'v [Vec<Rule>],
    steps: usize,
    depth: usize,
}

impl<'v> Checking<'v> {
    fn check(&mut self, node: Node, value: &Json, path: &Path, mut report: Report) -> Outcome {
        if self.depth == MOST_DEPTH || self.steps == 0 {
            return Outcome::NotKnown;
        }
        self.depth += 1;
        let mut outcome = Outcome::Valid;
        let nodes = self.nodes;
        for rule in &nodes[node] {
            outcome = outcome.and(self.apply(rule, value, path, report.as_deref_mut()));
            let full = report
                .as_ref()
                .is_none_or(|problems| problems.len() >= MOST_PROBLEMS);
            // A value of the wrong type breaks other rules too, which says nothing.
            if outcome == Outcome::Invalid && (full || matches!(rule, Rule::Type(_))) {
                break;
            }
        }
        self.depth -= 1;
        outcome
    }

    fn step(&mut self, count: usize) -> bool {
        let left = self.steps > count;
        self.steps = self.steps.saturating_sub(count + 1);
        left
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each of a closed set of rules"
    )]
    fn apply(&mut self, rule: &'v Rule, value: &Json, path: &Path, report: Report) -> Outcome {
        if !self.step(0) {
            return Outcome::NotKnown;
        }
        match rule {
            Rule::Never => {
                note(report, path, || ("is not allowed".to_owned(), None));
                Outcome::Invalid
            }
            Rule::Unchecked => Outcome::NotKnown,
            Rule::Type(kinds) => self.of_kind(*kinds, value, path, report),
            Rule::Values(values) => self.one_of(values, value, path, report),
            Rule::MultipleOf(of, text) => {
                let Json::Number(written) = value else {
                    return about(value);
                };
                let outcome = Outcome::of(Decimal::parse(written).is_multiple_of(of));
                self.said(outcome, report, path, || {
                    format!("must be a multiple of {text}, is {}", shown(value))
                })
            }
            Rule::Bound(bound, limit, text) => {
                let Json::Number(written) = value else {
                    return about(value);
                };
                let order = Decimal::parse(written).compare(limit);
                let holds = match bound {
                    Bound::Least => order.is_ge(),
                    Bound::Most => order.is_le(),
                    Bound::Above => order.is_gt(),
                    Bound::Below => order.is_lt(),
                };
                self.said(Outcome::of(Some(holds)), report, path, || {
                    let words = match bound {
                        Bound::Least => "at least",
                        Bound::Most => "at most",
                        Bound::Above => "greater than",
                        Bound::Below => "less than",
                    };
                    format!("must be {words} {text}, is {written}")
                })
            }
            Rule::Size { of, least, most } => {
                let (size, may_grow) = match (of, value) {
                    (Size::Characters, Json::String(text)) => (text.chars().count(), false),
                    (Size::Items, Json::Array(items)) => (items.len(), false),
                    (Size::Members, Json::Object { members, open }) => {
                        let known = members.iter().filter(|(_, value)| is_known(value));
                        let known = known.count();
                        (known, *open || known < members.len())
                    }
                    _ => return about(value),
                };
                let size = size as u64;
                let outcome = if size > *most || (size < *least && !may_grow) {
                    Outcome::Invalid
                } else if may_grow {
                    Outcome::NotKnown
                } else {
                    Outcome::Valid
                };
                self.said(outcome, report, path, || {
                    let (word, limit) = if size > *most {
                        ("most", most)
                    } else {
                        ("least", least)
                    };
                    let what = match of {
                        Size::Characters => "character",
                        Size::Items => "element",
                        Size::Members => "member",
                    };
                    let many = if *limit == 1 { "" } else { "s" };
                    format!("must have at {word} {limit} {what}{many}, has {size}")
                })
            }
            Rule::Pattern(pattern) => {
                let Json::String(text) = value else {
                    return about(value);
                };
                let outcome = if self.step(text.len() / 64) {
                    Outcome::of(pattern.matches(text))
                } else {
                    Outcome::NotKnown
                };
                self.said(outcome, report, path, || {
                    format!(
                        "must match {}, is {}",
                        plain::line(pattern.source(), 2 * VALUE_CHARS),
                        shown(value)
                    )
                })
            }
            Rule::Items { first, others } => {
                let Json::Array(items) = value else {
                    return about(value);
                };
                self.each(
                    items.iter().enumerate(),
                    report,
                    |one, (at, item), report| match first.get(at).copied().or(*others) {
                        Some(node) => one.check(node, item, &Path::Item(path, at), report),
                        None => Outcome::Valid,
                    },
                )
            }
            Rule::Contains { what, least, most } => {
                let Json::Array(items) = value else {
                    return about(value);
                };
                let (mut found, mut possible) = (0, 0);
                for (at, item) in items.iter().enumerate() {
                    match self.check(*what, item, &Path::Item(path, at), None) {
                        Outcome::Valid => found += 1,
                        Outcome::NotKnown => possible += 1,
                        Outcome::Invalid => {}
                    }
                }
                let outcome = if found > *most || found + possible < *least {
                    Outcome::Invalid
                } else if possible > 0 {
                    Outcome::NotKnown
                } else {
                    Outcome::Valid
                };
                self.said(outcome, report, path, || {
                    if found > *most {
                        format!("has {found} of the elements of which it may have {most}")
                    } else {
                        "lacks an element that must be in it".to_owned()
                    }
                })
            }
            Rule::UniqueItems => {
                let Json::Array(items) = value else {
                    return about(value);
                };
                let mut seen = HashSet::new();
                let mut outcome = Outcome::Valid;
                let mut twice = 0;
                for (at, item) in items.iter().enumerate() {
                    let Some(key) = item.key().filter(|_| self.step(0)) else {
                        outcome = Outcome::NotKnown;
                        continue;
                    };
                    if !seen.insert(key) {
                        twice = at;
                        outcome = Outcome::Invalid;
                        break;
                    }
                }
                self.said(outcome, report, path, || {
                    format!("must have each element once, [{twice}] is there before")
                })
            }
            Rule::Required { names, declared } => {
                self.require(names, declared, None, value, path, report)
            }
            Rule::Dependent(name, names) => match presence(value, name) {
                Outcome::Valid => self.require(names, &[], Some(name), value, path, report),
                Outcome::NotKnown => Outcome::NotKnown,
                Outcome::Invalid => Outcome::Valid,
            },
            Rule::DependentSchema(name, node) => match presence(value, name) {
                Outcome::Valid => self.check(*node, value, path, report),
                Outcome::NotKnown => Outcome::NotKnown,
                Outcome::Invalid => Outcome::Valid,
            },
            Rule::Members {
                declared,
                by_pattern,
                others,
            } => {
                let Json::Object { members, open } = value else {
                    return about(value);
                };
                let outcome = self.each(members.iter(), report, |one, (name, value), report| {
                    one.member(name, value, path, declared, by_pattern, *others, report)
                });
                if *open {
                    outcome.and(Outcome::NotKnown)
                } else {
                    outcome
                }
            }
            Rule::Names(node) => {
                let Json::Object { members, open } = value else {
                    return about(value);
                };
                let outcome = self.each(members.iter(), report, |one, (name, _), report| {
                    let found = Json::String(Cow::Borrowed(name));
                    let outcome = one.check(*node, &found, path, None);
                    one.said(outcome, report, path, || {
                        format!("must not have a member {}", plain::quoted(name))
                    })
                });
                if *open {
                    outcome.and(Outcome::NotKnown)
                } else {
                    outcome
                }
            }
            Rule::All(node) => self.check(*node, value, path, report),
            Rule::Any(nodes) => {
                let mut outcome = Outcome::Invalid;
                for &node in nodes {
                    match self.check(node, value, path, None) {
                        Outcome::Valid => return Outcome::Valid,
                        Outcome::NotKnown => outcome = Outcome::NotKnown,
                        Outcome::Invalid => {}
                    }
                }
                if let (Outcome::Invalid, Some(report)) = (outcome, report) {
                    self.report_union(nodes, value, path, report);
                }
                outcome
            }
            Rule::One(nodes) => {
                let (mut valid, mut possible) = (0, 0);
                for &node in nodes {
                    match self.check(node, value, path, None) {
                        Outcome::Valid => valid += 1,
                        Outcome::NotKnown => possible += 1,
                        Outcome::Invalid => {}
                    }
                }
                match (valid, possible) {
                    (0, 0) => {
                        if let Some(report) = report {
                            self.report_union(nodes, value, path, report);
                        }
                        Outcome::Invalid
                    }
                    (2.., _) => self.said(Outcome::Invalid, report, path, || {
                        format!("fits {valid} of the forms of which it must fit one")
                    }),
                    (1, 0) => Outcome::Valid,
                    _ => Outcome::NotKnown,
                }
            }
            Rule::Not(node) => {
                let outcome = match self.check(*node, value, path, None) {
                    Outcome::Valid => Outcome::Invalid,
                    Outcome::NotKnown => Outcome::NotKnown,
                    Outcome::Invalid => Outcome::Valid,
                };
                self.said(outcome, report, path, || {
                    format!("is what it must not be: {}", shown(value))
                })
            }
            Rule::If {
                condition,
                then,
                otherwise,
            } => {
                let mut branch = |node: &Option<Node>, report| match node {
                    Some(node) => self.check(*node, value, path, report),
                    None => Outcome::Valid,
                };
                match branch(&Some(*condition), None) {
                    Outcome::Valid => branch(then, report),
                    Outcome::Invalid => branch(otherwise, report),
                    // What breaks both is wrong whichever it is, but cannot be said of either.
                    Outcome::NotKnown => Outcome::NotKnown,
                }
            }
        }
    }

    /// Applies `check` to each element, as long as that says something new.
    fn each<T>(
        &mut self,
        elements: impl Iterator<Item = T>,
        mut report: Report,
        mut check: impl FnMut(&mut Self, T, Report) -> Outcome,
    ) -> Outcome {
        let mut outcome = Outcome::Valid;
        for element in elements {
            outcome = outcome.and(check(self, element, report.as_deref_mut()));
            let full = report
                .as_ref()
                .is_none_or(|problems| problems.len() >= MOST_PROBLEMS);
            if (outcome == Outcome::Invalid && full) || self.steps == 0 {
                break;
            }
        }
        if self.steps == 0 {
            outcome.and(Outcome::NotKnown)
        } else {
            outcome
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one rule")]
    fn member(
        &mut self,
        name: &str,
        value: &Json,
        path: &Path,
        declared: &HashMap<String, Node>,
        by_pattern: &[(Pattern, Node)],
        others: Option<Node>,
        mut report: Report,
    ) -> Outcome {
        let inside = Path::Member(path, name);
        let mut outcome = Outcome::Valid;
        let mut described = Some(false);
        if let Some(&node) = declared.get(name) {
            described = Some(true);
            outcome = self.check(node, value, &inside, report.as_deref_mut());
        }
        for (pattern, node) in by_pattern {
            if !self.step(0) {
                return Outcome::NotKnown;
            }
            match pattern.matches(name) {
                Some(true) => {
                    described = Some(true);
                    let checked = self.check(*node, value, &inside, report.as_deref_mut());
                    outcome = outcome.and(checked);
                }
                Some(false) => {}
                None => described = described.filter(|described| *described),
            }
        }
        match (described, others) {
            (Some(false), Some(node)) => {
                let refused = matches!(self.nodes[node][..], [Rule::Never]);
                if !refused {
                    return outcome.and(self.check(node, value, &inside, report));
                }
                note(report, &inside, || {
                    let nearest = declared
                        .keys()
                        .map(|known| (likeness(name, known), known))
                        .filter(|(likeness, _)| *likeness >= ALIKE)
                        .max_by(|(one, a), (other, b)| one.total_cmp(other).then(b.cmp(a)))
                        .map(|(_, known)| known);
                    let mut rule = "there is no such member".to_owned();
                    if let Some(nearest) = nearest {
                        let _ = write!(rule, "; did you mean {}?", plain::quoted(nearest));
                    }
                    (rule, nearest.map(|nearest| Remedy::Rename(nearest.clone())))
                });
                Outcome::Invalid
            }
            (None, Some(_)) => outcome.and(Outcome::NotKnown),
            _ => outcome,
        }
    }

    fn require(
        &mut self,
        names: &[String],
        declared: &[String],
        given: Option<&str>,
        value: &Json,
        path: &Path,
        report: Report,
    ) -> Outcome {
        let Json::Object { members, .. } = value else {
            return about(value);
        };
        if !self.step(names.len().saturating_mul(members.len()) / 8) {
            return Outcome::NotKnown;
        }
        let mut outcome = Outcome::Valid;
        let mut missing = Vec::new();
        for name in names {
            let presence = presence(value, name);
            outcome = outcome.and(presence);
            if presence == Outcome::Invalid && missing.len() < MOST_PROBLEMS {
                missing.push(name);
            }
        }
        if outcome == Outcome::Invalid {
            note(report, path, || {
                let quoted: Vec<String> = missing.iter().map(|name| plain::quoted(name)).collect();
                let mut rule = format!("needs {}", quoted.join(" and "));
                if let Some(given) = given {
                    let _ = write!(rule, " when {} is given", plain::quoted(given));
                }
                let remedy = meant_for(&missing, members, declared).map(|(from, to)| {
                    let _ = write!(rule, " instead of {}", plain::quoted(&from));
                    Remedy::RenameMember { from, to }
                });
                (rule, remedy)
            });
        }
        outcome
    }

    fn of_kind(&mut self, kinds: Kinds, value: &Json, path: &Path, report: Report) -> Outcome {
        let Some(kind) = Kinds::of(value) else {
            return Outcome::NotKnown;
        };
        if !kind.and(kinds).is_empty() {
            return Outcome::Valid;
        }
        note(report, path, || {
            let rule = format!("must be {}, is {}", kinds.words(), shown(value));
            (rule, converted(value, kinds))
        });
        Outcome::Invalid
    }

    fn one_of(
        &mut self,
        values: &[Json<'static>],
        value: &Json,
        path: &Path,
        report: Report,
    ) -> Outcome {
        let mut outcome = Outcome::Invalid;
        for allowed in values {
            if !self.step(0) {
                return Outcome::NotKnown;
            }
            match allowed.equals(value) {
                Some(true) => return Outcome::Valid,
                None => outcome = Outcome::NotKnown,
                Some(false) => {}
            }
        }
        if let (Outcome::Invalid, Some(report)) = (outcome, report) {
            report.push(not_among(values.iter(), value, path));
        }
        outcome
    }

    /// Says what is wrong with a value that fits none of some schemas: by the one that it was meant
    /// for, if that can be told.
    fn report_union(
        &mut self,
        nodes: &[Node],
        value: &Json,
        path: &Path,
        report: &mut Vec<Problem>,
    ) {
        let mut literals = Vec::new();
        if nodes
            .iter()
            .all(|&node| self.values_of(node, &mut literals))
        {
            report.push(not_among(literals.into_iter(), value, path));
            return;
        }
        let kinds = nodes
            .iter()
            .fold(Kinds::NONE, |kinds, &node| kinds.or(self.kinds_of(node, 0)));
        let kind = Kinds::of(value).unwrap_or(Kinds::NONE);
        if kind.and(kinds).is_empty() {
            report.push(Problem {
                place: path.steps(),
                rule: format!("must be {}, is {}", kinds.words(), shown(value)),
                remedy: converted(value, kinds),
                about_value: false,
            });
            return;
        }
        let mut tried: Vec<Vec<Problem>> = Vec::new();
        for &node in nodes {
            if kind.and(self.kinds_of(node, 0)).is_empty() {
                continue;
            }
            let mut problems = Vec::new();
            self.check(node, value, path, Some(&mut problems));
            tried.push(problems);
        }
        // A variant whose own mark is not there was not meant.
        if tried.len() > 1 {
            let meant = |problems: &Vec<Problem>| !problems.iter().any(|one| one.about_value);
            if tried.iter().any(meant) {
                tried.retain(meant);
            }
        }
        if tried.len() == 1 {
            report.append(&mut tried[0]);
            return;
        }
        let nearest = tried
            .iter()
            .filter(|problems| !problems.is_empty())
            .min_by_key(|problems| problems.len())
            .and_then(|problems| problems.first());
        let mut rule = format!("fits none of the {} forms that it may have", nodes.len());
        if let Some(nearest) = nearest {
            let below = nearest.path();
            let above = path.steps().len();
            let inner = if nearest.place.len() > above {
                format!("{below} ")
            } else {
                String::new()
            };
            let _ = write!(rule, "; in the nearest, {inner}{}", nearest.rule);
        }
        report.push(Problem {
            place: path.steps(),
            rule,
            remedy: None,
            about_value: false,
        });
    }

    /// Adds the values that a node allows, if it is but a list of them.
    fn values_of(&self, node: Node, out: &mut Vec<&'v Json<'static>>) -> bool {
        let rules = &self.nodes[node];
        let mut values = rules.iter().filter_map(|rule| match rule {
            Rule::Values(values) => Some(values),
            _ => None,
        });
        let (Some(found), None) = (values.next(), values.next()) else {
            return false;
        };
        out.extend(found);
        rules
            .iter()
            .all(|rule| matches!(rule, Rule::Values(_) | Rule::Type(_)))
    }

    /// The types that a node allows, as far as its rules say it outright.
    fn kinds_of(&mut self, node: Node, depth: usize) -> Kinds {
        const DEPTH: usize = 4;
        let mut kinds = Kinds::ALL;
        let nodes = self.nodes;
        for rule in &nodes[node] {
            if depth == DEPTH || !self.step(0) {
                break;
            }
            kinds = kinds.and(match rule {
                Rule::Never => Kinds::NONE,
                Rule::Type(named) => *named,
                Rule::Values(values) => values
                    .iter()
                    .map(|value| Kinds::of(value).unwrap_or(Kinds::ALL))
                    .fold(Kinds::NONE, Kinds::or),
                Rule::All(node) => self.kinds_of(*node, depth + 1),
                Rule::Any(nodes) | Rule::One(nodes) => nodes
                    .iter()
                    .map(|&node| self.kinds_of(node, depth + 1))
                    .fold(Kinds::NONE, Kinds::or),
                _ => Kinds::ALL,
            });
        }
        kinds
    }

    /// Notes what is wrong if it is.
    #[expect(clippy::unused_self, reason = "it ends the arms of `apply`")]
    fn said(
        &self,
        outcome: Outcome,
        report: Report,
        path: &Path,
        rule: impl FnOnce() -> String,
    ) -> Outcome {
        if outcome == Outcome::Invalid {
            note(report, path, || (rule(), None));
        }
        outcome
    }
}

fn note(report: Report, path: &Path, problem: impl FnOnce() -> (String, Option<Remedy>)) {
    if let Some(report) = report {
        let (rule, remedy) = problem();
        report.push(Problem {
            place: path.steps(),
            rule,
            remedy,
            about_value: false,
        });
    }
}

/// What a rule about one type says of a value of another.
fn about(value: &Json) -> Outcome {
    if is_known(value) {
        Outcome::Valid
    } else {
        Outcome::NotKnown
    }
}

fn is_known(value: &Json) -> bool {
    !matches!(value, Json::Unknown)
}

/// Whether an object has a member.
fn presence(value: &Json, name: &str) -> Outcome {
    match (value, value.get(name)) {
        (_, Some(member)) if is_known(member) => Outcome::Valid,
        // JavaScript leaves out what turns out to be undefined.
        (_, Some(_)) | (Json::Unknown | Json::Object { open: true, .. }, None) => Outcome::NotKnown,
        (_, None) => Outcome::Invalid,
    }
}

/// A member that is not declared, and the missing name that it can only be meant for: the only one for
/// the only one, or one that is written in another way.
fn meant_for(
    missing: &[&String],
    members: &[(Cow<str>, Json)],
    declared: &[String],
) -> Option<(String, String)> {
    let undeclared: Vec<&Cow<str>> = members
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !declared.is_empty() && !declared.iter().any(|known| known == &***name))
        .collect();
    let (from, to) = match (&undeclared[..], missing) {
        ([from], [to]) => (from, to),
        (undeclared, missing) => undeclared.iter().find_map(|from| {
            let mut missing = missing.iter();
            Some((from, missing.find(|name| folded(name) == folded(from))?))
        })?,
    };
    Some((from.to_string(), (*to).clone()))
}

fn not_among<'j>(
    values: impl Iterator<Item = &'j Json<'static>>,
    value: &Json,
    path: &Path,
) -> Problem {
    let values: Vec<&Json<'static>> = values.collect();
    let mut literals: Vec<String> = values
        .iter()
        .take(MOST_VALUES_SHOWN)
        .map(|value| literal(value))
        .collect();
    if values.len() > MOST_VALUES_SHOWN {
        literals.push(format!("…+{}", values.len() - MOST_VALUES_SHOWN));
    }
    let one_of = if values.len() == 1 { "" } else { "one of " };
    let mut rule = format!("must be {one_of}{}", literals.join(", "));
    let nearest = nearest(&values, value);
    match nearest {
        Some(nearest) if values.len() > 1 => {
            let _ = write!(
                rule,
                "; is {}; did you mean {}?",
                literal(value),
                literal(nearest)
            );
        }
        _ => {
            let _ = write!(rule, "; is {}", literal(value));
        }
    }
    Problem {
        place: path.steps(),
        rule,
        remedy: nearest.map(|value| Remedy::Replace(value.clone())),
        about_value: true,
    }
}

/// The one of some values that was meant: the only one, one that is written in another way, or one
/// whose name is much like it.
fn nearest<'j>(values: &[&'j Json<'static>], value: &Json) -> Option<&'j Json<'static>> {
    if let [only] = values[..] {
        return Some(only);
    }
    let written = plain_text(value)?;
    let alike = |allowed: &&&'j Json<'static>| {
        plain_text(allowed).is_some_and(|allowed| allowed == written)
    };
    let mut same = values.iter().filter(alike);
    if let (Some(same), None) = (same.next(), same.next()) {
        return Some(same);
    }
    let scored = values.iter().filter_map(|allowed| {
        let text = allowed.as_str()?;
        let score = if folded(text) == folded(&written) {
            1.0
        } else {
            likeness(&written, text)
        };
        (score >= ALIKE).then_some((score, *allowed))
    });
    scored
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, allowed)| allowed)
}

/// A scalar without its quotes.
fn plain_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.to_string()),
        Json::Number(_) | Json::Bool(_) => value.text(),
        _ => None,
    }
}

/// The value in the type that is wanted, where only that can be meant.
fn converted(value: &Json, wanted: Kinds) -> Option<Remedy> {
    if matches!(value, Json::Null) {
        return Some(Remedy::Remove);
    }
    let wanted = wanted.without(Kinds::NULL);
    let owned = || value.clone().into_owned();
    let read = |text: &str| {
        let read: Option<&serde_json::value::RawValue> = serde_json::from_str(text.trim()).ok();
        read.map(|json| Json::parse(json.get()).into_owned())
            .filter(|json| Kinds::of(json).is_some_and(|kind| !kind.and(wanted).is_empty()))
    };
    let replaced = match value {
        Json::String(text) if wanted == Kinds::INTEGER || wanted == Kinds::NUMBER => read(text)?,
        Json::String(text) if wanted == Kinds::BOOLEAN => {
            match text.to_ascii_lowercase().as_str() {
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                _ => return None,
            }
        }
        Json::String(text) if wanted == Kinds::OBJECT => read(text)?,
        Json::String(text) if wanted == Kinds::ARRAY && text.trim_start().starts_with('[') => {
            read(text).unwrap_or_else(|| Json::Array(vec![owned()]))
        }
        // Words between commas are a list; a sentence with a comma is one text.
        Json::String(text) if wanted == Kinds::ARRAY && text.contains(',') => {
            let words: Vec<&str> = text.split(',').map(str::trim).collect();
            let is_list = words
                .iter()
                .all(|word| !word.is_empty() && !word.contains(char::is_whitespace));
            if is_list {
                let word = |word: &&str| Json::String(Cow::Owned((*word).to_owned()));
                Json::Array(words.iter().map(word).collect())
            } else {
                Json::Array(vec![owned()])
            }
        }
        Json::Number(_) if wanted == Kinds::STRING => Json::String(Cow::Owned(plain_text(value)?)),
        Json::Array(items) if wanted.and(Kinds::ARRAY).is_empty() => match &items[..] {
            [only] => only.clone().into_owned(),
            _ => return None,
        },
        Json::Array(_) | Json::Null | Json::Unknown => return None,
        _ if wanted == Kinds::ARRAY => Json::Array(vec![owned()]),
        _ => return None,
    };
    Some(Remedy::Replace(replaced))
}

/// `the number 7`, `an array`.
fn shown(value: &Json) -> String {
    match value {
        Json::Number(_) => format!("the number {}", literal(value)),
        Json::String(_) => format!("the string {}", literal(value)),
        _ => literal(value),
    }
}

/// A scalar as it is written, cut where it is long; what else it is.
fn literal(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(text) => plain::line(text, VALUE_CHARS),
        Json::String(text) => {
            let line = plain::line(text, VALUE_CHARS);
            serde_json::to_string(&line).expect("a string serialises")
        }
        Json::Array(items) if items.is_empty() => "an empty array".to_owned(),
        Json::Array(_) => "an array".to_owned(),
        Json::Object { .. } => "an object".to_owned(),
        Json::Unknown => "something else".to_owned(),
    }
}
