//! `users.*`.

use serde_json::{Value, json};

use super::{Method, fields, page};
use crate::slack::arguments::{Args, Kind, opt, req};
use crate::slack::model::{ApiResult, World};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "users.info",
        scopes: &["users:read"],
        form_only: true,
        args: &[req("user", Kind::Text), opt("include_locale", Kind::Flag)],
        run: info,
    },
    Method {
        name: "users.list",
        scopes: &["users:read"],
        form_only: true,
        args: &[
            opt("cursor", Kind::Text),
            opt("limit", Kind::Number),
            opt("include_locale", Kind::Flag),
            opt("team_id", Kind::Text),
        ],
        run: list,
    },
];

fn info(world: &mut World, args: &Args) -> ApiResult {
    let user = world.users.get(args.text("user")).ok_or("user_not_found")?;
    Ok(fields(json!({"user": user.to_json(&world.app.team_id)})))
}

fn list(world: &mut World, args: &Args) -> ApiResult {
    let team = &world.app.team_id;
    let users: Vec<Value> = world.users.values().map(|user| user.to_json(team)).collect();
    let (members, next) = page(args, users, 1000, 1000)?;
    Ok(fields(json!({
        "members": members, "cache_ts": world.now().timestamp(), "response_metadata": {"next_cursor": next},
    })))
}
