//! `files.*`: uploads in two steps, and what is known of a file.

use serde_json::{Value, json};

use super::{Method, fields, writable};
use crate::slack::arguments::{Arg, Args, Kind, opt, req};
use crate::slack::files::PendingUpload;
use crate::slack::messages::Message;
use crate::slack::model::{ApiError, ApiResult, World};
use crate::slack::{blocks, normalise};

const COMPLETE: &[Arg] = &[
    req("files", Kind::Json),
    opt("channel_id", Kind::Text),
    opt("channels", Kind::List),
    opt("thread_ts", Kind::Text),
    opt("initial_comment", Kind::Text),
    opt("blocks", Kind::Json),
];

const URL: &[Arg] = &[
    req("filename", Kind::Text),
    req("length", Kind::Number),
    opt("alt_txt", Kind::Text),
    opt("snippet_type", Kind::Text),
];

const INFO: &[Arg] = &[
    req("file", Kind::Text),
    opt("count", Kind::Number),
    opt("cursor", Kind::Text),
    opt("limit", Kind::Number),
    opt("page", Kind::Number),
];

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "files.getUploadURLExternal",
        scopes: &["files:write"],
        form_only: true,
        args: URL,
        run: get_upload_url,
    },
    Method {
        name: "files.completeUploadExternal",
        scopes: &["files:write"],
        form_only: false,
        args: COMPLETE,
        run: complete,
    },
    Method { name: "files.info", scopes: &["files:read"], form_only: true, args: INFO, run: info },
    Method {
        name: "files.delete",
        scopes: &["files:write"],
        form_only: false,
        args: &[req("file", Kind::Text)],
        run: delete,
    },
];

fn get_upload_url(world: &mut World, args: &Args) -> ApiResult {
    let length = u64::try_from(args.number("length").unwrap_or(0)).unwrap_or(0);
    if length == 0 {
        return Err(ApiError::with_messages("invalid_arguments", vec!["[ERROR] length must be greater than 0".into()]));
    }
    if args.text("filename").is_empty() {
        return Err(ApiError::with_messages("invalid_arguments", vec!["[ERROR] filename must not be empty".into()]));
    }
    let (file_id, secret) = (world.mint_id("F"), uuid::Uuid::new_v4().simple().to_string());
    let upload = PendingUpload {
        file_id: file_id.clone(),
        filename: args.text("filename").into(),
        length,
        secret: secret.clone(),
        sent: None,
        alt_txt: args.some_text("alt_txt").map(Into::into),
    };
    world.pending_uploads.insert(file_id.clone(), upload);
    let upload_url = format!("{}/upload/v1/{secret}", world.base_url);
    Ok(fields(json!({"upload_url": upload_url, "file_id": file_id})))
}

/// Where the files are shared, and in which thread.
fn target(world: &World, args: &Args) -> Result<Vec<String>, ApiError> {
    let mut channels = args.list("channels");
    channels.extend(args.some_text("channel_id").map(Into::into));
    for channel in &channels {
        writable(world, channel)?;
    }
    if let Some(ts) = args.some_text("thread_ts") {
        let [channel] = channels.as_slice() else {
            let why = "[ERROR] thread_ts wants exactly one channel";
            return Err(ApiError::with_messages("invalid_arguments", vec![why.into()]));
        };
        let parent = world.message(channel, ts).ok_or("message_not_found")?;
        if parent.is_reply() {
            let why = "[ERROR] thread_ts must be the parent's ts, not a reply's";
            return Err(ApiError::with_messages("invalid_arguments", vec![why.into()]));
        }
    }
    Ok(channels)
}

fn complete(world: &mut World, args: &Args) -> ApiResult {
    let items = args.json("files").as_array().filter(|items| !items.is_empty()).ok_or("no_files_provided")?.clone();
    let channels = target(world, args)?;
    let mut uploads = Vec::new();
    for item in &items {
        let id = item["id"].as_str().unwrap_or_default();
        let upload = world.pending_uploads.get(id).ok_or("file_not_found")?.clone();
        let bytes = upload.sent.as_ref().ok_or("file_not_found")?;
        let bytes = hex::decode(bytes).map_err(|_| "internal_error")?;
        uploads.push((upload, bytes, item["title"].as_str().map(str::to_owned)));
    }
    if !args.json("blocks").is_null() {
        let content = json!({"text": "file", "blocks": args.json("blocks")});
        blocks::check_content(world, "files.completeUploadExternal", &content)?;
    }
    let bot = world.app.bot_user_id.clone();
    let (mut ids, mut shown) = (Vec::new(), Vec::<Value>::new());
    for (upload, bytes, title) in uploads {
        world.pending_uploads.remove(&upload.file_id);
        world.store_file_as(&upload.file_id, &bot, &upload.filename, bytes);
        if let (Some(file), Some(title)) = (world.files.get_mut(&upload.file_id), &title) {
            file.title.clone_from(title);
        }
        shown.push(json!({"id": upload.file_id, "title": title.unwrap_or(upload.filename)}));
        ids.push(upload.file_id);
    }
    for channel in channels {
        let ts = world.mint_ts();
        let mut message = Message::blank(&channel, ts, &bot);
        message.bot_id = Some(world.app.bot_id.clone());
        message.subtype = Some("file_share".into());
        args.text("initial_comment").clone_into(&mut message.text);
        message.blocks = normalise::blocks(args.json("blocks").as_array().map_or(&[][..], Vec::as_slice), world);
        message.thread_ts = args.some_text("thread_ts").map(Into::into);
        message.files.clone_from(&ids);
        world.insert_message(message);
    }
    Ok(fields(json!({"files": shown})))
}

fn info(world: &mut World, args: &Args) -> ApiResult {
    let file = world.files.get(args.text("file")).ok_or("file_not_found")?;
    if file.deleted {
        return Err("file_deleted".into());
    }
    if !world.file_visible(file) {
        return Err("file_not_found".into());
    }
    Ok(fields(json!({
        "file": world.file_json(file), "comments": [], "response_metadata": {"next_cursor": ""},
    })))
}

fn delete(world: &mut World, args: &Args) -> ApiResult {
    let id = args.text("file");
    let file = world.files.get(id).filter(|file| world.file_visible(file)).ok_or("file_not_found")?;
    if file.owner != world.app.bot_user_id {
        return Err("cant_delete_file".into());
    }
    world.delete_file(id);
    Ok(fields(json!({})))
}
