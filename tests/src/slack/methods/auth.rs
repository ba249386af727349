//! `auth.test` and `blocks.validate`.

use serde_json::{Value, json};

use super::{Method, fields};
use crate::slack::arguments::{Args, Kind, opt};
use crate::slack::blocks;
use crate::slack::model::{ApiError, ApiResult, World};

pub(super) const METHODS: &[Method] = &[
    Method { name: "auth.test", scopes: &[], form_only: false, args: &[], run: test },
    Method {
        name: "blocks.validate",
        scopes: &[],
        form_only: false,
        args: &[opt("blocks", Kind::Json), opt("message", Kind::Json), opt("view", Kind::Json)],
        run: validate,
    },
];

fn test(world: &mut World, _args: &Args) -> ApiResult {
    let app = &world.app;
    Ok(fields(json!({
        "url": format!("https://{}.slack.com/", app.team_domain), "team": "Desk", "user": "desk",
        "team_id": app.team_id, "user_id": app.bot_user_id, "bot_id": app.bot_id, "is_enterprise_install": false,
    })))
}

fn validate(world: &mut World, args: &Args) -> ApiResult {
    let given: Vec<&str> =
        ["blocks", "message", "view"].into_iter().filter(|name| !args.json(name).is_null()).collect();
    let (code, findings) = match given.as_slice() {
        ["blocks"] => ("invalid_blocks", blocks::check_message_blocks(args.json("blocks"), world)),
        ["message"] if args.json("message")["blocks"].is_null() => return Ok(fields(json!({}))),
        ["message"] => ("invalid_message", blocks::check_message_blocks(&args.json("message")["blocks"], world)),
        ["view"] => ("invalid_view", blocks::check_view(args.json("view"), world)),
        _ => {
            let why = "[ERROR] exactly one of blocks, message and view must be set";
            return Err(ApiError::with_messages("invalid_arguments", vec![why.into()]));
        }
    };
    if findings.errors.is_empty() {
        return Ok(fields(json!({})));
    }
    let shown = |error: &String| {
        let (what, pointer) = error.split_once(" [json-pointer:").unwrap_or((error, ""));
        json!({"pointer": pointer.trim_end_matches(']'), "code": "failed_constraint", "message": what})
    };
    let mut error = ApiError::new(code);
    error.extra.insert("errors".into(), findings.errors.iter().map(shown).collect::<Value>());
    Err(error)
}
