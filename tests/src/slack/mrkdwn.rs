//! Slack's markup: which `<…>` are tokens, which are mistakes, and which would ping a crowd.
//!
//! Source: docs.slack.dev, "Formatting message text".

use serde_json::Value;

/// What `<…>` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// `<@U…>`.
    User(String),
    /// `<#C…>`.
    Channel(String),
    /// `<!here>`, `<!channel>`, `<!everyone>`, `<!subteam^…>`: pings many people.
    Broadcast(String),
    /// `<!date^UNIX^format|fallback>`.
    Date,
    /// `<https://…|text>`.
    Link(String),
    /// Anything else, or a `<` that is never closed: an unescaped character.
    Stray(String),
}

const DATE_FORMATS: [&str; 14] = [
    "{date_num}",
    "{date_slash}",
    "{date_long}",
    "{date_long_full}",
    "{date_long_pretty}",
    "{date}",
    "{date_pretty}",
    "{date_short}",
    "{date_short_pretty}",
    "{time}",
    "{time_secs}",
    "{ago}",
    "{day_divider_pretty}",
    "{date_short_full}",
];

/// All tokens of a mrkdwn text, in order.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find(['>', '<', '\n']).filter(|end| rest[*end..].starts_with('>'));
        let Some(end) = end else {
            tokens.push(Token::Stray(rest.chars().take(40).collect()));
            continue;
        };
        tokens.push(token(&rest[..end]));
        rest = &rest[end + 1..];
    }
    tokens
}

fn token(inside: &str) -> Token {
    let target = inside.split('|').next().unwrap_or_default();
    let is_id = |id: &str, prefixes: &[char]| {
        id.starts_with(prefixes) && id.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
    };
    if let Some(id) = target.strip_prefix('@').filter(|id| is_id(id, &['U', 'W'])) {
        return Token::User(id.into());
    }
    if let Some(id) = target.strip_prefix('#').filter(|id| is_id(id, &['C', 'G'])) {
        return Token::Channel(id.into());
    }
    if ["!here", "!channel", "!everyone", "!group"].contains(&target) || target.starts_with("!subteam") {
        return Token::Broadcast(inside.into());
    }
    if let Some(date) = inside.strip_prefix("!date^") {
        return if is_date(date) { Token::Date } else { Token::Stray(inside.into()) };
    }
    if ["https://", "http://", "mailto:", "tel:"].iter().any(|scheme| target.starts_with(scheme)) {
        return Token::Link(target.into());
    }
    Token::Stray(inside.into())
}

fn is_date(date: &str) -> bool {
    let Some((spec, fallback)) = date.split_once('|') else {
        return false;
    };
    let mut parts = spec.split('^');
    let seconds = parts.next().is_some_and(|seconds| seconds.parse::<i64>().is_ok());
    let format = parts.next().unwrap_or_default();
    let mut unknown = format.to_owned();
    for known in DATE_FORMATS {
        unknown = unknown.replace(known, "");
    }
    seconds && !fallback.is_empty() && format.contains('{') && !unknown.contains(['{', '}'])
}

/// What is wrong with a mrkdwn text: each stray `<`.
pub fn warnings(text: &str) -> Vec<String> {
    let stray = tokens(text).into_iter().filter_map(|token| match token {
        Token::Stray(text) => Some(format!("an unescaped < before {text:?}")),
        _ => None,
    });
    stray.collect()
}

/// True where a mrkdwn text would ping a channel or a group.
pub fn mentions_broadcast(text: &str) -> bool {
    tokens(text).iter().any(|token| matches!(token, Token::Broadcast(_)))
}

/// All texts in blocks that a reader sees, in order.
pub fn texts_of(blocks: &[Value]) -> Vec<String> {
    let mut texts = Vec::new();
    blocks.iter().for_each(|block| collect(block, &mut texts, false));
    texts
}

/// The mrkdwn texts in blocks, in order: those where markup is live.
pub fn mrkdwn_of(blocks: &[Value]) -> Vec<String> {
    let mut texts = Vec::new();
    blocks.iter().for_each(|block| collect(block, &mut texts, true));
    texts
}

fn collect(value: &Value, texts: &mut Vec<String>, live_only: bool) {
    match value {
        Value::Object(fields) => {
            let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
            if kind == "broadcast" {
                texts.push(format!("<!{}>", fields.get("range").and_then(Value::as_str).unwrap_or("channel")));
            }
            let live = matches!(kind, "mrkdwn" | "markdown");
            for (key, value) in fields {
                let shown = matches!(key.as_str(), "text" | "title" | "label" | "alt_text" | "caption" | "name");
                match value {
                    Value::String(text) if shown && (live || !live_only) => texts.push(text.clone()),
                    other => collect(other, texts, live_only),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts, live_only)),
        _ => {}
    }
}

impl super::World {
    /// Every live broadcast mention in messages, ephemeral messages and views: a test asserts that there is none.
    /// With `parse: full` or `link_names` a bare `@here` in the text counts too.
    pub fn live_broadcasts(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut look = |text: &str| {
            if mentions_broadcast(text) {
                found.push(text.to_owned());
            }
        };
        let messages = self.messages.values().flat_map(|messages| messages.values());
        for message in messages.filter(|message| message.bot_id.is_some()) {
            look(&message.text);
            mrkdwn_of(&message.blocks).iter().for_each(|text| look(text));
            let named = message.options["link_names"] == true || message.options["parse"] == "full";
            if named && ["@here", "@channel", "@everyone"].iter().any(|name| message.text.contains(name)) {
                look("<!channel>");
            }
        }
        for message in &self.ephemerals {
            look(&message.text);
            mrkdwn_of(&message.blocks).iter().for_each(|text| look(text));
        }
        for view in self.views.values() {
            mrkdwn_of(&view.blocks).iter().for_each(|text| look(text));
        }
        found
    }
}
