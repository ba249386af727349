//! Slack says no (FAULTS.md S5, S6, S9 to S12): what an operator must mend waits and is told of once, what concerns one
//! person concerns nobody else, and nothing is tried for ever.

use std::time::Duration;

use harness::desk::{ADMIN, Desk, SOON, Settings, TICKETS, start_worker, test_waits};
use harness::slack::model::World;
use harness::slack::{Fault, On, SlackStandIn};
use tokio_util::sync::CancellationToken;
use worker::config::Waits;
use worker::db;

use crate::filing::{
    alerts, assert_filed_once, cards, carry_on, is_linked, notices, open_deliveries, submit, told, wait_until_done,
};

const TICKET_NAMES: [&str; 5] = ["T001", "T002", "T003", "T004", "T005"];

fn error(code: &str) -> Fault {
    Fault::Error(code.to_owned())
}

#[tokio::test]
async fn a_revoked_token_stops_the_calls_and_one_alert_tells_of_it_afterwards() {
    let waits = Waits { trouble_pause: Duration::from_secs(15), ..test_waits() };
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "The token goes.").await;
    desk.slack.revoke_token();
    let refused =
        |desk: &Desk| desk.slack.calls().iter().filter(|call| call.error.as_deref() == Some("token_revoked")).count();
    desk.drain().await;
    let burst = refused(&desk);
    assert!((1..=3).contains(&burst), "{burst} deliveries were under way at first");
    for minute in 1..=5 {
        for _ in 0..4 {
            desk.elapse(Duration::from_secs(15)).await;
            desk.drain().await;
        }
        let probes = refused(&desk) - burst;
        assert!((minute..=4 * minute).contains(&probes), "{probes} tries in {minute} minutes\n{}", desk.slack.dump());
    }
    let open =
        "SELECT string_agg(DISTINCT split_part(target, ':', 1), ' ') FROM outbox WHERE state IN ('waiting', 'pending')";
    assert_eq!(desk.text(open).await, "alert card confirmation filed notice", "all is kept, and the alert waits too");
    desk.slack.restore_token();
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 0).await;
    let alerts = alerts(&desk);
    assert_eq!(alerts.len(), 1, "{}", desk.slack.dump());
    assert!(alerts[0].text.contains("SLACK_BOT_TOKEN"), "{}", alerts[0].text);
    desk.finish().await;
}

#[tokio::test]
async fn a_worker_that_starts_with_a_revoked_token_files_tickets_all_the_same() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "Before the restart.").await;
    desk.slack.revoke_token();
    let restarted = start_worker(&desk.slack, &desk.settings, test_waits()).await;
    while restarted.step().await.unwrap() > 0 {}
    assert_eq!(desk.count("SELECT count(*) FROM tickets").await, 1, "{}", desk.slack.dump());
    desk.slack.restore_token();
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 0).await;
    desk.finish().await;
}

#[tokio::test]
async fn a_token_that_never_worked_keeps_nobody_waiting_and_loses_no_form() {
    let mut desk = Desk::start().await;
    let (ana, ben) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0AGENT2"));
    submit(&desk, &ana, "Found only later.").await;
    // As on the very first day: nobody has said which workspace this is.
    sqlx::query("DELETE FROM installation").execute(&desk.db).await.unwrap();
    desk.slack.revoke_token();
    let restarted = start_worker(&desk.slack, &desk.settings, test_waits()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(restarted.run(stop.clone()));
    assert!(ben.command("/new-ticket", "").await.is_ok());
    let told = ben.wait_for_ephemeral(SOON, "too long").await;
    assert!(told.all_text().contains("/new-ticket"), "{}", told.all_text());
    assert_eq!(desk.count("SELECT count(*) FROM dead_letters").await, 0);
    desk.slack.restore_token();
    desk.run();
    desk.slack.wait_for(SOON, |world| (world.direct_messages("U0AGENT1").len() == 1).then_some(())).await;
    stop.cancel();
    running.await.unwrap();
    wait_until_done(&desk, SOON).await;
    assert_eq!(cards(&desk, "T001").len(), 1, "{}", desk.slack.dump());
    desk.finish().await;
}

/// The ticket channel refuses the bot until it is mended.
async fn ticket_channel_refuses(code: &str, spoil: impl Fn(&mut World), mend: impl Fn(&mut World)) {
    let waits = Waits { trouble_pause: Duration::from_secs(15), ..test_waits() };
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
    let ana = desk.slack.person("U0AGENT1");
    for _ in TICKET_NAMES {
        submit(&desk, &ana, "One of five.").await;
        desk.slack.change(&spoil);
        desk.drain().await;
    }
    for _ in 0..8 {
        desk.elapse(Duration::from_secs(15)).await;
        desk.drain().await;
    }
    let tries = desk.slack.calls_of("chat.postMessage").iter().filter(|call| call.channel() == Some(TICKETS)).count();
    assert!((3..=9).contains(&tries), "{tries} tries in two minutes: one a pause\n{}", desk.slack.dump());
    for ticket in TICKET_NAMES {
        assert_eq!(notices(&desk, ticket).len(), 1, "{code}: administrators learn of it\n{}", desk.slack.dump());
    }
    assert_eq!(desk.count("SELECT count(*) FROM tickets").await, 5);
    let alert = alerts(&desk).pop().expect("an operator is told");
    assert!(alert.text.contains(&format!("<#{TICKETS}>")) && alert.text.contains(code), "{}", alert.text);
    for ticket in TICKET_NAMES {
        let notice = &notices(&desk, ticket)[0];
        assert!(!is_linked(notice) && notice.all_text().contains("Its card follows"), "{}", notice.all_text());
        assert_eq!(told(&ana, ticket).len(), 1);
    }
    desk.slack.change(&mend);
    carry_on(&desk).await;
    for ticket in TICKET_NAMES {
        let (cards, notices) = (cards(&desk, ticket), notices(&desk, ticket));
        assert_eq!((cards.len(), notices.len()), (1, 1), "{ticket}\n{}", desk.slack.dump());
        assert!(is_linked(&notices[0]), "the notice got its link\n{}", desk.slack.dump());
    }
    assert_eq!(alerts(&desk).len(), 1, "{code}: one message for the cause\n{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn tickets_wait_for_a_ticket_channel_that_the_bot_is_not_in() {
    ticket_channel_refuses("not_in_channel", |world| world.remove_bot(TICKETS), |world| world.add_bot(TICKETS)).await;
}

#[tokio::test]
async fn tickets_wait_for_a_ticket_channel_that_is_archived() {
    ticket_channel_refuses("is_archived", |world| world.archive(TICKETS, true), |world| world.archive(TICKETS, false))
        .await;
}

#[tokio::test]
async fn tickets_wait_for_a_ticket_channel_that_does_not_exist_for_the_bot() {
    use harness::slack::people::ChannelKind;
    let hide = |world: &mut World| {
        world.remove_bot(TICKETS);
        world.channels.get_mut(TICKETS).unwrap().kind = ChannelKind::Private;
    };
    let show = |world: &mut World| {
        world.add_bot(TICKETS);
        world.channels.get_mut(TICKETS).unwrap().kind = ChannelKind::Public;
    };
    ticket_channel_refuses("channel_not_found", hide, show).await;
}

#[tokio::test]
async fn tickets_wait_for_a_ticket_channel_where_posting_is_restricted() {
    let mut desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let refused = desk.slack.fault(On::every("chat.postMessage").channel(TICKETS), error("restricted_action"));
    submit(&desk, &ana, "Only some may post there.").await;
    desk.run();
    refused.reached(3, SOON).await;
    desk.slack.until(SOON, || alerts(&desk).first().cloned()).await.expect("an operator is told");
    refused.remove();
    wait_until_done(&desk, SOON).await;
    assert_filed_once(&desk, &ana, 0).await;
    assert_eq!(alerts(&desk).len(), 1);
    desk.finish().await;
}

#[tokio::test]
async fn notices_and_alerts_wait_for_the_administrators_channel() {
    for (spoil, mend) in [
        (World::remove_bot as fn(&mut World, &str), World::add_bot as fn(&mut World, &str)),
        (|world: &mut World, id: &str| world.archive(id, true), |world: &mut World, id: &str| world.archive(id, false)),
    ] {
        let mut desk = Desk::start().await;
        let ana = desk.slack.person("U0AGENT1");
        desk.slack.change(|world| spoil(world, ADMIN));
        submit(&desk, &ana, "Nobody to tell.").await;
        desk.drain().await;
        assert_eq!((cards(&desk, "T001").len(), told(&ana, "T001").len()), (1, 1), "the rest goes on");
        assert_eq!(open_deliveries(&desk).await, 2, "the notice and the alert are kept");
        desk.slack.change(|world| mend(world, ADMIN));
        desk.run();
        wait_until_done(&desk, SOON).await;
        assert_filed_once(&desk, &ana, 0).await;
        let alerts = alerts(&desk);
        assert_eq!(alerts.len(), 1);
        assert!(alerts[0].text.contains(&format!("<#{ADMIN}>")), "{}", alerts[0].text);
        desk.finish().await;
    }
}

/// Hours of the same trouble are one message once it can be read, not one for each.
#[tokio::test]
async fn what_an_alert_could_not_tell_in_its_hour_the_next_one_tells() {
    let mut desk = Desk::start().await;
    desk.slack.change(|world| world.archive(ADMIN, true));
    for _ in 0..3 {
        let an_hour_later = "UPDATE operator_alerts SET since = since - interval '1 hour'";
        sqlx::query(an_hour_later).execute(&desk.db).await.expect("an hour");
        let mut db = desk.db.acquire().await.expect("a connection");
        db::alerts::raise(&mut db, "token", "It happened again.", Duration::ZERO).await.expect("raised");
        drop(db);
        desk.drain().await;
    }
    assert_eq!(
        desk.count("SELECT count(*) FROM outbox WHERE target LIKE 'alert:%:token' AND state = 'pending'").await,
        3
    );
    desk.slack.change(|world| world.archive(ADMIN, false));
    desk.run();
    wait_until_done(&desk, SOON).await;
    let told = alerts(&desk);
    assert!(told.len() == 1 && told[0].text.contains("It happened again."), "{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn somebody_who_cannot_be_written_to_is_skipped_and_nothing_else() {
    for code in ["user_not_found", "user_disabled", "cannot_dm_bot"] {
        let desk = Desk::start().await;
        let ana = desk.slack.person("U0AGENT1");
        desk.slack.fault(On::every("conversations.open"), error(code));
        submit(&desk, &ana, "Don't call me.").await;
        carry_on(&desk).await;
        let shown = (cards(&desk, "T001").len(), notices(&desk, "T001").len(), told(&ana, "T001").len());
        assert_eq!(shown, (1, 1, 0), "{code}");
        assert_eq!(desk.slack.count("conversations.open"), 1, "{code} is final");
        assert_eq!(alerts(&desk).len(), 0, "{code} is no operator's matter");
        assert_eq!(desk.count("SELECT count(*) FROM outbox WHERE state = 'parked'").await, 0);
        assert!(desk.text("SELECT reason FROM outbox WHERE target = 'filed:1'").await.contains(code));
        desk.finish().await;
    }
}

#[tokio::test]
async fn somebody_who_left_after_writing_is_skipped_and_a_lost_conversation_is_opened_again() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "The first.").await;
    carry_on(&desk).await;
    desk.slack.fault(
        On::next("chat.postMessage").matching(|args| args["channel"].as_str().unwrap_or_default().starts_with('D')),
        error("channel_not_found"),
    );
    submit(&desk, &ana, "The second.").await;
    carry_on(&desk).await;
    assert_eq!((told(&ana, "T002").len(), desk.slack.count("conversations.open")), (1, 2));
    submit(&desk, &ana, "The third.").await;
    desk.slack.change(|world| world.deactivate_user("U0AGENT1"));
    carry_on(&desk).await;
    assert_eq!((told(&ana, "T003").len(), cards(&desk, "T003").len(), alerts(&desk).len()), (0, 1, 0));
    assert_eq!(desk.count("SELECT count(*) FROM outbox WHERE state = 'parked'").await, 0);
    desk.finish().await;
}

#[tokio::test]
async fn an_unknown_refusal_parks_the_card_after_three_tries_and_the_notice_goes_without_it() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let refused = desk.slack.fault(On::every("chat.postMessage").channel(TICKETS), error("zzz"));
    submit(&desk, &ana, "What does zzz mean?").await;
    carry_on(&desk).await;
    assert_eq!(refused.hits(), 3);
    let parked = desk.text("SELECT target || ' ' || reason FROM outbox WHERE state = 'parked'").await;
    assert_eq!(parked, "card:1 zzz");
    let (notices, alerts) = (notices(&desk, "T001"), alerts(&desk));
    assert_eq!((notices.len(), alerts.len(), told(&ana, "T001").len()), (1, 1, 1), "{}", desk.slack.dump());
    assert!(!is_linked(&notices[0]));
    assert!(alerts[0].text.contains("zzz") && alerts[0].text.contains("chat.postMessage"), "{}", alerts[0].text);
    // The next change of the ticket tries again, and then the notice gets its link.
    refused.remove();
    sqlx::query("INSERT INTO outbox (target) VALUES ('card:1')").execute(&desk.db).await.unwrap();
    carry_on(&desk).await;
    assert_eq!(cards(&desk, "T001").len(), 1);
    assert!(is_linked(&crate::filing::notices(&desk, "T001")[0]), "{}", desk.slack.dump());
    desk.finish().await;
}
