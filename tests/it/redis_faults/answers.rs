//! Redis took the job but its answer is lost, late, or never comes (rows R7 and R8).

use std::time::Duration;

use harness::desk::{Desk, Settings, start_gateway};
use harness::proxy::Proxy;
use harness::servers::PrivateRedis;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{IN_TIME, desk_on};
use crate::load::{accepted, eventually, filed, given_back, settle, submit, template};
use crate::road::{fill_form, open_form};

struct Proxied {
    desk: Desk,
    proxy: Proxy,
    payload: Value,
    serving: JoinHandle<()>,
    _redis: PrivateRedis,
}

/// A desk whose gateway, and only that, reaches Redis through a proxy.
async fn proxied() -> Proxied {
    let redis = PrivateRedis::start().await;
    let desk = desk_on(&redis).await;
    let payload = template(&desk).await;
    let proxy = Proxy::start(redis.port()).await;
    let settings = Settings { redis_url: format!("redis://127.0.0.1:{}", proxy.port()), ..desk.settings.clone() };
    let (url, serving) = start_gateway(&desk.slack, &settings).await;
    desk.slack.set_gateway(&url);
    Proxied { desk, proxy, payload, serving, _redis: redis }
}

#[tokio::test]
async fn a_job_whose_append_lost_its_answer_is_accepted_once() {
    let Proxied { mut desk, proxy, payload, serving, _redis } = proxied().await;
    assert!(accepted(&submit(&desk, &payload, 0).await), "connected");
    // The connection breaks before Redis gets the job, and after it has.
    for (number, after) in [(1, false), (2, true), (3, true)] {
        proxy.cut_once_on(b"EVALSHA", after);
        let answer = submit(&desk, &payload, number).await;
        assert!(accepted(&answer), "{:?} {}", answer.outcome, answer.text());
        assert!(answer.elapsed < IN_TIME, "{:?}", answer.elapsed);
        assert_eq!((proxy.cuts(), desk.queued().await), (number, number as i64 + 1));
    }
    // Both tries lose their answers: given back, and pressed again it is still one ticket.
    proxy.cut_next_answers(1000);
    let answer = submit(&desk, &payload, 4).await;
    assert!(given_back(&answer) && answer.elapsed < IN_TIME, "{:?} {:?}", answer.outcome, answer.elapsed);
    proxy.cut_next_answers(0);
    assert!(accepted(&submit(&desk, &payload, 4).await));
    desk.run();
    eventually("all are filed", async || filed(&desk).await == [0, 1, 2, 3, 4]).await;
    serving.abort();
    settle(desk).await;
}

#[tokio::test]
async fn a_redis_that_never_answers_costs_half_a_second_and_no_text() {
    let Proxied { mut desk, proxy, payload, serving, _redis } = proxied().await;
    assert!(accepted(&submit(&desk, &payload, 0).await), "connected");
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "1");
    proxy.swallow_answers(true);
    let answer = ana.submit().await.unwrap();
    assert!(given_back(&answer) && answer.elapsed < IN_TIME, "{:?} {:?}", answer.outcome, answer.elapsed);
    let many = (10..30).map(|number| submit(&desk, &payload, number));
    for answer in futures_util::future::join_all(many).await {
        assert!(given_back(&answer) && answer.elapsed < IN_TIME, "{:?} {:?}", answer.outcome, answer.elapsed);
    }
    proxy.swallow_answers(false);
    eventually("Redis is reached again", async || accepted(&ana.submit_unchecked().await.unwrap())).await;
    desk.run();
    eventually("it is filed", async || filed(&desk).await.starts_with(&[0, 1])).await;
    let mut filed = filed(&desk).await;
    filed.dedup();
    assert_eq!(filed.len() as i64, desk.count("SELECT count(*) FROM tickets").await, "none twice");
    serving.abort();
    settle(desk).await;
}

#[tokio::test]
async fn a_slow_redis_is_used_and_a_too_slow_one_is_given_up_in_time() {
    let Proxied { mut desk, proxy, payload, serving, _redis } = proxied().await;
    // The very first connection is made over the slow way: several round trips.
    proxy.slow_down(Duration::from_millis(200));
    eventually("it is taken over a slow network", async || accepted(&submit(&desk, &payload, 0).await)).await;
    for number in 1..4 {
        // Whatever comes of it comes in time; on a loaded machine it may take a second try.
        let in_time = async || {
            let answer = submit(&desk, &payload, number).await;
            assert!(answer.elapsed < IN_TIME, "{:?} {}", answer.elapsed, answer.text());
            accepted(&answer)
        };
        eventually("it is taken in time", in_time).await;
    }
    proxy.slow_down(Duration::from_millis(700));
    let answer = submit(&desk, &payload, 4).await;
    assert!(given_back(&answer) && answer.elapsed < IN_TIME, "{:?} {}", answer.elapsed, answer.text());
    proxy.slow_down(Duration::ZERO);
    eventually("Redis is reached again", async || accepted(&submit(&desk, &payload, 4).await)).await;
    desk.run();
    eventually("all are filed", async || filed(&desk).await == [0, 1, 2, 3, 4]).await;
    serving.abort();
    settle(desk).await;
}
