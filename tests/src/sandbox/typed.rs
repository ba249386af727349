//! What people type, as Slack's clients send it: escaped, with mentions as tokens; and back, to be edited.

use crate::slack::World;

/// The text that a client sends: `@sam` becomes a mention, `&`, `<` and `>` are escaped, lines end with `\n`.
pub(super) fn as_sent(world: &World, typed: &str) -> String {
    let text = unix_lines(typed).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at);
        out += before;
        let name: String = after[1..].chars().take_while(|letter| letter.is_alphanumeric()).collect();
        let starts = out.chars().last().is_none_or(|letter| !letter.is_alphanumeric());
        match world.users.values().find(|user| starts && user.name == name) {
            Some(user) => out += &format!("<@{}>", user.id),
            None => out += &after[..=name.len()],
        }
        rest = &after[1 + name.len()..];
    }
    out + rest
}

/// The text as it was typed.
pub(super) fn as_typed(world: &World, sent: &str) -> String {
    let mut text = sent.to_owned();
    for user in world.users.values() {
        text = text.replace(&format!("<@{}>", user.id), &format!("@{}", user.name));
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Browsers send `\r\n` from forms, Slack `\n`.
pub(super) fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_goes_there_and_back() {
        let world = World::desk();
        let sent = as_sent(&world, "hi @sam, a<b & c@sam.org @nobody\r\n<@U0SYS2>");
        assert_eq!(sent, "hi <@U0SYS1>, a&lt;b &amp; c@sam.org @nobody\n&lt;@U0SYS2&gt;");
        assert_eq!(as_typed(&world, &sent), "hi @sam, a<b & c@sam.org @nobody\n<@U0SYS2>");
    }
}
