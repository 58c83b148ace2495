//! What to write in place of Python's syntax, which JavaScript's parser stops at.

use oxc::span::Span;

/// What to write in place of a piece of source, so that the parser comes further.
pub(super) fn instead(source: &str, offset: usize) -> Option<(Span, String)> {
    let begin = source[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = source[offset..]
        .find('\n')
        .map_or(source.len(), |at| offset + at);
    let line = Line {
        begin,
        text: &source[begin..end],
        at: offset - begin,
    };
    line.comment()
        .or_else(|| line.quotation_marks())
        .or_else(|| line.f_string())
        .or_else(|| line.comprehension())
        .or_else(|| line.operator())
}

/// The line at which the parser stopped.
struct Line<'s> {
    begin: usize,
    text: &'s str,
    /// Where in it.
    at: usize,
}

impl Line<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new((self.begin + start) as u32, (self.begin + end) as u32)
    }

    /// `# count`
    fn comment(&self) -> Option<(Span, String)> {
        let start = self.text.len() - self.text.trim_start().len();
        let rest = self.text[start..].strip_prefix('#')?;
        rest.starts_with([' ', '#'])
            .then(|| (self.span(start, start + 1), "//".to_owned()))
    }

    /// `“count”`
    fn quotation_marks(&self) -> Option<(Span, String)> {
        for (open, close, quote) in [('“', '”', '"'), ('‘', '’', '\'')] {
            let Some(start) = self.text.find(open) else {
                continue;
            };
            let inside = start + open.len_utf8();
            let end = inside + self.text[inside..].find(close)?;
            let text = &self.text[inside..end];
            if !text.contains(quote) {
                let span = self.span(start, end + close.len_utf8());
                return Some((span, format!("{quote}{text}{quote}")));
            }
        }
        None
    }

    /// `f"{count} of {total:.1f}"`
    fn f_string(&self) -> Option<(Span, String)> {
        let starts = self.text.match_indices(['"', '\'']).filter(|(at, _)| {
            let before = &self.text[..*at];
            before.ends_with('f') && !before[..at - 1].ends_with(is_of_a_word)
        });
        let (at, _) = starts.min_by_key(|(at, _)| at.abs_diff(self.at))?;
        let quote = self.text[at..].chars().next()?;
        let inside = &self.text[at + 1..];
        let mut is_escaped = false;
        let length = inside.char_indices().find_map(|(index, char)| {
            let ends = char == quote && !is_escaped;
            is_escaped = char == '\\' && !is_escaped;
            ends.then_some(index)
        })?;
        let template = template(&inside[..length])?;
        Some((self.span(at - 1, at + 1 + length + 1), template))
    }

    /// `[name.upper() for name in names if name]`
    fn comprehension(&self) -> Option<(Span, String)> {
        let text = self.text;
        let word = text.match_indices(" for ").find(|(at, _)| {
            // The parser stops at the word, or behind what stands before it.
            (*at..*at + " for ".len()).contains(&self.at)
        })?;
        let (open, close) = (open_before(text, word.0)?, close_after(text, word.0)?);
        let made = text[open + 1..word.0].trim();
        let rest = &text[word.0 + " for ".len()..close];
        let (names, rest) = rest.split_once(" in ")?;
        let (list, condition) = match rest.split_once(" if ") {
            Some((list, condition)) => (list, Some(condition.trim())),
            None => (rest, None),
        };
        let is_plain = |part: &str| {
            ![" for ", " if ", " else "]
                .iter()
                .any(|it| part.contains(it))
        };
        let parts = [made, list, condition.unwrap_or_default()];
        let names: Vec<&str> = names
            .trim()
            .trim_matches(['(', ')'])
            .split(',')
            .map(str::trim)
            .collect();
        if !parts.iter().all(|part| is_plain(part))
            || !names
                .iter()
                .all(|name| !name.is_empty() && name.chars().all(is_of_a_word))
        {
            return None;
        }
        let parameter = match &names[..] {
            [only] => (*only).to_owned(),
            names => format!("[{}]", names.join(", ")),
        };
        let mut fix = format!("[...{}]", list.trim());
        if let Some(condition) = condition {
            fix.push_str(&format!(".filter(({parameter}) => {condition})"));
        }
        if names[..] != [made] {
            let made = match made.starts_with('{') {
                true => format!("({made})"),
                false => made.to_owned(),
            };
            fix.push_str(&format!(".map(({parameter}) => {made})"));
        }
        Some((self.span(open, close + 1), fix))
    }

    /// `and`, `or`, `not`, `is`, `elif`
    fn operator(&self) -> Option<(Span, String)> {
        let words = self.words();
        if let Some((start, _)) = words.iter().find(|(_, word)| *word == "elif") {
            let before = self.text[..*start].trim();
            return (before.is_empty() || before.ends_with('}')).then(|| {
                (
                    self.span(*start, start + "elif".len()),
                    "else if".to_owned(),
                )
            });
        }
        // The parser stops at the word, behind what stands before it, or at what comes after it.
        let next = self.at + self.text[self.at..].len() - self.text[self.at..].trim_start().len();
        let before = self.text[..self.at].trim_end().len();
        let at = words.iter().position(|(start, word)| {
            matches!(*word, "and" | "or" | "not" | "is")
                && (*start == next || *start == self.at || start + word.len() == before)
        })?;
        let (start, word) = words[at];
        let end = start + word.len();
        let after = words
            .get(at + 1)
            .filter(|(start, word)| *word == "not" && self.text[end..*start].trim().is_empty());
        Some(match (word, after) {
            ("and", _) => (self.span(start, end), "&&".into()),
            ("or", _) => (self.span(start, end), "||".into()),
            ("is", Some((not, _))) => (self.span(start, not + "not".len()), "!==".into()),
            ("is", None) => (self.span(start, end), "===".into()),
            _ => {
                let rest = &self.text[end..];
                let blank = rest.len() - rest.trim_start().len();
                if rest.trim_start().starts_with("in ") {
                    return None;
                }
                (self.span(start, end + blank), "!".into())
            }
        })
    }

    /// The words of the line that are in no string.
    fn words(&self) -> Vec<(usize, &str)> {
        let mut words = Vec::new();
        let mut quote = None;
        let mut start = None;
        for (at, char) in self.text.char_indices().chain([(self.text.len(), '\n')]) {
            if quote.is_none() && is_of_a_word(char) {
                start.get_or_insert(at);
                continue;
            }
            if let Some(start) = start.take() {
                words.push((start, &self.text[start..at]));
            }
            match quote {
                Some(open) if open == char => quote = None,
                None if matches!(char, '"' | '\'' | '`') => quote = Some(char),
                _ => {}
            }
        }
        words
    }
}

fn is_of_a_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '$'
}

/// The bracket `[` that is open before a place.
fn open_before(text: &str, end: usize) -> Option<usize> {
    let mut depth = 0;
    text[..end].char_indices().rev().find_map(|(at, char)| {
        match char {
            ')' | ']' | '}' => depth += 1,
            '(' | '[' | '{' if depth == 0 => return Some((char == '[').then_some(at)),
            '(' | '[' | '{' => depth -= 1,
            _ => {}
        }
        None
    })?
}

/// Where the bracket that is open at a place ends.
fn close_after(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0;
    text[start..].char_indices().find_map(|(at, char)| {
        match char {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return Some((char == ']').then_some(start + at)),
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        None
    })?
}

/// The template that an f-string of this text is.
fn template(text: &str) -> Option<String> {
    let mut template = String::from("`");
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let next = &rest[char.len_utf8()..];
        match char {
            '{' | '}' if next.starts_with(char) => {
                if template.ends_with('$') {
                    template.push('\\');
                }
                template.push(char);
                rest = &next[1..];
            }
            '{' => {
                let (value, after) = replacement(next)?;
                template.push_str(&format!("${{{value}}}"));
                rest = after;
            }
            '}' => return None,
            '`' => {
                template.push_str("\\`");
                rest = next;
            }
            char => {
                template.push(char);
                rest = next;
            }
        }
    }
    template.push('`');
    Some(template)
}

/// The expression in braces, with its format, and what comes after the braces.
fn replacement(text: &str) -> Option<(String, &str)> {
    let mut depth = 0;
    let mut quote = None;
    let mut format_at = None;
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (Some(open), char) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(char),
            (None, '(' | '[' | '{') => depth += 1,
            (None, '}') if depth == 0 => {
                let value = text[..format_at.unwrap_or(at)].trim();
                let format = format_at.map_or("", |start| &text[start + 1..at]);
                let is_plain = !value.is_empty() && !value.contains('!') && !value.ends_with('=');
                return is_plain
                    .then(|| formatted(value, format))
                    .flatten()
                    .map(|value| (value, &text[at + 1..]));
            }
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ':') if depth == 0 => {
                format_at.get_or_insert(at);
            }
            _ => {}
        }
    }
    None
}

/// An expression in a format of Python's, as far as it is one of the usual.
fn formatted(value: &str, format: &str) -> Option<String> {
    let number = |digits: &str| digits.parse::<u8>().ok();
    if format.is_empty() {
        return Some(value.to_owned());
    }
    if let Some(digits) = format.strip_prefix('.').and_then(|it| it.strip_suffix('f')) {
        return Some(format!("({value}).toFixed({})", number(digits)?));
    }
    if format == "," || format == ",d" {
        return Some(format!("({value}).toLocaleString(\"en-US\")"));
    }
    if let Some(digits) = format.strip_prefix('0') {
        let width = number(digits.strip_suffix('d').unwrap_or(digits))?;
        return Some(format!("String({value}).padStart({width}, \"0\")"));
    }
    if let Some(digits) = format.strip_prefix('>') {
        return Some(format!("String({value}).padStart({})", number(digits)?));
    }
    let width = number(format.strip_prefix('<')?)?;
    Some(format!("String({value}).padEnd({width})"))
}
