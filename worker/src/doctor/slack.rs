//! Slack: the token, its scopes, both channels, and whose clock is wrong.
//!
//! The calls go past the client library, which hides the headers that carry the granted scopes and Slack's time.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::slack_id::ChannelId;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::{Check, PATIENCE};
use crate::config::{Channel, Config};
use crate::manifest;
use crate::slack::connector::https;

/// Signatures may be 300 s old; a clock that is off by this much is on its way there.
const MAX_SKEW_SECONDS: i64 = 30;
/// Far more than these answers have.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

pub(super) async fn check(config: &Config) -> Vec<Check> {
    const TOKEN: &str = "Slack token";
    let (headers, answer) = match ask(config, "auth.test", &[]).await {
        Ok(answered) => answered,
        Err(why) => {
            let fix = "can this machine reach slack.com over https? Is SLACK_API_URL right (usually unset)?";
            return vec![Check::fault("Slack", why, fix)];
        }
    };
    let mut checks = vec![clock(&headers)];
    if answer["ok"] != true {
        let code = answer["error"].as_str().unwrap_or("no usable answer").to_owned();
        let fix = "copy the Bot User OAuth Token (OAuth & Permissions) into SLACK_BOT_TOKEN; install the app again if it was revoked";
        checks.push(Check::fault(TOKEN, code, fix));
        return checks;
    }
    let text = |name: &str| answer[name].as_str().unwrap_or("?").to_owned();
    checks.push(Check::fine(TOKEN, format!("{} in workspace {} ({})", text("user"), text("team"), text("team_id"))));
    checks.push(scopes(&headers));
    for (name, channel) in [("SLACK_CHANNEL_ID", &config.ticket_channel), ("ADMIN_CHANNEL", &config.admin_channel)] {
        checks.push(match channel {
            Channel::Id(id) => membership(config, name, id).await,
            Channel::Name(wanted) => match find_channel(config, wanted).await {
                Ok(Some(id)) => membership(config, name, &id).await,
                Ok(None) => Check::fault(
                    name,
                    format!("the bot sees no channel #{wanted}"),
                    "invite the bot there (/invite @Ticket Desk), correct the name, or give the channel's id",
                ),
                Err(why) => Check::unknown(name, why, "mend the above first, or give the channel's id"),
            },
        });
    }
    checks
}

/// The channel of this name. Asked past the worker's own client, which would note a refusal in PostgreSQL.
async fn find_channel(config: &Config, name: &str) -> Result<Option<ChannelId>, String> {
    let mut cursor = String::new();
    loop {
        let types = ("types", "public_channel,private_channel");
        let parameters = [types, ("exclude_archived", "true"), ("limit", "999"), ("cursor", &cursor)];
        let (_, page) = ask(config, "conversations.list", &parameters).await?;
        if page["ok"] != true {
            return Err(page["error"].as_str().unwrap_or("no usable answer").to_owned());
        }
        let mut channels = page["channels"].as_array().into_iter().flatten();
        if let Some(found) = channels.find(|channel| channel["name"] == name) {
            return Ok(found["id"].as_str().and_then(ChannelId::parse));
        }
        cursor = page.pointer("/response_metadata/next_cursor").and_then(Value::as_str).unwrap_or_default().to_owned();
        if cursor.is_empty() {
            return Ok(None);
        }
    }
}

/// Calls a method; answers headers and JSON, or why there are none.
async fn ask(config: &Config, method: &str, parameters: &[(&str, &str)]) -> Result<(HeaderMap, Value), String> {
    let https = https(&config.slack_api_url).map_err(|error| error.to_string())?;
    let client: Client<_, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build(https.https_or_http().enable_http1().build());
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{}/{method}", config.slack_api_url.as_str().trim_end_matches('/')))
        .header(header::AUTHORIZATION, format!("Bearer {}", config.bot_token.expose()))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| "the address can't be used".to_owned())?;
    let exchange = async {
        let response = client.request(request).await.map_err(|_| "can't be reached".to_owned())?;
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            return Err(format!("answers with HTTP {}", parts.status.as_u16()));
        }
        let body =
            Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|_| "the answer broke off".to_owned())?;
        let json = serde_json::from_slice(&body.to_bytes()).map_err(|_| "the answer is not Slack's".to_owned())?;
        Ok((parts.headers, json))
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err("does not answer".to_owned()))
}

fn clock(headers: &HeaderMap) -> Check {
    const NAME: &str = "clock";
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else {
        return Check::unknown(NAME, "Slack's answer has no date", "compare this machine's clock with another");
    };
    skew(NAME, (Utc::now() - theirs.with_timezone(&Utc)).num_seconds())
}

fn skew(name: &'static str, seconds: i64) -> Check {
    Check::judge(
        name,
        seconds.abs() <= MAX_SKEW_SECONDS,
        match seconds {
            -2..=2 => "agrees with Slack's".to_owned(),
            late @ ..0 => format!("{} s behind Slack's", -late),
            ahead => format!("{ahead} s ahead of Slack's"),
        },
        "set it by NTP, on the gateways' machines too: they refuse requests whose time is 300 s away",
    )
}

fn scopes(headers: &HeaderMap) -> Check {
    const NAME: &str = "Slack scopes";
    let Some(granted) = headers.get("x-oauth-scopes").and_then(|scopes| scopes.to_str().ok()) else {
        return Check::unknown(NAME, "Slack's answer doesn't tell", "compare the app with `worker manifest`");
    };
    let granted: Vec<&str> = granted.split(',').map(str::trim).collect();
    let missing: Vec<&str> = manifest::scopes().into_iter().filter(|scope| !granted.contains(scope)).collect();
    if missing.is_empty() {
        return Check::fine(NAME, "all that the manifest asks for");
    }
    let fix = "add them in OAuth & Permissions (or paste `worker manifest`), then install the app again";
    Check::fault(NAME, format!("missing: {}", missing.join(", ")), fix)
}

async fn membership(config: &Config, name: &'static str, id: &ChannelId) -> Check {
    let answer = match ask(config, "conversations.info", &[("channel", id.as_str())]).await {
        Ok((_, answer)) => answer,
        Err(why) => return Check::unknown(name, why, "try again"),
    };
    if answer["ok"] != true {
        return match answer["error"].as_str() {
            Some("channel_not_found") => Check::fault(
                name,
                format!("the bot sees no channel {id}"),
                "correct the id; or, if the channel is private, invite the bot there: /invite @Ticket Desk",
            ),
            Some("missing_scope") => Check::unknown(
                name,
                "can't be seen without channels:read and groups:read",
                "grant the missing scopes first",
            ),
            other => Check::unknown(name, other.unwrap_or("no usable answer").to_owned(), "try again"),
        };
    }
    let channel = &answer["channel"];
    let shown = channel["name"].as_str().map_or_else(|| id.to_string(), |name| format!("#{name} ({id})"));
    if channel["is_archived"] == true {
        return Check::fault(name, format!("{shown} is archived"), "unarchive it, or choose another channel");
    }
    match channel["is_member"].as_bool() {
        Some(true) => Check::fine(name, format!("the bot is in {shown}")),
        Some(false) => Check::fault(name, format!("the bot is not in {shown}"), "write there: /invite @Ticket Desk"),
        None => Check::unknown(name, format!("Slack doesn't tell whether the bot is in {shown}"), "look there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_clock_that_is_off_says_by_how_much_and_which_way() {
        assert_eq!(skew("clock", 1), Check::fine("clock", "agrees with Slack's"));
        assert_eq!(
            (skew("clock", -400).state, skew("clock", -400).found.as_str()),
            (State::Fault, "400 s behind Slack's")
        );
        assert_eq!(skew("clock", 31).state, State::Fault);
        assert_eq!(skew("clock", 30).state, State::Fine);
    }

    #[test]
    fn missing_scopes_are_named() {
        let mut headers = HeaderMap::new();
        assert_eq!(scopes(&headers).state, State::Unknown);
        headers.insert("x-oauth-scopes", "commands, chat:write".parse().unwrap());
        let check = scopes(&headers);
        assert!(
            check.state == State::Fault && check.found.contains("users:read") && !check.found.contains("chat:write")
        );
        headers.insert("x-oauth-scopes", manifest::scopes().join(",").parse().unwrap());
        assert_eq!(scopes(&headers).state, State::Fine);
    }
}
