//! Changes of a text, and places back again.

use std::borrow::Cow;

use oxc::span::Span;

/// Replacements in a text, in order and apart.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<Edit>);

#[derive(Debug)]
struct Edit {
    span: Span,
    text: Cow<'static, str>,
}

impl Edits {
    pub(super) fn replace(&mut self, span: Span, text: impl Into<Cow<'static, str>>) {
        let text = text.into();
        self.0.push(Edit { span, text });
    }

    pub(super) fn insert(&mut self, at: u32, text: impl Into<Cow<'static, str>>) {
        self.replace(Span::new(at, at), text);
    }

    /// Where each begins.
    pub(super) fn starts(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|edit| edit.span.start)
    }

    /// Puts them in the order of the text; what was put in at the same place stays in its own. One
    /// that begins within another is left out.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let mut end = 0;
        self.0.retain(|edit| {
            let is_apart = edit.span.start >= end;
            end = end.max(edit.span.end);
            is_apart
        });
    }

    pub(super) fn apply(&self, source: &str) -> String {
        let mut edited = String::with_capacity(source.len() + 64);
        let mut kept = 0;
        for Edit { span, text } in &self.0 {
            edited.push_str(&source[kept..span.start as usize]);
            edited.push_str(text);
            kept = span.end as usize;
        }
        edited.push_str(&source[kept..]);
        edited
    }

    /// Offset in the source of an offset in the edited text.
    pub(super) fn original(&self, edited: usize) -> usize {
        let (mut kept, mut passed) = (0, 0);
        for Edit { span, text } in &self.0 {
            let start = passed + (span.start as usize - kept);
            if edited < start {
                break;
            }
            if edited < start + text.len() {
                return span.start as usize;
            }
            kept = span.end as usize;
            passed = start + text.len();
        }
        kept + (edited - passed)
    }
}
