//! Slack's markup as HTML. Everything is escaped; only what stands here becomes a tag.
//!
//! Works in one pass over each line: marks that find no partner stay letters, and a mark that found none once is not
//! looked for again in that line, so hostile texts cost no more than others.

use chrono::DateTime;

use super::emoji;
use super::html::{esc, safe_href};
use super::reader::{Reader, time_or};

/// A `plain_text`: escaped, with emoji and line breaks.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find([':', '\n']) {
        out += &esc(&rest[..at]).to_string();
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('\n') {
            out += "<br>";
            rest = after;
        } else if let Some((emoji, length)) = shortcode(rest) {
            out += emoji;
            rest = &rest[length..];
        } else {
            out.push(':');
            rest = &rest[1..];
        }
    }
    out + &esc(rest).to_string()
}

/// A `mrkdwn` text.
pub(super) fn mrkdwn(text: &str, reader: Reader<'_>) -> String {
    let mut out = String::new();
    for (index, part) in fenced(text).into_iter().enumerate() {
        if index % 2 == 1 {
            out += &format!("<pre>{}</pre>", code(part.trim_matches('\n'), reader));
        } else {
            lines(part, reader, &mut out);
        }
    }
    out
}

/// Cuts at code fences: text, code, text, …; a fence without an end is text.
fn fenced(text: &str) -> Vec<&str> {
    const FENCE: &str = "```";
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(FENCE) {
        let inside = &rest[start + FENCE.len()..];
        let Some(end) = inside.find(FENCE).filter(|end| *end > 0) else {
            break;
        };
        parts.push(&rest[..start]);
        parts.push(&inside[..end]);
        rest = &inside[end + FENCE.len()..];
    }
    parts.push(rest);
    parts
}

fn lines(text: &str, reader: Reader<'_>, out: &mut String) {
    let mut quoting = false;
    let mut first = true;
    for line in text.split('\n') {
        let quoted = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>'));
        if quoted.is_some() != quoting {
            *out += if quoting { "</blockquote>" } else { "<blockquote>" };
        } else if !first {
            *out += "<br>";
        }
        quoting = quoted.is_some();
        first = false;
        let line = quoted.map_or(line, |line| line.strip_prefix(' ').unwrap_or(line));
        Line { reader, marks: &['*', '_', '~'] }.render(line, out);
    }
    if quoting {
        *out += "</blockquote>";
    }
}

/// Code: tokens show as text.
fn code(text: &str, reader: Reader<'_>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        out += &escaped(&rest[..start]);
        rest = &rest[start..];
        match inside(rest) {
            Some(token) => {
                let (target, label) = token.split_once('|').unwrap_or((token, token));
                let known = target.strip_prefix('@').map(|id| format!("@{}", reader.name(id)));
                out += &escaped(&known.unwrap_or_else(|| label.to_owned()));
                rest = &rest[token.len() + 2..];
            }
            None => {
                out += "&lt;";
                rest = &rest[1..];
            }
        }
    }
    out + &escaped(rest)
}

/// The text between `<` at the start and `>` in the same line.
fn inside(text: &str) -> Option<&str> {
    let end = text[1..].find(['>', '<', '\n'])? + 1;
    (text[end..].starts_with('>') && end > 1).then(|| &text[1..end])
}

/// Text that may hold Slack's three entities, escaped.
fn escaped(text: &str) -> String {
    let raw = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    esc(&raw).to_string()
}

/// An emoji at the start, and how long its shortcode is.
fn shortcode(text: &str) -> Option<(&'static str, usize)> {
    let end = text.get(1..)?.find(|letter: char| !(letter.is_ascii_alphanumeric() || "_+-".contains(letter)))? + 1;
    let found = emoji::of(&text[1..end]).filter(|_| text[end..].starts_with(':'))?;
    Some((found, end + 1))
}

struct Line<'a> {
    reader: Reader<'a>,
    marks: &'a [char],
}

impl Line<'_> {
    fn render(&self, text: &str, out: &mut String) {
        let mut dead = Vec::new();
        let mut before = ' ';
        let mut rest = text;
        let mut literal = 0;
        while let Some(letter) = rest[literal..].chars().next() {
            let here = &rest[literal..];
            let tag = match letter {
                '<' => inside(here).map(|token| (self.token(token), token.len() + 2)),
                '`' => {
                    code_span(here).map(|inner| (format!("<code>{}</code>", code(inner, self.reader)), inner.len() + 2))
                }
                ':' => shortcode(here).map(|(emoji, length)| (emoji.to_owned(), length)),
                'h' if !before.is_alphanumeric() => bare_link(here),
                mark if self.marks.contains(&mark) && !dead.contains(&mark) && !before.is_alphanumeric() => {
                    let found = self.marked(mark, here);
                    if found.is_none() {
                        dead.push(mark);
                    }
                    found
                }
                _ => None,
            };
            before = letter;
            match tag {
                Some((html, length)) => {
                    *out += &escaped(&rest[..literal]);
                    *out += &html;
                    rest = &rest[literal + length..];
                    literal = 0;
                }
                None => literal += letter.len_utf8(),
            }
        }
        *out += &escaped(rest);
    }

    /// A pair of marks around something that begins and ends without a blank.
    fn marked(&self, mark: char, text: &str) -> Option<(String, usize)> {
        let tag = match mark {
            '*' => "strong",
            '_' => "em",
            _ => "s",
        };
        let body = &text[1..];
        let mut last = ' ';
        let mut letters = body.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let next = letters.peek().map_or(' ', |(_, next)| *next);
            if letter == mark && at > 0 && !last.is_whitespace() && !next.is_alphanumeric() {
                if body.starts_with(char::is_whitespace) {
                    return None;
                }
                let marks: Vec<char> = self.marks.iter().copied().filter(|other| *other != mark).collect();
                let mut inner = String::new();
                Line { reader: self.reader, marks: &marks }.render(&body[..at], &mut inner);
                return Some((format!("<{tag}>{inner}</{tag}>"), at + 2));
            }
            last = letter;
        }
        None
    }

    fn token(&self, token: &str) -> String {
        let (target, label) = token.split_once('|').map_or((token, None), |(target, label)| (target, Some(label)));
        if let Some(id) = target.strip_prefix('@') {
            return mention(id, self.reader);
        }
        if let Some(id) = target.strip_prefix('#') {
            let name = self.reader.channel_name(id);
            return format!(r#"<a class="mention" href="{}">{}</a>"#, esc(&self.reader.href(id, None)), esc(&name));
        }
        if let Some(date) = target.strip_prefix("!date^") {
            return self.date(date, label.unwrap_or_default());
        }
        if let Some(crowd) = target.strip_prefix('!') {
            let name = crowd.split('^').next().unwrap_or_default();
            return format!(r#"<span class="mention crowd">{}</span>"#, escaped(label.unwrap_or(&format!("@{name}"))));
        }
        match link(&target.replace("&amp;", "&"), &escaped(label.unwrap_or(target)), self.reader) {
            Some(html) => html,
            None => escaped(&format!("<{token}>")),
        }
    }

    fn date(&self, date: &str, fallback: &str) -> String {
        let mut parts = date.split('^');
        let at = parts.next().and_then(|at| at.parse().ok()).and_then(|at| DateTime::from_timestamp(at, 0));
        let (Some(at), Some(format)) = (at, parts.next()) else {
            return escaped(fallback);
        };
        let raw = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let shown = time_or(at, &raw(format), &raw(fallback));
        let linked = parts.next().and_then(|address| link(&raw(address), &shown, self.reader));
        linked.unwrap_or(shown)
    }
}

/// A mention of a user; one's own stands out.
pub(super) fn mention(id: &str, reader: Reader<'_>) -> String {
    let me = if id == reader.user { " me" } else { "" };
    let name = reader.world.users.get(id).map_or(id, |user| user.real_name.as_str());
    format!(r#"<span class="mention{me}">@{}</span>"#, esc(name))
}

/// A link around content that is HTML already; none where the address is no link.
pub(super) fn link(address: &str, content: &str, reader: Reader<'_>) -> Option<String> {
    if let Some(local) = reader.local(address) {
        return Some(format!(r#"<a href="{}">{content}</a>"#, local.replace('&', "&amp;")));
    }
    let address = safe_href(address)?;
    Some(format!(r#"<a href="{}" target="_blank" rel="noopener noreferrer">{content}</a>"#, esc(address)))
}

fn bare_link(text: &str) -> Option<(String, usize)> {
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return None;
    }
    let end = text.find(|letter: char| letter.is_whitespace() || "<>|\"`".contains(letter)).unwrap_or(text.len());
    let end = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '_', '~', '\'']).len();
    let raw = text[..end].replace("&amp;", "&");
    let after = raw.split_once("://").map_or("", |(_, after)| after);
    let html = || format!(r#"<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>"#, esc(&raw));
    (!after.is_empty() && !raw.contains("&gt;") && !raw.contains("&lt;")).then(|| (html(), end))
}

fn code_span(text: &str) -> Option<&str> {
    let end = text[1..].find('`')?;
    (end > 0).then(|| &text[1..=end])
}

#[cfg(test)]
mod tests;
