//! Redis killed, restarted, emptied (rows R1, R2 and R3).

use harness::desk::{ADMIN, SOON};
use harness::servers::PrivateRedis;

use super::{desk_on, until_ready};
use crate::load::{Load, accepted, eventually, filed, settle, submit, template};

#[tokio::test]
async fn what_was_acknowledged_before_redis_was_killed_becomes_a_ticket() {
    let mut redis = PrivateRedis::start().await;
    let mut desk = desk_on(&redis).await;
    let payload = template(&desk).await;
    desk.run();
    let load = Load::default();
    let killing = async {
        for _ in 0..2 {
            load.taken(15).await;
            redis.kill();
            load.refused(5).await;
            redis.up().await;
        }
        load.taken(10).await;
        load.stop();
    };
    tokio::join!(load.run(&desk, &payload), killing);
    load.check(&desk).await;
    settle(desk).await;
}

#[tokio::test]
async fn workers_consume_after_every_restart_of_redis() {
    let mut redis = PrivateRedis::start().await;
    let mut desk = desk_on(&redis).await;
    let payload = template(&desk).await;
    desk.run();
    for number in 0..5 {
        redis.kill();
        redis.up().await;
        until_ready(&desk).await;
        assert!(accepted(&submit(&desk, &payload, number).await));
        eventually("it is filed", async || filed(&desk).await.len() == number + 1).await;
    }
    settle(desk).await;
}

#[tokio::test]
async fn an_emptied_redis_is_set_up_again_and_the_operators_are_told_once() {
    let redis = PrivateRedis::start().await;
    let mut desk = desk_on(&redis).await;
    let payload = template(&desk).await;
    desk.run();
    assert!(accepted(&submit(&desk, &payload, 0).await));
    eventually("it is filed", async || filed(&desk).await.len() == 1).await;
    redis.command("FLUSHALL").await.unwrap();
    assert!(accepted(&submit(&desk, &payload, 1).await), "at once, whether or not the workers have noticed");
    eventually("it is filed", async || filed(&desk).await.len() == 2).await;
    // The heartbeat was lost too; commands work as soon as a worker is heard of.
    let ana = desk.slack.person("U0AGENT1");
    eventually("a worker is heard of", async || ana.command("/new-ticket", "").await.text().is_empty()).await;
    // Each of the three lanes has lost its group; there is one message, and it counts.
    let noticed = "SELECT coalesce(sum(count), 0) FROM operator_alerts WHERE cause = 'redis:group_lost'";
    let telling = |world: &harness::slack::World| {
        let all = world.messages_in(ADMIN).into_iter().map(|notice| notice.all_text());
        all.filter(|text| text.contains("Redis has lost its data")).collect::<Vec<_>>()
    };
    eventually("all lanes have noticed", async || desk.count(noticed).await >= 3).await;
    desk.slack.wait_for(SOON, |world| (!telling(world).is_empty()).then_some(())).await;
    redis.command("FLUSHALL").await.unwrap();
    eventually("all lanes have noticed again", async || desk.count(noticed).await >= 6).await;
    assert!(accepted(&submit(&desk, &payload, 2).await));
    eventually("it is filed", async || filed(&desk).await.len() == 3).await;
    let times = format!("{} times", desk.count(noticed).await);
    desk.slack.wait_for(SOON, |world| telling(world).iter().any(|text| text.contains(&times)).then_some(())).await;
    assert_eq!(desk.slack.read(telling).len(), 1);
    settle(desk).await;
}
