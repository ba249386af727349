//! How quick the desk is, everything on one machine: `bin/bench`.
//!
//! Real gateway and worker processes (release builds), Redis with `appendfsync always`, PostgreSQL as `bin/bench` starts
//! it; the stand-in plays Slack and takes the times. Each figure is given beside the floor measured in the same run: the
//! HTTP round trips and the durable append that the way can't do without.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use harness::actor::Spot;
use harness::desk::{Settings, TICKETS};
use harness::processes::Program;
use harness::servers::PrivateRedis;
use harness::slack::SlackStandIn;

const COMMANDS_PER_SECOND: u64 = 100;
const COMMANDS: usize = 2000;
const CLICKS_PER_SECOND: u64 = 50;
const TICKETS_FILED: usize = 100;
const CLICKS: usize = 1000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(bench());
}

async fn bench() {
    let slack = SlackStandIn::start().await;
    let redis = PrivateRedis::start().await;
    let settings = Settings {
        redis_url: redis.url(),
        more: vec![("RUST_LOG".to_owned(), "warn".to_owned())],
        ..Settings::private().await
    };
    let gateway = Program::gateway(&slack, &settings).await;
    slack.set_gateway(gateway.url());
    let info = vec![("RUST_LOG".to_owned(), "info".to_owned())];
    let worker_settings = Settings { more: info, ..settings.clone() };
    let worker = Program::worker(&slack, &worker_settings).await;

    let http = floor_of_http(&slack, &gateway).await;
    let append = floor_of_append(&redis).await;
    println!("floor: one HTTP round trip p50 {http:.2?}, one durable append p50 {append:.2?}");

    let opened = commands(&slack).await;
    report("command → views.open", &opened, http * 2 + append);
    let updated = clicks(&slack).await;
    report("click → chat.update", &updated, http * 2 + append);
    println!("resident memory: gateway {:.1} MiB, worker {:.1} MiB", gateway.resident_mib(), worker.resident_mib());
}

/// What a bare HTTP round trip to the gateway takes.
async fn floor_of_http(slack: &SlackStandIn, gateway: &Program) -> Duration {
    let mut times = Vec::new();
    for _ in 0..500 {
        let started = Instant::now();
        slack.raw_post(&gateway.url(), "/healthz", &[], Vec::new()).await;
        times.push(started.elapsed());
    }
    quantile(&mut times, 0.5)
}

async fn floor_of_append(redis: &PrivateRedis) -> Duration {
    let client = redis::Client::open(redis.url()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let payload = "x".repeat(400);
    let mut times = Vec::new();
    for _ in 0..500 {
        let started = Instant::now();
        let mut append = redis::cmd("XADD");
        append.arg("floor").arg("*").arg("job").arg(&payload);
        let _: String = append.query_async(&mut connection).await.expect("Redis appends");
        times.push(started.elapsed());
    }
    quantile(&mut times, 0.5)
}

/// Types `/new-ticket` steadily; times from before the request is sent to the arrival of views.open.
async fn commands(slack: &SlackStandIn) -> Vec<Duration> {
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / COMMANDS_PER_SECOND));
    let mut sent = Vec::new();
    for n in 0..COMMANDS {
        tick.tick().await;
        let person = slack.person(["U0AGENT1", "U0AGENT2", "U0AGENT3"][n % 3]);
        sent.push(tokio::spawn(async move {
            let started = Instant::now();
            let delivery = person.command("/new-ticket", "").await;
            let body = String::from_utf8_lossy(&delivery.request.body).into_owned();
            let trigger = body.split('&').find_map(|pair| pair.strip_prefix("trigger_id=")).map(str::to_owned);
            (trigger.unwrap_or_default(), started)
        }));
    }
    let mut starts = HashMap::new();
    for task in sent {
        let (trigger, started) = task.await.expect("no panic");
        starts.insert(trigger, started);
    }
    let calls = slack.wait_for_calls("views.open", COMMANDS, Duration::from_secs(30)).await;
    let times = calls.iter().filter_map(|call| {
        let started = starts.get(call.args["trigger_id"].as_str()?)?;
        Some(call.arrived.duration_since(*started))
    });
    times.collect()
}

/// Files tickets, then clicks their buttons steadily; times from before the click is sent to the arrival of the card's
/// update.
async fn clicks(slack: &SlackStandIn) -> Vec<Duration> {
    let ana = slack.person("U0AGENT1");
    for n in 0..TICKETS_FILED {
        ana.close_all().await.expect("closed");
        ana.command("/new-ticket", "").await;
        ana.wait_for_view(Duration::from_secs(10), |view| view.title["text"] == "New ticket").await;
        for (label, value) in [("Campaign", "Camp Lejeune"), ("Issue type", "Vonage dialer"), ("Priority", "🔴 High")]
        {
            ana.fill(label, value).expect("filled");
        }
        ana.fill("Details", format!("Number {n}")).expect("filled");
        ana.submit().await.expect("submitted");
    }
    let all_there = |world: &harness::slack::World| {
        let cards = world.messages_in(TICKETS);
        (cards.len() == TICKETS_FILED).then(|| cards.iter().map(|card| card.ts.clone()).collect::<Vec<_>>())
    };
    let cards = slack.wait_for(Duration::from_secs(30), all_there).await;
    slack.forget_calls();
    let sam = slack.person("U0SYS1");
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / CLICKS_PER_SECOND));
    let mut starts: HashMap<String, Vec<Instant>> = HashMap::new();
    let buttons = ["🟢 Resolve", "🔄 Reopen"];
    for n in 0..CLICKS {
        tick.tick().await;
        let (card, button) = (cards[n % cards.len()].clone(), buttons[n / cards.len() % 2]);
        starts.entry(card.clone()).or_default().push(Instant::now());
        let sam = sam.clone();
        tokio::spawn(async move { sam.press(Spot::Message(TICKETS, &card), button).await.map(|d| d.is_ok()) });
    }
    let calls = slack.wait_for_calls("chat.update", CLICKS, Duration::from_secs(30)).await;
    let mut seen: HashMap<String, usize> = HashMap::new();
    let times = calls.iter().filter_map(|call| {
        let ts = call.args["ts"].as_str()?.to_owned();
        let nth = seen.entry(ts.clone()).or_default();
        let started = *starts.get(&ts)?.get(*nth)?;
        *nth += 1;
        Some(call.arrived.duration_since(started))
    });
    times.collect()
}

fn report(what: &str, times: &[Duration], floor: Duration) {
    let mut times = times.to_vec();
    let (p50, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let ratio = p50.as_secs_f64() / floor.as_secs_f64();
    println!("{what}: n {}, p50 {p50:.2?}, p99 {p99:.2?}; p50 is {ratio:.1} × the floor of {floor:.2?}", times.len());
}

fn quantile(times: &mut [Duration], q: f64) -> Duration {
    times.sort_unstable();
    let index = ((times.len() as f64 - 1.0) * q).round() as usize;
    times.get(index).copied().unwrap_or_default()
}
