//! Who may use the page: only itself. Another site in the same browser can neither read it (a name that was made to
//! point to this machine is refused) nor post to it; whatever is shown can't run scripts.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse as _, Request, Response};

/// Only own scripts and styles; images also from elsewhere, as Slack shows them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http: data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets a request through that comes from the page itself, and gives its answer the headers that keep it safe.
pub(super) async fn guarded<E: Endpoint>(endpoint: std::sync::Arc<E>, request: Request) -> poem::Result<Response> {
    if !host_is_here(&request) {
        return Ok(refused("This page is served to 127.0.0.1 and localhost only."));
    }
    if request.method() != Method::GET && request.method() != Method::HEAD && !is_same_origin(&request) {
        return Ok(refused("This request didn't come from the sandbox's own page."));
    }
    let mut response = endpoint.get_response(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    Ok(response)
}

fn refused(why: &str) -> Response {
    why.to_owned().with_status(StatusCode::FORBIDDEN).into_response()
}

fn text(request: &Request, name: impl header::AsHeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

fn host_is_here(request: &Request) -> bool {
    let host = text(request, header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["127.0.0.1", "localhost"].contains(&name)
}

/// By Sec-Fetch-Site where the browser says it, else by Origin. One of them must be there.
fn is_same_origin(request: &Request) -> bool {
    if let Some(site) = text(request, "sec-fetch-site") {
        return site == "same-origin";
    }
    let host = text(request, header::HOST).unwrap_or_default();
    text(request, header::ORIGIN).is_some_and(|origin| origin == format!("http://{host}"))
}
