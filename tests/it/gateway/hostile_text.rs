//! Text that tries to ping, link, format, hide or overflow is shown as it was typed (row H6).

use harness::actor::Entry;
use harness::desk::{Desk, TICKETS};
use serde_json::{Value, json};

use crate::road::{fill_form, open_form};

/// Files a ticket with this text, past the checks of a client.
async fn file(desk: &Desk, details: &str) {
    let ana = desk.slack.person("U0AGENT1");
    open_form(desk, &ana).await;
    fill_form(&ana, "x");
    ana.fill("Details", Entry::Raw(json!({ "type": "plain_text_input", "value": details }))).unwrap();
    assert!(ana.submit_unchecked().await.unwrap().is_ok());
    assert!(ana.view().unwrap().errors.is_empty(), "{:?}", ana.view().unwrap().errors);
    desk.drain().await;
}

/// All plain texts of sections, in order: text that Slack shows without looking for markup.
fn shown_plainly(blocks: &[Value]) -> String {
    let sections = blocks.iter().filter(|block| block["type"] == "section" && block["text"]["type"] == "plain_text");
    sections.filter_map(|block| block["text"]["text"].as_str()).collect()
}

/// All mrkdwn texts, wherever they stand.
fn mrkdwn(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(mrkdwn).collect(),
        Value::Object(fields) if fields.get("type") == Some(&json!("mrkdwn")) => {
            fields["text"].as_str().map(str::to_owned).into_iter().collect()
        }
        Value::Object(fields) => fields.values().flat_map(mrkdwn).collect(),
        _ => Vec::new(),
    }
}

/// The blocks of the card, the direct message and the confirmation, and the texts beside them.
fn surfaces(desk: &Desk) -> Vec<(&'static str, Vec<Value>, String)> {
    let ana = desk.slack.person("U0AGENT1");
    let card = desk
        .slack
        .read(|world| world.messages_in(TICKETS).into_iter().rfind(|message| !message.is_reply()).cloned())
        .unwrap();
    let direct = ana.direct_messages().pop().unwrap();
    let confirmation = ana.view().unwrap();
    assert_eq!(confirmation.title["text"], "Ticket filed");
    vec![
        ("card", card.blocks, card.text),
        ("direct message", direct.blocks, direct.text),
        ("confirmation", confirmation.blocks, String::new()),
    ]
}

#[tokio::test]
async fn markup_in_a_ticket_is_shown_as_it_was_typed() {
    let desk = Desk::start().await;
    let hostile = [
        "<!channel> <!here> <!everyone> <!subteam^S0123456789>",
        "<@U0SYS1> <#C0ADMIN> @channel @here @everyone",
        "<http://evil.example|your bank> <javascript:alert(1)|ok> <mailto:a@b|x>",
        "&amp; &lt;!channel&gt; &amp;lt; &",
        "*Status*\n✅ Closed\n*Assigned to*\n<@U0SYS1>\n> quoted\n```code``` _x_ ~y~ `z`",
        "\u{202e}desrever\u{202c} \u{2066}isolated\u{2069} \u{200f}rtl \u{200b}zero\u{feff}width\u{2060}",
        "<!date^1700000000^{date_long}|gone> <!channel",
        ":rotating_light: T001 · 🔴 High",
        "'; DROP TABLE tickets; --\n=HYPERLINK(\"http://evil\")",
    ];
    for text in hostile {
        file(&desk, text).await;
        assert_eq!(desk.text("SELECT details FROM tickets ORDER BY number DESC LIMIT 1").await, text);
        for (place, blocks, fallback) in surfaces(&desk) {
            assert_eq!(shown_plainly(&blocks), text, "{place}");
            for ours in mrkdwn(&json!(blocks)).iter().chain([&fallback]) {
                assert!(!ours.contains("evil") && !ours.contains("<!channel>"), "{place}: {ours}");
                let mentions = ours.matches("<@").count() - ours.matches("<@U0AGENT1>").count();
                assert_eq!(mentions, 0, "{place}: {ours}");
            }
        }
        desk.slack.person("U0AGENT1").close().await.unwrap();
    }
    desk.finish().await;
}

#[tokio::test]
async fn control_characters_are_left_out() {
    let desk = Desk::start().await;
    file(&desk, "a\u{0}b\u{7}c\u{1b}[31md\r\ne\tf\u{7f}\u{85}").await;
    for (place, blocks, _) in surfaces(&desk) {
        assert_eq!(shown_plainly(&blocks), "abc[31md\ne\tf", "{place}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn the_longest_texts_are_shown_whole_within_slacks_limits() {
    let desk = Desk::start().await;
    let line = "Zażółć gęślą jaźń\n";
    let longest = [
        "&".repeat(3000),
        "<".repeat(3000),
        "🎧".repeat(3000),
        "👩‍👩‍👧‍👦".chars().cycle().take(3000).collect::<String>(),
        line.repeat(3000 / line.chars().count()).trim().to_owned(),
        "*".repeat(3000),
    ];
    for text in longest {
        file(&desk, &text).await;
        for (place, blocks, _) in surfaces(&desk) {
            assert_eq!(shown_plainly(&blocks), text.trim(), "{place}");
        }
        desk.slack.person("U0AGENT1").close().await.unwrap();
    }
    // The stand-in refuses what is over Slack's limits.
    desk.finish().await;
}

#[tokio::test]
async fn hostile_file_names_and_choices_stay_texts() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "See below.");
    let option = |value: &str| Entry::Raw(json!({ "type": "static_select", "selected_option": { "value": value } }));
    ana.fill("Campaign", option("<!channel> *Camp* & Co")).unwrap();
    ana.fill("Issue type", option("<@U0SYS1>|<http://evil.example|x>")).unwrap();
    // Slack shows no previews of these, so that the names are written out.
    let webp = b"RIFF\0\0\0\0WEBP";
    let names = ["<!channel>.webp", "|evil>*b*.webp", "\u{202e}gnp.exe.webp"];
    let uploads: Vec<_> = names.iter().map(|name| harness::actor::Upload::new(name, *webp)).collect();
    ana.fill("Screenshots", uploads).unwrap();
    assert!(ana.submit_unchecked().await.unwrap().is_ok());
    desk.drain().await;
    let notices =
        desk.slack.read(|world| world.messages_in(harness::desk::ADMIN).last().map(|m| (*m).clone())).unwrap();
    let mut all = surfaces(&desk);
    all.push(("notice", notices.blocks, notices.text));
    for (place, blocks, fallback) in all {
        let texts = mrkdwn(&json!(blocks));
        for ours in texts.iter().chain([&fallback]) {
            assert!(!ours.contains("<!channel>") && !ours.contains("<@U0SYS1>"), "{place}: {ours}");
            assert!(!ours.contains("<http://evil"), "{place}: {ours}");
        }
        assert!(texts.iter().any(|ours| ours.contains("&lt;!channel&gt;") && ours.contains("&amp; Co")), "{place}");
    }
    desk.finish().await;
}
