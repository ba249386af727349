//! Updates of a card that come late: however Slack and the workers' processes behave, the card ends as the ticket is
//! (rows D4 and W6).

use std::time::Duration;

use harness::desk::{Desk, SOON, Settings, TICKETS};
use harness::slack::{Fault, On, SlackStandIn};

use crate::crashes::{RECOVERY, Site};
use crate::filing::{impatient, open_deliveries};
use crate::road::file_ticket;
use crate::working::press;

fn card_shows(desk: &Desk, card: &str, text: &str) -> bool {
    desk.slack.read(|world| world.message(TICKETS, card).is_some_and(|card| card.all_text().contains(text)))
}

/// D4: the first update is carried out after the second.
#[tokio::test]
async fn an_update_that_slack_carries_out_too_late_is_put_right() {
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, impatient()).await;
    file_ticket(&desk, &desk.slack.person("U0AGENT1"), "Slack is slow.").await;
    let card = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    let sam = desk.slack.person("U0SYS1");
    let late = desk.slack.fault(On::next("chat.update").channel(TICKETS), Fault::HoldBefore);
    press(&desk, &sam, &card, "🖐 Assign to Me").await;
    assert_eq!(late.hits(), 1);
    crate::load::eventually("the second try shows it", async || {
        desk.drain().await;
        card_shows(&desk, &card, "In Progress")
    })
    .await;
    press(&desk, &sam, &card, "🟢 Resolve").await;
    assert!(card_shows(&desk, &card, "Resolved"));
    let updates = desk.slack.processed("chat.update");
    late.release();
    desk.slack.until(SOON, || (desk.slack.processed("chat.update") > updates).then_some(())).await.expect("it comes");
    assert!(card_shows(&desk, &card, "In Progress"), "the late one has overtaken the newer one");
    desk.elapse(Duration::from_secs(16)).await;
    desk.drain().await;
    assert!(card_shows(&desk, &card, "✅ Resolved"), "{}", desk.slack.dump());
    // And that is all: nothing is updated for ever.
    let updates = desk.slack.count("chat.update");
    desk.elapse(Duration::from_secs(60)).await;
    desk.drain().await;
    assert_eq!(desk.slack.count("chat.update"), updates);
    desk.finish().await;
}

/// W6: the worker is stopped while its update is on its way.
#[tokio::test]
async fn a_zombies_update_is_put_right() {
    let site = Site::start().await;
    let zombie = site.worker().await;
    assert!(site.submit("U0AGENT1", "Stopped in the middle").await);
    site.assert_all(1).await;
    let card: String = sqlx::query_scalar("SELECT ts FROM slack_messages WHERE target = 'card:1'")
        .fetch_one(&site.db)
        .await
        .expect("a card");
    let sam = site.slack.person("U0SYS1");
    let late = site.slack.fault(On::next("chat.update").channel(TICKETS), Fault::HoldBefore);
    let spot = harness::actor::Spot::Message(TICKETS, &card);
    assert!(sam.press(spot, "🖐 Assign to Me").await.expect("there").is_ok());
    late.reached(1, SOON).await;
    zombie.signal("STOP");
    let _second = site.worker().await;
    assert!(sam.press(spot, "🟢 Resolve").await.expect("there").is_ok());
    let shows = |text: &'static str| {
        let card = card.clone();
        move |world: &harness::slack::World| {
            world.message(TICKETS, &card).is_some_and(|card| card.all_text().contains(text)).then_some(())
        }
    };
    // The row is taken over when its lease has lapsed, and tried again five seconds after it was begun.
    site.slack.wait_for(RECOVERY, shows("✅ Resolved")).await;
    late.release();
    site.slack.wait_for(SOON, shows("🔧 In Progress")).await;
    // Neither waits for the zombie to come back, nor is it harmed by that. Time passes for what is queued only.
    site.until("SELECT count(*) FROM outbox WHERE target LIKE 'again:%:card:1'", 1, SOON).await;
    site.elapse(Duration::from_secs(16)).await;
    site.slack.wait_for(SOON, shows("✅ Resolved")).await;
    zombie.signal("CONT");
    let settled =
        "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'waiting') AND target LIKE 'card:%'";
    site.until(settled, 0, RECOVERY).await;
    assert!(site.slack.read(shows("✅ Resolved")).is_some());
}

/// A claim that another worker took is not written under any more, though this worker's renewals go on.
#[tokio::test]
async fn a_delivery_whose_row_was_taken_over_posts_nothing() {
    let mut desk = Desk::start().await;
    file_ticket(&desk, &desk.slack.person("U0AGENT1"), "Taken over.").await;
    let card = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    sqlx::query("UPDATE slack_messages SET permalink = NULL").execute(&desk.db).await.expect("forgotten");
    desk.run();
    let (sam, sue) = (desk.slack.person("U0SYS1"), desk.slack.person("U0SYS2"));
    // Two deliveries are under way: Sam's news, which asks for the card's address first, and the card's update.
    assert!(sam.press(harness::actor::Spot::Message(TICKETS, &card), "🖐 Assign to Me").await.expect("there").is_ok());
    crate::filing::wait_until_done(&desk, SOON).await;
    let asking = desk.slack.fault(On::next("chat.getPermalink"), Fault::HoldBefore);
    let updating = desk.slack.fault(On::every("chat.update").channel(TICKETS), Fault::HoldBefore);
    assert!(sue.press(harness::actor::Spot::Message(TICKETS, &card), "🟢 Resolve").await.expect("there").is_ok());
    asking.reached(1, SOON).await;
    updating.reached(1, SOON).await;
    let stolen = "UPDATE outbox SET attempt = attempt + 1, lease_until = now() + interval '1 hour'
                  WHERE target = 'news:1:U0SYS1' AND state = 'sending'";
    assert_eq!(sqlx::query(stolen).execute(&desk.db).await.expect("stolen").rows_affected(), 1);
    // The other claim of the same worker is renewed twice meanwhile.
    let lease = "SELECT extract(epoch FROM lease_until)::float8::text FROM outbox WHERE target = 'card:1' AND state = 'sending'";
    for _ in 0..2 {
        let before = desk.text(lease).await;
        crate::load::eventually("the lease is renewed", async || desk.text(lease).await != before).await;
    }
    let posts = desk.slack.count("chat.postMessage");
    asking.release();
    updating.remove();
    crate::load::eventually("the link is stored: the delivery goes on", async || {
        !desk.text("SELECT permalink FROM slack_messages WHERE target = 'card:1'").await.is_empty()
    })
    .await;
    crate::load::eventually("the worker has let go", async || {
        desk.count("SELECT count(*) FROM outbox WHERE target = 'card:1' AND state = 'sending'").await == 0
    })
    .await;
    assert_eq!(desk.slack.count("chat.postMessage"), posts, "{}", desk.slack.dump());
    // Whoever took it gives it back.
    sqlx::query("UPDATE outbox SET lease_until = now() WHERE state = 'sending'")
        .execute(&desk.db)
        .await
        .expect("lapsed");
    crate::load::eventually("the row is taken up again", async || {
        desk.elapse(Duration::from_secs(60)).await;
        open_deliveries(&desk).await == 0
    })
    .await;
    assert_eq!(desk.slack.count("chat.postMessage"), posts + 1);
    desk.finish().await;
}
