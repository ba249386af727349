//! Search: what is found, in which order, and what can't break it.

use harness::actor::Person;
use harness::desk::Desk;

use crate::lists::{choose, desk_with, open, press};

/// Searches by the modal, as a person does, and answers what the list shows then.
async fn search(desk: &Desk, person: &Person, text: &str) -> String {
    press(desk, person, "🔎 Search").await;
    person.fill("Search", text).expect("there");
    assert!(person.submit().await.expect("sent").is_ok(), "{text}");
    desk.drain().await;
    person.view().expect("the list").all_text()
}

async fn describe(desk: &Desk, tickets: &[(i64, &str, &str)]) {
    for (number, details, comments) in tickets {
        sqlx::query("UPDATE tickets SET details = $2, comments_text = $3 WHERE number = $1")
            .bind(number)
            .bind(details)
            .bind(comments)
            .execute(&desk.db)
            .await
            .expect("updated");
    }
}

#[tokio::test]
async fn search_finds_words_numbers_comments_and_other_spellings() {
    let desk = desk_with(3).await;
    for (number, details) in [(1, "The headset crackles"), (2, "Vonage drops my calls"), (3, "Printer on fire")] {
        sqlx::query("UPDATE tickets SET details = $2 WHERE number = $1")
            .bind(i64::from(number))
            .bind(details)
            .execute(&desk.db)
            .await
            .expect("updated");
    }
    sqlx::query("UPDATE tickets SET comments_text = 'replaced the toner' WHERE number = 3")
        .execute(&desk.db)
        .await
        .expect("updated");
    let sam = desk.slack.person("U0SYS1");
    for (words, found) in [
        ("headset", "T001"),
        ("calls vonage", "T002"),
        ("toner", "T003"),
        ("dropped", "T002"),
        ("hedset", "T001"),
        ("2", "T002"),
    ] {
        let text = open(&desk, &sam, "/system-tickets", words).await.all_text();
        assert!(text.contains(found) && text.contains("of 1"), "{words}: {text}");
        sam.close_all().await.expect("closed");
    }
    for odd in ["%", "'", ":*", "🎧", "a & | ! (b", "\"unclosed", &"x".repeat(3000)] {
        let text = open(&desk, &sam, "/system-tickets", odd).await.all_text();
        assert!(text.contains("No ticket fits"), "{odd}: {text}");
        sam.close_all().await.expect("closed");
    }
    // By the modal; the words behind a command are not remembered.
    open(&desk, &sam, "/system-tickets", "").await;
    press(&desk, &sam, "🔎 Search").await;
    sam.fill("Search", "printer").expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    desk.drain().await;
    let text = sam.view().expect("the list").all_text();
    assert!(text.contains("T003") && text.contains("1–1 of 1"), "{text}");
    desk.finish().await;
}

#[tokio::test]
async fn misspelled_words_are_found_in_details_and_comments_beside_right_ones() {
    let desk = desk_with(4).await;
    describe(
        &desk,
        &[
            (1, "The headset crackles", "Replaced the toner cartridge"),
            (2, "Vonage drops calls", "A headset was sent"),
            (3, "Printer on fire", ""),
            (4, "Naïve café question", ""),
        ],
    )
    .await;
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    for (text, found, count) in [
        ("hedset", "T001", "of 2"),
        ("cartrige", "T001", "of 1"),
        ("hedset crackels", "T001", "of 1"),
        ("vonnage calls", "T002", "of 1"),
        ("questoin", "T004", "of 1"),
        ("headset -toner", "T002", "of 1"),
        ("\"on fire\"", "T003", "of 1"),
        ("T003 headset", "T003", "of 1"),
        ("fire OR vonage", "T003", "of 2"),
    ] {
        let text_shown = search(&desk, &sam, text).await;
        assert!(text_shown.contains(found) && text_shown.contains(count), "{text}: {text_shown}");
    }
    for nothing in ["xylophone", "headset printer", "any", "%", "'", ":*", "🎧", "a & | ! (b", "\"unclosed", "--", "T0"]
    {
        let text = search(&desk, &sam, nothing).await;
        assert!(text.contains("No ticket fits"), "{nothing}: {text}");
        assert!(text.contains("Shown:"), "the search is not taken for a choice taken back: {nothing}: {text}");
    }
    let text = search(&desk, &sam, " ").await;
    assert!(text.contains("of 4") && !text.contains("Shown:"), "{text}");
    // As many emoji as the field takes come back into it.
    search(&desk, &sam, &"🎧".repeat(100)).await;
    press(&desk, &sam, "🔎 Search").await;
    desk.finish().await;
}

#[tokio::test]
async fn the_best_finds_come_first_unless_another_order_is_chosen() {
    let desk = desk_with(3).await;
    let often = "toner toner toner, toner again";
    describe(&desk, &[(1, often, ""), (2, "a toner", ""), (3, "one of many words about a toner in a long text", "")])
        .await;
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    let text = search(&desk, &sam, "toner").await;
    assert!(text.find("T001") < text.find("T003") && text.contains("of 3"), "{text}");
    let shown = |person: &Person| {
        let view = person.view().expect("open");
        let inputs = view.inputs.values().find_map(|inputs| inputs.get("list_sort")).expect("there").clone();
        inputs["selected_option"]["value"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(shown(&sam), "best", "the select says how it is sorted");
    let text = choose(&desk, &sam, "list_sort", "newest").await;
    assert!(text.find("T003") < text.find("T001"), "{text}");
    let text = press(&desk, &sam, "✖ Clear filters").await;
    assert!(text.contains("of 3") && shown(&sam) == "newest", "{text}");
    // A ticket that is named stands above those that only speak of it.
    describe(&desk, &[(1, "see 2, 2, 2, 2 and 2", "")]).await;
    let text = search(&desk, &sam, "2").await;
    assert!(text.find("T002") < text.find("T001") && text.contains("of 2"), "{text}");
    // It combines with the other filters.
    search(&desk, &sam, "toner").await;
    let text = choose(&desk, &sam, "list_campaign", "LA Wildfire").await;
    assert!(text.contains("of 1") && text.contains("T003"), "{text}");
    desk.finish().await;
}
