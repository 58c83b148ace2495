//! From the agent's text to a script the engine runs, and places back again.
//!
//! The program is edited as text, never reprinted, so that a place in the script is a place in the
//! agent's source after a walk over a few edits: imports become `const` declarations, `export` is
//! dropped, the expression that is the program's value gets a `return`, and all of it becomes the
//! body of one async function, where `await` and `return` are at home. TypeScript alone is printed
//! anew, without its types, and mapped back through the printer's source map.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use oxc::allocator::Allocator;
use oxc::ast::ast::{
    ArrowFunctionExpression, AwaitExpression, BindingIdentifier, BindingPattern, CallExpression,
    Class, Declaration, ExportDefaultDeclaration, ExportDefaultDeclarationKind, Expression,
    FormalParameters, Function, IdentifierReference, ImportDeclaration, ImportDeclarationSpecifier,
    ImportExpression, ImportOrExportKind, NewExpression, NumericLiteral, Program, PropertyKey,
    Statement, StringLiteral, TaggedTemplateExpression, VariableDeclaration,
    VariableDeclarationKind,
};
use oxc::ast_visit::{Visit, walk};
use oxc::codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc::diagnostics::OxcDiagnostic;
use oxc::parser::{ParseOptions, Parser};
use oxc::semantic::{Scoping, SemanticBuilder};
use oxc::span::{GetSpan, SourceType, Span};
use oxc::syntax::scope::ScopeFlags;
use oxc::syntax::symbol::SymbolId;
use oxc::transformer::{TransformOptions, Transformer};
use protocol::{Defined, ErrorCode, ProgramError};

use super::asynced::{self, MadeAsync};
use super::awaits;
use super::certain::Certainty;
use super::defined::defined;
use super::edits::Edits;
use super::failure::{import_hint, syntax_hint, tell};
use super::holds::{Holds, Told};
use super::names::{Names, may_call_tools};
use super::spelt;
use super::tree::{Tree, is_assigned};
use super::written;

/// What stands before the program in the script. The names are what its imports and forgotten awaits
/// become. The program begins on a line of its own, since the engine miscounts columns on the first.
const HEAD: &str = "(async function (__require, __import, __all, __each, __asked) {\n";
const TAIL: &str = "\n})";

type Result<T> = std::result::Result<T, Box<ProgramError>>;

/// Nesting beyond which the parser, which recurses, might run out of stack.
const MAX_NESTING: usize = 1000;

/// A program ready to run.
#[derive(Debug)]
pub(super) struct Script {
    /// An expression whose value is the async function to call.
    pub(super) text: String,
    /// What was repaired.
    pub(super) notes: Vec<String>,
    /// The program has a variable `result` although its value is another expression.
    pub(super) result_unused: bool,
    /// The calls of its text, for the host: the body of a [`protocol::Kind::Check`].
    pub(super) check: Option<Vec<u8>>,
    pub(super) defined: Defined,
    source: String,
    edits: Edits,
    /// Where text that was printed anew came from, in its order.
    printed: Option<Vec<Mapping>>,
}

/// A place in the agent's source, from 1, counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// One token of printed text; lines and UTF-16 columns from 0.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    printed: (u32, u32),
    edited: (u32, u32),
}

/// Makes a script of a program.
///
/// # Errors
/// A syntax error, or an import of something that is not there, with its place.
pub(super) fn prepare(code: &str, language: &str) -> Result<Script> {
    // Checked before parsing: three backticks are a template literal to a parser.
    if code
        .lines()
        .find(|line| !line.trim().is_empty())
        .is_some_and(is_fence)
    {
        return prepare_fenced(code, language);
    }
    prepare_plain(code, language).or_else(|error| {
        if code.lines().any(is_fence) {
            prepare_fenced(code, language)
        } else {
            Err(error)
        }
    })
}

fn prepare_fenced(code: &str, language: &str) -> Result<Script> {
    let (inside, prose) = without_fence(code)?;
    let mut script = prepare_plain(&inside, language)?;
    if prose {
        script
            .notes
            .push("the text around the code fence was left out".into());
    }
    Ok(script)
}

fn prepare_plain(code: &str, language: &str) -> Result<Script> {
    refuse_deep_nesting(code)?;
    if language == "typescript" {
        return script(code, SourceType::ts().with_module(true));
    }
    script(code, SourceType::mjs()).or_else(|error| {
        if error.code != ErrorCode::Syntax {
            return Err(error);
        }
        match script(code, SourceType::ts().with_module(true)) {
            Ok(mut script) => {
                script
                    .notes
                    .push("ran as TypeScript, since the program has types".into());
                Ok(script)
            }
            Err(_) if parses(code, SourceType::jsx()) => Err(Box::new(ProgramError {
                hint: Some("JSX is not supported: build strings or objects".into()),
                ..*error
            })),
            // The parser that came further understood more of the program.
            Err(other) if (other.line, other.column) > (error.line, error.column) => Err(other),
            Err(_) => Err(error),
        }
    })
}

fn parses(code: &str, source_type: SourceType) -> bool {
    let allocator = Allocator::default();
    let parsed = parser(&allocator, code, source_type).parse();
    !parsed.diagnostics.has_errors()
}

fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with("```")
}

/// The lines inside the only fence, at their places, and whether there was text around it.
fn without_fence(code: &str) -> Result<(String, bool)> {
    let fences: Vec<usize> = code
        .lines()
        .enumerate()
        .filter(|(_, line)| is_fence(line))
        .map(|(index, _)| index)
        .collect();
    if let Some(third) = fences.get(2) {
        return Err(Box::new(ProgramError {
            line: Some(*third as u32 + 1),
            column: Some(1),
            hint: Some("send one program, without Markdown around it".into()),
            ..ProgramError::new(ErrorCode::Syntax, "more than one code fence")
        }));
    }
    let open = fences[0];
    let close = fences.get(1).copied().unwrap_or(usize::MAX);
    let mut prose = false;
    let mut inside = String::with_capacity(code.len());
    for (index, line) in code.lines().enumerate() {
        if index > open && index < close {
            inside.push_str(line);
        } else if index != open && index != close {
            prose |= !line.trim().is_empty();
        }
        inside.push('\n');
    }
    // As many lines as there were, so that no place is behind the last.
    if !code.ends_with('\n') {
        inside.pop();
    }
    Ok((inside, prose))
}

fn script(source: &str, source_type: SourceType) -> Result<Script> {
    let allocator = Allocator::default();
    let parsed = parser(&allocator, source, source_type).parse();
    let may_call_tools = may_call_tools(source);
    let may_be_made_async = |error: &&OxcDiagnostic| {
        may_call_tools && !parsed.panicked && asynced::is_misplaced_await(error)
    };
    let errors = || parsed.diagnostics.errors();
    refuse_errors(source, errors().filter(|error| !may_be_made_async(error)))?;
    let program = parsed.program;
    let analysis = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_build_nodes(may_call_tools)
        .build(&program);
    let later_errors = || analysis.diagnostics.errors();
    refuse_errors(
        source,
        later_errors().filter(|error| !may_be_made_async(error)),
    )?;
    refuse_await_as_a_name(source, &program)?;
    let misplaced = || errors().chain(later_errors()).filter(may_be_made_async);
    let mut made_async = match misplaced().next() {
        None => MadeAsync::default(),
        Some(_) => match asynced::of(source, analysis.semantic.nodes()) {
            Some(made_async) => made_async,
            None => {
                refuse_errors(source, misplaced())?;
                MadeAsync::default()
            }
        },
    };

    let mut rewrite = Rewrite {
        source,
        scoping: analysis.semantic.scoping(),
        typescript: source_type.is_typescript(),
        edits: Edits::default(),
        notes: Vec::new(),
        entry_point: None,
    };
    let result_unused = rewrite.program(&program)?;
    let Rewrite {
        mut edits,
        mut notes,
        entry_point,
        ..
    } = rewrite;
    let mut check = None;
    if may_call_tools {
        let mut long = LongIntegers(Vec::new());
        long.visit_program(&program);
        for span in &long.0 {
            edits.insert(span.end, "n");
        }
        if let Some(first) = long.0.first() {
            let digits = &source[first.start as usize..first.end as usize];
            let line = line_of(source, first.start as usize);
            notes.push(format!(
                "line {line}: {digits} keeps its digits, as a BigInt"
            ));
        }
        made_async.add_needed(source, &analysis.semantic);
        for at in &made_async.at {
            edits.insert(*at, "async ");
        }
        let names = Names::new(Tree::of(&analysis.semantic, &made_async.functions));
        refuse_keyword_arguments(source, &names)?;
        let repaired = awaits::repair(source, &names, &mut edits)?;
        let repairs: Vec<String> = [made_async.note, repaired.note]
            .into_iter()
            .flatten()
            .collect();
        if !repairs.is_empty() {
            notes.push(repairs.join("; "));
        }
        let certainty = Certainty::new(names.tree, entry_point.as_deref(), &repaired.awaited);
        check = written::check(source, &names, certainty);
    }
    edits.sort();

    let edited = edits.apply(source);
    let (body, printed) = if source_type.is_typescript() {
        let (body, mappings) = without_types(&edited).map_err(|mut error| {
            // The place is one in the edited text.
            (error.line, error.column, error.end_column) = (None, None, None);
            error
        })?;
        (body, Some(mappings))
    } else {
        (edited, None)
    };
    Ok(Script {
        text: [HEAD, &body, TAIL].concat(),
        notes,
        result_unused,
        check,
        defined: defined(&program, analysis.semantic.scoping()),
        source: source.to_owned(),
        edits,
        printed,
    })
}

/// Arguments by name, as in Python, are assignments here.
fn refuse_keyword_arguments(source: &str, names: &Names) -> Result<()> {
    let answers = HashMap::new();
    let Some(told) = Holds::new(source, names, &answers).keyword_arguments() else {
        return Ok(());
    };
    let mark = Mark::of(source, told.span);
    let message = "arguments by name are assignments in JavaScript";
    let mut error = ProgramError::new(ErrorCode::InvalidArgument, message);
    tell(&mut error, told, &mark);
    Err(Box::new(error))
}

/// The parser takes `await` without an operand for a name where the grammar of scripts has one; the
/// program becomes an async function, in which there is none.
fn refuse_await_as_a_name(source: &str, program: &Program) -> Result<()> {
    let mut found = AwaitAsName(None);
    found.visit_program(program);
    let Some(span) = found.0 else { return Ok(()) };
    let mut error = ProgramError::new(ErrorCode::Syntax, "`await` needs something to wait for");
    mark(&mut error, source, span.start as usize, span.end as usize);
    Err(Box::new(error))
}

fn parser<'a>(allocator: &'a Allocator, source: &'a str, source_type: SourceType) -> Parser<'a> {
    Parser::new(allocator, source, source_type).with_options(ParseOptions {
        allow_return_outside_function: true,
        ..ParseOptions::default()
    })
}

/// Counts brackets without regard to strings and comments: no program that anyone wrote has a
/// thousand of them open, wherever they stand.
fn refuse_deep_nesting(source: &str) -> Result<()> {
    let mut depth = 0_usize;
    for (offset, byte) in source.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            let place = place_of(source, offset);
            return Err(Box::new(ProgramError {
                line: Some(place.line),
                column: Some(place.column),
                ..ProgramError::new(
                    ErrorCode::Syntax,
                    format!("brackets nested deeper than {MAX_NESTING}"),
                )
            }));
        }
    }
    Ok(())
}

fn refuse_errors<'a>(
    source: &str,
    mut errors: impl Iterator<Item = &'a OxcDiagnostic>,
) -> Result<()> {
    let Some(first) = errors.next() else {
        return Ok(());
    };
    let mut error = ProgramError {
        hint: first.help.as_ref().map(|help| help.to_string()),
        ..ProgramError::new(ErrorCode::Syntax, first.message.to_string())
    };
    if let Some(label) = first.labels.first() {
        let start = label.offset() as usize;
        if let Some(hint) = syntax_hint(source, source.floor_char_boundary(start)) {
            error.hint = Some(hint.into());
        }
        mark(&mut error, source, start, start + label.len() as usize);
        if let Some((span, fix)) = spelt::instead(source, source.floor_char_boundary(start)) {
            mark(&mut error, source, span.start as usize, span.end as usize);
            error.fix = error.end_column.map(|_| fix);
        }
    }
    Err(Box::new(error))
}

/// The place of a piece of source, as errors have it.
pub(super) struct Mark {
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
    /// Of what ends on the line on which it begins.
    pub(super) end_column: Option<u32>,
}

impl Mark {
    fn of(source: &str, span: Span) -> Mark {
        let start = place_of(source, span.start as usize);
        let end = place_of(source, span.end as usize);
        let is_on_a_line = start.line == end.line && start.column < end.column;
        Mark {
            line: Some(start.line),
            column: Some(start.column),
            end_column: is_on_a_line.then_some(end.column),
        }
    }
}

/// Enters the place of a piece of source into an error.
pub(super) fn mark(error: &mut ProgramError, source: &str, start: usize, end: usize) {
    let mark = Mark::of(source, Span::new(start as u32, end as u32));
    (error.line, error.column) = (mark.line, mark.column);
    error.end_column = mark.end_column;
}

pub(super) fn line_of(source: &str, offset: usize) -> u32 {
    let before = &source.as_bytes()[..offset];
    before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1
}

fn place_of(source: &str, offset: usize) -> Place {
    let before = &source[..source.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place {
        line: before.bytes().filter(|byte| *byte == b'\n').count() as u32 + 1,
        column: before[line_start..].chars().count() as u32 + 1,
    }
}

/// Prints a TypeScript program without its types.
fn without_types(source: &str) -> Result<(String, Vec<Mapping>)> {
    let allocator = Allocator::default();
    let parsed = parser(&allocator, source, SourceType::ts().with_module(true)).parse();
    refuse_errors(source, parsed.diagnostics.errors())?;
    let mut program = parsed.program;
    let scoping = SemanticBuilder::new()
        .with_enum_eval(true)
        .build(&program)
        .semantic
        .into_scoping();
    let path = Path::new("program.ts");
    let transformed = Transformer::new(&allocator, path, &TransformOptions::default())
        .build_with_scoping(scoping, &mut program);
    refuse_errors(source, transformed.diagnostics.errors())?;
    let printed = Codegen::new()
        .with_options(CodegenOptions {
            source_map_path: Some(path.to_owned()),
            comments: CommentOptions::disabled(),
            ..CodegenOptions::default()
        })
        .build(&program);
    let mappings = printed
        .map
        .expect("asked for by source_map_path")
        .get_tokens()
        .map(|token| Mapping {
            printed: (token.get_dst_line(), token.get_dst_col()),
            edited: (token.get_src_line(), token.get_src_col()),
        })
        .collect();
    Ok((printed.code, mappings))
}

impl Script {
    /// The agent's place of a place in the script, if it is one of the program's; line and column
    /// from 1, the column in bytes, as the engine counts.
    pub(super) fn place(&self, line: u32, column: u32) -> Option<Place> {
        let offset = offset_of(&self.text, line - 1, |text| {
            (column as usize - 1).min(text.len())
        });
        let body = &self.text[HEAD.len()..self.text.len() - TAIL.len()];
        let offset = offset.checked_sub(HEAD.len())?.min(body.len());
        let edited = match &self.printed {
            None => offset,
            Some(mappings) => {
                let printed = utf16_position(body, offset);
                let at = mappings.partition_point(|mapping| mapping.printed <= printed);
                let (line, column) = at
                    .checked_sub(1)
                    .map_or((0, 0), |index| mappings[index].edited);
                offset_of(&self.edits.apply(&self.source), line, |text| {
                    byte_of_utf16(text, column)
                })
            }
        };
        Some(place_of(&self.source, self.edits.original(edited)))
    }

    /// Where the call of a tool begins. The engine's place of a call is that of the last name
    /// before it was made, which stands in its arguments if these hold names.
    pub(super) fn start_of_call(&self, place: Place, path: &str) -> Place {
        let line = place.line - 1;
        let offset = offset_of(&self.source, line, |text| {
            let at = text.char_indices().nth(place.column as usize - 1);
            at.map_or(text.len(), |(at, _)| at)
        });
        let allocator = Allocator::default();
        let program = parser(&allocator, &self.source, self.source_type())
            .parse()
            .program;
        let mut calls = CallsAround {
            offset: offset as u32,
            path,
            best: None,
        };
        calls.visit_program(&program);
        calls.best.map_or(place, |(_, call)| {
            place_of(&self.source, call.start as usize)
        })
    }

    /// Asks what the expressions of the program held, with the offset and the line of a place. The
    /// answer comes with its own.
    pub(super) fn explain(
        &self,
        place: Place,
        answers: &HashMap<String, serde_json::Value>,
        ask: impl FnOnce(&Holds, u32, Span) -> Option<Told>,
    ) -> Option<(Told, Mark)> {
        let at = |column: u32| {
            offset_of(&self.source, place.line - 1, |text| {
                let at = text.char_indices().nth(column as usize - 1);
                at.map_or(text.len(), |(at, _)| at)
            }) as u32
        };
        let allocator = Allocator::default();
        let program = parser(&allocator, &self.source, self.source_type())
            .parse()
            .program;
        let analysis = SemanticBuilder::new()
            .with_build_nodes(true)
            .build(&program);
        let made_async = HashSet::new();
        let names = Names::new(Tree::of(&analysis.semantic, &made_async));
        let holds = Holds::new(&self.source, &names, answers);
        let line = Span::new(at(1), at(u32::MAX));
        let told = ask(&holds, at(place.column), line)?;
        let mark = Mark::of(&self.source, told.span);
        Some((told, mark))
    }

    fn source_type(&self) -> SourceType {
        match self.printed {
            Some(_) => SourceType::ts().with_module(true),
            None => SourceType::mjs(),
        }
    }

    /// The column after `word`, if it stands at a place.
    pub(super) fn end_of_word(&self, place: Place, word: &str) -> Option<u32> {
        let line = self.source.lines().nth(place.line as usize - 1)?;
        let rest = line
            .char_indices()
            .nth(place.column as usize - 1)
            .map(|(at, _)| &line[at..])?;
        rest.starts_with(word)
            .then(|| place.column + word.chars().count() as u32)
    }
}

/// Offset of a line (from 0) and of the byte that `column` finds in it.
fn offset_of(text: &str, line: u32, column: impl FnOnce(&str) -> usize) -> usize {
    let mut start = 0;
    for (index, content) in text.split('\n').enumerate() {
        if index == line as usize {
            return start + column(content);
        }
        start += content.len() + 1;
    }
    text.len()
}

fn utf16_position(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.bytes().filter(|byte| *byte == b'\n').count() as u32,
        before[line_start..].encode_utf16().count() as u32,
    )
}

fn byte_of_utf16(line: &str, column: u32) -> usize {
    let mut units = 0;
    line.char_indices()
        .find(|(_, char)| {
            let found = units >= column;
            units += char.len_utf16() as u32;
            found
        })
        .map_or(line.len(), |(at, _)| at)
}

/// Finds what to edit.
struct Rewrite<'s> {
    source: &'s str,
    scoping: &'s Scoping,
    typescript: bool,
    edits: Edits,
    notes: Vec<String>,
    /// The function that is called after the last line.
    entry_point: Option<String>,
}

impl Rewrite<'_> {
    /// Returns whether there is a variable `result` that is not the program's value.
    fn program(&mut self, program: &Program) -> Result<bool> {
        if let Some(hashbang) = &program.hashbang {
            self.edits.replace(hashbang.span, "");
        }
        for statement in &program.body {
            self.module_declaration(statement)?;
        }
        let mut constants = AssignedConstants {
            scoping: self.scoping,
            found: Vec::new(),
        };
        constants.visit_program(program);
        for (start, name) in constants.found {
            let word = Span::new(start, start + "const".len() as u32);
            self.edits.replace(word, "let");
            let line = line_of(self.source, start as usize);
            self.notes.push(format!(
                "line {line}: {name} is declared by let, since it is assigned to"
            ));
        }
        if self.source.contains("import") {
            let mut dynamic = DynamicImports(Vec::new());
            dynamic.visit_program(program);
            for start in dynamic.0 {
                let keyword = Span::new(start, start + "import".len() as u32);
                self.edits.replace(keyword, "__import");
            }
        }
        Ok(self.value(program))
    }

    fn module_declaration(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::ImportDeclaration(import) => self.import(import)?,
            Statement::ExportDeclaration(export) => {
                let start = export.declaration.span().start;
                self.drop_text(Span::new(export.span.start, start));
            }
            Statement::ExportDefaultDeclaration(export) => {
                let start = export.declaration.span().start;
                let word = Span::new(export.span.start, start);
                if is_named(&export.declaration) {
                    self.drop_text(word);
                } else {
                    self.edits.replace(word, "const __default = ");
                }
            }
            Statement::ExportNamedDeclaration(export) => self.drop_text(export.span),
            Statement::ExportFromDeclaration(export) => {
                if export.export_kind == ImportOrExportKind::Value {
                    self.refuse_unknown_module(&export.source)?;
                }
                self.drop_text(export.span);
            }
            Statement::ExportAllDeclaration(export) => {
                if export.export_kind == ImportOrExportKind::Value {
                    self.refuse_unknown_module(&export.source)?;
                }
                self.drop_text(export.span);
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: &ImportDeclaration) -> Result<()> {
        let specifiers = import.specifiers.as_deref().map_or(&[][..], |all| &all[..]);
        let wanted: Vec<_> = specifiers
            .iter()
            .filter(|specifier| self.is_value(specifier))
            .collect();
        let only_types = import.import_kind == ImportOrExportKind::Type
            || (self.typescript && wanted.is_empty() && !specifiers.is_empty());
        if only_types {
            self.drop_text(import.span);
            return Ok(());
        }
        self.refuse_unknown_module(&import.source)?;

        let mut whole = String::new();
        let mut members = Vec::new();
        for specifier in wanted {
            let local = specifier.name();
            match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(specifier) => {
                    members.push(format!("{:?}: {local}", specifier.imported.name()));
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(_)
                | ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => {
                    whole.push_str(&format!("const {local} = __require(\"tools\"); "));
                }
            }
        }
        if !members.is_empty() {
            let members = members.join(", ");
            whole.push_str(&format!("const {{ {members} }} = __require(\"tools\"); "));
        }
        whole.push_str(&self.newlines(import.span));
        self.edits.replace(import.span, whole);
        Ok(())
    }

    /// Whether an imported name is used as a value; TypeScript drops the import of one that is not.
    fn is_value(&self, specifier: &ImportDeclarationSpecifier) -> bool {
        if let ImportDeclarationSpecifier::ImportSpecifier(specifier) = specifier
            && specifier.import_kind == ImportOrExportKind::Type
        {
            return false;
        }
        !self.typescript
            || self
                .scoping
                .get_resolved_references(specifier.local().symbol_id())
                .any(|reference| reference.is_value())
    }

    fn refuse_unknown_module(&self, module: &StringLiteral) -> Result<()> {
        if matches!(module.value.as_str(), "tools" | "toolmill") {
            return Ok(());
        }
        let mut error = ProgramError {
            hint: Some(import_hint(&module.value)),
            ..ProgramError::new(
                ErrorCode::Import,
                format!("there is no module {:?}", module.value),
            )
        };
        let span = module.span;
        mark(
            &mut error,
            self.source,
            span.start as usize,
            span.end as usize,
        );
        Err(Box::new(error))
    }

    /// Makes the program return its value: the last expression, else `result`, else what `main`
    /// returns where nothing else happens.
    fn value(&mut self, program: &Program) -> bool {
        let end = self.source.len() as u32;
        let result = self.root_variable("result");
        let last = program.body.iter().rev().find(|s| !is_hoisted(s));
        let valued = match last {
            Some(last) => self.return_tail(last),
            // A program that is one string is a directive to the parser.
            None => match program.directives.last() {
                Some(only) if only.directive != "use strict" => {
                    self.edits.insert(only.span.start, "return ");
                    true
                }
                _ => false,
            },
        };
        if result.is_some() && !matches!(last, Some(Statement::ExpressionStatement(_)) if valued) {
            self.edits.insert(end, "\nreturn result;");
        } else if !valued && let Some(main) = entry_point(program) {
            self.edits.insert(end, format!("\nreturn {main}();"));
            let name = if main == "__default" {
                "the default export"
            } else {
                &main
            };
            self.notes
                .push(format!("the program only defines, so {name} was called"));
            self.entry_point = Some(main);
        }
        valued && result.is_some()
    }

    fn root_variable(&self, name: &'static str) -> Option<SymbolId> {
        self.scoping
            .get_root_binding(name.into())
            .filter(|symbol| self.scoping.symbol_flags(*symbol).is_variable())
    }

    /// Puts `return` before the expressions in which a statement may end.
    fn return_tail(&mut self, statement: &Statement) -> bool {
        match statement {
            Statement::ExpressionStatement(statement) => {
                let value = !only_shows(&statement.expression, self.scoping);
                if value && parameters(&statement.expression).is_some_and(needs_nothing) {
                    // A function is no value, and a program that ends in one means what it returns.
                    self.edits.insert(statement.span.start, "return (");
                    self.edits.insert(statement.expression.span().end, ")()");
                    self.notes
                        .push("the program ends in a function, which was called".into());
                    self.entry_point = Some("__value".into());
                } else if value {
                    self.edits.insert(statement.span.start, "return ");
                }
                value
            }
            Statement::ExportDefaultDeclaration(export) => self.return_default(export),
            Statement::BlockStatement(block) => self.return_last(&block.body),
            Statement::IfStatement(choice) => {
                let consequent = self.return_tail(&choice.consequent);
                let alternate = choice
                    .alternate
                    .as_ref()
                    .is_some_and(|alternate| self.return_tail(alternate));
                consequent || alternate
            }
            Statement::TryStatement(attempt) => {
                let block = self.return_last(&attempt.block.body);
                let handler = attempt
                    .handler
                    .as_ref()
                    .is_some_and(|handler| self.return_last(&handler.body.body));
                block || handler
            }
            Statement::LabeledStatement(labeled) => self.return_tail(&labeled.body),
            _ => false,
        }
    }

    fn return_last(&mut self, body: &[Statement]) -> bool {
        body.last().is_some_and(|last| self.return_tail(last))
    }

    /// `export default` of a value, at the end, is that value.
    fn return_default(&mut self, export: &ExportDefaultDeclaration) -> bool {
        let value = export
            .declaration
            .as_expression()
            .is_some_and(|expression| !expression.is_function());
        if value {
            self.edits
                .insert(self.source.len() as u32, "\nreturn __default;");
        }
        value
    }

    /// Removes text but not its lines.
    fn drop_text(&mut self, span: Span) {
        let newlines = self.newlines(span);
        self.edits.replace(span, newlines);
    }

    fn newlines(&self, span: Span) -> String {
        let text = &self.source[span.start as usize..span.end as usize];
        text.chars().filter(|char| *char == '\n').collect()
    }
}

/// A declaration that may stand after the last statement without being it.
fn is_hoisted(statement: &Statement) -> bool {
    match statement {
        Statement::ExportDeclaration(export) => is_hoisted_declaration(&export.declaration),
        Statement::EmptyStatement(_)
        | Statement::ImportDeclaration(_)
        | Statement::ExportNamedDeclaration(_)
        | Statement::ExportFromDeclaration(_)
        | Statement::ExportAllDeclaration(_) => true,
        _ => statement
            .as_declaration()
            .is_some_and(is_hoisted_declaration),
    }
}

fn is_hoisted_declaration(declaration: &Declaration) -> bool {
    matches!(
        declaration,
        Declaration::FunctionDeclaration(_)
            | Declaration::TSTypeAliasDeclaration(_)
            | Declaration::TSInterfaceDeclaration(_)
    )
}

fn is_named(declaration: &ExportDefaultDeclarationKind) -> bool {
    match declaration {
        ExportDefaultDeclarationKind::FunctionDeclaration(function) => function.id.is_some(),
        ExportDefaultDeclarationKind::ClassDeclaration(class) => class.id.is_some(),
        ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
        _ => false,
    }
}

/// A call that is made for what it shows, not for its value.
fn only_shows(expression: &Expression, scoping: &Scoping) -> bool {
    match expression.without_parentheses() {
        Expression::AwaitExpression(awaited) => only_shows(&awaited.argument, scoping),
        Expression::CallExpression(call) => match &call.callee {
            Expression::Identifier(function) => {
                let is_ours = || {
                    let reference = scoping.get_reference(function.reference_id());
                    reference.symbol_id().is_none()
                };
                matches!(
                    function.name.as_str(),
                    "print" | "show" | "progress" | "store"
                ) && is_ours()
            }
            Expression::StaticMemberExpression(member) => {
                matches!(&member.object, Expression::Identifier(object) if object.name == "console")
            }
            _ => false,
        },
        _ => false,
    }
}

/// The function to call in a program of definitions only: `main`, else the only one, if it needs no
/// argument.
fn entry_point(program: &Program) -> Option<String> {
    let mut functions: Vec<(String, bool)> = Vec::new();
    for statement in &program.body {
        match statement {
            Statement::EmptyStatement(_)
            | Statement::ImportDeclaration(_)
            | Statement::ExportNamedDeclaration(_)
            | Statement::ExportFromDeclaration(_)
            | Statement::ExportAllDeclaration(_) => {}
            Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                    functions.extend(declared(function, "__default"));
                }
                ExportDefaultDeclarationKind::ClassDeclaration(_)
                | ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => {}
                other => functions.push((
                    "__default".into(),
                    needs_nothing(other.as_expression().and_then(parameters)?),
                )),
            },
            Statement::ExportDeclaration(export) => {
                functions.extend(definition(&export.declaration)?);
            }
            other => functions.extend(definition(other.as_declaration()?)?),
        }
    }
    let main = functions.iter().find(|(name, _)| name == "main");
    let (name, callable) = main.or(match &functions[..] {
        [only] => Some(only),
        _ => None,
    })?;
    callable.then(|| name.clone())
}

/// The functions a declaration defines, with whether they can be called without arguments; `None`
/// if it may do more than define.
fn definition(declaration: &Declaration) -> Option<Vec<(String, bool)>> {
    match declaration {
        Declaration::FunctionDeclaration(function) => {
            Some(declared(function, "").into_iter().collect())
        }
        Declaration::VariableDeclaration(variables) => assignments(variables),
        _ => Some(Vec::new()),
    }
}

fn declared(function: &Function, default_name: &str) -> Option<(String, bool)> {
    function.body.as_ref()?;
    let name = function
        .id
        .as_ref()
        .map_or(default_name, |id| id.name.as_str());
    let callable = !function.generator && needs_nothing(&function.params);
    Some((name.to_owned(), callable))
}

fn assignments(variables: &VariableDeclaration) -> Option<Vec<(String, bool)>> {
    let mut functions = Vec::new();
    for variable in &variables.declarations {
        let Some(value) = &variable.init else {
            continue;
        };
        let mut effects = Effects(false);
        effects.visit_expression(value);
        if effects.0 {
            return None;
        }
        if let (BindingPattern::BindingIdentifier(name), Some(parameters)) =
            (&variable.id, parameters(value))
        {
            functions.push((name.name.to_string(), needs_nothing(parameters)));
        }
    }
    Some(functions)
}

pub(super) fn parameters<'e, 'a>(
    expression: &'e Expression<'a>,
) -> Option<&'e FormalParameters<'a>> {
    match expression.get_inner_expression() {
        Expression::ArrowFunctionExpression(function) => Some(&function.params),
        Expression::FunctionExpression(function) => Some(&function.params),
        _ => None,
    }
}

fn needs_nothing(parameters: &FormalParameters) -> bool {
    parameters
        .items
        .iter()
        .all(|parameter| parameter.optional || parameter.initializer.is_some())
}

/// Whether evaluating an expression may do something.
struct Effects(bool);

impl<'a> Visit<'a> for Effects {
    fn visit_call_expression(&mut self, _: &CallExpression<'a>) {
        self.0 = true;
    }
    fn visit_new_expression(&mut self, _: &NewExpression<'a>) {
        self.0 = true;
    }
    fn visit_await_expression(&mut self, _: &AwaitExpression<'a>) {
        self.0 = true;
    }
    fn visit_tagged_template_expression(&mut self, _: &TaggedTemplateExpression<'a>) {
        self.0 = true;
    }
    fn visit_import_expression(&mut self, _: &ImportExpression<'a>) {
        self.0 = true;
    }
    fn visit_function(&mut self, _: &Function<'a>, _: ScopeFlags) {}
    fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
    fn visit_class(&mut self, _: &Class<'a>) {}
}

/// Where `await` is a name.
struct AwaitAsName(Option<Span>);

impl<'a> Visit<'a> for AwaitAsName {
    fn visit_identifier_reference(&mut self, name: &IdentifierReference<'a>) {
        if name.name == "await" {
            self.0.get_or_insert(name.span);
        }
    }
    fn visit_binding_identifier(&mut self, name: &BindingIdentifier<'a>) {
        if name.name == "await" {
            self.0.get_or_insert(name.span);
        }
    }
}

/// Where declarations by `const` begin of which a variable is assigned to, with its name.
struct AssignedConstants<'s> {
    scoping: &'s Scoping,
    found: Vec<(u32, String)>,
}

impl<'a> Visit<'a> for AssignedConstants<'_> {
    fn visit_variable_declaration(&mut self, variables: &VariableDeclaration<'a>) {
        if variables.kind == VariableDeclarationKind::Const && !variables.declare {
            let names = variables
                .declarations
                .iter()
                .flat_map(|variable| variable.id.get_binding_identifiers());
            let assigned = names
                .into_iter()
                .find(|name| is_assigned(self.scoping, name.symbol_id()));
            if let Some(name) = assigned {
                let found = (variables.span.start, name.name.to_string());
                self.found.push(found);
            }
        }
        walk::walk_variable_declaration(self, variables);
    }
}

/// The integers that no number of the engine's holds with all their digits.
struct LongIntegers(Vec<Span>);

impl<'a> Visit<'a> for LongIntegers {
    fn visit_numeric_literal(&mut self, literal: &NumericLiteral<'a>) {
        if long_digits(literal).is_some() {
            self.0.push(literal.span);
        }
    }
    fn visit_property_key(&mut self, key: &PropertyKey<'a>) {
        if !matches!(key, PropertyKey::NumericLiteral(_)) {
            walk::walk_property_key(self, key);
        }
    }
}

/// The digits of an integer, if a number of the engine's has others.
pub(super) fn long_digits(literal: &NumericLiteral) -> Option<String> {
    let digits: String = literal.raw?.chars().filter(|char| *char != '_').collect();
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    (is_integer && digits.len() > 15 && digits != format!("{:.0}", literal.value)).then_some(digits)
}

/// Where the `import(…)` expressions begin.
struct DynamicImports(Vec<u32>);

impl<'a> Visit<'a> for DynamicImports {
    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        self.0.push(import.span.start);
        walk::walk_import_expression(self, import);
    }
}

/// The innermost call around an offset, first of those that name the tool.
struct CallsAround<'p> {
    offset: u32,
    path: &'p str,
    best: Option<(bool, Span)>,
}

impl<'a> Visit<'a> for CallsAround<'_> {
    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if call.span.start <= self.offset && self.offset < call.span.end {
            let found = (names_tool(&call.callee, self.path), call.span);
            // Outer calls are visited first.
            if self.best.is_none_or(|(names, _)| found.0 >= names) {
                self.best = Some(found);
            }
        }
        walk::walk_call_expression(self, call);
    }
}

/// Whether the last name of what is called is the last of a path.
fn names_tool(callee: &Expression, path: &str) -> bool {
    let name = match callee.get_inner_expression() {
        Expression::Identifier(name) if matches!(name.name.as_str(), "call_tool" | "callTool") => {
            return true;
        }
        Expression::Identifier(name) => name.name.as_str(),
        Expression::StaticMemberExpression(member) if member.property.name == "raw" => {
            return names_tool(&member.object, path);
        }
        Expression::StaticMemberExpression(member) => member.property.name.as_str(),
        Expression::ComputedMemberExpression(member) => match &member.expression {
            Expression::StringLiteral(name) => name.value.as_str(),
            _ => return false,
        },
        _ => return false,
    };
    path.strip_suffix(name)
        .is_some_and(|server| server.is_empty() || server.ends_with('.'))
}
