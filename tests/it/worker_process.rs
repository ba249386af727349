//! What the worker is told: by its environment, by a form of one's own, by addresses in all their shapes.

use harness::desk::{Desk, SOON, Settings, TICKETS, test_waits};
use harness::processes::Program;
use harness::servers::{self, PrivateRedis};
use harness::slack::SlackStandIn;

use crate::filing::assert_filed_once;
use crate::road::{file_ticket, open_form};

fn pairs(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_wrong_environment_is_one_message_and_a_failure() {
    let form = std::env::temp_dir().join(format!("ticket-form-{}.toml", servers::unique()));
    std::fs::write(&form, "campaigns = ['a', 'A']\n[[issue_types]]\ngroup = 'G'\ntypes = ['t']\n").unwrap();
    let wrong = [
        ("SLACK_BOT_TOKEN", "xoxp-hush"),
        ("SLACK_API_URL", "http://slack.example/api"),
        ("SLACK_CHANNEL_ID", "tickets"),
        ("ADMIN_CHANNEL", ""),
        ("SYSTEM_USERS", "sam, sue"),
        ("TIMEZONE", "Mars/Base"),
        ("DATABASE_URL", "//user:pa55@x/y"),
        ("REDIS_URL", "//user:pa55@x"),
        ("STREAM_PREFIX", "{a}"),
        ("METRICS_PORT", "ninety"),
        ("WORKER_CONCURRENCY", "0"),
        ("LOG_FORMAT", "xml"),
        ("TICKET_FORM", form.to_str().unwrap()),
    ];
    for command in [&["run"][..], &[]] {
        let (succeeded, output) = Program::worker_command(&pairs(&wrong), command);
        assert!(!succeeded && output.matches("can't start").count() == 1, "{output}");
        for (name, _) in wrong.iter().filter(|(name, _)| *name != "LOG_FORMAT") {
            assert!(output.contains(&format!("  {name} ")), "{name} in {output}");
        }
        assert!(output.contains("“A” stands there twice"), "the faulty entry is named: {output}");
        for secret in ["pa55", "hush", "panicked"] {
            assert!(!output.contains(secret), "{secret} in {output}");
        }
    }
    std::fs::remove_file(form).unwrap();
}

#[tokio::test]
async fn a_form_of_ones_own_is_what_people_see() {
    let path = std::env::temp_dir().join(format!("ticket-form-{}.toml", servers::unique()));
    std::fs::write(&path, "campaigns = ['Moon landing']\n[[issue_types]]\ngroup = 'Space'\ntypes = ['No air']\n")
        .unwrap();
    let more = pairs(&[("TICKET_FORM", path.to_str().unwrap())]);
    let settings = Settings { more, ..Settings::private().await };
    let desk = Desk::start_with(SlackStandIn::start().await, settings, test_waits()).await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    for (field, value) in
        [("Campaign", "Moon landing"), ("Issue type", "No air"), ("Priority", "🔴 High"), ("Details", "Help!")]
    {
        ana.fill(field, value).unwrap();
    }
    assert!(ana.submit().await.unwrap().is_ok());
    desk.drain().await;
    let card = desk.slack.read(|world| world.messages_in(TICKETS)[0].all_text());
    assert!(card.contains("Moon landing") && card.contains("No air"), "{card}");
    std::fs::remove_file(path).unwrap();
    desk.finish().await;
}

#[tokio::test]
async fn channels_may_be_given_by_name_and_addresses_in_every_shape() {
    let redis = PrivateRedis::start().await;
    redis.command("ACL SETUSER desk on >pa55 ~* &* +@all").await.unwrap();
    let private = Settings::private().await;
    let settings = Settings {
        redis_url: redis.url().replace("redis://", "redis://desk:pa55@").trim_end_matches('/').to_owned() + "/3",
        database_url: private.database_url.replace("postgres://", "postgresql://"),
        more: pairs(&[("SLACK_CHANNEL_ID", "#tickets"), ("ADMIN_CHANNEL", "#ticket-admin")]),
        ..private
    };
    let desk = Desk::start_with(SlackStandIn::start().await, settings, test_waits()).await;
    let ana = desk.slack.person("U0AGENT1");
    file_ticket(&desk, &ana, "By another way.").await;
    assert_filed_once(&desk, &ana, 0).await;
    let keys = format!("{:?}", redis.command("INFO keyspace").await);
    assert!(keys.contains("db3:") && !keys.contains("db0:"), "all is in the database that was named: {keys}");
    desk.finish().await;
}

#[tokio::test]
async fn a_machine_without_certificates_is_good_enough_for_a_slack_on_itself() {
    let slack = SlackStandIn::start().await;
    let more = pairs(&[("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null")]);
    let mut worker = Program::worker(&slack, &Settings { more, ..Settings::private().await }).await;
    assert_eq!(worker.stop(SOON).await, Some(0));
}

#[tokio::test]
async fn several_workers_may_migrate_one_empty_database_at_once() {
    let variables = pairs(&[("DATABASE_URL", &servers::empty_database().await)]);
    let migrating = (0..4).map(|_| {
        let variables = variables.clone();
        tokio::task::spawn_blocking(move || Program::worker_command(&variables, &["migrate"]))
    });
    for migrated in futures_util::future::join_all(migrating).await {
        let (succeeded, output) = migrated.unwrap();
        assert!(succeeded, "{output}");
    }
}
