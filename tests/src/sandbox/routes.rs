//! Which address shows or does what.

use std::sync::Arc;

use poem::endpoint::make;
use poem::http::StatusCode;
use poem::web::Redirect;
use poem::{Endpoint, EndpointExt as _, IntoResponse as _, Request, Response, Route, get, post};

use super::Sandbox;
use super::forms::Form;
use super::page::Page;
use super::place::Place;
use super::{acts, download, guard, live, relay};
use crate::slack::lock;

const STYLE: &str = concat!(include_str!("style.css"), include_str!("blocks.css"));
const SCRIPT: &str = concat!(include_str!("merge.js"), include_str!("page.js"));
const ICON: &str = include_str!("icon.svg");

/// The page, and Slack's addresses beside it.
pub(super) fn routes(sandbox: &Arc<Sandbox>) -> impl Endpoint<Output = Response> + 'static {
    let with = |sandbox: &Arc<Sandbox>| Arc::clone(sandbox);
    let page = {
        let sandbox = with(sandbox);
        make(move |request| show(Arc::clone(&sandbox), request))
    };
    let changes = {
        let sandbox = with(sandbox);
        make(move |_| {
            let sandbox = Arc::clone(&sandbox);
            async move { Ok::<_, poem::Error>(live::changes(&sandbox).into_response()) }
        })
    };
    let acts = {
        let sandbox = with(sandbox);
        make(move |request| change(Arc::clone(&sandbox), request))
    };
    let files = {
        let sandbox = with(sandbox);
        make(move |request| file(Arc::clone(&sandbox), request))
    };
    let pages = Route::new()
        .at("/", get(page))
        .at("/live", get(changes))
        .at("/file/:id", get(files))
        .at("/style.css", get(asset(STYLE, "text/css; charset=utf-8")))
        .at("/page.js", get(asset(SCRIPT, "text/javascript; charset=utf-8")))
        .at("/icon.svg", get(asset(ICON, "image/svg+xml")))
        .at("/:action", post(acts))
        .around(guard::guarded);
    let passed = {
        let sandbox = with(sandbox);
        make(move |request| {
            let sandbox = Arc::clone(&sandbox);
            async move { Ok::<_, poem::Error>(relay::pass(sandbox, request).await) }
        })
    };
    let pages = Arc::new(pages.map_to_response());
    let passed = Arc::new(passed);
    make(move |request: Request| {
        let (pages, passed) = (Arc::clone(&pages), Arc::clone(&passed));
        async move {
            let path = request.uri().path();
            let is_slack =
                relay::AREAS.iter().any(|area| path.strip_prefix(area).is_some_and(|rest| rest.starts_with('/')));
            if is_slack { passed.call(request).await } else { pages.call(request).await }
        }
    })
}

fn asset(text: &'static str, kind: &'static str) -> impl Endpoint<Output = Response> {
    make(move |_| async move { Ok::<_, poem::Error>(Response::builder().content_type(kind).body(text)) })
}

fn query(request: &Request) -> Vec<(String, String)> {
    serde_urlencoded::from_str(request.uri().query().unwrap_or_default()).unwrap_or_default()
}

fn pick(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

async fn show(sandbox: Arc<Sandbox>, request: Request) -> poem::Result<Response> {
    let pairs = query(&request);
    let html = sandbox.slack.read(|world| {
        let place = Place::of(world, |name| pick(&pairs, name));
        Page {
            world,
            recorder: &lock(&sandbox.slack.inner().recorder),
            log: &lock(&sandbox.log),
            memory: &lock(&sandbox.memory),
            trouble: lock(&sandbox.trouble).as_ref(),
            system_users: &sandbox.system_users,
            place: &place,
        }
        .html()
    });
    Ok(Response::builder().content_type("text/html; charset=utf-8").body(html))
}

async fn file(sandbox: Arc<Sandbox>, request: Request) -> poem::Result<Response> {
    let user = pick(&query(&request), "as").unwrap_or_default();
    let id = request.raw_path_param("id").unwrap_or_default().to_owned();
    Ok(sandbox.slack.read(|world| download::file(world, &user, &id)))
}

/// Does what was posted, then leads back to the place where it was posted.
async fn change(sandbox: Arc<Sandbox>, mut request: Request) -> poem::Result<Response> {
    const ACTIONS: [&str; 11] =
        ["act", "command", "say", "edit", "delete", "pin", "unpin", "dismiss", "trouble", "read", "hint"];
    let action = request.raw_path_param("action").unwrap_or_default().to_owned();
    if !ACTIONS.contains(&action.as_str()) {
        return Ok(StatusCode::NOT_FOUND.into());
    }
    let body = request.take_body();
    let form = Form::read(&request, body).await?;
    let place = |world: &crate::slack::World| Place::of(world, |name| form.value(name).map(str::to_owned));
    let before = sandbox.slack.read(place);
    // In a task of its own: it goes on when the browser leaves meanwhile.
    let form = Arc::new(form);
    let work = tokio::spawn({
        let (sandbox, before, form) = (Arc::clone(&sandbox), before.clone(), Arc::clone(&form));
        async move { acts::act(&sandbox, &action, &before, &form).await }
    });
    let _ = work.await;
    Ok(Redirect::see_other(before.address()).into_response())
}
