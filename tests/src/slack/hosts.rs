//! What Slack serves beside the Web API: response URLs, upload URLs, private file URLs.

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::answering::{JSON, Ran};
use super::answers;
use super::ephemeral::EphemeralSource;
use super::model::{ApiError, World};
use super::normalise;
use super::server::Asked;
use super::triggers::ResponseUrlSource;

const TEXT: &str = "text/plain; charset=utf-8";

/// A POST to a response URL.
pub(super) fn respond(world: &mut World, secret: &str, asked: &Asked, body: &Value) -> Ran {
    const PLACE: &str = "response_url";
    if asked.bearer.is_some() {
        world.violation(PLACE, "a token was sent to a response URL");
    }
    match try_respond(world, secret, body) {
        Ok(()) => Ran { answer: json!({}), ..Ran::plain(StatusCode::OK, JSON, br#"{"ok":true}"#.to_vec()) },
        Err(error) => {
            if error.is_malformed() {
                world.violation(PLACE, format!("{} {}", error.code, error.messages.join("; ")));
            }
            let status = match error.code.as_str() {
                "invalid_url" | "expired_url" | "used_url" => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_REQUEST,
            };
            let body = json!({"ok": false, "error": error.code}).to_string();
            Ran { error: Some(error.code), ..Ran::plain(status, JSON, body) }
        }
    }
}

fn try_respond(world: &mut World, secret: &str, body: &Value) -> Result<(), ApiError> {
    const PLACE: &str = "response_url";
    let url = world.use_response_url(secret)?;
    answers::check_response(world, PLACE, body)?;
    let replaces = body["replace_original"] == json!(true);
    let deletes = body["delete_original"] == json!(true);
    if deletes || replaces {
        match &url.source {
            ResponseUrlSource::Message { ts } if deletes => {
                world.delete_message(&url.channel, ts);
                return Ok(());
            }
            ResponseUrlSource::Message { ts } => {
                let blocks = normalise::blocks(body["blocks"].as_array().map_or(&[][..], Vec::as_slice), world);
                let bot = world.app.bot_user_id.clone();
                world.edit_message(&url.channel, ts, &bot, |message| {
                    body["text"].as_str().unwrap_or_default().clone_into(&mut message.text);
                    message.blocks = blocks;
                });
                return Ok(());
            }
            ResponseUrlSource::Ephemeral { ts } => {
                let blocks = normalise::blocks(body["blocks"].as_array().map_or(&[][..], Vec::as_slice), world);
                if let Some(message) = world.ephemerals.iter_mut().find(|message| &message.ts == ts) {
                    message.deleted = deletes;
                    if replaces {
                        body["text"].as_str().unwrap_or_default().clone_into(&mut message.text);
                        message.blocks = blocks;
                    }
                }
                return Ok(());
            }
            ResponseUrlSource::Command => {}
        }
    }
    answers::show_response(world, PLACE, EphemeralSource::ResponseUrl, &url.user, &url.channel, body)
}

/// A POST of a file's bytes, raw or as a multipart form.
pub(super) fn upload(world: &mut World, path: &str, asked: &Asked) -> Ran {
    let secret = path.trim_start_matches("v1/");
    let Some(upload) = world.pending_uploads.values_mut().find(|upload| upload.secret == secret) else {
        return Ran::plain(StatusCode::NOT_FOUND, TEXT, "file not found");
    };
    let multipart = asked.content_type.starts_with("multipart/form-data");
    let bytes = if multipart { part(&asked.content_type, &asked.body) } else { Some(asked.body.as_slice()) };
    let Some(bytes) = bytes else {
        world.violation("upload", "a multipart body without a part");
        return Ran::plain(StatusCode::BAD_REQUEST, TEXT, "invalid multipart body");
    };
    if bytes.len() as u64 != upload.length {
        let what = format!("{} bytes were sent, {} announced", bytes.len(), upload.length);
        world.violation("upload", what.clone());
        return Ran::plain(StatusCode::BAD_REQUEST, TEXT, what);
    }
    upload.sent = Some(hex::encode(bytes));
    Ran::plain(StatusCode::OK, TEXT, format!("OK - {}", bytes.len()))
}

/// The content of the first part of a multipart body.
fn part<'body>(content_type: &str, body: &'body [u8]) -> Option<&'body [u8]> {
    let boundary = content_type.split("boundary=").nth(1)?.trim_matches('"');
    let find = |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).position(|window| window == needle);
    let start = find(body, b"\r\n\r\n")? + 4;
    let rest = &body[start..];
    let end = find(rest, format!("\r\n--{boundary}").as_bytes())?;
    Some(&rest[..end])
}

/// A GET of a private file: the bytes for whoever has the bot's token, else Slack's login page with status 200.
pub(super) fn download(world: &mut World, path: &str, asked: &Asked) -> Ran {
    let login = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in</body></html>";
    let may = asked.bearer.as_ref() == Some(&world.app.token)
        && world.app.token_valid
        && world.app.scopes.contains("files:read");
    if !asked.get || !may {
        let page = Ran::plain(StatusCode::OK, "text/html; charset=utf-8", login);
        return Ran { ok: false, error: Some("login page".into()), ..page };
    }
    let path = path.trim_start_matches("download/");
    let id = path.split('/').next().and_then(|place| place.split('-').nth(1)).unwrap_or_default();
    match world.files.get(id).filter(|file| world.file_visible(file)) {
        Some(file) => {
            let mimetype = match file.mimetype.as_str() {
                "image/png" => "image/png",
                "image/jpeg" => "image/jpeg",
                "image/gif" => "image/gif",
                "text/csv" => "text/csv",
                _ => "application/octet-stream",
            };
            Ran::plain(StatusCode::OK, mimetype, file.bytes.clone())
        }
        None => Ran::plain(StatusCode::NOT_FOUND, "text/html; charset=utf-8", login),
    }
}
